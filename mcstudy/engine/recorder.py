"""Gathers the rows of finished work units and hands them to a store in few, large pieces.

Histories are stored without gaps, and units may end in any order. So that a run that was stopped can be continued as if
nothing had happened, the rows of a trial whose history is to be kept are stored after that history and not without it.
Trials that are trained again because their history was lost bring rows that are stored already; those are dropped.

Where summaries are kept, only the trials that have a history have rows; of the others, the sums of each unit are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from mcstudy.engine.program import check_steps
from mcstudy.engine.threads import UnitResult
from mcstudy.plan import Cell
from mcstudy.signals import deferred
from mcstudy.store import Store
from mcstudy.sums import Summary, Sums, pack

FLUSH_SECONDS, FLUSH_SHARE = 10.0, 0.02
"""Time between two flushes: at least so many seconds, and so large a share of the run, lest a long one leaves
thousands of files."""
FLUSH_ROWS, FLUSH_SUMMED = 4_000_000, 16_000_000
"""Trials that wait at most, with their rows and as sums alone."""


class Recorder:
    """Takes results in any order; `flush` stores what came since the last time, neighbours as one piece.

    Args:
        store: where rows go.
        progress: called with the number of rows of each unit.
        stored: ranges [first, last) of the trials whose rows are stored, sorted, by cell id.
        summaries: whether summaries are kept instead of rows.
    """

    def __init__(
        self,
        store: Store,
        progress: Callable[[int], None],
        stored: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        summaries: bool = False,
    ) -> None:
        self._store = store
        self._stored = stored or {}
        self._progress = progress
        self._summaries = summaries
        self._summed: dict[str, list[_Part]] = {}
        self._pending: dict[str, list[UnitResult]] = {}
        self._histories: dict[str, _History] = {}
        self._rows = 0
        self._start = self._flushed = time.monotonic()

    def receive(self, results: list[UnitResult]) -> None:
        """Take a unit's rows; every now and then, store what has gathered."""
        for result in results:
            # The history first: rows without it would be stored without it if Ctrl-C came in between.
            if len(result.history):
                if result.cell.id not in self._histories:
                    self._histories[result.cell.id] = _History(self._store, result.cell)
                self._histories[result.cell.id].blocks[result.first] = result.history
            if self._summaries:
                self._sum_up(result)
            else:
                self._pending.setdefault(result.cell.id, []).append(result)
            self._rows += len(result.rows["trial"])
            self._progress(len(result.rows["trial"]))
        now = time.monotonic()
        most = FLUSH_SUMMED if self._summaries else FLUSH_ROWS
        if self._rows > most or now - self._flushed > max(FLUSH_SECONDS, FLUSH_SHARE * (now - self._start)):
            self.flush()

    def _sum_up(self, result: UnitResult) -> None:
        """Keep the rows of trials with a history, and the sums of the others."""
        kept = len(result.history)
        if kept:
            rows = {name: values[:kept].copy() for name, values in result.rows.items()}
            self._pending.setdefault(result.cell.id, []).append(replace(result, rows=rows))
        if kept < len(result.rows["trial"]):
            sums = Sums()
            sums.add({name: values[kept:] for name, values in result.rows.items()})
            part = _Part(result.first + kept, sums.summary())
            self._summed.setdefault(result.cell.id, []).append(part)

    @deferred()
    def flush(self, complete: bool = False) -> None:
        """Store everything that has not been stored; Ctrl-C waits until the threads that do it have ended.

        Args:
            complete: nothing more will come, and nothing is missing. Otherwise rows wait for earlier histories.

        Raises:
            RunError: the store refuses it. What it did not take is kept, for another try.
        """
        writers = self._store.writers
        with self._store.together():
            _each(_History.store, self._histories.values(), writers)
        for history in self._histories.values():
            history.stored()
        self._rows = 0
        ready = {cell: self._ready(cell, complete) for cell in self._pending}
        with self._store.together():
            _each(self._store_rows, ready.items(), writers)
        for cell in ready:
            self._pending[cell] = [] if complete else list(filter(self._waits, self._pending[cell]))
        _each(self._store_sums, list(self._summed), writers)
        self._flushed = time.monotonic()

    def _ready(self, cell_id: str, complete: bool) -> list[UnitResult]:
        return [result for result in self._pending[cell_id] if complete or not self._waits(result)]

    def _store_rows(self, ready: tuple[str, list[UnitResult]]) -> None:
        cell_id, results = ready
        for run in _runs(sorted(results, key=lambda result: result.first)):
            rows = run[0].rows
            if len(run) > 1:
                rows = {name: np.concatenate([part.rows[name] for part in run]) for name in rows}
            start, stop = run[0].first, run[0].first + len(rows["trial"])
            for first, last in gaps(self._stored.get(cell_id, ()), start, stop):
                piece = slice(first - start, last - start)
                self._store.write(cell_id, first, {name: values[piece] for name, values in rows.items()})

    def _store_sums(self, cell_id: str) -> None:
        for chain in _chains(sorted(self._summed[cell_id], key=lambda part: part.first)):
            sums = Sums()
            for part in chain:
                sums.join(part.summary)
            self._store.summaries.write(cell_id, chain[0].first, chain[-1].stop, pack(sums.summary()))
        self._summed[cell_id] = []

    def _waits(self, result: UnitResult) -> bool:
        history = self._histories.get(result.cell.id)
        return history is not None and history.lacks(result)


