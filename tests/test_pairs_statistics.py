"""Paired comparisons against statsmodels, by exact coverage, and against the rows of trials."""

from __future__ import annotations

import itertools
import math
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import synthetic
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar

from mcstudy import statistics
from mcstudy.figures import FIGURES, draw
from mcstudy.statistics import compare, pairs, signs
from mcstudy.statistics.compare import difference_p
from mcstudy.statistics.holm import holm
from mcstudy.statistics.pairs import Converged, Differences, adjusted, equivalence, interval
from mcstudy.statistics.signs import SMALLEST, sign_flip

Z = 1.959963984540054
MIXTURES = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0.1, 0.9, 0), (0.3, 0.4, 0.3))


def differences(counts: Any) -> Differences:
    """Differences of which only the counts are known."""
    nothing = np.empty(0)
    return Differences(np.atleast_2d(counts), nothing, nothing, nothing, nothing)


def law(contexts: int, rate: float, other: float, mixture: tuple[float, ...] = (1, 0, 0)) -> NDArray[np.float64]:
    """Probabilities of the differences -C … C: all cells independent; all of one draw; the contexts of a side alike."""

    def successes(p: float) -> list[float]:
        return [math.comb(contexts, k) * p**k * (1 - p) ** (contexts - k) for k in range(contexts + 1)]

    independent = np.convolve(successes(rate), successes(other)[::-1])
    ends = np.zeros((2, 2 * contexts + 1))
    ends[0, [0, contexts, -1]] += max(other - rate, 0), 1 - abs(rate - other), max(rate - other, 0)
    up, down = rate * (1 - other), other * (1 - rate)
    ends[1, [0, contexts, -1]] += down, 1 - up - down, up
    made = mixture[0] * independent + mixture[1] * ends[0] + mixture[2] * ends[1]
    return np.asarray(made / made.sum())


class Possible:
    """All that n trials can add up to, as far as intervals of the sum and the sum of squares alone tell it apart."""

    def __init__(self, contexts: int, n: int) -> None:
        self.contexts, self.n = contexts, n
        shape = next_fast_len(2 * n * contexts + 1), next_fast_len(n * contexts**2 + 1, real=True)
        self.turns = np.outer(np.fft.fftfreq(shape[0]), np.arange(-contexts, contexts + 1))
        self.squared = np.outer(np.arange(-contexts, contexts + 1) ** 2, np.fft.rfftfreq(shape[1]))
        sums = (np.fft.fftfreq(shape[0]) * shape[0]).round() / contexts
        moments = np.meshgrid(sums, np.arange(shape[1]) / contexts**2, indexing="ij")
        self.given: Any = SimpleNamespace(moments=moments, trials=np.int64(n), shape=shape)

    def coverage(self, ends: tuple[NDArray[Any], NDArray[Any]], chances: NDArray[np.float64]) -> float:
        """How often intervals cover the mean, exactly."""
        wave = (np.exp(-2j * np.pi * self.turns) * chances) @ np.exp(-2j * np.pi * self.squared)
        masses = np.fft.irfft2(wave**self.n, s=self.given.shape)
        mean = chances @ np.arange(-self.contexts, self.contexts + 1) / self.contexts
        return float(masses[(ends[0] <= mean + 1e-12) & (mean <= ends[1] + 1e-12)].sum())


