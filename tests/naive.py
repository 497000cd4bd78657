"""A reference in plain NumPy: one trial at a time, written to be read. It imports nothing of mcstudy.

`train(settings, trial)` trains one trial of a cell, whose settings are those of `mcstudy.plan.Cell`. Draws, sums and
updates follow their definitions; only the order of roundings differs from the kernels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, ndtri
from scipy.stats import qmc

Settings = dict[str, Any]
Array = np.ndarray

WEIGHTS, DATA, ORDER, SHARED = 0, 1, 2, 5
LOW = 0xFFFFFFFF

# ---------------------------------------------------------------------------------------------- random numbers


def philox(counter: Array, key: tuple[int, int]) -> Array:
    """Philox4x32-7: counters of four 32-bit words, (..., 4), to as many random words (uint64 below 2^32)."""
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(7):
        left, right = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (right >> 32) ^ c1 ^ k0, right & LOW, (left >> 32) ^ c3 ^ k1, left & LOW
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return np.stack([c0, c1, c2, c3], axis=-1)


def words(seed: int, stream: int, trial: int, first: int, last: int) -> Array:
    """The 32-bit words numbered `first` ≤ i < `last` of a stream, four to a block."""
    block = np.arange(first // 4, -(-last // 4), dtype=np.uint64)
    counter = np.empty((len(block), 4), np.uint64)
    counter[:, 0] = block & LOW
    counter[:, 1] = (block >> 32) | (stream << 24)
    counter[:, 2] = trial & LOW
    counter[:, 3] = trial >> 32
    found = philox(counter, (seed & LOW, seed >> 32)).ravel()
    return found[first % 4 :][: last - first]


def pairs(seed: int, stream: int, trial: int, first: int, last: int) -> Array:
    """64-bit integers of two words each, the low one first."""
    halves = words(seed, stream, trial, 2 * first, 2 * last).reshape(-1, 2)
    return halves[:, 0] | halves[:, 1] << 32


def uniforms(seed: int, stream: int, trial: int, first: int, last: int, dtype: Any) -> Array:
    """Uniforms of a stream in [0, 1): as many leading bits of a word, or of two, as the precision has."""
    if dtype == np.float32:
        return ((words(seed, stream, trial, first, last) >> 8) * 2.0**-24).astype(dtype)
    return (pairs(seed, stream, trial, first, last) >> 11) * 2.0**-53


def normals(seed: int, stream: int, trial: int, first: int, last: int, dtype: Any) -> Array:
    """Standard normals of a stream: r sin φ and r cos φ in turn, r² = −2 log u (Box and Muller).

    The first of two numbers gives u in (0, 1], the second, read as signed, φ in half turns on either side of 0.
    """
    start, end = first - first % 2, last + last % 2
    if dtype == np.float32:
        bits = words(seed, stream, trial, start, end).astype(np.uint32).reshape(-1, 2)
        u = (bits[:, 0].astype(np.float32) * 2.0**-32 + np.float64(2.0**-33)).astype(np.float32)
        turn = bits[:, 1].view(np.int32).astype(np.float32) * 2.0**-32
    else:
        bits = pairs(seed, stream, trial, start, end).reshape(-1, 2)
        u = (bits[:, 0] >> 11) * 2.0**-53 + 2.0**-54
        turn = (bits[:, 1].view(np.int64) >> 11) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(u.astype(np.float64))), 2 * np.pi * turn.astype(np.float64)
    both = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1).ravel()
    return both[first - start :][: last - first].astype(dtype)


# ---------------------------------------------------------------------------------------------- the start


def layer_shapes(settings: Settings) -> list[tuple[int, int]]:
    """(fan-in, fan-out) of each layer."""
    task, hidden = settings["task"], settings["network"]["hidden"]
    return list(itertools.pairwise([task["n_inputs"], *hidden, task["n_outputs"]]))


def quantile(init: Settings, u: Array, fan_in: int, fan_out: int) -> Array:
    """The initial values at the probabilities u."""
    name = init["name"]
    if name in ("zeros", "constant"):
        return np.full(u.shape, init.get("value", 0.0))
    if name == "normal":
        return init["mean"] + init["std"] * ndtri(u)
    if name == "uniform":
        return init["low"] + (init["high"] - init["low"]) * u
    variance = init["gain"] ** 2 * {"he": 1 / fan_in, "glorot": 2 / (fan_in + fan_out)}[name.split("_")[0]]
    if name.endswith("uniform"):
        return math.sqrt(3 * variance) * (2 * u - 1)
    if not init["truncated"]:
        return math.sqrt(variance) * ndtri(u)
    inside = ndtr(2) - ndtr(-2)
    cut_variance = 1 - 2 * 2 * math.exp(-2) / math.sqrt(2 * math.pi) / inside
    return math.sqrt(variance / cut_variance) * ndtri(ndtr(-2) + inside * u)


def initial_parameters(settings: Settings, trial: int) -> Array:
    """All parameters, layer by layer: weights (out, in) row by row, then biases. Float64."""
    network, shapes = settings["network"], layer_shapes(settings)
    init = network["init"]
    if init["name"] == "grid":
        axes = [np.linspace(*axis) for axis in zip(init["low"], init["high"], init["points"], strict=True)]
        points = np.array(list(itertools.product(*axes)))
        return points[trial % len(points)]
    count = sum(n * m + m * network["bias"] for n, m in shapes)
    u = (pairs(settings["seed"], WEIGHTS, trial, 0, count) >> 12) * 2.0**-52 + 2.0**-53
    values = []
    for n, m in shapes:
        values.append(quantile(init, u[: n * m], n, m))
        u = u[n * m :]
        if network["bias"]:
            values.append(quantile(init["bias"], u[:m], n, m))
            u = u[m:]
    return np.concatenate(values)


# ---------------------------------------------------------------------------------------------- data

POINTS = {"addition": ((0.1, 0.2), (0.5, 0.3), (0.2, 0.4), (0.3, 0.7), (0.5, 0.5), (0.4, 0.3))}


def targets(task: Settings, x: Array) -> Array:
    """What a network should answer to inputs (samples, inputs)."""
    first, last = x[:, :1], x[:, -1:]
    match task["name"]:
        case "relu":
            return np.maximum(first, 0)
        case "abs":
            return np.abs(first)
        case "distance":
            return np.sqrt(first * first + last * last)
        case "addition":
            return first + last
        case "sine":
            return np.sin(task["parameters"]["frequency"] * first)
    raise ValueError(task["name"])


def inputs(settings: Settings, stream: int, trial: int, first: int, last: int) -> Array:
    """The inputs numbered `first` ≤ i < `last` of a stream, (samples, inputs), in the cell's precision."""
    task, dtype = settings["task"], np.dtype(settings["train"]["precision"]).type
    width, spread = task["n_inputs"], task["input"]
    numbers = settings["seed"], stream, trial, first * width, last * width, dtype
    if spread["name"] == "normal":
        x = normals(*numbers).astype(np.float64) * spread["std"] + spread["mean"]
    else:
        x = uniforms(*numbers).astype(np.float64) * (spread["high"] - spread["low"]) + spread["low"]
    return x.reshape(-1, width).astype(dtype)


