"""Main effects and interactions: against a generalised linear model, brute force, and made-up trials of known odds."""

from __future__ import annotations

import importlib
import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from scipy.special import logit
from scipy.stats import norm
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from test_axes import correlated, made
from test_report import assert_legible

from mcstudy import figures, statistics
from mcstudy.figures import style
from mcstudy.plan import Plan
from mcstudy.report import render
from mcstudy.report.document import Document, Table
from mcstudy.report.interactions import interactions
from mcstudy.statistics.effects import contrasts, joint_counts, log_odds, projection

TWO = {"activation": ["relu", "elu", "tanh"], "init": ["normal", "he_normal"]}
THREE = {**TWO, "network.bias": [False, True]}


def packed(bits: np.ndarray) -> list[np.ndarray]:
    return [np.packbits(row) for row in bits]


def found(vary: dict[str, Any], bits: np.ndarray) -> pd.DataFrame:
    plan = synthetic.plan(vary)
    return statistics.effects(plan, made(plan, list(bits)))


def coded(count: int) -> np.ndarray:
    """Sum-to-zero columns of a factor."""
    return np.vstack([np.eye(count - 1), -np.ones((1, count - 1))])


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:Perfect separation")
def test_estimates_and_errors_are_those_of_a_saturated_logistic_model() -> None:
    """Of independent cells, with half a trial of either kind added to each."""
    counts, trials = (3, 2, 2), 400
    bits = correlated(np.linspace(0.05, 0.95, 12), trials, 0)
    odds = log_odds(packed(bits), trials)
    converged = bits.sum(axis=1)
    terms = [which for size in range(4) for which in itertools.combinations(range(3), size)]
    columns = []
    for which in terms:
        term = np.ones((1, 1))
        for position, count in enumerate(counts):
            term = np.kron(term, coded(count) if position in which else np.ones((count, 1)))
        columns.append(term)
    halves = np.column_stack([converged + 0.5, trials - converged + 0.5])
    model = GLM(halves, np.hstack(columns), family=Binomial()).fit(tol=1e-14)
    alone = np.diag(np.diag(odds.covariance))
    start = 1  # the mean
    for which, term in zip(terms[1:], columns[1:], strict=True):
        # The model has the levels of each key but its last.
        free = [range(counts[position] - 1) for position in which]
        rows = {row["place"]: row for row in contrasts(replace(odds, covariance=alone), counts, which)}
        kept = [rows[place] for place in itertools.product(*free)]
        part = slice(start, start + term.shape[1])
        np.testing.assert_allclose([row["estimate"] for row in kept], model.params[part], atol=1e-10)
        np.testing.assert_allclose([row["se"] for row in kept], model.bse[part], rtol=1e-6)
        start = part.stop


def test_joint_counts_are_exact() -> None:
    bits = correlated(np.linspace(0, 1, 7), 1003, 0.5)
    ints = bits.astype(np.int64)
    np.testing.assert_array_equal(joint_counts(packed(bits), 1003), ints @ ints.T)
    np.testing.assert_array_equal(joint_counts(packed(bits), 501), ints[:, :501] @ ints[:, :501].T)


def test_pieces_of_the_trials_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    bits = correlated(np.linspace(0.1, 0.9, 5), 1003, 0.5)
    whole = joint_counts(packed(bits), 1003)
    monkeypatch.setattr(importlib.import_module("mcstudy.statistics.effects"), "_CHUNK", 5 * 64)
    np.testing.assert_array_equal(joint_counts(packed(bits), 1003), whole)


