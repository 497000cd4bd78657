"""How long it takes until a trial has converged, and when it is better to begin anew: frames of all cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.statistics import ratios
from mcstudy.statistics.bands import LEVEL, band, local_level
from mcstudy.statistics.frames import named, some_checks, stacked
from mcstudy.statistics.intervals import clopper_pearson
from mcstudy.statistics.survival import kaplan_meier, median, quantiles
from mcstudy.statistics.tally import CONVERGED, Tally

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Cell, Plan

Array = NDArray[np.float64]
Estimate = tuple[float, float, float]
"""A number and the ends of its interval."""

CUT_OFFS: Final = 200
"""Most cut-offs of one cell that intervals are made for; of more checks, some are looked at."""
GOAL: Final = 0.99
"""The chance of at least one success that `restarts_99` and `steps_99` are for."""
_SHARES: Final = {"q10": 0.1, "median": 0.5, "q90": 0.9}
_DIGITS: Final = 6
"""Significant digits of the ends of intervals that are found by iteration."""


@dataclass(frozen=True)
class _Cell:
    """A cell's trials, and its cut-offs with what they cost."""

    sums: Tally
    budget: int
    every: int
    checks: int
    cuts: Array
    cost: Array
    low: Array
    high: Array
    best: int | None
    whole: Estimate

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Cut-offs that may be the best: the confidence set, all whose lower end is not above each upper end."""
        found: NDArray[np.bool_] = self.low <= self.high.min()
        return found


def restarts(plan: Plan, known: Mapping[str, Tally]) -> pd.DataFrame:
    """What a success costs where trials are given up at each of the checks and begun anew.

    Args:
        plan: the cells.
        known: their tallies.

    Returns:
        cell, the varied keys, trials, step (the cut-off), share (converged by then), ert (expected steps per success,
        `ratios.expected`; inf without success), ert_low, ert_high (intervals that hold for all cut-offs of a cell at
        once, in 95 %), best (the cut-off of the least ert; none without success), possible (whether it may be the
        best): a row per cell and check after step 0, or for about `CUT_OFFS` of them.
    """
    return _restarts_of(plan, _cells(plan, known))


def _restarts_of(plan: Plan, cells: Sequence[_Cell]) -> pd.DataFrame:
    parts = []
    for found in cells:
        size = len(found.cuts)
        part = {
            "trials": np.full(size, found.sums.trials),
            "step": found.cuts.astype(np.int64),
            "share": _done(found.sums, found.cuts) / found.sums.trials,
            "ert": found.cost,
            "ert_low": found.low,
            "ert_high": found.high,
            "best": np.arange(size) == (-1 if found.best is None else found.best),
            "possible": found.possible,
        }
        parts.append(part)
    return stacked(plan, plan.cells, parts)


def times(plan: Plan, known: Mapping[str, Tally]) -> pd.DataFrame:
    """How long it takes until a trial of each cell has converged, alone and with restarts: a row per cell.

    Each number has the ends of a 95 % interval beside it, as columns of its name and ``_low`` and ``_high``. ``inf``
    stands for steps beyond the budget and for costs without a bound; a cell is empty where there is nothing to tell.
    Steps are those of checks, so they are known to one distance of checks (``every``).

    Args:
        plan: the cells.
        known: their tallies.

    Returns:
        The columns of ``times.csv``: cell, a label for each varied key, trials, converged, budget (the most steps of
        a trial), every (steps from check to check), and

        - steps_q10, steps_median, steps_q90: of the trials that converged (type 7, as in ``rates.csv``; intervals from
          order statistics);
        - all_q10, all_median, all_q90: of all trials, those that fail never converging (the inverse of the cumulative
          incidence);
        - km_median: Kaplan and Meier's, as if those that diverged might have converged later as the others do; where
          none diverged it is all_median;
        - ert: expected steps per success where trials that fail are begun anew, at the whole budget;
        - restarts_99: how many trainings it takes until one succeeds with a probability of 99 %, and steps_99: how
          many steps, until then, in all;
        - cutoff: the check after which to begin anew, the one of the least expected steps per success; cutoff_low and
          cutoff_high: the first and the last check that may be it;
        - ert_cutoff, restarts_99_cutoff, steps_99_cutoff: the same numbers with that cut-off. Their intervals are
          simultaneous over all cut-offs, so they hold although the cut-off was chosen by the same trials.
    """
    return _times_of(plan, _cells(plan, known))


def _times_of(plan: Plan, cells: Sequence[_Cell]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([{**named(plan, cell), **_row(found)} for cell, found in zip(plan.cells, cells, strict=True)])


def restarts_and_times(plan: Plan, known: Mapping[str, Tally]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both frames: what is slow about either, the intervals at the cut-offs, is the same for both."""
    cells = _cells(plan, known)
    return _restarts_of(plan, cells), _times_of(plan, cells)


