"""Where the time of one run from the command line goes: `python -m tests.benchmarks.phases KNOWN run STUDY ...`.

KNOWN is a file of the names of modules. Where it is missing, the command just runs, and the modules of other packages
that it has imported then are written there. Otherwise they are imported first, and the last line printed has the
seconds of each phase after that, as JSON. What several threads do at once is in the first of their phases.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PHASES = ("loading kernels", "training", "drawing", "looking closely", "everything else")
"""Of the process that runs the study. Drawing: waiting for other processes that draw too. Everything else: planning,
storing, adding up, statistics, words, and importing mcstudy itself."""

OVERHEAD = ("loading kernels", "looking closely", "everything else")
"""All but training, drawing and importing other packages."""

HIDDEN = "while another process draws"
"""Overhead that nobody waits for: another process draws, or is started and imports what it needs for that."""

Stretch = tuple[float, float]
"""From when to when, seconds."""


def main() -> None:
    """Run the command that the arguments name."""
    known = Path(sys.argv[1])
    sys.argv = ["mcstudy", *sys.argv[2:]]
    before = set(sys.modules)
    if known.exists():
        for name in json.loads(known.read_text()):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        start = time.perf_counter()
        stretches: dict[str, list[Stretch]] = {phase: [] for phase in (*PHASES, HIDDEN)}
        _watch(stretches)
        _command()
        stretches["everything else"].append((start, time.perf_counter()))
        print(json.dumps(_spent(stretches)))
    else:
        _command()
        others = [name for name in sys.modules if name not in before and name.split(".")[0] not in ("mcstudy", "tests")]
        known.write_text(json.dumps(others))


def _command() -> None:
    from mcstudy.cli import main as command

    try:
        command()
    except SystemExit as end:
        if end.code:
            raise


def _spent(stretches: dict[str, list[Stretch]]) -> dict[str, float]:
    """The seconds of each phase that are in no phase before, and those of the overhead that are hidden."""
    spent, passed = {}, list[Stretch]()
    for phase in PHASES:
        before = _length(passed)
        passed += stretches[phase]
        spent[phase] = _length(passed) - before
    # Kernels are loaded while others train.
    exempt = [one for phase in PHASES if phase not in OVERHEAD for one in stretches[phase]]
    spent[HIDDEN] = _length(exempt + stretches[HIDDEN]) - _length(exempt)
    return spent


def _length(stretches: Iterable[Stretch]) -> float:
    """Seconds that are in one of the stretches at least."""
    length, end = 0.0, 0.0
    for first, last in sorted(stretches):
        length += max(0.0, last - max(first, end))
        end = max(end, last)
    return length


def _watch(stretches: dict[str, list[Stretch]]) -> None:
    """Have the phases note when they are gone through."""
    from mcstudy import closeup, report
    from mcstudy.closeup import sample
    from mcstudy.drawers import Drawers
    from mcstudy.engine import run, threads
    from mcstudy.engine.threads import Unit

    def timed(function: Callable[..., Any], phase: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                stretches[phase].append((start, time.perf_counter()))

        return call

    lock, loaded, run_unit = threading.Lock(), threading.Event(), threads.run_unit
    load = timed(run_unit, "loading kernels")

    def first_loaded(unit: Unit, memory: Any, stop: Any, traced: bool = False) -> Any:
        with lock:
            if not loaded.is_set():
                # No trials: the kernels are read from the cache, and train nothing.
                load(unit._replace(last=unit.first), memory, stop)
                loaded.set()
        return run_unit(unit, memory, stop, traced)

    def watch(owner: Any, name: str, phase: str) -> None:
        setattr(owner, name, timed(getattr(owner, name), phase))

    threads.__dict__["run_unit"] = first_loaded
    watch(run, "run_units", "training")
    watch(report, "draw", "drawing")
    watch(Drawers, "take", "drawing")
    watch(Drawers, "_begin", HIDDEN)
    watch(Drawers, "_drawn", HIDDEN)
    # What is looked at closely is trained once more, with all that happens on the way.
    watch(sample, "train_sample", "training")
    for name, made in list(closeup.CLOSEUPS.items()):
        closeup.CLOSEUPS[name] = timed(made, "looking closely")


if __name__ == "__main__":
    main()
