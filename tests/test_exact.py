"""Rates that are known exactly, or between exact bounds, from elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

import mcstudy
from mcstudy.plan import make_plan
from mcstudy.statistics import wilson

sys.path.insert(0, str(Path(__file__).parent))
import naive_draws

LEVEL = 0.999
"""Of the intervals here; the seeds are fixed."""


def contains(rate: float, count: int, trials: int, level: float = LEVEL) -> bool:
    low, high = wilson(count, trials, level)
    return bool(low <= rate <= high)


# ---------------------------------------------------------------------------------------------- one ReLU learns one
#
# No bias, x ~ N(0, 1), mean squared error. The population's loss is ½ (w − 1)² for w > 0 and ½ (w² + 1) for w < 0.
# A step maps w < 0 to (1 − lr · 2 · mean of x² over the samples below 0) w, which is never above 0 at these rates,
# so a trial learns if and only if it starts above 0.

POINTS = ndtri((np.arange(512) + 0.5) / 512)
FLAT = float(np.mean(np.maximum(POINTS, 0) ** 2))
"""The loss at w = 0 on the evaluation points; ½ in the population."""


def single_relu(trials: int, batch: int, steps: int, optimizer: dict[str, Any], **init: float) -> mcstudy.Study:
    return mcstudy.Study.model_validate(
        {
            "study": {"name": "single", "seed": 379884, "trials": trials},
            "task": {"name": "relu", "input": "normal", "samples": "fresh", "batch": batch},
            "network": {"hidden": [], "bias": False, "activation": "relu", "output": "activation"},
            "train": {"optimizer": optimizer, "steps": steps},
            "converge": {"loss": 1e-4},
            "vary": {"init": [{"name": "normal", **init}]},
        }
    )


def assert_half_of_them_learn(results: mcstudy.Results, level: float) -> None:
    [row] = results.rates.to_dict("records")
    assert row["converged"] + row["stuck"] == row["trials"]
    assert contains(0.5, row["converged"], row["trials"], level)
    assert level != 0.95 or row["rate_low"] <= 0.5 <= row["rate_high"]
    stuck = results.trials.query("outcome == 'stuck'").loss_last
    assert np.all(np.abs(stuck - FLAT) < 1e-3)
    assert np.all(np.abs(stuck - 0.5) < 2e-3)


def test_one_relu_learns_in_half_of_the_trials() -> None:
    study = single_relu(20_000, 50, 800, {"name": "sgd", "lr": 0.02})
    results = mcstudy.run(study)
    assert_half_of_them_learn(results, LEVEL)
    [cell] = make_plan(study).cells
    above = [naive_draws.initial_parameters(cell.settings, trial)[0] > 0 for trial in range(1000)]
    assert np.array_equal(results.trials.outcome[:1000] == "converged", above)


@pytest.mark.slow
def test_one_relu_learns_in_half_of_the_trials_at_the_size_of_the_question() -> None:
    results = mcstudy.run(single_relu(30_000, 1000, 2000, {"name": "sgd", "lr": 0.01}))
    assert_half_of_them_learn(results, 0.95)


def test_another_rate_than_half_is_seen() -> None:
    sgd = {"name": "sgd", "lr": 0.02}
    moved = mcstudy.run(single_relu(20_000, 50, 800, sgd, mean=0.06)).rates.converged[0]
    assert not contains(0.5, moved, 20_000)
    momentum = mcstudy.run(single_relu(2000, 50, 800, {**sgd, "momentum": 0.9})).rates.converged[0]
    assert momentum == 2000  # momentum carries it across 0


# ---------------------------------------------------------------------------------------------- dead from the start


def untrained(
    folder: Path,
    points: np.ndarray,
    hidden: list[int],
    trials: int,
    bias: bool = True,
    precision: str = "float32",
    activation: str = "relu",
) -> mcstudy.Results:
    """So many networks before any training.

    The targets are no possible output of such a network, lest it converge at once; the output unit is linear, and so
    is never dead itself.
    """
    table = pd.DataFrame(points, columns=[f"x{i}" for i in range(points.shape[1])]).assign(y=-12345.0)
    table.to_parquet(folder / "points.parquet")
    data = {
        "name": "table",
        "file": str(folder / "points.parquet"),
        "inputs": list(table.columns[:-1]),
        "targets": ["y"],
    }
    study = mcstudy.Study.model_validate(
        {
            "study": {"name": "dead", "seed": 7, "trials": trials},
            "task": {"name": data, "batch": "all"},
            "network": {
                "hidden": hidden,
                "bias": bias,
                "activation": activation,
                "init": {"name": "normal", "bias": "normal"},
            },
            "train": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 0, "precision": precision},
            "converge": {"loss": 0.0},
        }
    )
    return mcstudy.run(study)


def share_dead(folder: Path, points: np.ndarray, hidden: list[int], trials: int, **options: Any) -> tuple[int, int]:
    """How many of so many networks have a layer that no point activates, before any training."""
    [row] = untrained(folder, points, hidden, trials, **options).rates.to_dict("records")
    assert row["dead"] + row["unfinished"] == trials
    return row["dead"], trials


WIDE = np.logspace(-3, 6, 256)
WIDE_LINE = np.concatenate([-WIDE[::-1], WIDE])[:, None]


def wide_plane() -> np.ndarray:
    angles = (np.arange(128) + 0.5) / 128 * 2 * np.pi
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (np.logspace(-2, 5, 24)[:, None, None] * directions).reshape(-1, 2)


def never_active(inputs: int, units: int) -> float:
    """P(a ReLU of the second layer is active nowhere), of `units` ReLUs in the first, all parameters N(0, 1).

    Brownlowe et al., arXiv 2412.06829, for units ≤ inputs + 1.
    """
    if units <= inputs:
        return 2.0 ** -(units + 1)
    assert units == inputs + 1
    return (2**inputs + 1) / 4 ** (inputs + 1)


# The second layer has a single unit here, so `dead` means that it, or the whole first layer, is active nowhere.
# The latter needs a unit with |w| x < |b| at the widest points, which a millionth of the trials has.


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("units", [1, 2])
def test_units_that_are_never_active_on_the_line(tmp_path: Path, units: int, precision: str) -> None:
    dead, trials = share_dead(tmp_path, WIDE_LINE, [units, 1], 100_000, precision=precision)
    assert contains(never_active(1, units), dead, trials)
    assert never_active(1, units) == [1 / 4, 3 / 16][units - 1]


@pytest.mark.parametrize("units", [1, 2, 3])
def test_units_that_are_never_active_in_the_plane(tmp_path: Path, units: int) -> None:
    dead, trials = share_dead(tmp_path, wide_plane(), [units, 1], 25_000)
    assert contains(never_active(2, units), dead, trials)


@pytest.mark.parametrize("units", [1, 2])
def test_a_narrow_domain_makes_more_units_inactive(tmp_path: Path, units: int) -> None:
    """Points that look like N(0, 1) instead: the identity does not hold, and that is seen."""
    dead, trials = share_dead(tmp_path, POINTS[:, None], [units, 1], 40_000)
    assert wilson(dead, trials, LEVEL)[0] > never_active(1, units)


def test_units_of_the_second_layer_are_counted_as_dead(tmp_path: Path) -> None:
    """Each of two units of the second layer is never active with that probability; the first layer's nearly always is.

    Unlike an outcome, the count is of that layer alone.
    """
    trials, units = 80_000, 2
    rows = untrained(tmp_path, WIDE_LINE, [1, units], trials).trials
    for when in ("dead_units_start_", "dead_units_"):
        share = rows[f"{when}2"] / units
        error = share.std() / np.sqrt(trials)
        assert abs(share.mean() - never_active(1, 1)) < 3.3 * error < abs(share.mean() - never_active(1, 2)) / 5
        assert rows[f"{when}1"].sum() <= 3
    assert (rows["dead_units_start"] == rows["dead_units_start_1"] + rows["dead_units_start_2"]).all()


def born_dead_bounds(layers: int, width: int) -> tuple[float, float]:
    """Of P(a ReLU network of one input and zero biases is constant), `layers` counting the output.

    Lu, Shin, Su, Karniadakis, arXiv 1903.06733.
    """
    alive, both_alive = 1 - 2.0**-width, 1 - 2.0 ** (1 - width) - (width - 1) * 4.0**-width
    c = (1 - 2.0 ** (1 - width)) * alive / (1 + (width - 1) * 2.0**-width)
    later = layers - 2
    return 1 - alive**later + c * (both_alive**later - alive**later), 1 - alive ** (layers - 1)


def test_bounds_of_born_dead_networks_are_the_published_ones() -> None:
    np.testing.assert_allclose(born_dead_bounds(10, 2), (0.8703, 0.9249), atol=5e-5)
    np.testing.assert_allclose(born_dead_bounds(10, 3), (0.5134, 0.6993), atol=5e-5)


SHAPES = {(3, 2), (3, 4), (5, 3), (10, 2), (10, 3), (20, 4)}
"""Layers and width that tell of all depths and widths, and those whose bounds are printed; the others are slow."""


@pytest.mark.parametrize(
    ("layers", "width"),
    [
        pytest.param(layers, width, marks=[] if (layers, width) in SHAPES else [pytest.mark.slow])
        for layers in (3, 5, 10, 20)
        for width in (2, 3, 4)
    ],
)
def test_deep_narrow_networks_are_born_dead(tmp_path: Path, layers: int, width: int) -> None:
    """Without biases two points, one on each side of 0, tell as much as all."""
    lower, upper = born_dead_bounds(layers, width)
    dead, trials = share_dead(tmp_path, np.array([[-1.0], [1.0]]), [width] * (layers - 1), 80_000, bias=False)
    low, high = wilson(dead, trials, LEVEL)
    assert high >= lower
    assert low <= upper


def test_other_networks_are_outside_the_bounds(tmp_path: Path) -> None:
    """A layer less or two more, and units that cannot die."""
    sides = np.array([[-1.0], [1.0]])
    lower, upper = born_dead_bounds(10, 2)
    dead, trials = share_dead(tmp_path, sides, [2] * 8, 200_000, bias=False)
    assert wilson(dead, trials, LEVEL)[1] < lower
    dead, trials = share_dead(tmp_path, sides, [2] * 11, 200_000, bias=False)
    assert wilson(dead, trials, LEVEL)[0] > upper
    assert share_dead(tmp_path, sides, [2] * 9, 1000, bias=False, activation="leaky_relu")[0] == 0


def test_pairing_makes_differences_of_activations_surer() -> None:
    """From the same start, a ReLU and a squared ReLU fail alike: at least three times fewer trials tell them apart."""
    data = mcstudy.load(Path(__file__).parents[1] / "studies" / "relu.toml").data
    data["study"]["trials"] = 400
    sgd = data["vary"]["optimizer"][:1]
    data["vary"] = {"activation": ["relu", "squared_relu"], "init": ["normal"], "optimizer": sgd}
    data["where"] = [where for where in data["where"] if where["match"] == {"activation": "squared_relu"}]
    [row] = mcstudy.run(mcstudy.Study.model_validate(data)).comparisons.to_dict("records")
    assert (row["level"], row["other"], row["contexts"]) == ("squared_relu", "relu", 1)
    assert 0.45 < row["other_rate"] < 0.55 and row["variance_ratio"] >= 3
    data["vary"]["activation"] = ["relu", "tanh"]
    data["where"] = []
    [row] = mcstudy.run(mcstudy.Study.model_validate(data)).comparisons.to_dict("records")
    assert row["variance_ratio"] < 3  # where one hardly ever fails there is nothing to gain
