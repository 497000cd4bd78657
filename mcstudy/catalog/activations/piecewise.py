"""Activations made of straight lines and parabolas: nothing but comparisons, sums and products.

NaN goes through all of them: where z is NaN no comparison holds, and the value taken then must depend on z.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcstudy import jit
from mcstudy.catalog.activations.activation import Activation
from mcstudy.catalog.part import REQUIRED, Parameter, table
from mcstudy.kernels.pack import absolute, filled, where


@jit.scalar
def _linear(z: Any, a: Any, b: Any) -> Any:
    return z, filled(z, 1.0)


@jit.scalar
def _relu(z: Any, a: Any, b: Any) -> Any:
    # a processor has an instruction for just this maximum
    return where(z < 0.0, 0.0, z), where(z <= 0.0, filled(z, 0.0), 1.0)


@jit.scalar
def _relu6(z: Any, a: Any, b: Any) -> Any:
    off, full = z <= 0.0, z >= 6.0
    return where(off, 0.0, where(full, 6.0, z)), where(off | full, filled(z, 0.0), 1.0)


@jit.scalar
def _leaky_relu(z: Any, slope: Any, b: Any) -> Any:
    on = z > 0.0
    return where(on, z, z * slope), where(on, 1.0, filled(z, slope))


@jit.scalar
def _prelu_by_slope(z: Any, slope: Any, b: Any) -> Any:
    return where(z > 0.0, 0.0, z)


@jit.scalar
def _rrelu(z: Any, lower: Any, upper: Any) -> Any:
    return _leaky_relu(z, (lower + upper) * 0.5, 0.0)


@jit.scalar
def _rrelu_random(z: Any, u: Any, lower: Any, upper: Any) -> Any:
    return _leaky_relu(z, u * (upper - lower) + lower, 0.0)


@jit.scalar
def _squared_relu(z: Any, a: Any, b: Any) -> Any:
    r = where(z <= 0.0, 0.0, z)
    return r * r, r + r


@jit.scalar
def _hard_sigmoid(z: Any, a: Any, b: Any) -> Any:
    off, full = z <= -3.0, z >= 3.0
    f = where(off, 0.0, where(full, 1.0, (z + 3.0) / 6.0))
    return f, where(off | full, filled(z, 0.0), 1.0 / 6.0)


@jit.scalar
def _hard_swish(z: Any, a: Any, b: Any) -> Any:
    off, full = z <= -3.0, z >= 3.0
    f = where(off, 0.0, where(full, z, z * (z + 3.0) / 6.0))
    return f, where(off, 0.0, where(full, 1.0, z / 3.0 + 0.5))


@jit.scalar
def _hard_tanh(z: Any, lowest: Any, highest: Any) -> Any:
    low, high = z <= lowest, z >= highest
    return where(low, lowest, where(high, highest, z)), where(low | high, filled(z, 0.0), 1.0)


@jit.scalar
def _soft_shrink(z: Any, width: Any, b: Any) -> Any:
    over, under = z > width, z < -width
    # z · 0 keeps NaN; no infinity comes there
    f = where(over, z - width, where(under, z + width, z * 0.0))
    return f, where(over | under, filled(z, 1.0), 0.0)


@jit.scalar
def _hard_shrink(z: Any, width: Any, b: Any) -> Any:
    off = absolute(z) <= width
    return where(off, 0.0, z), where(off, filled(z, 0.0), 1.0)


@jit.scalar
def _threshold(z: Any, threshold: Any, value: Any) -> Any:
    off = z <= threshold
    return where(off, value, z), where(off, filled(z, 0.0), 1.0)


@jit.scalar
def _abs(z: Any, a: Any, b: Any) -> Any:
    return absolute(z), where(z > 0.0, 1.0, where(z < 0.0, -1.0, z))


def _ordered(low: str, high: str, equal: bool) -> Any:
    def check(parameters: Mapping[str, Any]) -> str | None:
        a, b = parameters[low], parameters[high]
        if a < b or (equal and a == b):
            return None
        return f"{low} must be {'at most' if equal else 'below'} {high}; got {low}={a!r}, {high}={b!r}"

    return check


_TORCH, _KERAS = "PyTorch torch.nn.", "Keras keras.activations."
_WIDTH = {"lambd": Parameter(0.5, ge=0, doc="half the width of the interval that gives 0")}

PIECEWISE: dict[str, Activation] = table(
    Activation("relu", "max(0, z)", _TORCH + "ReLU", function=_relu, homogeneous=True),
    Activation("relu6", "min(max(0, z), 6)", _TORCH + "ReLU6", function=_relu6),
    Activation(
        "leaky_relu",
        "z for z > 0, else negative_slope · z",
        _TORCH + "LeakyReLU",
        {"negative_slope": Parameter(0.01, doc="the slope for z ≤ 0")},
        function=_leaky_relu,
        homogeneous=True,
    ),
    Activation(
        "prelu",
        "z for z > 0, else a · z; one trained slope a for each layer, which starts at init",
        _TORCH + "PReLU (num_parameters=1)",
        {"init": Parameter(0.25, doc="the slope for z ≤ 0 at the start of training")},
        function=_leaky_relu,
        homogeneous=True,
        by_parameter=_prelu_by_slope,
    ),
    Activation(
        "rrelu",
        "z for z > 0, else a · z; in training a is drawn from [lower, upper) for every value, at checks it is "
        "(lower + upper) / 2",
        _TORCH + "RReLU",
        {
            "lower": Parameter(1.0 / 8.0, doc="the least slope for z ≤ 0"),
            "upper": Parameter(1.0 / 3.0, doc="the largest slope for z ≤ 0"),
        },
        check=_ordered("lower", "upper", equal=True),
        function=_rrelu,
        homogeneous=True,
        random=_rrelu_random,
    ),
    Activation("squared_relu", "max(0, z)²", "So et al. 2021 (Primer), arXiv 2109.08668", function=_squared_relu),
    Activation(
        "hard_sigmoid",
        "min(max(0, z + 3), 6) / 6",
        f"{_TORCH}Hardsigmoid; {_KERAS}hard_sigmoid (Keras 3)",
        function=_hard_sigmoid,
    ),
    Activation(
        "hard_swish",
        "z · min(max(0, z + 3), 6) / 6",
        f"{_TORCH}Hardswish; {_KERAS}hard_silu (Keras 3)",
        function=_hard_swish,
    ),
    Activation(
        "hard_tanh",
        "min(max(min_val, z), max_val)",
        _TORCH + "Hardtanh",
        {"min_val": Parameter(-1.0, doc="the least value"), "max_val": Parameter(1.0, doc="the largest value")},
        check=_ordered("min_val", "max_val", equal=False),
        function=_hard_tanh,
    ),
    Activation(
        "soft_shrink",
        "z − lambd for z > lambd, z + lambd for z < −lambd, else 0",
        _TORCH + "Softshrink",
        _WIDTH,
        function=_soft_shrink,
    ),
    Activation("hard_shrink", "z for |z| > lambd, else 0", _TORCH + "Hardshrink", _WIDTH, function=_hard_shrink),
    Activation(
        "threshold",
        "z for z > threshold, else value",
        _TORCH + "Threshold",
        {
            "threshold": Parameter(REQUIRED, doc="the z above which z itself is passed on"),
            "value": Parameter(REQUIRED, doc="what is passed on from there down"),
        },
        function=_threshold,
    ),
    Activation("abs", "|z|", "PyTorch torch.abs", function=_abs, homogeneous=True),
    Activation("linear", "z", _TORCH + "Identity", function=_linear, homogeneous=True),
)