def test_the_covariance_is_that_of_the_influences_of_the_trials() -> None:
    trials = 500
    bits = correlated((0.2, 0.5, 0.6, 0.97), trials, 0.6)
    p = (bits.sum(axis=1) + 0.5) / (trials + 1)
    influence = (bits - bits.mean(axis=1, keepdims=True)) / (p * (1 - p))[:, None]
    expected = np.cov(influence, bias=True) / (trials + 1)
    covariance = log_odds(packed(bits), trials).covariance
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(covariance[off], expected[off], rtol=1e-10)
    # The halves widen each cell by itself: 1/(k + 1/2) + 1/(n - k + 1/2).
    k = bits.sum(axis=1)
    np.testing.assert_allclose(np.diag(covariance), 1 / (k + 0.5) + 1 / (trials - k + 0.5), rtol=1e-12)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_cells_that_never_or_always_converge_have_finite_odds() -> None:
    bits = np.zeros((2, 50), bool)
    bits[1] = True
    odds = log_odds(packed(bits), 50)
    np.testing.assert_allclose(odds.values, [-math.log(101), math.log(101)])
    np.testing.assert_allclose(odds.covariance, np.diag([2 + 1 / 50.5] * 2))


def test_the_effects_of_all_sets_of_keys_add_up_to_the_cells() -> None:
    counts = (3, 2, 4)
    sets = [which for size in range(4) for which in itertools.combinations(range(3), size)]
    matrices = [projection(counts, which) for which in sets]
    np.testing.assert_allclose(sum(matrices), np.eye(24), atol=1e-12)
    for one, other in itertools.combinations(matrices, 2):
        np.testing.assert_allclose(one @ other, 0, atol=1e-12)


def test_effects_are_means_of_log_odds() -> None:
    bits = correlated((0.1, 0.2, 0.5, 0.7, 0.8, 0.9), 800, 0.4)
    frame = found(TWO, bits)
    k = bits.sum(axis=1)
    theta = np.log((k + 0.5) / (800 - k + 0.5)).reshape(3, 2)
    main = frame[frame["kind"] == "main"]
    of_activation = theta.mean(axis=1) - theta.mean()
    np.testing.assert_allclose(main.loc[main["key"] == "activation", "estimate"], of_activation)
    double = theta - theta.mean(axis=1, keepdims=True) - theta.mean(axis=0) + theta.mean()
    pairs = frame[frame["kind"] == "pair"]
    np.testing.assert_allclose(pairs["estimate"], double.ravel(), atol=1e-12)
    assert list(pairs["level"]) == ["relu", "relu", "elu", "elu", "tanh", "tanh"]
    assert list(pairs["mirror"]) == [False, True] * 3
    z = (pairs["estimate"] / pairs["se"])[~pairs["mirror"].astype(bool)]
    p = synthetic.holm_of_statsmodels(2 * norm.sf(abs(z)))
    np.testing.assert_allclose(pairs.loc[~pairs["mirror"].astype(bool), "p"], p, rtol=1e-9)
    np.testing.assert_allclose(pairs["p"], np.repeat(p, 2), rtol=1e-9)


def test_additive_odds_have_no_interaction_and_others_do() -> None:
    effect = np.add.outer([-1.5, 0.2, 1.3], [-0.5, 0.5])
    frame = found(TWO, correlated(1 / (1 + np.exp(-effect.ravel())), 20_000, 0.5, 4))
    pairs = frame[frame["kind"] == "pair"]
    assert (pairs["p"] > 0.05).all()
    effect[0] = effect[0, ::-1]
    frame = found(TWO, correlated(1 / (1 + np.exp(-effect.ravel())), 20_000, 0.5, 4))
    pairs = frame[frame["kind"] == "pair"]
    assert pairs.loc[pairs["level"] == "relu", "p"].max() < 1e-6


def test_shares_take_noise_off() -> None:
    theta = np.array([[-2.0, -1.0], [0.0, 1.0], [2.0, 3.0]]).ravel()
    trials = 2000
    frame = found(TWO, correlated(1 / (1 + np.exp(-theta)), trials, 0.3, 1))
    part = frame[frame["kind"] == "share"].set_index(["key", "other_key"])
    truth = {("activation", ""): 16 / 17.5, ("init", ""): 1.5 / 17.5, ("activation", "init"): 0}
    for names, value in truth.items():
        row = part.loc[names]
        assert row["low"] - 1e-9 <= value <= row["high"] + 1e-9
    assert part["estimate"].sum() == pytest.approx(1)


