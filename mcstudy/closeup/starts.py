"""Which starts fail: the signs of the parameters at the start of every trial, and how trials of each pattern end."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy import statistics
from mcstudy.closeup.look import MOST_CELLS
from mcstudy.closeup.short import short_names
from mcstudy.engine.measure import starts as start_of
from mcstudy.engine.program import build
from mcstudy.sums import endings

if TYPE_CHECKING:
    from mcstudy.closeup.look import Look
    from mcstudy.plan import Cell

Array = NDArray[Any]

MOST_PARAMETERS = 4
MOST_STARTS = 20_000
"""Trials of a cell, from the first, whose starts are kept for the figure; all of them are counted."""
PIECE = 16_384
SIGNS = ("<", "=", ">")

Condition = tuple[tuple[str, str], ...]
"""Signs of some parameters: ``(("w1", "<"), ("b1", ">"))``."""


class Count(NamedTuple):
    """Trials that started somewhere, and how many of them converged.

    Where `half_width` is not None the study stopped early, and its sequences are made for that.
    """

    trials: int
    converged: int
    half_width: float | None = None

    @property
    def failed(self) -> int:
        """How many did not."""
        return self.trials - self.converged

    @property
    def rate(self) -> tuple[float, float, float]:
        """The share that converged and the ends of its 95 % interval; 0 and (0, 1) without trials."""
        if self.half_width is None:
            low, high = statistics.wilson(self.converged, self.trials)
        else:
            low, high = statistics.sequences.rate(self.converged, self.trials, self.half_width)
        return self.converged / max(1, self.trials), float(low), float(high)

    def __add__(self, other: object) -> Count:
        """Both together."""
        if not isinstance(other, Count):
            return NotImplemented
        width = self.half_width or other.half_width
        return Count(self.trials + other.trials, self.converged + other.converged, width)


@dataclass(frozen=True)
class Signs:
    """The reported trials of a cell by the signs of the parameters that they start from.

    Attributes:
        cell: the cell's id.
        title: its labels.
        labels: its label of each varied key.
        names: of the parameters whose sign is not the same in all trials.
        patterns: the trials of each pattern of their signs, in the order of negative, 0, positive; the first parameter
            changes least often.
        starts: (trials, names) of the first trials, those left out that do not start with numbers.
        converged: (trials,) whether those did.
    """

    cell: str
    title: str
    labels: Mapping[str, str]
    names: tuple[str, ...]
    patterns: Mapping[Condition, Count]
    starts: Array
    converged: Array

    @property
    def all(self) -> Count:
        """All trials."""
        return self.where(())

    def where(self, condition: Condition) -> Count:
        """The trials whose start meets a condition."""
        wanted = set(condition)
        counts = (count for pattern, count in self.patterns.items() if wanted <= set(pattern))
        return sum(counts, Count(0, 0))

    def conditions(self) -> list[Condition]:
        """Every condition that some trials meet and others do not, those of fewest signs first."""
        choices = [[None, *dict.fromkeys(pattern[i] for pattern in self.patterns)] for i in range(len(self.names))]
        found = [tuple(sign for sign in chosen if sign) for chosen in itertools.product(*choices)]
        everything = self.all.trials
        kept = [condition for condition in found if 0 < self.where(condition).trials < everything]
        return sorted(kept, key=len)


@dataclass(frozen=True)
class Starts:
    """The starts of a study's cells of few parameters.

    Attributes:
        known: every cell of up to `MOST_PARAMETERS` parameters whose signs vary.
        cells: the ids of those that are drawn.
        all: how many cells the study has.
    """

    known: tuple[Signs, ...]
    cells: tuple[str, ...]
    all: int

    @property
    def of(self) -> int:
        """How many cells might have been shown."""
        return len(self.known)

    @property
    def shown(self) -> tuple[Signs, ...]:
        """The cells that are drawn."""
        return tuple(one for one in self.known if one.cell in self.cells)


def starts(look: Look) -> Starts:
    """The starts of all reported trials of every cell of few parameters."""
    few = [cell for cell in look.plan.cells if 0 < cell.parameters <= MOST_PARAMETERS and look.has_data(cell)]
    known = tuple(found for cell in few if (found := _signs(look, cell)))
    ids = {one.cell for one in known}
    # Where all trials end alike there is little to see.
    telling = {one.cell for one in known if one.all.failed and one.all.converged}
    first, _ = look.choose(lambda cell: cell.id in telling)
    others, _ = look.choose(lambda cell: cell.id in ids)
    drawn = tuple(dict.fromkeys(cell.id for cell in [*first, *others]))[:MOST_CELLS]
    return Starts(known, drawn, len(look.plan.cells))


def _signs(look: Look, cell: Cell) -> Signs | None:
    """The starts of a cell; None where every trial starts with the same signs."""
    program, names = build([cell], look.plan.tables), short_names(cell.layers)
    counts = np.zeros((3 ** len(names), 2), np.int64)
    kept: list[tuple[Array, Array]] = []
    place = 3 ** np.arange(len(names))[::-1]
    for number, flags in endings(look.store, cell.id, look.count(cell)):
        for first in range(0, len(flags), PIECE):
            converged = flags[first : first + PIECE]
            trials = np.arange(number + first, number + first + len(converged), dtype=np.int64)
            begun = start_of(program, trials)
            code = (np.sign(np.nan_to_num(begun)).astype(np.int64) + 1) @ place
            for kind in (0, 1):
                counts[:, kind] += np.bincount(code[converged == kind], minlength=len(counts))
            if trials[0] < MOST_STARTS:
                kept.append((begun, converged))
    signs = np.array(list(itertools.product(SIGNS, repeat=len(names)))).reshape(len(counts), len(names))
    seen = counts.sum(axis=1) > 0
    begun, converged = (np.concatenate(parts)[:MOST_STARTS] for parts in zip(*kept, strict=True))
    finite = np.isfinite(begun).all(axis=1)
    varied = [i for i in range(len(names)) if len(set(signs[seen, i])) > 1]
    if not varied or not finite.any():
        return None
    width = statistics.stopping.half_width(look.plan)
    patterns = {
        tuple((names[i], str(sign[i])) for i in varied): Count(int(count.sum()), int(count[1]), width)
        for sign, count in zip(signs[seen], counts[seen], strict=True)
    }
    return Signs(
        cell=cell.id,
        title=look.title(cell),
        labels=cell.labels,
        names=tuple(names[i] for i in varied),
        patterns=patterns,
        starts=begun[finite][:, varied],
        converged=converged[finite],
    )
