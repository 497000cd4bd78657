"""A sample of stored trials, trained again and compared byte by byte."""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy.again.folder import Run
from mcstudy.engine.chosen import chosen_units
from mcstudy.engine.run import Progress
from mcstudy.engine.threads import UnitResult, available_threads, run_units
from mcstudy.errors import RunError
from mcstudy.outcomes import CODES
from mcstudy.plan import Cell
from mcstudy.store import as_stored

Row = Mapping[str, Any]


class Difference(NamedTuple):
    """Where a stored row is not what training gives: the values of the first column that differs, as text."""

    cell: Cell
    trial: int
    column: str
    stored: str
    computed: str


class Verdict(NamedTuple):
    """How many rows of how many cells were compared, and how many differ; `first` in plan order, then by trial."""

    rows: int
    cells: int
    different: int
    first: Difference | None


def verify(run: Run, sample: int, seed: int | None = None, progress: Progress | None = None) -> Verdict:
    """Train a random sample of the stored trials again, and compare every column of their rows.

    The sample is fixed by the seed, its size and the trials that are stored.

    Args:
        run: the run.
        sample: how many trials, over all cells; all of them where there are not so many.
        seed: of the choice; the study's by default.
        progress: is told how it goes.

    Raises:
        RunError: no trials are stored, files are damaged, or the trials cannot be trained again.
    """
    run.check_arithmetic()
    progress = progress or Progress()
    cells = run.plan.cells
    ranges = {cell.id: run.store.ranges(cell.id) for cell in cells}
    chosen = choose(ranges, sample, run.plan.study.seed if seed is None else seed)
    count = sum(map(len, chosen.values()))
    if count == 0:
        raise RunError(f"{run.folder}: the trials are not here (trials/ has none of this run's cells)")
    tables = run.tables(cell for cell in cells if len(chosen[cell.id]))
    found: dict[tuple[int, int], Difference] = {}

    def receive(results: Sequence[UnitResult]) -> None:
        for result in results:
            stored = run.store.rows(result.cell.id, result.rows["trial"])
            for difference in differences(result.cell, stored, result.rows):
                found[result.cell.index, difference.trial] = difference
            progress.advance(len(result.rows["trial"]))

    progress.start(count, count)
    try:
        run_units(chosen_units(cells, tables, chosen), available_threads(), receive, progress.idle)
    finally:
        progress.finish()
    first = found[min(found)] if found else None
    return Verdict(count, sum(len(trials) > 0 for trials in chosen.values()), len(found), first)


def choose(ranges: Mapping[str, Sequence[tuple[int, int]]], sample: int, seed: int) -> dict[str, NDArray[np.int64]]:
    """`sample` of the trials in some ranges [first, last), all equally likely: their ascending numbers by cell.

    Trial number k of all is drawn as the SHA-256 of the seed and of the number of the draw, modulo how many there are.
    """
    spans = [(cell, first, last) for cell, known in ranges.items() for first, last in known]
    ends = list(itertools.accumulate(last - first for _, first, last in spans))
    total = ends[-1] if ends else 0
    wanted = min(sample, total)
    few = min(wanted, total - wanted)  # where most are wanted, those that are not are drawn
    drawn: set[int] = set()
    number = 0
    while len(drawn) < few:
        drawn.add(int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()) % total)
        number += 1
    chosen: dict[str, list[NDArray[np.int64]]] = {cell: [] for cell in ranges}
    if few == wanted:
        by_span: dict[int, list[int]] = {}
        for k in sorted(drawn):
            by_span.setdefault(bisect.bisect_right(ends, k), []).append(k)
        for i, ks in by_span.items():
            cell, first, last = spans[i]
            chosen[cell].append(np.array(ks, np.int64) - (ends[i] - (last - first)) + first)
    else:
        left_out = np.array(sorted(drawn), np.int64)
        for (cell, first, last), end in zip(spans, ends, strict=True):
            every = np.arange(end - (last - first), end, dtype=np.int64)
            chosen[cell].append(np.setdiff1d(every, left_out, assume_unique=True) - int(every[0]) + first)
    return {cell: np.concatenate([np.zeros(0, np.int64), *pieces]) for cell, pieces in chosen.items()}


def differences(cell: Cell, stored: Mapping[str, NDArray[Any]], rows: Mapping[str, NDArray[Any]]) -> list[Difference]:
    """The rows that differ in some byte; `stored` and computed `rows` of the same trials."""
    computed = as_stored(0, {name: values for name, values in rows.items() if name != "trial"})
    computed["trial"] = rows["trial"]
    found: dict[int, Difference] = {}
    for name in [*computed, *(name for name in stored if name not in computed)]:
        known = name in stored and name in computed
        differs = ~_same(stored[name], computed[name]) if known else np.ones(len(rows["trial"]), np.bool_)
        for i in np.flatnonzero(differs).tolist():
            trial = int(rows["trial"][i])
            values = (shown(columns, name, i) for columns in (stored, computed))
            found.setdefault(trial, Difference(cell, trial, name, *values))
    return list(found.values())


def _same(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns have the same bytes."""
    if a.dtype != b.dtype:
        return np.zeros(len(a), np.bool_)
    bits = f"u{a.dtype.itemsize}"
    return np.asarray(np.ascontiguousarray(a).view(bits) == np.ascontiguousarray(b).view(bits))


def shown(columns: Mapping[str, Any], name: str, i: int) -> str:
    """The value of a column in row `i` as text: numbers as short as they are told apart in their precision."""
    if name not in columns:
        return "no such column"
    value = columns[name][i]
    return CODES[name][value] if name in CODES else str(value)
