"""Many trials: what they take on disk, and how much memory it takes to add them up."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import synthetic

import mcstudy
from mcstudy import sums
from mcstudy.engine.threads import WAITING_UNITS, UnitResult, run_units
from mcstudy.engine.work import Work
from mcstudy.plan import Plan, make_plan
from mcstudy.report import collect
from mcstudy.statistics.pairs import Converged
from mcstudy.store import MemoryStore, Rows, Shard
from mcstudy.store.base import CHUNK

SINGLE = {
    "study": {"name": "single", "seed": 1, "trials": 40_000},
    "task": {"name": "relu", "samples": "trial", "size": 4, "batch": "all"},
    "network": {"hidden": [], "bias": False, "output": "activation", "activation": "relu", "init": "normal"},
    "train": {"optimizer": {"name": "sgd", "lr": 0.3}, "steps": 20},
    "converge": {"loss": 1e-3, "every": 5},
}


class Endless(MemoryStore):
    """Trials that are made when they are read, from one chunk of them: as many as are asked for."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self._chunk = {"trial": np.arange(CHUNK)} | synthetic.rows(CHUNK, units=units)

    def _shards(self, cell_id: str) -> list[Shard]:
        return [Shard(0, 10**12, int(cell_id[1:4], 16))]

    def _load(self, shard: Shard, columns: Sequence[str] | None, start: int, stop: int) -> Iterator[Rows]:
        for low in range(start, stop, CHUNK):
            size = min(CHUNK, stop - low)
            # Cells are compared trial by trial, and those of one chunk would be too alike.
            yield {name: np.roll(self._chunk[name], shard.source)[:size] for name in columns or self._chunk}


def peak(work: Any) -> int:
    """The most memory, in bytes, that a function holds at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def wide(trials: int) -> Plan:
    vary = {"activation": synthetic.ACTIVATIONS[:2], "init": ["normal", "zeros"]}
    return synthetic.plan(vary, trials, network={"hidden": [2], "bias": True, "output": "linear"})


def test_memory_grows_by_a_bit_for_each_trial() -> None:
    store = Endless(2)
    few, many = (peak(lambda n=n: sums.summed(store, "c123", n)) for n in (2**21, 2**22))
    assert many - few < 4 * 2**21 / 8 + 1e5
    held = peak(lambda: np.concatenate([rows["loss_last"] for rows in store.chunks("c123", 2**22)]))
    assert held > 10 * (many - few)


def test_averages_over_contexts_take_pieces_of_the_trials() -> None:
    plan = wide(2**23)
    random = np.random.default_rng(0)
    bits = {cell.id: random.integers(0, 256, 2**20, dtype=np.uint8) for cell in plan.cells}
    trials = [2**23] * 3 + [2**23 - 5]
    pairs = Converged(list(bits.values()), trials)
    groups = [np.array([0, 1]), np.array([2, 3])]
    found = []
    held = peak(lambda: found.append(pairs.groups(groups, np.array([0]), np.array([1]))))
    assert held < 60e6 < 2 * 2 * 2**23 + 8 * 2**23
    flags = [np.unpackbits(packed, count=2**23 - 5).astype(int) for packed in bits.values()]
    difference = flags[0] + flags[1] - flags[2] - flags[3]
    np.testing.assert_array_equal(found[0].counts[0], np.bincount(difference + 2, minlength=5))
    assert found[0].rate[0] == pytest.approx((flags[0] + flags[1]).mean() / 2, abs=1e-12)


@pytest.mark.parametrize("keep, most", [("trials", 24.0), ("summary", 1.0)])
def test_bytes_of_a_trial(tmp_path: Path, keep: str, most: float, undrawn: None) -> None:
    study = mcstudy.Study.model_validate(SINGLE | {"study": SINGLE["study"] | {"keep": keep}})
    results = mcstudy.run(study, out=tmp_path)
    of = ("trials", "summaries")
    stored = [path for folder in of for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in stored) <= most * 40_000
    if keep == "trials":
        groups = [pq.ParquetFile(path).metadata.row_group(0) for path in stored]
        sizes = {
            column.path_in_schema: column.total_compressed_size / 40_000
            for group in groups
            for column in (group.column(i) for i in range(group.num_columns))
        }
        assert sizes["trial"] < 0.2 and sizes["steps"] < 1 and all(size < 4.1 for size in sizes.values())
    assert results.rates["trials"][0] == 40_000


def test_threads_wait_for_what_has_to_be_stored() -> None:
    plan = make_plan(mcstudy.Study.model_validate(SINGLE))
    begun = 0

    def work() -> Iterator[Any]:
        nonlocal begun
        for unit in Work(plan.cells, plan.tables, {cell.id: [(0, 40_000)] for cell in plan.cells}, 2, 400):
            begun += 1
            yield unit

    received: list[int] = []

    def receive(results: list[UnitResult]) -> None:
        if not received:
            time.sleep(0.5)
            assert begun <= 2 * WAITING_UNITS + 1
        received.append(len(results[0].rows["trial"]))

    run_units(work(), 2, receive, lambda: None)
    assert sum(received) == 40_000 and begun == len(received)


@pytest.mark.slow
def test_ten_million_trials_are_added_up_in_seconds() -> None:
    plan = synthetic.plan(trials=10**7, network={"hidden": [2], "bias": True, "output": "linear"})
    start = time.perf_counter()
    held = peak(lambda: collect(plan, Endless(2)))
    assert time.perf_counter() - start < 60 and held < 1 << 30  # tracing takes twice the time
