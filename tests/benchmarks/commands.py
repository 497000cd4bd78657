"""mcstudy from the command line, in processes of its own: whole studies, compile time, imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from .phases import HIDDEN, OVERHEAD, PHASES
from .rows import Tell, row
from .timing import Spread
from .workloads import COMPILE_GOAL, IMPORT_GOAL, OVERHEAD_GOAL

ROOT = Path(__file__).parent.parent.parent

STUDY = """
[study]
name   = "whole"
seed   = 1
trials = 512

[task]
name    = "distance"
samples = "trial"
size    = 256
batch   = 32

[network]
hidden = [3]

[train]
epochs = 50

[converge]
loss = 0.002

[vary]
activation = ["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softplus", "mish"]
init       = ["normal", "he_normal", "glorot_uniform", "uniform"]
optimizer  = [{ name = "sgd", lr = 0.1 }, { name = "sgd", lr = 0.01, momentum = 0.9 }, { name = "adam", lr = 0.01 }]
"""
"""Workload F: 10 activations × 4 initialisations × 3 optimizers."""


class Took(NamedTuple):
    """Seconds of a process: by the clock, and of processors."""

    wall: float
    cpu: float


def whole_study(repeats: int, threads: int | None, tell: Tell) -> None:
    """Workload F: a whole study, with nothing compiled before and with everything."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        study = folder / "whole.toml"
        study.write_text(STUDY)
        cache, known = folder / "cache", folder / "known.json"
        count = 0

        def command() -> list[str]:
            nonlocal count
            count += 1
            more = [] if threads is None else [f"--threads={threads}"]
            return ["run", str(study), "--quiet", "--out", str(folder / f"out{count}"), *more]

        cold = process(["-m", "mcstudy", *command()], cache)
        warm = [process(["-m", "mcstudy", *command()], cache) for _ in range(repeats)]
        tell(row("commands", "F", "cold, in all", Spread.of([cold.wall]), "s"))
        tell(row("commands", "F", "warm, in all", Spread.of([took.wall for took in warm]), "s"))
        compiling = Spread.of([cold.cpu - took.cpu for took in warm])
        note = "processor time of the cold run less that of the warm ones"
        tell(row("commands", "F", "compiling", compiling, "s", goal=COMPILE_GOAL, note=note))
        process(["-m", "tests.benchmarks.phases", str(known), *command()], cache)
        spent = [
            json.loads(output(["-m", "tests.benchmarks.phases", str(known), *command()], cache)[-1])
            for _ in range(repeats)
        ]
        for phase in PHASES:
            tell(row("commands", "F", f"warm, {phase}", Spread.of([each[phase] for each in spent]), "s"))
        hidden = Spread.of([each[HIDDEN] for each in spent])
        tell(row("commands", "F", f"warm, overhead {HIDDEN}", hidden, "s"))
        others = Spread.of([sum(each[phase] for phase in OVERHEAD) - each[HIDDEN] for each in spent])
        note = "while no process trains, draws or imports other packages"
        tell(row("commands", "F", "warm, overhead", others, "s", goal=OVERHEAD_GOAL, note=note))


def first_command(threads: int | None, tell: Tell) -> None:
    """Workload G: the README's first study, with nothing compiled before."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, out in {"first result, cold": "first", "the same, warm": "second"}.items():
            arguments = ["run", "studies/relu.toml", "--out", str(folder / out)]
            arguments += [] if threads is None else [f"--threads={threads}"]
            took = process(["-m", "mcstudy", *arguments], folder / "cache")
            tell(row("commands", "G", name, Spread.of([took.wall]), "s", note="mcstudy run studies/relu.toml"))


def import_time(repeats: int, tell: Tell) -> None:
    """How long `import mcstudy` takes, after one that has written the byte code."""
    with tempfile.TemporaryDirectory() as place:
        program = "import time; start = time.perf_counter(); import mcstudy; print(time.perf_counter() - start)"
        times = [float(output(["-c", program], Path(place))[-1]) for _ in range(repeats + 1)][1:]
    tell(row("commands", "import mcstudy", "", Spread.of(times), "s", goal=IMPORT_GOAL))


def process(arguments: list[str], cache: Path) -> Took:
    """Run Python and say what it took."""
    before, start = os.times(), time.perf_counter()
    output(arguments, cache)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(time.perf_counter() - start, cpu)


def output(arguments: list[str], cache: Path) -> list[str]:
    """The lines that Python prints, run with a kernel cache of its own.

    Raises:
        RuntimeError: it fails; with what it said.
    """
    environment = os.environ | {"MCSTUDY_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    # Installed packages have byte code; to make it anew takes as long as all else that a short run does.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout.splitlines()
