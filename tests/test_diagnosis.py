"""Networks with a known flaw: each is found, and what is nearly one is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import naive_draws
import numpy as np
import pandas as pd
import pytest
from agreement import both, study

import mcstudy
from mcstudy.engine.curvature import MOST_PARAMETERS, classify, hessian, spectrum
from mcstudy.engine.program import Program, build
from mcstudy.engine.threads import Unit, run_unit
from mcstudy.outcomes import CONSTANTS, OUTCOMES, POINTS
from mcstudy.plan import make_plan

Array = np.ndarray
Row = dict[str, Any]
Plant = Callable[..., Row]

LINE = np.linspace(-1, 1, 41)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Program]:
    """Makes the program of one cell that trains on these points, and starts from these parameters."""
    folder, made = tmp_path_factory.mktemp("planted"), iter(range(10**6))

    def planted(
        parameters: Sequence[float],
        hidden: Sequence[int] = (2,),
        x: Array = LINE,
        y: Array | None = None,
        precision: str = "float64",
        diagnose: str | None = None,
        network: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
    ) -> Program:
        inputs = x.reshape(len(x), -1)
        targets = (inputs[:, :1] ** 2 + 1 if y is None else y).reshape(len(x), -1)
        names = [
            [f"{letter}{i}" for i in range(width)]
            for letter, width in (("x", inputs.shape[1]), ("y", targets.shape[1]))
        ]
        file = folder / f"{next(made)}.parquet"
        pd.DataFrame(np.column_stack([inputs, targets]), columns=[*names[0], *names[1]]).to_parquet(file)
        header = {"name": "planted", "seed": 1, "trials": 1} | ({"diagnose": diagnose} if diagnose else {})
        task = {"name": "table", "file": str(file), "inputs": names[0], "targets": names[1]}
        plan = make_plan(
            mcstudy.Study.model_validate(
                {
                    "study": header,
                    "task": {"name": task, "batch": "all"},
                    "network": {"hidden": list(hidden), "activation": "relu", "init": "zeros"} | (network or {}),
                    "train": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 0, "precision": precision}
                    | (train or {}),
                    "converge": {"loss": 0.0, "every": 1},
                }
            )
        )
        plain = build(plan.cells, plan.tables)
        assert plan.cells[0].parameters == len(parameters)
        cells = plain.cell_table.copy()
        cells["grid"] = 0  # a grid of one point
        return replace(plain, cell_table=cells, axes=np.array([[value, value, 1.0] for value in parameters]))

    return planted


@pytest.fixture(scope="module")
def plant(program: Callable[..., Program]) -> Plant:
    """The row of a trial of such a cell, words as words."""

    def row(*arguments: Any, **options: Any) -> Row:
        own = program(*arguments, **options)
        [result] = run_unit(Unit(own, 0, 1), own.memory(), np.zeros(1, np.int64))
        found = {name: values[0] for name, values in result.rows.items()}
        words = {"outcome": OUTCOMES, "constant": CONSTANTS, "point": POINTS}
        return {name: words[name][value] if name in words else value.item() for name, value in found.items()}

    return row


UNITS = ("dead_units_start", "dead_units", "saturated_units", "linear_units", "merged_units", "opposite_units")


def found(row: Row) -> dict[str, Any]:
    """What is found in a row, without what is not."""
    counts = {name.removesuffix("_units"): row[name] for name in UNITS if row[name]}
    return counts | ({"constant": row["constant"]} if row["constant"] != "no" else {})


def two(*units: tuple[float, float]) -> list[float]:
    """The parameters of a layer of units with one input, (weight, bias) of each, and an output that adds them up."""
    weights, biases = zip(*units, strict=True)
    return [*weights, *biases, *[1.0] * len(units), 0.1]


# ------------------------------------------------------------------------------------------------------- dead units

BENT = (1.0, 0.0)
"""A ReLU with its kink in the middle of the line: it is neither dead nor linear."""


@both
@pytest.mark.parametrize(("unit", "dead"), [((1, -2), 1), ((1, -1), 1), ((0, 0), 1), ((1, -0.99), 0), ((-1, 0), 0)])
def test_dead_units(plant: Plant, precision: str, unit: tuple[float, float], dead: int) -> None:
    """A ReLU that no point activates, one that has a point at its kink, one that has a point just above."""
    away = (1.0, 0.5)
    expected = {"dead_units_start": dead, "dead": dead} if dead else {}
    row = plant(two(away, unit), precision=precision)
    assert found(row) == expected
    assert not any(name.startswith("dead_units") and name[-1].isdigit() for name in row)


def test_a_unit_dies_and_another_comes_to_life(plant: Plant) -> None:
    """A step of lr 1 moves the bias by −2 mean(error) = −200; decay takes a bias of −2 to −0.2 and 0."""
    train = {"optimizer": {"name": "sgd", "lr": 1.0}, "steps": 1}
    far = {"hidden": [1], "y": LINE - 100.0}
    died = plant([0.1, 0.5, 1.0, 0.0], **far, train=train)
    assert (died["dead_units_start"], died["dead_units"], died["outcome"]) == (0, 1, "dead")
    assert plant([0.1, 0.5, 1.0, 0.0], **far)["dead_units"] == 0
    decay = {"optimizer": {"name": "sgd", "lr": 0.9}, "steps": 1, "bias_update": "decay"}
    came = plant([1.0, -2.0, 1e-9, 0.0], hidden=[1], train=decay)
    assert (came["dead_units_start"], came["dead_units"]) == (1, 0)


def test_dead_units_by_layer(plant: Plant) -> None:
    first = [1.0, 1.0, -2.0, 0.0]  # two weights, two biases: dead, alive
    second = [0.0, 1.0, 0.0, -1.0, 0.0, 1.0, -2.0, 0.0, -0.5]  # of z = relu(x): dead, dead, alive
    row = plant([*first, *second, 1.0, 1.0, 1.0, 0.0], hidden=[2, 3])
    layers = {name: row[name] for name in row if name.startswith("dead_units_") and name[-1].isdigit()}
    assert layers == {"dead_units_start_1": 1, "dead_units_1": 1, "dead_units_start_2": 2, "dead_units_2": 2}
    assert (row["dead_units_start"], row["dead_units"]) == (3, 3)
    second[-2:] = [0.1, -0.5]  # 0.1 − relu(x) is above 0 at some points
    row = plant([*first, *second, 1.0, 1.0, 1.0, 0.0], hidden=[2, 3])
    assert (row["dead_units_1"], row["dead_units_2"], row["dead_units"]) == (1, 1, 2)


# -------------------------------------------------------------------------------------- saturated and linear units

TANH = {"network": {"activation": "tanh"}}
EDGE = math.acosh(1 / math.sqrt(0.02))
"""tanh' is 0.02 here."""


