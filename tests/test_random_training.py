"""What is drawn while training: which units are left out, random slopes, noise on targets; seen from outside.

Nothing but the trace of a replayed trial is read. Networks are chosen so that a step shows what was drawn for it:
a unit that is left out does not move, a random slope is what a unit moves by, and a bias that jumps to its target
becomes the noise on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import mcstudy
from mcstudy.plan import make_plan

pytestmark = pytest.mark.usefixtures("usual_packs")

LEVEL = 1e-3
"""A test of a true statement fails with this probability; the seeds are fixed."""


FEW: dict[str, Any] = {"name": "sine", "samples": "trial", "size": 8}
"""Few points to evaluate at every step."""


def trace(trial: int, network: dict[str, Any], task: dict[str, Any], train: dict[str, Any]) -> np.ndarray:
    """The parameters after each step of a trial: (steps + 1, parameters)."""
    study = mcstudy.Study.model_validate(
        {
            "study": {"name": "drawn", "seed": 31, "trials": 4},
            "task": {"samples": "fresh", "batch": 1} | task,
            "network": {"init": {"name": "normal", "bias": "normal"}, "activation": "linear"} | network,
            "train": {"precision": "float64"} | train,
            "converge": {"loss": 0.0, "every": 1},
        }
    )
    [cell] = make_plan(study).cells
    found = mcstudy.replay(study, cell.id, trial).parameters
    assert len(found) == train["steps"] + 1
    return found


def related(a: np.ndarray, b: np.ndarray) -> float:
    """The probability of so strong a relation between two lists of true and false, if there is none."""
    counts = [[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]]
    return float(stats.chi2_contingency(counts).pvalue)


# ------------------------------------------------------------------------------------------------------------ dropout

WIDTHS, STEPS = (60, 40), 300


def kept(trial: int, rates: tuple[float, float]) -> list[np.ndarray]:
    """Which units of each hidden layer are kept in each step: (steps, units). A kept unit's bias moves."""
    network = {"hidden": list(WIDTHS), "output": "sum", "dropout": list(rates)}
    train = {"optimizer": {"name": "sgd", "lr": 1e-9}, "steps": STEPS}
    moved = np.diff(trace(trial, network, FEW, train), axis=0) != 0
    first = WIDTHS[0]
    second = 2 * first + WIDTHS[0] * WIDTHS[1]
    return [moved[:, first : 2 * first], moved[:, second : second + WIDTHS[1]]]


@pytest.mark.parametrize("rates", [(0.1, 0.5), (0.5, 0.25)])
def test_units_are_left_out_at_their_rate_and_independently(rates: tuple[float, float]) -> None:
    masks = [kept(trial, rates) for trial in (0, 1)]
    for layer, rate in enumerate(rates):
        both = np.concatenate([mask[layer] for mask in masks])
        count = both.size - int(both.sum())
        assert stats.binomtest(count, both.size, rate).pvalue > LEVEL
        assert stats.binomtest(count, both.size, rate + 0.02).pvalue < LEVEL
        # every unit and every step has the rate, and spreads as binomials do
        for axis in (0, 1):
            counts = both.sum(axis=axis)
            size = both.shape[axis]
            spread = np.sum((counts - size * (1 - rate)) ** 2) / (size * rate * (1 - rate))
            assert LEVEL < stats.chi2.sf(spread, len(counts)) < 1 - LEVEL
        mask, other = masks[0][layer], masks[1][layer]
        assert related(mask[:, 1:].ravel(), mask[:, :-1].ravel()) > LEVEL  # neighbours
        assert related(mask[1:].ravel(), mask[:-1].ravel()) > LEVEL  # one step and the next
        assert related(mask.ravel(), other.ravel()) > LEVEL  # one trial and the next
    narrow = min(WIDTHS)
    assert related(masks[0][0][:, :narrow].ravel(), masks[0][1][:, :narrow].ravel()) > LEVEL  # one layer and the next


def test_a_slight_dependence_would_be_seen() -> None:
    mask = kept(0, (0.5, 0.5))[0].ravel()
    other = kept(1, (0.5, 0.5))[0].ravel()
    mixed = np.where(np.arange(mask.size) % 20 == 0, mask, other)
    assert related(mask, other) > LEVEL > related(mask, mixed)


def test_nothing_is_left_out_without_dropout_and_at_evaluation() -> None:
    assert all(mask.all() for mask in kept(0, (0.0, 0.0)))
    study = mcstudy.Study.model_validate(
        {
            "study": {"name": "drawn", "seed": 31, "trials": 50},
            "task": {"name": "sine", "samples": "fresh", "batch": 1},
            "network": {"hidden": [5], "init": "normal", "activation": "tanh"},
            "train": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 0},
            "converge": {"loss": 0.0},
            "vary": {"network.dropout": [0.0, 0.5]},
        }
    )
    losses = mcstudy.run(study).trials.pivot(index="trial", columns="cell", values="loss_first")
    assert np.ptp(losses.to_numpy(), axis=1).max() == 0


# ------------------------------------------------------------------------------------------------------ random slopes

LOWER, UPPER = 0.125, 0.5


