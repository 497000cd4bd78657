"""Trials to frames: rates with intervals, curves, loss quantiles, grades of claims. Computes, draws nothing."""

from mcstudy.statistics import sequences, stopping
from mcstudy.statistics.axes import axes
from mcstudy.statistics.claims import ERROR, GRADES, claims, overall
from mcstudy.statistics.compare import LEVEL, MARGIN, VERDICTS, comparisons
from mcstudy.statistics.early import method_of
from mcstudy.statistics.effects import effects
from mcstudy.statistics.frames import (
    CURVE_POINTS,
    QUANTILES,
    Columns,
    anytime,
    curves,
    losses,
    marginals,
    rates,
)
from mcstudy.statistics.intervals import percent_decimals, wilson
from mcstudy.statistics.judge import DIFFERENT, Judge, Side
from mcstudy.statistics.seen import Seen
from mcstudy.statistics.tally import Tally, tallies, tallies_and_digests, tally
from mcstudy.statistics.waiting import restarts, restarts_and_times, times
from mcstudy.sums import CAUSES

__all__ = [
    "CAUSES",
    "CURVE_POINTS",
    "DIFFERENT",
    "ERROR",
    "GRADES",
    "LEVEL",
    "MARGIN",
    "QUANTILES",
    "VERDICTS",
    "Columns",
    "Judge",
    "Seen",
    "Side",
    "Tally",
    "anytime",
    "axes",
    "claims",
    "comparisons",
    "curves",
    "effects",
    "losses",
    "marginals",
    "method_of",
    "overall",
    "percent_decimals",
    "rates",
    "restarts",
    "restarts_and_times",
    "sequences",
    "stopping",
    "tallies",
    "tallies_and_digests",
    "tally",
    "times",
    "wilson",
]
