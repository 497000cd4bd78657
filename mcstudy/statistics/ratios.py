"""What restarts cost: expected steps per success for every cut-off, with intervals.

A trial that has not converged after c steps is given up, and a new one is started. Then a success costs on average

    ERT(c) = E[min(T, c)] / P(converged by c),

T being the step at which a trial ends (N. Hansen et al., COCO: Performance Assessment, arXiv 1605.03560; there c is
the whole budget). It is estimated by the steps that all trials took up to c over the number that converged by c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NEWTON, _ROUNDS = 60, 60
_TOGETHER: Final = 1 << 14
"""Most atoms of cells that are solved together: as many as a core's cache holds a few times."""
_CLOSE: Final = 1e-6
_INSIDE: Final = 0.99
"""How near to the pole at s z = 1 a search may begin."""


class Ends(NamedTuple):
    """When the trials of a cell ended; all that are not counted ran to the last step.

    Attributes:
        steps, counts: (k,) at which trials converged and how many, ascending.
        ended, ended_counts: (d,) likewise of the trials that diverged.
        trials: all of them.
    """

    steps: Array
    counts: Array
    ended: Array
    ended_counts: Array
    trials: int


def expected(ends: Ends, cuts: Array) -> Array:
    """Expected steps per success for each of the cut-offs (in steps): inf where nothing converged by then."""
    done, spent = _sums(ends.steps, ends.counts, cuts)
    gone, lost = _sums(ends.ended, ends.ended_counts, cuts)
    total = spent + lost + (ends.trials - done - gone) * cuts
    found: Array = np.divide(total, done, out=np.full(len(cuts), np.inf), where=done > 0)
    return found


def _sums(steps: Array, counts: Array, cuts: Array) -> tuple[Array, Array]:
    """How many ended by each cut-off, and their steps."""
    place = np.searchsorted(steps, cuts, side="right")
    many, spent = (np.concatenate([[0.0], np.cumsum(part)]) for part in (counts, counts * steps))
    return many[place], spent[place]


class Asked(NamedTuple):
    """What an interval is asked for: of the trials of one cell, for each of some cut-offs, at a level."""

    ends: Ends
    cuts: Array
    level: float


def expected_limits(ends: Ends, cuts: Array, level: float) -> tuple[Array, Array]:
    """An interval of `expected` for each cut-off by itself.

    The ends are quantiles of Σ wᵢ Dᵢ / Σ xᵢ Dᵢ, where wᵢ are the steps of trial i, xᵢ is 1 where it converged, and D
    has a flat Dirichlet distribution: Rubin's Bayesian bootstrap, but with one more trial, the worst there can be (the
    whole cut-off without success) for the upper end, the best (success after no step) for the lower one. This is
    Gaffke's bound of the mean of a bounded variable (N. Gaffke, Math. Methods Stat. 14 (2005) 92) for w - r x with the
    r that makes its mean zero; of steps that are all alike it is the interval of Clopper and Pearson for the rate.
    No smaller coverage than the level is known of that bound, however few or skewed the values are. The interval by
    the delta method and that by a plain bootstrap cover far less where few trials converged, or all but a few.

    The distribution is that of a sum of gamma variables; its tail is found by the saddlepoint approximation of
    Barndorff-Nielsen, off by at most 3 % of the tail, so nothing is drawn at random.

    Returns:
        The lower and the upper ends; inf above where nothing converged.
    """
    return limits([Asked(ends, cuts, level)])[0]


def limits(asked: Sequence[Asked]) -> list[tuple[Array, Array]]:
    """`expected_limits` of many cells: small ones together, which takes a tenth of the time."""
    found: list[tuple[Array, Array]] = []
    lot: list[_Rows] = []
    for rows in map(_rows, asked):
        if lot and sum(len(part.weight) for part in lot) + len(rows.weight) > _TOGETHER:
            found += _solved(lot)
            lot = []
        lot.append(rows)
    return found + (_solved(lot) if lot else [])


