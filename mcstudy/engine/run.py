"""Trains what a plan wants and a store lacks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from mcstudy.engine.program import kept_trials
from mcstudy.engine.recorder import Recorder, gaps
from mcstudy.engine.threads import UnitResult, available_threads, run_units
from mcstudy.engine.work import Programs, Work
from mcstudy.errors import RunError
from mcstudy.plan import Cell, Plan, Trials
from mcstudy.signals import deferred
from mcstudy.store import Store
from mcstudy.sums import covered


class Progress:
    """What a run tells while it goes on; the methods do nothing here. All are called from the thread that runs it."""

    def start(self, rows: int, total: int, early: bool = False) -> None:
        """`rows` of `total` trials, over all cells, are to be trained; with 0 of them nothing else is told.

        With `early`, that is how many they are at the most: cells may stop before.
        """

    def expect(self, rows: int) -> None:
        """No more than `rows` are to be trained now: cells have stopped early."""

    def advance(self, rows: int) -> None:
        """`rows` more trials are trained."""

    def note(self, line: str) -> None:
        """Something is to be known, as that a file is damaged. It is a warning here."""
        warnings.warn(line, stacklevel=2)

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


def set_aside(plan: Plan, store: Store, progress: Progress | None = None) -> None:
    """Put what is damaged in an opened store out of the way, and tell it; its trials are then missing.

    Raises:
        RunError: something cannot be read, or not be put out of the way.
    """
    for cell in plan.cells:
        for line in store.set_aside(cell.id):
            (progress or Progress()).note(line)


def missing_trials(
    cells: Sequence[Cell], store: Store, trials: int | Mapping[str, int], summaries: bool = False
) -> Missing:
    """The ranges of the first `trials` trials (by cell id) of each cell whose rows, or whose histories, are not stored.

    With `summaries`, trials that are part of a stored summary need no rows.

    Raises:
        RunError: a file is damaged.
    """
    counts = trials if isinstance(trials, Mapping) else {cell.id: trials for cell in cells}
    stored = {cell.id: store.ranges(cell.id) for cell in cells}
    if summaries:
        stored = {cell_id: covered(store, cell_id, counts[cell_id], rows) for cell_id, rows in stored.items()}
    ranges = {cell.id: gaps(_whole(cell, store, stored[cell.id], n), 0, n) for cell in cells for n in [counts[cell.id]]}
    return Missing(ranges, _length(ranges), stored)


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
    rounds: Iterable[Mapping[str, int]] | None = None,
    receive: Callable[[list[UnitResult]], None] | None = None,
    ended: Callable[[], None] | None = None,
) -> int:
    """Train the trials 0 ≤ i < n of every cell that `store` lacks, rows or history; returns how many there were.

    Where the study keeps summaries, those stand for rows, but for the trials whose history is kept.

    Args:
        plan: the cells.
        store: an opened store.
        trials: n, how many of each cell.
        threads: worker threads; by default one for each core that the process may use.
        progress: is told how it goes.
        unit_trials: trials of a work unit; the default suits the cells. It changes no row.
        rounds: how many of each cell are trained before the next of these is asked for, at most n; n at once by
            default.
        receive: gets every unit's rows, in the thread that called.
        ended: is called when all are trained, and the last of them are still to be stored.

    Raises:
        KeyboardInterrupt: Ctrl-C, after what was finished has been stored.
        RunError: the store cannot be written to, memory has run out, or a worker has failed; what was finished is
            stored where that can be.
    """
    progress = progress or Progress()
    counts = plan.counts(trials)
    summaries = plan.study.study.keep == "summary"
    missing = missing_trials(plan.cells, store, counts, summaries)
    threads, trained = threads or available_threads(), 0
    recorder = Recorder(store, progress.advance, missing.stored, summaries)

    def take(results: list[UnitResult]) -> None:
        recorder.receive(results)
        if receive is not None:
            receive(results)

    started = complete = False
    programs: Programs = {}
    before = dict.fromkeys(counts, 0)
    try:
        for wanted in [counts] if rounds is None else rounds:
            ranges = {name: _within(missing.ranges[name], before[name], wanted[name]) for name in counts}
            rows = _length(ranges)
            if rows and not started:
                progress.start(missing.rows, sum(counts.values()), rounds is not None)
                started = True
            if rows:
                work = Work(plan.cells, plan.tables, ranges, threads, unit_trials, programs)
                run_units(work, threads, take, progress.idle, work.took)
                trained, programs = trained + rows, work.programs
            before = dict(wanted)
        complete = True
        if ended is not None:
            ended()
    except MemoryError as error:
        less = f"fewer threads than {threads}" if threads > 1 else "smaller networks, or fewer points"
        raise RunError(f"memory has run out; what was finished is stored: go on with {less}") from error
    finally:
        if started:
            with deferred():
                try:
                    recorder.flush(complete)
                finally:
                    progress.finish()
    if not started:
        progress.start(0, sum(before.values()))
    return trained


def _within(ranges: Sequence[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """What of `ranges` is in [start, stop)."""
    return [(max(first, start), min(last, stop)) for first, last in ranges if first < stop and last > start]


def _length(ranges: Mapping[str, Sequence[tuple[int, int]]]) -> int:
    return sum(last - first for lacking in ranges.values() for first, last in lacking)
