"""What networks of two inputs and one output compute: their typical solutions as surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.ground import Ground, ground_of, input_names, mesh
from mcstudy.closeup.look import Look, Shown
from mcstudy.closeup.solutions import NOT_FINITE, Solution, solutions_of

if TYPE_CHECKING:
    from mcstudy.plan import Cell

Array = NDArray[Any]

FINE = 61
"""Points of a side of the grid that surfaces are drawn on."""
MOST_SHOWN = 4
"""Solutions of a cell that are drawn."""


@dataclass(frozen=True)
class Surface:
    """A solution as it is drawn: `heights` (`FINE`, `FINE`), rows by the second input."""

    solution: Solution
    heights: Array


@dataclass(frozen=True)
class View:
    """One cell's solutions.

    Attributes:
        cell: its id.
        title: it by its labels.
        trials: of its sample.
        which: they are, in words.
        ground: its domain.
        target: (`FINE`, `FINE`) the targets; None where they are known at samples alone.
        solutions: all of them, the largest first.
        shown: those that are drawn.
        names: of the two inputs.
    """

    cell: str
    title: str
    trials: int
    which: str
    ground: Ground
    target: Array | None
    solutions: tuple[Solution, ...]
    shown: tuple[Surface, ...]
    names: tuple[str, str]


def applies(cell: Cell) -> bool:
    """Whether a cell's networks are surfaces: two inputs, one output."""
    task = cell.settings["task"]
    return bool(task["n_inputs"] == 2 and task["n_outputs"] == 1)


def surfaces(look: Look) -> Shown[View]:
    """The solutions of a few cells."""
    cells, of = look.choose(applies)
    return Shown(tuple(_view(look, cell) for cell in cells), of)


def _view(look: Look, cell: Cell) -> View:
    from mcstudy.engine.outputs import outputs, targets_at

    sample = look.sample(cell)
    ground = ground_of(sample.program)
    found = solutions_of(sample, ground)
    fine = mesh(ground.low, ground.high, FINE)
    drawn = [one for one in found if one.name != NOT_FINITE][:MOST_SHOWN]
    typical = np.searchsorted(sample.trials, [one.medoid for one in drawn])
    heights = outputs(sample.program, sample.finals[typical], fine)[:, :, 0]
    target = targets_at(sample.program, fine)
    return View(
        cell.id,
        look.title(cell),
        len(sample.outcome),
        sample.which,
        ground,
        None if target is None else target[:, 0].reshape(FINE, FINE),
        found,
        tuple(Surface(one, rows.reshape(FINE, FINE)) for one, rows in zip(drawn, heights, strict=True)),
        input_names(cell),
    )
