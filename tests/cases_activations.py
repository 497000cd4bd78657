"""Activations and losses that tests walk: every one with its defaults, and with every parameter at another value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Part = dict[str, Any]

ACTIVATION_CASES: list[Part] = [
    {"name": "relu"},
    {"name": "relu6"},
    {"name": "leaky_relu", "negative_slope": 0.01},
    {"name": "leaky_relu", "negative_slope": -0.3},  # a negative slope tells f(z) > 0 from z > 0
    {"name": "prelu", "init": 0.25},
    {"name": "prelu", "init": -0.4},
    {"name": "rrelu", "lower": 1 / 8, "upper": 1 / 3},
    {"name": "rrelu", "lower": -0.2, "upper": 0.9},
    {"name": "squared_relu"},
    {"name": "hard_sigmoid"},
    {"name": "hard_swish"},
    {"name": "hard_tanh", "min_val": -1.0, "max_val": 1.0},
    {"name": "hard_tanh", "min_val": -0.5, "max_val": 2.5},
    {"name": "soft_shrink", "lambd": 0.5},
    {"name": "soft_shrink", "lambd": 1.25},
    {"name": "hard_shrink", "lambd": 0.5},
    {"name": "hard_shrink", "lambd": 1.25},
    {"name": "threshold", "threshold": 0.5, "value": -1.5},
    {"name": "threshold", "threshold": -0.75, "value": 0.2},
    {"name": "abs"},
    {"name": "linear"},
    {"name": "elu", "alpha": 1.0},
    {"name": "elu", "alpha": 0.7},
    {"name": "selu"},
    {"name": "celu", "alpha": 1.0},
    {"name": "celu", "alpha": 0.7},
    {"name": "gelu", "approximate": "none"},
    {"name": "gelu", "approximate": "tanh"},
    {"name": "silu"},
    {"name": "mish"},
    {"name": "softplus", "beta": 1.0, "threshold": 20.0},
    {"name": "softplus", "beta": 2.0, "threshold": 3.0},
    {"name": "softsign"},
    {"name": "sigmoid"},
    {"name": "log_sigmoid"},
    {"name": "tanh"},
    {"name": "tanh_shrink"},
    {"name": "exponential"},
    {"name": "snake", "a": 1.0},
    {"name": "snake", "a": 2.5},
    {"name": "sine", "frequency": 1.0},
    {"name": "sine", "frequency": 2.5},
    {"name": "gaussian"},
]

LOSS_CASES: list[Part] = [
    {"name": "mse"},
    {"name": "mae"},
    {"name": "huber", "delta": 1.0},
    {"name": "huber", "delta": 0.7},
    {"name": "log_cosh"},
    {"name": "binary_cross_entropy"},
    {"name": "hinge"},
    {"name": "softmax_cross_entropy"},
]

KINKS: dict[str, Callable[[Mapping[str, Any]], list[float]]] = {
    "relu": lambda part: [0.0],
    "relu6": lambda part: [0.0, 6.0],
    "leaky_relu": lambda part: [0.0],
    "prelu": lambda part: [0.0],
    "rrelu": lambda part: [0.0],
    "squared_relu": lambda part: [0.0],
    "hard_sigmoid": lambda part: [-3.0, 3.0],
    "hard_swish": lambda part: [-3.0, 3.0],
    "hard_tanh": lambda part: [part["min_val"], part["max_val"]],
    "soft_shrink": lambda part: [-part["lambd"], part["lambd"]],
    "hard_shrink": lambda part: [-part["lambd"], part["lambd"]],
    "threshold": lambda part: [part["threshold"]],
    "abs": lambda part: [0.0],
    "elu": lambda part: [0.0],
    "selu": lambda part: [0.0],
    "celu": lambda part: [0.0],
    "softplus": lambda part: [part["threshold"] / part["beta"]],
    "softsign": lambda part: [0.0],
}
"""Where f or one of its derivatives jumps, by name; the others are smooth."""


LOSS_EDGES: dict[str, Callable[[Mapping[str, Any], np.ndarray, np.ndarray], np.ndarray]] = {
    "mae": lambda part, o, y: np.abs(o - y),
    "huber": lambda part, o, y: np.abs(np.abs(o - y) - part["delta"]),
    "hinge": lambda part, o, y: np.abs(1 - np.where(y == 0, -1, y) * o),
}
"""How far outputs o are from where a derivative of the loss jumps, by name; the others are smooth."""


def label(part: Mapping[str, Any]) -> str:
    """A part in a few words, for the names of tests."""
    return " ".join(str(value) for value in part.values())
