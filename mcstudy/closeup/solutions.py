"""The trials of a cell, sorted by what their networks compute.

Two networks compute alike when as many lines bend their output (`mcstudy.closeup.ground`) and their errors are alike
in distribution over the domain: the errors of each are put in order of size, so that a solution that is turned or
mirrored in a task that does not mind counts as the same one. Their distance is the root mean square of the
differences of these, divided by the geometric mean of the two networks' own errors, likewise taken (at least
`LEAST_ERROR` of the targets' spread): a small error told from one half its size is as good a reason as a large one.
Networks of equally many lines are joined by average linkage until classes are farther apart than `APART`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.ground import MOST_UNITS, SIDE, Ground, first_units, live_lines
from mcstudy.closeup.sample import Sample
from mcstudy.outcomes import OUTCOMES
from mcstudy.statistics import wilson

Array = NDArray[Any]

APART = 0.3
LEAST_ERROR = 0.05
LEVEL = 0.02
"""Outputs are constant, or a plane, where they differ from one by less than this share of the targets' spread."""
FLATTER = 0.25
"""A valley or ridge: the smaller curvature is less than this share of the larger one."""


@dataclass(frozen=True)
class Solution:
    """A class of trials that compute alike.

    Attributes:
        name: what is measured of it: how many lines bend the output, and the shape of its medoid.
        trials: their numbers.
        share, low, high: their share of the sampled trials, with Wilson's interval of 95 %.
        outcomes: how many ended in each way, in the order of `OUTCOMES`.
        loss: median of their last losses; infinite where most diverged.
        lines: distinct live lines of each; None where these are not told.
        medoid: number of the trial that is nearest to all others of the class.
        units: (lines, 3) weights and bias of a unit of each live line of the medoid.
    """

    name: str
    trials: tuple[int, ...]
    share: float
    low: float
    high: float
    outcomes: tuple[int, ...]
    loss: float
    lines: int | None
    medoid: int
    units: Array


def solutions_of(sample: Sample, ground: Ground) -> tuple[Solution, ...]:
    """The classes of a sample's trials, the largest first; every trial is in one of them."""
    from mcstudy.engine.outputs import outputs

    values = outputs(sample.program, sample.finals, ground.grid)[:, :, 0]
    errors = values - ground.target
    if ground.target is None:
        errors = outputs(sample.program, sample.finals, ground.points)[:, :, 0] - ground.answers
    finite = np.isfinite(values).all(axis=1) & np.isfinite(errors).all(axis=1)
    told = len(sample.cell.layers) > 1 and sample.cell.layers[0].outputs <= MOST_UNITS
    numbers = np.full((len(values), sample.cell.layers[0].outputs), -1)
    if told:
        numbers = live_lines(sample, ground, np.where(finite[:, None], values, 0.0))
    lines = numbers.max(axis=1) + 1
    made: list[Solution] = []
    for count in np.unique(lines[finite]):
        members = np.flatnonzero(finite & (lines == count))
        apart = distances(errors[members], ground.spread)
        for group in _joined(apart):
            medoid = int(group[np.argmin(apart[np.ix_(group, group)].sum(axis=1), keepdims=True)[0]])
            best = int(members[medoid])
            name = _name(values[best], ground, int(count) if told else None)
            some, first = np.unique(numbers[best], return_index=True)
            units = first_units(sample.cell, sample.finals[best : best + 1])[0][first[some >= 0]]
            made.append(_solution(sample, name, members[group], int(count) if told else None, best, units))
    if not finite.all():
        members = np.flatnonzero(~finite)
        made.append(_solution(sample, "not finite", members, None, int(members[0]), np.zeros((0, 3))))
    return _lettered(sorted(made, key=lambda one: (-one.share, one.loss, one.medoid)))


def distances(errors: Array, spread: float) -> Array:
    """How far apart networks are, (networks, networks), from their errors (networks, points)."""
    ordered = np.sort(errors, axis=1) / spread
    squares = np.mean(ordered**2, axis=1)
    between = squares[:, None] + squares - 2 * (ordered @ ordered.T) / errors.shape[1]
    own = np.maximum(np.sqrt(squares), 1e-12)
    apart = np.sqrt(np.maximum(between, 0.0)) / np.maximum(np.sqrt(own[:, None] * own), LEAST_ERROR)
    np.fill_diagonal(apart, 0.0)
    return np.asarray((apart + apart.T) / 2)


def _joined(apart: Array) -> list[Array]:
    """Positions by class, average linkage cut at `APART`."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(apart) == 1:
        return [np.zeros(1, np.int64)]
    # Rounded, lest the last bit of a sum decide.
    tree = linkage(np.round(squareform(apart, checks=False), 6), "average")
    labels = fcluster(tree, APART, "distance")
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _solution(sample: Sample, name: str, members: Array, lines: int | None, medoid: int, units: Array) -> Solution:
    number = len(sample.outcome)
    low, high = wilson(len(members), number)
    counts = np.bincount(sample.outcome[members], minlength=len(OUTCOMES))
    last = sample.loss[members, sample.ends[members]]
    return Solution(
        name,
        tuple(int(trial) for trial in members),
        len(members) / number,
        float(low),
        float(high),
        tuple(int(count) for count in counts),
        float(np.median(np.where(np.isfinite(last), last, np.inf))),
        lines,
        medoid,
        units,
    )


def _lettered(found: list[Solution]) -> tuple[Solution, ...]:
    """Classes of one name, told apart by letters in order of share."""
    from dataclasses import replace

    names = [one.name for one in found]
    done = []
    for position, one in enumerate(found):
        before = names[:position].count(one.name)
        several = names.count(one.name) > 1
        done.append(replace(one, name=f"{one.name} {_letters(before)}") if several else one)
    return tuple(done)


def _letters(number: int) -> str:
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)


def _name(values: Array, ground: Ground, lines: int | None) -> str:
    if values.std() < LEVEL * ground.spread:
        return "constant"
    shape = shape_of(values, ground)
    if shape == "plane" or lines is None:
        return shape
    return f"{lines} kink{'' if lines == 1 else 's'}, {shape}"


def shape_of(values: Array, ground: Ground) -> str:
    """A word for the shape of outputs on the grid, from the curvatures of the quadratic that fits them best.

    valley or ridge where one of the two is small; saddle where they differ in sign; else bowl or peak, and a bowl with
    straight faces, most second differences along the grid being zero, is a pyramid.
    """
    x, y = ((ground.grid - ground.low) / (ground.high - ground.low) * 2 - 1).T
    terms = np.stack([np.ones_like(x), x, y, x * x / 2, x * y, y * y / 2], axis=1)
    fit = np.linalg.lstsq(terms, values, rcond=None)[0]
    if (values - terms[:, :3] @ np.linalg.lstsq(terms[:, :3], values, rcond=None)[0]).std() < LEVEL * ground.spread:
        return "plane"
    small, large = sorted(np.linalg.eigvalsh(np.array([[fit[3], fit[4]], [fit[4], fit[5]]])), key=abs)
    if abs(small) < FLATTER * abs(large):
        return "valley" if large > 0 else "ridge"
    if small * large < 0:
        return "saddle"
    if large < 0:
        return "peak"
    square = values.reshape(SIDE, SIDE)
    bends = np.abs(np.concatenate([np.diff(square, 2, axis=0).ravel(), np.diff(square, 2, axis=1).ravel()]))
    return "pyramid" if np.mean(bends < 0.01 * bends.max()) > 0.5 else "bowl"
