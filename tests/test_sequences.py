"""Confidence sequences: their ends by another formula, and how often they ever miss."""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln

from mcstudy.statistics import sequences, wilson

Array = NDArray[np.float64]


def log_ratio(k: Array, n: Array, p: Array, half_width: float, level: float = 0.95) -> Array:
    """log M_n(p), written with gamma functions."""
    c = sequences.concentration(half_width, level)
    a, b = c * p, c * (1 - p)
    prior = gammaln(c) - gammaln(a) - gammaln(b)
    return prior + gammaln(a + k) + gammaln(b + n - k) - gammaln(c + n) - k * np.log(p) - (n - k) * np.log1p(-p)


def confseq(k: int, n: int, t_opt: mp.mpf, alpha: mp.mpf) -> tuple[float, float]:
    """Confseq's `bernoulli_confidence_interval`, its formulas one by one, in 80 digits."""

    def log_supermartingale(p: mp.mpf) -> mp.mpf:
        g, h, v = p, 1 - p, p * (1 - p) * n
        s = k - p * n
        rho = p * (1 - p) * t_opt / (2 * mp.log(1 / alpha) + mp.log(1 + 2 * mp.log(1 / alpha)))
        r = max(rho - g * h, mp.mpf("1e-3") * g * h)

        def log_beta(x: mp.mpf, y: mp.mpf) -> mp.mpf:
            return mp.loggamma(x) + mp.loggamma(y) - mp.loggamma(x + y)

        normalizer = log_beta(r / (g * (g + h)), r / (h * (g + h)))
        upper = log_beta((r + v) / (g * (g + h)) - s / (g + h), (r + v) / (h * (g + h)) + s / (g + h))
        return upper - normalizer - k * mp.log(p) - (n - k) * mp.log(1 - p)

    def end(inside: mp.mpf, outside: mp.mpf) -> float:
        for _ in range(100):
            middle = (inside + outside) / 2
            if log_supermartingale(middle) < mp.log(1 / alpha):
                inside = middle
            else:
                outside = middle
        return float(inside)

    rate = mp.mpf(k) / n
    return (end(rate, mp.mpf(0)) if k else 0.0), (end(rate, mp.mpf(1)) if k < n else 1.0)


