"""Operations on files fail, once or from then on: a run ends well or says why, and the next one ends well."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import small
from commands import Command, files
from faults import ERRORS, faulty

import mcstudy
from mcstudy import report, signals
from mcstudy.engine import recorder, threads
from mcstudy.plan import Plan
from mcstudy.store import FolderStore

ARGUMENTS = ("small.toml", "--out", "out", "--threads", "1")
SAID = re.compile(r"out\S*: .*(cannot be|another run)")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return small.make_small()


@pytest.fixture(scope="module")
def wanted(plan: Plan) -> dict[str, object]:
    return small.expected(plan, plan.study.trials)


@pytest.fixture
def often(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where every unit is stored as it comes, in a report that is drawn at once."""
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "FLUSH_SHARE", 0.0)
    monkeypatch.setattr("mcstudy.engine.work.MOST_PACKS", 1)
    (place / "small.toml").write_text(small.TEXT)
    return place


def is_well(place: Path, command: Command, plan: Plan, wanted: dict[str, object]) -> None:
    """The next run, without faults, ends with the rows of an undisturbed one and leaves nothing behind."""
    result = command("run", *ARGUMENTS)
    assert result.status == 0, result.err
    store = FolderStore(place / "out")
    assert small.stored(plan, store, plan.study.trials) == wanted
    record = store.read_manifest() or {}
    assert record["digest"] == {cell: digest for cell, (digest, _) in wanted.items()}
    assert [path.name for path in (place / "out").rglob(".*")] == []
    assert list((place / "out").rglob("*.damaged*")) == []


def operations(place: Path, command: Command) -> list[str]:
    """The operations of an undisturbed run."""
    with faulty(place / "out") as disk:
        assert command("run", *ARGUMENTS).status == 0
    kinds = {line.split()[0] for line in disk.done}
    assert kinds >= {"open", "write", "fsync", "replace", "listdir", "scandir", "read", "mkdir", "unlink"}
    shutil.rmtree(place / "out")
    return disk.done


def disturb(place: Path, command: Command, plan: Plan, wanted: dict[str, object], first: int, last: int) -> int:
    """A run whose operations [first, last) fail, and the next; the status of the first of them."""
    number = ERRORS[first % len(ERRORS)]
    with faulty(place / "out", first, last, number) as disk:
        result = command("run", *ARGUMENTS)
    what = f"{first}: {disk.done[first]}, {errno.errorcode[number]}"
    assert result.status in (0, 2), what
    assert "Traceback" not in result.err, what
    if result.status == 2:
        assert SAID.search(result.err) and os.strerror(number) in result.err, f"{what}: {result.err}"
        assert len(result.err.splitlines()) < 6
    is_well(place, command, plan, wanted)
    shutil.rmtree(place / "out")
    return result.status


