"""Gradients of every activation, against central differences and against the reference in NumPy, in float64.

The gradient of a network at its initial parameters is seen through the public interface alone: one step of plain SGD
on the full batch moves them by lr times it. The learning rate is a large power of two, so that the difference of the
two rows of a trace loses nothing: (p₀ − p₁) / lr is the gradient to one rounding.

Differences are taken in two ways.

- Of mcstudy's own loss. A study cannot set one parameter, but `normal` initialisation sets all of them to
  mean + std · z, where z is the trial's and the same in every cell. So the losses of a study of no steps, at std ± h,
  give the derivative along z, which must be the gradient's product with z; likewise at mean ± h, for the sum of the
  gradient, and for the biases, which have an initialisation of their own. As z is another random direction in every
  trial, a gradient that is wrong in any one parameter fails.
- Of the reference's loss, in every parameter apart, after checking that the loss is mcstudy's. That gives the error
  as a share of the gradient's norm.

Both are of fourth order: (8 (L(h) − L(−h)) − (L(2h) − L(−2h))) / 12h. Trials in which a sum z of some unit and sample
lies near a kink, where there is no such derivative, are left out.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import mcstudy
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.plan import Cell, make_plan

sys.path.insert(0, str(Path(__file__).parent))
import naive
import naive_draws

RATE = 2.0**20
STEP = 2.0**-12
BIAS_STD = 0.5
NEAR = 2.0**-6
"""How near to a kink a sum may come; no difference here moves one so far."""
TRIALS = 40

DEPTHS: dict[str, list[int]] = {"1 layer": [], "2 layers": [4], "4 layers": [4, 3, 4]}
PARTS: dict[str, dict[str, Any]] = {  # a negative slope tells f(z) > 0 from z > 0
    "relu": {"name": "relu"},
    "leaky_relu": {"name": "leaky_relu", "negative_slope": -0.3},
    "elu": {"name": "elu", "alpha": 0.7},
    "selu": {"name": "selu"},
    "tanh": {"name": "tanh"},
    "sigmoid": {"name": "sigmoid"},
    "softplus": {"name": "softplus", "beta": 2.0, "threshold": 3.0},
    "linear": {"name": "linear"},
}
KINKS = {"relu": 0.0, "leaky_relu": 0.0, "elu": 0.0, "selu": 0.0, "softplus": 1.5}
"""Where f or a derivative of f jumps."""


class Point(NamedTuple):
    """A trial: its initial parameters, what mcstudy says of them, and its samples."""

    cell: Cell
    trial: int
    parameters: np.ndarray
    loss: float
    gradient: np.ndarray
    x: np.ndarray
    y: np.ndarray


def study(activation: str, hidden: list[int], samples: int, vary: dict[str, list[Any]] | None = None) -> mcstudy.Study:
    """One step on the full batch at the learning rate above, or what `vary` says instead."""
    return mcstudy.Study.model_validate(
        {
            "study": {"name": "gradients", "seed": 12, "trials": TRIALS},
            "task": {"name": "distance", "samples": "trial", "size": samples, "batch": "all"},
            "network": {
                "hidden": hidden,
                "activation": PARTS[activation],
                "output": "activation",
                "init": {"name": "normal", "bias": {"name": "normal", "std": BIAS_STD}},
            },
            "train": {"optimizer": {"name": "sgd", "lr": RATE}, "steps": 1, "precision": "float64"},
            "converge": {"loss": 0.0},
            "vary": vary or {},
        }
    )


@functools.cache
def points(activation: str, depth: str, samples: int = 5) -> list[Point]:
    """The trials that stay away from kinks, with a gradient that stands out of the rounding errors of the loss."""
    gradients = study(activation, DEPTHS[depth], samples)
    [cell] = make_plan(gradients).cells
    found = []
    for trial in range(TRIALS):
        trace = mcstudy.replay(gradients, cell.id, trial)
        x, y = naive_draws.sample_set(cell.settings, trial, None)
        sums = naive.Network(cell.settings, trace.parameters[0].copy()).forward(x)[1]
        nearest = min(np.min(np.abs(z - KINKS.get(activation, np.inf))) for z in sums)
        gradient = (trace.parameters[0] - trace.parameters[1]) / RATE
        if nearest > NEAR and np.linalg.norm(gradient) > 1e-3:
            found.append(Point(cell, trial, trace.parameters[0], trace.loss[0], gradient, x, y))
    assert len(found) >= 5
    return found


def difference(function: Callable[[float], Any], step: float = STEP) -> Any:
    """The derivative of a function at 0, to fourth order."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def loss_at(point: Point, parameters: np.ndarray) -> float:
    return float(naive.Network(point.cell.settings, parameters).loss(point.x, point.y))


