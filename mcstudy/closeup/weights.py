"""The input weights of hidden units, trial by trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.ground import first_units, input_names
from mcstudy.closeup.look import Look, Shown

if TYPE_CHECKING:
    from mcstudy.plan import Cell

Array = NDArray[Any]

MOST_UNITS, MOST_CELLS = 6, 4
"""Most units of a cell whose weights are shown, and most cells."""


@dataclass(frozen=True)
class Units:
    """One cell's units.

    Attributes:
        cell: its id.
        title: it by its labels.
        outcome: (trials,) codes.
        weights: (trials, units, 2), finite or NaN; the units of each trial by the length of their weights, the longest
            first.
        limit: the largest absolute value that is drawn: all of them lie within, or 99 % where the rest are far out.
        names: of the two inputs.
    """

    cell: str
    title: str
    outcome: Array
    weights: Array
    limit: float
    names: tuple[str, str]


def applies(cell: Cell) -> bool:
    """Whether a cell's networks have two inputs and one hidden layer of 2 to `MOST_UNITS` units."""
    hidden = cell.settings["network"]["hidden"]
    return bool(cell.settings["task"]["n_inputs"] == 2 and len(hidden) == 1 and 2 <= hidden[0] <= MOST_UNITS)


def weights(look: Look) -> Shown[Units]:
    """The units of a few cells."""
    cells, of = look.choose(applies, MOST_CELLS)
    return Shown(tuple(_units(look, cell) for cell in cells), of)


def _units(look: Look, cell: Cell) -> Units:
    sample = look.sample(cell)
    ordered = by_length(first_units(cell, sample.finals)[:, :, :2])
    sizes = np.abs(ordered[np.isfinite(ordered)])
    most, usual = (float(np.quantile(sizes, q)) if sizes.size else 1.0 for q in (1.0, 0.99))
    limit = 1.05 * (most if most <= 2 * usual else usual)
    return Units(cell.id, look.title(cell), sample.outcome, ordered, limit or 1.0, input_names(cell))


def by_length(pairs: Array) -> Array:
    """Weights (trials, units, 2) with the units of each trial put in order, the longest first; NaN where not finite."""
    finite: Array = np.asarray(np.isfinite(pairs).all(axis=2))
    known = np.where(finite[:, :, None], pairs, np.nan)
    shown = np.where(finite[:, :, None], pairs, 0.0)
    length = np.where(finite, np.hypot(shown[:, :, 0], shown[:, :, 1]), -1.0)
    order = np.argsort(-length, axis=1, kind="stable")
    return np.asarray(np.take_along_axis(known, order[:, :, None], axis=1))
