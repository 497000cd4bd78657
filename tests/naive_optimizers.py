"""Optimizers, schedules and regularizers in plain NumPy, written from their definitions; nothing of mcstudy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray
Settings = Mapping[str, Any]


def update(o: Settings, p: Array, g: Array, state: list[Array], n: int) -> None:
    """Update parameters p by their gradient g in step n = 1, 2, …, and three arrays of state that start at 0.

    All of PyTorch's, as it defines them, but for lion, ftrl (Keras), signsgd (Bernstein et al.), quickprop (Fahlman),
    and the switches to Keras's variants. `o` has all parameters.
    """
    lr = o["lr"]
    decay = o.get("weight_decay", 0.0)
    if o["name"] in ("adamw", "lion"):
        p *= 1 - lr * decay
    else:
        g = g + decay * p
    match o["name"]:
        case "sgd":
            p -= lr * _momentum(o, g, state[0], n)
        case "adagrad" | "adadelta" | "rmsprop":
            p -= lr * _scaled(o, g, state, n)
        case "adam" | "adamw" | "amsgrad":
            p -= lr * _adam(o, g, state, n)
        case "adamax":
            b1, b2 = o["betas"]
            inner, outer = (0, o["eps"]) if o["eps_outside"] else (o["eps"], 0)
            _average(state[0], g, b1)
            state[1][:] = np.maximum(b2 * state[1], np.abs(g) + inner)
            p -= lr / (1 - b1**n) * state[0] / (state[1] + outer)
        case "nadam":
            b1, b2 = o["betas"]
            mu = [b1 * (1 - 0.5 * 0.96 ** (i * o["momentum_decay"])) for i in range(1, n + 2)]
            _average(state[0], g, b1)
            _average(state[1], g * g, b2)
            size = np.sqrt(state[1] / (1 - b2**n)) + o["eps"]
            p -= lr * (1 - mu[-2]) / (1 - math.prod(mu[:-1])) * g / size
            p -= lr * mu[-1] / (1 - math.prod(mu)) * state[0] / size
        case "radam":
            p -= lr * _radam(o, g, state, n)
        case "lion":
            b1, b2 = o["betas"]
            p -= lr * np.sign(b1 * state[0] + (1 - b1) * g)
            _average(state[0], g, b2)
        case "rprop":
            p -= _rprop(o, g, state, n)
        case "signsgd":
            _average(state[0], g, o["momentum"])
            p -= lr * np.sign(state[0])
        case "quickprop":
            p += _quickprop(o, -g, state)
        case "ftrl":
            p[:] = _ftrl(o, p, g, state, n)
        case unknown:
            raise ValueError(unknown)


def _average(mean: Array, value: Array, kept: float) -> None:
    mean[:] = kept * mean + (1 - kept) * value


def _momentum(o: Settings, g: Array, buffer: Array, n: int) -> Array:
    if not o["momentum"]:
        return g
    buffer[:] = g if n == 1 else o["momentum"] * buffer + (1 - o["dampening"]) * g
    return g + o["momentum"] * buffer if o["nesterov"] else buffer


def _root(x: Array, eps: float, inside: bool) -> Array:
    return np.sqrt(x + eps) if inside else np.sqrt(x) + eps


def _scaled(o: Settings, g: Array, state: list[Array], n: int) -> Array:
    first, second, third = state
    match o["name"]:
        case "adagrad":
            if n == 1:
                first[:] = o["initial_accumulator_value"]
            first += g * g
            return g / _root(first, o["eps"], o["eps_inside"]) / (1 + (n - 1) * o["lr_decay"])
        case "adadelta":
            _average(first, g * g, o["rho"])
            delta = np.sqrt(second + o["eps"]) / np.sqrt(first + o["eps"]) * g
            _average(second, delta**2, o["rho"])
            return delta
    _average(first, g * g, o["alpha"])
    _average(second, g, o["alpha"])
    variance = first - second**2 if o["centered"] else first
    third[:] = o["momentum"] * third + g / _root(variance, o["eps"], o["eps_inside"])
    return third


def _adam(o: Settings, g: Array, state: list[Array], n: int) -> Array:
    b1, b2 = o["betas"]
    mean, square, largest = state
    _average(mean, g, b1)
    _average(square, g * g, b2)
    if o["name"] == "amsgrad":
        square = largest[:] = np.maximum(largest, square)
    if o["epsilon_hat"]:
        return mean * math.sqrt(1 - b2**n) / (1 - b1**n) / (np.sqrt(square) + o["eps"])
    return mean / (1 - b1**n) / (np.sqrt(square / (1 - b2**n)) + o["eps"])


def _radam(o: Settings, g: Array, state: list[Array], n: int) -> Array:
    b1, b2 = o["betas"]
    _average(state[0], g, b1)
    _average(state[1], g * g, b2)
    most = 2 / (1 - b2) - 1
    rho = most - 2 * n * b2**n / (1 - b2**n)
    mean = state[0] / (1 - b1**n)
    if rho <= 5:
        return mean
    rectified = math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    return mean * rectified * math.sqrt(1 - b2**n) / (np.sqrt(state[1]) + o["eps"])


def _rprop(o: Settings, g: Array, state: list[Array], n: int) -> Array:
    before, size = state[:2]
    if n == 1:
        size[:] = o["lr"]
    agreement = np.sign(g * before)
    size *= np.choose(agreement.astype(int) + 1, [o["etas"][0], 1.0, o["etas"][1]])
    np.clip(size, *o["step_sizes"], out=size)
    before[:] = np.where(agreement < 0, 0, g)
    return np.sign(before) * size


def _quickprop(o: Settings, slope: Array, state: list[Array]) -> Array:
    """The loop of Fahlman's program: `slope` is the direction of descent."""
    before, step = state[:2]
    shrink = o["mu"] / (1 + o["mu"])
    new = np.zeros_like(step)
    for i in np.ndindex(step.shape):
        s, last, d = slope[i], before[i], step[i]
        if d > 0:
            if s > 0:
                new[i] += o["lr"] * s
            new[i] += o["mu"] * d if s > shrink * last else d * s / (last - s)
        elif d < 0:
            if s < 0:
                new[i] += o["lr"] * s
            new[i] += o["mu"] * d if s < shrink * last else d * s / (last - s)
        else:
            new[i] = o["lr"] * s
    before[:] = slope
    step[:] = new
    return new


