"""Work units: pieces of the trials of cells that share their draws, sized by what the ones before them took.

How work is cut changes no result, so what was measured may decide it.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mcstudy.engine.cost import trial_nanoseconds
from mcstudy.engine.order import is_sorted
from mcstudy.engine.program import Program, build, kept_trials
from mcstudy.engine.rows import pack_bytes
from mcstudy.engine.sharing import draws_while_training, groups
from mcstudy.engine.unrolling import worth_unrolling
from mcstudy.plan import Cell, Table

UNIT_SECONDS, LEAST_SECONDS = 0.5, 0.005
"""How long a unit takes at most and, at the end of a run, at least."""
SORTED_SECONDS = 2.0
"""The first of these for units whose trials are sorted: the more there are, the more of them are alike."""
UNITS_LEFT = 2
"""Units that are left for each thread at any time, so that threads end together; near the end they become smaller."""
FIRST_SHARE = 0.25
"""The first unit of a lot is so much shorter: its time is a guess."""
MOST_PACKS, MOST_ROWS = 2048, 1 << 18
"""Most packs of a unit, and most rows over its cells: they wait in memory."""
JOINED_SECONDS, JOINED_CELLS = 0.04, 16
"""Cells over the same samples that share no draws are trained together as long as a pack of all takes so long at most:
a unit of few, short trials takes less time than what is around it."""
MOST_STATE_PACKS = 1 << 16
MOST_HISTORY_BYTES = 1 << 29

Programs = dict[Hashable, Program]
"""Programs by the ids of their cells and the kernels that these may have."""


class Unit(NamedTuple):
    """A group's program and the trials to train: `first` ≤ i < `last`, or the `chosen` ones alone.

    Of chosen ones, which ascend, no history is kept unless they are traced; `first` and `last` are the ends of their
    range.
    """

    program: Program
    first: int
    last: int
    chosen: np.ndarray | None = None

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the trials, int64."""
        return np.arange(self.first, self.last, dtype=np.int64) if self.chosen is None else self.chosen


@dataclass
class _Lot:
    """Cells that are trained together, what is missing of them, and what it takes.

    Attributes:
        cells: the cells.
        missing: ranges [first, last) of trials, the last one first.
        left, trials: how many trials are left, and were missing.
        guess: seconds a trial, by the model.
        seconds: likewise, as the last unit took them; None before there was one.
        program: made with the first unit.
    """

    cells: Sequence[Cell]
    missing: list[tuple[int, int]]
    guess: float
    seconds: float | None = None
    program: Program | None = None
    left: int = field(init=False)
    trials: int = field(init=False)

    def __post_init__(self) -> None:
        self.trials = self.left = sum(last - first for first, last in self.missing)