def test_the_noise_of_a_sum_of_squares_is_what_it_is_where_no_key_does_anything() -> None:
    random = np.random.default_rng(2)
    matrix = np.eye(6) - projection((3, 2), ())
    squares, noise = [], []
    for _ in range(400):
        odds = log_odds(packed(correlated([0.5] * 6, 300, 0.3, random)), 300)
        squares.append(float(odds.values @ matrix @ odds.values))
        noise.append(float(np.sum(matrix * odds.covariance)))
    # The mean of chi-squares of five degrees of freedom, to four standard errors.
    assert np.mean(squares) == pytest.approx(np.mean(noise), rel=4 * math.sqrt(2 / 5 / 400))


COVERAGE = {
    "middling": ((0.3, 0.5, 0.6, 0.7, 0.4, 0.55), (100, 1000)),
    "high": ((0.9, 0.95, 0.97, 0.99, 0.92, 0.98), (1000,)),
    "low": ((0.02, 0.05, 0.1, 0.03, 0.02, 0.2), (100, 10_000)),
}


def coverage(rates: Any, trials: int, rho: float, repeats: int, paired: bool = True) -> np.ndarray:
    """How often the 95 % intervals of all main effects and interactions hold the truth, over made-up studies."""
    counts, truth = (3, 2), logit(np.asarray(rates))
    random = np.random.default_rng(8)
    matrices = [projection(counts, which) for which in ((0,), (1,), (0, 1))]
    hits = np.zeros((3, 6))
    for _ in range(repeats):
        odds = log_odds(packed(correlated(rates, trials, rho, random)), trials)
        covariance = odds.covariance if paired else np.diag(np.diag(odds.covariance))
        for row, matrix in enumerate(matrices):
            error = np.sqrt(np.einsum("ij,jk,ik->i", matrix, covariance, matrix))
            hits[row] += np.abs(matrix @ (odds.values - truth)) <= 1.96 * error
    return hits / repeats


@pytest.mark.slow
@pytest.mark.parametrize("name", COVERAGE)
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_intervals_cover(name: str, rho: float) -> None:
    rates, sizes = COVERAGE[name]
    for trials in sizes:
        assert coverage(rates, trials, rho, 1000).min() > 0.93


@pytest.mark.slow
def test_intervals_that_ignore_the_pairs_are_needlessly_wide() -> None:
    rates, _ = COVERAGE["middling"]
    assert coverage(rates, 1000, 0.8, 600, paired=False).min() > 0.985
    assert coverage(rates, 1000, 0.8, 600).max() < 0.975


def test_tasks_are_analysed_apart() -> None:
    vary = {"activation": ["relu", "linear"], "task.name": ["distance", "xor"], "init": ["normal", "he_normal"]}
    plan = synthetic.plan(vary, network={"hidden": [2], "output": "linear"}, task={"batch": 4})
    frame = statistics.effects(plan, made(plan, list(correlated(np.linspace(0.2, 0.8, 8), 300, 0.3))))
    assert set(frame["task"]) == {"distance", "xor"} and set(frame["cells"]) == {4}
    assert "task.name" not in set(frame["key"])
    text = render.markdown(Document("", tuple(interactions(frame, plan.keys))))
    assert "### On distance" in text and "### On xor" in text


@pytest.mark.parametrize(
    ("vary", "rates"),
    [
        ({"activation": ["relu", "elu"]}, [0.2, 0.8]),
        (TWO, [0, 1, 0, 1, 1, 0.0]),
        (TWO, [0, 1, 0, 1, 0.3, 0.4]),
        (TWO, [1.0] * 6),
    ],
    ids=["one key", "all at an end", "most at an end", "all"],
)
def test_nothing_is_told_where_there_is_nothing_to_tell(vary: dict[str, Any], rates: list[float]) -> None:
    frame = found(vary, correlated(rates, 100, 0.3))
    assert frame.empty and interactions(frame, tuple(vary)) == []
    assert not figures.draw(figures.FIGURES["interactions"], frame, tuple(vary)).pages