def sample_set(settings: Settings, trial: int, table: tuple[Array, Array] | None) -> tuple[Array, Array]:
    """The samples that a trial learns from again and again."""
    task, dtype = settings["task"], np.dtype(settings["train"]["precision"]).type
    if table is not None:
        return table[0].astype(dtype), table[1].astype(dtype)
    if task["samples"] == "trial":
        x = inputs(settings, DATA, trial, 0, task["size"])
    elif task["input"] is None:
        x = np.array(POINTS[task["name"]], dtype)
    else:
        x = inputs(settings, SHARED, 0, 0, task["size"])
    return x, targets(task, x)


def quantile_points(settings: Settings) -> tuple[Array, Array]:
    """512 evaluation points without randomness, for fresh samples."""
    task, dtype = settings["task"], np.dtype(settings["train"]["precision"]).type
    width, spread = task["n_inputs"], task["input"]
    u = ((np.arange(512) + 0.5) / 512)[:, None]
    if width > 1:
        u = qmc.Sobol(width, scramble=False).random(512) + 0.5 / 512
    if spread["name"] == "normal":
        x = (spread["mean"] + spread["std"] * ndtri(u)).astype(dtype)
    else:
        x = (spread["low"] + (spread["high"] - spread["low"]) * u).astype(dtype)
    return x, targets(task, x)


def order(settings: Settings, trial: int, number: int) -> Array:
    """The order of the samples in pass `number`: random words sorted, their low bits replaced by the sample."""
    size = settings["task"]["size"]
    if settings["task"]["order"] == "sequential":
        return np.arange(size)
    drawn = words(settings["seed"], ORDER, trial, number * size, (number + 1) * size)
    return np.argsort(drawn >> (size - 1).bit_length(), kind="stable")


def batches(settings: Settings, trial: int, samples: tuple[Array, Array] | None) -> Iterator[tuple[Array, Array]]:
    """The batches of steps 0, 1, …; the last one of a pass may be short. `samples` is None for fresh ones."""
    task = settings["task"]
    size = task["batch"]
    for number in itertools.count():
        if samples is None:
            x = inputs(settings, DATA, trial, number * size, (number + 1) * size)
            yield x, targets(task, x)
            continue
        chosen = order(settings, trial, number)
        for start in range(0, len(chosen), size):
            batch = chosen[start : start + size]
            yield samples[0][batch], samples[1][batch]


# ---------------------------------------------------------------------------------------------- networks


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
            return expit(z), expit(z) * (1 - expit(z))
        case "softplus":
            beta, straight = part["beta"], part["beta"] * z > part["threshold"]
            bent = np.minimum(beta * z, part["threshold"])
            return (
                np.where(straight, z, np.log1p(np.exp(bent)) / beta),
                np.where(straight, z.dtype.type(1), expit(beta * z)),
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
