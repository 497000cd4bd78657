"""Ctrl-C: a run stops at once, keeps what is done, and the next one goes on as if nothing had happened."""

from __future__ import annotations

import itertools
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import files, process, started

import mcstudy
from mcstudy.engine.recorder import Recorder
from mcstudy.engine.run import Progress, missing_trials, train
from mcstudy.engine.threads import UnitResult
from mcstudy.store import FolderStore, MemoryStore

LONG = """\
[study]
name = "long"
seed = 5
trials = 1_000_000

[task]
name = "sine"
samples = "trial"
size = 60
batch = 10

[network]
hidden = [8]

[train]
epochs = 300
optimizer = { name = "sgd", lr = 0.05 }

[converge]
loss = 1e-9
every = 100

[vary]
activation = ["tanh", "relu"]
init = ["normal", "zeros"]
"""
SECONDS = 5.0
"""A stop takes less than one second; a busy machine may take longer to say so."""


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The kernels and the loops of all parts, in the cache."""
    for study in (SHORT, tomllib.loads(LONG)):
        mcstudy.run(mcstudy.Study.model_validate(study), trials=1)


SHORT = {
    "study": {"name": "short", "seed": 3, "trials": 1500},
    "task": {"name": "relu", "batch": 4},
    "network": {"hidden": [2], "init": "normal"},
    "train": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 30},
    "converge": {"loss": 1e-3},
    "vary": {"activation": ["relu", "tanh", "elu"]},
}


class Terminal:
    """A process whose standard error is a terminal."""

    def __init__(self, run: subprocess.Popen[str], reader: int) -> None:
        self.run, self._reader = run, reader
        self.seen = ""

    def wait_for(self, pattern: str, seconds: float = 60.0) -> None:
        """Read until a pattern shows up."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            assert self.read(deadline - time.monotonic()), self.seen

    def read(self, seconds: float = 60.0) -> bool:
        """Read what is there or comes; False at the end."""
        assert select.select([self._reader], [], [], seconds)[0], self.seen
        try:
            text = os.read(self._reader, 4096).decode(errors="replace")
        except OSError:  # how Linux tells that the other side is closed
            return False
        self.seen += text
        return bool(text)

    def ended(self) -> tuple[int, float]:
        """Wait for the end: exit status and seconds that it took."""
        start = time.monotonic()
        while self.read():
            pass
        return self.run.wait(timeout=60), time.monotonic() - start


@contextmanager
def terminal(*arguments: object, folder: Path, **variables: str) -> Iterator[Terminal]:
    """A command whose standard error is a terminal."""
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 100))
    run = started(*arguments, folder=folder, stderr=writer, **variables)
    os.close(writer)
    try:
        yield Terminal(run, reader)
    finally:
        run.kill()
        run.wait()
        if run.stdout:
            run.stdout.close()
        os.close(reader)


def rows(folder: Path, cell: str) -> pd.DataFrame:
    """The rows of a cell, as the files give them; there may be none yet."""
    shards = sorted((folder / "trials" / f"cell={cell}").glob("*"))
    if not shards:
        return pd.DataFrame({"trial": np.zeros(0, np.int64)})
    return pd.concat([pd.read_parquet(shard) for shard in shards], ignore_index=True).sort_values("trial")


