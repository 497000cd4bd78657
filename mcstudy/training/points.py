"""Points that all trials share: evaluation points, data sets of the seed, and the targets of given points."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import fill_targets
from mcstudy.kernels.layout import NORMAL
from mcstudy.kernels.pack import lane_count, lane_view, load, pack_array, put, store
from mcstudy.kernels.quantile import normal_quantile
from mcstudy.kernels.streams import SHARED
from mcstudy.training.data import draw_samples

EVALUATION_POINTS = 512
DRAWN_AT_ONCE = 4096


@jit.entry
def _quantiles(memory: Any, count: Any) -> None:
    for i in range(count):
        store(memory, i, normal_quantile(load(memory, i)))


@jit.entry
def _targets(memory: Any, groups: Any, targets_at: Any, samples: Any) -> None:
    group = groups[0]
    fill_targets(group.task, (memory, group.task_a, 0, targets_at, samples, samples))


@jit.entry
def _draw_set(memory: Any, integers: Any, groups: Any, targets_at: Any, first: Any, samples: Any) -> None:
    for lane in range(lane_count(memory)):
        put(integers, 0, lane, 0)
        put(integers, 1, lane, 0)
    draw_samples(memory, groups[0], 0, targets_at, first, samples, SHARED, integers)


def normal_quantiles(u: np.ndarray) -> np.ndarray:
    """Standard normal quantiles of numbers in (0, 1), by the kernels' own function: the same bits everywhere."""
    lanes = jit.pack_bytes() // 8
    flat = np.ravel(u)
    packs = pack_array(-(-flat.size // lanes), np.float64, lanes)
    view = lane_view(packs).reshape(-1)
    view[:] = 0.5
    view[: flat.size] = flat
    _quantiles(packs, len(packs))
    return view[: flat.size].reshape(np.shape(u)).copy()


@cache
def _unit_points(dimensions: int) -> np.ndarray:
    """`EVALUATION_POINTS` points in the unit cube: midpoints in one dimension, else Sobol points moved by half a cell.

    Unscrambled Sobol points are multiples of 1/512, each met once per coordinate, and start at 0, where the inverse
    of a normal CDF is infinite; the shift makes each coordinate the set of midpoints.
    """
    if dimensions == 1:
        return ((np.arange(EVALUATION_POINTS) + 0.5) / EVALUATION_POINTS)[:, None]
    from scipy.stats import qmc

    points = qmc.Sobol(dimensions, scramble=False).random(EVALUATION_POINTS)
    return np.asarray(points + 0.5 / EVALUATION_POINTS)


def evaluation_inputs(distribution: int, a: float, b: float, dimensions: int) -> np.ndarray:
    """Evaluation points of an input distribution, (dimensions, 512) float64, without randomness."""
    u = _unit_points(dimensions).T
    return normal_quantiles(u) * b + a if distribution == NORMAL else u * (b - a) + a


def targets_of(group: np.ndarray, inputs: np.ndarray, dtype: Any) -> np.ndarray:
    """The task's targets of given points, (outputs, samples), computed in `dtype` as kernels do.

    `inputs` has the shape (inputs, samples).
    """
    samples, outputs = inputs.shape[1], int(group["outputs"][0])
    lanes = jit.pack_bytes() // np.dtype(dtype).itemsize
    memory = pack_array(inputs.size + samples * outputs, dtype, lanes)
    lane_view(memory)[: inputs.size] = inputs.reshape(-1, 1)
    _targets(memory, group, inputs.size, samples)
    return lane_view(memory)[inputs.size :, 0].reshape(outputs, samples).copy()


def shared_set(group: np.ndarray, samples: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """The data set of the seed that all trials share: inputs (inputs, samples) and targets (outputs, samples)."""
    inputs, outputs = int(group["inputs"][0]), int(group["outputs"][0])
    lanes = jit.pack_bytes() // np.dtype(dtype).itemsize
    piece = min(samples, DRAWN_AT_ONCE)
    count = piece * inputs
    own = group.copy()
    own["size"], own["staging"] = piece, count + piece * outputs
    memory = pack_array(2 * count + piece * outputs, dtype, lanes)
    integers = pack_array(2, np.uint32, lanes)
    values = lane_view(memory)[: count + piece * outputs, 0].reshape(inputs + outputs, piece)
    drawn = np.empty((inputs + outputs, samples), dtype)
    for first in range(0, samples, piece):
        size = min(piece, samples - first)
        _draw_set(memory, integers, own, count, first, size)
        drawn[:, first : first + size] = values[:, :size]
    return drawn[:inputs], drawn[inputs:]
