"""A sample of stored trials, trained again and compared byte by byte; of summaries, whole ones."""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy import manifest, sums
from mcstudy.again.folder import Run
from mcstudy.engine.chosen import chosen_units
from mcstudy.engine.recorder import Recorder
from mcstudy.engine.run import Progress
from mcstudy.engine.threads import UnitResult, available_threads, run_units
from mcstudy.engine.work import Work
from mcstudy.errors import RunError
from mcstudy.outcomes import CODES
from mcstudy.plan import Cell
from mcstudy.store import MemoryStore, Rows, Shard, as_stored

Row = Mapping[str, Any]


class Difference(NamedTuple):
    """Where a stored row is not what training gives: the values of the first column that differs, as text."""

    cell: Cell
    trial: int
    column: str
    stored: str
    computed: str


class Verdict(NamedTuple):
    """How many rows of how many cells were compared, and how many differ; `first` in plan order, then by trial.

    Likewise of summaries: how many were compared, of how many trials, and the first that differs, as text. `damaged`
    tells of each file that is not what was written.
    """

    rows: int
    cells: int
    different: int
    first: Difference | None
    summaries: int = 0
    summed: int = 0
    wrong: str = ""
    damaged: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether everything is what training gives."""
        return self.first is None and not self.wrong and not self.damaged

    @property
    def text(self) -> str:
        """What was found, in a line or two."""
        rows = f"{self.rows:,} stored row{'s' * (self.rows != 1)} of {self.cells} cell{'s' * (self.cells != 1)}"
        if self.first is not None:
            cell, at, column, stored, computed = self.first
            differ = f"{self.different:,} differ{'s' * (self.different == 1)}"
            first = f"cell {cell.id} ({cell.label}), trial {at}, {column}: stored {stored}, computed {computed}"
            return f"of {rows}, {differ} from what training gives; the first: {first}"
        if self.wrong:
            return f"a summary is not what training gives: {self.wrong}"
        if self.damaged:
            return f"what can be read, {rows}, is what training gives" if self.rows else "nothing of it can be read"
        text = f"trained {rows} again: every byte of every column is the same"
        if not self.summaries:
            return text
        many = f"{self.summed:,} trials of {self.summaries} stored summar{'ies' if self.summaries > 1 else 'y'}"
        return f"{text}\ntrained the {many} again: every count is the same"


def verify(run: Run, sample: int, seed: int | None = None, progress: Progress | None = None) -> Verdict:
    """Train a random sample of the stored trials again, and compare every column of their rows.

    The sample is fixed by the seed, its size and the trials that are stored. Where the study keeps summaries, random
    ones of them are made again, too: one, or as many as have `sample` trials in all. Of a damaged file all rows are
    compared, as far as they can be read.

    Args:
        run: the run.
        sample: how many trials, over all cells; all of them where there are not so many.
        seed: of the choice; the study's by default.
        progress: is told how it goes.

    Raises:
        RunError: no trials are stored, or they cannot be trained again; `DamagedError`: a summary is damaged.
    """
    run.check_arithmetic()
    progress = progress or Progress()
    cells = run.plan.cells
    known = {cell.id: run.store.looked_into(cell.id) for cell in cells}
    ranges = {name: sound for name, (sound, _) in known.items()}
    damaged = [(cell, *one) for cell in cells for one in known[cell.id][1]]
    salvaged = [(cell, rows) for cell, shard, _ in damaged if (rows := run.store.salvaged(shard)) is not None]
    chosen = choose(ranges, sample, run.plan.study.seed if seed is None else seed)
    count = sum(map(len, chosen.values()))
    if count == 0 and not damaged:
        raise RunError(f"{run.folder}: the trials are not here (trials/ has none of this run's cells)")
    count += sum(len(rows["trial"]) for _, rows in salvaged)
    touched = {name for name, trials in chosen.items() if len(trials)} | {cell.id for cell, _ in salvaged}
    tables = run.tables(cell for cell in cells if cell.id in touched)
    found: dict[tuple[int, int], Difference] = {}

    def compare(
        cells: Sequence[Cell],
        chosen: Mapping[str, NDArray[np.int64]],
        stored: Callable[[str, NDArray[np.int64]], Rows],
    ) -> None:
        def receive(results: Sequence[UnitResult]) -> None:
            for result in results:
                trials = result.rows["trial"]
                for difference in differences(result.cell, stored(result.cell.id, trials), result.rows):
                    found[result.cell.index, difference.trial] = difference
                progress.advance(len(trials))

        run_units(chosen_units(cells, tables, chosen), available_threads(), receive, progress.idle)

    summaries = choose_summaries(run, ranges, sample, seed)
    summed = sum(shard.stop - shard.start for _, shard in summaries)
    progress.start(count + summed, count + summed)
    try:
        compare(cells, chosen, run.store.rows)
        for cell, rows in salvaged:
            compare([cell], {cell.id: rows["trial"]}, partial(_picked, rows))
        wrong = [text for cell, shard in summaries if (text := _compared(run, cell, shard, progress))]
    finally:
        progress.finish()
    first = found[min(found)] if found else None
    told = tuple(str(error) for _, _, error in damaged)
    return Verdict(count, len(touched), len(found), first, len(summaries), summed, "".join(wrong[:1]), told)


def _picked(rows: Rows, cell_id: str, trials: NDArray[np.int64]) -> Rows:
    """Some of the `rows` of a cell, which lack none between the first and the last."""
    return {name: values[trials - rows["trial"][0]] for name, values in rows.items()}


def choose_summaries(
    run: Run, ranges: Mapping[str, Sequence[tuple[int, int]]], sample: int, seed: int | None = None
) -> list[tuple[Cell, Shard]]:
    """Some of the summaries that a run rests on beside the rows in `ranges`, in the order of a hash: as many as have
    `sample` trials in all."""
    if run.plan.study.study.keep != "summary":
        return []
    counts = run.plan.counts(manifest.reported(run.record))
    known = [
        (cell, piece.summary)
        for cell in run.plan.cells
        for piece in sums.pieces(run.store, cell.id, counts[cell.id], ranges[cell.id])
        if piece.summary is not None
    ]
    seed = run.plan.study.seed if seed is None else seed

    def order(one: tuple[Cell, Shard]) -> bytes:
        return hashlib.sha256(f"{seed} {one[0].id} {one[1].start} {one[1].stop}".encode()).digest()

    chosen: list[tuple[Cell, Shard]] = []
    left = sample
    for cell, shard in sorted(known, key=order):
        if left > 0:
            chosen.append((cell, shard))
        left -= shard.stop - shard.start
    return chosen


def _compared(run: Run, cell: Cell, shard: Shard, progress: Progress) -> str:
    """What is wrong with a summary, "" if nothing is: its trials are trained again, and added up."""
    store = MemoryStore()
    recorder = Recorder(store, progress.advance, summaries=True)
    first, last = shard[:2]
    work = Work([cell], run.tables([cell]), {cell.id: [(first, last)]}, available_threads())
    run_units(work, available_threads(), recorder.receive, progress.idle, work.took)
    recorder.flush(True)
    stored = sums.read(run.store, shard)
    computed = sums.Sums()
    for piece in sorted(store.summaries.shards(cell.id)):
        computed.join(sums.read(store, piece))
    made = computed.summary()
    for name in made.names:
        one, other = getattr(stored, name), getattr(made, name)
        if not np.array_equal(one, other):
            return f"cell {cell.id} ({cell.label}), trials {first:,} to {last - 1:,}: other {name.replace('_', ' ')}"
    return ""


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
