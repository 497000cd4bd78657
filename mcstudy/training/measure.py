"""Given parameters looked at: the evaluation loss there and its gradient; and the parameters that trials start from."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.layout import HYPERPARAMETERS, TRIAL
from mcstudy.kernels.pack import get, item, lane_count, pointer, put, store
from mcstudy.kernels.streams import DATA
from mcstudy.training.checks import LOSS, evaluate
from mcstudy.training.data import draw_samples
from mcstudy.training.initial import initialise
from mcstudy.training.scaling import scale_by_data
from mcstudy.training.steps import batch_step

# A literal 0 would make a variant of each function that takes it.
FIRST = np.int64(0)
NOT_TRAINING = np.int64(-(1 << 62))
"""Number of a sample that stays below 0 whatever is added to it: no unit is left out or has a random slope."""


@jit.scalar
def _set_trials(integers: Any, trials: Any, first: Any) -> None:
    """Give each lane the trial of its row, those after the last row the last one."""
    for lane in range(lane_count(integers)):
        trial = trials[min(first + lane, trials.shape[0] - 1)]
        put(integers, 0, lane, np.uint32(trial & 0xFFFFFFFF))
        put(integers, 1, lane, np.uint32(trial >> 32))


@jit.scalar
def _evaluation(memory: Any, integers: Any, group: Any, numbers: Any, points: Any) -> Any:
    """The evaluation points as `evaluate` takes them, drawn where each trial has its own."""
    number = points[0].shape[0] // group.inputs
    if group.source == TRIAL:
        number = group.size
        draw_samples(memory, group, numbers, group.base, group.clean, FIRST, group.size, DATA, integers)
    return (group.source == TRIAL, group.base, group.clean, number, number, integers)


@jit.entry
def measure(
    packs: Any,
    integer_packs: Any,
    groups: Any,
    cell_table: Any,
    layer_table: Any,
    number_table: Any,
    evaluation_points: Any,
    trials: Any,
    parameters: Any,
    scratch: Any,
    losses: Any,
    gradients: Any,
) -> None:
    """The evaluation loss of a group's first cell at given parameters, and its gradient where there is room for it.

    A gradient is that of a step on all evaluation points, so the cell's table must ask for nothing that changes it:
    no penalty, no limit, no decay of biases apart, the exact backward pass. What the step does to parameters and
    optimizer state is of no use.

    Args:
        packs, integer_packs, groups, cell_table, layer_table, number_table, evaluation_points, scratch: as
            `mcstudy.training.loop.train` takes them.
        trials: (rows,) int64, whose points count where each trial has its own.
        parameters: (rows, parameters) float64.
        losses: (rows,) float64, filled here.
        gradients: (rows, parameters) float64, filled here; of no rows where none are wanted.
    """
    memory, integers = pointer(packs), pointer(integer_packs)
    layers, numbers, group = pointer(layer_table), pointer(number_table), groups[0]
    cell = item(pointer(cell_table), FIRST)
    arrays = (pointer(evaluation_points[0]), pointer(evaluation_points[1]))
    hyper = np.zeros(HYPERPARAMETERS, np.float64)
    for i in range(cell.first_layer, cell.first_layer + cell.layers):
        layer = item(layers, i)
        if layer.fixed:
            for j in range(layer.weights, layer.weights + layer.inputs * layer.outputs):
                store(memory, j, 1.0)
    rows = parameters.shape[0]
    for first in range(0, rows, lane_count(memory)):
        _set_trials(integers, trials, first)
        points = _evaluation(memory, integers, group, numbers, evaluation_points)
        for lane in range(lane_count(memory)):
            for i in range(cell.count):
                put(memory, cell.parameters + i, lane, parameters[min(first + lane, rows - 1), i])
        evaluate(memory, layers, cell, points, arrays, numbers, scratch)
        for lane in range(min(lane_count(memory), rows - first)):
            losses[first + lane] = float(get(memory, scratch + LOSS, lane))
        if gradients.shape[0] > 0:
            samples = (points[0], points[1], points[2], points[3], FIRST, points[4])
            noise = (group.seed, integers, NOT_TRAINING)
            batch_step(memory, layers, cell, samples, arrays, pointer(hyper), FIRST, noise)
            for lane in range(min(lane_count(memory), rows - first)):
                for i in range(cell.count):
                    gradients[first + lane, i] = float(get(memory, cell.gradients + i, lane))


@jit.entry
def start(
    packs: Any,
    integer_packs: Any,
    groups: Any,
    cell_table: Any,
    layer_table: Any,
    axes: Any,
    number_table: Any,
    evaluation_points: Any,
    trials: Any,
    parameters: Any,
) -> None:
    """Fill `parameters` (trials, parameters), float64, with those that trials of a group's first cell start from.

    Args:
        packs, integer_packs, groups, cell_table, layer_table, axes, number_table, evaluation_points: as
            `mcstudy.training.loop.train` takes them.
        trials: (trials,) int64.
        parameters: filled here.
    """
    memory, integers = pointer(packs), pointer(integer_packs)
    layers, numbers, group = pointer(layer_table), pointer(number_table), groups[0]
    cell = item(pointer(cell_table), FIRST)
    arrays = (pointer(evaluation_points[0]), pointer(evaluation_points[1]))
    rows = parameters.shape[0]
    for first in range(0, rows, lane_count(memory)):
        _set_trials(integers, trials, first)
        initialise(memory, layers, cell, axes, group.seed, integers)
        if cell.scaled:
            points = _evaluation(memory, integers, group, numbers, evaluation_points)
            scale_by_data(memory, layers, cell, points, arrays)
        for lane in range(min(lane_count(memory), rows - first)):
            for i in range(cell.count):
                parameters[first + lane, i] = float(get(memory, cell.parameters + i, lane))
