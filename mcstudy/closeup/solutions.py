"""The trials of a cell, sorted by what their networks compute.

Two networks compute alike when as many lines bend their output (`mcstudy.closeup.ground`), it has the same shape
(`shapes`), and their errors are alike in distribution over the domain: the errors of each are put in order of size, so
that a solution that is turned or mirrored in a task that does not mind counts as the same one. Their distance is the
root mean square of the differences of these, divided by the geometric mean of the two networks' own errors, likewise
taken (at least `LEAST_ERROR` of the targets' spread): a small error told from one half its size is as good a reason as
a large one. Networks of one name are joined by average linkage until classes are farther apart than `APART`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.ground import MOST_UNITS, SIDE, Ground, first_units, live_lines, outputs_within, within
from mcstudy.closeup.sample import Sample
from mcstudy.outcomes import OUTCOMES
from mcstudy.statistics import wilson

Array = NDArray[Any]

NOT_FINITE = "diverged"
"""The name of trials whose parameters or outputs are not."""
APART = 0.3
LEAST_ERROR = 0.1
LEVEL = 0.02
"""Outputs are constant, or a plane, where they differ from one by less than this share of the targets' spread."""
FLATTER = 0.25
"""A valley or ridge: the smaller curvature is less than this share of the larger one."""
CLOSED = 0.2
"""A pyramid's lowest point at the border is above its lowest of all by more than this share of its height."""


@dataclass(frozen=True)
class Solution:
    """A class of trials that compute alike.

    Attributes:
        name: what is measured of each: how many lines bend the output, and its shape.
        trials: their numbers.
        share, low, high: their share of the sampled trials, with Wilson's interval of 95 %.
        outcomes: how many ended in each way, in the order of `OUTCOMES`.
        loss: median of their last losses; infinite where most diverged.
        lines: distinct live lines of the medoid; None where these are not counted: other layers bend the output too, or
            there are too many units.
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

    program, parameters = sample.program, sample.finals
    finite = np.isfinite(parameters).all(axis=1) & (sample.outcome != OUTCOMES.index("diverged"))
    found = outputs(program, parameters, ground.grid)
    finite &= np.isfinite(found).all(axis=(1, 2))
    values = within(found, ground.spread)
    if ground.target is not None:
        errors = values - ground.target
    else:
        errors = outputs_within(program, parameters, ground.points, ground.spread) - ground.answers
    # Another layer bends the output elsewhere too.
    told = len(sample.cell.layers) == 2 and sample.cell.layers[0].outputs <= MOST_UNITS
    numbers = np.full((len(values), sample.cell.layers[0].outputs), -1)
    if told and finite.any():
        numbers[finite] = live_lines(program, parameters[finite], ground, values[finite])
    lines = numbers.max(axis=1) + 1
    names = np.full(len(values), NOT_FINITE, object)
    for member, shape in zip(np.flatnonzero(finite), shapes(values[finite], ground), strict=True):
        names[member] = _name(shape, int(lines[member]) if told else None)
    made: list[Solution] = []
    for name in dict.fromkeys(names[finite]):
        members = np.flatnonzero(names == name)
        apart = distances(errors[members], ground.spread)
        for group in _joined(apart):
            nearest = int(np.argmin(np.round(apart[np.ix_(group, group)].sum(axis=1), 6)))
            best = int(members[group[nearest]])
            some, first = np.unique(numbers[best], return_index=True)
            units = first_units(sample.cell, parameters[best : best + 1])[0][first[some >= 0]]
            count = int(lines[best]) if told else None
            made.append(_solution(sample, name, members[group], count, best, units))
    if not finite.all():
        members = np.flatnonzero(~finite)
        made.append(_solution(sample, NOT_FINITE, members, None, int(members[0]), np.zeros((0, 3))))
    return _lettered(sorted(made, key=lambda one: (-one.share, one.loss, one.medoid)))


def distances(errors: Array, spread: float) -> Array:
    """How far apart networks are, (networks, networks), from their errors (networks, points)."""
    # In units of 2⁻¹⁶ sums of products are exact (of errors up to 69 spreads, beyond which networks are far apart
    # anyway), so the order in which a processor adds them up decides nothing.
    ordered = np.round(np.sort(errors, axis=1) / spread * 2**16) / 2**16
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
        tuple(int(trial) for trial in sample.trials[members]),
        len(members) / number,
        float(low),
        float(high),
        tuple(int(count) for count in counts),
        float(np.median(np.where(np.isfinite(last), last, np.inf))),
        lines,
        int(sample.trials[medoid]),
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


def shapes(values: Array, ground: Ground) -> list[str]:
    """A word for the shape of each network's outputs on the grid, (networks, grid), all of them finite.

    constant or plane where they all but are; else by the curvatures of the quadratic that fits best: valley or ridge
    where one of the two is small, saddle where they differ in sign, peak where both are below 0. Where both are above,
    a pyramid if the faces are straight (most second differences along the grid are zero), else a bowl; but a corner
    where faces are straight and the outputs are almost as low at the border of the domain as anywhere.
    """
    x, y = ((ground.grid - ground.low) / (ground.high - ground.low) * 2 - 1).T
    terms = np.stack([np.ones_like(x), x, y, x * x / 2, x * y, y * y / 2], axis=1)
    fits = values @ np.linalg.pinv(terms).T
    planes = values @ np.linalg.pinv(terms[:, :3]).T @ terms[:, :3].T
    curved = np.linalg.eigvalsh(fits[:, [[3, 4], [4, 5]]])
    level = LEVEL * ground.spread
    squares = values.reshape(len(values), SIDE, SIDE)
    bends = [np.abs(np.diff(squares, 2, axis=axis)).reshape(len(values), SIDE * (SIDE - 2)) for axis in (1, 2)]
    steep = np.concatenate(bends, axis=1)
    straight = np.mean(steep < 0.01 * steep.max(axis=1, keepdims=True, initial=1e-300), axis=1) > 0.5
    least, size = values.min(axis=1), np.ptp(values, axis=1)
    edge = (np.abs(x) == 1) | (np.abs(y) == 1)
    closed = values[:, edge].min(axis=1) - least > CLOSED * size
    flat = values.std(axis=1) < level
    plane = (values - planes).std(axis=1) < level
    return [_shape(*one) for one in zip(flat, plane, curved, straight, closed, strict=True)]


def _shape(flat: bool, plane: bool, curved: Array, straight: bool, closed: bool) -> str:
    if flat or plane:
        return "constant" if flat else "plane"
    small, large = sorted(curved, key=abs)
    if abs(small) < FLATTER * abs(large):
        return "valley" if large > 0 else "ridge"
    if small * large < 0:
        return "saddle"
    if large < 0:
        return "peak"
    return "bowl" if not straight else "pyramid" if closed else "corner"


def _name(shape: str, lines: int | None) -> str:
    if not lines or shape in ("constant", "plane"):
        return shape
    return f"{lines} kink{'' if lines == 1 else 's'}, {shape}"
