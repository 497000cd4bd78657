"""Tasks of one or two inputs and one output, given by a formula."""

from __future__ import annotations

import math
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import Parameter, table
from mcstudy.catalog.tasks.task import NORMAL, Task, uniform
from mcstudy.kernels.elementary import sin
from mcstudy.kernels.pack import absolute, filled, fma, item, load, sqrt, store, where

ADDITION_POINTS = ((0.1, 0.2), (0.5, 0.3), (0.2, 0.4), (0.3, 0.7), (0.5, 0.5), (0.4, 0.3))


@jit.scalar
def _relu(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    x = load(memory, at)
    store(memory, out, where(x > 0.0, x, 0.0))


@jit.scalar
def _abs(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    store(memory, out, absolute(load(memory, at)))


@jit.scalar
def _step(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    store(memory, out, where(load(memory, at) > 0.0, filled(memory, 1.0), 0.0))


@jit.scalar
def _sine(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    store(memory, out, sin(load(memory, at) * item(c, 0)))


@jit.scalar
def _x_sin(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    x = load(memory, at)
    store(memory, out, x * sin(x * item(c, 0)))


@jit.scalar
def _product(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    store(memory, out, load(memory, at) * load(memory, at + step))


@jit.scalar
def _distance(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    x, y = load(memory, at), load(memory, at + step)
    store(memory, out, sqrt(fma(x, x, y * y)))


@jit.scalar
def _addition(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    store(memory, out, load(memory, at) + load(memory, at + step))


FUNCTIONS: dict[str, Task] = table(
    Task(
        "relu", "y = max(0, x)", "mcstudy; one ReLU that learns another: studies/relu.toml", input=NORMAL, target=_relu
    ),
    Task(
        "abs",
        "y = |x|",
        "Lu, Shin, Su, Karniadakis 2019, Dying ReLU and Initialization",
        input=uniform(-math.sqrt(7.0), math.sqrt(7.0)),
        target=_abs,
    ),
    Task(
        "step",
        "y = 1 where x > 0, else 0",
        "Heaviside's step: a threshold unit (McCulloch and Pitts 1943); NumPy heaviside(x, 0)",
        input=NORMAL,
        labels="binary",
        target=_step,
    ),
    Task(
        "sine",
        "y = sin(frequency · x)",
        "mcstudy; a common first regression",
        {"frequency": Parameter(1.0, doc="radians per unit of x")},
        input=uniform(-math.pi, math.pi),
        target=_sine,
    ),
    Task(
        "x_sin",
        "y = x · sin(frequency · x)",
        "Lu, Shin, Su, Karniadakis 2019, Dying ReLU and Initialization, at frequency = 5",
        {"frequency": Parameter(5.0, doc="radians per unit of x")},
        input=uniform(-math.sqrt(3.0), math.sqrt(3.0)),
        target=_x_sin,
    ),
    Task(
        "product",
        "y = x₀ · x₁",
        "mcstudy; multiplication, which sums of units can only approach",
        inputs=2,
        input=uniform(-1.0, 1.0),
        target=_product,
    ),
    Task(
        "distance",
        "y = √(x₀² + x₁²)",
        "mcstudy; a cone, which three ReLUs approach by a hexagonal pyramid: studies/distance.toml",
        inputs=2,
        input=uniform(-1.0, 1.0),
        target=_distance,
    ),
    Task(
        "addition",
        "y = x₀ + x₁",
        "mcstudy; six points of a 2-4-4-1 network that adds: studies/addition.toml",
        inputs=2,
        input=uniform(0.0, 1.0),
        samples="shared",
        points=lambda p: ADDITION_POINTS,
        target=_addition,
    ),
)