@both
@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ((0.1, 5.0), {"saturated": 1}),
        ((0.1, -5.0), {"saturated": 1}),
        ((0.1, EDGE + 0.101), {"saturated": 1}),
        ((0.1, EDGE + 0.099), {}),
        ((2.0, 2.0), {}),
        ((0.05, 0.0), {"linear": 1}),
        ((0.1, 0.0), {"linear": 1}),  # 1 − tanh² goes down to 0.9901
        ((0.15, 0.0), {}),  # to 0.9778
        ((0.0, 5.0), {"saturated": 1}),
        ((0.0, 0.5), {"linear": 1}),
    ],
)
def test_saturated_and_linear_units(plant: Plant, precision: str, unit: Any, expected: Row) -> None:
    assert found(plant(two((1.0, 0.5), unit), precision=precision, **TANH)) == expected


@pytest.mark.parametrize(("bias", "linear"), [(2.0, 1), (1.001, 1), (0.999, 0)])
def test_a_kink_outside_the_points_is_none(plant: Plant, bias: float, linear: int) -> None:
    for name, kinked in (("relu", True), ("leaky_relu", True), ("abs", True), ("linear", False)):
        row = plant(two((1.0, bias), (-3.0, 1.0)), network={"activation": name})
        assert row["linear_units"] == (linear if kinked else 0)  # linear by design is no finding


# ------------------------------------------------------------------------------------------------------ merged units


def turned(angle: float, size: float = 1.0) -> tuple[float, float]:
    """A unit whose normal lies at an angle to (1, 0.5)'s."""
    start = math.atan2(0.5, 1.0)
    return size * math.cos(start + angle), size * math.sin(start + angle)


