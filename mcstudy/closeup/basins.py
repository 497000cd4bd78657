"""Where trials end that start on the points of a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.look import Shown
from mcstudy.closeup.short import short_names
from mcstudy.engine.program import build

if TYPE_CHECKING:
    from mcstudy.closeup.look import Look
    from mcstudy.plan import Cell

Array = NDArray[Any]

NOWHERE = 255
"""Stands for the outcome of a point that no reported trial started from."""


@dataclass(frozen=True)
class Basin:
    """The first trial from each point of a grid of one or two parameters.

    Attributes:
        cell: the cell's id.
        title: its labels.
        names: (k,) of the parameters, k = 1 or 2.
        axes: k arrays of values of them.
        outcome: (points,) or (points of the first, points of the second), uint8 codes, positions in `OUTCOMES`, or
            `NOWHERE`.
        steps: likewise, the steps of each.
        last: the steps of a trial that does not stop before.
    """

    cell: str
    title: str
    names: tuple[str, ...]
    axes: tuple[Array, ...]
    outcome: Array
    steps: Array
    last: int


def basins(look: Look) -> Shown[Basin]:
    """The basins of the cells that start on a grid and have rows of it, of a few where there are many."""
    chosen, of = look.choose(lambda cell: cell.settings["network"]["init"]["name"] == "grid" and _has_rows(look, cell))
    return Shown(tuple(_basin(look, cell) for cell in chosen), of)


def _has_rows(look: Look, cell: Cell) -> bool:
    """Whether the first trial from each point of the grid has a row; where summaries are kept, few have."""
    points = math.prod(int(points) for *_, points in build([cell], look.plan.tables).axes)
    first, last = look.store.ranges(cell.id)[0]
    return first == 0 and last >= min(look.count(cell), points)


def _basin(look: Look, cell: Cell) -> Basin:
    axes = tuple(
        np.linspace(low, high, int(points)) if points > 1 else np.array([low])
        for low, high, points in build([cell], look.plan.tables).axes
    )
    shape = tuple(map(len, axes))
    count = math.prod(shape)
    outcome, steps = np.full(count, NOWHERE, np.uint8), np.zeros(count, np.int64)
    for rows in look.store.chunks(cell.id, min(look.count(cell), count), ["trial", "outcome", "steps"]):
        outcome[rows["trial"]], steps[rows["trial"]] = rows["outcome"], rows["steps"]
    return Basin(
        cell=cell.id,
        title=look.title(cell),
        names=short_names(cell.layers),
        axes=axes,
        outcome=outcome.reshape(shape),
        steps=steps.reshape(shape),
        last=int(cell.settings["train"]["steps"]),
    )
