"""Write ``exports.json``: the losses of trials of the shipped studies, as scripts for other frameworks compute them.

Trials are drawn from the cells of the shipped studies; each cell is made a study of its own, in float64 and of no more
than `MOST_STEPS` steps. `python -m mcstudy replay --export` writes a script of each trial, the framework runs it, and
what the script prints is kept. Cells that a framework refuses are not drawn for it, but for one thing: Keras has only
its own place of Adam's and RMSprop's eps, so it gets these optimizers with the switch that is Keras's.

Run it with mcstudy's own Python, and name one that has the frameworks (see `fixture`); it takes about five minutes:

    KERAS_BACKEND=jax python tests/reference/make_exports.py refenv/bin/python
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcstudy
from mcstudy import export
from mcstudy.plan import Cell, make_plan

ROOT = Path(__file__).parents[2]
COUNTS = {"torch": 20, "keras": 5, "numpy": 5}
MOST_STEPS, MOST_FRESH = 3200, 300
"""Steps of a trial; of one with fresh batches, whose samples are long."""
KERAS_SWITCHES = {"adam": "epsilon_hat", "rmsprop": "eps_inside"}
Settings = dict[str, Any]


def drawn(text: str, count: int) -> int:
    """A number below `count`, fixed by a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()) % count


def study_of(cell: Cell, trial: int, keras: bool) -> Settings:
    """A study of the cell alone, as a study file would have it, up to the trial."""
    settings = json.loads(json.dumps(cell.settings))
    task, network, train, converge = (settings[key] for key in ("task", "network", "train", "converge"))
    most = MOST_FRESH if task["samples"] == "fresh" else MOST_STEPS
    train |= {"precision": "float64", "steps": min(train["steps"], most)}
    switch = KERAS_SWITCHES.get(train["optimizer"]["name"])
    if keras and switch:
        train["optimizer"][switch] = True
    converge["every"] = max(1, train["steps"] // 20)
    own = task["samples"] == "fresh" or task["input"] is None
    data = {
        "study": {"name": "export", "seed": settings["seed"], "trials": trial + 1},
        "task": {
            "name": {"name": task["name"], **task["parameters"]},
            "input": task["input"],
            "samples": task["samples"],
            "size": None if own else task["size"],
            "batch": task["batch"],
            "order": task["order"],
        },
        "network": network,
        "train": train,
        "converge": converge,
    }
    return {name: {k: v for k, v in section.items() if v is not None} for name, section in data.items()}


def trials() -> Iterator[tuple[str, str, Settings, int]]:
    """(framework, the cell it comes from, study, trial): as many as `COUNTS`, the studies in turn."""
    plans = [make_plan(mcstudy.load(path)) for path in sorted((ROOT / "studies").glob("*.toml"))]
    for framework, count in COUNTS.items():
        found = number = 0
        while found < count:
            number += 1
            plan = plans[number % len(plans)]
            trial = drawn(f"{framework} trial {number}", 1000)
            cell = plan.cells[drawn(f"{framework} cell {number}", len(plan.cells))]
            data = study_of(cell, trial, framework == "keras")
            try:
                export.check(make_plan(mcstudy.Study.model_validate(data)).cells[0], framework)
            except mcstudy.RunError:
                continue
            found += 1
            yield framework, f"{plan.study.name}: {cell.label}", data, trial


def losses(framework: str, data: Settings, trial: int, python: str) -> tuple[list[int], list[float]]:
    """The steps and losses that the script of a trial prints.

    Raises:
        CalledProcessError: the losses are not those that mcstudy recorded.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = mcstudy.run(mcstudy.Study.model_validate(data), out=folder)
        cell = results.plan.cells[0].id
        replay = [sys.executable, "-m", "mcstudy", "replay", folder, "--cell", cell, "--trial", str(trial)]
        subprocess.run([*replay, "--export", framework, "--out", folder], check=True, capture_output=True)
        script = Path(folder) / f"trial_{framework}.py"
        printed = subprocess.run([python, script], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    print(f"  {len(printed) - 2} checks, {printed[-1]}")
    rows = [line.split() for line in printed[1:-1]]
    return [int(row[0]) for row in rows], [float(row[1]) for row in rows]


def main() -> None:
    python = sys.argv[1]
    versions = "import json, torch, keras, numpy as n; "
    versions += "print(json.dumps({m.__name__: m.__version__ for m in (torch, keras, n)}))"
    known = subprocess.run([python, "-c", versions], check=True, stdout=subprocess.PIPE, text=True).stdout
    records = []
    for framework, origin, data, trial in trials():
        print(f"{framework}: {origin}, trial {trial}")
        steps, found = losses(framework, data, trial, python)
        records.append(
            {"framework": framework, "cell": origin, "study": data, "trial": trial, "steps": steps, "loss": found}
        )
    path = Path(__file__).with_name("exports.json")
    lines = ",\n".join(json.dumps(record) for record in records)
    path.write_text(f'{{"versions": {known.strip()}, "records": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{path.name}: {len(records)} records")


if __name__ == "__main__":
    main()
