"""What networks of a cell compute at given points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.engine.program import Program

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
