"""The shipped studies: valid, faithful to what their comments say, and reported by the code that is here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, ndtri

from mcstudy.catalog.tasks import TASKS
from mcstudy.plan import make_plan
from mcstudy.spec import load

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "studies").rglob("*.toml"))


@pytest.fixture(params=STUDIES, ids=[path.stem for path in STUDIES])
def plan(request):
    return make_plan(load(request.param))


def test_it_asks_something(plan):
    assert len(plan.study.question.split()) > 20
    assert plan.study.title != plan.study.name


def test_its_report_is_the_one_of_this_code(plan):
    """Cell ids hold every setting and the version of the arithmetic, so an outdated report shows."""
    folder = ROOT / "reports" / plan.study.name
    rates = pd.read_csv(folder / "rates.csv")
    assert list(rates["cell"]) == [cell.id for cell in plan.cells]
    assert (rates["trials"] == plan.study.trials).all()
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert plan.study.title in text
    for name in ("rates", "outcomes", "curves", "losses"):
        assert (folder / "figures" / f"{name}.png").is_file()


def test_only_the_deterministic_part_of_a_report_is_kept():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"trials/", "histories/", "run.json", "report.html"} <= set(ignored)


FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "leaky_relu(negative_slope=0.3)": lambda z: np.where(z > 0, z, 0.3 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "tanh": np.tanh,
    "sigmoid": expit,
}


def test_relu_counts_as_converged_what_is_close_to_the_best_weight():
    """The goal of each activation is 1e-4 above the least loss that any weight has on the evaluation points."""
    x = ndtri((np.arange(512) + 0.5) / 512)
    y = np.maximum(x, 0.0)
    goals = {
        cell.labels["activation"]: cell.settings["converge"]["loss"]
        for cell in make_plan(load(ROOT / "studies" / "relu.toml")).cells
    }
    assert set(goals) <= set(FUNCTIONS)
    for label, goal in goals.items():

        def loss(w: float, f=FUNCTIONS[label]) -> float:
            return float(np.mean((f(w * x) - y) ** 2))

        grid = np.linspace(-8, 8, 1601)
        start = grid[np.argmin([loss(w) for w in grid])]
        best = minimize_scalar(loss, bounds=(start - 0.01, start + 0.01), method="bounded").fun
        assert goal - best == pytest.approx(1e-4, rel=0.06), label


def test_relu_is_set_up_as_it_was_asked():
    cells = make_plan(load(ROOT / "studies" / "relu.toml")).cells
    for cell in cells:
        task, network, train = (cell.settings[key] for key in ("task", "network", "train"))
        assert (task["input"], task["samples"], task["batch"]) == (
            {"name": "normal", "mean": 0.0, "std": 1.0},
            "fresh",
            1000,
        )
        assert (network["hidden"], network["bias"], train["steps"]) == ([], False, 2000)
        assert network["output"] == network["activation"]


def test_addition_is_the_program_that_was_asked_about():
    points = ((0.1, 0.2), (0.5, 0.3), (0.2, 0.4), (0.3, 0.7), (0.5, 0.5), (0.4, 0.3))
    assert TASKS["addition"].own_points({}) == points
    plan = make_plan(load(ROOT / "studies" / "addition.toml"))
    assert {"train.bias_update", "train.backward", "activation", "init"} <= set(plan.keys)
    for cell in plan.cells:
        task, network, train = (cell.settings[key] for key in ("task", "network", "train"))
        assert (task["samples"], task["order"], task["batch"], task["size"]) == ("shared", "sequential", 1, 6)
        assert (network["hidden"], network["bias"]) == ([4, 4], True)
        slow = cell.labels["activation"] in ("tanh", "sigmoid")
        assert train["optimizer"]["lr"] == (0.1 if slow else 0.01)
        assert train["steps"] == 6 * (100_000 if slow else 5000)


def test_distance_is_a_2_3_1_network_with_a_linear_output():
    for cell in make_plan(load(ROOT / "studies" / "distance.toml")).cells:
        assert (cell.settings["task"]["name"], cell.settings["network"]["hidden"]) == ("distance", [3])
        assert cell.settings["network"]["output"] == {"name": "linear"}
