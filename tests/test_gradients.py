"""Gradients of every activation and every loss, by central differences and against the reference in NumPy, in float64.

The gradient of a network at its initial parameters is seen through the public interface alone: one step of plain SGD
on the full batch moves them by lr times it. The learning rate is a large power of two, so that the difference of the
two rows of a trace loses nothing: (p₀ − p₁) / lr is the gradient to one rounding.

Differences are taken in two ways.

- Of mcstudy's own loss. A study cannot set one parameter, but `normal` initialisation sets all of them to
  mean + std · z, where z is the trial's and the same in every cell. So the losses of a study of no steps, at std ± h,
  give the derivative along z, which must be the gradient's product with z; likewise at mean ± h, for the sum of the
  gradient, and for the biases, which have an initialisation of their own. As z is another random direction in every
  trial, a gradient that is wrong in any one parameter fails. A trained slope starts where its activation says, so it
  is moved in the same way.
- Of the reference's loss, in every parameter apart, after checking that the loss is mcstudy's. That gives the error
  as a share of the gradient's norm.

Both are of fourth order: (8 (L(h) − L(−h)) − (L(2h) − L(−2h))) / 12h. Trials in which a sum z of some unit and sample
lies near a kink of its activation, or an output near one of the loss, where there is no such derivative, are left out.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import mcstudy
from mcstudy.again.trace import retrain
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.losses import LOSSES
from mcstudy.plan import Cell, make_plan

sys.path.insert(0, str(Path(__file__).parent))
import naive
import naive_draws
from cases_activations import ACTIVATION_CASES, KINKS, LOSS_CASES, LOSS_EDGES, label

RATE = 2.0**20
STEP = 2.0**-13
STD, BIAS_STD = 0.75, 0.5
NEAR = 2.0**-6
"""How near to a kink a sum may come; no difference here moves one so far."""
TRIALS, ENOUGH, FEWEST = 250, 3, 3
"""Trials that are looked through, and how many of them with a gradient are used."""
LARGEST = 30.0
"""Of the gradients: what grows like e^(e^z) is too crooked for differences."""

DEPTHS: dict[str, list[int]] = {"1 layer": [], "2 layers": [4], "4 layers": [4, 3, 4]}


def certain(part: dict[str, Any]) -> dict[str, Any]:
    """An activation whose slope in training is that of evaluation."""
    return part | {"lower": part["upper"]} if part["name"] == "rrelu" else part


PARTS: dict[str, dict[str, Any]] = {label(part): certain(part) for part in ACTIVATION_CASES}
LOSS_PARTS: dict[str, dict[str, Any]] = {label(part): part for part in LOSS_CASES}
REAL: dict[str, Any] = {"name": "teacher", "outputs": 2}
CLASSES: dict[str, Any] = {"name": "spirals", "classes": 3}


class Point(NamedTuple):
    """A trial: its initial parameters, what mcstudy says of them, and its samples."""

    cell: Cell
    trial: int
    parameters: np.ndarray
    loss: float
    gradient: np.ndarray
    x: np.ndarray
    y: np.ndarray


def study(
    hidden: list[int], samples: int, vary: dict[str, list[Any]], loss: str | None = None, **train: Any
) -> mcstudy.Study:
    """One step on the full batch at the learning rate above, or what `vary` says instead.

    Without a loss, of a network whose output has the hidden units' activation; else of one with several linear ones.
    """
    task: Any = "distance"
    if loss is not None:
        task = REAL if LOSSES[LOSS_PARTS[loss]["name"]].targets == "any" else CLASSES
    return mcstudy.Study.model_validate(
        {
            "study": {"name": "gradients", "seed": 12, "trials": TRIALS},
            "task": {"name": task, "samples": "trial", "size": samples, "batch": "all"},
            "network": {
                "hidden": hidden,
                "output": "activation" if loss is None else "linear",
                "init": {"name": "normal", "std": STD, "bias": {"name": "normal", "std": BIAS_STD}},
            },
            "train": {
                "optimizer": {"name": "sgd", "lr": RATE},
                "steps": 1,
                "precision": "float64",
                "loss": "mse" if loss is None else LOSS_PARTS[loss],
            }
            | train,
            "converge": {"loss": 0.0},
            "vary": vary,
        }
    )


def apart(point: Point) -> bool:
    """Whether a trial stays away from all kinks."""
    network, loss = point.cell.settings["network"], point.cell.settings["train"]["loss"]
    values, sums, _, _ = naive.Network(point.cell.settings, point.parameters.copy()).forward(point.x)
    for z, part in zip(sums, [*[network["activation"]] * (len(sums) - 1), network["output"]], strict=True):
        kinks = KINKS.get(part["name"], lambda part: [])(part)
        if any(np.min(np.abs(z - kink)) <= NEAR for kink in kinks):
            return False
    edges = LOSS_EDGES.get(loss["name"])
    return edges is None or bool(np.min(edges(loss, values[-1], point.y)) > NEAR)


def points_of(cell: Cell) -> Iterator[Point]:
    """The trials that stay away from kinks, with a gradient that stands out of the rounding errors of the loss."""
    for trial in range(TRIALS):
        trace = retrain(cell, {}, trial)
        if len(trace.steps) < 2 or np.abs(trace.parameters[1]).max() > LARGEST * RATE:
            continue
        x, y = naive_draws.sample_set(cell.settings, trial, None)
        gradient = (trace.parameters[0] - trace.parameters[1]) / RATE
        point = Point(cell, trial, trace.parameters[0], trace.loss[0], gradient, x, y)
        if 1e-3 < np.linalg.norm(gradient) < LARGEST and apart(point):
            yield point


@functools.cache
def points(activation: str, depth: str, samples: int = 5, loss: str | None = None) -> list[Point]:
    """The first trials that can be told by differences."""
    walked = study(DEPTHS[depth], samples, {"activation": [PARTS[activation]]}, loss)
    found = list(itertools.islice(points_of(make_plan(walked).cells[0]), ENOUGH))
    assert len(found) >= FEWEST
    return found


def difference(function: Callable[[float], Any], step: float = STEP) -> Any:
    """The derivative of a function at 0, to fourth order."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def loss_at(point: Point, parameters: np.ndarray) -> float:
    return float(naive.Network(point.cell.settings, parameters).loss(point.x, point.y))


