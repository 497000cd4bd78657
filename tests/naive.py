"""A reference in plain NumPy: one trial at a time, written to be read. It imports nothing of mcstudy.

`train(settings, trial)` trains one trial of a cell, whose settings are those of `mcstudy.plan.Cell`. Draws (in
`naive_draws`), sums and updates follow their definitions; only the order of roundings differs from the kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import naive_activations
import naive_diagnosis
import naive_losses
import naive_optimizers
import numpy as np
from naive_draws import (
    DROPOUT,
    SLOPES,
    Array,
    Settings,
    batches,
    initial_parameters,
    layer_shapes,
    quantile_points,
    sample_set,
    unit_uniforms,
)
from naive_inits import scale_by_data

# ---------------------------------------------------------------------------------------------- networks


class Noise:
    """The random numbers of one trial's units in training."""

    def __init__(self, settings: Settings, trial: int) -> None:
        self.seed, self.trial, self.rates = settings["seed"], trial, settings["network"]["dropout"]

    def slopes(self, layer: int, numbers: Array, z: Array) -> Array:
        """Uniforms for the sums z (samples, units) of a layer; `numbers` are the samples' in training."""
        return unit_uniforms(self.seed, SLOPES, self.trial, layer, numbers, z.shape[1]).astype(z.dtype)

    def factors(self, layer: int, numbers: Array, z: Array) -> Array:
        """What dropout multiplies the units' outputs by."""
        if layer == len(self.rates) or not self.rates[layer]:
            return np.ones_like(z)
        u = unit_uniforms(self.seed, DROPOUT, self.trial, layer, numbers, z.shape[1])
        return np.where(u < self.rates[layer], 0, 1 / (1 - self.rates[layer])).astype(z.dtype)


class Network:
    """A dense network whose weights and biases are views of one flat array of parameters.

    Attributes:
        parameters: (parameters,) layer by layer: weights (out, in) row by row, biases, a trained slope.
        weights: (out, in) of each layer; ones where the hidden units are only added up.
        biases: (out,) of each layer, or (0,) without biases.
        own: (1,) the trained slope of each layer's activation, or (0,) of others.
        parts: the activation of each layer.
        trained: whether a layer's weights are.
    """

    def __init__(self, settings: Settings, parameters: Array) -> None:
        network, shapes = settings["network"], layer_shapes(settings)
        self.parameters, self.loss_part = parameters, settings["train"]["loss"]
        output = network["output"]
        sums = output["name"] == "sum"
        self.parts = [network["activation"]] * (len(shapes) - 1) + [{"name": "linear"} if sums else output]
        self.trained = [True] * (len(shapes) - 1) + [not sums]
        self.weights, self.biases, self.own = [], [], []
        for (n, m), part, trained in zip(shapes, self.parts, self.trained, strict=True):
            counts = n * m * trained, m * network["bias"] * trained, int(part["name"] == "prelu")
            weights, biases, own, parameters = np.split(parameters, np.cumsum(counts))
            self.weights.append(weights.reshape(m, n) if trained else np.ones((m, n), parameters.dtype))
            self.biases.append(biases)
            self.own.append(own)

    def forward(
        self, x: Array, noise: Noise | None = None, numbers: Array | None = None
    ) -> tuple[list[Array], list[Array], list[Array], list[Array]]:
        """The input of each layer and, last, the output; the sums z of each layer; f'(z); df(z) by the trained slope.

        With `noise`, units are left out and have random slopes; the samples' `numbers` in training choose them.
        """
        values, sums, slopes, by_own = [x], [], [], []
        for i, (weights, biases, own, part) in enumerate(
            zip(self.weights, self.biases, self.own, self.parts, strict=True)
        ):
            z = values[-1] @ weights.T
            z = z + biases if biases.size else z
            rise = np.zeros_like(z)
            if own.size:
                f, slope, rise = naive_activations.trained(part, z, own[0])
            elif noise and part["name"] == "rrelu":
                f, slope = naive_activations.noisy(part, z, noise.slopes(i, numbers, z))
            else:
                f, slope = naive_activations.activation(part, z)
            factor = noise.factors(i, numbers, z) if noise else np.ones_like(z)
            sums.append(z)
            values.append(f * factor)
            slopes.append(slope * factor)
            by_own.append(rise * factor)
        return values, sums, slopes, by_own

    def loss(self, x: Array, y: Array) -> Any:
        """The mean over samples and, of most losses, outputs."""
        return naive_losses.loss(self.loss_part, self.forward(x)[0][-1], y)

    def backward(
        self, x: Array, y: Array, noise: Noise | None = None, numbers: Array | None = None
    ) -> Iterator[tuple[int, Array, Array, Array]]:
        """(layer, gradient of its weights, of its biases, of its trained slope), the last layer first.

        The error passes back through a layer's weights when the next layer is asked for, as they are then.
        """
        values, _, slopes, by_own = self.forward(x, noise, numbers)
        error = naive_losses.gradient(self.loss_part, values[-1], y)
        for i in range(len(self.weights) - 1, -1, -1):
            delta = error * slopes[i]
            own = np.array([np.sum(error * by_own[i])]) if self.own[i].size else np.zeros(0)
            yield i, delta.T @ values[i], delta.sum(axis=0), own
            if i > 0:
                error = delta @ self.weights[i]

    def gradient(self, x: Array, y: Array) -> Array:
        """The gradient of the loss, in the order of `parameters`."""
        parts = []
        for i, w, b, own in self.backward(x, y):
            if self.trained[i]:
                parts.append(np.concatenate([w.ravel(), b if self.biases[i].size else [], own]))
        return np.concatenate(parts[::-1])


