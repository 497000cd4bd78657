"""Numeric axes: which keys are axes, what is the optimum along them, how they are told and drawn."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from scipy.special import ndtri
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels
from test_report import assert_legible

from mcstudy import figures, statistics
from mcstudy.figures import style
from mcstudy.plan import Axis, Plan, find_axes, make_plan
from mcstudy.report import render
from mcstudy.report.axes import axes as told_axes
from mcstudy.report.document import Document
from mcstudy.spec import load
from mcstudy.statistics.tally import CONVERGED, Tally

HIDDEN = {"hidden": [2], "output": "linear"}


def sgd(*rates: float, **others: float) -> list[dict[str, Any]]:
    return [{"name": "sgd", "lr": rate, **others} for rate in rates]


def axis(vary: dict[str, Any], **tables: Any) -> Axis | None:
    found = find_axes(synthetic.plan(vary, **tables))
    assert len(found) <= 1
    return found[0] if found else None


def lines(found: Axis | None) -> dict[str, list[float]]:
    assert found is not None
    return {line: [point.value for point in found.points.values() if point.line == line] for line in found.lines}


@pytest.mark.parametrize(
    ("vary", "title", "expected"),
    [
        ({"train.steps": [100, 200, 300]}, "train.steps", {"": [100, 200, 300]}),
        ({"converge.loss": [0.1, 0.001, 0.01]}, "converge.loss", {"": [0.1, 0.001, 0.01]}),
        ({"network.hidden": [[], [4], [8], [16]]}, "units of each hidden layer", {"": [4, 8, 16]}),
        (
            {"network.hidden": [[4], [8], [16], [2, 2], [4, 4], [8, 8], [4, 2]]},
            "units of each hidden layer",
            {"1 hidden layer": [4, 8, 16], "2 hidden layers": [2, 4, 8]},
        ),
        ({"optimizer": sgd(0.1, 0.2, 0.4)}, "lr of sgd", {"": [0.1, 0.2, 0.4]}),
        ({"optimizer": sgd(0.1, 0.2, 0.4, momentum=0.9)}, "lr of sgd(momentum=0.9)", {"": [0.1, 0.2, 0.4]}),
        (
            {"optimizer": [*sgd(0.1, 0.2, 0.4), *sgd(0.1, 0.2, 0.3, momentum=0.9), {"name": "adam", "lr": 0.01}]},
            "lr of optimizer",
            {"sgd": [0.1, 0.2, 0.4], "sgd(momentum=0.9)": [0.1, 0.2, 0.3]},
        ),
        (
            {"activation": ["relu", "leaky_relu", *({"name": "leaky_relu", "negative_slope": s} for s in (0.1, 0.3))]},
            "negative_slope of leaky_relu",
            {"": [0.01, 0.1, 0.3]},
        ),
        ({"init": [{"name": "normal", "std": s} for s in (0.1, 1, 3)]}, "std of normal", {"": [0.1, 1, 3]}),
    ],
    ids=str,
)
def test_numbers_widths_and_parts_of_one_number_are_axes(
    vary: dict[str, Any], title: str, expected: dict[str, list[float]]
) -> None:
    found = axis(vary, network=HIDDEN)
    assert lines(found) == expected
    assert found is not None and found.title == title and {found.key} == set(vary)


@pytest.mark.parametrize(
    "vary",
    [
        {"train.steps": [100, 200]},
        {"network.bias": [False, True]},
        {"network.hidden": [[4], [8], [4, 4], [8, 8]]},
        {"network.hidden": [[4, 2], [8, 2], [16, 2]]},
        {"activation": ["relu", "elu", "selu", "tanh"]},
        {"optimizer": [*sgd(0.1), *sgd(0.2, momentum=0.5), *sgd(0.4, momentum=0.9)]},
        {"optimizer": [*sgd(0.1, 0.2), *sgd(0.4, momentum=0.9)]},
        {"activation": ["leaky_relu", {"name": "leaky_relu", "negative_slope": 0.3}]},
    ],
    ids=str,
)
def test_few_numbers_and_two_that_differ_are_none(vary: dict[str, Any]) -> None:
    assert axis(vary, network=HIDDEN) is None


def test_the_parameter_of_the_most_levels_is_the_axis() -> None:
    found = axis({"optimizer": [*sgd(0.1), *sgd(0.1, 0.2, momentum=0.5), *sgd(0.1, momentum=0.9)]})
    assert found is not None and found.title == "momentum of sgd(lr=0.1)" and len(found.points) == 3


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [
        ([0.001, 0.01, 0.1], True),
        ([1, 2, 4], True),
        ([1, 3, 10], True),
        ([4, 5, 6], False),
        ([100, 150, 200, 250], False),
        ([1, 2, 3, 4, 5], False),
        ([10, 20, 50, 90], False),
    ],
)
def test_wide_and_geometric_numbers_are_logarithmic(values: list[float], logarithmic: bool) -> None:
    found = axis({"converge.loss": values})
    assert found is not None and found.logarithmic == logarithmic
    places = [point.place for point in found.points.values()]
    np.testing.assert_allclose(places, np.log10(values) if logarithmic else values)


def test_a_zero_stands_one_step_below_the_others() -> None:
    found = axis({"network.dropout": [0, 0.001, 0.01, 0.1]}, network=HIDDEN)
    assert found is not None and found.logarithmic
    np.testing.assert_allclose([point.place for point in found.points.values()], [-4, -3, -2, -1])
    assert next(iter(found.points.values())).text == "0"


SHIPPED = {
    "distance_repulsion": [("train.regularizer", "factor of repulsion", 1, 4)],
    "learning_rate": [("optimizer", "lr of sgd", 1, 7), ("network.hidden", "units of each hidden layer", 1, 4)],
    "optimizers": [("optimizer", "lr of optimizer", 16, 48)],
    "widths": [("network.hidden", "units of each hidden layer", 2, 20)],
}
"""The axes of the shipped studies: key, title, number of lines and of levels."""


def test_the_axes_of_the_shipped_studies() -> None:
    found = {}
    for path in sorted((Path(__file__).parents[1] / "studies").glob("*.toml")):
        axes = find_axes(make_plan(load(path)))
        if axes:
            found[path.stem] = [(axis.key, axis.title, len(axis.lines), len(axis.points)) for axis in axes]
    assert found == SHIPPED


# ------------------------------------------------------------------------------------ the optimum


def made(plan: Plan, bits: dict[str, Any] | list[Any]) -> dict[str, Tally]:
    """The tallies of cells whose trials converged as told, in the order of the plan."""
    empty = np.empty(0, np.int64)
    known = {}
    for cell, converged in zip(plan.cells, bits, strict=True):
        one = np.asarray(converged, np.bool_)
        outcomes = [0] * 5
        outcomes[CONVERGED] = int(one.sum())
        outcomes[3] = len(one) - outcomes[CONVERGED]
        nan = float("nan")
        counts = tuple(outcomes)
        known[cell.id] = Tally(len(one), counts, empty, empty, empty, empty, np.packbits(one), nan, nan, nan, {})
    return known


def correlated(rates: Any, trials: int, rho: float, seed: int | np.random.Generator = 0) -> np.ndarray:
    """(cells, trials): whether trials converge, at these rates and this correlation of what decides it."""
    random = np.random.default_rng(seed)
    cut = ndtri(np.asarray(rates, np.float64))
    common = np.sqrt(rho) * random.standard_normal((1, trials))
    return np.asarray(common + np.sqrt(1 - rho) * random.standard_normal((len(cut), trials)) < cut[:, None])


@pytest.mark.parametrize("trials", [(123, 123), (200, 77), (77, 200)])
def test_the_optimum_is_by_mcnemars_test_and_holms_adjustment(trials: tuple[int, int]) -> None:
    """Over the trials that the two cells share."""
    plan = synthetic.plan({"train.steps": [100, 200, 300]})
    best, *others = correlated((0.9, 0.4, 0.84), 200, 0.3)
    cells = [best[: trials[0]], *(one[: trials[1]] for one in others)]
    frame = statistics.axes(plan, made(plan, cells))
    count = min(trials)
    best = best[:count]
    p = []
    for one in (other[:count] for other in others):
        table = [[np.sum(one & best), np.sum(one & ~best)], [np.sum(~one & best), np.sum(~one & ~best)]]
        p.append(mcnemar_of_statsmodels(table, exact=True).pvalue)
    np.testing.assert_allclose(frame["p"], [1, *synthetic.holm_of_statsmodels(p)], rtol=1e-9)


def test_the_optimum_is_the_best_level_and_those_that_are_not_shown_to_be_worse() -> None:
    plan = synthetic.plan({"optimizer": sgd(0.001, 0.01, 0.1, 1)})
    base = np.arange(1000) < 500
    near = base.copy()
    near[:4] = False  # four trials fewer, p = 1/8
    worse = base.copy()
    worse[:20] = False
    frame = statistics.axes(plan, made(plan, [worse, base, near, np.zeros(1000)]))
    assert frame["best"].tolist() == [False, True, False, False]
    assert frame["alike"].tolist() == [False, True, True, False]
    np.testing.assert_allclose(frame["p"], [2 * 2 * 0.5**20, 1, 2 * 0.5**4, 3 * 2 * 0.5**500])
    # Unpaired, twenty of a thousand would be nothing: the pairs are what shows it.
    assert frame["rate_high"][0] > frame["rate_low"][1]


def test_lines_and_contexts_have_an_optimum_each() -> None:
    vary = {"optimizer": [*sgd(0.1, 0.2, 0.4), *sgd(0.3, 0.1, 0.2, momentum=0.9), {"name": "adam", "lr": 1}]}
    plan = synthetic.plan(vary | {"activation": ["relu", "elu"]})
    random = np.random.default_rng(1)
    frame = statistics.axes(plan, made(plan, list(random.random((len(plan.cells), 400)) < 0.5)))
    assert len(frame) == 12 and frame["group"].nunique() == 4
    assert (frame.groupby("group")["best"].sum() == 1).all()
    assert all(part["x"].is_monotonic_increasing for _, part in frame.groupby("group"))
    assert not any("adam" in label for label in frame["optimizer"])


def test_two_axes_are_maps_with_the_best_of_each_row() -> None:
    plan = synthetic.plan({"network.hidden": [[2], [4], [8]], "optimizer": sgd(0.1, 0.2, 0.4, 0.8)}, network=HIDDEN)
    rates = np.array([[0.1, 0.5, 0.2, 0.1], [0.2, 0.2, 0.6, 0.1], [0.9, 0.2, 0.1, 0]]).ravel()
    frame = statistics.axes(plan, made(plan, list(correlated(rates, 500, 0.5))))
    assert set(frame["x_name"]) == {"lr"} and set(frame["y_name"]) == {"units"}
    assert frame.loc[frame["row_best"], "x_text"].tolist() == ["0.2", "0.4", "0.1"]
    (best,) = frame[frame["best"]].to_dict("records")
    assert (best["x_text"], best["y_text"]) == ("0.1", "8") and frame["alike"].sum() == 1


def test_nothing_is_best_where_nothing_converged() -> None:
    plan = synthetic.plan({"train.steps": [100, 200, 300]})
    frame = statistics.axes(plan, made(plan, [np.zeros(50)] * 3))
    assert not frame["best"].any()
    assert text_of(plan, frame).startswith("No trial converged.")


@pytest.mark.slow
def test_the_set_of_the_optimum_holds_the_truly_best_level() -> None:
    plan = synthetic.plan({"train.steps": [100, 200, 300, 400]})
    rates = (0.5, 0.52, 0.54, 0.53)
    random = np.random.default_rng(5)
    held = chosen = 0
    for _ in range(400):
        frame = statistics.axes(plan, made(plan, list(correlated(rates, 300, 0.5, random))))
        held += bool(frame["alike"][2])
        chosen += bool(frame["best"][2])
    assert held >= 0.95 * 400
    # The best one of the trials alone is another one more often than not: that is why there is a set.
    assert chosen < 0.7 * 400


# ------------------------------------------------------------------------------------ words and figures


def text_of(plan: Plan, frame: pd.DataFrame) -> str:
    return render.markdown(Document("", tuple(told_axes(frame, plan.keys)))).partition("\n\n")[2]


def test_a_study_that_stops_early_names_its_own_tests() -> None:
    tests = {}
    for until in (None, {"half_width": 0.05}):
        plan = synthetic.plan({"train.steps": [100, 200, 300]}, study={"until": until} if until else {})
        frame = statistics.axes(plan, made(plan, list(correlated((0.3, 0.5, 0.6), 400, 0.5))))
        drawn = figures.draw(figures.FIGURES["axes"], frame, plan.keys, until is not None)
        assert "pointwise 95 % Wilson bands" in drawn.caption
        tests[until is None] = text_of(plan, frame), drawn.caption
    assert all("McNemar's exact test" in text and "sequences" not in text for text in tests[True])
    assert all("McNemar" not in text and "paired confidence sequences" in text for text in tests[False])


def course(rates: Any, trials: int = 4000) -> str:
    plan = synthetic.plan({"optimizer": sgd(*(10.0**k for k in range(-len(rates), 0)))})
    bits = np.arange(trials) < np.round(np.asarray(rates)[:, None] * trials)
    return text_of(plan, statistics.axes(plan, made(plan, list(bits))))


def test_the_text_tells_the_optimum_and_what_is_level_with_it() -> None:
    text = course([0.1, 0.5, 0.5003, 0.2])
    assert text.startswith("The rate is highest at `lr = 0.01` (50 %, 95 % interval 48 to 52); `lr = 0.001` cannot be")
    assert "it is lowest, 10.0 %, at `lr = 0.0001`." in text and "end of the range" not in text


def test_the_text_warns_of_an_optimum_at_the_end() -> None:
    assert "rises throughout, from 10.0 % at `lr = 0.001`. The best lies at an end of the range" in course(
        [0.1, 0.3, 0.6]
    )
    assert "falls throughout, to 10.0 % at `lr = 0.1`. The best lies at an end" in course([0.6, 0.3, 0.1])
    assert "but some within it cannot be told from it" in course([0.1, 0.6, 0.6005])
    assert "end of the range" not in course([0.1, 0.6, 1.0])  # nothing is better than all
    assert "throughout" not in course([0.1, 0.3, 0.3, 0.6])


def test_the_text_finds_no_optimum_where_there_is_none() -> None:
    assert course([0.3, 0.3, 0.3]).startswith("The rate shows no clear optimum: it is 30 % throughout.")


DESIGNS: dict[str, dict[str, Any]] = {
    "one line": {"optimizer": sgd(0.001, 0.01, 0.1)},
    "many numbers": {"task.batch": list(range(1, 61))},
    "lines": {"optimizer": sgd(0.001, 0.01, 0.1), "activation": ["relu", "elu", "tanh"]},
    "panels": {
        "optimizer": [*sgd(0.001, 0.01, 0.1), *sgd(0.1, 0.2, 0.4, momentum=0.9)],
        "activation": synthetic.ACTIVATIONS,
        "init": synthetic.INITS,
    },
    "more lines than colours": {
        "optimizer": [step for k in range(12) for step in sgd(0.001, 0.01, 0.1, momentum=k / 20)],
    },
    "a map": {"optimizer": sgd(0.001, 0.01, 0.1), "converge.loss": [0.1, 0.01, 0.001, 0.0001]},
    "a large map": {"task.batch": list(range(1, 31)), "converge.loss": [k / 100 for k in range(1, 26)]},
    "maps": {
        "optimizer": [*sgd(0.001, 0.01, 0.1), *sgd(0.1, 0.2, 0.4, momentum=0.9)],
        "converge.loss": [0.1, 0.01, 0.001],
        "activation": synthetic.ACTIVATIONS,
    },
}


def drawn_frame(vary: dict[str, Any]) -> tuple[Plan, pd.DataFrame]:
    plan = synthetic.plan(vary, trials=60)
    random = np.random.default_rng(3)
    rates = random.random(len(plan.cells))
    return plan, statistics.axes(plan, made(plan, list(correlated(rates, 60, 0.4, random))))


@pytest.mark.parametrize("name", DESIGNS)
def test_lines_and_maps_are_legible_and_complete(name: str) -> None:
    plan, frame = drawn_frame(DESIGNS[name])
    with style.theme():
        shown: set[str] = set()
        for page, cells in figures.FIGURES["axes"].pages(frame, plan.keys):
            assert_legible(page)
            shown |= cells
    assert shown == set(frame["cell"])


def test_the_same_figure_every_time() -> None:
    plan, frame = drawn_frame(DESIGNS["a map"])
    one, other = (figures.draw(figures.FIGURES["axes"], frame, plan.keys) for _ in range(2))
    assert one == other and one.pages


def test_widths_alone_are_left_to_the_figure_of_the_size() -> None:
    plan = synthetic.plan({"network.hidden": [[2], [4], [8]]}, network=HIDDEN)
    frame = statistics.axes(plan, made(plan, list(correlated((0.1, 0.4, 0.8), 300, 0.5))))
    assert not figures.draw(figures.FIGURES["axes"], frame, plan.keys).pages
    assert "rises throughout" in text_of(plan, frame)


def test_a_study_without_numbers_has_no_section() -> None:
    plan = synthetic.plan({"activation": ["relu", "elu", "tanh"]})
    frame = statistics.axes(plan, made(plan, [np.ones(9)] * 3))
    assert frame.empty and told_axes(frame, plan.keys) == []
    assert dataclasses.asdict(figures.draw(figures.FIGURES["axes"], frame, plan.keys))["pages"] == ()