@pytest.mark.parametrize("step", [61, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("lasting", [False, True])
def test_an_operation_that_fails(
    lasting: bool, step: int, often: Path, command: Command, undrawn: None, plan: Plan, wanted: dict[str, object]
) -> None:
    done = operations(often, command)
    # When the folder of a history cannot be synced, the history is there and the run takes it for not there.
    chosen = [*range(20 * lasting, len(done), step), *([] if lasting else [done.index("fsync histories", 40)])]
    ends = [disturb(often, command, plan, wanted, k, len(done) if lasting else k + 1) for k in chosen]
    assert ends.count(2) > len(chosen) / 2


def stop_after(monkeypatch: pytest.MonkeyPatch, units: int, action: Callable[[], None]) -> None:
    """Do something in a worker thread before it trains its unit number `units`, and later ones."""
    real, count = threads.run_unit, itertools.count()

    def run_unit(*arguments: Any) -> Any:
        if next(count) >= units:
            action()
        return real(*arguments)

    monkeypatch.setattr(threads, "run_unit", run_unit)


def raising(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_signals_end_a_run_as_ctrl_c_does(
    name: str,
    status: int,
    often: Path,
    command: Command,
    undrawn: None,
    plan: Plan,
    wanted: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = getattr(signal, name)
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    real, count = threads.run_unit, itertools.count()

    def run_unit(unit: Any, memory: Any, stop: Any) -> Any:
        if next(count) == 7:
            os.kill(os.getpid(), number)
            until = time.monotonic() + 20
            while not stop[0] and time.monotonic() < until:
                time.sleep(0.01)
        return real(unit, memory, stop)

    with monkeypatch.context() as patch:
        patch.setattr(os, "_exit", sys.exit)
        patch.setattr(threads, "run_unit", run_unit)
        try:
            result = command("run", *ARGUMENTS)
        finally:
            for n, handler in before.items():
                signal.signal(n, handler)
    assert result.status == status
    assert result.err.endswith("interrupted; what was trained is stored, and the same command goes on from there\n")
    store = FolderStore(often / "out")
    done = sum(stop - start for cell in plan.cells for start, stop in store.ranges(cell.id))
    assert 0 < done < 1200 and "Traceback" not in result.err
    assert not (often / "out" / ".lock").exists()
    is_well(often, command, plan, wanted)


def test_a_signal_that_was_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        with signals.listening():
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(signals.Stopped):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


FAILURES = {
    "memory": (
        MemoryError("8 GiB"),
        "memory has run out; what was finished is stored: go on with smaller networks, or fewer points",
    ),
    "worker": (
        ZeroDivisionError("by zero"),
        "a worker thread failed (ZeroDivisionError in test_faults.py, line ",
        "should it fail again, it is a fault of mcstudy",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_worker_that_fails(
    failure: str,
    often: Path,
    command: Command,
    undrawn: None,
    plan: Plan,
    wanted: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error, *said = FAILURES[failure]
    with monkeypatch.context() as patch:
        stop_after(patch, 7, raising(error))
        result = command("run", *ARGUMENTS)
    assert result.status == 2 and "Traceback" not in result.err
    assert all(words in result.err for words in said), result.err
    store = FolderStore(often / "out")
    assert sum(stop - start for cell in plan.cells for start, stop in store.ranges(cell.id)) > 0
    is_well(often, command, plan, wanted)


def test_memory_that_runs_out_elsewhere(often: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcstudy.api.write_report", lambda *arguments: raising(MemoryError())())
    result = command("run", *ARGUMENTS)
    assert result.status == 2
    assert (
        result.err.splitlines()[-1] == "memory has run out; what was trained is stored, and fewer --threads need less"
    )


@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_that_is_removed_during_a_run(
    whole: bool,
    often: Path,
    command: Command,
    undrawn: None,
    plan: Plan,
    wanted: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = (often / "out" if whole else often / "out" / "trials", often / "away")

    def move() -> None:
        with suppress(FileNotFoundError):  # at once: to remove file by file is a race with the run, which writes more
            os.rename(*away)

    with monkeypatch.context() as patch:
        stop_after(patch, 7, move if whole else lambda: shutil.rmtree(away[0], ignore_errors=True))
        result = command("run", *ARGUMENTS)
    assert result.status == 2 and "Traceback" not in result.err
    if whole:
        assert "out: the output folder is gone; put it back, or run again to train everything" in result.err
        assert not (often / "out").exists()
    else:
        assert "is not stored" in result.err or "cannot be written" in result.err
    is_well(often, command, plan, wanted)


def test_a_file_system_that_does_not_rename(often: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(threads, "run_unit", raising(AssertionError("trained")))
    result = command("run", *ARGUMENTS)
    assert result.status == 2
    said = "out: cannot be used as the output folder (Operation not permitted); another one can be given with --out\n"
    assert result.err == said


def test_a_rename_that_is_not_atomic(
    often: Path,
    command: Command,
    undrawn: None,
    plan: Plan,
    wanted: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine stops amid a rename that copies: half a file bears its final name, and the next run finds that."""
    real = os.replace

    def half(source: Path, target: Path) -> None:
        real(source, target)
        if Path(target).suffix == ".parquet" and len(list((often / "out").rglob("*.parquet"))) > 6:
            os.truncate(target, os.stat(target).st_size // 2)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", half)
        patch.setattr(os, "_exit", sys.exit)
        handler = signal.getsignal(signal.SIGINT)
        try:
            assert command("run", *ARGUMENTS).status in (2, 130)  # 2: the history of an interrupted run is read again
        finally:
            signal.signal(signal.SIGINT, handler)
    result = command("run", *ARGUMENTS)
    assert result.status == 0 and ".parquet: is damaged (" in result.err and "it is set aside as " in result.err
    for file in (often / "out").rglob("*.damaged"):
        file.unlink()
    is_well(often, command, plan, wanted)


def test_a_file_system_that_cannot_sync_folders(
    often: Path,
    command: Command,
    undrawn: None,
    plan: Plan,
    wanted: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    is_well(often, command, plan, wanted)


def test_no_clock_that_can_jump_is_asked(
    often: Path,
    command: Command,
    undrawn: None,
    plan: Plan,
    wanted: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jumps = itertools.cycle([0.0, 4e9, 1e9, 2e9])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(jumps) * 1e9))
    is_well(often, command, plan, wanted)
    sources = Path(mcstudy.__file__).parent.rglob("*.py")
    assert [file.name for file in sources if "time.time" in file.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("step", [61, pytest.param(9, marks=pytest.mark.slow)])
def test_a_report_that_cannot_be_written(
    step: int, often: Path, command: Command, monkeypatch: pytest.MonkeyPatch, sketched: None
) -> None:
    drawn: dict[str, Any] = {}
    draw = report.draw

    def once(drawing: Any, *others: Any) -> Any:
        if drawing.heading not in drawn:
            drawn[drawing.heading] = draw(drawing, *others)
        return drawn[drawing.heading]

    monkeypatch.setattr(report, "draw", once)
    assert command("run", *ARGUMENTS).status == 0
    whole = files(often / "out")
    with faulty(often / "out") as disk:
        assert command("report", "out").status == 0
    assert files(often / "out") == whole and len(disk.done) > 100
    chosen = range(0, len(disk.done), step)
    ends = []
    for k in chosen:
        number = ERRORS[k % len(ERRORS)]
        with faulty(often / "out", k, len(disk.done), number):
            result = command("report", "out")
        ends.append(result.status)
        assert result.status in (0, 2) and "Traceback" not in result.err, disk.done[k]
        assert result.status == 0 or (SAID.search(result.err) and os.strerror(number) in result.err), result.err
    assert ends.count(2) > len(ends) / 2
    assert command("report", "out").status == 0
    assert files(often / "out") == whole
