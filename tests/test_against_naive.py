"""Training by the kernels against the reference in NumPy, over everything that a study can name.

`agreement` says what is compared, and how closely.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from mcstudy.catalog.tasks import TASKS
from mcstudy.outcomes import OUTCOMES

sys.path.insert(0, str(Path(__file__).parent))
from agreement import assert_agreement, both, either, study
from cases import (
    ACTIVATION_CASES,
    CASES,
    GRID_CASES,
    INIT_CASES,
    INPUT_CASES,
    OPTIMIZER_CASES,
    SHAPES,
    TABLE,
    TASK_CASES,
    part,
)


@pytest.mark.parametrize("kind", CASES)
def test_every_part_has_a_case(kind: str) -> None:
    table, cases = CASES[kind]
    for name, entry in table.items():
        given = [case for case in cases if case["name"] == name]
        assert given, f"{name} has no case"
        for parameter, default in entry.defaults().items():
            if not (kind == "biases" and parameter == "bias"):
                assert any(case.get(parameter, default) != default for case in given), f"{name}: {parameter}"


# ---------------------------------------------------------------------------------------------- the catalog


@either
@pytest.mark.parametrize("output", ["linear", "activation"])
def test_activations(precision: str, output: str) -> None:
    vary = {"activation": ACTIVATION_CASES, "task.batch": [1, 6]}
    network = {"output": output, "hidden": [5, 2], "init": part("normal", std=0.3, bias=part("normal", std=0.3))}
    assert_agreement(study(precision, vary, network=network, train={"optimizer": part("sgd", lr=0.005), "steps": 12}))


@either
def test_output_activations(precision: str) -> None:
    vary = {"network.output": ACTIVATION_CASES, "task.batch": [1, 6]}
    network = {"activation": "sigmoid", "init": part("normal", std=0.5, bias=part("normal", std=0.5))}
    assert_agreement(study(precision, vary, network=network, train={"optimizer": part("sgd", lr=0.005), "steps": 12}))


@either
def test_inits(precision: str) -> None:
    task, train = {"name": "distance", "batch": "all"}, {"steps": 3}
    for hidden, bias in (([], True), ([3], False), ([5, 2, 3], True)):
        network = {"hidden": hidden, "bias": bias}
        assert_agreement(study(precision, {"init": INIT_CASES}, task=task, train=train, network=network), trials=(1,))


@either
def test_grid(precision: str) -> None:
    trials = (0, 1, 3, 11, 12, 37, 2**33)
    assert_agreement(study(precision, {"init": GRID_CASES}, network={"hidden": []}), trials)
    vary = {"init": [part("grid", low=-3.0, high=3.0, points=9)]}
    assert_agreement(study(precision, vary, network={"hidden": [], "bias": False}), trials)
    vary = {"init": [GRID_CASES[0]]}
    assert_agreement(study(precision, vary, network={"hidden": [1], "bias": False}), trials)


@either
def test_optimizers(precision: str) -> None:
    assert_agreement(study(precision, {"optimizer": OPTIMIZER_CASES}, network={"hidden": [4]}, train={"steps": 100}))


@both
def test_shapes(precision: str) -> None:
    vary = {
        "network.hidden": SHAPES,
        "network.bias": [True, False],
        "network.output": ["linear", "activation", part("softplus", beta=2.0)],
        "task.batch": [1, 5],
    }
    network = {"activation": "elu", "init": part("glorot_normal", bias="normal")}
    assert_agreement(study(precision, vary, task={"name": "distance"}, network=network))


@either
@pytest.mark.parametrize("hidden", [[13, 17], [29, 35]])
def test_wide_networks_step_by_step(precision: str, hidden: list[int]) -> None:
    # Both sides of what the first-level cache holds; even and odd numbers of steps between checks, and few.
    vary = {"activation": ["relu", part("leaky_relu", negative_slope=0.1), "tanh"], "converge.every": [3, 17, 18]}
    train = {"optimizer": part("sgd", lr=0.003), "steps": 36}
    network = {"hidden": hidden, "init": part("he_normal", bias="normal")}
    assert_agreement(study(precision, vary, task={"batch": 1}, network=network, train=train))


@either
def test_departures_from_gradient_descent(precision: str) -> None:
    vary = {
        "train.bias_update": ["gradient", "decay"],
        "train.backward": ["exact", "after_update"],
        "optimizer": [part("sgd", lr=0.03), part("sgd", lr=0.01, momentum=0.9), part("adam", lr=0.01)],
        "task.batch": [1, 6, "all"],
        "network.hidden": [[], [3], [4, 4], [5, 2, 3]],
    }
    assert_agreement(study(precision, vary, task={"name": "addition", "samples": "trial"}), trials=(2,))
    vary = {"activation": ACTIVATION_CASES[::3], "task.batch": [1, 6]}
    departures = {"bias_update": "decay", "backward": "after_update", "optimizer": part("sgd", lr=0.005), "steps": 12}
    network = {"hidden": [5, 2], "init": part("glorot_uniform", bias="normal")}
    assert_agreement(study(precision, vary, train=departures, network=network), trials=(2,))


# ---------------------------------------------------------------------------------------------- data


@either
def test_fresh_samples(precision: str) -> None:
    task = {"samples": "fresh", "size": None}
    assert_agreement(study(precision, {"task.name": TASK_CASES}, task=task | {"batch": 3}), trials=(1,))
    vary = {"task.name": TASK_CASES[:6], "task.batch": [1, 3, 33]}
    assert_agreement(study(precision, vary, task=task))
    vary = {"task.name": TASK_CASES[:4], "task.input": INPUT_CASES}
    assert_agreement(study(precision, vary, task=task))


@either
def test_many_fresh_samples(precision: str) -> None:
    vary = {"task.name": ["abs", "distance"], "train.steps": [255, 700]}
    train = {"optimizer": part("sgd", lr=0.01)}
    assert_agreement(study(precision, vary, task={"samples": "fresh", "size": None, "batch": 1}, train=train))


@either
@pytest.mark.parametrize("samples", ["trial", "shared"])
def test_sets(precision: str, samples: str) -> None:
    for size in (7, 20):
        task = {"samples": samples, "size": size}
        assert_agreement(study(precision, {"task.name": TASK_CASES}, task=task), trials=(2,))
        vary = {"task.name": TASK_CASES[:6], "task.batch": [1, 6], "task.order": ["sequential", "shuffled"]}
        assert_agreement(study(precision, vary, task=task), trials=(2,))
        vary = {"task.name": TASK_CASES[:4], "task.input": INPUT_CASES}
        assert_agreement(study(precision, vary, task={**task, "batch": "all"}), trials=(2,))


@either
def test_orders(precision: str) -> None:
    for size in (3, 5, 8, 9, 31, 33, 64, 100, 129):
        vary = {"task.samples": ["trial", "shared"], "task.batch": [1, size - 1]}
        assert_agreement(study(precision, vary, task={"size": size, "order": "shuffled"}), trials=(3,))
    for size in (4095, 65536):  # so many that the bits which the numbers of the samples take from the words matter
        task = {"samples": "shared", "size": size, "batch": size // 4, "order": "shuffled"}
        assert_agreement(study(precision, {}, task=task, train={"steps": 9}), trials=(3,))


@either
def test_own_points(precision: str) -> None:
    task = {"name": "addition", "samples": "shared", "size": None}
    vary = {"task.batch": [1, 4, 5], "task.order": ["sequential", "shuffled"], "train.epochs": [0, 1, 7]}
    assert_agreement(study(precision, vary, task=task, train={"steps": None}))
    assert_agreement(study(precision, {"train.epochs": [30]}, task={**task, "batch": "all"}, train={"steps": None}))


@either
def test_tables(precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(5).normal(size=(13, 5))
    np.savetxt("table.csv", numbers, fmt="%.17g", delimiter=",", header="z,a,b,c,y", comments="")
    table = numbers[:, 1:4], numbers[:, [4, 0]]
    task = {"name": TABLE, "samples": None, "size": None}
    vary = {"task.batch": [1, 5], "task.order": ["sequential", "shuffled"], "network.hidden": [[], [3], [4, 4]]}
    assert_agreement(study(precision, vary, task=task), table=table)
    vary = {"network.hidden": [[], [4, 4]], "network.output": ["linear", "activation"]}
    assert_agreement(study(precision, vary, task={**task, "batch": "all"}), table=table)


@either
@pytest.mark.parametrize("seed", [0, 2**32 + 5, 2**63 - 1])
def test_far_trials_and_seeds(precision: str, seed: int) -> None:
    vary = {"task.samples": ["trial", "shared"]}
    trials = (0, 63, 64, 2**32 - 1, 2**32, 2**32 + 64, 10**12 - 1, 2**62)
    assert_agreement(study(precision, vary, study={"seed": seed}), trials)
    fresh = {"samples": "fresh", "size": None}
    assert_agreement(study(precision, {"task.name": ["sine", "relu"]}, study={"seed": seed}, task=fresh), trials)


# ---------------------------------------------------------------------------------------------- outcomes


@both
def test_outcomes(precision: str) -> None:
    """Every outcome, by many trials; also with data that repeat, where trials that stand still are cut short."""
    ends = study(
        precision,
        {
            "optimizer": [part("sgd", lr=0.1), part("sgd", lr=1e6), part("sgd", lr=0.01, momentum=0.9)],
            "task.order": ["sequential", "shuffled"],
        },
        study={"trials": 24},
        task={"name": "relu", "size": 4, "batch": 2, "input": "normal"},
        network={"hidden": [2], "activation": "relu"},
        train={"steps": 60},
        converge={"loss": 0.01, "every": 4},
    )
    assert set(assert_agreement(ends, range(24))) == set(OUTCOMES)


@both
def test_trials_that_stand_still_for_a_while(precision: str) -> None:
    """A ReLU with a weight below 0 moves at the samples below 0 alone, so equal states at two checks prove nothing
    where the samples between the next ones are others."""
    pauses = study(
        precision,
        {"converge.every": [1, 2, 4, 8], "task.order": ["sequential", "shuffled"], "task.samples": ["trial", "shared"]},
        task={"name": "relu", "size": 8, "batch": 1, "input": "normal"},
        network={"hidden": [], "bias": False, "activation": "relu", "output": "activation"},
        train={"steps": 64, "optimizer": part("sgd", lr=0.2)},
    )
    assert {"stuck", "converged"} <= set(assert_agreement(pauses, range(6)))


@both
def test_edges_of_outcomes(precision: str) -> None:
    """A loss of exactly the criterion, 0; parameters that overflow where the loss does not; neither, before a step."""
    edges = study(
        precision,
        {
            "init": [part("constant", value=1.0), part("constant", value=3.0), part("constant", value=-2.0)],
            "optimizer": [part("sgd", lr=float(np.finfo(precision).max)), part("sgd", lr=1e-30)],
            "train.steps": [0, 2],
        },
        task={"name": "relu", "input": part("uniform", low=0.5, high=1.0), "batch": "all"},
        network={"hidden": [], "bias": False, "activation": "relu", "output": "activation"},
        converge={"loss": 0.0, "every": 1},
    )
    assert assert_agreement(edges, [0]) == [
        *["converged"] * 4,
        *["unfinished", "diverged", "unfinished", "stuck"],
        *["dead"] * 4,
    ]


@either
def test_schedules_of_checks(precision: str) -> None:
    vary = {"train.steps": [0, 1, 2, 7, 30, 50, 51], "converge.every": [1, 2, 4, 5, 30, 100], "task.batch": [2, 4]}
    task = {"name": "relu", "size": 8, "input": "normal"}
    assert_agreement(study(precision, vary, task=task, network={"activation": "relu"}))


@either
def test_default_schedule_of_checks(precision: str) -> None:
    vary = {"train.steps": [0, 1, 99, 100, 250]}
    assert_agreement(study(precision, vary, converge={"every": None}))


# ---------------------------------------------------------------------------------------------- all at once

CALM = [case for case in ACTIVATION_CASES if case["name"] not in ("snake", "sine", "exponential", "squared_relu")]
"""Activations of which several layers do not magnify roundings within a few steps."""


@both
def test_random_cells(precision: str) -> None:
    """Settings drawn at random, for what only goes wrong together."""
    choice = random.Random(8).choice
    steady = [case for case in OPTIMIZER_CASES if case["name"] != "quickprop"]  # it divides by what gradients change
    for _ in range(60):
        size = choice([1, 5, 8, 17, 33])
        samples = choice(["fresh", "trial", "shared"])
        task = {
            "name": choice(TASK_CASES),
            "samples": samples,
            "size": None if samples == "fresh" else size,
            "batch": choice([1, size, 1 + size // 2]),
            "order": choice(["sequential", "shuffled"]),
            "input": choice(INPUT_CASES),
        }
        if TASKS[task["name"]["name"]].own_inputs:
            del task["input"]
        network = {
            "hidden": choice(SHAPES),
            "bias": choice([True, False]),
            "activation": choice(CALM),
            "output": choice(["linear", "activation", *CALM]),
            "init": choice(INIT_CASES),
        }
        train = {
            "optimizer": choice(steady),
            "bias_update": choice(["gradient", "decay"]),
            "backward": choice(["exact", "after_update"]),
            "steps": choice([3, 6, 12]),
        }
        converge = {"every": choice([1, 3, 5, 10])}
        assert_agreement(study(precision, {}, task=task, network=network, train=train, converge=converge))
