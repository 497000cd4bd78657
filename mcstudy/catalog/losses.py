"""Losses as functions of packs: of one output and its target, or of all outputs of a sample together.

They are averaged over the samples and, but for the joint ones, over the outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import Parameter, Part, table
from mcstudy.kernels.elementary import exp, expm1, log1p, sigmoid, softplus, tanh
from mcstudy.kernels.pack import absolute, filled, fma, load, store, where

LN2 = 0.69314718055994530942


@dataclass(frozen=True)
class Loss(Part):
    """A part with functions compiled for packs.

    Attributes:
        value: (o, y, a) gives the loss of an output o against its target y; a is the part's parameter, 0 without one.
        gradient: (o, y, a) gives its derivative by o.
        logits: whether outputs are logits, so that 0/1 targets are told apart at output 0, not at 1/2.
        curved: whether its Hessian tells what a point is: it has no kinks, nor directions in which it never changes.
        targets: what targets have to be: "any", "binary" (0 or 1), "signs" (these, or −1 or 1), or "classes" (those of
            a sample are probabilities: not negative, with the sum 1; two outputs at least).
        joint: whether all outputs of a sample have one loss. Then the two functions below stand for the two above,
            and the mean is over samples alone.
        sample_value: (memory, output, step, target, row, outputs) gives the loss of one sample, whose output k is at
            `output + k * step` and target k at `target + k * row`.
        sample_gradient: (memory, output, step, target, row, delta, outputs, scale) stores `scale` times the derivative
            by output k at `delta + k * step`.
    """

    value: Callable[..., Any] = lambda o, y, a: o
    gradient: Callable[..., Any] = lambda o, y, a: o
    logits: bool = False
    curved: bool = True
    targets: str = "any"
    joint: bool = False
    sample_value: Callable[..., Any] | None = None
    sample_gradient: Callable[..., Any] | None = None


@jit.scalar
def _mse(o: Any, y: Any, a: Any) -> Any:
    error = o - y
    return error * error


@jit.scalar
def _mse_gradient(o: Any, y: Any, a: Any) -> Any:
    return 2.0 * (o - y)


@jit.scalar
def _mae(o: Any, y: Any, a: Any) -> Any:
    return absolute(o - y)


@jit.scalar
def _mae_gradient(o: Any, y: Any, a: Any) -> Any:
    error = o - y
    return where(error > 0.0, 1.0, where(error < 0.0, -1.0, error))


@jit.scalar
def _huber(o: Any, y: Any, delta: Any) -> Any:
    size = absolute(o - y)
    return where(size > delta, (size - 0.5 * delta) * delta, 0.5 * size * size)


@jit.scalar
def _huber_gradient(o: Any, y: Any, delta: Any) -> Any:
    error = o - y
    return where(error > delta, delta, where(error < -delta, -delta, error))


@jit.scalar
def _log_cosh(o: Any, y: Any, a: Any) -> Any:
    size = absolute(o - y)
    # near 0 by cosh x - 1 = (1 - e^-x)^2 / 2e^-x, which keeps small losses exact; else as x + log(1 + e^-2x) - log 2
    near = size < 1.0
    lost = expm1(-size)
    rest = lost + 1.0
    return log1p(where(near, lost * lost / (rest + rest), rest * rest)) + where(near, 0.0, size - LN2)


@jit.scalar
def _log_cosh_gradient(o: Any, y: Any, a: Any) -> Any:
    return tanh(o - y)


@jit.scalar
def _binary_cross_entropy(o: Any, y: Any, a: Any) -> Any:
    return where(o > 0.0, o * (1.0 - y), -(o * y)) + softplus(-absolute(o))


@jit.scalar
def _binary_cross_entropy_gradient(o: Any, y: Any, a: Any) -> Any:
    # sigmoid(o) - y; a 1 told with confidence leaves as exact a rest as a 0
    s = sigmoid(-absolute(o))
    return where(o > 0.0, (1.0 - y) - s, s - y)


@jit.scalar
def _hinge(o: Any, y: Any, a: Any) -> Any:
    margin = 1.0 - where(y == 0.0, -1.0, y) * o
    return where(margin <= 0.0, 0.0, margin)


@jit.scalar
def _hinge_gradient(o: Any, y: Any, a: Any) -> Any:
    side = where(y == 0.0, -1.0, y)
    margin = 1.0 - side * o
    return where(margin > 0.0, -side, where(margin <= 0.0, 0.0, margin))


@jit.scalar
def _largest(memory: Any, output: Any, step: Any, outputs: Any) -> Any:
    """The largest output m, and the sum of e^(o − m) over the others; so log of the sum of all e^o is m + log1p."""
    m, rest = load(memory, output), filled(memory, 0.0)
    for k in range(1, outputs):
        o = load(memory, output + k * step)
        e = exp(-absolute(o - m))
        larger = o > m
        rest = fma(where(larger, rest, 1.0), e, where(larger, e, rest))
        m = where(larger, o, m)
    return m, rest


@jit.routine
def _softmax_value(memory: Any, output: Any, step: Any, target: Any, row: Any, outputs: Any) -> Any:
    m, rest = _largest(memory, output, step, outputs)
    value, total = filled(memory, 0.0), filled(memory, 0.0)
    for k in range(outputs):
        y = load(memory, target + k * row)
        value = fma(y, m - load(memory, output + k * step), value)
        total = total + y
    return fma(total, log1p(rest), value)


@jit.routine
def _softmax_gradient(
    memory: Any, output: Any, step: Any, target: Any, row: Any, delta: Any, outputs: Any, scale: Any
) -> None:
    m, rest = _largest(memory, output, step, outputs)
    total = filled(memory, 0.0)
    for k in range(outputs):
        total = total + load(memory, target + k * row)
    share = total / (rest + 1.0)
    for k in range(outputs):
        o, y = load(memory, output + k * step), load(memory, target + k * row)
        # total * softmax - y; the largest has all that the others leave, which must not cancel
        rise = where(o == m, (total - y) - rest * share, exp(o - m) * share - y)
        store(memory, delta + k * step, rise * scale)


LOSSES: dict[str, Loss] = table(
    Loss("mse", "(o − y)²", "PyTorch torch.nn.MSELoss", value=_mse, gradient=_mse_gradient),
    Loss("mae", "|o − y|", "PyTorch torch.nn.L1Loss", value=_mae, gradient=_mae_gradient, curved=False),
    Loss(
        "huber",
        "(o − y)² / 2 where |o − y| ≤ delta, else delta · (|o − y| − delta / 2)",
        "PyTorch torch.nn.HuberLoss",
        {"delta": Parameter(1.0, gt=0, doc="error from which on the loss is straight")},
        value=_huber,
        gradient=_huber_gradient,
    ),
    Loss(
        "log_cosh",
        "log cosh(o − y)",
        "Keras keras.losses.LogCosh",
        value=_log_cosh,
        gradient=_log_cosh_gradient,
    ),
    Loss(
        "binary_cross_entropy",
        "log(1 + e^o) − y·o: outputs are logits, targets 0 or 1",
        "PyTorch torch.nn.BCEWithLogitsLoss",
        value=_binary_cross_entropy,
        gradient=_binary_cross_entropy_gradient,
        logits=True,
        targets="binary",
    ),
    Loss(
        "hinge",
        "max(0, 1 − y·o): targets −1 or 1, where 0 counts as −1; the derivative is 0 where y·o = 1",
        "Keras keras.losses.Hinge",
        value=_hinge,
        gradient=_hinge_gradient,
        logits=True,
        curved=False,
        targets="signs",
    ),
    Loss(
        "softmax_cross_entropy",
        "Σ y_k · (log Σ e^o_j − o_k) over a sample's outputs: outputs are logits, targets probabilities of classes",
        "PyTorch torch.nn.CrossEntropyLoss; optax.softmax_cross_entropy",
        logits=True,
        curved=False,
        targets="classes",
        joint=True,
        sample_value=_softmax_value,
        sample_gradient=_softmax_gradient,
    ),
)