def temporary(folder: Path) -> list[str]:
    return [name for name in files(folder) if not re.search(r"\.(parquet|json|md|html|csv|png|toml)$", name)]


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    out = tmp_path / "out"
    with terminal("run", "long.toml", "--out", "out", folder=tmp_path) as shown:
        shown.wait_for(r"\| +[1-9][\d.]*k?/4\.00M ")
        shown.run.send_signal(signal.SIGINT)
        status, seconds = shown.ended()
        assert shown.run.stdout and shown.run.stdout.read() == ""
    assert status == 130
    assert seconds < SECONDS
    assert "interrupted; what was trained is stored, and the same command goes on from there" in shown.seen
    assert "Traceback" not in shown.seen
    assert temporary(tmp_path) == []
    assert not (out / "run.json").exists() and not (out / "report.md").exists()

    study = mcstudy.load(tmp_path / "long.toml")
    cells = [cell.id for cell in mcstudy.make_plan(study).cells]
    stored = {cell: rows(out, cell) for cell in cells}
    assert all(frame["trial"].is_unique for frame in stored.values())
    trials = 100 + max(int(frame["trial"].max()) for frame in stored.values() if len(frame))
    shards = {name: content for name, content in files(out).items() if name.startswith("trials/")}

    mcstudy.run(study, trials=trials, out=tmp_path / "whole")
    for cell, frame in ((cell, frame) for cell, frame in stored.items() if len(frame)):
        same = rows(tmp_path / "whole", cell).iloc[frame["trial"]].reset_index(drop=True)
        pd.testing.assert_frame_equal(frame.reset_index(drop=True), same, check_exact=True)

    result = process("run", "long.toml", "--out", "out", "--trials", trials, folder=tmp_path)
    assert result.status == 0
    done, total = sum(map(len, stored.values())), len(cells) * trials
    assert f"{done:,} of {total:,} trials are stored; training the other {total - done:,}" in result.err
    again = files(out)
    assert {name: again[name] for name in shards} == shards
    for cell in cells:
        assert list(rows(out, cell)["trial"]) == list(range(trials))
    undisturbed = files(tmp_path / "whole")
    drawn = [name for name in undisturbed if not name.startswith(("trials/", "run.json", "report.html"))]
    assert drawn and {name: again[name] for name in drawn} == {name: undisturbed[name] for name in drawn}


def test_impatience_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    with terminal("run", "long.toml", "--out", "out", folder=tmp_path) as shown:
        shown.wait_for(r"\| +[1-9][\d.]*k?/4\.00M ")
        for _ in range(40):
            shown.run.send_signal(signal.SIGINT)
            time.sleep(0.02)
        status, _ = shown.ended()
    assert status == 130
    assert "Traceback" not in shown.seen and "Error" not in shown.seen
    assert temporary(tmp_path) == []
    for cell in mcstudy.make_plan(mcstudy.load(tmp_path / "long.toml")).cells:
        assert rows(tmp_path / "out", cell.id)["trial"].is_unique


def test_ctrl_c_while_compiling(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)
    with terminal("run", "long.toml", folder=tmp_path, MCSTUDY_CACHE=str(tmp_path / "cache")) as shown:
        shown.wait_for("compiling the kernels")
        time.sleep(0.5)
        shown.run.send_signal(signal.SIGINT)
        status, seconds = shown.ended()
    assert (status, "interrupted" in shown.seen, "Traceback" in shown.seen) == (130, True, False)
    assert seconds < SECONDS


