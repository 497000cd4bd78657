"""Losses in NumPy and SciPy, from their definitions. It imports nothing of mcstudy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, softmax

Array = np.ndarray
Part = Mapping[str, Any]


def _sides(y: Array) -> Array:
    """Targets −1 and 1, also of targets 0 and 1."""
    return np.where(y == 0, y.dtype.type(-1), y)


def _values(part: Part, o: Array, y: Array) -> Array:
    """Each loss that the mean is taken of: one for each output, or for each sample."""
    error = o - y
    size = np.abs(error)
    match part["name"]:
        case "mse":
            return error**2
        case "mae":
            return size
        case "huber":
            delta = part["delta"]
            return np.where(size <= delta, error**2 / 2, delta * (size - delta / 2))
        case "log_cosh":
            small = np.log1p(2 * np.sinh(np.minimum(size, 1) / 2) ** 2)  # cosh x = 1 + 2 sinh²(x/2)
            return np.where(size < 1, small, np.logaddexp(error, -error) - np.log(2.0))
        case "binary_cross_entropy":
            return y * np.logaddexp(0, -o) + (1 - y) * np.logaddexp(0, o)
        case "hinge":
            return np.maximum(0, 1 - _sides(y) * o)
        case "softmax_cross_entropy":
            return -np.sum(y * log_softmax(o, axis=-1), axis=-1)
    raise ValueError(part["name"])


def _slopes(part: Part, o: Array, y: Array) -> Array:
    """The derivative of every sample's loss, or output's loss, by that output."""
    error = o - y
    match part["name"]:
        case "mse":
            return 2 * error
        case "mae":
            return np.sign(error)
        case "huber":
            return np.clip(error, -part["delta"], part["delta"])
        case "log_cosh":
            return np.tanh(error)
        case "binary_cross_entropy":
            return (1 - y) * expit(o) - y * expit(-o)
        case "hinge":
            return np.where(1 - _sides(y) * o > 0, -_sides(y), 0 * o)
        case "softmax_cross_entropy":
            return softmax(o, axis=-1) * np.sum(y, axis=-1, keepdims=True) - y
    raise ValueError(part["name"])


@np.errstate(all="ignore")
def loss(part: Part, o: Array, y: Array) -> Any:
    """The mean over samples and outputs, or over samples where all outputs of one have one loss.

    Args:
        part: the loss with all its parameters.
        o: (samples, outputs) outputs.
        y: (samples, outputs) targets.
    """
    return np.mean(_values(part, o, y))


@np.errstate(all="ignore")
def gradient(part: Part, o: Array, y: Array) -> Array:
    """The derivative of `loss` by every output, (samples, outputs)."""
    return (_slopes(part, o, y) / _values(part, o, y).size).astype(o.dtype)
