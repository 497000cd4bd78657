"""Given parameters looked at: the evaluation loss there and its gradient; and the parameters that trials start from."""

from __future__ import annotations

from typing import Any

from mcstudy import jit
from mcstudy.kernels.pack import get, item, lane_count, pointer, put
from mcstudy.training.checks import LOSS, evaluate
from mcstudy.training.data import put_trials
from mcstudy.training.evaluation import FIRST, draw_points, evaluation_gradient
from mcstudy.training.initial import fix_weights, initialise
from mcstudy.training.seldom import scale


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
    fix_weights(memory, layers, cell)
    rows = parameters.shape[0]
    for first in range(0, rows, lane_count(memory)):
        put_trials(integers, trials, first)
        points = draw_points(memory, integers, group, numbers, evaluation_points)
        for lane in range(lane_count(memory)):
            for i in range(cell.count):
                put(memory, cell.parameters + i, lane, parameters[min(first + lane, rows - 1), i])
        evaluate(memory, layers, cell, points, arrays, numbers, scratch)
        for lane in range(min(lane_count(memory), rows - first)):
            losses[first + lane] = float(get(memory, scratch + LOSS, lane))
        if gradients.shape[0] > 0:
            evaluation_gradient(memory, layers, cell, points, arrays, numbers)
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
        put_trials(integers, trials, first)
        initialise(memory, layers, cell, axes, group.seed, integers)
        if cell.scaled:
            points = draw_points(memory, integers, group, numbers, evaluation_points)
            scale(cell.scale, (memory, layers, cell, *points, *arrays))
        for lane in range(min(lane_count(memory), rows - first)):
            for i in range(cell.count):
                parameters[first + lane, i] = float(get(memory, cell.parameters + i, lane))
