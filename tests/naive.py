"""A reference in plain NumPy: one trial at a time, written to be read. It imports nothing of mcstudy.

`train(settings, trial)` trains one trial of a cell, whose settings are those of `mcstudy.plan.Cell`. Draws (in
`naive_draws`), sums and updates follow their definitions; only the order of roundings differs from the kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from naive_draws import Array, Settings, batches, initial_parameters, layer_shapes, quantile_points, sample_set

# ---------------------------------------------------------------------------------------------- networks


def sigmoid(z: Array) -> Array:
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))  # not 0 before e^z is


def activation(part: Settings, z: Array) -> tuple[Array, Array]:
    """f(z) and f'(z)."""
    below = np.minimum(z, 0)
    match part["name"]:
        case "linear":
            return z, np.ones_like(z)
        case "relu":
            return np.maximum(z, 0), (z > 0).astype(z.dtype)
        case "leaky_relu":
            slope = np.where(z > 0, z.dtype.type(1), z.dtype.type(part["negative_slope"]))
            return z * slope, slope
        case "elu" | "selu":
            alpha, scale = part.get("alpha", 1.6732632423543772), 1.0
            if part["name"] == "selu":
                scale = 1.0507009873554805
            value = np.where(z > 0, z, alpha * np.expm1(below))
            return scale * value, scale * np.where(z > 0, z.dtype.type(1), alpha * np.exp(below))
        case "tanh":
            return np.tanh(z), 1 - np.tanh(z) ** 2
        case "sigmoid":
            return sigmoid(z), sigmoid(z) * (1 - sigmoid(z))
        case "softplus":
            beta, straight = part["beta"], part["beta"] * z > part["threshold"]
            return (
                np.where(straight, z, np.logaddexp(0, beta * z) / beta),
                np.where(straight, z.dtype.type(1), sigmoid(beta * z)),
            )
    raise ValueError(part["name"])


class Network:
    """A dense network whose weights and biases are views of one flat array of parameters.

    Attributes:
        parameters: (parameters,) layer by layer: weights (out, in) row by row, then biases.
        weights: (out, in) of each layer.
        biases: (out,) of each layer, or (0,) without biases.
        parts: the activation of each layer.
    """

    def __init__(self, settings: Settings, parameters: Array) -> None:
        network, shapes = settings["network"], layer_shapes(settings)
        self.parameters = parameters
        self.weights, self.biases = [], []
        for n, m in shapes:
            self.weights.append(parameters[: n * m].reshape(m, n))
            self.biases.append(parameters[n * m :][: m * network["bias"]])
            parameters = parameters[n * m + m * network["bias"] :]
        self.parts = [network["activation"]] * (len(shapes) - 1) + [network["output"]]

    def forward(self, x: Array) -> tuple[list[Array], list[Array], list[Array]]:
        """The input of each layer and, last, the output; the sums z of each layer; f'(z)."""
        values, sums, slopes = [x], [], []
        for weights, biases, part in zip(self.weights, self.biases, self.parts, strict=True):
            z = values[-1] @ weights.T
            sums.append(z + biases if biases.size else z)
            f, slope = activation(part, sums[-1])
            values.append(f)
            slopes.append(slope)
        return values, sums, slopes

    def loss(self, x: Array, y: Array) -> Any:
        """The mean over samples and outputs."""
        return np.mean((self.forward(x)[0][-1] - y) ** 2)

    def backward(self, x: Array, y: Array) -> Iterator[tuple[int, Array, Array]]:
        """(layer, gradient of its weights, of its biases), the last layer first.

        The error passes back through a layer's weights when the next layer is asked for, as they are then.
        """
        values, _, slopes = self.forward(x)
        delta = 2 * (values[-1] - y) / y.size * slopes[-1]
        for i in range(len(self.weights) - 1, -1, -1):
            yield i, delta.T @ values[i], delta.sum(axis=0)
            if i > 0:
                delta = delta @ self.weights[i] * slopes[i - 1]

    def gradient(self, x: Array, y: Array) -> Array:
        """The gradient of the loss, in the order of `parameters`."""
        parts = [np.append(w, b if self.biases[i].size else []) for i, w, b in self.backward(x, y)]
        return np.concatenate(parts[::-1])


