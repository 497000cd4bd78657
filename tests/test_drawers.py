"""Figures that other processes draw: the same bytes, and drawn here where a process is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
import synthetic
from commands import files

import mcstudy
from mcstudy import report
from mcstudy.closeup import CLOSEUPS
from mcstudy.drawers import LEAST_CELLS, MOST, Drawers, fitting
from mcstudy.figures import FIGURES, Drawn, draw
from mcstudy.plan import Plan

STUDY: dict[str, Any] = {
    "study": {"name": "drawn", "seed": 1, "trials": 64},
    "task": {"name": "distance", "batch": 10},
    "network": {"hidden": [3], "bias": False},
    "train": {"steps": 100},
    "converge": {"loss": 0.01},
    "vary": {
        "activation": ["relu", "tanh"],
        "init": ["normal", "uniform"],
        "optimizer": [{"name": "sgd", "lr": 0.1}, {"name": "adam", "lr": 0.01}],
    },
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return synthetic.plan({"activation": synthetic.ACTIVATIONS[:4], "init": synthetic.INITS[:2]})


@pytest.fixture(scope="module")
def frames(plan: Plan) -> Mapping[str, Any]:
    return report.collect(plan, synthetic.filled(plan))


class Nothing:
    """A closeup without cells."""

    cells: tuple[str, ...] = ()
    of = 0


def reported(folder: Path) -> dict[str, bytes]:
    """What a report is, but for the page, which tells of the run."""
    return {name: content for name, content in files(folder).items() if name.endswith((".md", ".csv", ".png"))}


def answered(drawers: Drawers, frame: Any, plan: Plan, anytime: bool = False) -> Future[Drawn]:
    """The rates, asked for, and waited for."""
    asked = drawers.ask("rates", frame, plan.keys, anytime)
    assert asked is not None
    wait([asked])
    return asked


def test_all_figures_of_a_run_can_be_drawn_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = mcstudy.Study.model_validate(STUDY)
    mcstudy.run(study, out=tmp_path / "here")
    drawn = []

    def all_of_them(self: Drawers, asked: Any) -> Any:
        drawn.append(asked.result())
        return drawn[-1]

    monkeypatch.setattr(Drawers, "take", all_of_them)
    monkeypatch.setattr(report, "draw", None)
    mcstudy.run(study, out=tmp_path / "there", drawers=2)
    assert len(drawn) == len(FIGURES)
    closeups = {name for name, drawing in FIGURES.items() if drawing.frame in CLOSEUPS}
    assert len({one.pages[0][0] for one in drawn if one.pages} & closeups) >= 3
    assert reported(tmp_path / "there") == reported(tmp_path / "here")


def test_what_nobody_has_begun_is_drawn_here(
    plan: Plan, frames: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = synthetic.filled(plan)
    report.write(plan, store, tmp_path / "here")
    drawn = []
    take = Drawers.take

    def noted(self: Drawers, asked: Any) -> Any:
        drawn.append(take(self, asked))
        return drawn[-1]

    monkeypatch.setattr(Drawers, "take", noted)
    with Drawers(1, LEAST_CELLS) as drawers:
        drawers.start()
        answered(drawers, frames["rates"], plan)
        report.write(plan, store, tmp_path / "both", drawers=drawers)
        assert None in drawn and any(one is not None for one in drawn)
        asked = [drawers.ask("rates", frames["rates"], plan.keys, False) for _ in range(20)]
        assert drawers.take(asked[-1]) is None and asked[0] is not None
        wait([asked[0]])
        assert drawers.take(asked[0]) == draw(FIGURES["rates"], frames["rates"], plan.keys)
    assert reported(tmp_path / "both") == reported(tmp_path / "here")


@pytest.mark.parametrize("count, cells, processes", [(5, 100, MOST), (1, LEAST_CELLS, 1), (4, LEAST_CELLS - 1, 0)])
def test_how_many_there_are(
    plan: Plan, frames: Mapping[str, Any], count: int, cells: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    barrier = threading.Barrier(max(1, processes), timeout=60)

    def begin(self: Drawers) -> None:
        begun.append(self)
        barrier.wait()

    monkeypatch.setattr(Drawers, "_begin", begin)
    with Drawers(count, cells) as drawers:
        drawers.start()
        asked = drawers.ask("rates", frames["rates"], plan.keys, False)
    assert len(begun) == processes and (asked is None) == (processes == 0)


@pytest.mark.parametrize(
    "threads, gigabytes, processes", [(1, 64, 0), (4, 64, 3), (4, 1.9, 0), (4, 2, 1), (4, None, 3), (None, 64, 6)]
)
def test_how_many_fit(
    threads: int | None, gigabytes: float | None, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = None if gigabytes is None else int(gigabytes * 2**30)
    monkeypatch.setattr("mcstudy.engine.program.memory_bytes", lambda: memory)
    monkeypatch.setattr("mcstudy.engine.threads.available_threads", lambda: 7)
    assert fitting(threads) == processes


@pytest.mark.parametrize("executable", ["/there/is/no/such/python", sys.executable])
def test_a_process_that_is_lost(
    plan: Plan, frames: Mapping[str, Any], executable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Drawers(1, LEAST_CELLS) as drawers:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", executable)
            first = answered(drawers, frames["rates"], plan)
        for process in drawers._processes:
            process.kill()
        there = drawers.take(first)
        asked = [drawers.ask(name, frames[FIGURES[name].frame], plan.keys, False) for name in ("outcomes", "causes")]
        wait([one for one in asked if one is not None])
        assert [drawers.take(one) for one in asked] == [None, None]
    assert (there is not None) == (executable == sys.executable)


def test_faults_are_met_here(plan: Plan, frames: Mapping[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    with Drawers(1, LEAST_CELLS) as drawers:
        given = (lambda: None, frames["rates"], frames["rates"].drop(columns="rate"))
        there = [drawers.take(answered(drawers, frame, plan)) is not None for frame in given]
        assert there == [False, True, False]
    with Drawers(1, LEAST_CELLS) as drawers:
        faulty = {**frames, "rates": frames["rates"].drop(columns="rate"), **dict.fromkeys(CLOSEUPS, Nothing())}
        figures = report._Figures(plan, faulty, drawers)
        figures.ask()
        with pytest.raises(KeyError, match="rate"):
            figures.drawn()
    assert "Traceback" not in capfd.readouterr().err


def test_no_thread_is_left_for_them(plan: Plan, frames: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: object, *_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refused)
    with Drawers(1, LEAST_CELLS) as drawers:
        drawers.start()
        assert drawers.take(drawers.ask("rates", frames["rates"], plan.keys, False)) is None


def test_what_is_printed_is_no_answer(
    plan: Plan, frames: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading, time\n"
        "def write():\n"
        "    while True:\n"
        "        os.write(1, b'X\\xff\\xff\\xff\\x7f')\n"
        "        time.sleep(0.001)\n"
        "os.write(1, b'X\\xff\\xff\\xff\\x7f')\n"
        "threading.Timer(0.2, write).start()\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Drawers(1, LEAST_CELLS) as drawers:
        for _ in range(2):
            asked = answered(drawers, frames["rates"], plan)
            assert drawers.take(asked) == draw(FIGURES["rates"], frames["rates"], plan.keys)


def test_they_import_what_this_process_does(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / f"a{os.pathsep}b"
    folder.mkdir()
    (folder / "odd.py").write_text("class Closeup:\n    cells = ()\n    of = 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    import odd  # type: ignore[import-not-found]

    with Drawers(1, LEAST_CELLS) as drawers:
        asked = drawers.ask("paths", odd.Closeup(), plan.keys, False)
        assert asked is not None
        assert asked.result() == draw(FIGURES["paths"], odd.Closeup(), plan.keys)


@pytest.mark.parametrize("begun", [False, True])
def test_they_end_with_the_block(plan: Plan, frames: Mapping[str, Any], begun: bool) -> None:
    with Drawers(2, LEAST_CELLS) as drawers:
        drawers.start()
        asked = [drawers.ask("rates", frames["rates"], plan.keys, False) for _ in range(9)]
        if begun and asked[0] is not None:
            asked[0].result()
    assert all(process.returncode is not None for process in drawers._processes)
    assert all(one is not None and one.done() for one in asked)


ORPHANED = """
import os, signal, sys, time
import pandas as pd
from mcstudy.drawers import LEAST_CELLS, Drawers
drawers = Drawers(1, LEAST_CELLS)
drawers.start()
while not drawers._processes:
    time.sleep(0.01)
