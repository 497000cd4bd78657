"""Bounds of a distribution function that hold at one place, or at all places at once."""

from __future__ import annotations

import math
from typing import Any, Final

from numpy.typing import ArrayLike, NDArray

from mcstudy.statistics.intervals import clopper_pearson

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
