"""Activations made of exponentials, logarithms, sines and error functions.

Where a factor of a product vanishes while another grows without bound, z is first cut to where the product is 0 in
both precisions: infinite sums then give the limit instead of NaN. NaN goes through, as no comparison holds for it.
"""

from __future__ import annotations

from typing import Any

from mcstudy import jit
from mcstudy.catalog.activations.activation import Activation
from mcstudy.catalog.part import Parameter, table
from mcstudy.kernels.elementary import INF, erf, exp, expm1, log1p, sigmoid, sincos, tanh
from mcstudy.kernels.pack import absolute, copysign, filled, where
from mcstudy.kernels.polynomials import tanh_polynomial

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
ROOT_HALF = 0.7071067811865475244
INVERSE_ROOT_TAU = 0.3989422804014326779
TWICE_ROOT_2_BY_PI = 1.5957691216057307117


@jit.scalar
def _cut(z: Any, limit: Any) -> Any:
    """z cut below at -limit, and at both ends."""
    above = where(z < -limit, -limit, z)
    return above, where(above > limit, limit, above)


@jit.scalar
def _elu(z: Any, alpha: Any, b: Any) -> Any:
    on = z > 0.0
    return where(on, z, expm1(z) * alpha), where(on, 1.0, exp(z) * alpha)


@jit.scalar
def _selu(z: Any, a: Any, b: Any) -> Any:
    f, slope = _elu(z, SELU_ALPHA, b)
    return f * SELU_SCALE, slope * SELU_SCALE


@jit.scalar
def _celu(z: Any, alpha: Any, b: Any) -> Any:
    on, scaled = z > 0.0, z / alpha
    return where(on, z, expm1(scaled) * alpha), where(on, 1.0, exp(scaled))


@jit.scalar
def _gelu(z: Any, a: Any, b: Any) -> Any:
    above, inside = _cut(z, 40.0)
    share = 0.5 * (1.0 + erf(above * ROOT_HALF))
    density = exp(inside * inside * -0.5) * INVERSE_ROOT_TAU
    return above * share, share + inside * density


@jit.scalar
def _gelu_tanh(z: Any, a: Any, b: Any) -> Any:
    above, inside = _cut(z, 40.0)
    square = inside * inside
    # (1 + tanh u) / 2 is the sigmoid of 2u
    share = sigmoid(inside * (1.0 + 0.044715 * square) * TWICE_ROOT_2_BY_PI)
    rise = (1.0 + 0.134145 * square) * TWICE_ROOT_2_BY_PI
    return above * share, share + inside * rise * (share * (1.0 - share))


@jit.scalar
def _silu(z: Any, a: Any, b: Any) -> Any:
    above, inside = _cut(z, 1000.0)
    share = sigmoid(above)
    return above * share, share * (1.0 + inside * (1.0 - share))


@jit.scalar
def _mish(z: Any, a: Any, b: Any) -> Any:
    above, inside = _cut(z, 1000.0)
    # tanh(log(1 + t)) = t (t + 2) / (t (t + 2) + 2); from 40 on it is 1
    t = exp(where(above > 40.0, 40.0, above))
    part = t * (t + 2.0)
    whole = part + 2.0
    share = part / whole
    return above * share, share + inside * (4.0 * t * (t + 1.0) / whole / whole)


@jit.scalar
def _softplus(z: Any, beta: Any, threshold: Any) -> Any:
    scaled = z * beta
    high = scaled > threshold
    t = exp(-absolute(scaled))
    f = where(scaled > 0.0, scaled, 0.0) + log1p(t)
    slope = where(scaled > 0.0, filled(t, 1.0), t) / (t + 1.0)
    return where(high, z, f * (1.0 / beta)), where(high, 1.0, slope)


@jit.scalar
def _softsign(z: Any, a: Any, b: Any) -> Any:
    size = absolute(z)
    slope = 1.0 / (1.0 + size)
    return where(size == INF, copysign(1.0, z), z / (1.0 + size)), slope * slope


@jit.scalar
def _sigmoid(z: Any, a: Any, b: Any) -> Any:
    f = sigmoid(z)
    return f, f * (1.0 - f)


@jit.scalar
def _log_sigmoid(z: Any, a: Any, b: Any) -> Any:
    t = exp(-absolute(z))
    on = z > 0.0
    return where(on, 0.0, z) - log1p(t), where(on, t, 1.0) / (t + 1.0)