@both
@pytest.mark.parametrize(
    ("angles", "merged", "opposite"),
    [
        ((0.0, 0.0), 1, 0),
        ((0.0, math.pi), 1, 1),
        ((0.0, 0.2), 0, 0),
        ((0.0, -0.2), 0, 0),
        ((0.0, math.pi - 0.2), 0, 0),
        ((0.0, math.pi / 2), 0, 0),
        ((0.0, 0.049), 1, 0),
        ((0.0, 0.051), 0, 0),
        ((0.0, math.pi - 0.049), 1, 1),
        ((0.0, math.pi + 0.051), 0, 0),
        ((0.0, 0.0, 0.0), 2, 0),
        ((0.0, 0.2, 0.0), 1, 0),
        ((0.0, math.pi, 0.0), 2, 1),  # the last faces the first's way
        ((0.0, math.pi, math.pi), 2, 1),
        ((0.0, 0.04, 0.08), 2, 0),  # the last lies on the second's
        ((0.0, 0.2, math.pi, math.pi + 0.2), 2, 2),
    ],
)
def test_merged_units(plant: Plant, precision: str, angles: Any, merged: int, opposite: int) -> None:
    sizes = (1.0, 2.5, 0.6, 1.7)
    units = [turned(angle, size) for angle, size in zip(angles, sizes, strict=False)]
    row = plant(two(*units), hidden=[len(units)], precision=precision, **TANH)
    assert (row["merged_units"], row["opposite_units"]) == (merged, opposite)


def test_dead_units_coincide_with_nobody(plant: Plant) -> None:
    assert found(plant(two((1, -2), (2, -4)))) == {"dead_units_start": 2, "dead": 2, "constant": "other"}
    assert found(plant(two((1, -2), (-1, 2)))) == {"dead_units_start": 1, "dead": 1, "linear": 1}
    assert plant(two((1, -0.5), (-1, 0.5)))["opposite_units"] == 1


def test_units_coincide_with_those_of_their_layer_alone(plant: Plant) -> None:
    layers = [1.0, -1.0, 0.5, 0.2, *(1.0, 0.5, -0.3, 0.8), *(0.1, 0.6), 1.0, 1.0, 0.0]
    assert plant(layers, hidden=[2, 2], **TANH)["merged_units"] == 0
    layers[4:8] = [1.0, 0.5, 2.0, 1.0]  # the same direction, but for their biases
    assert plant(layers, hidden=[2, 2], **TANH)["merged_units"] == 0
    layers[9] = 0.2
    assert plant(layers, hidden=[2, 2], **TANH)["merged_units"] == 1


def test_without_biases(plant: Plant) -> None:
    """All hyperplanes on a line are its origin, which is no finding; those in a plane can differ."""
    unbiased = {"network": {"activation": "tanh", "bias": False}}
    assert plant([1.0, 1.0, 1.0, 1.0], **unbiased)["merged_units"] == 0
    plane = np.random.default_rng(3).normal(size=(30, 2))
    assert plant([1.0, 2.0, 2.0, 4.0, 1.0, 1.0], x=plane, **unbiased)["merged_units"] == 1
    assert plant([1.0, 2.0, 2.0, -4.0, 1.0, 1.0], x=plane, **unbiased)["merged_units"] == 0


# --------------------------------------------------------------------------------------------------- constant output

SKEW = 1 + 3 * LINE**4
"""Targets whose mean, median and zero are far apart."""
MEAN, MEDIAN, REACH = float(SKEW.mean()), float(np.median(SKEW)), 3.0
STRAIGHT: dict[str, Any] = {"hidden": [], "y": SKEW}


@both
@pytest.mark.parametrize(
    ("slope", "offset", "place"),
    [
        (0.0, MEAN, "mean"),
        (0.0, MEAN - 0.019 * REACH, "mean"),
        (0.0, MEAN - 0.021 * REACH, "other"),
        (0.0, MEDIAN, "median"),
        (0.0, 0.0, "zero"),
        (0.0, 0.019 * REACH, "zero"),
        (0.0, -0.021 * REACH, "other"),
        (0.0, 2.5, "other"),
        (0.0049 * REACH, MEAN, "mean"),  # over the line, the output moves by twice the slope
        (0.0051 * REACH, MEAN, "no"),
        (1.0, MEAN, "no"),
    ],
)
def test_constant_outputs(plant: Plant, precision: str, slope: float, offset: float, place: str) -> None:
    assert plant([slope, offset], precision=precision, **STRAIGHT)["constant"] == place


def test_the_first_place_that_fits_every_output(plant: Plant) -> None:
    assert plant([0.0, 0.0], hidden=[], y=LINE)["constant"] == "mean"
    assert plant([0.0, 0.0], hidden=[], y=np.maximum(LINE, 0))["constant"] == "median"
    pair = {"hidden": [], "y": np.column_stack([SKEW, -SKEW])}
    assert plant([0.0, 0.0, MEAN, -MEAN], **pair)["constant"] == "mean"
    assert plant([0.0, 0.0, MEDIAN, -MEDIAN], **pair)["constant"] == "median"
    assert plant([0.0, 0.0, MEAN, 0.0], **pair)["constant"] == "other"
    assert plant([0.0, 1.0, MEAN, -MEAN], **pair)["constant"] == "no"
    assert plant([0.0, 1.0], hidden=[], y=np.ones(41))["constant"] == "no"  # every output would have to be


