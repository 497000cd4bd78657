"""The evaluation loss over one or two parameters, and how trials move on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.look import Shown
from mcstudy.closeup.short import short_names
from mcstudy.engine.measure import losses
from mcstudy.outcomes import OUTCOMES

if TYPE_CHECKING:
    from mcstudy.closeup.look import Look
    from mcstudy.closeup.sample import Sample
    from mcstudy.plan import Cell

Array = NDArray[Any]

CURVE_POINTS, MAP_POINTS = 401, 81
"""Points of a curve, and of each side of a map."""
OWN_SETS = 8
"""Trials whose own evaluation points the loss is averaged over, where each has its own."""
PATHS = 24
"""Most trials of each kind whose way is drawn."""
TAIL, MARGIN, FAR = 0.01, 0.08, 3.0
"""Share of the starts and ends that may lie outside on each side; what is added to the range, as a share of it; how far
beyond the starts the range goes at most to show failures, as a multiple of theirs."""
_DIVERGED = OUTCOMES.index("diverged")


@dataclass(frozen=True)
class Landscape:
    """The loss over the one or two parameters of a cell's network, and its sample of trials.

    Attributes:
        cell: the cell's id.
        title: its labels.
        names: (k,) of the parameters, k = 1 or 2.
        axes: k arrays of values of them.
        loss: (points,) or (points of the second, points of the first), the loss there.
        threshold: the loss at which a trial counts as converged, or None.
        steps: (checks,) the step of each check.
        starts, ends: (trials, k) parameters; ends are NaN where a trial diverged.
        converged: (trials,) whether each did.
        paths: (trials, checks, k) of those whose way is drawn, NaN after their end.
        drawn: (trials,) positions of those in the sample.
    """

    cell: str
    title: str
    names: tuple[str, ...]
    axes: tuple[Array, ...]
    loss: Array
    threshold: float | None
    steps: Array
    starts: Array
    ends: Array
    converged: Array
    paths: Array
    drawn: Array


def landscapes(look: Look) -> Shown[Landscape]:
    """The landscapes of the cells of one or two parameters, of a few where there are many."""
    chosen, of = look.choose(lambda cell: cell.parameters in (1, 2) and cell.checks > 1)
    return Shown(tuple(_landscape(look, cell) for cell in chosen), of)


def _landscape(look: Look, cell: Cell) -> Landscape:
    sample = look.sample(cell)
    ends = np.where((sample.outcome == _DIVERGED)[:, None], np.nan, sample.finals).astype(np.float64)
    drawn = first_of_each(sample.converged, PATHS)
    axes = tuple(_range(sample, ends, drawn, i) for i in range(cell.parameters))
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    return Landscape(
        cell=cell.id,
        title=look.title(cell),
        names=short_names(cell.layers),
        axes=axes,
        loss=_loss(sample, grid.reshape(-1, cell.parameters)).reshape(grid.shape[:-1]),
        threshold=cell.settings["converge"]["loss"],
        steps=sample.steps,
        starts=sample.starts,
        ends=ends,
        converged=sample.converged,
        paths=sample.parameters[drawn],
        drawn=drawn,
    )


def first_of_each(converged: Array, most: int) -> Array:
    """Positions of the first `most` trials of each kind, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(converged)[:most], np.flatnonzero(~converged)[:most]]))


def _range(sample: Sample, ends: Array, drawn: Array, i: int) -> Array:
    """Values of parameter `i` from below most of the starts and ends to above: all starts of the trials `drawn`, and
    the whole ways of those of them that converge."""
    ways = sample.parameters[drawn[sample.converged[drawn]], :, i]
    seen = np.concatenate([sample.starts[:, i].astype(np.float64), ends[:, i]])
    seen = seen[np.isfinite(seen)]
    low, high = np.quantile(seen, [TAIL, 1 - TAIL]) if len(seen) else (0.0, 0.0)
    met = np.concatenate([ways.ravel(), sample.starts[drawn, i]]).astype(np.float64)
    met = met[np.isfinite(met)]
    low, high = np.min([low, *met]), np.max([high, *met])
    begun = sample.starts[np.isfinite(sample.starts[:, i]), i].astype(np.float64)
    if len(begun) and np.ptp(begun) > 0:
        # What fails may run away without end.
        low = max(low, begun.min() - FAR * np.ptp(begun))
        high = min(high, begun.max() + FAR * np.ptp(begun))
    # The ends of those that converge are what it is all about.
    reached = ends[sample.converged, i]
    low, high = np.min([low, *reached]), np.max([high, *reached])
    margin = MARGIN * (high - low) or 1.0
    count = CURVE_POINTS if sample.cell.parameters == 1 else MAP_POINTS
    return np.linspace(low - margin, high + margin, count)


def _loss(sample: Sample, points: Array) -> Array:
    """The loss at each point; where trials have samples of their own, the mean over those of a few trials."""
    own = sample.cell.settings["task"]["samples"] == "trial"
    trials = range(min(OWN_SETS, len(sample.outcome)) if own else 1)
    with np.errstate(all="ignore"):
        found = [losses(sample.program, trial, points) for trial in trials]
        return np.asarray(np.mean(found, axis=0, dtype=np.float64))
