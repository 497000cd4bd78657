"""What changes a loss, a gradient, a step, the data or the network in training, by the kernels and by the reference."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

import mcstudy

sys.path.insert(0, str(Path(__file__).parent))
from agreement import assert_agreement, both, either, study
from cases import LOSS_CASES, OPTIMIZER_CASES, REGULARIZER_CASES, SCHEDULE_CASES, part

LABELLED = part("spirals", classes=3), part("spirals", one_hot=True)
SHORT = {"optimizer": part("sgd", lr=0.01), "steps": 20}


@either
def test_losses(precision: str) -> None:
    real = [loss for loss in LOSS_CASES if loss["name"] in ("mse", "mae", "huber", "log_cosh")]
    labels = [loss for loss in LOSS_CASES if loss not in real]
    vary = {"train.loss": real, "task.batch": [1, 6], "network.output": ["linear", "tanh", "prelu"]}
    assert_agreement(study(precision, vary, train=SHORT))
    vary = {"train.loss": labels, "task.batch": [1, 6], "task.name": LABELLED}
    assert_agreement(study(precision, vary, train=SHORT))
    for output in ("sigmoid", "prelu", "relu"):
        vary = {"train.loss": labels, "train.backward": ["exact", "after_update"]}
        task = {"name": LABELLED[0], "batch": 4}
        assert_agreement(study(precision, vary, task=task, train=SHORT, network={"output": output}))


@either
def test_schedules(precision: str) -> None:
    vary = {"train.schedule": SCHEDULE_CASES, "optimizer": [part("sgd", lr=0.02), part("adam", lr=0.01)]}
    assert_agreement(study(precision, vary), trials=(1,))
    vary = {"train.schedule": SCHEDULE_CASES[:3], "train.bias_update": ["gradient", "decay"], "task.batch": [1, 7]}
    assert_agreement(study(precision, vary), trials=(1,))


@either
def test_regularizers(precision: str) -> None:
    vary = {
        "train.regularizer": REGULARIZER_CASES,
        "network.hidden": [[], [4], [5, 2, 3]],
        "train.backward": ["exact", "after_update"],
        "task.batch": [1, 6],
    }
    assert_agreement(study(precision, vary, train=SHORT), trials=(1,))


@both
def test_clipping(precision: str) -> None:
    network = {"hidden": [3, 2], "activation": "prelu", "output": "activation"}
    vary = {"train.clip_value": [0.05, 1.0], "train.backward": ["exact", "after_update"], "task.batch": [1, 6]}
    assert_agreement(study(precision, vary, network=network, train=SHORT))
    vary = {"train.clip_norm": [0.3, 5.0], "train.bias_update": ["gradient", "decay"], "network.bias": [True, False]}
    assert_agreement(study(precision, vary, network=network, train=SHORT))
    both_limits = {**SHORT, "clip_norm": 0.5, "clip_value": 0.2, "regularizer": part("l1_l2", l1=0.1, l2=0.05)}
    assert_agreement(study(precision, {"optimizer": OPTIMIZER_CASES[::5]}, network=network, train=both_limits))


@either
def test_dropout(precision: str) -> None:
    vary = {
        "network.dropout": [0.1, 0.5, 0.9],
        "network.hidden": [[5], [4, 7, 3]],
        "task.batch": [1, 6],
        "task.order": ["sequential", "shuffled"],
    }
    assert_agreement(study(precision, vary, train=SHORT), trials=(3,))
    fresh = {"samples": "fresh", "size": None, "batch": 3}
    vary = {"activation": ["rrelu", "prelu", "tanh"], "train.backward": ["exact", "after_update"]}
    network = {"hidden": [4, 3], "dropout": [0.3, 0.0]}
    assert_agreement(study(precision, vary, network=network, task=fresh, train=SHORT), trials=(70,))


@either
def test_random_and_trained_slopes(precision: str) -> None:
    vary = {
        "activation": [part("rrelu"), part("rrelu", lower=0.5, upper=0.9), part("prelu"), part("prelu", init=-0.3)],
        "network.output": ["linear", "activation"],
        "network.hidden": [[], [1], [5, 2]],
        "task.batch": [1, 6, 33],
    }
    assert_agreement(study(precision, vary, task={"size": 40}, train=SHORT), trials=(2,))
    vary = {
        "train.bias_update": ["gradient", "decay"],
        "optimizer": OPTIMIZER_CASES[::3],
        "network.bias": [True, False],
    }
    assert_agreement(study(precision, vary, network={"activation": "prelu"}, train={"steps": 20}), trials=(2,))


@either
def test_noise(precision: str) -> None:
    vary = {"task.noise": [0.01, 2.0], "task.batch": [1, 6], "task.order": ["sequential", "shuffled"]}
    for samples in ("trial", "shared"):
        assert_agreement(study(precision, vary, task={"samples": samples}, train=SHORT), trials=(3,))
    fresh = {"samples": "fresh", "size": None}
    vary = {"task.noise": [0.01, 2.0], "task.batch": [1, 6], "task.name": ["sine", part("dft", n=3)]}
    assert_agreement(study(precision, vary, task=fresh, train=SHORT), trials=(3,))
    own = {"name": "addition", "samples": "shared", "size": None, "noise": 0.2}
    assert_agreement(study(precision, {"task.batch": [1, 6]}, task=own, train=SHORT))


@either
def test_sum_of_the_hidden_units(precision: str) -> None:
    vary = {
        "network.hidden": [[1], [4], [3, 2]],
        "activation": ["tanh", "prelu", "relu"],
        "task.batch": [1, 6],
        "train.backward": ["exact", "after_update"],
    }
    assert_agreement(study(precision, vary, network={"output": "sum"}, train=SHORT))
    options = {**SHORT, "clip_norm": 0.5, "regularizer": "l2", "bias_update": "decay"}
    network = {"output": "sum", "init": "lsuv", "dropout": 0.2}
    assert_agreement(study(precision, {"network.hidden": [[4], [3, 2]]}, network=network, train=options))


@either
@pytest.mark.parametrize("task", ["xor", part("xor", one_hot=True), part("majority", n=5), part("spirals", classes=4)])
def test_accuracy(precision: str, task: object) -> None:
    own = isinstance(task, str) or task["name"] != "spirals"  # type: ignore[index]
    data = {"name": task, "samples": "shared" if own else "trial", "size": None if own else 30, "batch": 4}
    losses = ["mse", "hinge", "binary_cross_entropy"]
    if not isinstance(task, str) and (task.get("one_hot") or task.get("classes")):  # type: ignore[attr-defined]
        losses.append("softmax_cross_entropy")
    goals = {"loss": None, "accuracy": 0.9, "every": 2}
    wanted = study(
        precision,
        {"train.loss": losses, "converge.accuracy": [0.5, 0.75, 0.9]},
        study={"trials": 30},
        task=data,
        network={"hidden": [6]},
        train={"steps": 60, "optimizer": part("adam", lr=0.05)},
        converge=goals,
    )
    assert "converged" in assert_agreement(wanted, trials=range(3))


@either
def test_accuracy_of_signs(precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(2).normal(size=(21, 3))
    numbers[:, 2] = np.where(numbers[:, 0] + numbers[:, 1] > 0, 1.0, -1.0)
    np.savetxt("table.csv", numbers, fmt="%.17g", delimiter=",", header="a,b,y", comments="")
    task = {"name": part("table", file="table.csv", inputs=["a", "b"], targets=["y"]), "samples": None, "size": None}
    signs = study(
        precision,
        {"train.loss": ["hinge", "mse"], "converge.accuracy": [0.8, 20 / 21]},
        task=task | {"batch": 5},
        train={"steps": 60, "optimizer": part("adam", lr=0.03)},
        converge={"loss": None, "every": 3},
    )
    assert "converged" in assert_agreement(signs, range(4), (numbers[:, :2], numbers[:, 2:]))


@either
def test_weights_as_the_criterion(precision: str) -> None:
    """A unit that learns y = max(0, x) has the weight 1, from every start on the right side."""
    wanted = study(
        precision,
        {"converge.weights": [{"target": [1.0], "within": 0.01}, {"target": [1.0], "within": 0.2}]},
        study={"trials": 12},
        task={"name": "relu", "samples": "fresh", "size": None, "batch": 50},
        network={"hidden": [], "bias": False, "activation": "relu", "output": "activation", "init": "normal"},
        train={"steps": 100, "optimizer": part("sgd", lr=0.1)},
        converge={"loss": None},
    )
    assert {"converged", "stuck"} == set(assert_agreement(wanted, range(12)))


@both
def test_all_criteria_must_hold(precision: str) -> None:
    goals = {"loss": 0.05, "accuracy": 1.0, "every": 1}
    task = {"name": "xor", "samples": "shared", "size": None, "batch": "all"}
    train = {"steps": 120, "optimizer": part("adam", lr=0.05)}
    for converge in (goals, goals | {"accuracy": None}, goals | {"loss": None}):
        assert_agreement(study(precision, {}, task=task, train=train, converge=converge), range(4))


@both
def test_random_combinations(precision: str) -> None:
    """Options drawn at random, for what only goes wrong together."""
    choice = random.Random(3).choice
    for _ in range(40):
        samples = choice(["fresh", "trial", "shared"])
        size = choice([5, 17])
        task = {
            "name": choice(["sine", "distance", part("teacher", hidden=[2]), part("fir", taps=3), "two_moons"]),
            "samples": samples,
            "size": None if samples == "fresh" else size,
            "batch": choice([1, size, 1 + size // 2]),
            "noise": choice([0.0, 0.3]),
        }
        hidden = choice([[3], [4, 2], [2, 3, 2]])
        network = {
            "hidden": hidden,
            "bias": choice([True, False]),
            "activation": choice(["relu", "prelu", "rrelu", "elu", "mish", "gelu"]),
            "output": choice(["linear", "sum", "activation"]),
            "init": choice(["he_normal", "orthogonal", "lsuv", "mirrored", "rai", "torch_default"]),
            "dropout": choice([0.0, 0.25, [0.1] * len(hidden)]),
        }
        backward = choice(["exact", "after_update"])
        train = {
            "optimizer": choice([part("sgd", lr=0.01), part("sgd", lr=0.01, momentum=0.9), part("adamw", lr=0.01)]),
            "loss": choice(["mse", "huber", "log_cosh"]),
            "bias_update": choice(["gradient", "decay"]),
            "backward": backward,
            "schedule": choice([None, "cosine", part("exponential", gamma=0.9)]),
            "clip_value": choice([None, 0.5]),
            "clip_norm": choice([None, 0.4]) if backward == "exact" else None,
            "regularizer": choice([None, "l1", "l2", "repulsion"]),
            "steps": choice([5, 15]),
        }
        drawn = study(precision, {}, task=task, network=network, train=train)
        assert isinstance(drawn, mcstudy.Study)
        assert_agreement(drawn)