class Stopping(Progress):
    """Presses Ctrl-C after so many units."""

    def __init__(self, units: int) -> None:
        self.left = units

    def advance(self, rows: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_run_that_is_stopped_often_ends_as_an_undisturbed_one(threads: int) -> None:
    plan = mcstudy.make_plan(mcstudy.Study.model_validate(SHORT))
    whole, often = MemoryStore(), MemoryStore()
    train(plan, whole, 1500)
    stops = 0
    while True:
        try:
            trained = train(plan, often, 1500, threads, Stopping(2 + 3 * stops), unit_trials=50)
            break
        except KeyboardInterrupt:
            stops += 1
            for cell in plan.cells:
                history = often.read_history(cell.id)
                done = sum(min(512, stop) - min(512, start) for start, stop in often.ranges(cell.id))
                assert done <= (0 if history is None else len(history[1]))
    assert stops > 1 and trained < 4500
    for cell in plan.cells:
        assert often.digest(cell.id, 1500) == whole.digest(cell.id, 1500)
        assert len(often.read(cell.id, 1500)) == 1500
        for one, other in zip(often.read_history(cell.id), whole.read_history(cell.id), strict=True):
            np.testing.assert_array_equal(one, other)


def rows_of(number: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of trials that all converged, whose other values are their numbers."""
    losses = {name: number.astype(np.float32) for name in ("loss_first", "loss_last")}
    return {"trial": number, "outcome": np.zeros(len(number), np.uint8), "steps": number, **losses}


def test_rows_wait_for_earlier_histories() -> None:
    cell = mcstudy.make_plan(mcstudy.Study.model_validate(SHORT)).cells[0]

    def unit(first: int, last: int) -> list[UnitResult]:
        number = np.arange(first, last)
        kept = np.repeat(number[number < 512, None], 31, axis=1).astype(np.float32)
        return [UnitResult(cell, first, rows_of(number), kept, np.zeros((0, 0, 0)))]

    store = MemoryStore()
    recorder = Recorder(store, lambda rows: None)
    for first, last in [(500, 600), (600, 700), (100, 300)]:
        recorder.receive(unit(first, last))
    recorder.flush()
    assert store.ranges(cell.id) == [(600, 700)] and store.read_history(cell.id) is None
    recorder.receive(unit(0, 100))
    recorder.flush()
    assert store.ranges(cell.id) == [(0, 300), (600, 700)]
    recorder.receive(unit(300, 500))
    recorder.flush()
    assert store.ranges(cell.id) == [(0, 700)]
    _, losses = store.read_history(cell.id) or pytest.fail()
    np.testing.assert_array_equal(losses[:, 0], np.arange(512))


def test_ctrl_c_between_a_units_rows_and_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    [cell] = mcstudy.make_plan(mcstudy.Study.model_validate(SHORT | {"vary": {"activation": ["relu"]}})).cells
    unit = UnitResult(cell, 0, rows_of(np.arange(10)), np.zeros((10, 31), np.float32), np.zeros((0, 0, 0)))

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    store = MemoryStore()
    recorder = Recorder(store, lambda rows: None)
    with monkeypatch.context() as patch:
        patch.setattr("mcstudy.engine.recorder._History", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recorder.receive([unit])
    recorder.flush()
    assert store.ranges(cell.id) == [] and store.read_history(cell.id) is None
    recorder.receive([unit])
    recorder.flush()
    assert store.ranges(cell.id) == [(0, 10)] and len((store.read_history(cell.id) or pytest.fail())[1]) == 10


def test_ctrl_c_waits_for_a_flush() -> None:
    class Store(MemoryStore):
        def write(self, *arguments: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            super().write(*arguments)

    cells = mcstudy.make_plan(mcstudy.Study.model_validate(SHORT)).cells
    store = Store()
    recorder = Recorder(store, lambda rows: None)
    nothing = np.zeros((0, 31), np.float32), np.zeros((0, 0, 0))
    recorder.receive([UnitResult(cell, 0, rows_of(np.arange(10)), *nothing) for cell in cells])
    with pytest.raises(KeyboardInterrupt):
        recorder.flush()
    assert [store.ranges(cell.id) for cell in cells] == [[(0, 10)]] * 3


@pytest.mark.parametrize("kept, trained", [(0, 512), (100, 412), (511, 1)])
def test_lost_histories_are_made_again(kept: int, trained: int, tmp_path: Path) -> None:
    plan = mcstudy.make_plan(mcstudy.Study.model_validate(SHORT))
    store = FolderStore(tmp_path)
    store.open()
    train(plan, store, 1500)
    whole = files(tmp_path)
    first, *others = plan.cells
    path = tmp_path / "histories" / f"cell={first.id}.parquet"
    steps, losses = store.read_history(first.id) or pytest.fail()
    path.unlink()
    if kept:
        store.write_history(first.id, steps, losses[:kept])
    assert missing_trials(plan.cells, store, 1500).ranges == {first.id: [(kept, 512)]} | {c.id: [] for c in others}
    assert missing_trials(plan.cells, store, 200).rows == max(0, 200 - kept)
    assert train(plan, store, 1500, 2, unit_trials=50) == trained
    assert files(tmp_path) == whole


def test_a_lost_history_and_lost_rows(tmp_path: Path) -> None:
    plan = mcstudy.make_plan(mcstudy.Study.model_validate(SHORT))
    whole, store = MemoryStore(), MemoryStore()
    train(plan, whole, 1500)
    for cell in plan.cells:  # rows without histories, and gaps on both sides of the last history to be kept
        for start, stop in [(30, 80), (500, 600), (700, 1100)]:
            store.write(cell.id, start, whole.rows(cell.id, np.arange(start, stop)))
    expected = [(0, 512), (600, 700), (1100, 1500)]
    assert missing_trials(plan.cells, store, 1500).ranges == {cell.id: expected for cell in plan.cells}
    stops = 0
    while True:
        try:
            train(plan, store, 1500, 2, Stopping(4 + 3 * stops), unit_trials=50)
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops > 1 and missing_trials(plan.cells, store, 1500).rows == 0
    for cell in plan.cells:
        shards = sorted(shard[:2] for shard in store._shards(cell.id))
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(shards))
        assert store.digest(cell.id, 1500) == whole.digest(cell.id, 1500)
        for one, other in zip(store.read_history(cell.id), whole.read_history(cell.id), strict=True):
            np.testing.assert_array_equal(one, other)