def reference_gradient(point: Point) -> np.ndarray:
    """By the reference's own derivatives."""
    return naive.Network(point.cell.settings, point.parameters.copy()).gradient(point.x, point.y)


def reference_slopes(point: Point) -> np.ndarray:
    """The central differences of the reference's loss, in each parameter."""
    units = np.eye(len(point.parameters))
    return np.array([difference(lambda h, unit=unit: loss_at(point, point.parameters + h * unit)) for unit in units])


every_network = pytest.mark.parametrize(
    ("activation", "depth"), [(activation, depth) for activation in PARTS for depth in DEPTHS]
)
AMONG = 4
"""A loss knows the outputs alone, and an activation of hidden units no loss: of all pairs, one among so many will do,
so that every activation goes with two losses, and every loss with many activations. The others are slow."""


def among(activation: str, loss: str) -> int:
    """Which of them a pair is, from 0."""
    return (list(PARTS).index(activation) + list(LOSS_PARTS).index(loss)) % AMONG


every_pair = pytest.mark.parametrize(
    ("activation", "loss"),
    [
        pytest.param(activation, loss, marks=[pytest.mark.slow] if among(activation, loss) else [])
        for loss in LOSS_PARTS
        for activation in PARTS
    ],
)


def test_every_activation_and_loss_has_a_case() -> None:
    assert {part["name"] for part in PARTS.values()} == set(ACTIVATIONS)
    assert {part["name"] for part in LOSS_PARTS.values()} == set(LOSSES)


@pytest.mark.parametrize(
    ("activation", "depth", "samples"),
    [(activation, depth, 5) for activation in PARTS for depth in DEPTHS]
    + [(activation, "2 layers", 1) for activation in PARTS],  # one sample has a backward pass of its own
)
def test_gradients_of_networks(activation: str, depth: str, samples: int) -> None:
    for point in points(activation, depth, samples):
        np.testing.assert_allclose(point.loss, loss_at(point, point.parameters), rtol=1e-12)
        assert relative_error(point.gradient, reference_gradient(point)) <= 1e-12
    for point in points(activation, depth, samples)[:2]:
        assert relative_error(reference_slopes(point), point.gradient) <= 1e-7


@every_pair
def test_gradients_of_losses(activation: str, loss: str) -> None:
    for point in points(activation, "2 layers", loss=loss)[:FEWEST]:
        np.testing.assert_allclose(point.loss, loss_at(point, point.parameters), rtol=1e-12)
        assert relative_error(point.gradient, reference_gradient(point)) <= 1e-12
        assert relative_error(reference_slopes(point), point.gradient) <= 1e-7


# ---------------------------------------------------------------------------------------------- of mcstudy's own loss


def kinds(cell: Cell) -> np.ndarray:
    """Of each parameter: "w" a weight, "b" a bias, "s" a trained slope."""
    found = [
        ["w"] * layer.weights + ["b"] * (layer.parameters - layer.weights - layer.trained) + ["s"] * layer.trained
        for layer in cell.layers
    ]
    return np.array(list(itertools.chain(*found)))


MOVES = [k * STEP for k in (-2, -1, 1, 2)]
MOVED = {"mean": ("w", 0.0), "std": ("w", STD), "bias mean": ("b", 0.0), "bias std": ("b", BIAS_STD)}
"""What is moved: the kind of parameters, and where it starts."""


