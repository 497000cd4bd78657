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
