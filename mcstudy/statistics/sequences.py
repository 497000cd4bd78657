"""Confidence sequences: intervals that hold at every number of trials at once.

A study that looks at its results while they come in, and stops because of what it sees, makes intervals of a fixed
number of trials wrong: at some look or other they miss far more often than their level says. A confidence sequence
covers at its level at all looks together, so it covers wherever a study stops.

That of a rate p is the set of all p with M_n(p) < 1/α, where M_n(p) is the ratio of the likelihood of the trials,
averaged over a beta distribution of rates, to that of p. For the true rate this is a nonnegative martingale of mean 1
for any such distribution that is chosen before, so it ever reaches 1/α with a probability of at most α (J. Ville, 1939;
H. Robbins, Ann. Math. Stat. 41 (1970) 1397). The distribution is Beta(cp, c(1 - p)), centred at the rate in question,
the conjugate mixture of S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon, Ann. Stat. 49 (2021) 1055
(arXiv:1810.08240), and its concentration c makes the sequence narrow at about the number of trials where a study
expects to stop. Not Beta(1/2, 1/2) whatever the rate: a half width of 0.005 then takes nearly twice as many trials at
rates between 5 % and 95 %.

Up to a constant, log M_n(p) is the sum of log(c + i/p) over i < k and of log(c + j/(1 - p)) over j < n - k. Every term
is convex in p, so the set is an interval; as k/n has the largest likelihood, M_n is at most 1 there, and an end lies on
each side of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

VARIANCE = 1 / 16
"""The variance of a trial, p(1 - p), that sequences are made for: of rates near 7 % and 93 %. At 50 % that takes some
6 % more trials than a sequence made for it, near 0 and 100 % half as many."""
SHARE = 0.2
"""How much of α goes to the rate of discordant pairs; what is left goes to the share of them on one side, which alone
decides the sign of a difference."""
_HALVINGS = 64
_GRID = 1e11


def concentration(half_width: float, level: float = 0.95) -> float:
    """c of a sequence that is to be narrow when its half width is about `half_width`.

    As confseq has it: c = t/K - 1, where K = 2 log(1/α) + log(1 + 2 log(1/α)) and t is the number of trials to be
    narrow at: where a normal mixture of variance v = `VARIANCE` has the half width, (1 + 1/K) log((1 + K)/α²) v / w².
    """
    spent = 2 * math.log(1 / (1 - level))
    k = spent + math.log1p(spent)
    trials = (1 + 1 / k) * (math.log1p(k) + spent) * VARIANCE / half_width**2
    return max(1.0, trials / k - 1)


def rate(
    successes: ArrayLike, trials: ArrayLike, half_width: float, level: Any = 0.95, tuned: float | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The confidence sequence of a rate, at some numbers of trials.

    Args:
        successes: k, of any shape.
        trials: n, likewise. Without trials the interval is (0, 1).
        half_width: where it is to be narrow; chosen before the trials are looked at.
        level: the probability with which it covers the rate at all n ≥ 1 together, at the least: a number, or an
            array where `tuned` is given.
        tuned: the level at which it is to be narrow, by default its own. Intervals of several levels lie within one
            another where this is the same.

    Returns:
        The lower and the upper ends: exactly 0 below where nothing succeeded, exactly 1 above where everything did.
    """
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    c = concentration(half_width, level if tuned is None else tuned)
    low, high = _lower(k, n, c, 1 - level), 1 - _lower(n - k, n, c, 1 - level)
    # Outwards, to digits that are the same on all machines.
    return np.floor(low * _GRID) / _GRID, np.ceil(high * _GRID) / _GRID


def paired(
    first: ArrayLike,
    second: ArrayLike,
    pairs: ArrayLike,
    half_width: float,
    level: Any = 0.95,
    tuned: float | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The confidence sequence of the difference of two rates, over trials in pairs.

    The difference is q(2θ - 1): q is the rate of pairs with one success, θ the share of them where it is the first's.
    Each has a sequence, q among all pairs, θ among those with one success (which, given which pairs they are, are
    independent trials of rate θ); together they miss with α at the most. θ is looked for half as finely, which is as
    fine for the difference where a quarter of the pairs has one success. Not one mixture over both at once: it takes
    more trials where q is large, as it pays for a second unknown where θ alone decides the sign.

    Args:
        first: pairs in which the first succeeded and the second did not.
        second: pairs in which the second succeeded and the first did not.
        pairs: all pairs.
        half_width: where it is to be narrow; chosen before the trials are looked at.
        level: the probability with which it covers the difference at all numbers of pairs together, at the least.
        tuned: as for `rate`.

    Returns:
        The lower and the upper ends, of the first rate less the second.
    """
    a, b, n = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in (first, second, pairs)))

    def part(k: NDArray[Any], of: NDArray[Any], width: float, share: float) -> tuple[NDArray[Any], NDArray[Any]]:
        return rate(k, of, width, 1 - share * (1 - level), None if tuned is None else 1 - share * (1 - tuned))

    q_low, q_high = part(a + b, n, half_width, SHARE)
    t_low, t_high = (2 * end - 1 for end in part(a, a + b, 2 * half_width, 1 - SHARE))
    return t_low * np.where(t_low > 0, q_low, q_high), t_high * np.where(t_high > 0, q_high, q_low)


def _lower(k: NDArray[Any], n: NDArray[Any], c: float, alpha: Any) -> NDArray[Any]:
    """The lower end: log M falls from its threshold there to k/n, so halving finds it."""
    low, high = np.zeros(k.shape), k / np.maximum(n, 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        outside = _log_mixture(k, n, np.where(middle > 0, middle, 0.5), c) >= -np.log(alpha)
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return np.where(k == 0, 0.0, (low + high) / 2)


def _log_mixture(k: NDArray[Any], n: NDArray[Any], p: NDArray[Any], c: float) -> NDArray[Any]:
    """log M_n(p)."""
    from scipy.special import betaln, xlog1py, xlogy

    ratio = betaln(c * p + k, c * (1 - p) + (n - k)) - betaln(c * p, c * (1 - p))
    return np.asarray(ratio - xlogy(k, p) - xlog1py(n - k, -p))
