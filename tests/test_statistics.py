"""Intervals against statsmodels and by coverage; rates, curves and quantiles against plain NumPy."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from numpy.typing import NDArray
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from mcstudy import statistics
from mcstudy.errors import RunError
from mcstudy.outcomes import CONSTANTS, OUTCOMES, POINTS
from mcstudy.statistics.bands import band
from mcstudy.store import FolderStore, MemoryStore
from mcstudy.sums.causes import CAUSES, COLUMNS, causes, count_causes


def test_wilson_is_that_of_statsmodels() -> None:
    n = np.repeat([1, 2, 7, 100, 20_000, 10**7], 50)
    k = np.round(n * np.tile(np.linspace(0, 1, 50), 6)).astype(int)
    for level in (0.5, 0.95, 0.999):
        low, high = statistics.wilson(k, n, level)
        expected = proportion_confint(k, n, alpha=1 - level, method="wilson")
        np.testing.assert_allclose(low, expected[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(high, expected[1], rtol=0, atol=1e-12)


def test_wilson_ends_exactly_at_nothing_and_all() -> None:
    for n in (1, 3, 20_000, 10**12):
        low, high = statistics.wilson([0, n], n)
        assert low[0] == 0.0 and high[1] == 1.0 and 0 < high[0] < 1 and 0 < low[1] < 1
    assert tuple(map(float, statistics.wilson(0, 0))) == (0.0, 1.0)


def wald(k: NDArray[np.int64], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rate = k / n
    half = 1.959963984540054 * np.sqrt(rate * (1 - rate) / n)
    return rate - half, rate + half


@cache
def covered(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected successes, up to half of the trials or 200, and the probability that Wilson's interval covers there."""
    expected = np.unique(np.r_[np.geomspace(0.01, 5, 150), np.linspace(5, min(n / 2, 200), 300)])
    expected = expected[expected <= n / 2]
    found = []
    for mean in expected:
        k = np.arange(min(n, int(mean + 12 * math.sqrt(mean) + 30)) + 1)
        low, high = statistics.wilson(k, n)
        found.append(binom.pmf(k, n, mean / n)[(low <= mean / n) & (mean / n <= high)].sum())
    return expected, np.array(found)


@pytest.mark.parametrize("n", [10, 30, 100, 1000, 10_000, 100_000])
def test_wilson_covers_at_its_level(n: int) -> None:
    """What its docstring says, enumerated; rates above a half mirror those below."""
    expected, found = covered(n)
    for least, level in ((40, 0.94), (20, 0.93), (1, 0.915), (0, 0.835)):
        assert (found[expected >= least] >= level).all(), least
    assert 0.835 <= found[expected < 1].min() < 0.85
    if n > 100:
        assert abs(np.average(found[expected > 5]) - 0.95) < 0.002


def test_an_interval_that_does_not_cover_is_found_out() -> None:
    k = np.random.default_rng(11).binomial(100, 0.01, 40_000)
    low, high = wald(k, 100)
    assert np.mean((low <= 0.01) & (high >= 0.01)) < 0.7


@pytest.mark.parametrize(
    ("k", "n", "decimals"), [(996, 2000, 0), (9960, 20_000, 1), (99_600, 200_000, 1), (498_000, 10**6, 2), (1, 1, 0)]
)
def test_digits_follow_the_interval(k: int, n: int, decimals: int) -> None:
    low, high = statistics.wilson(k, n)
    assert statistics.percent_decimals(k / n, float(low), float(high)) == decimals


def test_a_rate_that_is_not_nothing_is_not_shown_as_nothing() -> None:
    for k, n in [(1, 20_000), (19_999, 20_000), (1, 300), (299, 300)]:
        low, high = statistics.wilson(k, n)
        decimals = statistics.percent_decimals(k / n, float(low), float(high))
        assert f"{100 * k / n:.{decimals}f}" not in (f"{0:.{decimals}f}", f"{100:.{decimals}f}")


