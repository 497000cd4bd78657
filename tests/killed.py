"""Runs of a small study that are killed at random moments and then finished; a script, for `test_kills.py`.

    python killed.py FOLDER RUNS

It imports and compiles once, and forks a process for every run, which costs a few milliseconds. After some kills of
every second run a file of the folder is cut short, as a power cut leaves it on a disk that lies about syncing. It
prints JSON: a list with, for each run, the kills that came before the run was over, the most trials stored at one of
them, the files that were cut, what is left of temporary files, and whether all is as after an undisturbed run.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import small

import mcstudy
from mcstudy import api, files
from mcstudy.engine import recorder
from mcstudy.plan import Plan
from mcstudy.store import FolderStore, Store


def fork(plan: Plan, folder: Path) -> int:
    """A process that runs the study; its number."""
    child = os.fork()
    if child:
        return child
    status = 3
    with contextlib.suppress(BaseException):
        mcstudy.run(plan.study, out=folder, threads=2, unit_trials=small.UNIT)
        status = 0
    os._exit(status)


def ended(child: int, until: Callable[[], bool]) -> bool:
    """Wait until a process has ended, which it can only do well, or something else is the case; whether it has."""
    while not until():
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            assert os.waitstatus_to_exitcode(status) == 0, "a run failed"
            return True
        time.sleep(0.002)
    return False


def after(seconds: float) -> Callable[[], bool]:
    """Whether so much time has passed from now on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def names(folder: Path) -> int:
    """How many files and folders a folder has, those included that are being written."""
    return sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


def disturbed(
    plan: Plan, folder: Path, wanted: dict[str, object], chance: random.Random, cut: bool, whole: int
) -> dict[str, object]:
    """A run that is killed 1 to 5 times; `whole` is the number of names in the folder of one that has ended."""
    store = FolderStore(folder)
    kills = most = damaged = 0
    for _ in range(chance.randint(1, 5)):
        enough = chance.uniform(names(folder), whole)
        child = fork(plan, folder)
        if ended(child, lambda enough=enough: names(folder) >= enough) or ended(child, after(chance.uniform(0, 0.01))):
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        most = max(most, sum(stop - start for c in plan.cells for start, stop in Store.ranges(store, c.id)))
        shards = sorted(folder.glob("*/**/*.parquet"))
        if cut and shards and chance.random() < 0.5:
            victim = chance.choice(shards)
            os.truncate(victim, chance.randrange(victim.stat().st_size))
            damaged += 1
    assert ended(fork(plan, folder), after(60)), "a run hangs"
    left = [path.name for path in folder.rglob(".*")]
    record = store.read_manifest() or {}
    found = small.stored(plan, store, plan.study.trials)
    vouched = record["digest"] == {cell: digest for cell, (digest, _) in found.items()}
    aside = len(list(folder.rglob("*.damaged*")))
    same = found == wanted and vouched
    return {"kills": kills, "most": most, "cut": damaged, "aside": aside, "left": left, "same": same}


def main(folder: str, runs: str) -> None:
    warnings.simplefilter("ignore")  # damaged files are told of by warnings
    plan = small.make_small()
    wanted = small.expected(plan, plan.study.trials)
    recorder.FLUSH_SECONDS = recorder.FLUSH_SHARE = 0.0  # every unit is stored as it comes
    os.fsync = lambda descriptor: None  # a kill loses nothing that a process has written
    api.write_report = lambda plan, store, folder, *others: files.write_bytes(folder / "report.md", b"drawn")
    place, chance = Path(folder), random.Random(1)
    mcstudy.run(plan.study, out=place / "whole", threads=2, unit_trials=small.UNIT)  # imports all that a run needs
    whole = names(place / "whole")
    found = [disturbed(plan, place / str(i), wanted, chance, i % 2 == 1, whole) for i in range(int(runs))]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
