"""Activation functions, each with its derivative, as scalar functions of packs.

`forward(z, a, b)` is f(z); `derivative(z, f, a, b)` is f'(z), given f(z) too where that spares work. `a` and `b` are
the part's parameters in the order of its table (0 where it has fewer). Values at kinks are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import Parameter, Part, table
from mcstudy.kernels.elementary import exp, expm1, log1p, sigmoid, tanh
from mcstudy.kernels.pack import filled, where

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@dataclass(frozen=True)
class Activation(Part):
    """A part with `forward(z, a, b)` and `derivative(z, f, a, b)`, both compiled for packs."""

    forward: Callable[..., Any] = lambda z, a, b: z
    derivative: Callable[..., Any] = lambda z, f, a, b: z


@jit.scalar
def _linear(z: Any, a: Any, b: Any) -> Any:
    return z


@jit.scalar
def _linear_derivative(z: Any, f: Any, a: Any, b: Any) -> Any:
    return filled(z, 1.0)


# NaN goes through every activation: where z is NaN no comparison holds, and the branch taken then must use z.


@jit.scalar
def _relu(z: Any, a: Any, b: Any) -> Any:
    return where(z <= 0.0, 0.0, z)


@jit.scalar
def _relu_derivative(z: Any, f: Any, a: Any, b: Any) -> Any:
    return where(z <= 0.0, filled(z, 0.0), 1.0)


@jit.scalar
def _leaky_relu(z: Any, slope: Any, b: Any) -> Any:
    return where(z > 0.0, z, z * slope)


@jit.scalar
def _leaky_relu_derivative(z: Any, f: Any, slope: Any, b: Any) -> Any:
    return where(z > 0.0, 1.0, filled(z, slope))


@jit.scalar
def _elu(z: Any, alpha: Any, b: Any) -> Any:
    return where(z > 0.0, z, expm1(z) * alpha)


@jit.scalar
def _elu_derivative(z: Any, f: Any, alpha: Any, b: Any) -> Any:
    return where(z > 0.0, 1.0, exp(z) * alpha)


@jit.scalar
def _selu(z: Any, a: Any, b: Any) -> Any:
    return where(z > 0.0, z * SELU_SCALE, expm1(z) * (SELU_SCALE * SELU_ALPHA))


@jit.scalar
def _selu_derivative(z: Any, f: Any, a: Any, b: Any) -> Any:
    return where(z > 0.0, SELU_SCALE, exp(z) * (SELU_SCALE * SELU_ALPHA))


@jit.scalar
def _tanh(z: Any, a: Any, b: Any) -> Any:
    return tanh(z)


@jit.scalar
def _tanh_derivative(z: Any, f: Any, a: Any, b: Any) -> Any:
    return 1.0 - f * f


@jit.scalar
def _sigmoid(z: Any, a: Any, b: Any) -> Any:
    return sigmoid(z)


@jit.scalar
def _sigmoid_derivative(z: Any, f: Any, a: Any, b: Any) -> Any:
    return f * (1.0 - f)


@jit.scalar
def _softplus(z: Any, beta: Any, threshold: Any) -> Any:
    scaled = z * beta
    return where(scaled > threshold, z, log1p(exp(scaled)) / beta)


@jit.scalar
def _softplus_derivative(z: Any, f: Any, beta: Any, threshold: Any) -> Any:
    scaled = z * beta
    return where(scaled > threshold, 1.0, sigmoid(scaled))


_TORCH = "PyTorch torch.nn."

ACTIVATIONS: dict[str, Activation] = table(
    Activation("relu", "max(0, z)", _TORCH + "ReLU", forward=_relu, derivative=_relu_derivative),
    Activation(
        "leaky_relu",
        "z for z > 0, else negative_slope · z",
        _TORCH + "LeakyReLU",
        {"negative_slope": Parameter(0.01)},
        forward=_leaky_relu,
        derivative=_leaky_relu_derivative,
    ),
    Activation(
        "elu",
        "z for z > 0, else alpha · (e^z − 1)",
        _TORCH + "ELU",
        {"alpha": Parameter(1.0)},
        forward=_elu,
        derivative=_elu_derivative,
    ),
    Activation(
        "selu",
        "1.0507 · (z for z > 0, else 1.6733 · (e^z − 1))",
        _TORCH + "SELU",
        forward=_selu,
        derivative=_selu_derivative,
    ),
    Activation("tanh", "tanh z", _TORCH + "Tanh", forward=_tanh, derivative=_tanh_derivative),
    Activation("sigmoid", "1 / (1 + e^−z)", _TORCH + "Sigmoid", forward=_sigmoid, derivative=_sigmoid_derivative),
    Activation(
        "softplus",
        "log(1 + e^(beta·z)) / beta; z where beta·z > threshold",
        _TORCH + "Softplus",
        {"beta": Parameter(1.0, gt=0), "threshold": Parameter(20.0)},
        forward=_softplus,
        derivative=_softplus_derivative,
    ),
    Activation("linear", "z", _TORCH + "Identity", forward=_linear, derivative=_linear_derivative),
)
