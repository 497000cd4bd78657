"""What every task asks for, in plain NumPy. It imports nothing of mcstudy.

A task is a dict with `name`, `parameters`, `n_inputs` and `n_outputs`, as in a cell's settings. `draw(count)` gives
the standard normals of tasks with random constants. Samples are rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Settings = dict[str, Any]
Array = np.ndarray
Draw = Callable[[int], Array]

OWN_INPUTS = ("spirals", "two_moons")
"""Tasks that make their inputs from raw uniforms."""
OWN_POINTS = ("addition", "xor", "parity", "majority")
"""Tasks that have points of their own."""


def points(task: Settings) -> Array | None:
    """The task's own points, (samples, inputs), None where it has none: truth tables count upwards in binary."""
    given = task["parameters"]
    if task["name"] == "addition":
        return np.array([[1, 2], [5, 3], [2, 4], [3, 7], [5, 5], [4, 3]]) / 10
    if task["name"] not in OWN_POINTS:
        return None
    bits = task["n_inputs"]
    numbers = np.arange(2**bits)[:, None] >> np.arange(bits - 1, -1, -1) & 1
    return np.where(numbers == 1, given["high"], given["low"]).astype(float)


def raw_class(u: Array, classes: int) -> Array:
    """The class of samples from their first raw uniform, in the precision of it."""
    return np.floor(u[:, 0] * u.dtype.type(classes))


def own_inputs(task: Settings, u: Array) -> Array:
    """The inputs of spirals and two_moons from raw uniforms (samples, 2), in their precision."""
    given = task["parameters"]
    classes = given.get("classes", 2)
    label = raw_class(u, classes).astype(float)
    t = (u[:, 0] * u.dtype.type(classes)).astype(float) - label
    offset = given["width"] * (u[:, 1].astype(float) - 0.5)
    if task["name"] == "spirals":
        angle = 2 * np.pi * (given["turns"] * t + label / classes)
        radius = given["inner"] + (1 - given["inner"]) * t + offset
        x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    else:
        x = np.stack([np.cos(np.pi * t), np.sin(np.pi * t)], axis=1) * (1 + offset)[:, None]
        x = np.where(label[:, None] == 1, np.array([1, 0.5]) - x, x)
    return x.astype(u.dtype)


def constants(task: Settings, draw: Draw) -> list[tuple[Array, Array]]:
    """The layers of a random network, or of a linear map: weights (out, in) and biases."""
    given = task["parameters"]
    match task["name"]:
        case "teacher":
            hidden = list(given["hidden"])
            shapes = list(itertools.pairwise([task["n_inputs"], *hidden, task["n_outputs"]]))
            normals = draw(sum(n * m for n, m in shapes) + sum(hidden))
            layers = []
            for layer, (n, m) in enumerate(shapes):
                inner = layer < len(hidden)
                gain = 2 if given["activation"] == "relu" and layer > 0 else 1
                weights, normals = normals[: n * m], normals[n * m :]
                biases, normals = (normals[:m], normals[m:]) if inner else (np.zeros(m), normals)
                layers.append((weights.reshape(m, n) * np.sqrt(gain / n), biases / 2))
            assert normals.size == 0
            return layers
        case "fir":
            taps = given["taps"]
            return [(draw(taps)[None, :] / np.sqrt(taps), np.zeros(1))]
        case "dft" | "amplitude":
            spectrum = np.fft.fft(np.eye(given["n"]))
            return [(np.concatenate([spectrum.real, spectrum.imag]), np.zeros(2 * given["n"]))]
    raise ValueError(task["name"])


def _answer(task: Settings, x: Array, draw: Draw) -> Array:
    """The answers of tasks whose outputs are numbers."""
    given = task["parameters"]
    match task["name"]:
        case "relu":
            return np.maximum(x, 0)
        case "abs":
            return np.abs(x)
        case "sine":
            return np.sin(given["frequency"] * x)
        case "x_sin":
            return x * np.sin(given["frequency"] * x)
        case "product":
            return x[:, :1] * x[:, 1:]
        case "distance":
            return np.hypot(x[:, :1], x[:, 1:])
        case "addition":
            return x.sum(axis=1, keepdims=True)
        case "polynomial":
            return np.polynomial.polynomial.polyval(x, given["coefficients"])
        case "fir":
            ((weights, _),) = constants(task, draw)
            return x @ weights.T
        case "dft":
            spectrum = np.fft.fft(x)
            return np.concatenate([spectrum.real, spectrum.imag], axis=1)
        case "amplitude":
            return np.abs(np.fft.fft(x))
        case "teacher":
            *hidden, (last, _) = constants(task, draw)
            for weights, biases in hidden:
                x = x @ weights.T + biases
                x = np.tanh(x) if given["activation"] == "tanh" else np.maximum(x, 0)
            return x @ last.T
    raise ValueError(task["name"])


def _label(task: Settings, x: Array) -> Array | None:
    """The classes of samples, None for tasks whose outputs are numbers."""
    given = task["parameters"]
    match task["name"]:
        case "step":
            return x[:, 0] > 0
        case "xor" | "parity":
            return (x > x.dtype.type((given["low"] + given["high"]) / 2)).sum(axis=1) % 2
        case "majority":
            true = (x > x.dtype.type((given["low"] + given["high"]) / 2)).sum(axis=1)
            return true > task["n_inputs"] / 2
        case "checkerboard":
            return np.floor((x + x.dtype.type(1)) * x.dtype.type(given["n"] / 2)).sum(axis=1) % 2
        case "spirals" | "two_moons":
            return raw_class(x, given.get("classes", 2))
    return None


def targets(task: Settings, x: Array, draw: Draw) -> Array:
    """What a network should answer, (samples, outputs), to inputs (samples, inputs), in their precision.

    Labels jump, so they are told in the precision of the inputs; all else is computed in float64. For `OWN_INPUTS`,
    `x` are the raw uniforms.
    """
    label = _label(task, x)
    if label is None:
        return _answer(task, x.astype(np.float64), draw).astype(x.dtype)
    outputs = task["n_outputs"]
    label = np.asarray(label, np.int64)[:, None]
    return (label if outputs == 1 else label == np.arange(outputs)).astype(x.dtype)