# -------------------------------------------------------------------------------------------- gradients, best losses


@both
def test_gradient_norms_and_best_losses(plant: Plant, precision: str) -> None:
    w, b = 0.7, -0.2
    error = w * LINE + b - SKEW
    norm = math.hypot(2 * np.mean(error * LINE), 2 * np.mean(error))
    row = plant([w, b], precision=precision, **STRAIGHT)
    assert row["gradient_norm"] == pytest.approx(norm, rel=1e-5 if precision == "float32" else 1e-13)
    assert row["loss_best"] == row["loss_first"] and row["step_best"] == 0
    for rate, best in ((0.2, 30), (1.05, 0)):  # towards the minimum, and away from it
        train = {"optimizer": {"name": "sgd", "lr": rate}, "steps": 30}
        row = plant([0.0, MEAN + 0.1], precision=precision, train=train, hidden=[], y=SKEW)
        assert row["step_best"] <= best and (row["step_best"] > 5) == (best > 0)
        ends = sorted((row["loss_first"], row["loss_last"]))
        assert ends[0] < ends[1] and row["loss_best"] <= ends[0] == pytest.approx(row["loss_best"], rel=1e-6)


@both
@pytest.mark.parametrize("activation", ["relu", "tanh", "linear", "sine"])
def test_nothing_is_found_in_what_diverged(plant: Plant, precision: str, activation: str) -> None:
    train = {"optimizer": {"name": "sgd", "lr": 1e30 if precision == "float32" else 1e300}, "steps": 20}
    network = {"network": {"activation": activation}}
    row = plant(two(BENT, (1.0, 0.0)), precision=precision, train=train, **network)
    assert row["outcome"] == "diverged"
    assert all(row[name] == 0 for name in UNITS if not name.startswith("dead")) and row["constant"] == "no"
    assert row["loss_best"] <= row["loss_first"] and not math.isfinite(row["loss_last"] + row["gradient_norm"])
    assert plant(two(BENT, (1.0, 0.0)), precision=precision, **network)["merged_units"] == 1


# ---------------------------------------------------------------------------------------------------------- Hessians

HELD: dict[str, Any] = {"diagnose": "hessian", "train": {"steps": 10}}
ONE: dict[str, Any] = {"hidden": [1], "x": np.ones(4), "y": np.array([0.0, 2, 0, 2])}
"""Data that v relu(w) fits best where v w = 1: there the loss has the Hessian (2 2; 2 2) in v = w = 1."""


@both
@pytest.mark.parametrize("activation", ["tanh", "linear"])
def test_a_saddle(plant: Plant, precision: str, activation: str) -> None:
    """In w = v = 0, (v f(w x) − x)² has no gradient, and the Hessian (0 −2x²; −2x² 0) where f'(0) = 1."""
    network = {"activation": activation, "bias": False}
    row = plant([0.0, 0.0], hidden=[1], y=LINE, network=network, precision=precision, **HELD)
    assert (row["outcome"], row["point"], row["gradient_norm"]) == ("stuck", "saddle", 0.0)
    assert row["hessian_min"] == pytest.approx(-2 * np.mean(LINE**2), abs=1e-6)


def test_a_minimum_and_a_flat_region(plant: Plant) -> None:
    unbiased = {"network": {"bias": False}, **HELD}
    least = plant([1.0, 1.0], **ONE, **unbiased)
    assert (least["outcome"], least["point"]) == ("stuck", "minimum")  # the only way out is to rescale
    assert least["hessian_min"] == pytest.approx(0.0, abs=1e-6)
    flat = plant([1.0, -1.0, 1.0, 1.0], **ONE | {"hidden": [2]}, **unbiased)
    assert (flat["outcome"], flat["point"], flat["dead_units"]) == ("stuck", "flat", 1)
    assert flat["hessian_min"] == pytest.approx(0.0, abs=1e-6)


@both
def test_linear_regression_has_a_minimum(plant: Plant, precision: str) -> None:
    x = np.linspace(-1, 2, 41)
    y = x**3
    matrix = 2 * np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1.0]])
    best = np.polyfit(x, y, 1)
    row = plant(best, hidden=[], x=x, y=y, precision=precision, **HELD)
    assert (row["outcome"], row["point"]) == ("stuck", "minimum")
    assert row["hessian_min"] == pytest.approx(np.linalg.eigvalsh(matrix)[0], rel=1e-6)


