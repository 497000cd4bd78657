"""Where the time of one run from the command line goes: `python -m tests.benchmarks.phases KNOWN run STUDY ...`.

KNOWN is a file of the names of modules. Where it is missing, the command just runs, and the modules of other packages
that it has imported then are written there. Otherwise they are imported first, and the last line printed has the
seconds of each phase after that, as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PHASES = ("training", "drawing", "loading kernels", "looking closely", "everything else")
"""In everything else: planning, storing, adding up, statistics, words, and importing mcstudy itself."""


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
        spent = dict.fromkeys(PHASES, 0.0)
        _watch(spent)
        _command()
        spent["everything else"] = time.perf_counter() - start - sum(spent.values())
        print(json.dumps(spent))
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


def _watch(spent: dict[str, float]) -> None:
    """Have the phases add what they take."""
    from mcstudy import closeup, report
    from mcstudy.closeup import sample
    from mcstudy.engine import run, threads
    from mcstudy.engine.threads import Unit

    def timed(function: Callable[..., Any], phase: str, within: str | None = None) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                took = time.perf_counter() - start
                spent[phase] += took
                if within is not None:
                    spent[within] -= took

        return call

    lock, loaded, run_unit = threading.Lock(), threading.Event(), threads.run_unit

    def first_loaded(unit: Unit, memory: Any, stop: Any, traced: bool = False) -> Any:
        with lock:
            if not loaded.is_set():
                # No trials: the kernels are read from the cache, and train nothing.
                start = time.perf_counter()
                run_unit(unit._replace(last=unit.first), memory, stop)
                spent["loading kernels"] += time.perf_counter() - start
                spent["training"] -= time.perf_counter() - start
                loaded.set()
        return run_unit(unit, memory, stop, traced)

    def watch(module: Any, name: str, phase: str, within: str | None = None) -> None:
        setattr(module, name, timed(getattr(module, name), phase, within))

    threads.__dict__["run_unit"] = first_loaded
    watch(run, "run_units", "training")
    watch(report, "draw", "drawing")
    # What is looked at closely is trained once more, with all that happens on the way.
    watch(sample, "train_sample", "training", within="looking closely")
    for name, made in list(closeup.CLOSEUPS.items()):
        closeup.CLOSEUPS[name] = timed(made, "looking closely")


if __name__ == "__main__":
    main()