class _Rows(NamedTuple):
    """Sums Σ w G / Σ x G, a row for the lower end at each cut-off, then one for the upper: their quantile is sought.

    Attributes:
        spent, success, weight: (atoms,) w, x, and the shapes of the gamma variables G, row after row.
        lengths: (rows,) atoms of each row, at least one.
        tail: (rows,) normal scores of the quantiles.
    """

    spent: Array
    success: Array
    weight: Array
    lengths: NDArray[np.intp]
    tail: Array

    @property
    def starts(self) -> NDArray[np.intp]:
        """(rows,) where each row's atoms begin."""
        return np.asarray(np.cumsum(self.lengths) - self.lengths)

    def only(self, rows: NDArray[np.bool_]) -> _Rows:
        """Some of the rows."""
        atoms = np.repeat(rows, self.lengths)
        return _Rows(self.spent[atoms], self.success[atoms], self.weight[atoms], self.lengths[rows], self.tail[rows])


def _rows(asked: Asked) -> _Rows:
    steps, counts, ended, ended_counts, trials = asked.ends
    cuts, size = asked.cuts, len(asked.cuts)
    # The last column but one holds the trials that ran up to the cut-off, the last the best trial there can be.
    atoms = np.concatenate([steps, ended, [0.0, 0.0]])
    success = np.concatenate([np.ones(len(steps)), np.zeros(len(ended) + 1), [1.0]])
    many = np.concatenate([counts, ended_counts, [0.0, 0.0]])
    weight = np.where(atoms <= cuts[:, None], many, 0.0)
    weight[:, -2] = trials - weight[:, :-2].sum(axis=1)
    spent = np.repeat(atoms[None], size, axis=0)
    spent[:, -2] = cuts
    weight = np.concatenate([weight, weight])
    weight[:size, -1] = 1
    weight[size:, -2] += 1
    used = weight > 0
    score = NormalDist().inv_cdf(0.5 + asked.level / 2)
    return _Rows(
        np.concatenate([spent, spent])[used],
        np.broadcast_to(success, weight.shape)[used],
        weight[used],
        used.sum(axis=1),
        np.repeat([-score, score], size),
    )