def _cells(plan: Plan, known: Mapping[str, Tally]) -> list[_Cell]:
    """Every cell's cut-offs, and the intervals of what they cost."""
    cuts = [_cut_offs(cell, known[cell.id]) for cell in plan.cells]
    asked = []
    for cell, (_, at) in zip(plan.cells, cuts, strict=True):
        sums = known[cell.id]
        ends = _merged(_ends(sums), at)
        level = ratios.simultaneous(ends, at, local_level(sums.trials, cell.checks))
        asked += [ratios.Asked(ends, at, level), ratios.Asked(ends, at[-1:], LEVEL)]
    limits = [(_rounded(low), _rounded(high)) for low, high in ratios.limits(asked)]
    found = []
    for i, (cell, (chosen, at)) in enumerate(zip(plan.cells, cuts, strict=True)):
        sums = known[cell.id]
        cost = ratios.expected(_ends(sums), at)
        best = None if chosen is None else int(np.searchsorted(at, chosen))
        (low, high), (whole_low, whole_high) = limits[2 * i : 2 * i + 2]
        whole = float(cost[-1]), float(whole_low[0]), float(whole_high[0])
        every = cell.settings["converge"]["every"]
        found.append(_Cell(sums, int(at[-1]), every, cell.checks, at, cost, low, high, best, whole))
    return found


def _cut_offs(cell: Cell, sums: Tally) -> tuple[float | None, Array]:
    """The best cut-off, None without a success, and all that are looked at; the last of them is the budget."""
    budget = cell.settings["train"]["steps"]
    ends = _ends(sums)
    # Only where something converges can the least be; and no training at all is no cut-off.
    likely = np.append(ends.steps[ends.steps > 0], float(budget))
    cost = ratios.expected(ends, likely)
    chosen = None if np.isinf(cost).all() else float(likely[len(cost) - 1 - int(np.argmin(cost[::-1]))])
    cuts = some_checks(cell, sums, CUT_OFFS).astype(np.float64)
    return chosen, np.unique(np.append(cuts[cuts > 0], [budget if chosen is None else chosen, budget]))


def _ends(sums: Tally) -> ratios.Ends:
    steps, counts, ended, many = (
        part.astype(np.float64) for part in (sums.steps, sums.counts, sums.diverged_steps, sums.diverged_counts)
    )
    return ratios.Ends(steps, counts, ended, many, sums.trials)


def _merged(ends: ratios.Ends, cuts: Array) -> ratios.Ends:
    """Steps between two cut-offs as their mean, where there are far more of them than cut-offs."""
    if len(ends.steps) + len(ends.ended) <= 2 * CUT_OFFS:
        return ends
    converged, diverged = _means(ends.steps, ends.counts, cuts), _means(ends.ended, ends.ended_counts, cuts)
    return ratios.Ends(*converged, *diverged, ends.trials)


def _means(steps: Array, counts: Array, cuts: Array) -> tuple[Array, Array]:
    place = np.searchsorted(cuts, steps)
    many = np.bincount(place, counts, len(cuts)).astype(np.float64)
    total = np.bincount(place, counts * steps, len(cuts)).astype(np.float64)
    return total[many > 0] / many[many > 0], many[many > 0]


