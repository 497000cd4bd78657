"""Gathers the rows of finished work units and hands them to a store in few, large pieces."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from mcstudy.engine.program import check_steps
from mcstudy.engine.threads import HISTORY_TRIALS, UnitResult
from mcstudy.plan import Cell
from mcstudy.store import Store

FLUSH_SECONDS = 10.0
FLUSH_ROWS = 4_000_000


class Recorder:
    """Takes results in any order; `flush` stores what came since the last time, neighbours as one piece.

    Args:
        store: where rows go.
        progress: called with the number of rows of each unit.
    """

    def __init__(self, store: Store, progress: Callable[[int], None]) -> None:
        self._store = store
        self._progress = progress
        self._pending: dict[str, list[UnitResult]] = {}
        self._histories: dict[str, tuple[Cell, dict[int, np.ndarray]]] = {}
        self._rows = 0
        self._flushed = time.monotonic()

    def receive(self, results: list[UnitResult]) -> None:
        """Take a unit's rows; every now and then, store what has gathered."""
        for result in results:
            self._pending.setdefault(result.cell.id, []).append(result)
            self._rows += len(result.rows["trial"])
            if len(result.history):
                blocks = self._histories.setdefault(result.cell.id, (result.cell, {}))[1]
                blocks[result.first] = result.history
            self._progress(len(result.rows["trial"]))
        if self._rows > FLUSH_ROWS or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Store everything that has not been stored.

        Raises:
            RunError: the store refuses it. What it did not take is kept, for another try.
        """
        for cell_id in list(self._pending):
            parts = sorted(self._pending[cell_id], key=lambda result: result.first)
            for run in _runs(parts):
                rows = {name: np.concatenate([part.rows[name] for part in run]) for name in run[0].rows}
                self._store.write(cell_id, run[0].first, rows)
            del self._pending[cell_id]
        self._rows = 0
        for cell, blocks in self._histories.values():
            self._store_history(cell, blocks)
        self._histories = {key: value for key, value in self._histories.items() if value[1]}
        self._flushed = time.monotonic()

    def _store_history(self, cell: Cell, blocks: dict[int, np.ndarray]) -> None:
        stored = self._store.read_history(cell.id)
        losses = [] if stored is None else [stored[1]]
        length = 0 if stored is None else len(stored[1])
        added = False
        while length in blocks:
            block = blocks.pop(length)
            losses.append(block)
            length += len(block)
            added = True
        if added:
            self._store.write_history(cell.id, check_steps(cell), np.concatenate(losses)[:HISTORY_TRIALS])


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
