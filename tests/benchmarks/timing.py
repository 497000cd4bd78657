"""Runs that alternate, and what their times say."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

LEAST_SECONDS = 0.4
"""Least time of a timed run: many times what a clock or a thread's start is off by."""


class Spread(NamedTuple):
    """A median and the range around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of some values."""
        return cls(statistics.median(values), min(values), max(values))


def seconds(function: Callable[[], Any], times: int = 1) -> float:
    """Wall-clock seconds of one call, of so many after another."""
    start = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - start) / times


def calls(function: Callable[[], Any]) -> int:
    """How many calls take `LEAST_SECONDS`, as one call goes, which is a second one after a first."""
    function()
    return max(1, math.ceil(LEAST_SECONDS / seconds(function)))


class Paired(NamedTuple):
    """Times of two functions that ran in turn, seconds a call, and their ratios."""

    first: Spread
    second: Spread
    ratio: Spread


def paired(first: Callable[[], Any], second: Callable[[], Any], pairs: int) -> Paired:
    """Time two functions in turn.

    Returns:
        Their times, and the ratios of the second's to the first's in each pair.
    """
    counts = calls(first), calls(second)
    times = [(seconds(first, counts[0]), seconds(second, counts[1])) for _ in range(pairs)]
    ours, theirs = zip(*times, strict=True)
    return Paired(Spread.of(ours), Spread.of(theirs), Spread.of([b / a for a, b in times]))