def _row(cell: _Cell) -> dict[str, Any]:
    sums, budget = cell.sums, float(cell.budget)
    converged, trials = sums.outcomes[CONVERGED], sums.trials
    row: dict[str, Any] = {"trials": trials, "converged": converged, "budget": cell.budget, "every": cell.every}
    shares = tuple(_SHARES.values())
    nothing = [(math.nan, math.nan, math.nan)] * len(shares)
    alone = quantiles(sums.steps, sums.counts, converged, shares, budget) if converged else nothing
    together = quantiles(sums.steps, sums.counts, trials, shares, math.inf)
    for (name, share), (_, low, high) in zip(_SHARES.items(), alone, strict=True):
        row |= _columns(f"steps_{name}", (sums.quantile(share), low, high))
    for name, found in zip(_SHARES, together, strict=True):
        row |= _columns(f"all_{name}", found)
    survival = kaplan_meier(sums.steps, sums.counts, sums.diverged_steps, sums.diverged_counts, trials)
    row |= _columns("km_median", median(survival))
    tries = _restarts(converged / trials, *clopper_pearson(converged, trials))
    row |= _columns("ert", cell.whole) | _columns("restarts_99", tries)
    row |= _columns("steps_99", _steps(cell, budget))
    possible = np.flatnonzero(cell.possible)
    first, last = int(possible[0]), int(possible[-1])
    if cell.checks > CUT_OFFS:
        # The checks between those that were looked at are as good as their neighbours.
        first, last = max(0, first - 1), min(len(cell.cuts) - 1, last + 1)
    at = cell.best
    cut = cell.cuts[0] if at is None else cell.cuts[at]
    row |= _columns("cutoff", (math.nan if at is None else cut, cell.cuts[first], cell.cuts[last]))
    least = (math.inf, float(cell.low.min()), math.inf)
    cost = least if at is None else (float(cell.cost[at]), float(cell.low[at]), float(cell.high[at]))
    done = _done(sums, np.array([cut]))
    tries = _restarts(done[0] / trials, *band(done[0], trials, cell.checks))
    return (
        row
        | _columns("ert_cutoff", cost)
        | _columns("restarts_99_cutoff", tries)
        | _columns("steps_99_cutoff", _steps(cell, cut))
    )


def _columns(name: str, found: Estimate) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, found), strict=True))


def _done(sums: Tally, cuts: Array) -> NDArray[np.int64]:
    """How many had converged by each cut-off."""
    found: NDArray[np.int64] = np.append(0, np.cumsum(sums.counts))[np.searchsorted(sums.steps, cuts, side="right")]
    return found


def _restarts(rate: float, low: NDArray[Any], high: NDArray[Any]) -> Estimate:
    """Trainings until one succeeds with probability `GOAL`, of a rate and the ends of its interval."""
    return _tries(rate), _tries(float(high)), _tries(float(low))


def _tries(rate: float) -> float:
    if rate <= 0 or rate >= GOAL:
        return math.inf if rate <= 0 else 1.0
    # The slack keeps a quotient that is whole from becoming the next larger one.
    return float(math.ceil(math.log1p(-GOAL) / math.log1p(-rate) - 1e-9))


def _steps(cell: _Cell, cut: float) -> Estimate:
    """Steps until one training succeeds with probability `GOAL`, where each is given up after `cut` steps.

    All but the last take `cut` steps (those that diverge earlier are counted so, too), the last as many as it takes
    for the rest of the probability. The ends are those of the simultaneous band of the share converged.
    """
    sums = cell.sums
    within = sums.steps <= cut
    steps = np.append(0.0, sums.steps[within])
    done = np.append(0, np.cumsum(sums.counts[within]))
    if within.any() and sums.steps[0] == 0:
        done[0] = sums.counts[0]
    low, high = band(done, sums.trials, cell.checks)
    found = []
    for share in (done / sums.trials, high, low):
        tries = _tries(float(share[-1]))
        if math.isinf(tries):
            found.append(math.inf)
            continue
        left = 1 - (1 - GOAL) / (1 - float(share[-1])) ** (tries - 1) if tries > 1 else GOAL
        place = min(int(np.searchsorted(share, left - 1e-12)), len(steps) - 1)
        found.append((tries - 1) * cut + float(steps[place]))
    return found[0], found[1], found[2]


def _rounded(values: Array) -> Array:
    """To `_DIGITS` significant digits, so that no processor's last bit is seen."""
    found = values.copy()
    some = np.isfinite(values) & (values > 0)
    unit = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(values[some])))
    found[some] = np.round(values[some] * unit) / unit
    return found