if sys.argv[1] != "importing":
    drawers._pool.submit(print, "ready", flush=True).result()
if sys.argv[1] == "drawing":
    drawers.ask("rates", pd.read_csv(sys.argv[2]), ("activation", "init"), False)
    time.sleep(0.1)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("doing", ["importing", "nothing", "drawing"])
def test_they_end_when_nobody_is_left_to_ask(frames: Mapping[str, Any], doing: str, tmp_path: Path) -> None:
    frames["rates"].to_csv(tmp_path / "rates.csv", index=False)
    arguments = [sys.executable, "-c", ORPHANED, doing, str(tmp_path / "rates.csv")]
    # It returns when the other process, which has its standard error, has ended too.
    environment = os.environ | {"TMPDIR": str(tmp_path)}  # a process that is killed removes nothing
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode < 0 and "Traceback" not in done.stderr and ("ready" in done.stdout) == (doing != "importing")


def test_nothing_temporary_is_left(
    plan: Plan, frames: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where matplotlib cannot keep anything, it makes a folder of its own for as long as its process lives.
    monkeypatch.setenv("MPLCONFIGDIR", "/dev/null/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Drawers(1, LEAST_CELLS) as drawers:
        asked = answered(drawers, frames["rates"], plan, True)
        assert len(list(tmp_path.rglob("matplotlib-*"))) == 1
        assert drawers.take(asked) == draw(FIGURES["rates"], frames["rates"], plan.keys, True)
    assert list(tmp_path.iterdir()) == []
