"""Intervals of rates, and how many digits they allow."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def wilson(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> tuple[NDArray[Any], NDArray[Any]]:
    """Wilson's score interval of a binomial rate.

    (k + z²/2) / (n + z²) ∓ z / (n + z²) · sqrt(k (n - k) / n + z²/4); E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    Not Wald's, which covers far less than its level near 0 and 1, and not Clopper and Pearson's, which covers more.

    Its mean coverage is the level. As counts are whole, the coverage of a single rate swings about it (L. D. Brown,
    T. T. Cai, A. DasGupta, Stat. Sci. 16 (2001) 101): at 95 %, enumerated for n from 10 to 100,000, it is at least 94 %
    from 40 expected successes and failures on, 93 % from 20, 91.5 % from one, and down to 83.5 % where less than one is
    expected.

    Args:
        successes: k, of any shape.
        trials: n, likewise. Without trials the interval is (0, 1).
        level: the confidence level.

    Returns:
        The lower and the upper ends: exactly 0 below where nothing succeeded, exactly 1 above where everything did.
    """
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    z = NormalDist().inv_cdf(0.5 + level / 2)
    center = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(k * (n - k) / np.maximum(n, 1) + z * z / 4)
    return np.where(k == 0, 0.0, center - half), np.where(k == n, 1.0, center + half)


def percent_decimals(rate: float, low: float, high: float) -> int:
    """How many decimals of a percentage its interval allows.

    The last digit shown is worth no less than the leading digit's place of the half width: 49.8 % within 49.5 to 50.1,
    49 % within 39 to 59. A rate that is neither 0 nor 1 gets as many more as it needs not to be shown as one.
    """
    half = 50 * (high - low)
    decimals = max(0, -math.floor(math.log10(half))) if half > 0 else 2
    if 0 < rate < 1:
        while decimals < 15 and not 0 < round(100 * rate, decimals) < 100:
            decimals += 1
    return decimals


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> tuple[NDArray[Any], NDArray[Any]]:
    """Clopper and Pearson's interval of a binomial rate, which covers at least at its level, however small the sample.

    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404: the ends are quantiles of beta distributions.

    Args:
        successes: k, of any shape; that of a published rate need not be whole.
        trials: n, likewise. Without trials the interval is (0, 1).
        level: the confidence level.

    Returns:
        The lower and the upper ends: exactly 0 below where nothing succeeded, exactly 1 above where everything did.
    """
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    tail = (1 - level) / 2
    low = np.where(k == 0, 0.0, betaincinv(np.where(k > 0, k, 1), n - k + 1, tail))
    return low, np.where(k == n, 1.0, 1 - betaincinv(np.where(k < n, n - k, 1), k + 1, tail))


def newcombe(
    first: tuple[float, float],
    second: tuple[float, float],
    level: float = 0.95,
    intervals: tuple[Any, Any] = (wilson, wilson),
) -> tuple[float, float]:
    """Newcombe's hybrid interval of the difference of the rates of two independent samples, first minus second.

    R. G. Newcombe, Statistics in Medicine 17 (1998) 873, method 10: with the ends l, u of each rate p by itself, the
    difference d = p1 - p2 lies from d - sqrt((p1 - l1)² + (u2 - p2)²) to d + sqrt((u1 - p1)² + (p2 - l2)²).

    Args:
        first: successes and trials; the successes of a published rate need not be whole.
        second: likewise.
        level: the confidence level.
        intervals: what makes the interval of each rate. Newcombe's own choice is Wilson's, which misses several times
            as often as it should with small samples, rates near 0 or 1 and levels well above 95 %; `clopper_pearson`
            does not.
    """
    (p1, l1, u1), (p2, l2, u2) = (
        (successes / trials, *map(float, interval(successes, trials, level)))
        for (successes, trials), interval in zip((first, second), intervals, strict=True)
    )
    difference = p1 - p2
    return difference - math.hypot(p1 - l1, u2 - p2), difference + math.hypot(u1 - p1, p2 - l2)


def quantile_ranks(n: int, q: float, level: float = 0.95) -> tuple[int, int]:
    """Ranks of two order statistics between which a quantile lies, whatever the distribution.

    The number of values up to the quantile is binomial (n, q), so each end fails with at most half of 1 - level
    (W. R. Thompson, Annals of Mathematical Statistics 7 (1936) 122). With ties it covers more.

    Returns:
        The lower and the upper rank, from 1 to n; 0 and n + 1 where no value bounds it on that side.
    """
    from scipy.special import bdtr

    tail = (1 - level) / 2

    def least(count: float) -> int:
        """The smallest k with P(B <= k) >= count."""
        low, high = -1, n
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if bdtr(middle, n, q) >= count else (middle, high)
        return high

    def most() -> int:
        """The smallest k with P(B > k) <= the tail, from the other side, where small numbers are exact."""
        low, high = -1, n
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if bdtr(n - middle - 1, n, 1 - q) <= tail else (middle, high)
        return high

    return (least(tail), most() + 1) if n else (0, 1)


def median_quantiles(n: int, level: float = 0.95) -> tuple[float, float]:
    """Between which quantiles of its distribution the median of a sample of n lies with a probability of the level.

    The median of n values is below the quantile q only if at least half of them are: q is a quantile of a beta
    distribution, and the other one lies as far above 1/2.
    """
    from scipy.special import betaincinv

    half = (n + 1) // 2
    low = float(betaincinv(half, n - half + 1, (1 - level) / 2))
    return low, 1 - low
