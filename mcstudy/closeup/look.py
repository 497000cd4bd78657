"""What a close look at a study starts from, and which of its cells it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mcstudy.closeup.sample import Sample, Writing, can_sample, take_sample

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Cell, Plan, Trials
    from mcstudy.store import Store

MOST_CELLS = 6
ALL_CELLS = 8
"""Cells that are looked at closely: so many of many, all of few."""


class Closeup(Protocol):
    """What a figure of single trials draws."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The ids of the cells that are shown; none where there is nothing to show."""

    @property
    def of(self) -> int:
        """How many cells might have been shown."""


class _OfCell(Protocol):
    """What is shown of one cell."""

    @property
    def cell(self) -> str:
        """The cell's id."""


Made = TypeVar("Made", bound=_OfCell)


@dataclass(frozen=True)
class Shown(Generic[Made]):
    """A closeup of a few cells: what is shown of each, and how many cells might have been."""

    shown: tuple[Made, ...]
    of: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The ids of the cells that are shown."""
        return tuple(one.cell for one in self.shown)


@dataclass(frozen=True)
class Look:
    """A study's cells, their trials and their rates.

    Attributes:
        plan: the cells.
        store: their trials.
        trials: how many of each cell are reported.
        rates: as `mcstudy.statistics.rates` returns them.
        writing: keeps samples in the store while others are looked at; without it they are waited for.
    """

    plan: Plan
    store: Store
    trials: Trials
    rates: pd.DataFrame
    writing: Writing | None = None
    _samples: dict[str, Sample] = field(default_factory=dict, repr=False)

    def count(self, cell: Cell) -> int:
        """How many trials of a cell are reported."""
        return self._counts[cell.id]

    @cached_property
    def _counts(self) -> dict[str, int]:
        return self.plan.counts(self.trials)

    def sample(self, cell: Cell) -> Sample:
        """The sample of a cell."""
        if cell.id not in self._samples:
            write = None if self.writing is None else self.writing.write
            self._samples[cell.id] = take_sample(cell, self.plan.tables, self.store, self.count(cell), write)
        return self._samples[cell.id]

    def has_data(self, cell: Cell) -> bool:
        """Whether the data that a cell trains on is here; a report drawn again may have lost a table."""
        data = cell.settings["task"]["data"]
        return data is None or data in self.plan.tables

    @cached_property
    def varied(self) -> list[str]:
        """The keys that tell cells apart."""
        return [key for key in self.plan.keys if self.rates[key].nunique() > 1]

    @cached_property
    def _baseline(self) -> dict[str, str]:
        """The label of the baseline's level of each key."""
        places = self.plan.study.baseline
        return {key: self.rates[key].unique()[places.get(key, 0)] for key in self.varied}

    def departures(self, cell: Cell) -> list[str]:
        """The keys in which a cell is not the baseline."""
        return [key for key, label in self._baseline.items() if cell.labels[key] != label]

    def title(self, cell: Cell) -> str:
        """A cell by its labels of the keys that tell cells apart, for the title of a panel."""
        short = ("activation", "init", "optimizer")
        names = (cell.labels[key] if key in short else f"{key}: {cell.labels[key]}" for key in self.varied)
        return " · ".join(names)

    def choose(self, applies: Callable[[Cell], bool], most: int = MOST_CELLS) -> tuple[list[Cell], int]:
        """At most `most` of the cells that something applies to, in plan order, and how many those are.

        Cells whose data is not here are passed over.

        The baseline comes first, then the cell of the highest and that of the lowest rate, then the cells that differ
        from the baseline in one key alone, then all others; of cells that are alike the first.
        """
        fitting = [cell for cell in self.plan.cells if self.has_data(cell) and can_sample(cell) and applies(cell)]
        most = len(fitting) if len(fitting) <= ALL_CELLS else most
        rate = dict(zip(self.rates["cell"], self.rates["rate"], strict=True))
        order = sorted(fitting, key=lambda cell: (len(self.departures(cell)), cell.index))
        ends = sorted(fitting, key=lambda cell: (-rate[cell.id], cell.index))
        chosen: dict[str, Cell] = {}
        for cell in [*order[:1], *ends[:1], *ends[-1:], *order]:
            if len(chosen) < most:
                chosen[cell.id] = cell
        return sorted(chosen.values(), key=lambda cell: cell.index), len(fitting)
