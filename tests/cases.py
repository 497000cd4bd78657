"""Parts of every catalog as a study may name them, for tests that walk the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS
from mcstudy.catalog.inputs import INPUTS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.part import Part
from mcstudy.catalog.tasks import TASKS


def part(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, **parameters}


# Each table of parts has a case with every parameter off its default; `test_against_naive` sees to it.

ACTIVATION_CASES = [
    part("relu"),
    part("leaky_relu"),
    part("leaky_relu", negative_slope=0.3),
    part("leaky_relu", negative_slope=-0.5),
    part("elu"),
    part("elu", alpha=0.3),
    part("elu", alpha=-0.7),
    part("selu"),
    part("tanh"),
    part("sigmoid"),
    part("softplus"),
    part("softplus", beta=3.0, threshold=2.0),
    part("softplus", beta=0.5, threshold=-1.0),
    part("linear"),
]
BIAS_CASES = [
    part("zeros"),
    part("constant", value=0.3),
    part("normal", mean=0.1, std=0.2),
    part("uniform", low=0.0, high=0.5),
    part("he_normal", gain=0.5, truncated=True),
    part("he_uniform", gain=0.4),
    part("glorot_normal", gain=0.9, truncated=True),
    part("glorot_uniform", gain=0.5),
]
INIT_CASES = [
    part("zeros", bias="normal"),
    part("constant", value=-0.4, bias="uniform"),
    part("normal"),
    part("normal", mean=0.3, std=0.5, bias="glorot_normal"),
    part("normal", std=0.0, bias="he_normal"),
    part("uniform"),
    part("uniform", low=-0.2, high=2.0, bias="uniform"),
    part("he_normal"),
    part("he_normal", gain=1.1, truncated=True, bias="he_uniform"),
    part("he_uniform"),
    part("he_uniform", gain=0.7, bias="glorot_uniform"),
    part("glorot_normal"),
    part("glorot_normal", gain=1.5, truncated=True, bias="normal"),
    part("glorot_uniform"),
    *[part("glorot_uniform", gain=2.0, bias=bias) for bias in BIAS_CASES],
]
GRID_CASES = [
    part("grid", low=-3.0, high=3.0, points=[3, 4]),
    part("grid", low=[-1.0, 0.5], high=[2.0, 0.5], points=[5, 1]),
]
OPTIMIZER_CASES = [
    part("sgd", lr=0.03),
    part("sgd", lr=0.03, dampening=0.5),
    part("sgd", lr=0.03, weight_decay=0.05),
    part("sgd", lr=0.01, momentum=0.9),
    part("sgd", lr=0.01, momentum=0.9, dampening=0.3, weight_decay=0.1),
    part("sgd", lr=0.01, momentum=0.8, nesterov=True),
    part("sgd", lr=0.01, momentum=0.8, nesterov=True, weight_decay=0.02),
    part("adam", lr=0.01),
    part("adam", lr=0.02, betas=[0.8, 0.95], eps=1e-4, weight_decay=0.05),
    part("adam", lr=0.02, betas=[0.0, 0.9], eps=1e-2),
    part("rmsprop", lr=0.01),
    part("rmsprop", lr=0.01, alpha=0.9, eps=1e-3, weight_decay=0.05),
    part("rmsprop", lr=0.01, momentum=0.7),
    part("rmsprop", lr=0.01, centered=True, eps=1e-2),
    part("rmsprop", lr=0.01, alpha=0.95, eps=1e-2, momentum=0.5, centered=True, weight_decay=0.02),
    part("adagrad", lr=0.1),
    part("adagrad", lr=0.1, lr_decay=0.1, weight_decay=0.05, initial_accumulator_value=0.2, eps=1e-3),
]
TASK_CASES = [
    part("relu"),
    part("abs"),
    part("distance"),
    part("addition"),
    part("sine"),
    part("sine", frequency=2.5),
    part("sine", frequency=-1.5),
]
INPUT_CASES = [part("normal"), part("normal", mean=0.5, std=2.0), part("uniform", low=-1.0, high=1.5)]
TABLE = part("table", file="table.csv", inputs=["a", "b", "c"], targets=["y", "z"])
SHAPES: list[list[int]] = [[], [1], [3], [4, 4], [5, 2, 3], [16]]

WITH_BIAS = {name: init for name, init in INITS.items() if "bias" in init.parameters}
CASES: dict[str, tuple[Mapping[str, Part], list[dict[str, Any]]]] = {
    "activations": (ACTIVATIONS, ACTIVATION_CASES),
    "inits": (INITS, INIT_CASES + GRID_CASES),
    "biases": (WITH_BIAS, BIAS_CASES),
    "optimizers": (OPTIMIZERS, OPTIMIZER_CASES),
    "losses": (LOSSES, [part("mse")]),
    "tasks": (TASKS, [*TASK_CASES, TABLE]),
    "inputs": (INPUTS, INPUT_CASES),
}
