"""Files that are made safe together, samples that are written meanwhile, and sums that are found while rows are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic

from mcstudy import files, statistics
from mcstudy.closeup import Writing
from mcstudy.errors import RunError
from mcstudy.plan import Plan
from mcstudy.store import FolderStore, MemoryStore, Store


def with_histories(plan: Plan, store: Store, sizes: tuple[int, ...]) -> None:
    """Write the rows and the first 50 histories of each cell in two pieces, cut at `sizes`; in one for size 0."""
    for cell, size in zip(plan.cells, sizes, strict=True):
        rows = synthetic.rows(200, cell.index, units=3)
        losses = np.random.default_rng(cell.index).lognormal(size=(50, 101)).astype(np.float32)
        losses[np.arange(101) * 2 > rows["steps"][:50, None]] = np.nan
        with store.together():
            store.write_history(cell.id, np.arange(101) * 2, losses)
        with store.together():
            for first, last in ((0, size), (size, 200)):
                store.write(cell.id, first, {name: values[first:last] for name, values in rows.items()})


def test_what_is_seen_while_rows_are_stored_is_what_reading_them_gives(tmp_path: Path) -> None:
    plan = synthetic.plan({"activation": ["relu", "elu", "tanh"]})
    store = FolderStore(tmp_path)
    store.open()
    store.watcher = seen = statistics.Seen(plan)
    with_histories(plan, store, (0, 70, 0))
    assert list(seen.losses) == [plan.cells[0].id, plan.cells[2].id]
    read, digests = statistics.tallies_and_digests(plan, store, 200)
    found, known = seen.tallies_and_digests(store, 200)
    assert known == digests and repr(found) == repr(read)
    losses = statistics.losses(plan, store, 200, seen.losses)
    pd.testing.assert_frame_equal(losses, statistics.losses(plan, store, 200))
    assert len(losses) == 303
    fewer = seen.tallies_and_digests(store, 131)
    assert repr(fewer) == repr(statistics.tallies_and_digests(plan, store, 131))


def test_sums_that_are_seen_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = synthetic.plan({"activation": ["relu", "elu"]}), MemoryStore()
    store.watcher = seen = statistics.Seen(plan)
    with_histories(plan, store, (0, 0))
    monkeypatch.setattr(MemoryStore, "_load", lambda *_: pytest.fail("rows are read"))
    seen.tallies_and_digests(store, 200)
    statistics.losses(plan, store, 200, seen.losses)


def test_files_of_a_lot_are_there_when_it_ends_and_folders_are_synced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    store = FolderStore(tmp_path)
    store.open()
    synced.clear()
    with store.together():
        for cell in "abc":
            store.write_history(cell, np.arange(3), np.ones((2, 3), np.float32))
            store.write(cell, 0, synthetic.rows(4))
            assert store.read_history(cell) is None and not store.ranges(cell)
    assert all(store.read_history(cell) is not None and store.ranges(cell) == [(0, 4)] for cell in "abc")
    trials = tmp_path / "trials"
    assert sorted(synced) == [tmp_path / "histories", trials, *(trials / f"cell={cell}" for cell in "abc")]


def test_a_lot_keeps_what_the_disk_takes_and_says_what_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, replace = FolderStore(tmp_path), os.replace
    store.open()

    def refuse(source: Path, target: Path) -> None:
        if "cell=b" in str(target):
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(RunError, match=r"cell=b.*: cannot be written \(Input/output error\)"), store.together():
        for cell in "abc":
            store.write(cell, 0, synthetic.rows(4))
    assert [store.ranges(cell) for cell in "abc"] == [[(0, 4)], [], [(0, 4)]]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_block_that_fails_keeps_what_was_written_before(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.open()
    with pytest.raises(KeyboardInterrupt), store.together():
        store.write("a", 0, synthetic.rows(4))
        raise KeyboardInterrupt
    assert store.ranges("a") == [(0, 4)] and not list(tmp_path.rglob("*.tmp"))


def test_a_sample_that_cannot_be_written_is_told_at_the_end(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.open()
    with Writing(store) as writing:
        writing.write("a", {"x": np.arange(3)})
    kept = store.read_sample("a")
    assert kept is not None and kept["x"].tolist() == [0, 1, 2]
    file = tmp_path / "histories" / "cell=a.npz"
    content = file.read_bytes()
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        found = store.read_sample("a")
        assert found is None or set(found) != {"x"} or found["x"].tolist() == [0, 1, 2]
    file.unlink()
    (tmp_path / "histories").rmdir()
    with pytest.raises(RunError, match=r"cell=a.npz: cannot be written"), Writing(store) as writing:
        writing.write("a", {"x": np.arange(3)})
