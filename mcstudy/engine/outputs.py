"""What networks of a cell compute at given points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.catalog.tasks import TASKS
from mcstudy.engine.program import Program, in_usual_packs

Array = NDArray[Any]


def outputs(program: Program, parameters: Array, points: Array) -> Array:
    """The outputs of networks at points, as they are evaluated: no unit is left out, no slope random.

    Args:
        program: of one cell, in whose precision everything is computed.
        parameters: (networks, parameters), layer by layer: weights (out, in) row by row, then biases, then a trained
            slope.
        points: (points, inputs).

    Returns:
        (networks, points, outputs) float64.
    """
    from mcstudy.training.outputs import fill_outputs

    [cell] = program.cells
    task = cell.settings["task"]
    given = np.asarray(parameters, np.float64).reshape(-1, cell.parameters)
    columns = np.asarray(points, np.float64).reshape(-1, task["n_inputs"]).T.astype(program.dtype)
    found = np.zeros((len(given), columns.shape[1], task["n_outputs"]))
    fill_outputs(
        *program.memory(),
        program.cell_table,
        program.layer_table,
        np.ascontiguousarray(columns).ravel(),
        np.ascontiguousarray(given),
        found,
    )
    return found


def targets_at(program: Program, points: Array) -> Array | None:
    """The task's targets at given points, (points, outputs) float64; None where only its own samples have any.

    Those are tables, and tasks that make the inputs of a sample themselves.

    Args:
        program: of one cell.
        points: (points, inputs).
    """
    from mcstudy.training.points import points_with_targets

    task = program.cells[0].settings["task"]
    part = TASKS[task["name"]]
    if part.inputs is None or part.own_inputs:
        return None
    columns = np.ascontiguousarray(np.asarray(points, np.float64).reshape(-1, task["n_inputs"]).T.astype(program.dtype))
    group = in_usual_packs(program.cells[0], program.group_table)
    _, found = points_with_targets(group, program.numbers, columns, program.dtype)
    return np.asarray(found.T, np.float64)
