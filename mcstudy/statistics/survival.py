"""Quantiles of the steps to convergence, with intervals that no distribution is assumed for."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy.statistics.intervals import quantile_ranks

Whole = NDArray[np.int64]

_TAIL: Final = 0.025


class Survival(NamedTuple):
    """Kaplan and Meier's estimate at the steps at which trials ended.

    Attributes:
        steps: (k,) ascending.
        share: (k,) of the trials that have not converged after each.
        low, high: (k, 2) the two parameters of the beta distribution whose lower and upper tail bound it.
    """

    steps: Whole
    share: NDArray[Any]
    low: NDArray[Any]
    high: NDArray[Any]


def quantiles(
    steps: Whole, counts: Whole, trials: int, shares: tuple[float, ...], beyond: float
) -> list[tuple[float, float, float]]:
    """Quantiles of the steps of some trials, each with its distribution-free 95 % interval between order statistics.

    Args:
        steps, counts: (k,) at which trials converged and how many, ascending.
        trials: all of them, at least one; those that are not among the counts come after all that are.
        shares: the quantiles, as shares.
        beyond: what stands for a value after all that are counted.

    Returns:
        For each the value up to which that share of the trials has converged (an observed one), and the ends; the
        lower end is 0 where there are too few trials for a larger one.
    """
    values = np.concatenate([[0.0], steps, [beyond]])
    ends = np.cumsum(counts)
    middle = np.maximum(1, np.ceil(np.asarray(shares) * trials - 1e-9).astype(np.int64))
    low, high = np.array([quantile_ranks(trials, share) for share in shares]).T
    found = (values[np.where(rank == 0, 0, np.searchsorted(ends, rank) + 1)] for rank in (middle, low, high))
    return [(float(q), float(a), float(b)) for q, a, b in zip(*found, strict=True)]


def kaplan_meier(steps: Whole, counts: Whole, ended: Whole, ended_counts: Whole, trials: int) -> Survival:
    """Kaplan and Meier's estimate of the share that has not converged, trials that diverged being censored there.

    The bounds are the beta product confidence procedure of M. Fay, E. Brittain and M. Proschan (Biostatistics 14
    (2013) 723) by moments: without divergence they are those of Clopper and Pearson, so they hold for few trials and
    at the ends, where Greenwood's variance (with or without a log-log scale) has nothing to say.

    Args:
        steps, counts: (k,) at which trials converged and how many, ascending.
        ended, ended_counts: (d,) likewise of the trials that diverged; one that diverges at a check counts as at risk
            of converging there.
        trials: all of them.
    """
    times = np.union1d(np.union1d(steps, ended), [0])
    events, lost = np.zeros((2, len(times)))
    events[np.searchsorted(times, steps)] = counts
    lost[np.searchsorted(times, ended)] = ended_counts
    after = trials - np.cumsum(events + lost)
    risk = after + events + lost
    first = np.cumprod((risk - events + 1) / (risk + 1))
    second = np.cumprod((risk - events + 1) * (risk - events + 2) / ((risk + 1) * (risk + 2)))
    low = _moments(first * after / (after + 1), second * after / (after + 2))
    return Survival(times, np.cumprod(1 - events / risk), low, _moments(first, second))


def _moments(mean: NDArray[Any], square: NDArray[Any]) -> NDArray[Any]:
    """The parameters of the beta distribution of a mean and a mean square; (0, 1) and (1, 0) at its ends."""
    spread = np.maximum(square - mean * mean, 0)
    size = np.divide(mean * (1 - mean), spread, out=np.full(len(mean), 2.0), where=spread > 0) - 1
    return np.stack([mean * size, (1 - mean) * size], axis=1)


def median(survival: Survival) -> tuple[float, float, float]:
    """The step by which half of the trials have converged, with its 95 % interval; inf where it is not reached."""
    from scipy.special import betainc

    halves = []
    for parameters in (survival.low, survival.high):
        a, b = np.maximum(parameters, 1e-300).T
        below = np.where(parameters[:, 0] <= 0, 1.0, np.where(parameters[:, 1] <= 0, 0.0, betainc(a, b, 0.5)))
        halves.append(below)
    within = (survival.share <= 0.5 + 1e-12, halves[0] >= _TAIL, halves[1] >= 1 - _TAIL)
    middle, low, high = (float(survival.steps[np.argmax(found)]) if found.any() else math.inf for found in within)
    return middle, low, high
