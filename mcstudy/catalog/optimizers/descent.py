"""Gradient descent, and its step divided by the size of past gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcstudy import jit
from mcstudy.catalog.optimizers.base import DECAY, EPS, RATE, Optimizer
from mcstudy.catalog.part import Parameter, table
from mcstudy.kernels.pack import fma, sqrt


@jit.scalar
def _sgd_prepare(h: Any, step: Any) -> Any:
    rate, momentum, dampening, decay, nesterov = h[:5]
    fresh = 1.0 if momentum == 0.0 or step == 1 else 1.0 - dampening
    # the step is rate · (direct · g + carried · buffer)
    direct = nesterov if momentum != 0.0 else 0.0
    carried = momentum if direct != 0.0 else 1.0
    return rate, momentum, fresh, decay, direct, carried, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _sgd_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, momentum, fresh, decay, direct, carried = h[:6]
    g = fma(p, decay, g)
    s = fma(s, momentum, g * fresh)
    return fma(fma(g, direct, s * carried), -rate, p), s, t, u


@jit.scalar
def _adagrad_prepare(h: Any, step: Any) -> Any:
    rate, rate_decay, decay, start, eps, inside = h[:6]
    rate /= 1.0 + (step - 1) * rate_decay
    if inside != 0.0:
        return rate, decay, 0.0, start + eps, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    return rate, decay, eps, start, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _adagrad_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, decay, eps, start = h[:4]
    g = fma(p, decay, g)
    s = fma(g, g, s)
    return p - g * rate / (sqrt(s + start) + eps), s, t, u


@jit.scalar
def _adadelta_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, rho, eps, decay = h[:4]
    g = fma(p, decay, g)
    s = fma(s, rho, g * g * (1.0 - rho))
    move = sqrt(t + eps) / sqrt(s + eps) * g
    t = fma(t, rho, move * move * (1.0 - rho))
    return fma(move, -rate, p), s, t, u


@jit.scalar
def _rmsprop_prepare(h: Any, step: Any) -> Any:
    rate, alpha, eps, decay, momentum, centered, _ = h[:7]
    return rate, alpha, 1.0 - alpha, eps, decay, momentum, centered, 0.0, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _rmsprop_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, alpha, rest, eps, decay, momentum, centered = h[:7]
    g = fma(p, decay, g)
    s = fma(s, alpha, g * g * rest)
    t = fma(t, alpha, g * rest)
    u = fma(u, momentum, g / (sqrt(fma(t, t * -centered, s)) + eps))
    return fma(u, -rate, p), s, t, u


@jit.scalar
def _rmsprop_update_inside(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, alpha, rest, eps, decay, momentum, centered = h[:7]
    g = fma(p, decay, g)
    s = fma(s, alpha, g * g * rest)
    t = fma(t, alpha, g * rest)
    u = fma(u, momentum, g / sqrt(fma(t, t * -centered, s) + eps))
    return fma(u, -rate, p), s, t, u


def _nesterov(parameters: Mapping[str, Any]) -> str | None:
    if parameters["nesterov"] and (parameters["momentum"] <= 0 or parameters["dampening"] != 0):
        return "nesterov needs a momentum above 0 and no dampening"
    return None


DESCENT: dict[str, Optimizer] = table(
    Optimizer(
        "sgd",
        "g ← g + weight_decay·p;  s ← momentum·s + (1 − dampening)·g, the first s is g;  p ← p − lr·s "
        "(nesterov: p ← p − lr·(g + momentum·s))",
        "PyTorch torch.optim.SGD. Keras SGD is the same with dampening 0, except that it keeps lr·s in place of s: a "
        "schedule then changes new gradients alone; its weight_decay is apart from the gradient",
        {
            **RATE,
            "momentum": Parameter(0.0, ge=0, doc="share of the last step that is kept"),
            "dampening": Parameter(0.0, doc="share of the gradient that the buffer does not take up"),
            **DECAY,
            "nesterov": Parameter(False, "boolean", doc="the step looks ahead along the buffer"),
        },
        check=_nesterov,
        slots=1,
        prepare=_sgd_prepare,
        update=_sgd_update,
    ),
    Optimizer(
        "adagrad",
        "g ← g + weight_decay·p;  s ← s + g², s starts at initial_accumulator_value;  "
        "p ← p − lr/(1 + (n − 1)·lr_decay) · g/(√s + eps) (eps_inside: g/√(s + eps)) in step n = 1, 2, …",
        "PyTorch torch.optim.Adagrad (Duchi et al. 2011). Keras Adagrad: eps_inside=true, "
        "initial_accumulator_value=0.1, eps=1e-7",
        {
            **RATE,
            "lr_decay": Parameter(0.0, ge=0, doc="the rate falls as 1/(1 + (n − 1)·lr_decay)"),
            **DECAY,
            "initial_accumulator_value": Parameter(0.0, ge=0, doc="what the sum of squares starts from"),
            "eps": Parameter(1e-10, ge=0, doc="added to the divisor"),
            "eps_inside": Parameter(False, "boolean", doc="eps is added under the root, as in Keras"),
        },
        slots=1,
        fading=False,
        counts=True,
        prepare=_adagrad_prepare,
        update=_adagrad_update,
    ),
    Optimizer(
        "adadelta",
        "g ← g + weight_decay·p;  s ← rho·s + (1 − rho)·g²;  d = √(t + eps)/√(s + eps) · g;  "
        "t ← rho·t + (1 − rho)·d²;  p ← p − lr·d",
        "PyTorch torch.optim.Adadelta (Zeiler 2012; the paper's and PyTorch's lr is 1). Keras Adadelta: rho=0.95, "
        "eps=1e-7",
        {
            **RATE,
            "rho": Parameter(0.9, ge=0, le=1, doc="decay rate of the running means"),
            "eps": Parameter(1e-6, ge=0, doc="added under both roots"),
            **DECAY,
        },
        slots=2,
        update=_adadelta_update,
    ),
    Optimizer(
        "rmsprop",
        "g ← g + weight_decay·p;  s ← alpha·s + (1 − alpha)·g²;  u ← momentum·u + g/(√s + eps) "
        "(eps_inside: g/√(s + eps); centered: s − m² for s, m ← alpha·m + (1 − alpha)·g);  p ← p − lr·u",
        "PyTorch torch.optim.RMSprop (Tieleman and Hinton 2012; Graves 2013 centered). Keras RMSprop: "
        "eps_inside=true, alpha=0.9, eps=1e-7; it keeps lr·u in place of u, which a schedule tells apart",
        {
            **RATE,
            "alpha": Parameter(0.99, ge=0, le=1, doc="decay rate of the running means; Keras calls it rho"),
            **EPS,
            **DECAY,
            "momentum": Parameter(0.0, ge=0, doc="share of the last step that is kept"),
            "centered": Parameter(False, "boolean", doc="divide by the standard deviation of the gradient"),
            "eps_inside": Parameter(False, "boolean", doc="eps is added under the root, as in Keras"),
        },
        slots=3,
        prepare=_rmsprop_prepare,
        update=_rmsprop_update,
        variant=lambda parameters: _rmsprop_update_inside if parameters["eps_inside"] else None,
    ),
)