@jit.scalar
def _tanh(z: Any, a: Any, b: Any) -> Any:
    f = tanh(z)
    return f, 1.0 - f * f


@jit.scalar
def _tanh_shrink(z: Any, a: Any, b: Any) -> Any:
    t, square = tanh(z), z * z
    # near 0, tanh(z) is computed as z plus this product; nothing cancels without the z
    return where(absolute(z) < 0.55, -(z * square * tanh_polynomial(square)), z - t), t * t


@jit.scalar
def _exponential(z: Any, a: Any, b: Any) -> Any:
    f = exp(z)
    return f, f


@jit.scalar
def _snake(z: Any, a: Any, b: Any) -> Any:
    sine, cosine = sincos(z * a)
    return z + sine * sine / a, 1.0 + 2.0 * sine * cosine


@jit.scalar
def _sine(z: Any, frequency: Any, b: Any) -> Any:
    sine, cosine = sincos(z * frequency)
    return sine, cosine * frequency


@jit.scalar
def _gaussian(z: Any, a: Any, b: Any) -> Any:
    _, inside = _cut(z, 40.0)
    f = exp(-(inside * inside))
    return f, -2.0 * inside * f


_TORCH, _KERAS = "PyTorch torch.nn.", "Keras keras.activations."

SMOOTH: dict[str, Activation] = table(
    Activation(
        "elu",
        "z for z > 0, else alpha · (e^z − 1)",
        _TORCH + "ELU",
        {"alpha": Parameter(1.0, doc="minus the value that is approached for z → −∞")},
        function=_elu,
    ),
    Activation(
        "selu",
        "1.0507… · (z for z > 0, else 1.6733… · (e^z − 1))",
        _TORCH + "SELU",
        function=_selu,
    ),
    Activation(
        "celu",
        "z for z > 0, else alpha · (e^(z/alpha) − 1)",
        _TORCH + "CELU",
        {"alpha": Parameter(1.0, gt=0, doc="minus the value that is approached for z → −∞")},
        function=_celu,
    ),
    Activation(
        "gelu",
        'z · (1 + erf(z/√2)) / 2; with approximate = "tanh": z · (1 + tanh(√(2/π) · (z + 0.044715 z³))) / 2',
        _TORCH + "GELU",
        {
            "approximate": Parameter(
                "none", "choice", choices=("none", "tanh"), doc="whether to take the formula by tanh"
            )
        },
        function=_gelu,
        variants={"tanh": _gelu_tanh},
    ),
    Activation("silu", "z / (1 + e^−z)", f"{_TORCH}SiLU; also known as swish", function=_silu),
    Activation("mish", "z · tanh(log(1 + e^z))", _TORCH + "Mish", function=_mish),
    Activation(
        "softplus",
        "log(1 + e^(beta·z)) / beta; z where beta·z > threshold",
        _TORCH + "Softplus",
        {
            "beta": Parameter(1.0, gt=0, doc="sharpness of the bend"),
            "threshold": Parameter(20.0, doc="the beta·z from which on it is z itself"),
        },
        function=_softplus,
    ),
    Activation("softsign", "z / (1 + |z|)", _TORCH + "Softsign", function=_softsign),
    Activation("sigmoid", "1 / (1 + e^−z)", _TORCH + "Sigmoid", function=_sigmoid),
    Activation("log_sigmoid", "−log(1 + e^−z)", _TORCH + "LogSigmoid", function=_log_sigmoid),
    Activation("tanh", "tanh z", _TORCH + "Tanh", function=_tanh),
    Activation("tanh_shrink", "z − tanh z", _TORCH + "Tanhshrink", function=_tanh_shrink),
    Activation("exponential", "e^z", _KERAS + "exponential", function=_exponential),
    Activation(
        "snake",
        "z + sin²(a·z) / a",
        "Ziyin, Hartwig and Ueda 2020, arXiv 2006.08195",
        {"a": Parameter(1.0, gt=0, doc="frequency of the wave; not trained")},
        function=_snake,
    ),
    Activation(
        "sine",
        "sin(frequency · z)",
        "Sitzmann et al. 2020 (SIREN, omega_0 = frequency), arXiv 2006.09661",
        {"frequency": Parameter(1.0, doc="radians per unit of z")},
        function=_sine,
    ),
    Activation("gaussian", "e^(−z²)", "Broomhead and Lowe 1988 (radial basis functions)", function=_gaussian),
)
