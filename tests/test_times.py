"""Times to convergence and restarts: against lifelines, statsmodels and plain loops, and by coverage."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from numpy.typing import NDArray
from scipy import stats
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight
from statsmodels.stats.proportion import proportion_confint

from mcstudy import statistics
from mcstudy.plan import Plan
from mcstudy.report.document import Paragraph, Table
from mcstudy.report.times import times as told
from mcstudy.statistics import bands, ratios, survival
from mcstudy.statistics.ratios import Ends
from mcstudy.statistics.survival import kaplan_meier, median, quantiles
from mcstudy.statistics.tally import Tally

Array = NDArray[Any]
Known = dict[str, Tally]

NONE = np.empty(0)
REFERENCE = Path(__file__).with_name("reference") / "survival.json"
CUTS = np.arange(20.0, 2001.0, 20.0)
CHECKS = len(CUTS)
SHAPES: dict[str, Array] = {
    "uniform": np.ones(CHECKS),
    "early": stats.lognorm.pdf(np.arange(1, CHECKS + 1), 1.0, scale=8),
    "at once": (np.arange(CHECKS) == 10) * 1.0,
    "late": (np.arange(CHECKS) == 3) * 0.98 + (np.arange(CHECKS) == 99) * 0.02,
    "no memory": 0.9 ** np.arange(CHECKS),
}
"""How the steps of the trials that converge are distributed over the checks."""


def tally(
    steps: list[int], counts: list[int], trials: int, ended: list[int] | None = None, many: list[int] | None = None
) -> Tally:
    """A cell of which no more is known than when its trials ended; those that do not converge or diverge are stuck."""
    converged, diverged = sum(counts), sum(many or [])
    arrays = (np.array(part, np.int64) for part in (steps, counts, ended or [], many or []))
    outcomes = (converged, diverged, 0, trials - converged - diverged, 0)
    bits = np.packbits(np.arange(trials) < converged)
    return Tally(trials, outcomes, *arrays, bits, math.nan, math.nan, math.nan, {})


def cell(sums: Tally, last: int = 2000, every: int = 20) -> tuple[Plan, Known]:
    plan = synthetic.plan(train={"steps": last}, converge={"every": every})
    return plan, {plan.cells[0].id: sums}


def row(sums: Tally, last: int = 2000, every: int = 20) -> dict[str, Any]:
    (found,) = statistics.times(*cell(sums, last, every)).to_dict("records")
    return {str(name): value for name, value in found.items()}


def ends(counts: Array, trials: int) -> Ends:
    """Trials that converged at `CUTS` so often."""
    some = counts > 0
    return Ends(CUTS[some], counts[some].astype(float), NONE, NONE, trials)


# Against others


def test_clopper_and_pearson_are_those_of_statsmodels() -> None:
    n = np.repeat([1, 2, 7, 100, 20_000, 10**7], 50)
    k = np.round(n * np.tile(np.linspace(0, 1, 50), 6)).astype(int)
    for level in (0.5, 0.95, 0.999):
        found = bands.clopper_pearson(k, n, level)
        np.testing.assert_allclose(found, proportion_confint(k, n, alpha=1 - level, method="beta"), rtol=0, atol=1e-10)


@pytest.mark.parametrize("record", json.loads(REFERENCE.read_text())["records"])
def test_kaplan_and_meier_are_those_of_lifelines(record: dict[str, Any]) -> None:
    names = ("converged_steps", "converged_counts", "diverged_steps", "diverged_counts")
    found = kaplan_meier(*(np.array(record[name], np.int64) for name in names), record["trials"])
    shares = dict(zip(record["steps"], record["share"], strict=True))
    for step, share in zip(found.steps, found.share, strict=True):
        assert share == pytest.approx(shares[step], abs=1e-10)
    middle, low, high = median(found)
    assert middle == (math.inf if record["median"] is None else record["median"])
    # Theirs rests on Greenwood's variance: for many trials the same, but for one check or two.
    if record["trials"] >= 1000:
        for end, expected in ((low, record["low"]), (high, record["high"])):
            assert end == math.inf if expected is None else abs(end - expected) <= 40


def ended(seed: int, trials: int = 300) -> tuple[Array, Array]:
    """Steps at which trials ended and how: 0 by running out, 1 converged, 2 diverged."""
    random = np.random.default_rng(seed)
    kind = random.choice(3, trials, p=[0.2, 0.6, 0.2])
    return np.where(kind == 0, 400, 20 * random.integers(1, 21, trials)), kind


def histogram(steps: Array, kind: Array) -> tuple[Array, Array, Array, Array]:
    one, other = (np.unique(steps[kind == which], return_counts=True) for which in (1, 2))
    return *one, *other


def test_kaplan_and_meier_are_those_of_statsmodels() -> None:
    for seed in range(5):
        steps, kind = ended(seed)
        found = kaplan_meier(*histogram(steps, kind), len(steps))
        theirs = SurvfuncRight(steps, kind == 1)
        place = np.searchsorted(found.steps, theirs.surv_times)
        np.testing.assert_allclose(found.share[place], theirs.surv_prob, rtol=0, atol=1e-10)


def test_curves_are_aalen_and_johansens() -> None:
    steps, kind = ended(3)
    histograms = [part.tolist() for part in histogram(steps, kind)]
    sums = tally(histograms[0], histograms[1], len(steps), histograms[2], histograms[3])
    plan, known = cell(sums, last=400)
    frame = statistics.curves(plan, synthetic.filled(plan), known=known)
    theirs = CumIncidenceRight(steps, kind)
    place = np.searchsorted(theirs.times, frame["step"], side="right")
    np.testing.assert_allclose(frame["share"], np.append(0, theirs.cinc[0])[place], rtol=0, atol=1e-10)


# Against plain loops


def plain(outcomes: list[tuple[int, bool]], cut: int) -> float:
    """Expected steps per success: all steps that were taken over the successes."""
    taken, won = 0, 0
    for steps, success in outcomes:
        taken += min(steps, cut)
        won += success and steps <= cut
    return taken / won if won else math.inf


def test_expected_steps_are_those_of_a_loop() -> None:
    steps, kind = ended(5)
    histograms = [part.tolist() for part in histogram(steps, kind)]
    sums = tally(histograms[0], histograms[1], len(steps), histograms[2], histograms[3])
    frame = statistics.restarts(*cell(sums, last=400))
    outcomes = [(int(end), bool(what == 1)) for end, what in zip(steps, kind, strict=True)]
    assert frame["step"].tolist() == list(range(20, 401, 20))
    for each in frame.to_dict("records"):
        assert each["ert"] == pytest.approx(plain(outcomes, each["step"]), rel=1e-12)
        assert each["share"] == sum(end <= each["step"] and good for end, good in outcomes) / len(outcomes)
    found = row(sums, last=400)
    assert found["ert"] == pytest.approx(plain(outcomes, 400), rel=1e-12)
    (best,) = frame[frame["best"]].to_dict("records")
    assert best["ert"] == frame["ert"].min() == found["ert_cutoff"] and best["step"] == found["cutoff"]
    possible = frame[frame["ert_low"] <= frame["ert_high"].min()]["step"]
    assert (possible.min(), possible.max()) == (found["cutoff_low"], found["cutoff_high"])


def test_quantiles_are_order_statistics() -> None:
    steps, kind = ended(7, trials=57)
    alone = np.sort(steps[kind == 1])
    every = np.sort(np.where(kind == 1, steps, np.inf))
    one, counts = np.unique(alone, return_counts=True)
    for values, size, beyond in ((alone, len(alone), 400.0), (every, len(every), np.inf)):
        for share in (0.1, 0.5, 0.9):
            ((middle, low, high),) = quantiles(one, counts, size, (share,), beyond)
            assert middle == values[math.ceil(share * size) - 1]
            # The ends leave out 2.5 % each at most, and the next ones in would leave out more.
            padded = np.concatenate([[0.0], values, [beyond]])
            first = max(r for r in range(size + 1) if stats.binom.cdf(r - 1, size, share) <= 0.025)
            last = min(r for r in range(1, size + 2) if stats.binom.sf(r - 1, size, share) <= 0.025)
            assert (low, high) == (padded[first], padded[last])


@pytest.mark.parametrize("trials", [1, 5, 10, 57, 1000, 10**7])
def test_without_divergence_the_median_is_that_of_all_trials(trials: int) -> None:
    random = np.random.default_rng(trials)
    for _ in range(20):
        counts = random.multinomial(random.integers(0, trials + 1), np.ones(19) / 19)
        steps, counts = 20 * np.flatnonzero(counts), counts[counts > 0]
        found = median(kaplan_meier(steps, counts, NONE.astype(int), NONE.astype(int), trials))
        assert [found] == quantiles(steps, counts, trials, (0.5,), math.inf)


def test_divergence_makes_kaplan_and_meiers_median_earlier() -> None:
    found = row(tally([100, 500], [30, 40], 100, [200], [25]))
    assert found["all_median"] == 500.0 == found["km_median"]
    found = row(tally([100, 500], [30, 15], 100, [200], [50]))
    assert found["all_median"] == math.inf and found["km_median"] == 500.0


# Closed forms


def test_a_process_without_memory_costs_the_same_wherever_it_is_cut() -> None:
    """Steps of a geometric distribution: 1/p checks each, whatever the cut-off."""
    counts = np.round(10**9 * 0.9 ** np.arange(CHECKS) * 0.1)
    found = ratios.expected(ends(counts, 10**9), CUTS)
    np.testing.assert_allclose(found, 200.0, rtol=1e-6)


@pytest.mark.parametrize(("rate", "tries"), [(0.9, 2), (0.99, 1), (0.5, 7), (0.1, 44), (0.001, 4603), (1.0, 1)])
def test_so_many_restarts_as_the_geometric_distribution_says(rate: float, tries: int) -> None:
    done = round(rate * 100_000)
    found = row(tally([400], [done], 100_000))
    assert found["restarts_99"] == tries == max(1, math.ceil(round(stats.nbinom.ppf(0.99, 1, rate)) + 1))
    # All but the last training take the whole budget, or the cut-off, and the last one its 400 steps.
    assert found["steps_99"] == (tries - 1) * 2000 + 400
    assert found["cutoff"] == (400 if rate < 1 else 2000) and found["steps_99_cutoff"] == tries * 400
    assert found["ert"] == pytest.approx(400 + 2000 * (1 - rate) / rate)
    assert found["ert_cutoff"] == pytest.approx(400 / rate)
    for name in ("ert", "restarts_99", "steps_99", "cutoff", "ert_cutoff", "restarts_99_cutoff", "steps_99_cutoff"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"] < math.inf


def test_steps_to_success_are_those_of_played_restarts() -> None:
    """Restarts played by drawing from the trials themselves: 99 % end within the steps that are told, not before."""
    random = np.random.default_rng(4)
    counts = random.multinomial(3000, SHAPES["early"] / SHAPES["early"].sum())
    steps = np.concatenate([np.repeat(CUTS, counts), np.full(7000, np.inf)])
    some = counts > 0
    found = row(tally(CUTS[some].astype(int).tolist(), counts[some].tolist(), 10_000))
    for name, cut in (("steps_99", 2000.0), ("steps_99_cutoff", found["cutoff"])):
        drawn = random.choice(steps, (30_000, 100))
        won = drawn <= cut
        assert won.any(axis=1).all()
        first = won.argmax(axis=1)
        total = first * cut + drawn[np.arange(len(drawn)), first]
        assert np.mean(total <= found[name]) >= 0.987 and np.mean(total < found[name]) <= 0.993
        cost = np.mean(total) if name == "steps_99" else None
        assert cost is None or cost == pytest.approx(found["ert"], rel=0.02)


def test_of_equal_steps_the_interval_is_clopper_and_pearsons() -> None:
    """All trials take the cut-off, so only the rate is unknown; the saddlepoint is off by less than 3 %."""
    for trials in (1, 5, 100, 20_000):
        for done in {1, 2, trials // 2, trials - 1, trials} - {0}:
            if done > trials:
                continue
            one = Ends(np.array([50.0]), np.array([float(done)]), NONE, NONE, trials)
            _, high = ratios.expected_limits(one, np.array([50.0]), 0.95)
            exact = 50 / bands.clopper_pearson(done, trials)[0]
            tolerance = 0.06 if trials == 1 else 0.03 if done == 1 else 0.006
            assert high[0] == pytest.approx(exact, rel=tolerance) and high[0] > exact * 0.9999


# Nothing and all


def test_without_success_costs_have_no_upper_end() -> None:
    found = row(tally([], [], 1000))
    for name in ("ert", "restarts_99", "steps_99", "ert_cutoff", "restarts_99_cutoff", "steps_99_cutoff"):
        assert found[name] == found[f"{name}_high"] == math.inf and 0 < found[f"{name}_low"] < math.inf
    # At most 0.37 % converge, in 97.5 % of such studies.
    assert found["restarts_99_low"] == math.ceil(math.log(0.01) / math.log(0.025) * 1000)
    assert math.isnan(found["cutoff"]) and (found["cutoff_low"], found["cutoff_high"]) == (20, 2000)
    assert all(math.isnan(found[f"steps_{name}{end}"]) for name in ("q10", "median") for end in ("", "_low", "_high"))
    assert found["all_q10"] == found["all_q10_low"] == found["km_median_low"] == math.inf


def test_with_nothing_but_success_nothing_is_certain_still() -> None:
    found = row(tally([180], [5000], 5000))
    assert found["ert"] == 180 and 179.8 < found["ert_low"] < 180 < found["ert_high"] < 185
    assert found["cutoff"] == 2000 and found["cutoff_low"] == 180
    assert found["steps_99"] == found["steps_99_high"] == 180 and found["restarts_99_high"] == 1
    few = row(tally([180], [3], 3))
    assert few["restarts_99_high"] > 10 and few["ert_high"] > 2000 and few["steps_q90_high"] == 2000


def test_no_steps_no_cutoffs() -> None:
    for done in (0, 7, 10):
        found = row(tally([0] if done else [], [done] if done else [], 10), last=0)
        assert found["ert"] == (0 if done else math.inf) and found["budget"] == 0


def test_long_studies_are_thinned_but_keep_the_best() -> None:
    random = np.random.default_rng(2)
    steps, counts = np.unique(random.integers(1, 100_001, 30_000), return_counts=True)
    sums = tally(steps.tolist(), counts.tolist(), 40_000)
    plan, known = cell(sums, 100_000, 1)
    frame = statistics.restarts(plan, known)
    assert len(frame) <= 202
    exact = ratios.expected(Ends(steps.astype(float), counts.astype(float), NONE, NONE, 40_000), steps.astype(float))
    (best,) = frame[frame["best"]].to_dict("records")
    assert best["ert"] == pytest.approx(min(exact.min(), frame["ert"].iloc[-1]))
    found = row(sums, 100_000, 1)
    full = Ends(steps.astype(float), counts.astype(float), NONE, NONE, 40_000)
    low, high = ratios.expected_limits(full, np.array([100_000.0]), 0.95)
    assert (found["ert_low"], found["ert_high"]) == (pytest.approx(low[0], rel=1e-4), pytest.approx(high[0], rel=1e-4))


def test_times_survive_csv() -> None:
    frame = statistics.times(*cell(tally([180], [40], 100)))
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    pd.testing.assert_frame_equal(again[frame.columns[1:]], frame[frame.columns[1:]], check_dtype=False)
    assert "inf" in frame.to_csv()


def test_a_thousand_cells_are_quick() -> None:
    random = np.random.default_rng(0)
    counts = random.multinomial(9000, SHAPES["uniform"] / CHECKS)
    sums = tally(CUTS.astype(int).tolist(), counts.tolist(), 20_000)
    plan = synthetic.plan({"task.batch": list(range(1, 51))}, train={"steps": 2000}, converge={"every": 20})
    known = {each.id: sums for each in plan.cells}
    before = time.process_time()
    statistics.times(plan, known)
    statistics.restarts(plan, known)
    assert time.process_time() - before < 2  # a twentieth of them


# Coverage


def covered(
    interval: Callable[[Array, int], tuple[Array, Array]],
    truth: Array,
    chances: Array,
    trials: int,
    times: int,
    seed: int = 5,
) -> float:
    """How often an interval of counts at the checks (the last of them the failures) holds the truth, everywhere."""
    drawn = np.random.default_rng(seed).multinomial(trials, chances, times)
    held = 0
    for counts, many in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        low, high = interval(counts[:-1], trials)
        held += many * bool(np.all((low <= truth) & (truth <= high)))
    return held / times


def setting(shape: str, rate: float) -> tuple[Array, Array]:
    """The chance of each end, and the expected steps per success for each cut-off."""
    chances = np.append(rate * SHAPES[shape] / SHAPES[shape].sum(), 1 - rate)
    spent = [(np.minimum(CUTS, cut) * chances[:-1]).sum() + cut * chances[-1] for cut in CUTS]
    reached = np.cumsum(chances[:-1])
    return chances, np.divide(spent, reached, out=np.full(CHECKS, np.inf), where=reached > 0)


def whole(counts: Array, trials: int) -> tuple[Array, Array]:
    return ratios.expected_limits(ends(counts, trials), CUTS[-1:], 0.95)


def everywhere(counts: Array, trials: int) -> tuple[Array, Array]:
    made = ends(counts, trials)
    level = ratios.simultaneous(made, CUTS, bands.local_level(trials, CHECKS))
    return ratios.expected_limits(made, CUTS, level)


def chosen(counts: Array, trials: int) -> tuple[Array, Array]:
    """The interval at the cut-off that seems best, and all numbers elsewhere."""
    low, high = everywhere(counts, trials)
    elsewhere = np.arange(CHECKS) != np.argmin(ratios.expected(ends(counts, trials), CUTS))
    return np.where(elsewhere, 0, low), np.where(elsewhere, np.inf, high)


def delta(counts: Array, trials: int) -> tuple[Array, Array]:
    """The usual interval: normal on the scale of logarithms; nothing without success."""
    steps, success = np.append(CUTS, CUTS[-1]), np.append(np.ones(CHECKS), 0)
    many = np.append(counts, trials - counts.sum())
    done = counts.sum()
    if not done:
        return np.array([np.inf]), np.array([np.inf])
    ratio = (many * steps).sum() / done
    error = 1.96 * np.sqrt((many * (steps - ratio * success) ** 2).sum()) / (ratio * done)
    return np.array([ratio * np.exp(-error)]), np.array([ratio * np.exp(error)])


RATES = (0.001, 0.03, 0.5, 0.97, 0.999)


@pytest.mark.parametrize("rate", (0.001, 0.5, 0.999))
def test_expected_steps_are_covered(rate: float) -> None:
    held = []
    for shape in ("early", "late"):
        chances, truth = setting(shape, rate)
        held += [covered(whole, truth[-1:], chances, trials, 100) for trials in (10, 1000)]
    # 100 draws of 95 % are below 0.88 once in 200 times, all 400 below 0.925 once in 50.
    assert np.min(held) >= 0.88 and np.mean(held) >= 0.925


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_expected_steps_are_covered_at_every_rate(shape: str) -> None:
    for rate in RATES:
        chances, truth = setting(shape, rate)
        for trials in (10, 100, 1000, 100_000):
            assert covered(whole, truth[-1:], chances, trials, 400) >= 0.915, (rate, trials)


@pytest.mark.slow
@pytest.mark.parametrize("rate", (0.03, 0.5, 0.97))
def test_a_thousand_intervals_of_expected_steps_cover(rate: float) -> None:
    """One setting with many draws: an interval of 92 % fails this."""
    for shape, trials in (("early", 30), ("late", 300)):
        chances, truth = setting(shape, rate)
        assert covered(whole, truth[-1:], chances, trials, 1500) >= 0.935


def total_of_99(chances: Array, cut: int) -> tuple[int, float]:
    """Trainings, and steps in all, until one has converged with 99 %, where each is given up at this check."""
    shares = np.cumsum(chances[:-1])[: cut + 1]
    tries = 1 if shares[-1] >= 0.99 else math.ceil(math.log(0.01) / math.log(1 - shares[-1]) - 1e-9)
    left = 1 - 0.01 / (1 - shares[-1]) ** (tries - 1) if tries > 1 else 0.99
    return tries, (tries - 1) * CUTS[cut] + CUTS[min(int(np.searchsorted(shares, left - 1e-12)), cut)]


@pytest.mark.slow
@pytest.mark.parametrize("rate", (0.03, 0.5, 0.97))
@pytest.mark.parametrize("shape", ("early", "no memory"))
def test_restarts_and_their_costs_are_covered(shape: str, rate: float) -> None:
    chances, truth = setting(shape, rate)
    plan = synthetic.plan(train={"steps": 2000}, converge={"every": 20})
    draws = 200
    for trials in (30, 1000):
        held = dict.fromkeys(("restarts_99", "steps_99", "steps_99_cutoff", "cutoff"), 0)
        for counts in np.random.default_rng(8).multinomial(trials, chances, draws):
            some = np.flatnonzero(counts[:-1])
            sums = tally(CUTS[some].astype(int).tolist(), counts[some].tolist(), trials)
            (row,) = statistics.times(plan, {plan.cells[0].id: sums}).to_dict("records")
            tries, steps = total_of_99(chances, CHECKS - 1)
            wanted = {"restarts_99": tries, "steps_99": steps, "cutoff": CUTS[int(np.argmin(truth))]}
            if math.isnan(row["cutoff"]):
                wanted["steps_99_cutoff"] = math.inf
            else:
                wanted["steps_99_cutoff"] = total_of_99(chances, int(np.searchsorted(CUTS, row["cutoff"])))[1]
            for name, value in wanted.items():
                held[name] += row[f"{name}_low"] <= value <= row[f"{name}_high"]
        # 200 draws of 95 % are below 0.9 once in 500 times.
        assert min(held.values()) >= 0.9 * draws, (trials, held)


def test_the_interval_of_the_delta_method_does_not_cover() -> None:
    for shape, rate, trials in (("early", 0.001, 1000), ("early", 0.97, 10), ("at once", 0.999, 100)):
        chances, truth = setting(shape, rate)
        assert covered(delta, truth[-1:], chances, trials, 500) < 0.85
        assert covered(whole, truth[-1:], chances, trials, 100) > 0.93


@pytest.mark.parametrize("rate", (0.03, 0.5, 1.0))
def test_costs_are_covered_at_all_cutoffs_at_once(rate: float) -> None:
    chances, truth = setting("no memory", rate)
    assert covered(everywhere, truth, chances, 100, 100) >= 0.89
    assert covered(chosen, truth, chances, 1000, 100) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_costs_are_covered_at_all_cutoffs_at_every_rate(shape: str) -> None:
    for rate in (*RATES, 1.0):
        chances, truth = setting(shape, rate)
        for trials in (10, 100, 1000, 100_000):
            assert covered(everywhere, truth, chances, trials, 150) >= 0.9, (rate, trials)


def test_pointwise_intervals_do_not_cover_at_all_cutoffs() -> None:
    def pointwise(counts: Array, trials: int) -> tuple[Array, Array]:
        return ratios.expected_limits(ends(counts, trials), CUTS, 0.95)

    chances, truth = setting("no memory", 0.5)
    assert covered(pointwise, truth, chances, 1000, 200) < 0.9


def band(counts: Array, trials: int) -> tuple[Array, Array]:
    return bands.band(np.cumsum(counts), trials, CHECKS)


@pytest.mark.parametrize("trials", (10, 100, 20_000))
def test_the_band_covers_at_all_checks_at_once(trials: int) -> None:
    for rate in RATES:
        chances, _ = setting("uniform", rate)
        assert covered(band, np.cumsum(chances[:-1]), chances, trials, 300) >= 0.915, rate


def test_pointwise_wilson_intervals_are_no_band() -> None:
    def pointwise(counts: Array, trials: int) -> tuple[Array, Array]:
        return statistics.wilson(np.cumsum(counts), trials)

    chances, _ = setting("uniform", 0.97)
    assert covered(pointwise, np.cumsum(chances[:-1]), chances, 1000, 500) < 0.7


def test_local_levels_are_right_for_uniform_numbers() -> None:
    """All order statistics lie within their bounds in 95 %, no more: the band is not wider than it has to be."""
    random = np.random.default_rng(1)
    for n in (2, 10, 100, 1000):
        i = np.arange(1, n + 1)
        low, high = (
            stats.beta.ppf(q, i, n + 1 - i) for q in (bands.LOCAL_LEVELS[n] / 2, 1 - bands.LOCAL_LEVELS[n] / 2)
        )
        drawn = np.sort(random.random((10_000, n)), axis=1)
        assert np.mean(np.all((low <= drawn) & (drawn <= high), axis=1)) == pytest.approx(0.95, abs=0.009)


def test_local_levels_fall_with_the_number_of_trials() -> None:
    levels = [bands.local_level(n, 10**9) for n in (1, 2, 9, 10, 11, 10**3, 10**5, 10**6, 10**8)]
    assert levels == sorted(levels) and levels[0] == pytest.approx(0.95) and levels[-1] < 0.9999
    assert bands.local_level(10**6, 1) == pytest.approx(0.95) and bands.local_level(10**6, 10) == pytest.approx(0.995)


@pytest.mark.parametrize("trials", (10, 100))
def test_kaplan_and_meiers_median_is_covered(trials: int) -> None:
    """Exponential steps of both kinds: the net median is that without divergence."""
    random = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        own, gone = random.exponential(10, trials), random.exponential(20, trials)
        kind, steps = np.where(own <= gone, 1, 2), 20 * np.ceil(np.minimum(own, gone)).astype(int)
        _, low, high = median(kaplan_meier(*histogram(steps, kind), trials))
        held += low <= 20 * math.ceil(10 * math.log(2)) <= high
    assert held >= 940


def test_bounds_of_kaplan_and_meier_shrink_to_it() -> None:
    steps, kind = ended(1, trials=20_000)
    found = survival.kaplan_meier(*histogram(steps, kind), len(steps))
    for parameters in (found.low, found.high):
        a, b = parameters[1:].T
        np.testing.assert_allclose(a / (a + b), found.share[1:], atol=1e-3)


# Words


def sentences(*sums: Tally) -> str:
    vary = {"init": synthetic.INITS[: len(sums)]} if len(sums) > 1 else {}
    plan = synthetic.plan(vary, train={"steps": 2000}, converge={"every": 20})
    known = {each.id: made for each, made in zip(plan.cells, sums, strict=True)}
    first = told(statistics.times(plan, known), plan.keys)[0]
    assert isinstance(first, Paragraph)
    return "".join(item if isinstance(item, str) else item.text for item in first.text)


def test_a_user_is_told_when_to_restart() -> None:
    text = sentences(tally([400], [10_000], 20_000))
    assert text == (
        "Restart after 400 steps: 99 % success costs 2,800 steps (95 % interval: the same check); a single "
        "training converges in 50.0 % of all cases, and giving each the whole 2,000 steps costs 12,400."
    )


def test_a_user_is_told_where_restarts_are_of_no_use() -> None:
    assert "nothing to restart: 99 % do within 180 steps" in sentences(tally([180], [5000], 5000))
    assert sentences(tally([20, 2000], [1, 600], 1000)).startswith("Let every training run the whole 2,000 steps")
    assert "may cost no more" in sentences(tally([1000, 1980], [60, 60], 150))


def test_a_user_is_told_what_no_success_means() -> None:
    assert "costs at least" in sentences(tally([], [], 1000)) and "inf" not in sentences(tally([], [], 1000))
    text = sentences(tally([], [], 1000), tally([400], [500], 1000), tally([180], [1000], 1000))
    assert text.startswith(
        "On average a success takes the fewest steps with glorot_uniform: 180 (95 % interval 179 to 190)"
    )
    assert "There, all trials converged, so there is nothing to restart" in text
    assert "Restarts save most, a factor of 3 on average, with he_normal: restart after 400 steps" in text
    assert text.endswith("in 1, nothing converged, so no cut-off is known to help.")
    assert sentences(tally([], [], 9), tally([], [], 9)).startswith("No trial converged in any cell")


def test_the_table_has_room_for_so_many_cells() -> None:
    plan = synthetic.plan({"task.batch": list(range(1, 61))}, train={"steps": 2000}, converge={"every": 20})
    known = {each.id: tally([400], [100 + each.index], 1000) for each in plan.cells}
    found = told(statistics.times(plan, known), plan.keys)
    (table,) = (block for block in found if isinstance(block, Table))
    assert len(table.rows) == 15 and all(len(line) == len(table.header) for line in table.rows)
