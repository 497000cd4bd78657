"""One run to a folder: who comes second is told so, and what a dead process held needs no hand."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import small
from commands import Command, files

from mcstudy import locks

HOLD = """\
import sys, time
from pathlib import Path
from mcstudy import locks
with locks.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def another(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of a folder."""
    run = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout and run.stdout.readline() == "held\n"
        yield run
    finally:
        run.kill()
        run.wait()
        run.stdout.close()


def no_locks(descriptor: int) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def test_the_second_run_is_told_and_the_others_read_what_is_there(place: Path, command: Command, undrawn: None) -> None:
    (place / "small.toml").write_text(small.TEXT)
    assert command("run", "small.toml").status == 0
    folder = place / "reports/small"
    with another(folder) as holder:
        before = files(folder)
        for arguments in (["run", "small.toml", "--trials", 900], ["run", "small.toml"]):
            result = command(*arguments)
            assert result.status == 2 and result.out == ""
            said = f"reports/small: another run is writing to this folder (process {holder.pid} on "
            assert result.err.startswith(said)
            assert result.err.endswith("wait until it has ended, or give this one another folder with --out\n")
        assert files(folder) == before
        for arguments in (["report"], ["verify", "--sample", 20]):
            result = command(arguments[0], "reports/small", *arguments[1:])
            assert result.status == 0, result.err
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert (folder / locks.LOCK).exists()
        result = command("run", "small.toml", "--trials", 700)
        assert result.status == 0, result.err
    assert not (folder / locks.LOCK).exists()


@pytest.mark.parametrize("system", [True, False])
def test_one_at_a_time_and_none_is_left_out(system: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not system:
        monkeypatch.setattr(locks, "_lock", no_locks)
    inside, most, held = 0, 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most, held
        mine, until = 0, time.monotonic() + 30
        while mine < 5 and time.monotonic() < until:
            try:
                with locks.held(tmp_path):
                    with guard:
                        inside, held, mine = inside + 1, held + 1, mine + 1
                        most = max(most, inside)
                    time.sleep(0.001)
                    with guard:
                        inside -= 1
            except locks.BusyError as error:
                assert "process" in str(error)
            time.sleep(0.001)

    pool = [threading.Thread(target=work) for _ in range(4)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    assert (most, held) == (1, 20)
    assert list(tmp_path.iterdir()) == []


def test_names_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_lock", no_locks)
    path = tmp_path / locks.HOLDER
    with locks.held(tmp_path) as notice:
        assert notice == ""
        me = json.loads(path.read_bytes())
        assert me["process"] == os.getpid()
        with pytest.raises(locks.BusyError, match=f"process {os.getpid()} on "), locks.held(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
    # The dead, one whose number another process has now, and what was never written in full: all of them are passed.
    stale = [me | {"process": 2**22 + 1}, me | {"began": "another start"}, {}, {"process": "x"}, [1]]
    for content in [*map(json.dumps, stale), "", "{"]:
        path.write_text(content)
        with locks.held(tmp_path) as notice:
            assert notice == "" and json.loads(path.read_bytes()) == me
        assert not path.exists()
    path.write_text(json.dumps(me | {"machine": "ffffff", "host": "node7", "process": 5}))
    with locks.held(tmp_path) as notice:
        assert notice == "perhaps also process 5 on node7 is at work here; the rows of both are the same"
    assert list(tmp_path.iterdir()) == []


def test_a_process_of_another_machine_is_told_of(
    place: Path, command: Command, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_lock", no_locks)
    (place / "small.toml").write_text(small.TEXT)
    (place / "out").mkdir()
    (place / "out" / locks.HOLDER).write_text(json.dumps({"machine": "ffffff", "host": "node7", "process": 5}))
    result = command("run", "small.toml", "--out", "out", "--quiet")
    assert result.status == 0
    assert (
        result.err == "mcstudy: out: perhaps also process 5 on node7 is at work here; the rows of both are the same\n"
    )


def test_a_lock_that_cannot_be_made_is_told(place: Path, command: Command) -> None:
    (place / "small.toml").write_text(small.TEXT)
    (place / "out" / locks.LOCK).mkdir(parents=True)
    result = command("run", "small.toml", "--out", "out")
    assert result.status == 2
    assert result.err.startswith("out: cannot be used as the output folder (Is a directory)")