every_network = pytest.mark.parametrize(
    ("activation", "depth"), [(activation, depth) for activation in ACTIVATIONS for depth in DEPTHS]
)

each_way = pytest.mark.parametrize("samples", [1, 5])
"""Steps of plain SGD on a single sample have a backward pass of their own."""


def test_every_activation_has_a_case() -> None:
    assert list(PARTS) == list(ACTIVATIONS)


@every_network
@each_way
def test_gradients_are_those_of_the_reference(activation: str, depth: str, samples: int) -> None:
    for point in points(activation, depth, samples):
        expected = naive.Network(point.cell.settings, point.parameters.copy()).gradient(point.x, point.y)
        np.testing.assert_allclose(point.loss, loss_at(point, point.parameters), rtol=1e-12)
        assert relative_error(point.gradient, expected) <= 1e-12


@every_network
@each_way
def test_gradients_are_central_differences_of_the_reference(activation: str, depth: str, samples: int) -> None:
    for point in points(activation, depth, samples):
        slopes = [
            difference(lambda h, point=point, unit=unit: loss_at(point, point.parameters + h * unit))
            for unit in np.eye(len(point.parameters))
        ]
        assert relative_error(np.array(slopes), point.gradient) <= 1e-7


def is_bias(cell: Cell) -> np.ndarray:
    """Which of the parameters are biases."""
    return np.concatenate([np.arange(n * m + m) >= n * m for n, m in naive_draws.layer_shapes(cell.settings)])


def derivatives_of_own_loss(activation: str, depth: str, moved: str) -> list[tuple[Point, np.ndarray, float]]:
    """Points, the direction in which `moved` moves the parameters there, and the derivative of the loss in it."""
    *of_bias, name = moved.split()
    start = {"mean": 0.0, "std": BIAS_STD if of_bias else 1.0}[name]
    moves = [k * STEP for k in (-2, -1, 1, 2)]
    inits: list[dict[str, Any]] = []
    for move in moves:
        weights: dict[str, Any] = {"name": "normal", "bias": {"name": "normal", "std": BIAS_STD}}
        (weights["bias"] if of_bias else weights)[name] = start + move
        inits.append(weights)
    rows = mcstudy.run(study(activation, DEPTHS[depth], 5, {"init": inits, "train.steps": [0]})).trials
    losses = dict(zip(moves, rows.loss_first.to_numpy().reshape(len(moves), TRIALS), strict=True))
    slopes = difference(lambda h: losses[h])
    found = []
    for point in points(activation, depth):
        direction = point.parameters / start if name == "std" else np.ones_like(point.parameters)
        found.append((point, np.where(is_bias(point.cell) == bool(of_bias), direction, 0), slopes[point.trial]))
    return found


def agree(gradient: np.ndarray, direction: np.ndarray, slope: float) -> bool:
    return bool(abs(gradient @ direction - slope) <= 1e-7 * np.linalg.norm(gradient) * np.linalg.norm(direction))


@every_network
@pytest.mark.parametrize("moved", ["mean", "std", "bias mean", "bias std"])
def test_gradients_are_central_differences_of_own_loss(activation: str, depth: str, moved: str) -> None:
    for point, direction, slope in derivatives_of_own_loss(activation, depth, moved):
        assert agree(point.gradient, direction, slope)


def test_a_gradient_wrong_in_one_parameter_is_refused() -> None:
    rows = [derivatives_of_own_loss("tanh", "4 layers", moved) for moved in ("std", "bias std")]
    for i in range(len(rows[0][0][1])):
        refused = False
        for point, direction, slope in itertools.chain(*rows):
            wrong = point.gradient.copy()
            wrong[i] += 3e-6 * np.linalg.norm(wrong)
            refused |= not agree(wrong, direction, slope)
        assert refused
