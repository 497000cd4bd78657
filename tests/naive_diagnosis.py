"""Why a trial ended as it did, in NumPy, from the definitions. It imports nothing of mcstudy.

Counts come with whether they are sure: a quantity that lies within rounding of its threshold may fall on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray

SMALL_SLOPE, SMALL_CHANGE, SMALL_ANGLE, SMALL_RANGE, NEAR = 0.02, 0.02, 0.05, 0.01, 0.02
ROUNDING = {"float32": 2e-3, "float64": 1e-8}
"""How near to a threshold, in terms of it, a quantity may lie on either side."""
OUTPUTS = {"float32": 1e-4, "float64": 1e-10}
"""Rounding of outputs, in terms of the largest."""


def dead(slopes: Sequence[Array]) -> list[int]:
    """How many units of each hidden layer have a derivative of zero at every point; `slopes` (points, units) of all."""
    return [int(np.sum(np.all(slope == 0, axis=0))) for slope in slopes[:-1]]


def _slope_counts(slopes: Sequence[Array], margin: float) -> tuple[int, int]:
    """Saturated units and linear ones, with thresholds that are larger by a share of `margin`."""
    saturated = linear = 0
    for slope in slopes[:-1]:
        largest, change = np.abs(slope).max(axis=0).astype(float), np.ptp(slope.astype(float), axis=0)
        small = largest <= SMALL_SLOPE * (1 + margin)
        saturated += int(np.sum(small & (largest > 0)))
        linear += int(np.sum(~small & (change <= SMALL_CHANGE * (1 + margin) * largest)))
    return saturated, linear


def _angle(a: Array, b: Array) -> float:
    """The angle between two vectors, by its sine and cosine: exact where it is small."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))


def _merged_counts(layers: Sequence[tuple[Array, Array]], slopes: Sequence[Array], margin: float) -> tuple[int, int]:
    """Merged units and those that face the other way; `layers` are weights (units, inputs) and biases (units or 0,)."""
    merged = opposite = 0
    limit = np.arcsin(SMALL_ANGLE) * (1 + margin)
    for (weights, biases), slope in zip(layers[:-1], slopes[:-1], strict=True):
        planes = np.column_stack([weights, biases]) if biases.size else weights
        if planes.shape[1] == 1:
            continue
        planes = planes.astype(float)
        living = [planes[j] for j in range(len(planes)) if np.any(slope[:, j] != 0) and np.any(planes[j] != 0)]
        for j, plane in enumerate(living):
            angles = [_angle(plane, other) for other in living[:j]]
            same, turned = any(a <= limit for a in angles), any(np.pi - a <= limit for a in angles)
            merged += same or turned
            opposite += turned and not same
    return merged, opposite


def _constant(outputs: Array, targets: Array, margin: float, rounding: float) -> str:
    """Whether outputs (points, outputs) are constant, and where; with larger thresholds, and so much of rounding."""
    fits = dict.fromkeys(("mean", "median", "zero"), True)
    pairs = [(o, y) for o, y in zip(outputs.T.astype(float), targets.T.astype(float), strict=True) if np.ptp(y) > 0]
    if not pairs:
        return "no"
    for o, y in pairs:
        reach = np.ptp(y)
        slack = rounding * np.abs(o).max()
        if not (np.ptp(o) <= SMALL_RANGE * (1 + margin) * reach + slack):
            return "no"
        value, near = (o.min() + o.max()) / 2, NEAR * (1 + margin) * reach + slack
        fits["mean"] &= abs(value - y.mean()) <= near
        # a median has at most half of the targets below it, and at most half above
        fits["median"] &= np.sum(y < value - near) <= len(y) / 2 and np.sum(y > value + near) <= len(y) / 2
        fits["zero"] &= abs(value) <= near
    return next((place for place, fit in fits.items() if fit), "other")


def _sure(found: Callable[[float], Any], margin: float) -> tuple[Any, bool]:
    return found(0.0), found(margin) == found(0.0) == found(-margin)


@np.errstate(all="ignore")
def diagnose(
    layers: Sequence[tuple[Array, Array]],
    slopes: Sequence[Array],
    outputs: Array,
    targets: Array,
    straight: bool = False,
    logits: bool = False,
) -> dict[str, tuple[Any, bool]]:
    """Each count, or the word of `constant`, and whether it is sure.

    Args:
        layers: of all layers weights (units, inputs) and biases (units,), or (0,) without.
        slopes: of all layers f'(z) at the evaluation points, (points, units).
        outputs: of the network, (points, outputs).
        targets: (points, outputs).
        straight: whether the activation is linear by design, so that no unit counts as linear.
        logits: whether outputs are logits, so that a constant is at no place of the targets.
    """
    kind = str(outputs.dtype)
    margin, rounding = ROUNDING[kind], OUTPUTS[kind]
    (saturated, linear), some = _sure(lambda share: _slope_counts(slopes, share), margin)
    (merged, opposite), alike = _sure(lambda share: _merged_counts(layers, slopes, share), margin)
    place, still = _sure(lambda share: _constant(outputs, targets, share, rounding * np.sign(share)), margin)
    return {
        "saturated_units": (saturated, some),
        "linear_units": (0 if straight else linear, some),
        "merged_units": (merged, alike),
        "opposite_units": (opposite, alike),
        "constant": ("other" if logits and place != "no" else place, still),
    }
