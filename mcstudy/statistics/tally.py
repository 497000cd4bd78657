"""What the trials of a cell add up to: one pass over its rows, or over the summaries that stand for them.

What is held at once is a chunk of rows, a bit for each trial, and histograms, never the table of all trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import OUTCOMES
from mcstudy.store import Digest
from mcstudy.sums import Summary, median, summed
from mcstudy.sums.causes import Causes

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
        loss_median: median of the last loss of the trials that neither converged nor diverged, to four significant
            digits (`mcstudy.sums.median`); NaN without any.
        dead_converged, dead_failed: mean number of dead hidden units in the end (their derivative was zero at every
            evaluation point), of the trials that converged and of those that neither converged nor diverged; NaN
            without any.
        causes: as `mcstudy.sums.causes.Causes.columns` has them.
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
    return _tally(cell_id, summed(store, cell_id, trials, hessian), trials)


def _tally(cell_id: str, sums: Summary, trials: int) -> Tally:
    outcomes = sums.outcomes
    if sums.trials != trials or sums.counts.sum() != outcomes[CONVERGED]:
        raise AssertionError(f"cell {cell_id}: the outcomes {outcomes.tolist()} do not add up to {trials} trials")
    failed = [code for code in range(len(OUTCOMES)) if code not in (CONVERGED, DIVERGED)]
    means = [_mean(sums.dead[which].sum(), outcomes[which].sum()) for which in (CONVERGED, failed)]
    return Tally(
        trials=trials,
        outcomes=tuple(outcomes.tolist()),
        steps=sums.steps,
        counts=sums.counts,
        diverged_steps=sums.diverged_steps,
        diverged_counts=sums.diverged_counts,
        converged=sums.converged,
        loss_median=median(sums.losses, sums.loss_counts),
        dead_converged=means[0],
        dead_failed=means[1],
        causes=Causes(sums.causes, sums.constants, sums.dead_start, sums.points).columns(),
    )


def _mean(total: Any, count: Any) -> float:
    return float(total / count) if count else math.nan


def tallies(plan: Plan, store: Store, trials: Trials = None) -> dict[str, Tally]:
    """The tally of every cell by its id, over the first `trials` trials (all that the study asks for, by default)."""
    counts = plan.counts(trials)
    return {cell.id: tally(store, cell.id, counts[cell.id], has_points(cell)) for cell in plan.cells}


def tallies_and_digests(
    plan: Plan, store: Store, trials: Trials = None, known: Mapping[str, tuple[Summary, str]] | None = None
) -> tuple[dict[str, Tally], dict[str, str]]:
    """What `tallies` returns, and the digest of every cell's rows, or of their sums where these are kept, by its id.

    One pass makes both: to read rows takes most of the time. None is made of the cells whose sums, and whose rows'
    digest, are `known` for just so many trials.
    """
    counts, summed_up = plan.counts(trials), plan.study.study.keep == "summary"
    found, digests = {}, {}
    for cell in plan.cells:
        count = counts[cell.id]
        if known is not None and cell.id in known and known[cell.id][0].trials == count:
            sums, of_rows = known[cell.id]
        else:
            digest = Digest()
            sums = summed(store, cell.id, count, has_points(cell), None if summed_up else digest)
            of_rows = digest.hexdigest()
        found[cell.id] = _tally(cell.id, sums, count)
        digests[cell.id] = sums.digest() if summed_up else of_rows
    return found, digests


def has_points(cell: Cell) -> bool:
    """Whether the study asks for what stuck trials sit at; rows tell where that can be found out."""
    return cell.settings.get("diagnose") is not None
