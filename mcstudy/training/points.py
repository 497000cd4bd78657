"""Points that all trials share: evaluation points, data sets of the seed, and the targets of given points."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.layout import NORMAL
from mcstudy.kernels.pack import lane_count, lane_view, load, pack_array, pointer, put, store
from mcstudy.kernels.quantile import normal_quantile
from mcstudy.kernels.streams import SHARED, TASK, fill_normal
from mcstudy.training.data import add_noise, compute_targets, draw_samples

EVALUATION_POINTS = 512
DRAWN_AT_ONCE = 4096


@jit.entry
def _quantiles(memory: Any, count: Any) -> None:
    for i in range(count):
        store(memory, i, normal_quantile(load(memory, i)))


@jit.entry
def _targets(memory: Any, groups: Any, numbers: Any, targets_at: Any, samples: Any) -> None:
    compute_targets(pointer(memory), groups[0], pointer(numbers), 0, targets_at, samples, samples)


@jit.scalar
def _set_trial(integers: Any, trial: Any) -> None:
    for lane in range(lane_count(integers)):
        put(integers, 0, lane, trial & 0xFFFFFFFF)
        put(integers, 1, lane, trial >> 32)


@jit.entry
def _draw_set(memory: Any, integers: Any, groups: Any, numbers: Any, targets_at: Any, first: Any, samples: Any) -> None:
    _set_trial(integers, 0)
    draw_samples(pointer(memory), groups[0], pointer(numbers), 0, targets_at, first, samples, SHARED, integers)


@jit.entry
def _add_noise(memory: Any, integers: Any, groups: Any, first: Any, samples: Any, scratch: Any) -> None:
    _set_trial(integers, 0)
    add_noise(memory, groups[0], 0, first, samples, scratch, integers)


@jit.entry
def _draw_normals(memory: Any, integers: Any, seed: Any, trial: Any, count: Any) -> None:
    _set_trial(integers, trial)
    fill_normal(memory, 0, 0, count, seed, TASK, integers)


def task_normals(seed: int, number: int, count: int) -> np.ndarray:
    """`count` standard normals, float64, from a task's stream of the study's seed; `number` counts such tasks."""
    lanes = jit.pack_bytes() // 8
    packs, integers = pack_array(count, np.float64, lanes), pack_array(2, np.uint32, lanes)
    _draw_normals(packs, integers, seed, number, count)
    return lane_view(packs)[:, 0].copy()


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


def points_with_targets(
    group: np.ndarray, numbers: np.ndarray, inputs: np.ndarray, dtype: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Given points, (inputs, samples), and the task's targets there, (outputs, samples), as kernels compute them.

    The points come back too, for some tasks make their inputs from uniform numbers.
    """
    samples, outputs = inputs.shape[1], int(group["outputs"][0])
    own = group.copy()
    own["scratch"] = inputs.size + samples * outputs
    memory = _memory(int(own["scratch"][0] + own["scratch_packs"][0]), dtype)
    lane_view(memory)[: inputs.size] = inputs.reshape(-1, 1)
    _targets(memory, own, numbers, inputs.size, samples)
    found = lane_view(memory)[: inputs.size + samples * outputs, 0].reshape(-1, samples).copy()
    return found[: len(inputs)], found[len(inputs) :]


def shared_set(group: np.ndarray, numbers: np.ndarray, samples: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """The data set of the seed that all trials share: inputs (inputs, samples) and targets (outputs, samples)."""
    inputs, outputs = int(group["inputs"][0]), int(group["outputs"][0])
    piece = min(samples, DRAWN_AT_ONCE)
    count = piece * (inputs + outputs)
    own = group.copy()
    own["size"], own["staging"], own["scratch"] = piece, count, count + piece * inputs
    memory = _memory(int(own["scratch"][0] + own["scratch_packs"][0]), dtype)
    integers = pack_array(2, np.uint32, memory.dtype[0].shape[0])
    values = lane_view(memory)[:count, 0].reshape(inputs + outputs, piece)
    drawn = np.empty((inputs + outputs, samples), dtype)
    for first in range(0, samples, piece):
        size = min(piece, samples - first)
        _draw_set(memory, integers, own, numbers, piece * inputs, first, size)
        drawn[:, first : first + size] = values[:, :size]
    return drawn[:inputs], drawn[inputs:]


def with_noise(group: np.ndarray, targets: np.ndarray, dtype: Any) -> np.ndarray:
    """The targets, (outputs, samples), of a set that all trials share, with the noise of the task added."""
    outputs, samples = targets.shape
    piece = min(samples, DRAWN_AT_ONCE)
    own = group.copy()
    own["size"] = piece
    memory = _memory(2 * piece * outputs, dtype)
    integers = pack_array(2, np.uint32, memory.dtype[0].shape[0])
    values = lane_view(memory)[: piece * outputs].reshape(outputs, piece, -1)
    noisy = np.empty_like(targets)
    for first in range(0, samples, piece):
        size = min(piece, samples - first)
        values[:, :size] = targets[:, first : first + size, None]
        _add_noise(memory, integers, own, first, size, piece * outputs)
        noisy[:, first : first + size] = values[:, :size, 0]
    return noisy


def _memory(packs: int, dtype: Any) -> np.ndarray:
    return pack_array(packs, dtype, jit.pack_bytes() // np.dtype(dtype).itemsize)
