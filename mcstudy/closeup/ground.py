"""The part of the plane that networks of two inputs are looked at over, and which lines bend them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mcstudy.engine.program import Program
    from mcstudy.plan import Cell

Array = NDArray[Any]

SIDE = 21
"""Points of a side of the grid that networks are compared on."""
MOST_UNITS = 16
"""Units of a first hidden layer whose lines are told."""
LEAST_PART = 0.03
"""A line is told where without its unit the outputs would change by more than this share of the targets' spread."""
SAME_SIDES = 0.06
"""Lines that differ in the side of at most this share of the domain count as one."""
LEAST_SIDE = 0.01
"""A line runs through the domain where each of its sides has more than this share of it."""
HUGE = 1e9
"""Outputs are cut to so many spreads of the targets."""


@dataclass(frozen=True)
class Ground:
    """The domain of a cell's task.

    Attributes:
        low, high: (2,) its corners.
        grid: (`SIDE`², 2) points, the first input changing fastest.
        target: (`SIDE`²,) the targets there; None where they are known at samples alone.
        points, answers: samples, (samples, 2) and (samples,).
        spread: standard deviation of the targets, over the grid or the samples; 1 where they are all the same.
    """

    low: Array
    high: Array
    grid: Array
    target: Array | None
    points: Array
    answers: Array
    spread: float


def mesh(low: Array, high: Array, side: int) -> Array:
    """(side², 2) points of an even grid from corner to corner, the first input changing fastest."""
    x, y = (np.linspace(low[k], high[k], side) for k in (0, 1))
    return np.stack([np.tile(x, side), np.repeat(y, side)], axis=1)


def ground_of(program: Program) -> Ground:
    """The domain of a cell of two inputs and one output: that of a uniform input, else the box of its samples.

    A box of samples is widened by a tenth of its sides; where all of them are level, by a tenth of where they are.
    """
    from mcstudy.engine.outputs import targets_at
    from mcstudy.engine.single import samples_of

    task = program.cells[0].settings["task"]
    samples = samples_of(program, 0, 1)
    drawn = task["input"]
    if drawn is not None and drawn["name"] == "uniform" and targets_at(program, np.zeros((1, 2))) is not None:
        low, high = np.full(2, drawn["low"]), np.full(2, drawn["high"])
    else:
        low, high = samples.points.min(axis=0).astype(float), samples.points.max(axis=0).astype(float)
        margin = 0.1 * np.where(high > low, high - low, np.maximum(np.abs(low), 1.0))
        low, high = low - margin, high + margin
    grid = mesh(low, high, SIDE)
    found = targets_at(program, grid)
    target = None if found is None else found[:, 0]
    answers = np.asarray(samples.answers[:, 0], np.float64)
    spread = float(np.std(answers if target is None else target))
    return Ground(low, high, grid, target, samples.points, answers, spread or 1.0)


def input_names(cell: Cell) -> tuple[str, str]:
    """What the two inputs are called: the columns of a table, else x₀ and x₁."""
    task = cell.settings["task"]
    names = task["parameters"]["inputs"] if task["data"] is not None else ("x₀", "x₁")
    return str(names[0]), str(names[1])


def first_units(cell: Cell, parameters: Array) -> Array:
    """Weights and bias of the units of the first hidden layer, (networks, units, 3)."""
    layer = cell.layers[0]
    weights = parameters[:, : layer.weights].reshape(-1, layer.outputs, layer.inputs)
    biases = np.zeros((*weights.shape[:2], 1))
    if layer.biased:
        biases = parameters[:, layer.weights : layer.weights + layer.outputs, None]
    return np.concatenate([weights, biases], axis=2)


def outputs_within(program: Program, parameters: Array, points: Array, spread: float) -> Array:
    """(networks, points) outputs, cut to `HUGE` spreads, so that what is computed of them stays finite; 0 for NaN."""
    from mcstudy.engine.outputs import outputs

    return within(outputs(program, parameters, points), spread)


def within(found: Array, spread: float) -> Array:
    """Outputs (networks, points, 1) as `outputs_within` gives them."""
    cut: Array = np.clip(found[:, :, 0], -HUGE * spread, HUGE * spread)
    cut[np.isnan(cut)] = 0.0
    return cut


def live_lines(program: Program, parameters: Array, ground: Ground, values: Array) -> Array:
    """The line of each unit of the first hidden layer, (networks, units) int64: its number, -1 where it is not live.

    Lines are numbered from 0 in the order of the units; units whose lines all but coincide have the same number. A unit
    is live where its line runs through the domain and the outputs there would change without it: its weights and bias
    set to 0, and what is left of its part by a plane taken away, since a part that is a plane bends nothing.

    Args:
        program: of the networks' cell.
        parameters: (networks, parameters) of them.
        ground: the domain.
        values: (networks, grid) their outputs there, as `outputs_within` gives them.
    """
    [cell] = program.cells
    layer = cell.layers[0]
    units = first_units(cell, parameters)
    corners = np.column_stack([ground.grid, np.ones(len(ground.grid))])
    flat, _ = np.linalg.qr(corners)
    with np.errstate(all="ignore"):
        x, y = units[:, :, 0, None] * ground.grid[:SIDE, 0], units[:, :, 1, None] * ground.grid[::SIDE, 1]
        above = (x[:, :, None, :] + (y + units[:, :, 2, None])[:, :, :, None] > 0).reshape(*units.shape[:2], -1)
    share = above.mean(axis=2)
    inside = (share > LEAST_SIDE) & (share < 1 - LEAST_SIDE)
    live = np.zeros(share.shape, bool)
    for unit in range(layer.outputs):
        without = parameters.copy()
        without[:, unit * layer.inputs : (unit + 1) * layer.inputs] = 0.0
        if layer.biased:
            without[:, layer.weights + unit] = 0.0
        part = values - outputs_within(program, without, ground.grid, ground.spread)
        part = part - part @ flat @ flat.T
        live[:, unit] = inside[:, unit] & (part.std(axis=1) > LEAST_PART * ground.spread)
    return _numbered(above, live)


def _numbered(above: Array, live: Array) -> Array:
    """The number of each unit's line: that of the first unit before it whose line is the same, else a new one."""
    numbers = np.full(live.shape, -1, np.int64)
    for unit in range(live.shape[1]):
        new = live[:, unit].copy()
        following = numbers.max(axis=1) + 1
        for other in range(unit):
            some = np.flatnonzero(new & live[:, other])
            apart = np.mean(above[some, unit] != above[some, other], axis=1)
            same = some[np.minimum(apart, 1 - apart) <= SAME_SIDES]
            numbers[same, unit] = numbers[same, other]
            new[same] = False
        numbers[new, unit] = following[new]
    return numbers
