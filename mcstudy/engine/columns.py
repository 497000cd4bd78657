"""The columns of a trial's row that say why it ended as it did, from what kernels note."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.engine.program import Program
from mcstudy.plan import Cell
from mcstudy.training import diagnosis

Array = NDArray[Any]

NOTED = {
    "gradient_norm": (diagnosis.GRADIENT, None),
    "dead_units_start": (diagnosis.DEAD_START, np.int32),
    "dead_units": (diagnosis.DEAD_END, np.int32),
    "saturated_units": (diagnosis.SATURATED, np.int32),
    "merged_units": (diagnosis.MERGED, np.int32),
    "opposite_units": (diagnosis.OPPOSITE, np.int32),
    "constant": (diagnosis.CONSTANT, np.uint8),
}
"""Column: the place of its note, its type (None: the precision of the cell).

gradient_norm: Euclidean norm of the evaluation loss's gradient at the end. dead_units_start, dead_units: hidden units
whose derivative is zero at every evaluation point. saturated_units: those whose derivative is nowhere larger than
`diagnosis.SATURATION`, but not zero everywhere. merged_units: live units on the hyperplane of an earlier one of their
layer, up to `diagnosis.SAME_ANGLE`; opposite_units: those of them that face the other way from all such.
constant: whether the output is, and where (`mcstudy.outcomes.CONSTANTS`).
"""


def noted(cell: Cell, notes: Array) -> dict[str, Array]:
    """The columns of notes (trials, notes) of a cell; dead units by hidden layer too, where there are several."""
    columns = {name: notes[:, place].astype(kind or notes.dtype) for name, (place, kind) in NOTED.items()}
    hidden = len(cell.layers) - 1
    if hidden > 1:
        for layer in range(hidden):
            at = diagnosis.NOTES + 2 * layer
            columns[f"dead_units_start_{layer + 1}"] = notes[:, at].astype(np.int32)
            columns[f"dead_units_{layer + 1}"] = notes[:, at + 1].astype(np.int32)
    return columns


def wants_finals(cell: Cell) -> bool:
    """Whether a cell has columns that are computed from the parameters at the end."""
    return False


def looked_up(program: Program, index: int, trials: Array, outcomes: Array, finals: Array) -> dict[str, Array]:
    """The columns that are computed from the parameters at the end, where the cell asks for them."""
    return {}
