"""What others published, graded by the trials: a row for each claim and each cell that it speaks of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import OUTCOMES
from mcstudy.statistics.compare import MARGIN
from mcstudy.statistics.intervals import (
    clopper_pearson,
    median_quantiles,
    newcombe,
    quantile_ranks,
    wilson,
)
from mcstudy.statistics.pairs import adjusted_mean
from mcstudy.statistics.tally import Tally

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Cell, Plan

STEPS_MARGIN: Final = 0.05
"""Of a published median of steps: differences up to this share of it do not count; nor do those up to a check."""

ERROR: Final = 0.05
"""The probability that any of a study's intervals misses what it is of."""

GRADES: Final = ("contradicted", "undecided", "confirmed")
"""The grades, the one that counts most of several first."""

Interval = Callable[[int, int, float], tuple[Any, Any]]
"""Successes, trials and a level to the interval of a rate."""

_DIGITS = 12
"""Decimals of the numbers of the frame."""

_CHUNK = 1 << 20
"""Bytes of packed bits that are compared at once."""


@dataclass(frozen=True)
class Graded:
    """What came out for one comparison.

    Attributes:
        ours: our number: a rate, a median of steps, a difference of rates.
        low, high: the ends of its interval.
        grade: one of `GRADES`.
        region: what the claim allows, or what the published sample may be (see `claims`).
        difference: the interval of our rate minus that of the published sample; NaN without a sample.
    """

    ours: float
    low: float
    high: float
    grade: str
    region: tuple[float, float]
    difference: tuple[float, float] = (math.nan, math.nan)


def claims(plan: Plan, known: Mapping[str, Tally], interval: Interval = clopper_pearson) -> pd.DataFrame:
    """The claims of a study, graded.

    With m comparisons in all (a claim counts once for each of its cells, an order once), each interval has level
    1 - 0.05 / m, so that all of them hold together with 95 % (Bonferroni): the probability that any true claim of the
    file is contradicted is at most 5 %.

    - rate, at_least, at_most: `region` is what the claim allows, r ± within (0.02 by default) or the bounds (widened
      by `within`). Contradicted where the interval of our rate lies wholly outside, confirmed where wholly inside.
      The published number may be the rate of a sample: contradicted where the interval of the difference of the two
      rates (`newcombe`, of exact intervals) lies beyond `within` (0 by default; for a bound, the sample that just
      meets it), confirmed where our interval lies within the sample's own (Wilson's, widened by `within`; for a bound,
      within the bounds).
    - steps_median: likewise with the steps of the converged and an interval between order statistics; `within` is 5 %
      of the number or a check's distance by default, whichever is more. Of a sample, `region` is where the median of
      so many of our steps may lie (half of the error for our quantiles, half for its chance).
    - order: the mean of the rates of the first cells minus that of the others, trial by trial in pairs, because trial
      i of all cells has the same draws. Confirmed where the interval lies above 0, contradicted where it lies below
      -`within` (0 by default).

    Args:
        plan: the cells, with those of each claim.
        known: the tallies of at least these cells.
        interval: makes the interval of a rate; the default holds at its level for a number of trials that was fixed
            beforehand.

    Returns:
        claim (from 1), cell and the varied keys (empty for an order), statement, outcome, published (NaN for an order;
        at_least of two bounds), sample (published trials, NaN without), region_low, region_high, trials, ours, low,
        high, difference_low, difference_high (from the published sample, NaN without), level, grade, source.
    """
    import pandas as pd

    pairs = [(number, claim, plan.claims[number - 1]) for number, claim in enumerate(plan.study.claim, 1)]
    comparisons = sum(1 if claim.order is not None else len(selection.cells) for _, claim, selection in pairs)
    level = 1 - ERROR / max(1, comparisons)
    rows: list[dict[str, Any]] = []
    for number, claim, selection in pairs:
        for cell, trials, graded in _graded(claim, selection, plan.cells, known, interval, level):
            published = math.nan if claim.order is not None else getattr(claim, claim.statement)
            rows.append(
                {
                    "claim": number,
                    "cell": "" if cell is None else cell.id,
                    **{key: "" if cell is None else cell.labels[key] for key in plan.keys},
                    "statement": claim.statement,
                    "outcome": claim.outcome,
                    "published": published,
                    "sample": math.nan if claim.trials is None else claim.trials,
                    "region_low": graded.region[0],
                    "region_high": graded.region[1],
                    "trials": trials,
                    "ours": graded.ours,
                    "low": graded.low,
                    "high": graded.high,
                    "difference_low": graded.difference[0],
                    "difference_high": graded.difference[1],
                    "level": level,
                    "grade": graded.grade,
                    "source": claim.source,
                }
            )
    # The last digits of quantiles of beta distributions may differ between machines.
    return pd.DataFrame(rows).round(_DIGITS)


def overall(grades: Sequence[str]) -> str:
    """The grade of a claim of several cells: contradicted if any is, confirmed if all are, else undecided."""
    return next((grade for grade in GRADES if grade in grades), "undecided")


def _graded(
    claim: Any, selection: Any, cells: Sequence[Cell], known: Mapping[str, Tally], interval: Interval, level: float
) -> Iterator[tuple[Cell | None, int, Graded]]:
    """The comparisons of one claim: the cell (None for an order), its trials and what came out."""
    if claim.order is not None:
        sides = [[known[cells[i].id] for i in side] for side in selection]
        yield None, min(one.trials for side in sides for one in side), order(claim, sides, level)
        return
    for cell in (cells[i] for i in selection.cells):
        sums = known[cell.id]
        if claim.steps_median is not None:
            converge, train = cell.settings["converge"], cell.settings["train"]
            yield cell, sums.trials, median(claim, sums, converge["every"], train["steps"], level)
        else:
            yield cell, sums.trials, share(claim, _count(sums, claim.outcome), sums.trials, interval, level)


