"""One trial by itself: its units' activity, and everything that its training takes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.engine.program import Program

Array = NDArray[Any]


def unit_activity(program: Program, trial: int, parameters: Array) -> Array:
    """The share of the evaluation points at which each unit's derivative is not zero, (checks, units) float64.

    Args:
        program: of one cell.
        trial: the trial's number, which decides the points where each trial has its own.
        parameters: (checks, parameters) of its network.
    """
    from mcstudy.training.single import measure_activity

    [cell] = program.cells
    active = np.zeros((len(parameters), sum(layer.outputs for layer in cell.layers)), np.int64)
    measure_activity(
        *program.memory(),
        program.group_table,
        program.cell_table,
        program.layer_table,
        program.numbers,
        program.points,
        trial,
        np.ascontiguousarray(parameters),
        program.scratch,
        active,
    )
    own = cell.settings["task"]["samples"] == "trial"
    points = cell.settings["task"]["size"] if own else len(program.points[0]) // cell.layers[0].inputs
    return active / points


@dataclass(frozen=True)
class Samples:
    """What a trial is trained and evaluated on.

    Attributes:
        inputs, targets: (samples, inputs) and (samples, outputs) that training takes its batches from: a set that it
            passes over again and again, or, where batches are fresh, all samples in the order of the steps.
        orders: (passes, samples) numbers of the samples in the order of each pass; None where it is theirs.
        points, answers: inputs and targets of the evaluation points, likewise.
    """

    inputs: Array
    targets: Array
    orders: Array | None
    points: Array
    answers: Array


def sample_count(program: Program, steps: int) -> int:
    """How many numbers the samples and orders of so many steps of one trial are."""
    task = program.cells[0].settings["task"]
    width = int(task["n_inputs"] + task["n_outputs"])
    if task["samples"] == "fresh":
        return steps * int(task["batch"]) * width
    size = int(task["size"])
    return size * width + (size * _passes(task, steps) if task["order"] == "shuffled" else 0)


def samples_of(program: Program, trial: int, steps: int) -> Samples:
    """The samples of the first `steps` steps of one trial.

    Args:
        program: of one cell.
        trial: the trial's number.
        steps: of its training.
    """
    task = program.cells[0].settings["task"]
    orders = None
    if task["order"] == "shuffled" and task["samples"] != "fresh":
        from mcstudy.training.single import draw_orders

        orders = np.zeros((_passes(task, steps), task["size"]), np.int64)
        draw_orders(program.memory()[1], program.group_table, trial, orders)
    shape = task["n_inputs"], task["n_outputs"]
    if task["samples"] == "shared":
        learned, asked = (_columns(pair, shape) for pair in (program.tables, program.points))
    elif task["samples"] == "trial":
        learned, asked = (_drawn(program, trial, task["size"], noisy) for noisy in (True, False))
    else:
        learned = _drawn(program, trial, steps * task["batch"], True)
        asked = _columns(program.points, shape)
    return Samples(learned[0], learned[1], orders, asked[0], asked[1])


def _passes(task: dict[str, Any], steps: int) -> int:
    return -(-steps // -(-int(task["size"]) // int(task["batch"])))


def _columns(pair: tuple[Array, Array], shape: tuple[int, int]) -> tuple[Array, Array]:
    inputs, targets = (values.reshape(width, -1).T.copy() for values, width in zip(pair, shape, strict=True))
    return inputs, targets


def _drawn(program: Program, trial: int, count: int, noisy: bool) -> tuple[Array, Array]:
    """`count` samples of a trial from number 0 on, drawn in pieces that fit a thread's memory."""
    from mcstudy.training.single import draw_trial

    task, memory = program.cells[0].settings["task"], program.memory()
    inputs, targets = np.empty((count, task["n_inputs"])), np.empty((count, task["n_outputs"]))
    most = int(program.group_table["size"][0])
    for first in range(0, count, most):
        size = min(most, count - first)
        x, y = np.empty((task["n_inputs"], size)), np.empty((task["n_outputs"], size))
        draw_trial(*memory, program.group_table, program.numbers, trial, first, program.scratch, noisy, x, y)
        inputs[first : first + size], targets[first : first + size] = x.T, y.T
    return inputs, targets