def wald(given: Differences) -> tuple[NDArray[Any], NDArray[Any]]:
    (s, q), n = given.moments, given.trials
    half = Z * np.sqrt(np.maximum(q / n - (s / n) ** 2, 0) / n)
    return s / n - half, s / n + half


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1000, 1003])
def test_tables_are_those_of_the_bits(n: int) -> None:
    random = np.random.default_rng(n)
    trials = [n, n, max(1, n - 3), n + 5]
    rows = [random.random(count) < share for count, share in zip(trials, (0.5, 0.9, 0.3, 0.6), strict=True)]
    # What a packed row has beyond its trials must not count.
    packed = [np.packbits(np.append(row, np.ones(-len(row) % 8, bool))) for row in rows]
    some = Converged(packed, trials)
    side, other = np.array(list(itertools.permutations(range(4), 2))).T
    found = some.cells(side, other)
    for row, (a, b) in enumerate(zip(side, other, strict=True)):
        shared = min(trials[a], trials[b])
        x, y = rows[a][:shared].astype(int), rows[b][:shared].astype(int)
        assert found.counts[row].tolist() == [np.sum(x < y), np.sum(x == y), np.sum(x > y)]
        assert (found.both[row], found.trials[row]) == (np.sum(x & y), shared)
        assert (found.rate[row], found.other_rate[row]) == (x.mean(), y.mean())
        assert found.difference[row] == pytest.approx(x.mean() - y.mean(), abs=1e-15)
        paired = (x - y).var()
        if paired:
            assert found.variance_ratio[row] == pytest.approx((x.var() + y.var()) / paired, rel=1e-9)
    assert (found.counts == Converged(packed, trials).cells(side, other).counts).all()


def test_popcount_without_numpy_2_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bits = np.random.default_rng(1).integers(0, 256, (5, 1001), np.uint8)
    expected = np.unpackbits(bits, axis=1).sum(axis=1)
    assert (pairs.popcount(bits) == expected).all()
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert (pairs.popcount(bits) == expected).all()


def test_averages_over_contexts_are_those_of_the_bits() -> None:
    random = np.random.default_rng(3)
    rows = random.random((6, 501)) < random.random((6, 1))
    some = Converged([np.packbits(row) for row in rows], [501, 501, 500, 501, 501, 501])
    groups = [np.array([0, 3]), np.array([1, 4]), np.array([2, 5])]
    found = some.groups(groups, np.array([0, 2]), np.array([1, 0]))
    for row, (a, b, n) in enumerate([((0, 3), (1, 4), 501), ((2, 5), (0, 3), 500)]):
        x, y = rows[list(a), :n].mean(axis=0), rows[list(b), :n].mean(axis=0)
        assert found.counts[row].tolist() == [np.sum(x - y == k / 2) for k in range(-2, 3)]
        assert found.difference[row] == pytest.approx((x - y).mean(), abs=1e-12)
        assert found.rate[row] == pytest.approx(x.mean()) and found.other_rate[row] == pytest.approx(y.mean())
        assert found.variance_ratio[row] == pytest.approx((x.var() + y.var()) / (x - y).var())


def test_pairing_gains_nothing_everything_or_cannot_tell() -> None:
    half = np.packbits(np.arange(1000) % 2 == 0)
    quarter = np.packbits(np.arange(1000) % 4 < 2)
    all_, none = np.packbits(np.ones(1000, bool)), np.packbits(np.zeros(1000, bool))
    some = Converged([half, quarter, all_, none, ~half], [1000] * 5)
    ratio = some.cells(np.array([0, 0, 0, 2, 2, 0]), np.array([1, 0, 2, 2, 3, 4])).variance_ratio
    assert ratio.tolist()[:3] == [1.0, math.inf, 1.0]
    assert np.isnan(ratio[3:5]).all() and ratio[5] == 0.5