@functools.cache
def own_slopes(depth: str, moved: str, loss: str | None, which: int | None) -> dict[str, np.ndarray]:
    """The derivative of mcstudy's loss of each trial, (trials,), for each activation or for `which` of its pairs."""
    parts = {name: part for name, part in PARTS.items() if loss is None or among(name, loss) == which}
    inits: list[dict[str, Any]] = []
    for move in MOVES:
        weights: dict[str, Any] = {"name": "normal", "std": STD, "bias": {"name": "normal", "std": BIAS_STD}}
        (weights["bias"] if moved.startswith("bias") else weights)[moved.split()[-1]] = MOVED[moved][1] + move
        inits.append(weights)
    walked = study(DEPTHS[depth], 5, {"activation": list(parts.values()), "init": inits}, loss, steps=0)
    losses = mcstudy.run(walked).trials.loss_first.to_numpy().reshape(len(parts), len(MOVES), TRIALS)
    with np.errstate(all="ignore"):
        return {name: difference(lambda h, i=i: losses[i, MOVES.index(h)]) for i, name in enumerate(parts)}


def agree(gradient: np.ndarray, direction: np.ndarray, slope: float) -> bool:
    return bool(abs(gradient @ direction - slope) <= 1e-7 * np.linalg.norm(gradient) * np.linalg.norm(direction))


def moves(activation: str, depth: str, moved: str, loss: str | None) -> Iterator[tuple[Point, np.ndarray, float]]:
    """Points, the direction in which `moved` moves the parameters there, and the derivative of the loss in it."""
    kind, start = MOVED[moved]
    slopes = own_slopes(depth, moved, loss, None if loss is None else among(activation, loss))[activation]
    for point in points(activation, depth, 5, loss):
        direction = point.parameters / start if start else np.ones_like(point.parameters)
        yield point, np.where(kinds(point.cell) == kind, direction, 0), slopes[point.trial]


@every_network
@pytest.mark.parametrize(
    "moved", [moved if "std" in moved else pytest.param(moved, marks=pytest.mark.slow) for moved in MOVED]
)
def test_gradients_of_networks_are_those_of_own_loss(activation: str, depth: str, moved: str) -> None:
    for point, direction, slope in moves(activation, depth, moved, None):
        assert agree(point.gradient, direction, slope)


@every_pair
@pytest.mark.parametrize("moved", ["std", "bias std"])
def test_gradients_of_losses_are_those_of_own_loss(activation: str, loss: str, moved: str) -> None:
    for point, direction, slope in moves(activation, "2 layers", moved, loss):
        assert agree(point.gradient, direction, slope)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("loss", [None, *LOSS_PARTS])
@pytest.mark.parametrize("activation", [name for name, part in PARTS.items() if part["name"] == "prelu"])
def test_gradients_of_a_trained_slope_are_those_of_own_loss(activation: str, loss: str | None, depth: str) -> None:
    """A slope for each layer, moved together."""
    levels = [{"name": "prelu", "init": PARTS[activation]["init"] + move} for move in MOVES]
    walked = study(DEPTHS[depth], 5, {"activation": levels}, loss, steps=0)
    losses = mcstudy.run(walked).trials.loss_first.to_numpy().reshape(len(MOVES), TRIALS)
    slopes = difference(lambda h: losses[MOVES.index(h)])
    if depth == "1 layer" and loss is not None:
        return  # its only unit is linear
    for point in points(activation, depth, 5, loss):
        direction = (kinds(point.cell) == "s").astype(float)
        assert direction.sum() == len(DEPTHS[depth]) + (loss is None)
        assert agree(point.gradient, direction, slopes[point.trial])


@pytest.mark.parametrize("activation", ["tanh", "prelu 0.25"])
def test_a_gradient_wrong_in_one_parameter_is_refused(activation: str) -> None:
    rows = [list(moves(activation, "4 layers", moved, None)) for moved in ("std", "bias std")]
    for i in np.flatnonzero(kinds(rows[0][0][0].cell) != "s"):
        refused = False
        for point, direction, slope in itertools.chain(*rows):
            wrong = point.gradient.copy()
            wrong[i] += 1e-5 * np.linalg.norm(wrong)
            refused |= not agree(wrong, direction, slope)
        assert refused


@pytest.mark.parametrize("loss", LOSS_PARTS)
def test_a_wrong_gradient_is_refused_by_the_reference(loss: str) -> None:
    point = points("gelu none", "2 layers", 5, loss)[0]
    for i in range(len(point.gradient)):
        wrong = point.gradient.copy()
        wrong[i] += 1e-6 * np.linalg.norm(wrong)
        assert relative_error(reference_slopes(point), wrong) > 1e-7
