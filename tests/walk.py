"""Studies that together use every part of every catalog and every way of training, and the digests of their rows.

Run as a program, it prints the digests as JSON, so that tests can compare them between processes. An argument is the
number of bytes of a pack.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.part import REQUIRED, Part
from mcstudy.catalog.tasks import TASKS
from mcstudy.engine.run import train
from mcstudy.plan import Plan, make_plan
from mcstudy.spec import Study
from mcstudy.store import MemoryStore

TRIALS = 70
REQUIRED_VALUES = {"lr": 0.02, "value": 0.3, "low": -1.5, "high": 2.0, "points": [7, 3]}
OTHER_VALUES = {"boolean": True, "number": 0.3}
ROWS = "x,y,z\n" + "".join(f"{i / 7 - 1},{(i * i % 11) / 9},{i % 3}\n" for i in range(11))

BASE: dict[str, Any] = {
    "study": {"name": "walk", "seed": 97, "trials": TRIALS},
    "task": {"name": "sine", "batch": 6},
    "network": {"hidden": [3], "init": "normal", "activation": "tanh"},
    "train": {"steps": 30, "optimizer": {"name": "sgd", "lr": 0.02}},
    "converge": {"loss": 0.01, "every": 10},
}


def plain(part: Part) -> dict[str, Any]:
    """A part with its defaults, and what it needs."""
    needed = [name for name, parameter in part.parameters.items() if parameter.default is REQUIRED]
    return {"name": part.name} | {name: REQUIRED_VALUES[name] for name in needed}


def variants(part: Part) -> Iterator[dict[str, Any]]:
    """A part with its defaults, and with every one and every two of its parameters at another value."""
    others: dict[str, Any] = {}
    for name, parameter in part.parameters.items():
        if parameter.kind == "numbers" and parameter.default is not REQUIRED:
            others[name] = [0.9 * value for value in parameter.default]
        elif parameter.kind in OTHER_VALUES and parameter.default is not REQUIRED:
            others[name] = OTHER_VALUES[parameter.kind]
    for names in [(), *itertools.combinations(others, 1), *itertools.combinations(others, 2)]:
        chosen = plain(part) | {name: others[name] for name in names}
        if part.check is None or part.check(part.defaults() | chosen) is None:
            yield chosen


def inits() -> Iterator[dict[str, Any]]:
    """Every initialisation, of the biases too; not the grid, which is for small networks."""
    for name, part in INITS.items():
        if name != "grid":
            yield from variants(part)
            yield {"name": "normal", "std": 0.5, "bias": plain(part)}


def changed(**sections: Any) -> dict[str, Any]:
    """The base with entries replaced, section by section."""
    return {name: BASE.get(name, {}) | sections.get(name, {}) for name in BASE.keys() | sections.keys()}


def studies(folder: Path) -> dict[str, Study]:
    """The studies; `folder` gets a table for one of them."""
    (folder / "rows.csv").write_text(ROWS)
    optimizers = [variant for part in OPTIMIZERS.values() for variant in variants(part)]
    drawn = {"samples": "trial", "size": 14, "batch": 4}
    ways = {
        "train.bias_update": ["gradient", "decay"],
        "train.backward": ["exact", "after_update"],
        "network.bias": [False, True],
        "network.hidden": [[], [5], [2, 3, 2]],
        "task.batch": [1, 4, "all"],
    }
    made: dict[str, Any] = {
        "activations": changed(vary={"activation": [v for part in ACTIVATIONS.values() for v in variants(part)]}),
        "outputs": changed(
            vary={"network.output": ["activation", *map(plain, ACTIVATIONS.values())]},
            network={"activation": {"name": "leaky_relu", "negative_slope": 0.2}, "hidden": []},
        ),
        "inits": changed(vary={"init": list(inits())}),
        "grid": changed(network={"hidden": [], "init": plain(INITS["grid"])}),
        "optimizers, fresh": changed(vary={"optimizer": optimizers}),
        "optimizers, shuffled": changed(task=drawn, vary={"optimizer": optimizers}),
        "extremes": changed(
            vary={
                "activation": [plain(part) for part in ACTIVATIONS.values()],
                "init": [{"name": "normal", "std": std} for std in (1e-20, 40.0)],
                "optimizer": [{"name": "sgd", "lr": 50.0}, {"name": "adam", "lr": 0.1, "eps": 1e-30}],
            }
        ),
        "wide": changed(task={"batch": 50}, network={"hidden": [40, 3]}),
        "losses": changed(vary={"train.loss": [plain(part) for part in LOSSES.values()]}),
        "ways, sequential": changed(task=drawn | {"order": "sequential"}, vary=ways),
        "ways, shuffled": changed(task=drawn, vary=ways | {"task.batch": [1, 5]}),
        "inputs": changed(
            vary={"task.input": ["normal", {"name": "uniform", "low": -2, "high": 3}]}, task={"name": "distance"}
        ),
        "table": changed(
            task={
                "name": {"name": "table", "file": "rows.csv", "inputs": ["x", "z"], "targets": ["y", "x"]},
                "batch": 3,
            },
            vary={"task.order": ["sequential", "shuffled"], "network.hidden": [[], [4]]},
        ),
    }
    for name, part in TASKS.items():
        if name == "table":
            continue
        if part.points is None:
            made[f"{name}, fresh"] = changed(task={"name": plain(part)})
            made[f"{name}, trial"] = changed(task={"name": plain(part)} | drawn)
            made[f"{name}, shared"] = changed(task={"name": plain(part)} | drawn | {"samples": "shared"})
        else:
            made[f"{name}, own points"] = changed(task={"name": plain(part)})
    return {
        f"{name}, {precision}": Study.model_validate(
            data | {"train": data["train"] | {"precision": precision}}, file=str(folder / "study.toml")
        )
        for name, data in made.items()
        for precision in ("float32", "float64")
    }


def digests(plan: Plan, trials: int, threads: int = 2, unit_trials: int | None = None) -> dict[str, str]:
    """Train a plan in memory: the digest of each cell's rows."""
    store = MemoryStore()
    train(plan, store, trials, threads, unit_trials=unit_trials)
    return {cell.id: store.digest(cell.id, trials) for cell in plan.cells}


def all_digests(folder: Path, **options: Any) -> dict[str, Mapping[str, str]]:
    """The digests of all studies."""
    return {name: digests(make_plan(study), TRIALS, **options) for name, study in studies(folder).items()}


if __name__ == "__main__":
    if len(sys.argv) > 2:
        width = int(sys.argv[2])
        jit.pack_bytes = lambda: width
    print(json.dumps({"pack": jit.pack_bytes(), "digests": all_digests(Path(sys.argv[1]))}))
