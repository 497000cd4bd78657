"""Trials to frames: rates with intervals, curves, loss quantiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import OUTCOMES
from mcstudy.statistics import sequences
from mcstudy.statistics.bands import band
from mcstudy.statistics.intervals import wilson
from mcstudy.statistics.stopping import half_width, reasons
from mcstudy.statistics.tally import CONVERGED, DIVERGED, Tally, tallies

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Cell, Plan, Trials
    from mcstudy.store import Store

CURVE_POINTS = 500
"""Most points of one curve; a study of more checks is read at some of them."""
Columns = dict[str, NDArray[Any]]
"""Equally long arrays by the names of columns."""
QUANTILES = {"q10": 0.1, "q25": 0.25, "median": 0.5, "q75": 0.75, "q90": 0.9}


def rates(plan: Plan, store: Store, trials: Trials = None, known: Mapping[str, Tally] | None = None) -> pd.DataFrame:
    """How often each cell's trials converge, and how the others end: a row per cell in plan order.

    Args:
        plan: the cells.
        store: their trials.
        trials: how many of each cell, from trial 0 on; by default all that the study asks for.
        known: the tallies, where they exist already.

    Returns:
        The columns of ``rates.csv``: cell, a label for each varied key, trials, converged, rate with its 95 % Wilson
        interval (rate_low, rate_high), the count of every other outcome, the quartiles of the steps of the converged
        trials, the median of the last loss of those that neither converged nor diverged (to four
        significant digits; NaN without any), the mean
        number of dead hidden units of both kinds, the network's numbers of parameters and hidden units, and counts of
        failed trials by cause (`Causes.columns`). Of a study with `until` also the 95 % confidence sequence of
        the rate (sequence_low, sequence_high), and why each cell stopped (`mcstudy.statistics.stopping.reasons`).

    Raises:
        RunError: some trials are not stored.
    """
    import pandas as pd

    known = tallies(plan, store, trials) if known is None else known
    rows: list[dict[str, Any]] = []
    for cell in plan.cells:
        sums = known[cell.id]
        converged = sums.outcomes[CONVERGED]
        low, high = wilson(converged, sums.trials)
        rows.append(
            {
                **named(plan, cell),
                "trials": sums.trials,
                "converged": converged,
                "rate": converged / sums.trials,
                "rate_low": float(low),
                "rate_high": float(high),
                **{name: n for name, n in zip(OUTCOMES, sums.outcomes, strict=True) if name != "converged"},
                "steps_median": sums.quantile(0.5),
                "steps_q25": sums.quantile(0.25),
                "steps_q75": sums.quantile(0.75),
                "loss_median": sums.loss_median,
                "dead_units_converged": sums.dead_converged,
                "dead_units_failed": sums.dead_failed,
                "parameters": cell.parameters,
                "hidden_units": sum(layer.outputs for layer in cell.layers[:-1]),
                **sums.causes,
            }
        )
    frame = pd.DataFrame(rows)
    if (width := half_width(plan)) is not None:
        frame["sequence_low"], frame["sequence_high"] = sequences.rate(frame["converged"], frame["trials"], width)
        frame["stopped"] = reasons(plan, known)
    if not (frame[list(OUTCOMES)].sum(axis=1) == frame["trials"]).all():
        raise AssertionError("the outcomes of a cell do not add up to its trials")
    return frame


def curves(plan: Plan, store: Store, trials: Trials = None, known: Mapping[str, Tally] | None = None) -> pd.DataFrame:
    """The share of the trials that had converged by each check, with a simultaneous 95 % band.

    Simultaneous: with that probability the band holds at all checks of a cell at once (`bands.band`). Of a study with
    `until` it is pointwise, made of confidence sequences, because a band of a fixed number of trials does not hold
    there. The share is the cumulative incidence (Aalen and Johansen's estimate with divergence as a competing end),
    which is the plain share, because no trial is given up before the last step. A cell of more than `CURVE_POINTS`
    checks is read at half as many evenly spaced ones and half as many at which trials converged.

    Returns:
        cell, the varied keys, step, share, low, high: a row per cell and check.
    """
    known, width = tallies(plan, store, trials) if known is None else known, half_width(plan)
    parts = []
    for cell in plan.cells:
        sums = known[cell.id]
        grid = some_checks(cell, sums, CURVE_POINTS)
        done = np.concatenate([[0], np.cumsum(sums.counts)])[np.searchsorted(sums.steps, grid, side="right")]
        if width is None:
            low, high = band(done, sums.trials, cell.checks)
        else:
            low, high = sequences.rate(done, sums.trials, width)
        parts.append({"step": grid, "share": done / sums.trials, "low": low, "high": high})
    return stacked(plan, plan.cells, parts)


def losses(plan: Plan, store: Store, trials: Trials = None, known: Mapping[str, Columns] | None = None) -> pd.DataFrame:
    """Quantiles of the evaluation loss at each check, over the trials whose histories are stored.

    A converged trial keeps the loss at which it stopped, a diverged one counts as +inf from its end on. A quantile is
    an observed value (the inverse of the empirical distribution), so it is inf where that share has diverged.

    Args:
        plan: the cells.
        store: their trials.
        trials: how many of each cell, from trial 0 on; by default all that the study asks for.
        known: what `loss_quantiles` found of these trials, by the cell's id, for those cells where it exists already.

    Returns:
        cell, the varied keys, step, q10, q25, median, q75, q90, trials (over which), threshold (`converge.loss`, NaN
        without one): a row per cell and check. Empty where no histories are stored.
    """
    import pandas as pd

    counts = plan.counts(trials)
    cells, parts = [], []
    for cell in plan.cells:
        if known is None or cell.id not in known:
            asked, history = counts[cell.id], store.read_history(cell.id)
            if history is None or not min(asked, len(history[1])):
                continue
            pieces = list(store.chunks(cell.id, min(asked, len(history[1])), ["outcome", "steps"]))
            rows = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
            columns = loss_quantiles(cell, *history, rows)
        else:
            columns = known[cell.id]
        cells.append(cell)
        parts.append(columns)
    if not cells:
        return pd.DataFrame(columns=["cell", *plan.keys, "step", *QUANTILES, "trials", "threshold"])
    return stacked(plan, cells, parts)


def loss_quantiles(cell: Cell, steps: NDArray[Any], history: NDArray[Any], rows: Mapping[str, NDArray[Any]]) -> Columns:
    """The columns of `losses` for one cell, but those that name it.

    Args:
        cell: the cell.
        steps: (checks,) of each check.
        history: (trials, checks) losses there, NaN after a trial's end.
        rows: outcome, as codes, and steps of as many trials or fewer, which are those that count.
    """
    count = min(len(history), len(rows["steps"]))
    stopped, diverged = np.searchsorted(steps, rows["steps"][:count]), rows["outcome"][:count] == DIVERGED
    keep = _thinned(len(steps))
    last = history[np.arange(count), np.minimum(stopped, len(steps) - 1)]
    last[diverged] = np.inf
    values = np.where(keep[:, None] >= stopped, last, history[:count].T[keep])
    values[np.isnan(values)] = np.inf
    values.sort(axis=1)
    columns: Columns = {"step": steps[keep]}
    for name, q in QUANTILES.items():
        columns[name] = values[:, max(0, math.ceil(q * count) - 1)].astype(np.float64)
    threshold = cell.settings["converge"].get("loss")
    columns["trials"] = np.full(len(keep), count)
    columns["threshold"] = np.full(len(keep), math.nan if threshold is None else threshold)
    return columns


def anytime(frame: pd.DataFrame) -> pd.DataFrame:
    """The rates with the ends that hold wherever a study stopped as rate_low and rate_high; as they are without any."""
    if "sequence_low" not in frame:
        return frame
    return frame.assign(rate_low=frame["sequence_low"], rate_high=frame["sequence_high"])


def marginals(frame: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    """The rates of each level of each varied key, averaged over the cells of the other keys with equal weights.

    The cells share their draws, so their errors are not independent; the mean of the intervals' ends is used for the
    mean rate, which is right for fully dependent cells and too wide for all others.

    Args:
        frame: what `rates` returns.
        keys: the varied keys.

    Returns:
        key, level, cells, rate, rate_low, rate_high, lowest, highest (rate among those cells), in plan order.
    """
    import pandas as pd

    rows = []
    for key in keys:
        for level, cells in frame.groupby(key, sort=False):
            row: dict[str, Any] = {"key": key, "level": level, "cells": len(cells)}
            row |= {name: cells[name].mean() for name in ("rate", "rate_low", "rate_high")}
            rows.append(row | {"lowest": cells["rate"].min(), "highest": cells["rate"].max()})
    return pd.DataFrame(rows, columns=["key", "level", "cells", "rate", "rate_low", "rate_high", "lowest", "highest"])


def named(plan: Plan, cell: Cell) -> dict[str, str]:
    """The columns that every frame begins with: the cell's id and its labels."""
    return {"cell": cell.id, **{key: cell.labels[key] for key in plan.keys}}


def stacked(plan: Plan, cells: Sequence[Cell], parts: Sequence[Mapping[str, NDArray[Any]]]) -> pd.DataFrame:
    """One frame of the columns of each of these cells, their `named` first; to join frames of single ones is slow."""
    import pandas as pd

    sizes = [len(next(iter(part.values()))) for part in parts]
    names = [named(plan, cell) for cell in cells]
    columns: dict[str, Any] = {key: np.repeat([name[key] for name in names], sizes) for key in names[0]}
    columns |= {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return pd.DataFrame(columns)


def _thinned(checks: int) -> NDArray[np.int64]:
    """Positions of at most `CURVE_POINTS` of the checks, the first and the last among them."""
    if checks <= CURVE_POINTS:
        return np.arange(checks)
    return np.asarray(np.linspace(0, checks - 1, CURVE_POINTS).round(), np.int64)


def some_checks(cell: Cell, sums: Tally, most: int) -> NDArray[np.int64]:
    """The steps of all checks of a cell, or of about `most`: half evenly spaced, half where trials converged."""
    last, every = cell.settings["train"]["steps"], cell.settings["converge"]["every"]
    checks = cell.checks
    if checks <= most:
        every_check: NDArray[np.int64] = np.minimum(np.arange(checks, dtype=np.int64) * every, last)
        return every_check
    even = np.minimum(np.linspace(0, checks - 1, most // 2).round().astype(np.int64) * every, last)
    ends = np.cumsum(sums.counts)
    if len(ends) > most // 2:
        ranks = np.linspace(1, ends[-1], most // 2)
        return np.unique(np.concatenate([even, sums.steps[np.searchsorted(ends, ranks)]]))
    return np.unique(np.concatenate([even, sums.steps]))
