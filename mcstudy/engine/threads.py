"""Runs work units on threads: each takes the next unit from a queue, and kernels hold no lock.

What a unit computes depends on nothing but its cells and trial numbers, so the queue's order, the number of threads
and the size of units are free.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcstudy.engine.columns import looked_up, noted, wants_finals
from mcstudy.engine.failures import failed
from mcstudy.engine.order import in_sequence, training_order
from mcstudy.engine.program import Program, kept_trials
from mcstudy.engine.work import Unit
from mcstudy.errors import StudyError
from mcstudy.plan import Cell

__all__ = ["Unit", "UnitResult", "available_threads", "run_unit", "run_units"]

STOP_SECONDS = 0.7
WAITING_UNITS = 4


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


def run_unit(
    unit: Unit, memory: tuple[np.ndarray, np.ndarray], stop: np.ndarray, traced: bool = False
) -> list[UnitResult]:
    """Train a unit; with `stop` set half way, only the trials that were finished are returned.

    With `traced`, every trial's losses and parameters at the checks are kept.
    """
    program, number = unit.program, unit.numbers
    count, trials = len(program.cells), len(number)
    limits = [trials if traced else max(0, min(kept_trials(cell), unit.last) - unit.first) for cell in program.cells]
    if unit.chosen is not None and not traced:
        limits = [0] * count
    kept = max(limits)
    ends = trials if any(map(wants_finals, program.cells)) else 0
    records = program.records(trials, kept, ends, trials if traced else 0)
    order = training_order(program, number, kept, memory)
    done = program.train(memory, number[order], records, stop)
    outcome, steps, losses, step_best, notes, finals, history, trace = records
    places, done = in_sequence(order, done)
    if done == 0:
        return []
    outcomes = outcome[:, places].astype(np.uint8)
    steps, step_best = steps[:, places], step_best[:, places]
    first, last, best = (values[:, places].astype(program.dtype) for values in losses)
    results, checks, parameters = [], program.checks, program.cell_table["count"].tolist()
    for c, columns in enumerate(noted(program.cells, notes[:, places], outcomes)):
        rows = {
            "trial": number[:done],
            "outcome": outcomes[c],
            "steps": steps[c],
            "loss_first": first[c],
            "loss_last": last[c],
            "loss_best": best[c],
            "step_best": step_best[c],
            **columns,
        }
        rows |= looked_up(program, c, rows, finals[c, places] if finals.shape[1] else finals[c])
        results.append(
            UnitResult(
                program.cells[c],
                unit.first,
                rows,
                history[c, : min(done, limits[c]), : checks[c]].astype(program.dtype),
                trace[c, :done, : checks[c], : parameters[c]].astype(program.dtype),
            )
        )
    return results


def run_units(
    work: Iterator[Unit],
    threads: int,
    receive: Callable[[list[UnitResult]], None],
    idle: Callable[[], None],
    took: Callable[[Unit, float], None] = lambda unit, seconds: None,
) -> None:
    """Train units on threads and hand each one's rows to `receive`, in this thread.

    `took` is told by each thread how many seconds its units take. `idle` is called about ten times a second. When
    that or `receive` raises, or Ctrl-C arrives, the threads stop after a few steps of training, what they had
    finished is handed over, and the exception goes on. A thread that is still compiling then is left behind: it ends by
    itself, without a result. They are never more than `WAITING_UNITS` units a thread ahead of `receive`: what has not
    been stored takes memory.

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
                start = time.perf_counter()
                found = run_unit(unit, memory, stop)
                took(unit, time.perf_counter() - start)
                results.put(found)
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
