"""Whether an activation's derivative is the derivative of its function, as far as a few points show."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import activate
from mcstudy.kernels.pack import pointer
from mcstudy.kernels.types import lane_view, pack_array

REACH, POINTS, STEP, FEWEST = 6.0, 97, 2.0**-7, 3
"""Points from -REACH to REACH; the step of the differences; how many wrong points it takes to call a derivative wrong.
A power of two as the step keeps z ± STEP exact."""


class WrongSlope(NamedTuple):
    """A point, the derivative that an activation gives there, and the slope that its values have."""

    z: float
    given: float
    found: float


@jit.entry
def _values(packs: Any, address: Any, a: Any, b: Any, count: Any) -> None:
    """Put f(z) of the first `count` packs behind them, and f'(z) in their place."""
    activate(address, (pointer(packs), a, b, -1, 0, count, 0, count))


def wrong_slope(address: int, numbers: tuple[float, float], dtype: Any) -> WrongSlope | None:
    """Where an activation's derivative is wrong; None where it is right, to one per cent.

    Slopes are central differences. Where the slopes to the left and to the right differ, at kinks and jumps, and where
    values are not finite, the derivative may be anything near.

    Args:
        address: of the activation's loop.
        numbers: its parameters.
        dtype: float32 or float64, what the loop is for.
    """
    dtype = np.dtype(dtype)
    lanes = jit.pack_bytes() // dtype.itemsize
    # an odd number of 2^-12 off: no point is a round number, where kinks are
    middle = (np.round(np.linspace(-REACH, REACH, POINTS) * 2048) * 2 + 1) / 4096
    z = np.stack([middle - STEP, middle, middle + STEP]).astype(dtype)
    count = -(-z.size // lanes)
    packs = pack_array(2 * count, dtype, lanes)
    flat = lane_view(packs).reshape(2, -1)
    flat[0, : z.size] = z.ravel()
    _values(packs, address, *numbers, count)
    slopes, values = (row[: z.size].reshape(z.shape).astype(np.float64) for row in flat)
    given = slopes[1]
    with np.errstate(all="ignore"):
        left, right = (values[1] - values[0]) / STEP, (values[2] - values[1]) / STEP
        found = (left + right) / 2
        slack = 0.01 * (1.0 + np.abs(found)) + 2.0 * np.abs(right - left) + 1e-4 * np.abs(values[1])
        wrong = np.isfinite(slack) & ~(np.abs(given - found) <= slack)
    if np.count_nonzero(wrong) < FEWEST:
        return None
    worst = np.flatnonzero(wrong)[np.argmax(np.nan_to_num(np.abs(given - found)[wrong], nan=np.inf))]
    return WrongSlope(float(middle[worst]), float(given[worst]), float(found[worst]))