def test_none_but_stuck_trials_have_a_point(plant: Plant) -> None:
    for options in ({"train": {"steps": 0}}, {"train": {"steps": 1, "optimizer": {"name": "sgd", "lr": 0.5}}}):
        row = plant([0.3, 0.1], hidden=[], y=LINE, diagnose="hessian", **options)
        assert row["outcome"] != "stuck" and row["point"] == "unknown" and math.isnan(row["hessian_min"])
    assert not {"point", "hessian_min"} & plant([0.3, 0.1], hidden=[], y=LINE).keys()


@pytest.mark.parametrize(("width", "told"), [(21, True), (22, False)])
def test_networks_that_are_too_large_have_no_points(plant: Plant, width: int, told: bool) -> None:
    count = 3 * width + 1
    assert (count <= MOST_PARAMETERS) == told
    row = plant([0.0] * count, hidden=[width], y=LINE, network={"activation": "tanh"}, **HELD)
    assert row["outcome"] == "stuck" and (row.get("point") == "saddle") == told == ("hessian_min" in row)


def exact_hessian(theta: Array, x: Array, y: Array) -> Array:
    """Of the mean squared error of a tanh network 2-3-1, by complex steps of its gradient."""

    def gradient(theta: Array) -> Array:
        w, b, v, c = theta[:6].reshape(3, 2), theta[6:9], theta[9:12], theta[12]
        h = np.tanh(x @ w.T + b)
        error = 2 * (h @ v + c - y) / len(x)
        delta = error[:, None] * v * (1 - h**2)
        return np.concatenate([(delta.T @ x).ravel(), delta.sum(axis=0), error @ h, [error.sum()]])

    return np.array([gradient(theta + 1e-30j * unit).imag / 1e-30 for unit in np.eye(13)])


def test_hessians_are_exact(program: Callable[..., Program]) -> None:
    random = np.random.default_rng(5)
    x, y = random.normal(size=(20, 2)), random.normal(size=20)
    for size in (0.1, 1.0, 5.0):
        theta = size * random.normal(size=13)
        exact = exact_hessian(theta, x, y)
        own = program(theta, hidden=[3], x=x, y=y, **TANH)
        np.testing.assert_allclose(hessian(own, 0, theta), exact, atol=1e-6)
        moved = theta + 1e-3 * np.eye(13)[0]
        assert np.abs(hessian(own, 0, moved) - exact).max() > 1e-6


@both
def test_hessians_of_trials_with_points_of_their_own(precision: str) -> None:
    drawn = study(precision, {}, task={"name": "distance", "size": 9, "noise": 0.5}, network={"hidden": [3]})
    [cell] = make_plan(drawn).cells
    own, theta = build([cell], {}), np.random.default_rng(6).normal(size=13)
    for trial in (0, 7, 2**33 + 5):
        x, y = (values.astype(float) for values in naive_draws.sample_set(cell.settings, trial, None))
        np.testing.assert_allclose(hessian(own, trial, theta), exact_hessian(theta, x, y[:, 0]), atol=1e-6)


def test_eigenvalues_are_those_of_lapack() -> None:
    random = np.random.default_rng(7)
    for rows in [*range(1, 17), 33, 64]:
        for matrix in (
            random.normal(size=(rows, rows)),
            np.outer(*[random.normal(size=rows)] * 2),
            np.diag(random.integers(-2, 3, rows).astype(float)),
            np.zeros((rows, rows)),
            10.0 ** random.uniform(-9, 9, (rows, rows)),
        ):
            symmetric = matrix + matrix.T
            expected = np.linalg.eigvalsh(symmetric)
            np.testing.assert_allclose(spectrum(symmetric), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert np.isnan(spectrum(np.array([[1.0, np.nan], [np.nan, 1.0]]))).all()


@pytest.mark.parametrize(
    ("values", "rescalings", "slope", "point"),
    [
        ([-1.0, 2.0], 0, 0.0, "saddle"),
        ([1.0, 2.0], 0, 0.0, "minimum"),
        ([-1e-7, 2.0], 1, 0.0, "minimum"),
        ([-1e-7, 2.0], 0, 0.0, "flat"),
        ([-1e-5, 2.0], 1, 0.0, "saddle"),
        ([-1e-5, 2.0], 1, 1e-5, "minimum"),
        ([-1e-5, 2.0], 0, 1e-5, "saddle"),
        ([0.0, 0.0], 0, 0.0, "flat"),
        ([math.nan, math.nan], 0, 0.0, "unknown"),
    ],
)
def test_points_by_eigenvalues(values: list[float], rescalings: int, slope: float, point: str) -> None:
    assert classify(np.array(values), rescalings, slope) == point