def test_rates_are_those_of_the_rows() -> None:
    vary = {"activation": synthetic.ACTIVATIONS[:3], "init": ["normal", "zeros"]}
    plan = synthetic.plan(vary, 1001, network={"hidden": [2], "bias": True, "output": "linear"})
    store = synthetic.filled(plan)
    frame = statistics.rates(plan, store)
    assert list(frame.columns) == [
        *("cell", "activation", "init", "trials", "converged", "rate", "rate_low", "rate_high"),
        *("diverged", "dead", "stuck", "unfinished", "steps_median", "steps_q25", "steps_q75", "loss_median"),
        *("dead_units_converged", "dead_units_failed", "parameters", "hidden_units"),
        *(f"cause_{name}" for name in CAUSES),
        *(f"constant_{name}" for name in CONSTANTS[1:]),
        *("dead_start_converged", "dead_start_failed"),
    ]
    assert list(frame["cell"]) == [cell.id for cell in plan.cells]
    assert frame["activation"][2] == "leaky_relu(negative_slope=0.3)"
    for _, row in frame.iterrows():
        trials = store.read(row["cell"], 1001)
        counts = trials["outcome"].value_counts()
        assert all(row[name] == counts[name] for name in OUTCOMES)
        assert row["rate"] == counts["converged"] / 1001 and row[list(OUTCOMES)].sum() == row["trials"] == 1001
        steps = trials.loc[trials["outcome"] == "converged", "steps"]
        for q, name in ((0.25, "steps_q25"), (0.5, "steps_median"), (0.75, "steps_q75")):
            assert row[name] == np.quantile(steps, q)
        lost = trials.loc[~trials["outcome"].isin(["converged", "diverged"]), "loss_last"]
        assert abs(row["loss_median"] - np.median(lost.astype(float))) <= 5.7e-4 * row["loss_median"]
        assert row["parameters"] == 7 and row["hidden_units"] == 2
        for name, ends in (("converged", ["converged"]), ("failed", ["dead", "stuck", "unfinished"])):
            dead = trials.loc[trials["outcome"].isin(ends), "dead_units"]
            assert row[f"dead_units_{name}"] == dead.astype(float).mean()
        why = [cause_of(trial) for trial in trials.to_dict("records")]
        assert [row[f"cause_{name}"] for name in CAUSES] == list(map(why.count, CAUSES))
        assert row[[f"cause_{name}" for name in CAUSES]].sum() == 1001 - row["converged"]
        places = trials["constant"][np.array(why) == "constant"].astype(str).tolist()
        assert [row[f"constant_{name}"] for name in CONSTANTS[1:]] == list(map(places.count, CONSTANTS[1:]))
        assert row["cause_constant"] == len(places)
        learned, born = trials["outcome"] == "converged", trials["dead_units_start"] > 0
        assert (row["dead_start_converged"], row["dead_start_failed"]) == (
            (learned & born).sum(),
            (~learned & born).sum(),
        )
    pd.testing.assert_frame_equal(statistics.rates(plan, store, 10), statistics.rates(plan, store, 10))
    assert (statistics.rates(plan, store, 10)["trials"] == 10).all()


def cause_of(row: Mapping[Hashable, Any]) -> str | None:
    """Why a trial failed, told once more: the first of the causes that fits, None for one that converged."""
    if row["outcome"] in ("converged", "diverged"):
        return {"converged": None, "diverged": "diverged"}[row["outcome"]]
    if row["constant"] != "no":
        return "constant"
    if row["dead_units"]:
        return "dead_start" if row["dead_units_start"] else "died"
    for name in ("merged", "saturated", "linear"):
        if row[f"{name}_units"]:
            return name
    return "slow" if row["outcome"] == "unfinished" else "none"


FINDINGS = {
    "diverged": {"outcome": "diverged"},
    "constant": {"constant": "zero"},
    "dead_start": {"dead_units": 1, "dead_units_start": 2},
    "died": {"dead_units": 2},
    "merged": {"merged_units": 1},
    "saturated": {"saturated_units": 3},
    "linear": {"linear_units": 1},
    "slow": {"outcome": "unfinished"},
    "none": {},
}
"""What makes each cause the one that fits a stuck trial."""


