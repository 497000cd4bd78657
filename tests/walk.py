"""Studies that together use every part of every catalog and every way of training, and the digests of their rows.

Run as a program, it prints the digests as JSON, so that tests can compare them between processes. Arguments are a
folder, a precision, the number of bytes of a pack or 0 for that of the machine, and names of studies if not all are
wanted.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cases import (
    ACTIVATION_CASES,
    BIAS_CASES,
    GRID_CASES,
    INIT_CASES,
    INPUT_CASES,
    LOSS_CASES,
    OPTIMIZER_CASES,
    REGULARIZER_CASES,
    SCHEDULE_CASES,
    TASK_CASES,
)

from mcstudy import jit
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.tasks import TASKS
from mcstudy.engine.run import train
from mcstudy.plan import Plan, make_plan
from mcstudy.spec import Study
from mcstudy.store import MemoryStore

TRIALS = 70
ROWS = "x,y,z\n" + "".join(f"{i / 7 - 1},{(i * i % 11) / 9},{i % 3}\n" for i in range(11))

BASE: dict[str, Any] = {
    "study": {"name": "walk", "seed": 97, "trials": TRIALS},
    "task": {"name": "sine", "batch": 6},
    "network": {"hidden": [3], "init": "normal", "activation": "tanh"},
    "train": {"steps": 30, "optimizer": {"name": "sgd", "lr": 0.02}},
    "converge": {"loss": 0.01, "every": 10},
}
SPIRALS = {"name": "spirals", "classes": 3}
DRAWN = {"samples": "trial", "size": 14, "batch": 4}
SHARED = DRAWN | {"samples": "shared"}


def changed(**sections: Any) -> dict[str, Any]:
    """The base with entries replaced, section by section; None takes one away."""
    names = BASE.keys() | sections.keys()
    merged = {name: BASE.get(name, {}) | sections.get(name, {}) for name in names}
    return {name: {key: value for key, value in keys.items() if value is not None} for name, keys in merged.items()}


def parts() -> dict[str, Any]:
    """Studies that walk the catalogs."""
    defaults = list({case["name"]: case for case in reversed(ACTIVATION_CASES)}.values())
    biases = [{"name": "normal", "std": 0.5, "bias": bias} for bias in BIAS_CASES]
    real = [case for case in LOSS_CASES if LOSSES[case["name"]].targets == "any"]
    of_classes = [case for case in LOSS_CASES if case not in real]
    drawable = [case for case in TASK_CASES if TASKS[case["name"]].points is None]
    own_points = [case for case in TASK_CASES if case not in drawable]
    return {
        "activations": changed(vary={"activation": ACTIVATION_CASES, "task.batch": [1, 6]}),
        "outputs": changed(
            vary={"network.output": ["activation", *defaults]},
            network={"activation": {"name": "leaky_relu", "negative_slope": 0.2}, "hidden": []},
        ),
        "inits": changed(vary={"init": [*INIT_CASES, *biases]}),
        "inits without biases": changed(vary={"init": INIT_CASES[::3]}, network={"bias": False, "hidden": [4, 3]}),
        "grid": changed(network={"hidden": []}, vary={"init": GRID_CASES}),
        "optimizers, fresh": changed(vary={"optimizer": OPTIMIZER_CASES}),
        "optimizers, shuffled": changed(task=DRAWN, vary={"optimizer": OPTIMIZER_CASES}),
        "schedules": changed(vary={"train.schedule": SCHEDULE_CASES}),
        "regularizers": changed(
            vary={"train.regularizer": REGULARIZER_CASES, "train.backward": ["exact", "after_update"]},
            network={"hidden": [4, 3]},
        ),
        "losses": changed(vary={"train.loss": real}),
        "losses of classes": changed(task={"name": SPIRALS}, vary={"train.loss": of_classes}),
        "inputs": changed(vary={"task.input": INPUT_CASES}, task={"name": "distance"}),
        "tasks, fresh": changed(vary={"task.name": TASK_CASES}, task={"samples": "fresh"}),
        "tasks, trial": changed(vary={"task.name": drawable}, task=DRAWN),
        "tasks, shared": changed(vary={"task.name": drawable}, task=SHARED),
        "tasks, own points": changed(vary={"task.name": own_points}, task={"batch": 1}),
    }


def ways() -> dict[str, Any]:
    """Studies that walk the ways of training."""
    steps = {
        "train.bias_update": ["gradient", "decay"],
        "train.backward": ["exact", "after_update"],
        "network.bias": [False, True],
        "network.hidden": [[], [5], [2, 3, 2]],
        "task.batch": [1, 4, "all"],
    }
    units = {
        "activation": ["tanh", "prelu", "rrelu"],
        "network.output": ["linear", "activation", "sum"],
        "network.dropout": [0.0, 0.4],
        "task.noise": [0.0, 0.5],
    }
    table = {"name": "table", "file": "rows.csv", "inputs": ["x", "z"], "targets": ["y", "x"]}
    goals = {"weights": {"target": [1.0, 0.0], "within": 0.5}, "loss": None}
    return {
        "extremes": changed(
            vary={
                "activation": list({case["name"]: case for case in ACTIVATION_CASES}.values()),
                "init": [{"name": "normal", "std": std} for std in (1e-20, 40.0)],
                "optimizer": [{"name": "sgd", "lr": 50.0}, {"name": "adam", "lr": 0.1, "eps": 1e-30}],
            }
        ),
        "checks": changed(vary={"train.steps": [0, 7, 30], "converge.every": [1, 4, 50]}, converge={"loss": 0.1}),
        "wide": changed(task={"batch": 50}, network={"hidden": [40, 3], "dropout": [0.5, 0.0]}),
        "ways, sequential": changed(task=DRAWN | {"order": "sequential"}, vary=steps),
        "ways, shuffled": changed(task=DRAWN, vary=steps | {"task.batch": [1, 5]}),
        "ways, units, fresh": changed(vary=units | {"task.batch": [1, 6]}),
        "ways, units, trial": changed(task=DRAWN, vary=units),
        "ways, units, shared": changed(task=SHARED | {"name": "distance"}, vary=units, network={"hidden": [4, 3]}),
        "ways, limits": changed(
            vary={"train.clip_value": [0.1, 10.0], "train.clip_norm": [0.3, 20.0], "activation": ["prelu", "elu"]},
            train={"regularizer": "l1_l2", "schedule": "cosine"},
        ),
        "ways, limits of values": changed(
            vary={"train.clip_value": [0.1, 10.0], "task.batch": [1, 6]},
            network={"activation": "prelu"},
            train={"backward": "after_update", "regularizer": "l1_l2"},
        ),
        "table": changed(
            task={"name": table, "batch": 3},
            vary={"task.order": ["sequential", "shuffled"], "network.hidden": [[], [4]], "task.noise": [0, 0.1]},
        ),
        "accuracy": changed(
            task=DRAWN,
            vary={
                "task.name": [SPIRALS, "two_moons", "step"],
                "train.loss": ["mse", "hinge", "binary_cross_entropy"],
            },
            converge={"loss": None, "accuracy": 0.6},
        ),
        "accuracy of classes": changed(
            task=DRAWN | {"name": SPIRALS},
            train={"loss": "softmax_cross_entropy"},
            converge={"accuracy": 0.5, "loss": 2.0},
        ),
        "weights": changed(network={"hidden": []}, converge=goals),
        "points": changed(
            study={"diagnose": "hessian"},
            task={"name": "relu", "size": 6, "batch": 6},
            network={"activation": "relu", "hidden": [2]},
            vary={"task.samples": ["trial", "shared"], "activation": ["relu", "tanh"]},
            train={"optimizer": {"name": "sgd", "lr": 0.3}},
            converge={"loss": 1e-4},
        ),
    }


PRECISIONS = ("float32", "float64")


def studies(folder: Path, precisions: Sequence[str] = PRECISIONS) -> dict[str, Study]:
    """The studies; `folder` gets a table for one of them."""
    (folder / "rows.csv").write_text(ROWS)
    return {
        f"{name}, {precision}": Study.model_validate(
            data | {"train": data["train"] | {"precision": precision}}, file=str(folder / "study.toml")
        )
        for name, data in (parts() | ways()).items()
        for precision in precisions
    }


def digests(plan: Plan, trials: int, threads: int = 2, unit_trials: int | None = None) -> dict[str, str]:
    """Train a plan in memory: the digest of each cell's rows."""
    store = MemoryStore()
    train(plan, store, trials, threads, unit_trials=unit_trials)
    return {cell.id: store.digest(cell.id, trials) for cell in plan.cells}


def all_digests(
    folder: Path, precision: str, names: Collection[str] = (), **options: Any
) -> dict[str, Mapping[str, str]]:
    """The digests of all studies, or of some."""
    walked = studies(folder, [precision])
    return {
        name: digests(make_plan(study), TRIALS, **options)
        for name, study in walked.items()
        if not names or name.removesuffix(f", {precision}") in names
    }


if __name__ == "__main__":
    gc.set_threshold(100_000, 20, 20)  # a tenth of the time that compiling takes
    place, wanted, width, *some = sys.argv[1:]
    if int(width):
        jit.pack_bytes = lambda: int(width)
    found = all_digests(Path(place), wanted, some)
    print(json.dumps({"pack": jit.pack_bytes(), "digests": found}))
