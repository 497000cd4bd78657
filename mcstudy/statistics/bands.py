"""Bounds of a distribution function that hold at one place, or at all places at once."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL: Final = 0.95

LOCAL_LEVELS: Final = {
    1: 0.05,
    2: 0.026533,
    3: 0.018633,
    5: 0.012271,
    10: 0.007385,
    20: 0.004771,
    50: 0.002958,
    100: 0.002195,
    200: 0.001703,
    500: 0.001284,
    1000: 0.001071,
    2000: 0.000913,
    5000: 0.000759,
    10_000: 0.000671,
    20_000: 0.000600,
    50_000: 0.000524,
    100_000: 0.000478,
}
"""By the number of trials: by how much the bounds at one place may fail, so that those at all places do in 5 % at most.

Exact to the last digit (`tests/reference/make_local_levels.py`)."""


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, level: float = LEVEL) -> tuple[NDArray[Any], NDArray[Any]]:
    """Clopper and Pearson's interval of a binomial rate, Biometrika 26 (1934) 404.

    It covers at its level or more, at every rate and number of trials; Wilson's, which is narrower, covers 84 % at
    worst, where less than one success is to be expected.

    Args:
        successes: k, of any shape.
        trials: n, likewise, at least 1.
        level: the confidence level.

    Returns:
        The lower and the upper ends: exactly 0 below where nothing succeeded, exactly 1 above where everything did.
    """
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    tail = (1 - level) / 2
    low = np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1), n - k + 1, tail))
    return low, np.where(k == n, 1.0, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail))


def local_level(trials: int, places: int) -> float:
    """The confidence level at each of so many places at which intervals hold at all of them at once in 95 %.

    The larger of Bonferroni's and that of all places there can be (S. Aldor-Noiman et al., Am. Stat. 67 (2013) 249),
    the latter for the next larger number of trials in `LOCAL_LEVELS`.
    """
    size = next((size for size in LOCAL_LEVELS if size >= trials), max(LOCAL_LEVELS))
    # Beyond the table: its last rows fall as the power 1.6 of log n.
    fail = LOCAL_LEVELS[size] * (1.0 if trials <= size else math.log(size) / math.log(trials)) ** 2
    return 1 - max(fail, (1 - LEVEL) / max(1, places))


def band(done: ArrayLike, trials: int, places: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A simultaneous 95 % band of a distribution function: with that probability it holds at all places at once.

    At each place it is Clopper and Pearson's interval at `local_level`, so it is wide and narrow where the share is
    well and little known, and exact at 0 and 1. Not the band of Dvoretzky, Kiefer, Wolfowitz and Massart, which is as
    wide at a share of 0.001 as at a half (that is a fifth narrower there, and many times as wide near 0 and 1); not
    pointwise intervals, of which one or the other fails far more often than in 5 %.

    Args:
        done: how many of the trials had ended by each place.
        trials: their number.
        places: how many places there are; those of `done` may be some of them.
    """
    return clopper_pearson(done, trials, local_level(trials, places))


def ranks(trials: int, shares: ArrayLike, level: float = LEVEL) -> tuple[NDArray[Any], NDArray[Any]]:
    """The order statistics between which a quantile lies, whatever the distribution.

    The number of values up to the quantile is binomial, so these ranks cover at the level or more (H. A. David,
    H. N. Nagaraja, Order Statistics, 2003, section 7.1).

    Args:
        trials: how many values.
        shares: the quantiles, as shares.
        level: the confidence level.

    Returns:
        The lower and the upper ranks: 0 below the first value, `trials` + 1 beyond the last one.
    """
    from scipy.stats import binom

    tail = (1 - level) / 2
    low, high = binom.ppf(np.array([[tail], [1 - tail]]), trials, np.asarray(shares, np.float64))
    return low.astype(np.int64), high.astype(np.int64) + 1