class Work(Iterator[Unit]):
    """Work units for what is missing, the first trials of every group first.

    All cells advance together, so that a stop half way leaves a balanced study. One thread at a time may take a unit;
    `took` may be called at any time.

    Args:
        cells: the cells to train.
        tables: the data of table tasks, by digest.
        missing: ranges [first, last) of trials that a cell still needs, by its id.
        threads: how many will share the work.
        size: trials of a unit, which is cut at multiples of it. By default as many as take about half a second, and
            fewer towards the end, so that no thread idles while another has a long one.
        known: programs that were built for earlier work on the same cells, and need not be built again.

    Attributes:
        programs: those that were needed.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        tables: Mapping[str, Table],
        missing: Mapping[str, Sequence[tuple[int, int]]],
        threads: int,
        size: int | None = None,
        known: Programs | None = None,
    ) -> None:
        self.programs: Programs = {}
        self._known = known or {}
        self._tables, self._threads, self._size = tables, threads, size
        self._unrolled = worth_unrolling(
            cells, {name: sum(b - a for a, b in ranges) for name, ranges in missing.items()}
        )
        self._lots = list(_lots_of(cells, missing))
        self._places = {id(lot.cells[0]): lot for lot in self._lots}
        self._next = [(0.0, place) for place in range(len(self._lots))]
        self._left = sum(lot.guess * lot.left for lot in self._lots)
        self._slower = 1.0

    def __next__(self) -> Unit:
        if not self._next:
            raise StopIteration
        place = self._next[0][1]
        lot = self._lots[place]
        if lot.program is None:
            lot.program = self._program(lot.cells)
        first, last = lot.missing.pop()
        size = self._size
        end = min(last, (first // size + 1) * size if size else first + self._measured(lot, lot.program))
        if end < last:
            lot.missing.append((end, last))
        lot.left -= end - first
        self._left -= lot.guess * (end - first)
        if lot.left:
            heapq.heapreplace(self._next, (1 - lot.left / lot.trials, place))
        else:
            heapq.heappop(self._next)
        return Unit(lot.program, first, end)

    def _program(self, cells: Sequence[Cell]) -> Program:
        unrolled = self._unrolled
        key = tuple((cell.id, unrolled.wants(cell), unrolled.compiles(cell)) for cell in cells)
        self.programs[key] = self._known.get(key) or build(cells, self._tables, unrolled)
        return self.programs[key]

    def _measured(self, lot: _Lot, program: Program) -> int:
        seconds = self._slower * self._left / (self._threads * UNITS_LEFT)
        seconds = min(SORTED_SECONDS if is_sorted(lot.cells) else UNIT_SECONDS, max(LEAST_SECONDS, seconds))
        if lot.seconds is None:
            return whole_packs(program, lot.guess * self._slower, seconds * FIRST_SHARE)
        return whole_packs(program, lot.seconds, seconds)

    def took(self, unit: Unit, seconds: float) -> None:
        """A unit has taken so long, in seconds of one core."""
        lot = self._places[id(unit.program.cells[0])]
        lot.seconds = max(seconds, 1e-9) / (unit.last - unit.first)
        # The mean of logarithms: the first unit may have waited for a compiler.
        self._slower = (self._slower * lot.seconds / lot.guess) ** 0.5


def _lots_of(cells: Sequence[Cell], missing: Mapping[str, Sequence[tuple[int, int]]]) -> Iterator[_Lot]:
    for group in _joined(groups(cells)):
        # Cells of very different numbers of checks would keep histories as long as the longest; small networks and
        # wide ones train in packs of different sizes.
        alike: dict[tuple[tuple[tuple[int, int], ...], int, int], list[Cell]] = {}
        for cell in group:
            ranges = tuple((first, last) for first, last in missing[cell.id] if first < last)
            if ranges:
                alike.setdefault((ranges, cell.checks, pack_bytes([cell])), []).append(cell)
        for (ranges, _, _), members in alike.items():
            for part in lots(members):
                yield _Lot(part, list(reversed(ranges)), trial_nanoseconds(part) * 1e-9)


def _joined(groups: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    """The groups, those of one cell joined where its trials are short and its samples are theirs too."""
    open_lots: dict[Hashable, tuple[list[Cell], float]] = {}
    for group in groups:
        cell = group[0]
        seconds = trial_nanoseconds(group) * 1e-9 * pack_bytes(group) / 4
        if len(group) > 1 or draws_while_training(cell) or is_sorted(group) or seconds > JOINED_SECONDS / 2:
            yield group
            continue
        key = cell.data_key
        lot, taken = open_lots.get(key, ([], 0.0))
        if lot and (taken + seconds > JOINED_SECONDS or len(lot) == JOINED_CELLS):
            yield lot
            lot, taken = [], 0.0
        open_lots[key] = [*lot, cell], taken + seconds
    yield from (lot for lot, _ in open_lots.values())


def lots(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Cells in lots whose state fits the memory of a core's cache many times over, so that lots stay few.

    The losses that a lot keeps at its checks stay below `MOST_HISTORY_BYTES`, unless those of one cell are more.
    """
    lot: list[Cell] = []
    packs = kept = 0
    for cell in cells:
        need, history = 8 * cell.parameters, 8 * kept_trials(cell) * cell.checks
        if lot and (packs + need > MOST_STATE_PACKS or kept + history > MOST_HISTORY_BYTES):
            yield lot
            lot, packs, kept = [], 0, 0
        lot.append(cell)
        packs += need
        kept += history
    yield lot


def whole_packs(program: Program, cost: float, seconds: float) -> int:
    """Trials that fill whole packs and take about `seconds`, at `cost` seconds a trial."""
    most = min(MOST_PACKS, MOST_ROWS // (len(program.cells) * program.lanes))
    return int(max(1.0, min(most, seconds / cost // program.lanes))) * program.lanes