def findings(*found: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Columns of stuck trials of which nothing but this is found."""
    healthy = {"outcome": "stuck", "constant": "no"} | dict.fromkeys(set(COLUMNS) - {"constant"}, 0)
    made = [healthy | dict(each) for each in found]
    codes = {"outcome": OUTCOMES.index, "constant": CONSTANTS.index}
    return {name: np.array([codes.get(name, int)(row[name]) for row in made]) for name in healthy}


def told(*found: Mapping[str, Any]) -> list[str]:
    names = list(CAUSES)
    return [names[code] for code in causes(findings(*found))]


def test_each_cause_is_found_once() -> None:
    assert list(FINDINGS) == list(CAUSES) == told(*FINDINGS.values())


def test_the_first_cause_that_fits_counts() -> None:
    names = list(FINDINGS)
    for i, first in enumerate(names):
        for later in names[i + 1 :]:
            assert told(FINDINGS[later] | FINDINGS[first]) == [first], later


def test_what_is_no_cause() -> None:
    """A converged trial has none, whatever is found; a unit dead at the start that lives in the end is none."""
    everything = {name: value for found in FINDINGS.values() for name, value in found.items()}
    assert list(causes(findings(everything | {"outcome": "converged"}))) == [-1]
    assert told({"dead_units_start": 1}) == ["none"]


def test_points_are_counted_where_there_are_some() -> None:
    counts = count_causes(findings({}, {"outcome": "converged"}))
    assert not any(name.startswith("point_") for name in counts.columns())
    columns = count_causes(findings(*[{}] * 6) | {"point": np.array([1, 2, 2, 0, 3, 2], np.uint8)}).columns()
    assert [columns[f"point_{name}"] for name in POINTS[1:]] == [1, 3, 1] and columns["cause_none"] == 6


def test_rates_survive_csv_bit_for_bit() -> None:
    plan = synthetic.plan({"activation": synthetic.ACTIVATIONS}, trials=997)
    frame = statistics.rates(plan, synthetic.filled(plan))
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    for name in ("rate", "rate_low", "rate_high", "loss_median", "steps_q75"):
        assert again[name].to_numpy().tobytes() == frame[name].to_numpy().tobytes()


def test_none_all_and_one_trial() -> None:
    plan = synthetic.plan(trials=1)
    for shares, rate in (((1.0, 0, 0, 0, 0), 1.0), ((0, 0, 0, 1.0, 0), 0.0), ((0, 1.0, 0, 0, 0), 0.0)):
        store = synthetic.filled(plan, shares=shares)
        (row,) = statistics.rates(plan, store).to_dict("records")
        assert row["rate"] == rate and row["rate_high"] - row["rate_low"] < 1
        assert np.isnan(row["steps_median"]) == (rate == 0)
        assert np.isnan(row["loss_median"]) == (shares[3] == 0)
        assert len(statistics.curves(plan, store)) == 101 and len(statistics.losses(plan, store)) == 101


def test_missing_trials_are_told() -> None:
    plan = synthetic.plan(trials=20)
    with pytest.raises(RunError, match="not stored"):
        statistics.rates(plan, synthetic.filled(plan), 21)


def test_curves_count_who_has_converged() -> None:
    plan = synthetic.plan(trials=500, train={"steps": 205})
    store = synthetic.filled(plan)
    frame = statistics.curves(plan, store)
    assert frame["step"].tolist() == [*range(0, 205, 2), 205]
    trials = store.read(plan.cells[0].id, 500)
    steps = trials.loc[trials["outcome"] == "converged", "steps"].to_numpy()
    for row in frame.to_dict("records"):
        done = int((steps <= row["step"]).sum())
        assert row["share"] == done / 500
        assert (row["low"], row["high"]) == tuple(map(float, band(done, 500, len(frame))))


def test_long_curves_are_thinned_but_exact() -> None:
    plan = synthetic.plan(trials=3000, train={"steps": 100_000}, converge={"every": 1})
    store = synthetic.filled(plan, histories=False)
    frame = statistics.curves(plan, store)
    assert len(frame) <= statistics.CURVE_POINTS and frame["step"].is_monotonic_increasing
    assert frame["step"].iloc[0] == 0 and frame["step"].iloc[-1] == 100_000
    trials = store.read(plan.cells[0].id, 3000)
    steps = trials.loc[trials["outcome"] == "converged", "steps"].to_numpy()
    assert frame["share"].tolist() == [np.sum(steps <= step) / 3000 for step in frame["step"]]


def test_loss_quantiles_count_every_trial() -> None:
    plan = synthetic.plan(trials=4)
    store = MemoryStore()
    cell = plan.cells[0].id
    nan = np.nan
    losses = np.array([[4, 1, nan, nan], [8, nan, nan, nan], [3, 3, 3, 3], [5, 4, 3, 2]], np.float32)
    rows = synthetic.rows(4, units=0) | {"outcome": np.array([0, 1, 3, 4], np.uint8), "steps": np.array([2, 4, 6, 6])}
    store.write(cell, 0, rows)
    store.write_history(cell, np.array([0, 2, 4, 6]), losses)
    frame = statistics.losses(plan, store)
    # The second trial's loss is not a number from step 2 on. Sorted at the checks: 3 4 5 8; 1 3 4 ∞; 1 3 3 ∞; 1 2 3 ∞.
    assert frame["median"].tolist() == [4, 3, 3, 2]
    assert frame["q10"].tolist() == [3, 1, 1, 1]
    assert frame["q90"].tolist() == [8, np.inf, np.inf, np.inf]
    assert (frame["trials"] == 4).all() and (frame["threshold"] == 1e-4).all()
    assert statistics.losses(plan, store, 1)["q90"].tolist() == [4, 1, 1, 1]
    assert statistics.losses(plan, MemoryStore()).empty


def test_marginals_average_cells() -> None:
    plan = synthetic.plan({"activation": synthetic.ACTIVATIONS[:2], "init": synthetic.INITS[:3]})
    frame = statistics.rates(plan, synthetic.filled(plan))
    table = statistics.marginals(frame, plan.keys)
    assert table["cells"].tolist() == [3, 3, 2, 2, 2]
    assert table["rate"][0] == pytest.approx(frame["rate"][:3].mean())
    assert table["lowest"][2] == min(frame["rate"][0], frame["rate"][3])


def test_millions_of_trials_are_quick(tmp_path: Path) -> None:
    plan = synthetic.plan({"init": synthetic.INITS}, trials=1_000_000)
    store = FolderStore(tmp_path)
    rows = synthetic.rows(250_000, units=0)
    for cell in plan.cells:
        for start in range(0, 1_000_000, 250_000):
            store.write(cell.id, start, rows)
    before = time.process_time()
    statistics.rates(plan, store)
    assert time.process_time() - before < 4  # four million; ten have to take less than ten seconds