def _count(sums: Tally, outcome: str) -> int:
    return int(sums.causes["cause_constant"]) if outcome == "constant" else sums.outcomes[OUTCOMES.index(outcome)]


def against(low: float, high: float, region: tuple[float, float]) -> str:
    """The grade of a region by an interval: wholly inside confirms it, wholly outside contradicts it."""
    if high < region[0] or low > region[1]:
        return "contradicted"
    return "confirmed" if region[0] <= low and high <= region[1] else "undecided"


def share(claim: Any, count: int, trials: int, interval: Interval, level: float) -> Graded:
    """A claim on a rate or on its bounds, by a count of trials."""
    ours = count / trials
    low, high = map(float, interval(count, trials, level))
    margin = claim.within or 0.0
    at_least = 0.0 if claim.at_least is None else claim.at_least
    at_most = 1.0 if claim.at_most is None else claim.at_most
    if claim.trials is None:
        if claim.rate is not None:
            at_least = at_most = claim.rate
            margin = MARGIN if claim.within is None else claim.within
        region = at_least - margin, at_most + margin
        return Graded(ours, low, high, against(low, high, region), region)
    if claim.rate is not None:
        theirs = claim.rate * claim.trials
        own = wilson(theirs, claim.trials, level)
        region = float(own[0]) - margin, float(own[1]) + margin
    else:
        # The sample that keeps the bounds and is nearest to ours.
        nearest = ours * claim.trials
        if ours < at_least:
            nearest = math.ceil(round(at_least * claim.trials, 6))
        elif ours > at_most:
            nearest = math.floor(round(at_most * claim.trials, 6))
        theirs, region = nearest, (at_least - margin, at_most + margin)
    difference = newcombe((count, trials), (theirs, claim.trials), level, (interval, clopper_pearson))
    grade = "undecided"
    if against(*difference, (-margin, margin)) == "contradicted":
        grade = "contradicted"
    elif against(low, high, region) == "confirmed":
        grade = "confirmed"
    return Graded(ours, low, high, grade, region, difference)


def median(claim: Any, sums: Tally, every: int, last: int, level: float) -> Graded:
    """A claim on the median of the steps of the converged.

    Args:
        claim: the claim.
        sums: the tally of the cell.
        every: steps between checks.
        last: the largest number of steps.
        level: the confidence level.
    """
    n = int(sums.counts.sum())
    ends = np.cumsum(sums.counts)

    def value(rank: int) -> float:
        """An order statistic; what bounds all steps where there is none."""
        if rank < 1 or rank > n:
            return 0.0 if rank < 1 else float(last)
        return float(sums.steps[np.searchsorted(ends, rank)])

    low, high = map(value, quantile_ranks(n, 0.5, level))
    ours, published = sums.quantile(0.5), claim.steps_median
    if claim.trials is None:
        margin = max(every, STEPS_MARGIN * published) if claim.within is None else claim.within
        region = published - margin, published + margin
        return Graded(ours, low, high, against(low, high, region) if n else "undecided", region)
    margin = every if claim.within is None else claim.within
    half = (1 + level) / 2
    lower, upper = median_quantiles(claim.trials, half)
    least, most = (tuple(map(value, quantile_ranks(n, q, half))) for q in (lower, upper))
    region = least[0] - margin, most[1] + margin
    if not n or least[1] - margin <= published <= most[0] + margin:
        grade = "confirmed" if n else "undecided"
    else:
        grade = "undecided" if region[0] <= published <= region[1] else "contradicted"
    return Graded(ours, low, high, grade, region)


def order(claim: Any, sides: Sequence[Sequence[Tally]], level: float) -> Graded:
    """A claim that the first of two groups of cells has the higher rates, over the trials that all of them have."""
    trials = min(one.trials for side in sides for one in side)
    total, squares = differences(sides[0], sides[1], trials)
    estimate, error = adjusted_mean(total, squares, trials)
    half = NormalDist().inv_cdf(0.5 + level / 2) * float(error)
    low, high = max(-1.0, float(estimate) - half), min(1.0, float(estimate) + half)
    margin = claim.within or 0.0
    grade = "confirmed" if low > 0 else ("contradicted" if high < -margin else "undecided")
    return Graded(total / trials, low, high, grade, (0.0 - margin, 1.0))


def differences(first: Sequence[Tally], second: Sequence[Tally], trials: int) -> tuple[float, float]:
    """The sum, and the sum of the squares, of each trial's share of the first cells where it converged minus that of
    the second ones, over the first `trials` trials."""
    total = squares = 0
    for start in range(0, (trials + 7) // 8, _CHUNK):
        stop = min(trials, 8 * (start + _CHUNK)) - 8 * start
        one, other = (_added(side, slice(start, start + _CHUNK), stop) for side in (first, second))
        scaled = len(second) * one - len(first) * other
        total += int(scaled.sum())
        squares += int((scaled * scaled).sum())
    scale = len(first) * len(second)
    return total / scale, squares / scale**2


def _added(cells: Sequence[Tally], part: slice, count: int) -> NDArray[np.int64]:
    """How many of the cells converged in each of some trials."""
    sums = np.zeros(count, np.int64)
    for one in cells:
        sums += np.unpackbits(one.converged[part], count=count)
    return sums