def slopes(trial: int) -> np.ndarray:
    """The random slopes of a trial's units whose sums are below 0, of all steps.

    All units of a step move by the same, times their own slopes; those with sums above 0 tell how much that is.
    """
    width, steps = 300, 60
    network = {
        "hidden": [width],
        "bias": False,
        "output": "sum",
        "activation": {"name": "rrelu", "lower": LOWER, "upper": UPPER},
    }
    found = trace(trial, network, FEW, {"optimizer": {"name": "sgd", "lr": 1e-7}, "steps": steps})
    moves = np.diff(found, axis=0)
    drawn = []
    for weights, move in zip(found, moves, strict=False):
        above = weights > 0  # and x above 0, or both below
        whole = move[above] if np.ptp(move[above]) < np.ptp(move[~above]) else move[~above]
        own = move[~above] if whole.size == above.sum() else move[above]
        drawn.append(own / np.median(whole))
    return np.concatenate(drawn)


def test_random_slopes_are_uniform() -> None:
    drawn = slopes(0)
    assert drawn.size > 5000
    uniform = stats.uniform(LOWER, UPPER - LOWER)
    assert stats.kstest(drawn, uniform.cdf).pvalue > LEVEL
    assert stats.kstest(drawn, stats.uniform(LOWER, 1.08 * (UPPER - LOWER)).cdf).pvalue < LEVEL
    assert abs(stats.pearsonr(drawn[1:], drawn[:-1]).statistic) < 3.3 / np.sqrt(drawn.size)
    other = slopes(1)
    size = min(drawn.size, other.size)
    assert abs(stats.pearsonr(drawn[:size], other[:size]).statistic) < 3.3 / np.sqrt(size)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_evaluation_uses_the_mean_slope(precision: str) -> None:
    def losses(*activations: dict[str, Any]) -> np.ndarray:
        study = mcstudy.Study.model_validate(
            {
                "study": {"name": "mean", "seed": 31, "trials": 100},
                "task": {"name": "distance", "samples": "fresh", "batch": 1},
                "network": {"hidden": [5, 4], "init": "normal"},
                "train": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 0, "precision": precision},
                "converge": {"loss": 0.0},
                "vary": {"activation": list(activations)},
            }
        )
        return mcstudy.run(study).trials.loss_first.to_numpy().reshape(len(activations), -1)

    mean, other = (LOWER + UPPER) / 2, (LOWER + UPPER) / 2 + 0.01
    found = losses(
        {"name": "rrelu", "lower": LOWER, "upper": UPPER},
        {"name": "leaky_relu", "negative_slope": mean},
        {"name": "leaky_relu", "negative_slope": other},
    )
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5 if precision == "float32" else 1e-13)
    assert np.all(np.abs(found[0] - found[2]) > 1e-4 * found[0])


# ---------------------------------------------------------------------------------------------------- noise on targets

NEVER_FAR = {"name": "uniform", "low": 0.0, "high": 1e-30}
"""Inputs so small that a weight neither matters nor moves."""


def noise(trial: int, sd: float, **task: Any) -> np.ndarray:
    """The noise on the targets of a trial: with lr ½ a bias becomes the target of the step, which is 1 + noise."""
    task = {"name": {"name": "polynomial", "coefficients": [1.0]}, "input": NEVER_FAR, "noise": sd} | task
    train = {"optimizer": {"name": "sgd", "lr": 0.5}, "steps": 4000}
    found = trace(trial, {"hidden": [], "init": "zeros"}, task, train)
    return found[1:, 1] - 1.0


def test_noise_is_normal_with_the_given_standard_deviation() -> None:
    drawn = noise(0, 0.3)
    assert stats.kstest(drawn, stats.norm(0, 0.3).cdf).pvalue > LEVEL
    squares = np.sum((drawn / 0.3) ** 2)
    assert LEVEL < stats.chi2.sf(squares, drawn.size) < 1 - LEVEL
    assert stats.chi2.sf(np.sum((drawn / 0.315) ** 2), drawn.size) > 1 - LEVEL  # 5 % more is refused
    assert abs(stats.pearsonr(drawn[1:], drawn[:-1]).statistic) < 3.3 / np.sqrt(drawn.size)
    assert abs(stats.pearsonr(drawn, noise(1, 0.3)).statistic) < 3.3 / np.sqrt(drawn.size)
    np.testing.assert_allclose(noise(0, 0.6), 2 * drawn, atol=1e-14)


def test_noise_on_a_set_is_drawn_once() -> None:
    sequential = {"size": 50, "order": "sequential"}
    own = noise(0, 0.3, samples="trial", **sequential)
    assert np.array_equal(own[:50], own[50:100]) and len(np.unique(own)) == 50
    assert not np.array_equal(own[:50], noise(1, 0.3, samples="trial", **sequential)[:50])
    shared = [noise(trial, 0.3, samples="shared", **sequential) for trial in (0, 1)]
    assert np.array_equal(*shared) and len(np.unique(shared[0])) == 50


def test_evaluation_is_without_noise() -> None:
    study = mcstudy.Study.model_validate(
        {
            "study": {"name": "clean", "seed": 31, "trials": 20},
            "task": {"name": {"name": "polynomial", "coefficients": [1.0]}, "samples": "trial", "size": 9, "batch": 3},
            "network": {"hidden": [], "init": "zeros", "activation": "tanh"},
            "train": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 0},
            "converge": {"loss": 0.0},
            "vary": {"task.noise": [0.0, 5.0]},
        }
    )
    assert set(mcstudy.run(study).trials.loss_first) == {1.0}
