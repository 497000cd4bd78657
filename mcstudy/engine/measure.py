"""A cell's network at any parameters: its evaluation loss, the gradient of that; and where trials start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcstudy.engine.program import Program

Array = NDArray[Any]


def losses(program: Program, trials: ArrayLike, parameters: Array) -> Array:
    """The evaluation loss of each row of parameters, (rows,) in the precision of the cell, as a check computes it.

    Args:
        program: of one cell.
        trials: (rows,) or one number for all rows: the trials whose evaluation points count, where each has its own.
        parameters: (rows, parameters) of the cell's network, in the order of a trace.
    """
    return _measure(program, trials, parameters, False)[0]


def gradients(program: Program, trials: ArrayLike, parameters: Array) -> Array:
    """The gradient of the evaluation loss by every parameter, (rows, parameters) in the precision of the cell.

    It is that of the mean over all evaluation points as the backward pass has it, with what the activations say is
    their derivative; without dropout, noise, penalties and limits. At a kink it is the one that training would use.

    Args:
        program: of one cell.
        trials: (rows,) or one number for all rows: the trials whose evaluation points count, where each has its own.
        parameters: (rows, parameters) of the cell's network, in the order of a trace.
    """
    return _measure(program, trials, parameters, True)[1]


def starts(program: Program, trials: ArrayLike) -> Array:
    """The parameters that trials start from, (trials, parameters) in the precision of the cell.

    Args:
        program: of one cell.
        trials: (trials,) their numbers, in any order.
    """
    from mcstudy.training.measure import start

    [cell] = program.cells
    numbers = np.ascontiguousarray(trials, np.int64)
    found = np.zeros((len(numbers), cell.parameters))
    start(
        *program.memory(),
        program.group_table,
        program.cell_table,
        program.layer_table,
        program.axes,
        program.numbers,
        program.points,
        numbers,
        found,
    )
    return found.astype(program.dtype)


def _measure(program: Program, trials: ArrayLike, parameters: Array, differentiate: bool) -> tuple[Array, Array]:
    from mcstudy.training.measure import measure

    rows = np.ascontiguousarray(parameters, np.float64)
    numbers = np.broadcast_to(np.asarray(trials, np.int64), len(rows)).copy()  # kernels know read-only arrays apart
    found = np.zeros(len(rows))
    slopes = np.zeros(rows.shape if differentiate else (0, 0))
    measure(
        *program.memory(),
        program.group_table,
        program.cell_table,
        program.layer_table,
        program.numbers,
        program.points,
        numbers,
        rows,
        program.scratch,
        found,
        slopes,
    )
    return found.astype(program.dtype), slopes.astype(program.dtype)
