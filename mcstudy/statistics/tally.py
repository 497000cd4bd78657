"""What the trials of a cell add up to: one pass over its rows.

What is held at once is a chunk of rows, a bit for each trial, and the losses of the trials that neither converged nor
diverged, never the table of all trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import OUTCOMES
from mcstudy.statistics.causes import COLUMNS, CauseCounts

if TYPE_CHECKING:
    from mcstudy.plan import Cell, Plan, Trials
    from mcstudy.store import Store

CONVERGED, DIVERGED = OUTCOMES.index("converged"), OUTCOMES.index("diverged")


@dataclass(frozen=True)
class Tally:
    """What one cell's trials add up to.

    Attributes:
        trials: how many.
        outcomes: count of each outcome, in the order of `OUTCOMES`.
        steps: (k,) the distinct steps at which trials converged, ascending.
        counts: (k,) how many converged at each.
        diverged_steps, diverged_counts: likewise of the trials that diverged.
        converged: which trials converged, a bit for each as `numpy.packbits` packs them, the first one highest.
        loss_median: median of the last loss of the trials that neither converged nor diverged; NaN without any.
        dead_converged, dead_failed: mean number of dead hidden units in the end (their derivative was zero at every
            evaluation point), of the trials that converged and of those that neither converged nor diverged; NaN
            without any.
        causes: as `mcstudy.statistics.causes.CauseCounts.columns` has them.
    """

    trials: int
    outcomes: tuple[int, ...]
    steps: NDArray[np.int64]
    counts: NDArray[np.int64]
    diverged_steps: NDArray[np.int64]
    diverged_counts: NDArray[np.int64]
    converged: NDArray[np.uint8]
    loss_median: float
    dead_converged: float
    dead_failed: float
    causes: Mapping[str, int]

    def quantile(self, q: float) -> float:
        """A quantile of the steps of the converged (linear between order statistics, Hyndman and Fan's type 7)."""
        n = int(self.counts.sum())
        if n == 0:
            return math.nan
        ends = np.cumsum(self.counts)
        position = q * (n - 1)
        low, high = self.steps[np.searchsorted(ends, [math.floor(position), math.ceil(position)], side="right")]
        return float(low + (position - math.floor(position)) * (high - low))


def tally(store: Store, cell_id: str, trials: int, hessian: bool = False) -> Tally:
    """Adds up the first `trials` trials of a cell, in one pass; with `hessian`, what stuck ones sit at too.

    Raises:
        RunError: some of them are not stored.
    """
    outcomes = np.zeros(len(OUTCOMES), np.int64)
    ends = {code: _Histogram() for code in (CONVERGED, DIVERGED)}
    bits, losses = [], []
    dead = np.zeros(len(OUTCOMES), np.int64)
    why = CauseCounts()
    asked = ["outcome", "steps", "loss_last", *COLUMNS, *(["point"] if hessian else [])]
    for rows in store.chunks(cell_id, trials, asked):
        why.add(rows)
        outcome = rows["outcome"]
        dead += np.bincount(outcome, rows["dead_units"], minlength=len(OUTCOMES)).astype(np.int64)
        outcomes += np.bincount(outcome, minlength=len(OUTCOMES))
        for code, histogram in ends.items():
            histogram.add(rows["steps"][outcome == code])
        bits.append(outcome == CONVERGED)
        losses.append(rows["loss_last"][(outcome != CONVERGED) & (outcome != DIVERGED)])
    (steps, counts), (diverged_steps, diverged_counts) = (histogram.sums() for histogram in ends.values())
    if outcomes.sum() != trials or counts.sum() != outcomes[CONVERGED]:
        raise AssertionError(f"cell {cell_id}: the outcomes {outcomes.tolist()} do not add up to {trials} trials")
    failed = [code for code in range(len(OUTCOMES)) if code not in (CONVERGED, DIVERGED)]
    means = (_mean(dead[which].sum(), outcomes[which].sum()) for which in (CONVERGED, failed))
    return Tally(
        trials,
        tuple(outcomes.tolist()),
        steps,
        counts,
        diverged_steps,
        diverged_counts,
        np.packbits(np.concatenate(bits)),
        _median(losses),
        next(means),
        next(means),
        why.columns(),
    )


class _Histogram:
    """Counts of whole numbers, added up piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def add(self, values: NDArray[Any]) -> None:
        self._pieces.append(np.unique(values, return_counts=True))

    def sums(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The distinct values, ascending, and how often each came."""
        values, counts = (np.concatenate(part) for part in zip(*self._pieces, strict=True))
        distinct, place = np.unique(values, return_inverse=True)
        sums = np.zeros(len(distinct), np.int64)
        np.add.at(sums, place, counts)
        return distinct.astype(np.int64), sums


def _mean(total: Any, count: Any) -> float:
    return float(total / count) if count else math.nan


def tallies(plan: Plan, store: Store, trials: Trials = None) -> dict[str, Tally]:
    """The tally of every cell by its id, over the first `trials` trials (all that the study asks for, by default)."""
    counts = plan.counts(trials)
    return {cell.id: tally(store, cell.id, counts[cell.id], _has_points(store, cell)) for cell in plan.cells}


def _has_points(store: Store, cell: Cell) -> bool:
    return cell.settings.get("diagnose") is not None and "point" in next(iter(store.chunks(cell.id, 1)))


def _median(chunks: list[NDArray[Any]]) -> float:
    values = np.concatenate(chunks) if chunks else np.empty(0)
    if not len(values):
        return math.nan
    middle = [(len(values) - 1) // 2, len(values) // 2]
    values.partition(middle)
    return float(np.mean(values[middle], dtype=np.float64))
