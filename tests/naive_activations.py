"""Activations in NumPy and SciPy, from their definitions. It imports nothing of mcstudy.

Derivatives at kinks are PyTorch's, and so are those of tanh and sigmoid: 0 as soon as f is rounded to 1. Results have
the precision of z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import erf

Array = np.ndarray
Part = Mapping[str, Any]
Pair = tuple[Any, Any]

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
"""SELU's constants."""


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^−z), which is not 0 before e^z is."""
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))


def _inside(z: Array, low: float, high: float) -> Array:
    return (z > low) & (z < high)


def _leaky(z: Array, slope: Any) -> Pair:
    return np.where(z > 0, z, slope * z), np.where(z > 0, 1.0, slope)


def _exponential_below(z: Array, alpha: float, width: float = 1.0) -> Pair:
    below = np.minimum(z, 0) / width
    return np.where(z > 0, z, alpha * np.expm1(below)), np.where(z > 0, 1.0, alpha / width * np.exp(below))


def _hard_swish(part: Part, z: Array) -> Pair:
    value = np.where(z > -3, z * np.clip(z + 3, 0, 6) / 6, 0 * np.maximum(z, -3))
    return value, np.where(_inside(z, -3, 3), z / 3 + 0.5, z >= 3)


def _soft_shrink(part: Part, z: Array) -> Pair:
    outside = np.abs(z) > part["lambd"]
    return np.sign(z) * np.maximum(np.abs(z) - part["lambd"], 0), outside


def _rrelu(part: Part, z: Array) -> Pair:
    return _leaky(z, (part["lower"] + part["upper"]) / 2)


def _without_limits(function: Callable[[Array], Pair], z: Array) -> Pair:
    """f and f' where they tend to 0 and 0 below, to z and 1 above, but products of 0 and infinity come in between."""
    value, slope = function(np.clip(z, -1e4, 1e4))
    return np.where(z > 1e4, z, value), slope


def _gelu(part: Part, z: Array) -> Pair:
    def by_erf(z: Array) -> Pair:
        share = (1 + erf(z / np.sqrt(2.0))) / 2
        return z * share, share + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    def by_tanh(z: Array) -> Pair:
        inner, rise = 0.044715 * z**3 + z, 3 * 0.044715 * z**2 + 1
        share, root = sigmoid(2 * np.sqrt(2 / np.pi) * inner), np.sqrt(2 / np.pi)  # (1 + tanh u) / 2
        return z * share, share + 2 * z * share * sigmoid(-2 * root * inner) * root * rise

    return _without_limits({"none": by_erf, "tanh": by_tanh}[part["approximate"]], z)


def _silu(part: Part, z: Array) -> Pair:
    return _without_limits(lambda z: (z * sigmoid(z), sigmoid(z) + z * sigmoid(z) * sigmoid(-z)), z)


def _mish(part: Part, z: Array) -> Pair:
    def function(z: Array) -> Pair:
        share = np.tanh(np.logaddexp(0, z))
        return z * share, share + z * sigmoid(z) / np.cosh(np.minimum(np.logaddexp(0, z), 300)) ** 2

    return _without_limits(function, z)


def _softplus(part: Part, z: Array) -> Pair:
    beta, straight = part["beta"], part["beta"] * z > part["threshold"]
    return np.where(straight, z, np.logaddexp(0, beta * z) / beta), np.where(straight, 1.0, sigmoid(beta * z))


def _softsign(part: Part, z: Array) -> Pair:
    return np.where(np.isinf(z), np.sign(z), z / (1 + np.abs(z))), 1 / (1 + np.abs(z)) ** 2


def _tanh_shrink(part: Part, z: Array) -> Pair:
    near = np.clip(z, -0.03, 0.03)  # where z and tanh z cancel, the first terms of the series
    terms = [1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925]
    series = near**3 * np.polynomial.polynomial.polyval(near**2, terms)
    return np.where(np.abs(z) < 0.03, series, z - np.tanh(z)), np.tanh(z) ** 2


