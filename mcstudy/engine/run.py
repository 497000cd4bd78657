"""Trains what a plan wants and a store lacks."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from mcstudy.engine.program import kept_trials
from mcstudy.engine.recorder import Recorder, gaps
from mcstudy.engine.threads import available_threads, run_units, units
from mcstudy.plan import Cell, Plan, Trials
from mcstudy.store import Store


class Progress:
    """What a run tells while it goes on; the methods do nothing here. All are called from the thread that runs it."""

    def start(self, rows: int, total: int) -> None:
        """`rows` of `total` trials, over all cells, are to be trained; with 0 of them nothing else is told."""

    def advance(self, rows: int) -> None:
        """`rows` more trials are trained."""

    def idle(self) -> None:
        """Called some ten times a second."""

    def finish(self) -> None:
        """Training has ended, well or not."""


class Missing(NamedTuple):
    """What a store lacks of a plan: trial ranges [first, last) by cell id, and how many trials that is.

    Trials whose rows are `stored` are among them where their history is lacking.
    """

    ranges: dict[str, list[tuple[int, int]]]
    rows: int
    stored: dict[str, list[tuple[int, int]]]


def missing_trials(cells: Sequence[Cell], store: Store, trials: int | Mapping[str, int]) -> Missing:
    """The ranges of the first `trials` trials (by cell id) of each cell whose rows, or whose histories, are not stored.

    Raises:
        RunError: a file is damaged.
    """
    stored = {cell.id: store.ranges(cell.id) for cell in cells}
    counts = trials if isinstance(trials, Mapping) else {cell.id: trials for cell in cells}
    ranges = {cell.id: gaps(_whole(cell, store, stored[cell.id], n), 0, n) for cell in cells for n in [counts[cell.id]]}
    return Missing(ranges, sum(last - first for lacking in ranges.values() for first, last in lacking), stored)


def _whole(cell: Cell, store: Store, stored: Sequence[tuple[int, int]], trials: int) -> list[tuple[int, int]]:
    """The `stored` ranges of a cell without the trials whose history is to be kept and is not stored."""
    history = store.read_history(cell.id)
    length = 0 if history is None else len(history[1])
    kept = max(length, min(kept_trials(cell), trials))
    before = [(first, min(last, length)) for first, last in stored if first < length]
    return before + [(max(first, kept), last) for first, last in stored if last > kept]


def train(
    plan: Plan,
    store: Store,
    trials: Trials,
    threads: int | None = None,
    progress: Progress | None = None,
    unit_trials: int | None = None,
) -> int:
    """Train the trials 0 ≤ i < n of every cell that `store` lacks, rows or history; returns how many there were.

    Args:
        plan: the cells.
        store: an opened store.
        trials: n, how many of each cell.
        threads: worker threads; by default one for each core that the process may use.
        progress: is told how it goes.
        unit_trials: trials of a work unit; the default suits the cells. It changes no row.

    Raises:
        KeyboardInterrupt: Ctrl-C, after what was finished has been stored.
        RunError: the store cannot be written to, or what it holds is damaged.
    """
    progress = progress or Progress()
    counts = plan.counts(trials)
    missing = missing_trials(plan.cells, store, counts)
    progress.start(missing.rows, sum(counts.values()))
    if missing.rows == 0:
        return 0
    recorder = Recorder(store, progress.advance, missing.stored)
    complete = False
    try:
        threads = threads or available_threads()
        work = units(plan.cells, plan.tables, lambda cell: missing.ranges[cell.id], threads, unit_trials)
        run_units(work, threads, recorder.receive, progress.idle)
        complete = True
    finally:
        with _uninterrupted():
            try:
                recorder.flush(complete)
            finally:
                progress.finish()
    return missing.rows


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block has ended."""
    came: list[int] = []
    try:
        before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    except ValueError:  # not in the main thread, which alone is interrupted
        before = None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)