def _solved(lot: Sequence[_Rows]) -> list[tuple[Array, Array]]:
    found = _quantile(_Rows(*map(np.concatenate, zip(*lot, strict=True))))
    parts = np.split(found, np.cumsum([len(part.tail) for part in lot])[:-1])
    return [(part[: len(part) // 2], part[len(part) // 2 :]) for part in parts]


def simultaneous(ends: Ends, cuts: Array, most: float) -> float:
    """The level of an interval for each cut-off at which all of them hold at once in 95 %.

    The estimates of neighbouring cut-offs are alike. Where log ERT is normal, the largest of their scores is beyond q
    with probability 2 (1 - Φ(q)) + (κ/π) exp(-q²/2) at most; κ is the length of their path, the sum of the angles
    between neighbours whose cosines are their correlations (D. Naiman, Ann. Stat. 14 (1986) 896). The correlations
    are those of the influence function min(T, c) / E[min(T, c)] - 1{converged by c} / P(converged by c).

    Args:
        ends: of the trials of one cell.
        cuts: (c,) cut-offs, ascending.
        most: the highest level that is returned, that of `bands.local_level`.
    """
    from scipy.optimize import brentq

    ratio = expected(ends, cuts)
    steps, counts, ended, ended_counts, trials = ends
    known = np.isfinite(ratio) & (ratio > 0)
    cuts, ratio = cuts[known, None], ratio[known, None]
    atoms, many = np.concatenate([steps, ended]), np.concatenate([counts, ended_counts])
    success = np.concatenate([np.ones(len(steps)), np.zeros(len(ended))])
    score = np.minimum(atoms, cuts) / ratio - success * (atoms <= cuts)
    score = np.hstack([score, cuts / ratio]) * np.sqrt(np.append(many, trials - many.sum()))
    length = np.sqrt((score * score).sum(axis=1))
    score = score[length > 0] / length[length > 0, None]
    cosines = (score[1:] * score[:-1]).sum(axis=1)
    path = float(np.arccos(np.clip(cosines, -1, 1)).sum())

    def excess(q: float) -> float:
        return math.erfc(q / math.sqrt(2)) + path / math.pi * math.exp(-q * q / 2) - 0.05

    return min(most, math.erf(brentq(excess, 1, 10) / math.sqrt(2)))


def _quantile(rows: _Rows) -> Array:
    """The quantile of Σ w G / Σ x G of a normal score, with gamma variables G of the shapes `weight`, for each row."""
    have = np.add.reduceat(rows.weight * rows.success, rows.starts)
    used = np.add.reduceat(rows.weight * rows.spent, rows.starts)
    found = np.where(have > 0, 0.0, np.inf)
    sought = (have > 0) & (used > 0)
    places = np.flatnonzero(sought)
    if not len(places):
        return found
    rows = rows.only(sought)
    center = np.log(used[places] / have[places])
    z = rows.spent / np.repeat(np.exp(center), rows.lengths) - rows.success
    error = np.sqrt(np.add.reduceat(rows.weight * z * z, rows.starts)) / have[places]
    # The score is close to (distance / error), so a secant from there is soon at the end.
    before, last = np.zeros((2, len(places)))
    now = np.minimum(np.abs(rows.tail) * error, 3.0)
    sign, tail = np.sign(rows.tail), np.abs(rows.tail)
    todo, points = np.arange(len(places)), np.zeros(len(places))
    for _ in range(_ROUNDS):
        value, points[todo] = _score(rows, center[todo] + sign[todo] * now[todo], points[todo])
        value *= sign[todo]
        missing = tail[todo] - value
        left = np.abs(missing) > _CLOSE
        todo, value, missing, rows = todo[left], value[left], missing[left], rows.only(left)
        if not len(todo):
            break
        here = now[todo].copy()
        slope = (value - last[todo]) / (here - before[todo])
        now[todo] = np.clip(here + missing / slope, here / 3, here * 3 + error[todo])
        before[todo], last[todo] = here, value
    found[places] = np.exp(center + sign * now)
    return found


def _score(rows: _Rows, log_ratio: Array, start: Array) -> tuple[Array, Array]:
    """Barndorff-Nielsen's r* of P(Σ (w - r x) G ≤ 0), for each row, and the saddlepoint s.

    The cumulant function is K(s) = -Σ weight log(1 - s z); it has its least value where K' = 0, which Newton's method,
    damped as for a self-concordant function, finds: soon from the saddlepoint of a ratio nearby, else from 0.
    """
    lengths, starts, weight = rows.lengths, rows.starts, rows.weight
    z = rows.spent / np.repeat(np.exp(log_ratio), lengths) - rows.success
    s = np.where(np.maximum.reduceat(np.repeat(start, lengths) * z, starts) < _INSIDE, start, 0.0)
    for _ in range(_NEWTON):
        part = z / (1 - np.repeat(s, lengths) * z)
        mass = weight * part
        slope, curve = np.add.reduceat(mass, starts), np.add.reduceat(mass * part, starts)
        size = np.abs(slope) / np.sqrt(curve)
        s -= slope / curve / np.where(size > 0.25, 1 + size, 1.0)
        if size.max() < 1e-6:
            break
    part = 1 - np.repeat(s, lengths) * z
    curve = np.add.reduceat(weight * np.square(z / part), starts)
    least = -np.add.reduceat(weight * np.log(part), starts)
    w = np.sign(s) * np.sqrt(np.maximum(0.0, -2 * least))
    u = s * np.sqrt(curve)
    safe = np.abs(w) > 1e-4
    ratio = np.divide(u, w, out=np.ones_like(w), where=safe)
    return w + np.divide(np.log(ratio), w, out=np.zeros_like(w), where=safe), s