def _gaussian(part: Part, z: Array) -> Pair:
    inside = np.clip(z, -100, 100)
    return np.exp(-(inside**2)), -2 * inside * np.exp(-(inside**2))


_DEFINITIONS: dict[str, Callable[[Part, Array], Pair]] = {
    "relu": lambda p, z: (np.maximum(z, 0), z > 0),
    "relu6": lambda p, z: (np.clip(z, 0, 6), _inside(z, 0, 6)),
    "leaky_relu": lambda p, z: _leaky(z, p["negative_slope"]),
    "prelu": lambda p, z: _leaky(z, p["init"]),
    "rrelu": _rrelu,
    "squared_relu": lambda p, z: (np.maximum(z, 0) ** 2, 2 * np.maximum(z, 0)),
    "hard_sigmoid": lambda p, z: (np.clip(z + 3, 0, 6) / 6, _inside(z, -3, 3) / 6),
    "hard_swish": _hard_swish,
    "hard_tanh": lambda p, z: (np.clip(z, p["min_val"], p["max_val"]), _inside(z, p["min_val"], p["max_val"])),
    "soft_shrink": _soft_shrink,
    "hard_shrink": lambda p, z: (np.where(np.abs(z) <= p["lambd"], 0.0, z), np.abs(z) > p["lambd"]),
    "threshold": lambda p, z: (np.where(z <= p["threshold"], p["value"], z), z > p["threshold"]),
    "abs": lambda p, z: (np.abs(z), np.sign(z)),
    "linear": lambda p, z: (z, np.ones_like(z)),
    "elu": lambda p, z: _exponential_below(z, p["alpha"]),
    "selu": lambda p, z: tuple(SCALE * v for v in _exponential_below(z, ALPHA)),
    "celu": lambda p, z: _exponential_below(z, p["alpha"], p["alpha"]),
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "softsign": _softsign,
    "sigmoid": lambda p, z: (sigmoid(z), sigmoid(z) * (1 - sigmoid(z))),
    "log_sigmoid": lambda p, z: (-np.logaddexp(0, -z), sigmoid(-z)),
    "tanh": lambda p, z: (np.tanh(z), 1 - np.tanh(z) ** 2),
    "tanh_shrink": _tanh_shrink,
    "exponential": lambda p, z: (np.exp(z), np.exp(z)),
    "snake": lambda p, z: (z + np.sin(p["a"] * z) ** 2 / p["a"], 1 + np.sin(2 * p["a"] * z)),
    "sine": lambda p, z: (np.sin(p["frequency"] * z), p["frequency"] * np.cos(p["frequency"] * z)),
    "gaussian": _gaussian,
}


def _rounded(z: Array, *values: Any) -> Any:
    return tuple(np.asarray(value).astype(z.dtype) for value in values)


@np.errstate(all="ignore")
def activation(part: Part, z: Array) -> tuple[Array, Array]:
    """f(z) and f'(z) of a part with all its parameters, as in evaluation."""
    return _rounded(z, *_DEFINITIONS[part["name"]](part, z))


@np.errstate(all="ignore")
def trained(part: Part, z: Array, a: Any) -> tuple[Array, Array, Array]:
    """f(z), f'(z) and df/da of a part with a trained parameter, whose value is a."""
    if part["name"] != "prelu":
        raise ValueError(f"{part['name']} has no trained parameter")
    return _rounded(z, *_leaky(z, a), np.minimum(z, 0))


@np.errstate(all="ignore")
def noisy(part: Part, z: Array, u: Array) -> tuple[Array, Array]:
    """f(z) and f'(z) of a random part in training; u are uniform draws from [0, 1)."""
    if part["name"] != "rrelu":
        raise ValueError(f"{part['name']} is not random")
    return _rounded(z, *_leaky(z, part["lower"] + u * (part["upper"] - part["lower"])))