def _ftrl(o: Settings, p: Array, g: Array, state: list[Array], n: int) -> Array:
    total, linear = state[:2]
    if n == 1:
        total[:] = o["initial_accumulator_value"]
    power, lr, l1 = -o["learning_rate_power"], o["lr"], o["l1_regularization_strength"]
    grown = total + g * g
    linear += g + 2 * o["l2_shrinkage_regularization_strength"] * p - (grown**power - total**power) / lr * p
    total[:] = grown
    l2 = o["l2_regularization_strength"] + o["beta"] / (2 * lr)
    return (np.clip(linear, -l1, l1) - linear) / (grown**power / lr + 2 * l2)


def factor(schedule: Settings, n: int, lr: float, steps: int) -> float:
    """What a schedule multiplies the learning rate with in step n = 0, 1, … of a training of `steps` steps."""
    match schedule["name"]:
        case "constant":
            return 1.0
        case "step":
            return float(schedule.get("gamma", 0.1) ** (n // schedule["step_size"]))
        case "exponential":
            return float(schedule["gamma"] ** n)
        case "cosine":
            length, low = schedule.get("T_max") or steps, schedule.get("eta_min", 0.0)
            return float((low + (lr - low) * (1 + math.cos(math.pi * n / length)) / 2) / lr)
        case "linear":
            start, end = schedule.get("start_factor", 1 / 3), schedule.get("end_factor", 1.0)
            length = schedule.get("total_iters", 5)
            return float(start + (end - start) * min(n, length) / length)
        case "sequential":
            starts = [0, *schedule["milestones"]]
            piece = sum(start <= n for start in starts) - 1
            end = min([*starts, steps][piece + 1], steps)
            return factor(schedule["schedules"][piece], n - starts[piece], lr, max(end - starts[piece], 1))
        case "chained":
            return math.prod(factor(piece, n, lr, steps) for piece in schedule["schedules"])
    raise ValueError(schedule["name"])


def penalty(regularizer: Settings, weights: Array) -> float:
    """The penalty on the weights (outputs, inputs) of one layer."""
    if regularizer["name"] == "repulsion":
        products = weights @ weights.T
        return float(regularizer["factor"] * np.sum((products - np.diag(np.diag(products))) ** 2))
    l1, l2 = regularizer.get("l1", 0.0), regularizer.get("l2", 0.0)
    return float(l1 * np.sum(np.abs(weights)) + l2 * np.sum(weights**2))


def penalty_gradient(regularizer: Settings, weights: Array) -> Array:
    """Its derivative by each weight."""
    if regularizer["name"] == "repulsion":
        products = weights @ weights.T
        return 4 * regularizer["factor"] * (products - np.diag(np.diag(products))) @ weights
    l1, l2 = regularizer.get("l1", 0.0), regularizer.get("l2", 0.0)
    return l1 * np.sign(weights) + 2 * l2 * weights