class _Part(NamedTuple):
    """The sums of the trials from `first` on."""

    first: int
    summary: Summary

    @property
    def stop(self) -> int:
        return self.first + self.summary.trials


class _History:
    """The losses at the checks of a cell's first trials: what is stored, and `blocks` by their first trial."""

    def __init__(self, store: Store, cell: Cell) -> None:
        self._store, self._cell = store, cell
        stored = store.read_history(cell.id)
        self._length = self._reached = 0 if stored is None else len(stored[1])
        self.blocks: dict[int, np.ndarray] = {}

    def lacks(self, result: UnitResult) -> bool:
        """Whether the history of a result is not stored yet."""
        return result.first + len(result.history) > max(self._length, result.first)

    def store(self) -> None:
        """Store the blocks that join on to what is stored."""
        added = []
        length = self._length
        for first in sorted(self.blocks):
            block = self.blocks[first]
            if first <= length < first + len(block):
                added.append(block[length - first :])
                length = first + len(block)
        if added:
            stored = self._store.read_history(self._cell.id)
            # A write that failed at its very end, when it was to be made safe, has stored more than is known.
            pieces = [*([] if stored is None else [stored[1][: self._length]]), *added]
            losses = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
            self._store.write_history(self._cell.id, check_steps(self._cell), losses)
        self._reached = length

    def stored(self) -> None:
        """What `store` has stored is safe."""
        self._length = self._reached
        self.blocks = {first: block for first, block in self.blocks.items() if first + len(block) > self._length}


def _each(work: Callable[[Any], None], cells: Collection[Any], writers: int) -> None:
    """Do something for every cell, several at a time: packing takes the processor, and making files safe the disk.

    After a fault no other cell is begun; the first of them is raised once all that were begun have ended.
    """
    if min(len(cells), writers) <= 1:
        for cell in cells:
            work(cell)
        return
    with ThreadPoolExecutor(min(len(cells), writers)) as pool:
        for _ in pool.map(work, cells):
            pass


def gaps(stored: Sequence[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """What of [start, stop) is in none of the `stored` ranges, which are sorted and do not overlap."""
    found, position = [], start
    for first, last in stored:
        if first >= stop:
            break
        if first > position:
            found.append((position, first))
        position = max(position, last)
    if position < stop:
        found.append((position, stop))
    return found


def _chains(parts: list[_Part]) -> list[list[_Part]]:
    """Sums sorted by trial, in lists of neighbours without gaps."""
    chains: list[list[_Part]] = []
    for part in parts:
        if chains and chains[-1][-1].stop == part.first:
            chains[-1].append(part)
        else:
            chains.append([part])
    return chains


def _runs(parts: list[UnitResult]) -> list[list[UnitResult]]:
    """Results sorted by trial, in lists of neighbours without gaps."""
    runs: list[list[UnitResult]] = []
    end = -1
    for part in parts:
        if part.first == end:
            runs[-1].append(part)
        else:
            runs.append([part])
        end = part.first + len(part.rows["trial"])
    return runs
