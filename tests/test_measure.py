"""The loss, its gradient and the start of given trials, against the reference in NumPy, differences and replays."""

from __future__ import annotations

from typing import Any

import naive
import naive_draws
import numpy as np
import pytest
from agreement import study
from cases import part

import mcstudy
from mcstudy.engine.measure import gradients, losses, starts
from mcstudy.engine.program import Program, build
from mcstudy.plan import make_plan

NETWORK: dict[str, Any] = {"hidden": [4, 3], "output": "activation", "activation": "tanh"}
TRIALS = np.array([7, 0, 2**33 + 5, 7, *range(40)])

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "noise": {"task": {"noise": 0.3}},
    "many points": {"task": part("distance", size=70, batch=9), "network": NETWORK},
    "fresh": {"task": part("product", samples="fresh", size=None), "network": NETWORK},
    "shared": {"task": part("addition", samples="shared", size=None, batch=2), "network": NETWORK},
    "classes": {
        "task": {"name": part("spirals", classes=3), "size": 18},
        "train": {"loss": "softmax_cross_entropy"},
        "network": NETWORK | {"output": None},
    },
    "dropout": {"network": NETWORK | {"hidden": [6, 5], "dropout": 0.5}},
    "random slopes": {"network": NETWORK | {"activation": "rrelu"}},
    "trained slopes": {"network": NETWORK | {"activation": "prelu"}},
    "sum": {"network": NETWORK | {"output": "sum"}},
    "penalty and limits": {"train": {"regularizer": part("l2", l2=0.7), "clip_norm": 0.01, "clip_value": 0.02}},
    "decay of biases": {"network": NETWORK, "train": {"bias_update": "decay", "backward": "after_update"}},
    "adam": {"train": {"optimizer": part("adam", lr=0.1), "schedule": part("cosine")}},
    "scaled": {"network": NETWORK | {"init": "lsuv"}},
    "grid": {"network": {"hidden": [], "init": part("grid", low=-3, high=3, points=[5, 7])}},
}


def programs(case: str, precision: str = "float64") -> tuple[mcstudy.Study, Program]:
    walked = study(precision, {}, **CASES[case])
    plan = make_plan(walked)
    return walked, build(plan.cells, plan.tables)


def reference(program: Program, trial: int, parameters: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss and its gradient by the reference."""
    settings = program.cells[0].settings
    fresh = settings["task"]["samples"] == "fresh"
    x, y = naive_draws.quantile_points(settings) if fresh else naive_draws.sample_set(settings, trial, None)
    network = naive.Network(settings, parameters)
    return network.loss(x, y), network.gradient(x, y)


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_the_reference(case: str) -> None:
    _, program = programs(case)
    parameters = starts(program, TRIALS)
    found, slopes = losses(program, TRIALS, parameters), gradients(program, TRIALS, parameters)
    assert slopes.shape == parameters.shape == (len(TRIALS), program.cells[0].parameters)
    for row, trial in enumerate(TRIALS):
        loss, gradient = reference(program, int(trial), parameters[row])
        np.testing.assert_allclose(found[row], loss, rtol=1e-12)
        np.testing.assert_allclose(slopes[row], gradient, rtol=1e-10, atol=1e-12 * np.abs(gradient).max())
    # one number stands for all rows
    np.testing.assert_array_equal(losses(program, 7, parameters[[0, 3]]), found[[0, 3]])


@pytest.mark.parametrize("case", ["decay of biases", "trained slopes", "penalty and limits"])
def test_gradients_are_the_slopes_of_the_losses(case: str) -> None:
    _, program = programs(case)
    trials = np.arange(5)
    parameters = starts(program, trials)
    found, step = gradients(program, trials, parameters), 2.0**-17
    for i, unit in enumerate(np.eye(parameters.shape[1])):
        up, down = (losses(program, trials, parameters + sign * step * unit) for sign in (1, -1))
        slope = (up - down) / (2 * step)
        wrong = ~(np.abs(slope - found[:, i]) <= 1e-7 * np.linalg.norm(found, axis=1))
        # where a unit's sum changes its sign in between, there is no one slope
        assert wrong.sum() <= (1 if case == "trained slopes" else 0)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("case", ["noise", "scaled", "grid", "sum", "fresh"])
def test_starts_and_losses_are_those_of_a_trace(case: str, precision: str) -> None:
    walked, program = programs(case, precision)
    found = starts(program, TRIALS[:4])
    for row, trial in enumerate(TRIALS[:4]):
        trace = mcstudy.replay(walked, program.cells[0].id, int(trial))
        assert found[row].tobytes() == trace.parameters[0].tobytes()
        assert losses(program, trial, trace.parameters).tobytes() == trace.loss.tobytes()
