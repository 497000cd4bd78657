"""Cells of different numbers of trials: every frame, the record and the report follow the number of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import synthetic

from mcstudy import manifest, report, statistics
from mcstudy.again.folder import open_run
from mcstudy.api import Results
from mcstudy.engine.run import missing_trials
from mcstudy.errors import RunError
from mcstudy.plan import Plan, Trials
from mcstudy.store import FolderStore, MemoryStore, Store

COUNTS = (200, 64, 131)


@pytest.fixture
def plan() -> Plan:
    return synthetic.plan({"activation": ["relu", "elu", "tanh"]})


def counted(plan: Plan) -> dict[str, int]:
    return {cell.id: count for cell, count in zip(plan.cells, COUNTS, strict=True)}


def recorded(plan: Plan, store: Store, trials: Trials, trained: int, command: str | None = None) -> dict[str, Any]:
    """Write the record of a run of one thread."""
    digests = {cell: store.digest(cell, count) for cell, count in plan.counts(trials).items()}
    return manifest.write(plan, store, trials, trained, 1, manifest.Clock(), command, digests)


def test_a_plan_counts_the_trials_of_each_cell(plan: Plan) -> None:
    ids = [cell.id for cell in plan.cells]
    assert plan.counts() == dict.fromkeys(ids, 200) and plan.counts(7) == dict.fromkeys(ids, 7)
    shuffled = dict(reversed(counted(plan).items()))
    assert list(plan.counts(shuffled).items()) == list(counted(plan).items())
    with pytest.raises(KeyError):
        plan.counts({ids[0]: 3})


def test_frames_follow_the_count_of_each_cell(plan: Plan) -> None:
    store, counts = synthetic.filled(plan), counted(plan)
    for make in (statistics.rates, statistics.curves, statistics.losses):
        whole = make(plan, store, counts)
        for cell, count in zip(plan.cells, COUNTS, strict=True):
            alone = make(plan, store, count)
            parts = (frame[frame["cell"] == cell.id].reset_index(drop=True) for frame in (whole, alone))
            pd.testing.assert_frame_equal(next(parts), next(parts))
    assert statistics.rates(plan, store, counts)["trials"].tolist() == list(COUNTS)


def test_results_hold_the_trials_of_each_cell(plan: Plan) -> None:
    results = Results(plan, counted(plan), 0, None, synthetic.filled(plan))
    sizes = results.trials.groupby("cell", observed=True).size()
    assert [int(sizes[cell.id]) for cell in plan.cells] == list(COUNTS)
    assert results.rates["trials"].tolist() == list(COUNTS)


def test_each_cell_lacks_its_own_trials(plan: Plan) -> None:
    store = MemoryStore()
    store.open()
    first, second, third = plan.cells
    store.write(second.id, 0, synthetic.rows(64))
    store.write(third.id, 0, synthetic.rows(64))
    assert missing_trials(plan.cells, store, counted(plan)).rows == 200 + 64 + 131  # there are no histories
    steps = synthetic.np.arange(0, 201, 2)
    for cell in (second, third):
        store.write_history(cell.id, steps, synthetic.np.ones((64, len(steps)), synthetic.np.float32))
    missing = missing_trials(plan.cells, store, counted(plan))
    assert missing.ranges == {first.id: [(0, 200)], second.id: [], third.id: [(64, 131)]}
    assert missing.rows == 267


def test_the_record_has_the_counts_and_keeps_them(plan: Plan, tmp_path: Path) -> None:
    store, counts = synthetic.filled(plan, FolderStore(tmp_path)), counted(plan)
    record = recorded(plan, store, counts, 395)
    assert record["trials"] == 200 and record["counts"] == counts
    assert record["digest"] == {cell: store.digest(cell, count) for cell, count in counts.items()}
    assert manifest.reported(open_run(str(tmp_path)).record) == counts
    assert recorded(plan, store, counts, 0, "again") == record
    # The same rows, of which more are reported: the record changes, what it vouched for is looked at.
    more = recorded(plan, store, 200, 5)
    assert "counts" not in more and manifest.reported(more) == 200
    back = recorded(plan, store, counts, 0)
    assert back["counts"] == counts and back["digest"] == record["digest"]


def test_other_rows_than_those_counted_are_told(plan: Plan, tmp_path: Path) -> None:
    store, counts = synthetic.filled(plan, FolderStore(tmp_path)), counted(plan)
    record = recorded(plan, store, counts, 395)
    second = plan.cells[1].id
    store.write_manifest({**record, "digest": {**record["digest"], second: store.digest(second, 63)}})
    with pytest.raises(RunError, match=f"the rows of cell {second}"):
        recorded(plan, store, 200, 5)


@pytest.mark.parametrize("counts", [{"c0": 3}, [1, 2, 3], {}, "many"])
def test_counts_that_are_none_are_no_record(plan: Plan, tmp_path: Path, counts: object) -> None:
    store = synthetic.filled(plan, FolderStore(tmp_path))
    record = recorded(plan, store, counted(plan), 395)
    store.write_manifest({**record, "counts": counts})
    with pytest.raises(RunError, match="is not the record of a run"):
        open_run(str(tmp_path))


def test_a_report_tells_the_trials_of_each_cell(plan: Plan, tmp_path: Path, plain: None) -> None:
    store = synthetic.filled(plan)
    report.write(plan, store, tmp_path, None, counted(plan))
    text = (tmp_path / "report.md").read_text()
    assert "Of 64 to 200 trials each, so many converged" in text
    assert "| trials per cell | 64 to 200, of up to 200 |" in text
    assert "Trials per cell: 64 to 200." in text and "| `elu` | 64 |" in text
    assert "--trials 200 --seed 1" in text
    report.write(plan, store, tmp_path / "alike", None, {cell.id: 64 for cell in plan.cells})
    assert "| trials per cell | 64, of up to 200 |" in (tmp_path / "alike" / "report.md").read_text()