class Trainer:
    """Steps of one network: gradients, what changes them, the optimizer, and two departures from gradient descent."""

    def __init__(self, settings: Settings, network: Network, trial: int) -> None:
        self.options, self.network, self.n = settings["train"], network, 0
        self.noise, self.samples = Noise(settings, trial), 0
        flat = [np.zeros_like(network.parameters) for _ in range(3)]
        views = [Network(settings, state) for state in flat]
        count = range(len(network.weights))
        self.state = {
            name: [[getattr(view, name)[i] for view in views] for i in count] for name in ("weights", "biases", "own")
        }

    def step(self, x: Array, y: Array) -> None:
        self.n += 1
        numbers = np.arange(self.samples, self.samples + len(x))
        self.samples += len(x)
        gradients = self.network.backward(x, y, self.noise, numbers)
        if self.options["backward"] == "exact":
            # All errors pass back before anything is updated.
            gradients = iter(self._clipped([self._adjusted(*each) for each in gradients]))
        else:
            gradients = (self._adjusted(*each) for each in gradients)
        for i, *parts in gradients:
            self._update(i, *parts)

    def _adjusted(self, i: int, *gradients: Array) -> list[Any]:
        """With the penalty's gradient, each number cut to the largest that is allowed."""
        weights, *others = gradients
        if self.options["regularizer"] and self.network.trained[i]:
            part = self.options["regularizer"]
            if part["name"] != "repulsion" or i < len(self.network.weights) - 1:
                weights = weights + naive_optimizers.penalty_gradient(part, self.network.weights[i])
        limit = self.options["clip_value"]
        cut = [np.clip(g, -limit, limit) for g in (weights, *others)] if limit else [weights, *others]
        return [i, *cut]

    def _clipped(self, gradients: list[list[Any]]) -> list[list[Any]]:
        """All scaled together to the largest norm that is allowed."""
        limit = self.options["clip_norm"]
        if not limit:
            return gradients
        total = 0.0
        for i, weights, biases, own in gradients:
            if self.network.trained[i]:
                total += np.sum(weights**2) + (np.sum(biases**2) if self.network.biases[i].size else 0)
            total += np.sum(own**2)
        factor = min(1.0, limit / (np.sqrt(total) + 1e-6))
        return [[i, weights * factor, biases * factor, own * factor] for i, weights, biases, own in gradients]

    def _update(self, i: int, weights: Array, biases: Array, own: Array) -> None:
        network, optimizer = self.network, dict(self.options["optimizer"])
        if self.options["schedule"]:
            rate, steps = optimizer["lr"], self.options["steps"]
            optimizer["lr"] = rate * naive_optimizers.factor(self.options["schedule"], self.n - 1, rate, steps)
        if network.trained[i]:
            naive_optimizers.update(optimizer, network.weights[i], weights, self.state["weights"][i], self.n)
        b = network.biases[i]
        if b.size and self.options["bias_update"] == "decay":
            b -= optimizer["lr"] * b
        elif b.size:
            naive_optimizers.update(optimizer, b, biases, self.state["biases"][i], self.n)
        if own.size:
            naive_optimizers.update(optimizer, network.own[i], own, self.state["own"][i], self.n)


# ---------------------------------------------------------------------------------------------- a trial


def check_steps(settings: Settings) -> list[int]:
    """Step 0, every `every` steps, and the last."""
    last = settings["train"]["steps"]
    return sorted({*range(0, last, settings["converge"]["every"]), last})


