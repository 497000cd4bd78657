"""The columns of a trial's row that say why it ended as it did, from what kernels note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.catalog.losses import LOSSES
from mcstudy.engine.curvature import MOST_PARAMETERS, points
from mcstudy.engine.outputs import outputs
from mcstudy.engine.program import Program, alone
from mcstudy.outcomes import CONSTANTS, OUTCOMES
from mcstudy.plan import Cell
from mcstudy.training import diagnosis

Array = NDArray[Any]

NOTED = {
    "gradient_norm": (diagnosis.GRADIENT, None),
    "dead_units_start": (diagnosis.DEAD_START, np.int32),
    "dead_units": (diagnosis.DEAD_END, np.int32),
    "saturated_units": (diagnosis.SATURATED, np.int32),
    "linear_units": (diagnosis.LINEAR, np.int32),
    "merged_units": (diagnosis.MERGED, np.int32),
    "opposite_units": (diagnosis.OPPOSITE, np.int32),
    "constant": (diagnosis.CONSTANT, np.uint8),
}
"""Column: the place of its note, its type (None: the precision of the cell).

gradient_norm: Euclidean norm of the evaluation loss's gradient at the end. dead_units_start, dead_units: hidden units
whose derivative is zero at every evaluation point. saturated_units: those whose derivative is nowhere larger than
`diagnosis.SATURATION`, but not zero everywhere; linear_units: other live ones whose derivative changes by no more than
`diagnosis.LINEARITY` of its largest magnitude (none where the activation is linear by design). merged_units: live units
on the hyperplane of an earlier one of their layer, up to `diagnosis.SAME_ANGLE`; opposite_units: those of them that
face the other way from all such. constant: whether the output is, and where (`mcstudy.outcomes.CONSTANTS`; "other" of
logits, which targets are not).
"""

OF_NUMBERS = ("saturated_units", "linear_units", "merged_units", "opposite_units", "constant")
"""What a network that diverged has none of: it may consist of NaN."""


def noted(cells: Sequence[Cell], notes: Array, outcomes: Array) -> list[dict[str, Array]]:
    """The columns of notes, by cell; dead units by hidden layer too, where there are several.

    Args:
        cells: whose trials they are.
        notes: (cells, trials, notes) as kernels make them.
        outcomes: (cells, trials) codes.
    """
    found = {name: notes[..., place].astype(kind or notes.dtype) for name, (place, kind) in NOTED.items()}
    for name in OF_NUMBERS:
        found[name][outcomes == OUTCOMES.index("diverged")] = 0
    by_layer = notes[..., diagnosis.NOTES :].transpose(0, 2, 1).astype(np.int32, order="C")
    return [
        _of_cell(cell, {name: values[c] for name, values in found.items()}, by_layer[c]) for c, cell in enumerate(cells)
    ]


def _of_cell(cell: Cell, columns: dict[str, Array], by_layer: Array) -> dict[str, Array]:
    """The columns of a cell by themselves, and its (2 hidden layers, trials) counts of dead units."""
    if cell.settings["network"]["activation"]["name"] == "linear":
        columns["linear_units"][:] = 0  # by design
    if LOSSES[cell.settings["train"]["loss"]["name"]].logits:
        columns["constant"][columns["constant"] > 0] = CONSTANTS.index("other")  # targets are no logits
    hidden = len(cell.layers) - 1
    if hidden > 1:
        for layer in range(hidden):
            columns[f"dead_units_start_{layer + 1}"] = by_layer[2 * layer]
            columns[f"dead_units_{layer + 1}"] = by_layer[2 * layer + 1]
    return columns


def wants_hessian(cell: Cell) -> bool:
    """Whether the study asks for what stuck trials sit at, and network and loss are such that it can be told."""
    small = cell.parameters <= MOST_PARAMETERS
    return (
        cell.settings.get("diagnose") == "hessian" and small and LOSSES[cell.settings["train"]["loss"]["name"]].curved
    )


def wants_finals(cell: Cell) -> bool:
    """Whether a cell has columns that are computed from the parameters at the end."""
    return wants_hessian(cell) or bool(cell.settings["task"].get("probe"))


def looked_up(program: Program, index: int, rows: Mapping[str, Array], finals: Array) -> dict[str, Array]:
    """The columns that are computed from the parameters at the end, where the cell asks for them.

    hessian_min: smallest eigenvalue of the Hessian of a stuck trial's evaluation loss; point: what it sits at.
    probe_1, …: the output at each probe point; probe_1_1, probe_1_2, … where there are several outputs.

    Args:
        program: of the cell, among others.
        index: its position among them.
        rows: the other columns.
        finals: (trials, parameters) at the end; of no trials where no cell wants them.
    """
    cell = program.cells[index]
    columns: dict[str, Array] = {}
    if not wants_finals(cell):
        return columns
    own = alone(program, index)
    if wants_hessian(cell):
        smallest, codes = points(own, rows, finals)
        columns |= {"hessian_min": smallest.astype(program.dtype), "point": codes}
    if probes := cell.settings["task"].get("probe"):
        found = outputs(own, finals[:, : cell.parameters], np.array(probes)).astype(program.dtype)
        for i, o in np.ndindex(found.shape[1:]):
            columns[f"probe_{i + 1}" + (f"_{o + 1}" if found.shape[2] > 1 else "")] = found[:, i, o]
    return columns
