"""Loss, gradient and weights of single trials over the steps, of those that converge and of those that fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.look import MOST_CELLS, Shown
from mcstudy.closeup.short import short_names
from mcstudy.engine.measure import gradients

if TYPE_CHECKING:
    from mcstudy.closeup.look import Look
    from mcstudy.closeup.sample import Sample
    from mcstudy.plan import Cell

Array = NDArray[Any]

MOST_TRIALS, MOST_CHECKS, MOST_LINES, MOST_SUMS = 20, 80, 60, 2_000_000_000
"""Trials of a kind, checks of them and weights that are drawn; sums of products that gradients of a cell may take."""
FEW, EARLY = 2, 0.06
"""Parameters of a network up to which those of all trials are drawn, not those of one; share of the steps of a kind of
trials that is early."""


@dataclass(frozen=True)
class Kind:
    """Trials of one kind, converged or failed, of which the first n are drawn.

    Attributes:
        trials: how many of the sample are of this kind.
        steps: (checks,) the step of each check; of many checks some.
        loss: (n, checks) evaluation loss, NaN after a trial's end.
        norm: (n, checks) Euclidean norm of its gradient, likewise.
        weights: (n, checks, drawn parameters), or (1, checks, drawn parameters) of one of the trials alone.
        one: the number of that one, or None.
    """

    trials: int
    steps: Array
    loss: Array
    norm: Array
    weights: Array
    one: int | None


@dataclass(frozen=True)
class Course:
    """A cell's trials of both kinds.

    Attributes:
        cell: the cell's id.
        title: its labels.
        sample: which trials were looked at, in words.
        names: (parameters,) that are drawn.
        parameters: how many the network has.
        threshold: the loss at which a trial counts as converged, or None.
        early: whether the loss falls so early that steps are to be seen on a logarithmic scale.
        kinds: "converged" and "failed", each where there is one.
    """

    cell: str
    title: str
    sample: str
    names: tuple[str, ...]
    parameters: int
    threshold: float | None
    early: bool
    kinds: dict[str, Kind]


def paths(look: Look) -> Shown[Course]:
    """The courses of a few cells: the baseline and its like with other levels of the first key, then others."""
    trained, of = look.choose(_trained)
    return Shown(tuple(_course(look, cell) for cell in _chosen(look, trained)), of)


def _trained(cell: Cell) -> bool:
    return bool(cell.settings["train"]["steps"])


def _chosen(look: Look, others: list[Cell]) -> list[Cell]:
    first, _ = look.choose(lambda cell: _trained(cell) and set(look.departures(cell)) <= set(look.varied[:1]))
    cells = {cell.id: cell for cell in [*first, *others]}
    return sorted(list(cells.values())[: max(MOST_CELLS, len(others))], key=lambda cell: cell.index)


def _course(look: Look, cell: Cell) -> Course:
    sample = look.sample(cell)
    converged = sample.converged
    drawn = np.unique(np.linspace(0, cell.parameters - 1, min(cell.parameters, MOST_LINES)).round().astype(int))
    names = short_names(cell.layers)
    kinds = {
        name: _kind(sample, np.flatnonzero(which), drawn)
        for name, which in (("converged", converged), ("failed", ~converged))
        if which.any()
    }
    return Course(
        cell=cell.id,
        title=look.title(cell),
        sample=sample.which,
        names=tuple(names[i] for i in drawn),
        parameters=cell.parameters,
        threshold=cell.settings["converge"]["loss"],
        early=any(map(_early, kinds.values())),
        kinds=kinds,
    )


def _kind(sample: Sample, which: Array, drawn: Array) -> Kind:
    first = which[:MOST_TRIALS]
    cell, task = sample.cell, sample.cell.settings["task"]
    points = task["size"] if task["samples"] == "trial" else len(sample.program.points[0]) // task["n_inputs"]
    checks = max(2, min(MOST_CHECKS, MOST_SUMS // (points * max(1, cell.parameters) * len(first))))
    last = int(sample.ends[first].max())
    kept = np.unique(np.linspace(0, last, min(checks, last + 1)).round().astype(int))
    # Each trial's own last check too, for that is where it converged.
    kept = np.union1d(kept, sample.ends[first]) if checks == MOST_CHECKS else kept
    parameters = sample.parameters[np.ix_(first, kept)]
    known = kept <= sample.ends[first][:, None]
    norm = np.full(known.shape, np.nan)
    with np.errstate(all="ignore"):
        found = gradients(sample.program, np.repeat(sample.trials[first], len(kept))[known.ravel()], parameters[known])
        norm[known] = np.sqrt(np.square(found.astype(np.float64)).sum(axis=1))
    few = cell.parameters <= FEW
    one = None if few else _typical(sample, first)
    weights = parameters if one is None else parameters[first == one]
    loss = sample.loss[np.ix_(first, kept)]
    number = None if one is None else int(sample.trials[one])
    return Kind(len(which), sample.steps[kept], loss, norm, weights[:, :, drawn], number)


def _early(kind: Kind) -> bool:
    """Whether most of what the logarithm of the loss falls by, in the median trial, it falls in the first steps."""
    soon = int(np.searchsorted(kind.steps, EARLY * kind.steps[-1], side="right")) - 1
    if soon < 1:
        return False
    with np.errstate(all="ignore"):
        logs = np.log(kind.loss.astype(np.float64))
    last = np.array([line[np.isfinite(line)][-1] if np.isfinite(line).any() else np.nan for line in logs])
    by_then = np.where(np.isfinite(logs[:, soon]), logs[:, soon], last)
    fallen = (logs[:, 0] - by_then)[logs[:, 0] > last], (logs[:, 0] - last)[logs[:, 0] > last]
    return bool(len(fallen[0]) and np.median(fallen[0] / fallen[1]) > 0.5)


def _typical(sample: Sample, trials: Array) -> int:
    """The position of the trial in the middle: of those that converge by their steps, of others by their last loss."""
    lasts = sample.loss[trials, sample.ends[trials]].astype(np.float64)
    by = sample.ends[trials] if sample.converged[trials[0]] else np.where(np.isfinite(lasts), lasts, np.inf)
    order = np.argsort(by, kind="stable")
    return int(trials[order[(len(order) - 1) // 2]])