@pytest.mark.parametrize("half_width", [pytest.param(0.005, marks=pytest.mark.slow), 0.05])
def test_the_ends_are_those_of_confseq(half_width: float) -> None:
    with mp.workdps(80):
        alpha = mp.mpf(1) / 20
        k_of = 2 * mp.log(1 / alpha) + mp.log(1 + 2 * mp.log(1 / alpha))
        t_opt = k_of * (1 + mp.mpf(sequences.concentration(half_width)))
        for n in (1, 2, 10, 1_000, 100_000, 10**9):
            for k in {0, 1, n // 1000, n // 2, n}:
                low, high = sequences.rate(k, n, half_width)
                expected = confseq(k, n, t_opt, alpha)
                assert (float(low), float(high)) == pytest.approx(expected, abs=1e-10), (k, n)


def test_the_ends_are_exact_where_all_trials_are_alike() -> None:
    n = np.array([0, 1, 5, 1_000, 10**9])
    low, high = sequences.rate(np.zeros(5), n, 0.01)
    assert (low == 0).all() and (np.diff(high[1:]) < 0).all() and high[0] == high[1] == 1
    low, high = sequences.rate(n, n, 0.01)
    assert (high == 1).all() and (np.diff(low[1:]) > 0).all() and low[0] == 0


def test_the_ends_mirror_and_hold_the_rate() -> None:
    n, share = np.meshgrid([1, 7, 100, 9_999, 10**6], np.linspace(0, 1, 23))
    k = np.round(share * n)
    low, high = sequences.rate(k, n, 0.02)
    other_low, other_high = sequences.rate(n - k, n, 0.02)
    assert np.allclose(low, 1 - other_high, atol=1e-12) and np.allclose(high, 1 - other_low, atol=1e-12)
    assert ((low <= k / n) & (k / n <= high) & (low < high)).all()
    wide_low, wide_high = sequences.rate(k, n, 0.02, 0.999)
    assert ((wide_low <= low) & (wide_high >= high)).all()


def test_the_set_is_one_interval() -> None:
    """Between the ends the ratio is below its threshold, beyond them above, and convex all over."""
    p = np.linspace(1e-6, 1 - 1e-6, 20_001)
    for n, share in itertools.product((1, 12, 300, 40_000), (0, 0.01, 0.4, 1)):
        k = np.round(share * n)
        found = log_ratio(k, np.float64(n), p, 0.01)
        low, high = sequences.rate(k, n, 0.01)
        assert np.array_equal(found < math.log(20), (p > low) & (p < high))
        assert (np.diff(found, 2) > -1e-7).all()


def test_the_concentration_suits_the_half_width() -> None:
    """At 50 % it takes at most a tenth more trials than any other concentration does; Beta(1/2, 1/2) nearly twice."""

    def needed(planned: float) -> int:
        low, high = 1, 10**6
        while high - low > 1:
            middle = 2 * ((low + high) // 4)
            ends = sequences.rate(middle // 2, middle, planned)
            low, high = (low, middle) if ends[1] - ends[0] <= 0.02 else (max(middle, low + 1), high)
        return high

    ours = needed(0.01)
    assert ours < 1.1 * min(needed(planned) for planned in (0.004, 0.005, 0.0063, 0.008, 0.0125, 0.02))
    assert 1.3 * ours < needed(0.45)


def ever_missed(p: float, most: int, inside: NDArray[np.bool_]) -> float:
    """The probability that independent trials of rate `p` leave the (n, k) that are `inside`, at any n up to `most`."""
    still = np.zeros(most + 1)
    still[0] = 1.0
    for n in range(1, most + 1):
        still[1:] = still[1:] * (1 - p) + still[:-1] * p
        still[0] *= 1 - p
        still[~inside[n]] = 0.0
    return float(1 - still.sum())


MOST = 1000


@pytest.mark.parametrize("p", [0.001, 0.3, 0.95])
def test_a_sequence_seldom_ever_misses_and_the_naive_interval_often_does(p: float) -> None:
    """By enumeration, not by simulation: a look after every single trial."""
    n, k = np.arange(MOST + 1.0)[:, None], np.arange(MOST + 1.0)
    possible = k <= n
    with np.errstate(all="ignore"):
        ours = np.where(possible, log_ratio(np.minimum(k, n), n, np.float64(p), 0.05) < math.log(20), False)
    assert ever_missed(p, MOST, ours) <= 0.05
    low, high = wilson(np.minimum(k, n), n)
    naive = ever_missed(p, MOST, possible & (low <= p) & (p <= high))
    assert naive > 0.15
    some = np.random.default_rng(1).integers(1, MOST, (200, 2))
    for trials, successes in np.sort(some, axis=1)[:, ::-1]:
        low, high = sequences.rate(successes, trials, 0.05)
        assert ours[trials, successes] == (low < p < high)


def pairs(correlation: float, rates: tuple[float, float], size: tuple[int, int], seed: int) -> tuple[Array, Array]:
    """Cumulated pairs with a success of the first alone, and of the second alone: (repetitions, pairs)."""
    both = rates[0] * rates[1] + correlation * math.sqrt(math.prod(rate * (1 - rate) for rate in rates))
    draw = np.random.default_rng(seed).random(size, np.float32)
    first, second = rates[0] - both, rates[1] - both
    assert min(both, first, second) >= 0
    return np.cumsum(draw < first, 1, np.int32), np.cumsum((draw >= first) & (draw < first + second), 1, np.int32)


def looks(most: int, growth: float) -> NDArray[np.int64]:
    found = np.unique(np.round(growth ** np.arange(0, math.log(most) / math.log(growth))).astype(np.int64))
    return np.append(found[found < most], most)


def missed(correlation: float, rates: tuple[float, float], most: int, repetitions: int, growth: float) -> float:
    first, second = pairs(correlation, rates, (repetitions, most), 3)
    at = looks(most, growth)
    low, high = sequences.paired(first[:, at - 1], second[:, at - 1], at, 0.02)
    difference = rates[0] - rates[1]
    return float(((low > difference) | (high < difference)).any(1).mean())


@pytest.mark.parametrize(("correlation", "rates"), [(0.0, (0.5, 0.5)), (0.9, (0.3, 0.31)), (0.2, (0.9, 0.6))])
def test_paired_sequences_seldom_ever_miss(correlation: float, rates: tuple[float, float]) -> None:
    assert missed(correlation, rates, 5_000, 150, 1.3) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.1, 0.1), (0.4, 0.45)])
def test_paired_sequences_seldom_ever_miss_at_length(correlation: float, rates: tuple[float, float]) -> None:
    assert missed(correlation, rates, 30_000, 300, 1.1) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_sequences_seldom_ever_miss_at_length(p: float) -> None:
    """At every 64th of a hundred thousand trials; four standard errors above 5 % would be 7 %."""
    random = np.random.default_rng(5)
    n = np.arange(64.0, 100_001, 64)
    k = random.binomial(64, p, (2000, len(n))).cumsum(1).astype(np.float64)
    ratio = log_ratio(k, n, np.float64(p), 0.005)
    assert (ratio.max(1) >= math.log(20)).mean() <= 0.05
    low, high = wilson(k, n)
    assert ((low > p) | (high < p)).any(1).mean() > 0.3


def test_differences_are_signed_and_mirror() -> None:
    low, high = sequences.paired([300, 20, 0, 0], [20, 300, 0, 0], [1000, 1000, 0, 5000], 0.02)
    assert low[0] > 0 and high[1] < 0 and low[0] == pytest.approx(-high[1]) and high[0] == pytest.approx(-low[1])
    assert (low[2], high[2]) == (-1, 1) and high[3] == pytest.approx(-low[3]) and 0 < high[3] < 0.01


def test_a_difference_lies_in_its_interval() -> None:
    random = np.random.default_rng(2)
    counts = random.multinomial(2000, (0.2, 0.1, 0.7), 50)
    low, high = sequences.paired(counts[:, 0], counts[:, 1], 2000, 0.02)
    difference = (counts[:, 0] - counts[:, 1]) / 2000
    assert ((low < difference) & (difference < high)).all()