def outcome_after_all(losses: list[float], slopes: list[Array]) -> str:
    """How a trial ended whose steps ran out: its losses at all checks, and f'(z) of each layer at the last one."""
    if any(np.all(slope == 0) for slope in slopes):
        return "dead"
    late = max(1, len(losses) // 5)
    before, after = losses[:-late], losses[-late:]
    return "stuck" if before and not min(after) < 0.99 * min(before) else "unfinished"


def accuracy(settings: Settings, o: Array, y: Array) -> float:
    """The share of the samples whose outputs o (samples, outputs) are all on the side of their targets y."""
    labels, logits = settings["task"]["labels"], settings["train"]["loss"]["name"] in ("binary_cross_entropy", "hinge")
    if labels == "classes":
        return float(np.mean(o.argmax(axis=1) == y.argmax(axis=1)))
    if labels == "signs":
        return float(np.mean(np.all((o > 0) == (y > 0), axis=1)))
    return float(np.mean(np.all((o > (0 if logits else 0.5)) == (y > 0.5), axis=1)))


def converged(settings: Settings, network: Network, points: tuple[Array, Array], loss: float) -> bool:
    """Whether every criterion holds."""
    wanted = settings["converge"]
    met = wanted["loss"] is None or loss <= wanted["loss"]
    if wanted["accuracy"] is not None:
        met &= accuracy(settings, network.forward(points[0])[0][-1], points[1]) >= wanted["accuracy"] - 1e-9
    if wanted["weights"] is not None:
        target = np.array(wanted["weights"]["target"])
        met &= bool(np.abs(network.parameters - target).max() <= wanted["weights"]["within"])
    return met


def diagnosis(settings: Settings, points: tuple[Array, Array], start: Array, end: Array) -> dict[str, tuple[Any, bool]]:
    """What the columns of a trial's row tell of it, each with whether it is sure.

    Args:
        settings: of its cell.
        points: inputs and targets of the evaluation points.
        start, end: its parameters, (parameters,).
    """
    x, y = points
    with np.errstate(all="ignore"):
        before = naive_diagnosis.dead(Network(settings, start.copy()).forward(x)[2])
        network = Network(settings, end.copy())
        values, _, slopes, _ = network.forward(x)
        gradient_norm = np.linalg.norm(network.gradient(x, y).astype(float))
    after = naive_diagnosis.dead(slopes)
    found: dict[str, Any] = {"dead_units_start": sum(before), "dead_units": sum(after)}
    if len(before) > 1:
        found |= {f"dead_units_start_{i}": count for i, count in enumerate(before, 1)}
        found |= {f"dead_units_{i}": count for i, count in enumerate(after, 1)}
    sure = {name: (value, True) for name, value in found.items()}
    layers = list(zip(network.weights, network.biases, strict=True))
    sure["gradient_norm"] = gradient_norm, True
    straight = settings["network"]["activation"]["name"] == "linear"
    logits = settings["train"]["loss"]["name"] in ("binary_cross_entropy", "hinge", "softmax_cross_entropy")
    return sure | naive_diagnosis.diagnose(layers, slopes, values[-1], y, straight, logits)


def train(settings: Settings, trial: int, table: tuple[Array, Array] | None = None) -> dict[str, Any]:
    """Train one trial.

    Args:
        settings: of a cell.
        trial: the trial's number.
        table: inputs (samples, inputs) and targets (samples, outputs) of a table task.

    Returns:
        outcome, steps, points (inputs and targets of the evaluation points), and at the checks up to the one that
        ended it: losses (checks,), parameters (checks, parameters).
    """
    dtype = np.dtype(settings["train"]["precision"]).type
    network = Network(settings, initial_parameters(settings, trial).astype(dtype))
    trainer = Trainer(settings, network, trial)
    fresh = settings["task"]["samples"] == "fresh"
    samples = None if fresh else sample_set(settings, trial, table)
    points = quantile_points(settings) if samples is None else samples
    if settings["network"]["init"]["name"] == "lsuv":
        scale_by_data(network, points[0])
    data = batches(settings, trial, samples)
    checks = check_steps(settings)
    losses: list[float] = []
    parameters: list[Array] = []
    outcome = ""
    with np.errstate(all="ignore"):
        for step in checks:
            while trainer.n < step:
                trainer.step(*next(data))
            losses.append(float(network.loss(*points)))
            parameters.append(network.parameters.copy())
            if not (np.isfinite(losses[-1]) and np.all(np.isfinite(parameters[-1]))):
                outcome = "diverged"
            elif converged(settings, network, points, losses[-1]):
                outcome = "converged"
            elif step == checks[-1]:
                outcome = outcome_after_all(losses, network.forward(points[0])[2])
            if outcome:
                break
    return {
        "outcome": outcome,
        "steps": step,
        "points": points,
        "losses": np.array(losses),
        "parameters": np.array(parameters),
    }
