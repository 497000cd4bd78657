"""What a stuck trial sits at: a flat region, a saddle or a minimum, by the Hessian of its evaluation loss."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.engine.measure import gradients
from mcstudy.engine.program import Program, build
from mcstudy.engine.single import samples_of
from mcstudy.kernels.layout import TABLE
from mcstudy.outcomes import OUTCOMES, POINTS
from mcstudy.plan import Cell

Array = NDArray[Any]

MOST_PARAMETERS = 64
"""Parameters of the largest network that is looked at."""
STEP = 1e-5
"""Of the central differences of the gradient, relative to a parameter above 1: errors of 1e-10 by the third derivative
and of 1e-11 by rounding, and kinks that few evaluation points are near to."""
ZERO = 1e-6
"""An eigenvalue counts as zero that is no larger beside the largest magnitude of all; or, away from a stationary point,
than twice the gradient over the parameters' norm: where rescaling a unit changes nothing, that much curvature along
this curve comes from the gradient alone."""
MOVING, STEEP = 0.1, 0.01
"""A trial is at no point of rest, and nothing is said of it, whose gradient bends as much as so large a part of the
largest eigenvalue, and whose loss it would change by so large a part over the length of the parameters."""
LEAST_NORM = 1e-3
"""Parameters count as no smaller beside their gradient: near zero it is made of roundings."""


def hessian(program: Program, trial: int, parameters: Array) -> Array:
    """The Hessian of the evaluation loss, (parameters, parameters) float64, symmetric.

    Central differences of the exact gradient, in float64 whatever the cell's precision, over the cell's evaluation
    points. A piecewise linear activation has no curvature at its kinks, as almost everywhere.

    Args:
        program: of one cell.
        trial: whose evaluation points count, where each has its own.
        parameters: (parameters,) of the cell's network, in the order of a trace.
    """
    return _hessian(_at_trial(_double(program), program, trial), parameters)


def spectrum(matrix: Array) -> Array:
    """The eigenvalues of a symmetric matrix, ascending; NaN where an entry is not finite."""
    from mcstudy.training.eigenvalues import eigenvalues

    values = np.full(len(matrix), np.nan)
    if np.all(np.isfinite(matrix)):
        eigenvalues(np.array(matrix, np.float64), values)
    return np.sort(values)


def classify(values: Array, rescalings: int = 0, slope: float = 0.0) -> str:
    """One of `POINTS`, by the eigenvalues of a Hessian, ascending.

    Args:
        values: the eigenvalues.
        rescalings: directions in which the loss never changes, whatever the point: a unit's inputs made larger, its
            outputs as much smaller. A minimum is a point with no others.
        slope: norm of the gradient there, over that of the parameters; it counts where there are rescalings.
    """
    size = float(np.abs(values).max())
    if not np.isfinite(size):
        return "unknown"
    zero = max(ZERO * size, 2 * slope if rescalings else 0.0)
    if values[0] < -zero:
        return "saddle"
    return "flat" if np.sum(np.abs(values) <= zero) > rescalings else "minimum"


def rescalings(cell: Cell, alive: int) -> int:
    """How many of `alive` live hidden units can be rescaled without changing the network."""
    layers = cell.layers
    free = ACTIVATIONS[layers[0].activation["name"]].homogeneous and not layers[-1].fixed
    return alive if free and len(layers) > 1 else 0


def points(program: Program, rows: Mapping[str, Array], finals: Array) -> tuple[Array, Array]:
    """The smallest eigenvalue of each stuck trial (NaN for others), and codes of `POINTS`.

    Args:
        program: of one cell.
        rows: columns trial, outcome (codes), dead_units, gradient_norm, loss_last.
        finals: (trials, parameters) at the end.
    """
    [cell] = program.cells
    outcomes = rows["outcome"]
    smallest = np.full(len(outcomes), np.nan)
    codes = np.zeros(len(outcomes), np.uint8)
    hidden = sum(layer.outputs for layer in cell.layers[:-1])
    stuck = np.flatnonzero(outcomes == OUTCOMES.index("stuck"))
    exact = _double(program) if len(stuck) else program
    for i in stuck:
        own, final = _at_trial(exact, program, int(rows["trial"][i])), np.asarray(finals[i, : cell.parameters], float)
        values = spectrum(_hessian(own, final))
        norm, gradient = math.sqrt(math.fsum(final * final)), float(rows["gradient_norm"][i])
        slope = gradient / max(norm, LEAST_NORM)
        smallest[i] = values[0]
        size = float(np.abs(values).max())
        moving = 2 * slope > MOVING * size and gradient * norm > STEEP * float(rows["loss_last"][i])
        if not moving:
            codes[i] = POINTS.index(classify(values, rescalings(cell, hidden - int(rows["dead_units"][i])), slope))
    return smallest, codes


def _hessian(exact: Program, parameters: Array) -> Array:
    at = np.asarray(parameters, np.float64)
    width = STEP * np.maximum(1.0, np.abs(at))
    plus, minus = at + np.diag(width), at - np.diag(width)
    slopes = gradients(exact, 0, np.concatenate([plus, minus]))
    found = (slopes[: len(at)] - slopes[len(at) :]) / (np.diag(plus) - np.diag(minus))[:, None]
    return np.asarray((found + found.T) / 2)


def _double(program: Program) -> Program:
    """The program of the same cell in float64, for evaluation points that all trials share; it has none yet."""
    [cell] = program.cells
    settings = copy.deepcopy(cell.settings)
    settings["train"]["precision"] = "float64"
    settings["task"] |= {"samples": "trial", "size": 1, "batch": 1, "order": "sequential", "noise": 0.0}
    made = build([replace(cell, settings=settings)], {})
    group = made.group_table.copy()
    group["source"] = TABLE
    return replace(made, group_table=group)


def _at_trial(exact: Program, program: Program, trial: int) -> Program:
    """The program in float64 with the evaluation points of one trial."""
    pair = program.points
    if program.cells[0].settings["task"]["samples"] == "trial":
        own = samples_of(program, trial, 1)
        pair = own.points.T, own.answers.T
    inputs, targets = (np.ascontiguousarray(values, np.float64).ravel() for values in pair)
    return replace(exact, points=(inputs, targets))
