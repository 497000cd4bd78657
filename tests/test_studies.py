"""The shipped studies: valid, faithful to what their comments say, and reported by the code that is here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from naive_draws import targets
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, ndtri

from mcstudy.catalog.tasks import TASKS
from mcstudy.plan import Cell, make_plan
from mcstudy.spec import load
from mcstudy.terminal import rates_table

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "studies").glob("*.toml"))
"""The studies whose reports are shipped; those of published numbers are checked in `test_published.py`."""


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
    if plan.study.study.until is None:
        assert (rates["trials"] == plan.study.trials).all()
    else:
        assert rates["trials"].between(1, plan.study.trials).all() and "stopped" in rates
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert plan.study.title in text
    for name in ("rates", "outcomes", "curves", "losses"):
        assert (folder / "figures" / f"{name}.png").is_file()


def test_only_the_deterministic_part_of_a_report_is_kept():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"trials/", "histories/", "run.json", "report.html"} <= set(ignored)


def test_what_the_readme_quotes_is_in_the_reports():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = {path.parent.name: path.read_text(encoding="utf-8") for path in ROOT.glob("reports/*/report.md")}
    printed = readme.split("```text\n", 1)[1].split("\nreport: ")[0].split("\n")
    rates = pd.read_csv(ROOT / "reports" / "relu" / "rates.csv")
    rows = rates_table(rates, ["activation", "init", "optimizer"]).split("\n")
    assert {line for line in printed if line not in ("", "...")} <= set(rows)
    [restart] = re.findall(r"\*(restart\s[^*]*)\*", readme)
    assert " ".join(restart.split()) in told["relu"]
    cone = " ".join(re.findall(r"^> (.*)$", readme, re.MULTILINE))
    assert cone.startswith("Of the ") and cone in told["distance"]


FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "leaky_relu(negative_slope=0.3)": lambda z: np.where(z > 0, z, 0.3 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "tanh": np.tanh,
    "sigmoid": expit,
    "squared_relu": lambda z: np.maximum(z, 0.0) ** 2,
}


X = ndtri((np.arange(512) + 0.5) / 512)
"""The evaluation points of x ~ N(0, 1)."""


def cells(name: str) -> tuple[Cell, ...]:
    return make_plan(load(ROOT / "studies" / f"{name}.toml")).cells


def error(answers: np.ndarray) -> float:
    """The mean squared error of answers at the evaluation points to max(0, x)."""
    return float(np.mean((answers - np.maximum(X, 0.0)) ** 2))


@pytest.mark.parametrize("name", ["relu", "minus_ten"])
def test_a_unit_counts_as_converged_when_it_is_close_to_the_best_weight(name):
    """The goal of each activation is 1e-4 above the least loss that any weight has on the evaluation points."""
    goals = {cell.labels["activation"]: cell.settings["converge"]["loss"] for cell in cells(name)}
    assert set(goals) <= set(FUNCTIONS)
    for label, goal in goals.items():

        def loss(w: float, f=FUNCTIONS[label]) -> float:
            return error(f(w * X))

        grid = np.linspace(-8, 8, 1601)
        start = grid[np.argmin([loss(w) for w in grid])]
        best = minimize_scalar(loss, bounds=(start - 0.01, start + 0.01), method="bounded").fun
        assert goal - best == pytest.approx(1e-4, rel=0.06), label


@pytest.mark.parametrize(
    ("name", "answers", "starts"),
    [
        ("relu_bias", lambda f, w, b: f(w * X + b), [(1, 0)]),
        ("relu_chain", lambda f, w, b, v, c: v * f(w * X + b) + c, [(1, 0, 1, 0), (-1, 0, -1, 0), (0.3, 0, 3, 0)]),
    ],
)
def test_units_with_biases_count_as_converged_when_they_are_close_to_the_best(name, answers, starts):
    goals = {cell.labels["activation"]: cell.settings["converge"]["loss"] for cell in cells(name)}
    for label, goal in goals.items():
        options = {"maxiter": 20_000, "maxfev": 20_000, "xatol": 1e-7, "fatol": 1e-12}
        found = [
            minimize(lambda p, f=FUNCTIONS[label]: error(answers(f, *p)), start, method="Nelder-Mead", options=options)
            for start in starts
        ]
        assert goal - min(one.fun for one in found) == pytest.approx(1e-4, rel=0.01), label
    assert goals["relu"] == 1e-4
    for off in (answers(FUNCTIONS["relu"], 1.014, 0.0, *starts[0][2:]), np.maximum(X + 0.014, 0)):
        assert error(off) == pytest.approx(1e-4, rel=0.03)


def test_signals_count_as_learned_at_a_thousandth_of_their_variance():
    known = {"dft": 2.0, "amplitude": (2 * (4 - 8 / np.pi) + 2 * (4 - np.pi)) / 4}
    for cell in cells("signals"):
        task = cell.settings["task"]
        # A linear task of independent inputs of variance 1: the sum of the squared weights, over the outputs.
        linear = task["name"] != "amplitude"
        answers = targets(cell.settings, np.eye(task["n_inputs"]))[1] if linear else np.empty(0)
        variance = np.sum(answers**2) / task["n_outputs"] if linear else known["amplitude"]
        assert variance == pytest.approx(known.get(task["name"], variance))
        assert cell.settings["converge"]["loss"] == pytest.approx(variance / 1000, rel=0.001), task["name"]


def test_relu_is_set_up_as_it_was_asked():
    for cell in cells("relu"):
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
    for cell in cells("distance"):
        assert (cell.settings["task"]["name"], cell.settings["network"]["hidden"]) == ("distance", [3])
        assert cell.settings["network"]["output"] == {"name": "linear"}


def test_variants_of_the_distance_change_nothing_but_what_they_name():
    (task,) = {str(cell.settings["task"]) for cell in cells("distance")}
    for path in STUDIES:
        if path.stem.startswith("distance_"):
            for cell in cells(path.stem):
                assert str(cell.settings["task"]) == task
                assert cell.settings["network"]["bias"]
                assert cell.settings["converge"]["loss"] == float(cell.labels.get("converge.loss", 0.002))
                assert cell.settings["network"]["output"] == {"name": "linear"}
    parameters = {cell.labels["network.hidden"]: cell.parameters for cell in cells("distance_depth")}
    assert parameters == {"[3]": 13, "[3, 3]": 25, "[6]": 25}


def test_repulsion_is_compared_with_none():
    study = load(ROOT / "studies" / "distance_repulsion.toml")
    factors = [cell.settings["train"]["regularizer"]["factor"] for cell in make_plan(study).cells]
    assert factors == 2 * [0, 0.001, 0.01, 0.1]


def test_addition_fixed_begins_with_the_program_as_it_was():
    def settings(cell: Cell) -> list[Any]:
        task = {key: value for key, value in cell.settings["task"].items() if key != "probe"}
        return [task, cell.settings["network"], cell.settings["train"], cell.settings["converge"]]

    first, *others = cells("addition_fixed")
    assert (first.settings["train"]["bias_update"], first.settings["train"]["backward"]) == ("decay", "after_update")
    assert settings(first) in [settings(cell) for cell in cells("addition")]
    assert all(settings(cell) != settings(first) for cell in others)


def test_minus_ten_starts_there():
    for cell in cells("minus_ten"):
        assert cell.settings["network"]["init"]["value"] == -10
        assert (cell.settings["network"]["hidden"], cell.settings["network"]["bias"]) == ([], False)
