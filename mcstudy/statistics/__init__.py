"""Trials to frames: rates with intervals, curves, loss quantiles. Computes, draws nothing."""

from mcstudy.statistics.causes import CAUSES
from mcstudy.statistics.frames import (
    CURVE_POINTS,
    QUANTILES,
    Tally,
    curves,
    losses,
    marginals,
    rates,
    tallies,
    tally,
)
from mcstudy.statistics.intervals import percent_decimals, wilson

__all__ = [
    "CAUSES",
    "CURVE_POINTS",
    "QUANTILES",
    "Tally",
    "curves",
    "losses",
    "marginals",
    "percent_decimals",
    "rates",
    "tallies",
    "tally",
    "wilson",
]