# ---------------------------------------------------------------------------------------------- optimizers


def update(o: Settings, p: Array, g: Array, state: list[Array], n: int) -> None:
    """Update parameters p by their gradient g in step n = 1, 2, … as PyTorch does, and three arrays of state."""
    first, second, third = state
    g = g + o["weight_decay"] * p
    match o["name"]:
        case "sgd":
            if o["momentum"]:
                first[:] = g if n == 1 else o["momentum"] * first + (1 - o["dampening"]) * g
                g = g + o["momentum"] * first if o["nesterov"] else first
            p -= o["lr"] * g
        case "adam":
            beta1, beta2 = o["betas"]
            first[:] = beta1 * first + (1 - beta1) * g
            second[:] = beta2 * second + (1 - beta2) * g * g
            p -= o["lr"] * (first / (1 - beta1**n)) / (np.sqrt(second / (1 - beta2**n)) + o["eps"])
        case "rmsprop":
            first[:] = o["alpha"] * first + (1 - o["alpha"]) * g * g
            second[:] = o["alpha"] * second + (1 - o["alpha"]) * g
            size = np.sqrt(first - second * second if o["centered"] else first) + o["eps"]
            third[:] = o["momentum"] * third + g / size
            p -= o["lr"] * third
        case "adagrad":
            if n == 1:
                first[:] = o["initial_accumulator_value"]
            first += g * g
            p -= o["lr"] / (1 + (n - 1) * o["lr_decay"]) * g / (np.sqrt(first) + o["eps"])
        case unknown:
            raise ValueError(unknown)


class Trainer:
    """Steps of one network: gradients, the optimizer's state, and the two departures from gradient descent."""

    def __init__(self, settings: Settings, network: Network) -> None:
        self.options, self.network, self.n = settings["train"], network, 0
        flat = [np.zeros_like(network.parameters) for _ in range(3)]
        views = [Network(settings, state) for state in flat]
        self.weight_state = [[view.weights[i] for view in views] for i in range(len(network.weights))]
        self.bias_state = [[view.biases[i] for view in views] for i in range(len(network.weights))]

    def step(self, x: Array, y: Array) -> None:
        self.n += 1
        gradients = self.network.backward(x, y)
        if self.options["backward"] == "exact":
            gradients = iter(list(gradients))  # all errors pass back before anything is updated
        for i, weights, biases in gradients:
            self._update(i, weights, biases)

    def _update(self, i: int, weights: Array, biases: Array) -> None:
        optimizer, b = self.options["optimizer"], self.network.biases[i]
        update(optimizer, self.network.weights[i], weights, self.weight_state[i], self.n)
        if b.size and self.options["bias_update"] == "decay":
            b -= optimizer["lr"] * b
        elif b.size:
            update(optimizer, b, biases, self.bias_state[i], self.n)


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


def train(settings: Settings, trial: int, table: tuple[Array, Array] | None = None) -> dict[str, Any]:
    """Train one trial.

    Args:
        settings: of a cell.
        trial: the trial's number.
        table: inputs (samples, inputs) and targets (samples, outputs) of a table task.

    Returns:
        outcome, steps, and at the checks up to the one that ended it: losses (checks,), parameters
        (checks, parameters).
    """
    dtype = np.dtype(settings["train"]["precision"]).type
    network = Network(settings, initial_parameters(settings, trial).astype(dtype))
    trainer = Trainer(settings, network)
    fresh = settings["task"]["samples"] == "fresh"
    samples = None if fresh else sample_set(settings, trial, table)
    points = quantile_points(settings) if samples is None else samples
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
            elif losses[-1] <= settings["converge"]["loss"]:
                outcome = "converged"
            elif step == checks[-1]:
                outcome = outcome_after_all(losses, network.forward(points[0])[2])
            if outcome:
                break
    return {"outcome": outcome, "steps": step, "losses": np.array(losses), "parameters": np.array(parameters)}