def test_cells_at_an_end_are_told_of() -> None:
    frame = found(TWO, correlated([0, 0.5, 0.2, 0.999, 0.7, 0.6], 100, 0.3, 3))
    assert set(frame["ends"]) <= {1, 2} and set(frame["few"]) == {2}
    text = render.markdown(Document("", tuple(interactions(frame, tuple(TWO)))))
    assert "In 2 of the 6 cells all trials" in text and "odds of 201 to 1" in text


def test_cells_of_different_numbers_of_trials_share_the_first_ones() -> None:
    plan = synthetic.plan(TWO)
    bits = list(correlated(np.linspace(0.2, 0.8, 6), 300, 0.3))
    short = statistics.effects(plan, made(plan, [*bits[:5], bits[5][:200]]))
    same = statistics.effects(plan, made(plan, [one[:200] for one in bits]))
    pd.testing.assert_frame_equal(short, same)
    # What converges only after them does not count: one cell is at an end then, and not only seldom.
    bits[0] = np.arange(300) >= 200
    late = statistics.effects(plan, made(plan, [*bits[:5], bits[5][:200]]))
    assert set(late["ends"]) == {1} and set(late["few"]) == {1}


def test_the_table_has_factors_of_the_odds() -> None:
    plan = synthetic.plan(TWO)
    known = made(plan, [np.arange(1000) < 1000 * p for p in (0.2, 0.2, 0.5, 0.5, 0.8, 0.8)])
    blocks = interactions(statistics.effects(plan, known), plan.keys)
    table = next(block for block in blocks if isinstance(block, Table))
    assert [row[3][0] for row in table.rows] == ["× 0.25", "× 1.00", "× 4.0", "× 1.000", "× 1.000"]
    text = render.markdown(Document("", tuple(blocks)))
    assert "**activation 100 %**" in text and "None of the 3 interactions" in text


DESIGNS: dict[str, dict[str, Any]] = {
    "two by two": {"activation": ["relu", "tanh"], "network.bias": [False, True]},
    "three keys": THREE,
    "many": {
        "activation": synthetic.ACTIVATIONS,
        "init": [{"name": "normal", "std": s / 10, "bias": "normal"} for s in range(1, 13)],
        "optimizer": synthetic.OPTIMIZERS,
    },
    "more levels than a page holds": {"task.batch": list(range(1, 90)), "activation": ["relu", "tanh"]},
    "tasks": {"task.name": ["distance", "xor"], **TWO},
}


def drawn_frame(vary: dict[str, Any]) -> tuple[Plan, pd.DataFrame]:
    plan = synthetic.plan(vary, network={"hidden": [2], "output": "linear"}, task={"batch": 4})
    random = np.random.default_rng(3)
    bits = correlated(random.uniform(0.05, 0.95, len(plan.cells)), 300, 0.4, random)
    return plan, statistics.effects(plan, made(plan, list(bits)))


@pytest.mark.parametrize("name", DESIGNS)
def test_effects_are_drawn_legibly(name: str) -> None:
    plan, frame = drawn_frame(DESIGNS[name])
    with style.theme():
        pages = list(figures.FIGURES["interactions"].pages(frame, plan.keys))
        assert 2 <= len(pages) <= 4
        left = figures.draw(figures.FIGURES["interactions"], frame, plan.keys).left_out
        assert left == (37 if name == "more levels than a page holds" else 0)
        for page, _ in pages:
            assert_legible(page)


def test_the_same_figure_every_time() -> None:
    plan, frame = drawn_frame(DESIGNS["three keys"])
    one, other = (figures.draw(figures.FIGURES["interactions"], frame, plan.keys) for _ in range(2))
    assert one == other and one.left_out == 0
