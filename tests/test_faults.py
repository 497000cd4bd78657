"""Operations on files fail, once or from then on: a run ends well or says why, and the next one ends well."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

import pytest
import small
from commands import Command
from faults import ERRORS, faulty

from mcstudy.engine import recorder
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
    monkeypatch.setattr("mcstudy.engine.threads.MOST_PACKS", 8)
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


@pytest.mark.parametrize("step", [43, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("lasting", [False, True])
def test_an_operation_that_fails(
    lasting: bool, step: int, often: Path, command: Command, undrawn: None, plan: Plan, wanted: dict[str, object]
) -> None:
    done = operations(often, command)
    # When the folder of a history cannot be synced, the history is there and the run takes it for not there.
    chosen = [*range(20 * lasting, len(done), step), *([] if lasting else [done.index("fsync histories", 40)])]
    ends = [disturb(often, command, plan, wanted, k, len(done) if lasting else k + 1) for k in chosen]
    assert ends.count(2) > len(chosen) / 2
