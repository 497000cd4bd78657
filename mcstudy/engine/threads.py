"""Runs work units on threads: each takes the next unit from a queue, and kernels hold no lock.

What a unit computes depends on nothing but its cells and trial numbers, so the queue's order, the number of threads
and the size of units are free.
"""

from __future__ import annotations

import heapq
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mcstudy.engine.columns import looked_up, noted, wants_finals
from mcstudy.engine.cost import trial_nanoseconds
from mcstudy.engine.failures import failed
from mcstudy.engine.program import Program, build, kept_trials
from mcstudy.engine.sharing import groups
from mcstudy.engine.unrolling import worth_unrolling
from mcstudy.errors import StudyError
from mcstudy.plan import Cell, Table

UNIT_SECONDS = 0.5
UNITS_PER_THREAD = 16
MOST_PACKS = 2048
STOP_SECONDS = 0.7
WAITING_UNITS = 4
MOST_STATE_PACKS = 1 << 16
MOST_HISTORY_BYTES = 1 << 29


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


@dataclass(frozen=True)
class UnitResult:
    """Rows of one cell for the trials from `first` on (those of a unit of chosen trials may have gaps).

    `rows` holds equally long arrays, the columns of `mcstudy.engine.columns`. `history` holds the loss at each check,
    (kept trials, checks), nan after the end; it may have no rows. `trace` holds the parameters there, (traced trials,
    checks, parameters), layer by layer, weights (out, in) row by row, then biases, then a trained parameter of the
    activation.
    """

    cell: Cell
    first: int
    rows: dict[str, np.ndarray]
    history: np.ndarray
    trace: np.ndarray