def test_mcnemar_is_that_of_statsmodels() -> None:
    tables = [(0, 0), (1, 0), (0, 5), (3, 3), (2, 9), (40, 41), (100, 160), (5000, 5200), (1, 200)]
    p = sign_flip(np.array([[down, 7, up] for up, down in tables]))
    expected = [mcnemar([[3, up], [down, 4]], exact=True).pvalue for up, down in tables]
    np.testing.assert_allclose(p, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(p[p < 0.5], np.array(expected)[p < 0.5], rtol=1e-9)


def test_sign_flips_are_counted() -> None:
    random = np.random.default_rng(5)
    for size in (2, 3, 9):
        for _ in range(8):
            d = random.integers(-size, size + 1, 12)
            counts = np.bincount(d + size, minlength=2 * size + 1)
            flips = np.array(list(itertools.product([-1, 1], repeat=12))) @ np.abs(d)
            expected = np.mean(np.abs(flips) >= abs(d.sum()))
            assert sign_flip(counts[None])[0] == pytest.approx(expected, abs=1e-12)


def convolved(differing: NDArray[np.int64], total: int) -> float:
    """P(|sum| >= total) by convolution, in whole numbers."""
    masses = [1]
    for weight, flips in enumerate(differing.tolist(), 1):
        kernel = [0] * (weight * flips + 1)
        kernel[::weight] = [math.comb(flips, heads) for heads in range(flips + 1)]
        product = [0] * (len(masses) + len(kernel) - 1)
        for at, mass in enumerate(masses):
            for shift in range(0, len(kernel), weight):
                product[at + shift] += mass * kernel[shift]
        masses = product
    return min(1.0, 2 * sum(masses[: (len(masses) - 1 - total) // 2 + 1]) / 2 ** int(differing.sum()))


@pytest.mark.parametrize("differing", [(100, 1), (1, 100), (0, 120, 0), (30, 25, 20), (90, 0, 2)])
def test_sign_flips_of_many_trials_are_exact_and_their_tail_is_near(differing: tuple[int, ...]) -> None:
    magnitudes = np.array(differing)
    for share in (0.5, 0.55, 0.6, 0.7, 0.8, 0.95, 1):
        up = np.round(magnitudes * share).astype(int)
        counts = np.concatenate([(magnitudes - up)[::-1], [10], up])
        total = abs(int((2 * up - magnitudes) @ np.arange(1, len(up) + 1)))
        expected, p = convolved(magnitudes, total), sign_flip(counts[None])[0]
        if expected >= SMALLEST:
            assert p == pytest.approx(expected, abs=1e-12)
        else:
            assert p == pytest.approx(expected, rel=0.35)


def test_sums_of_too_many_values_are_approximated(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    counts = []
    for n, mean in itertools.product((40, 400), (0, 0.02, 0.05, 0.1)):
        d = np.rint(60 * np.clip(random.normal(mean, 0.3, n), -1, 1)).astype(int)
        counts.append(np.bincount(d + 60, minlength=121))
    exact = sign_flip(np.array(counts))
    monkeypatch.setattr(signs, "_LARGEST", 1)
    near = sign_flip(np.array(counts))
    assert (near != exact).any()
    np.testing.assert_allclose(near, exact, rtol=0.01)


def test_a_single_context_is_mcnemar_however_it_is_written() -> None:
    random = np.random.default_rng(8)
    for n in (5, 80, 3000):
        down, up = random.multinomial(n, (0.4, 0.5, 0.1))[:2]
        plain = sign_flip(np.array([[down, 11, up]]))[0]
        # Three contexts that always agree: differences of -1 and 1 once more, now as thirds.
        assert sign_flip(np.array([[down, 0, 0, 11, 0, 0, up]]))[0] == pytest.approx(plain, abs=1e-12)


def test_holm_is_that_of_statsmodels() -> None:
    random = np.random.default_rng(2)
    for count in (1, 2, 17, 400):
        p = random.random(count) ** 4
        p[: count // 3] = p[0]
        np.testing.assert_allclose(holm(p), synthetic.holm_of_statsmodels(p), rtol=0, atol=1e-10)
    assert len(holm([])) == 0


@pytest.mark.parametrize("size", [1, 3])
def test_the_interval_of_one_pseudo_trial_is_bonett_and_prices(size: int) -> None:
    random = np.random.default_rng(size)
    for n in (5, 50, 700):
        d = random.integers(-size, size + 1, n) / size
        # Wald's interval of the sample with a trial of 1 and one of -1 added.
        added = np.append(d, [1, -1])
        half = Z * added.std() / math.sqrt(n + 2)
        low, high = interval(
            differences(np.bincount((d * size).round().astype(int) + size, minlength=2 * size + 1)), weight=1
        )
        expected = max(-1, added.mean() - half), min(1, added.mean() + half)
        assert (low[0], high[0]) == pytest.approx(expected, abs=1e-12)


def test_contexts_that_agree_have_the_interval_of_one() -> None:
    one = interval(differences([3, 80, 17]))
    three = interval(differences([3, 0, 0, 80, 0, 0, 17]))
    np.testing.assert_allclose(one, three, rtol=0, atol=1e-15)


def test_trials_that_are_all_alike_have_an_interval_that_is_not_empty() -> None:
    low, high = interval(differences([0, 20_000, 0]))
    assert high[0] == -low[0] == pytest.approx(Z * math.sqrt(3) / 20_003)
    # The rule of three: had 3.4 trials in 20,003 differed one way, all 20,000 would agree in 3 % of the cases only.
    assert equivalence(differences([0, 20_000, 0]), 0.02)[0] < 1e-80
    assert equivalence(differences([0, 179, 0]), 0.02)[0] > 0.05 > equivalence(differences([0, 180, 0]), 0.02)[0]
    low, high = interval(differences([0, 0, 50]))
    assert 0.8 < low[0] < high[0] == 1.0


@pytest.mark.parametrize(("contexts", "n"), [(1, 130), (1, 160), (2, 100), (3, 50)])
def test_intervals_cover_at_their_level(contexts: int, n: int) -> None:
    rates = (0.001, 0.05, 0.3, 0.5, 0.8, 0.95, 0.999)
    possible = Possible(contexts, n)
    ends = interval(possible.given)
    found = {
        (rate, other, mixture): possible.coverage(ends, law(contexts, rate, other, mixture))
        for rate, other in itertools.product(rates, rates)
        if rate >= other and rate + other <= 1
        for mixture in (MIXTURES if contexts == 1 else MIXTURES[1:4])
    }
    worst = min(found, key=lambda case: found[case])
    assert found[worst] >= 0.94, (worst, found[worst])


def test_below_120_trials_counts_are_too_coarse_for_94_percent() -> None:
    # The lowest coverage lies just beyond an end of an interval, where only one side ever converges alone.
    worst = {}
    for n in (10, 20, 30, 63, 96, 120, 200, 1000, 20_000):
        k = np.arange(n + 1)
        low, high = interval(differences(np.stack([0 * k, n - k, k], axis=1)))
        at = np.concatenate([low, high])
        at = at[(at > 0) & (at < 1)]
        at = at[:: max(1, len(at) // 1000)]
        p = np.concatenate([at - 1e-9, at + 1e-9])
        first, last = np.searchsorted(high, p), np.searchsorted(low, p, side="right") - 1
        worst[n] = float(np.min(binom.cdf(last, n, p) - binom.cdf(first - 1, n, p)))
    assert worst[10] == pytest.approx(0.9266, abs=0.0005)
    assert all(worst[n] < 0.94 for n in (10, 20, 63, 96))
    assert all(worst[n] >= 0.935 for n in (30, 63, 96))
    assert all(worst[n] >= 0.94 for n in (120, 200, 1000, 20_000))


@pytest.mark.slow
@pytest.mark.parametrize("contexts", [1, 3, 9, 30])
def test_intervals_of_many_trials_cover_at_their_level(contexts: int) -> None:
    random = np.random.default_rng(contexts)
    rates = (0.001, 0.01, 0.1, 0.5, 0.9, 0.999)
    for n in (1000, 10_000, 100_000):
        for rate, other, mixture in itertools.product(rates, rates, MIXTURES):
            chances = law(contexts, rate, other, mixture)
            low, high = interval(differences(random.multinomial(n, chances, 10_000)))
            covered = np.mean((low <= rate - other + 1e-12) & (rate - other <= high + 1e-12))
            # Four standard errors of the simulation below 94 %.
            assert covered >= 0.9305, (n, rate, other, mixture, covered)


def test_intervals_that_do_not_cover_are_found_out() -> None:
    rare, possible = law(1, 0.011, 0.001, (0, 1, 0)), Possible(1, 100)
    assert possible.coverage(wald(possible.given), rare) < 0.7
    assert possible.coverage(interval(possible.given), rare) > 0.94


def test_an_interval_that_forgets_the_pairs_is_found_out() -> None:
    random = np.random.default_rng(4)

    def shares(both: float, up: float, down: float) -> tuple[float, float, float, float]:
        counts = random.multinomial(1000, (both, up, down, 1 - both - up - down), 20_000)
        rate, other = (counts[:, 0] + counts[:, 1]) / 1000, (counts[:, 0] + counts[:, 2]) / 1000
        apart = Z * np.sqrt((rate * (1 - rate) + other * (1 - other)) / 1000)
        low, high = interval(differences(np.stack([counts[:, 2], 1000 - counts[:, 1] - counts[:, 2], counts[:, 1]], 1)))
        true = up - down
        forgetful = np.mean(np.abs(rate - other - true) <= apart)
        return (
            float(forgetful),
            float(np.mean((low <= true) & (true <= high))),
            float(np.mean(2 * apart)),
            float(np.mean(high - low)),
        )

    # Alike: more than twice too wide. Opposite: covers too little.
    forgetful, paired, wide, narrow = shares(0.45, 0.05, 0.05)
    assert forgetful > 0.999 and 0.94 <= paired <= 0.96 and wide > 2 * narrow
    forgetful, paired, _, _ = shares(0.02, 0.48, 0.48)
    assert forgetful < 0.85 and 0.94 <= paired <= 0.96


def test_averages_that_are_level_are_rarely_found_to_differ() -> None:
    """Rare trials are won in all nine contexts, nine times as many are lost in one: no sides could be exchanged."""
    contexts, n, wins = 9, 20_000, 2
    chances = np.zeros(2 * contexts + 1)
    chances[-1], chances[contexts - 1] = wins / n, contexts * wins / n
    chances[contexts] = 1 - chances.sum()
    drawn = np.random.default_rng(4).multinomial(n, chances, 2000)
    assert chances @ np.arange(-contexts, contexts + 1) == pytest.approx(0)
    given = differences(drawn)
    assert np.mean(sign_flip(drawn) < 0.05) > 0.1  # alone it is found out
    assert np.mean(difference_p(given) < 0.05) < 0.06
    low, high = interval(given)
    told = difference_p(given) < 0.05
    assert not np.any(told & (low <= 0) & (high >= 0))


def test_equivalence_errs_as_rarely_as_it_says() -> None:
    worst = 0.0
    for n, margin, other in itertools.product((200, 500, 2000, 20_000), (0.005, 0.02), (0, 0.0005, 0.01, 0.1)):
        # At the margin itself: exact, over all trials that differ.
        chance = margin + other
        up = np.arange(*binom.ppf([1e-9, 1 - 1e-9], n, chance) + [0, 1])
        down = np.arange(*binom.ppf([1e-9, 1 - 1e-9], n, other) + [0, 1]) if other else np.zeros(1)
        up, down = (side.ravel().astype(int) for side in np.meshgrid(up, down))
        mass = binom.pmf(up, n, chance) * binom.pmf(down, n - up, other / (1 - chance))
        given = differences(np.stack([down, n - up - down, up], axis=1))
        assert mass.sum() == pytest.approx(1, abs=1e-4)
        worst = max(worst, float(mass[equivalence(given, margin) < 0.05].sum()))
    assert 0.045 < worst <= 0.05


def test_equivalence_of_averages_errs_as_rarely_as_it_says() -> None:
    random = np.random.default_rng(6)
    for contexts, n, other in itertools.product((3, 9), (500, 20_000), (0.001, 0.1, 0.6)):
        for mixture in MIXTURES:
            counts = random.multinomial(n, law(contexts, other + 0.02, other, mixture), 4000)
            assert np.mean(equivalence(differences(counts), 0.02) < 0.05) <= 0.062
    # And finds what there is to be found.
    counts = random.multinomial(20_000, law(9, 0.5, 0.5, MIXTURES[4]), 100)
    assert np.mean(equivalence(differences(counts), 0.02) < 0.05) > 0.95


def tallied(plan: Any, columns: NDArray[np.bool_]) -> dict[str, Any]:
    """Tallies of which only the outcomes and the bits are known."""
    return {
        cell.id: SimpleNamespace(trials=len(row), converged=np.packbits(row), outcomes=(int(row.sum()),))
        for cell, row in zip(plan.cells, columns, strict=True)
    }


VARIED = {"activation": ["relu", "elu", "tanh"], "init": ["normal", "he_normal"]}


def test_comparisons_are_those_of_the_rows() -> None:
    plan = synthetic.plan(VARIED, 400)
    store = synthetic.filled(plan)
    frame = statistics.comparisons(plan, statistics.tallies(plan, store))
    learned = {c.id: (store.read(c.id, 400)["outcome"] == "converged").to_numpy().astype(int) for c in plan.cells}
    assert frame.groupby("family", sort=False).size().to_dict() == {"baseline": 3, "levels": 1, "contexts": 7}
    for _, row in frame.iterrows():
        where = {key: row[key] for key in plan.keys if row[key]}

        def mean(level: str, row: Any = row, where: Any = where) -> NDArray[Any]:
            wanted = where | {row["key"]: level}
            cells = [cell for cell in plan.cells if wanted.items() <= cell.labels.items()]
            assert len(cells) == row["contexts"]
            return np.mean([learned[cell.id] for cell in cells], axis=0)

        x, y = mean(row["level"]), mean(row["other"])
        assert row["difference"] == pytest.approx((x - y).mean(), abs=1e-12)
        assert (row["rate"], row["other_rate"]) == pytest.approx((x.mean(), y.mean()))
        assert row["variance_ratio"] == pytest.approx((x.var() + y.var()) / (x - y).var())
        assert row["trials"] == 400 and row["difference_low"] < row["difference"] < row["difference_high"]
        if row["family"] == "contexts":
            assert [row["both"], row["only"], row["other_only"], row["neither"]] == [
                np.sum((x == a) & (y == b)) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))
            ]
            table = [[row["both"], row["only"]], [row["other_only"], row["neither"]]]
            assert row["p"] == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-3)
    for _, family in frame.groupby("family"):
        for name in ("p", "p_equivalence"):
            expected = synthetic.holm_of_statsmodels(family[name])
            np.testing.assert_allclose(family[f"{name}_holm"], expected, rtol=0, atol=1e-10)
    assert set(frame["verdict"]) <= set(statistics.VERDICTS) and (frame["margin"] == statistics.MARGIN).all()


def test_no_pair_comes_twice_and_the_baseline_is_the_studys() -> None:
    levels = [{"name": "sgd", "lr": lr} for lr in (0.1, 0.2, 0.3, 0.4)]
    plan = synthetic.plan({"optimizer": levels}, 100, study={"baseline": {"optimizer": levels[2]}})
    frame = statistics.comparisons(plan, statistics.tallies(plan, synthetic.filled(plan)))
    met = [frozenset(pair) for pair in zip(frame["level"], frame["other"], strict=True)]
    assert len(met) == len(set(met)) == 6 and set(frame["family"]) == {"baseline", "levels"}
    assert set(frame.loc[frame["family"] == "baseline", "other"]) == {"sgd(lr=0.3)"}
    assert "sgd(lr=0.3)" not in set(frame.loc[frame["family"] == "levels", ["level", "other"]].to_numpy().ravel())


def test_verdicts_are_those_of_what_was_put_in() -> None:
    plan = synthetic.plan({"activation": [*synthetic.ACTIVATIONS[:6]]}, 20_000)
    random = np.random.default_rng(9)
    start = random.random(20_000)
    rows = np.stack([start < 0.5, start < 0.5, start < 0.53, start < 0.505, random.random(20_000) < 0.5, start < -1])
    frame = statistics.comparisons(plan, tallied(plan, rows)).query("family == 'baseline'")
    assert frame["verdict"].tolist() == ["equivalent", "differ", "differ slightly", "equivalent", "differ"]
    assert np.isinf(frame["variance_ratio"].iloc[0]) and frame["variance_ratio"].iloc[2] > 50
    few = statistics.comparisons(plan, tallied(plan, rows[:, :300])).query("family == 'baseline'")
    assert few["verdict"].iloc[3] == "undecided"
    perfect = statistics.comparisons(plan, tallied(plan, np.ones((6, 1000), bool)))
    assert (perfect["verdict"] == "equivalent").all() and (perfect["difference_high"] > 0).all()


def test_the_margin_is_what_a_study_wants_decided() -> None:
    for until, margin in [(None, 0.02), ((0.1, None), 0.1), ((None, 0.1), statistics.MARGIN)]:
        table = None if until is None else SimpleNamespace(decided=until[0], half_width=until[1])
        plan: Any = SimpleNamespace(study=SimpleNamespace(study=SimpleNamespace(until=table)))
        assert compare.margin_of(plan) == margin


def test_another_method_judges_alike() -> None:
    plan = synthetic.plan(VARIED, 50)
    known = statistics.tallies(plan, synthetic.filled(plan))
    never = compare.Method(
        lambda d: (d.difference - 1, d.difference + 1), lambda d: np.ones(len(d.trials)), compare.FIXED.equivalence
    )
    frame = statistics.comparisons(plan, known, never)
    assert (frame["p_holm"] == 1).all() and ((frame["difference_high"] - frame["difference_low"]) == 2).all()


def test_too_many_pairs_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MOST_PAIRS", 0)
    monkeypatch.setattr(compare, "MOST_CONTEXTS", 3)
    plan = synthetic.plan(VARIED, 50)
    frame = statistics.comparisons(plan, statistics.tallies(plan, synthetic.filled(plan)))
    assert frame.groupby("family").size().to_dict() == {"baseline": 3, "contexts": 3}


def test_a_single_cell_has_no_comparisons_and_no_figure() -> None:
    plan = synthetic.plan({}, 50)
    frame = statistics.comparisons(plan, statistics.tallies(plan, synthetic.filled(plan)))
    assert frame.empty and list(frame.columns)[:4] == ["family", "key", "level", "other"]
    assert draw(FIGURES["comparisons"], frame, plan.keys).pages == ()


def test_ten_million_trials_are_compared_in_seconds() -> None:
    plan = synthetic.plan({"optimizer": [{"name": "sgd", "lr": 0.001 * i} for i in range(1, 101)]}, 100)
    random = np.random.default_rng(1)
    packed = random.integers(0, 256, (100, 12_500), np.uint8)
    known: Any = {
        cell.id: SimpleNamespace(trials=100_000, converged=row) for cell, row in zip(plan.cells, packed, strict=True)
    }
    start = time.perf_counter()
    frame = statistics.comparisons(plan, known)
    assert len(frame) == 4950 and time.perf_counter() - start < 5


def test_the_figure_has_a_mark_for_every_verdict() -> None:
    levels = [{"name": "sgd", "lr": 0.001 * i} for i in range(1, 71)]
    plan = synthetic.plan({"optimizer": levels}, 2000)
    random = np.random.default_rng(1)
    rows = random.random(2000) < np.linspace(0.3, 0.6, 70)[:, None]
    drawn = draw(FIGURES["comparisons"], statistics.comparisons(plan, tallied(plan, rows)), plan.keys)
    assert [name for name, _ in drawn.pages] == ["comparisons", "comparisons-2"] and drawn.left_out == 0
    assert adjusted(differences([0, 5, 0]))[0].tolist() == [0.0]
