"""Activation functions, each with its derivative, as scalar functions of packs.

`function(z, a, b)` gives f(z) and f'(z) together, since they often share their work. `a` and `b` are the part's
parameters in the order of its table (0 where it has fewer). Derivatives at kinks are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import Parameter, Part, table
from mcstudy.kernels.elementary import exp, expm1, log1p, sigmoid, tanh
from mcstudy.kernels.pack import absolute, filled, where

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@dataclass(frozen=True)
class Activation(Part):
    """A part with `function(z, a, b)`, which returns f(z) and f'(z), compiled for packs."""

    function: Callable[..., Any] = lambda z, a, b: (z, z)


# NaN goes through every activation: where z is NaN no comparison holds, and the value taken then must depend on z.


@jit.scalar
def _linear(z: Any, a: Any, b: Any) -> Any:
    return z, filled(z, 1.0)


@jit.scalar
def _relu(z: Any, a: Any, b: Any) -> Any:
    off = z <= 0.0
    return where(off, 0.0, z), where(off, filled(z, 0.0), 1.0)


@jit.scalar
def _leaky_relu(z: Any, slope: Any, b: Any) -> Any:
    on = z > 0.0
    return where(on, z, z * slope), where(on, 1.0, filled(z, slope))


@jit.scalar
def _elu(z: Any, alpha: Any, b: Any) -> Any:
    on = z > 0.0
    return where(on, z, expm1(z) * alpha), where(on, 1.0, exp(z) * alpha)


@jit.scalar
def _selu(z: Any, a: Any, b: Any) -> Any:
    f, slope = _elu(z, SELU_ALPHA, b)
    return f * SELU_SCALE, slope * SELU_SCALE


@jit.scalar
def _tanh(z: Any, a: Any, b: Any) -> Any:
    f = tanh(z)
    return f, 1.0 - f * f


@jit.scalar
def _sigmoid(z: Any, a: Any, b: Any) -> Any:
    f = sigmoid(z)
    return f, f * (1.0 - f)


@jit.scalar
def _softplus(z: Any, beta: Any, threshold: Any) -> Any:
    scaled = z * beta
    high = scaled > threshold
    t = exp(-absolute(scaled))
    f = where(scaled > 0.0, scaled, scaled * 0.0) + log1p(t)
    slope = where(scaled > 0.0, filled(t, 1.0), t) / (t + 1.0)
    return where(high, z, f * (1.0 / beta)), where(high, 1.0, slope)


_TORCH = "PyTorch torch.nn."

ACTIVATIONS: dict[str, Activation] = table(
    Activation("relu", "max(0, z)", _TORCH + "ReLU", function=_relu),
    Activation(
        "leaky_relu",
        "z for z > 0, else negative_slope · z",
        _TORCH + "LeakyReLU",
        {"negative_slope": Parameter(0.01)},
        function=_leaky_relu,
    ),
    Activation(
        "elu",
        "z for z > 0, else alpha · (e^z − 1)",
        _TORCH + "ELU",
        {"alpha": Parameter(1.0)},
        function=_elu,
    ),
    Activation(
        "selu",
        "1.0507 · (z for z > 0, else 1.6733 · (e^z − 1))",
        _TORCH + "SELU",
        function=_selu,
    ),
    Activation("tanh", "tanh z", _TORCH + "Tanh", function=_tanh),
    Activation("sigmoid", "1 / (1 + e^−z)", _TORCH + "Sigmoid", function=_sigmoid),
    Activation(
        "softplus",
        "log(1 + e^(beta·z)) / beta; z where beta·z > threshold",
        _TORCH + "Softplus",
        {"beta": Parameter(1.0, gt=0), "threshold": Parameter(20.0)},
        function=_softplus,
    ),
    Activation("linear", "z", _TORCH + "Identity", function=_linear),
)