def available_threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def units(
    cells: Sequence[Cell],
    tables: Mapping[str, Table],
    missing: Mapping[str, Sequence[tuple[int, int]]],
    threads: int,
    size: int | None = None,
) -> Iterator[Unit]:
    """Work units for what is missing, the first trials of every group first.

    Args:
        cells: the cells to train.
        tables: the data of table tasks, by digest.
        missing: ranges [first, last) of trials that a cell still needs, by its id.
        threads: how many will share the work.
        size: trials of a unit; by default as many as take about half a second, fewer where that would leave threads
            idle at the end.
    """
    plans: list[tuple[Program, tuple[tuple[int, int], ...]]] = []
    lacking = {cell.id: sum(last - first for first, last in missing[cell.id]) for cell in cells}
    unrolled = worth_unrolling(cells, lacking)
    for group in groups(cells):
        # Cells of very different numbers of checks would keep histories as long as the longest.
        alike: dict[tuple[tuple[tuple[int, int], ...], int], list[Cell]] = {}
        for cell in group:
            ranges = tuple(missing[cell.id])
            if ranges:
                alike.setdefault((ranges, cell.checks), []).append(cell)
        for (ranges, _), members in alike.items():
            for part in lots(members):
                plans.append((build(part, tables, unrolled), ranges))
    costs = [trial_nanoseconds(program.cells) * 1e-9 for program, _ in plans]
    total = sum(cost * (last - first) for cost, (_, ranges) in zip(costs, plans, strict=True) for first, last in ranges)
    seconds = min(UNIT_SECONDS, total / (threads * UNITS_PER_THREAD))
    sizes = [size or whole_packs(program, cost, seconds) for cost, (program, _) in zip(costs, plans, strict=True)]
    # Deal the units out so that all cells advance together; a stop half way then leaves a balanced study.
    dealt = (_dealt(i, ranges, sizes[i]) for i, (_, ranges) in enumerate(plans))
    for _, i, first, last in heapq.merge(*dealt):
        yield Unit(plans[i][0], first, last)


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
    """Whole packs that take about `seconds`, at `cost` seconds a trial."""
    return int(min(MOST_PACKS, max(1.0, seconds / cost // program.lanes))) * program.lanes


def _dealt(plan: int, ranges: Sequence[tuple[int, int]], size: int) -> Iterator[tuple[float, int, int, int]]:
    """Pieces of trial ranges, cut at multiples of `size`: how far along, `plan`, first trial, last."""
    total = sum((last - 1) // size - first // size + 1 for first, last in ranges)
    done = 0
    for first, last in ranges:
        while first < last:
            end = min(last, (first // size + 1) * size)
            yield (done + 0.5) / total, plan, first, end
            first, done = end, done + 1


def run_unit(
    unit: Unit, memory: tuple[np.ndarray, np.ndarray], stop: np.ndarray, traced: bool = False
) -> list[UnitResult]:
    """Train a unit; with `stop` set half way, only the trials that were finished are returned.

    With `traced`, every trial's losses and parameters at the checks are kept.
    """
    from mcstudy.training.loop import train

    program, number = unit.program, unit.numbers
    count, trials = len(program.cells), len(number)
    limits = [trials if traced else max(0, min(kept_trials(cell), unit.last) - unit.first) for cell in program.cells]
    if unit.chosen is not None and not traced:
        limits = [0] * count
    kept = max(limits)
    outcome = np.zeros((count, trials), np.int8)
    steps, step_best = np.zeros((count, trials), np.int32), np.zeros((count, trials), np.int32)
    losses = tuple(np.zeros((count, trials)) for _ in range(3))
    notes = np.zeros((count, trials, int(program.cell_table["noted"].max())), program.dtype)
    history = np.full((count, kept, max(program.checks)), np.nan)
    width = int(program.cell_table["count"].max())
    finals = np.zeros((count, trials if any(map(wants_finals, program.cells)) else 0, width), program.dtype)
    trace = np.full((count, trials if traced else 0, max(program.checks), width if traced else 0), np.nan)
    done = train(
        *memory,
        program.group_table,
        program.cell_table,
        program.layer_table,
        program.axes,
        program.numbers,
        program.tables,
        program.points,
        number,
        program.scratch,
        (outcome, steps, losses, step_best, notes, finals, history, trace),
        stop,
    )
    if done == 0:
        return []
    results = []
    for c, cell in enumerate(program.cells):
        ends = outcome[c, :done].astype(np.uint8)
        first, last, best = (values[c, :done].astype(program.dtype) for values in losses)
        rows = {
            "trial": number[:done],
            "outcome": ends,
            "steps": steps[c, :done],
            "loss_first": first,
            "loss_last": last,
            "loss_best": best,
            "step_best": step_best[c, :done],
            **noted(cell, notes[c, :done], ends),
        }
        rows |= looked_up(program, c, rows, finals[c, :done])
        checks, parameters = program.checks[c], int(program.cell_table["count"][c])
        results.append(
            UnitResult(
                cell,
                unit.first,
                rows,
                history[c, : min(done, limits[c]), :checks].astype(program.dtype),
                trace[c, :done, :checks, :parameters].astype(program.dtype),
            )
        )
    return results


def run_units(
    work: Iterator[Unit], threads: int, receive: Callable[[list[UnitResult]], None], idle: Callable[[], None]
) -> None:
    """Train units on threads and hand each one's rows to `receive`, in this thread.

    `idle` is called about ten times a second. When either raises, or Ctrl-C arrives, the threads stop within a step
    of training, what they had finished is handed over, and the exception goes on. A thread that is still compiling
    then is left behind: it ends by itself, without a result. They are never more than `WAITING_UNITS` units a thread
    ahead of `receive`: what has not been stored takes memory.

    Raises:
        RunError: a worker has failed, which is a fault of this program; but `MemoryError` and `StudyError` as they are.
    """
    stop = np.zeros(1, np.int64)
    lock = threading.Lock()
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    room = threading.Semaphore(WAITING_UNITS * threads)

    def worker() -> None:
        memory: tuple[np.ndarray, np.ndarray] | None = None
        program: Program | None = None
        try:
            while not stop[0]:
                if not room.acquire(timeout=0.1):
                    continue
                with lock:
                    unit = next(work, None)
                if unit is None:
                    break
                if unit.program is not program:
                    program, memory = unit.program, unit.program.memory()
                assert memory is not None
                results.put(run_unit(unit, memory, stop))
            results.put(None)
        except (MemoryError, StudyError) as error:
            results.put(error)
        except BaseException as error:
            results.put(failed(error))

    pool = [threading.Thread(target=worker, name=f"mcstudy-{i}", daemon=True) for i in range(threads)]
    for thread in pool:
        thread.start()
    alive = len(pool)
    failure: BaseException | None = None
    deadline = math.inf
    tick = time.monotonic()
    try:
        while alive and time.monotonic() < deadline:
            try:
                item = _next(results)
                if item is None:
                    alive -= 1
                elif isinstance(item, BaseException):
                    alive -= 1
                    raise item
                elif item is not _NOTHING:
                    room.release()
                    receive(item)
                if time.monotonic() - tick > 0.1:
                    tick = time.monotonic()
                    idle()
            except BaseException as error:
                stop[0] = 1
                failure = failure or error
                deadline = min(deadline, time.monotonic() + STOP_SECONDS)
    finally:
        stop[0] = 1  # a second Ctrl-C may have come between the lines above
    if failure is not None:
        raise failure


_NOTHING = object()


def _next(results: queue.SimpleQueue[Any]) -> Any:
    try:
        return results.get(timeout=0.1)
    except queue.Empty:
        return _NOTHING
