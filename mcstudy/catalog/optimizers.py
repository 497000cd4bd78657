"""Optimizers as scalar functions of packs.

`prepare(h, step)` turns the hyperparameters (a tuple of numbers, in the order of the table) into those of step
number `step` = 1, 2, …; it runs once per step, in double precision. `update(p, g, s, t, u, h)` takes a parameter, its
gradient and up to three values of state (zero at the start) and returns the new parameter and state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import REQUIRED, Parameter, Part, table
from mcstudy.kernels.pack import fma, sqrt


@dataclass(frozen=True)
class Optimizer(Part):
    """A part with its state's size, `prepare`, `update`, and the value that state starts from.

    `counts` tells that updates depend on the number of the step beyond the first, so that an unchanged state does
    not prove that nothing will change. `hyper` flattens the parameters into at most 8 numbers, the learning rate first.
    """

    slots: int = 0
    counts: bool = False
    prepare: Callable[..., Any] = lambda h, step: h
    update: Callable[..., Any] = lambda p, g, s, t, u, h: (p, s, t, u)

    def hyper(self, parameters: Mapping[str, Any]) -> tuple[float, ...]:
        """The part's numbers in the order of the table, lists spread out."""
        flat: list[float] = []
        for name in self.parameters:
            value = parameters[name]
            flat.extend(map(float, value) if isinstance(value, list | tuple) else [float(value)])
        return tuple(flat)


@jit.routine
def _power(base: Any, exponent: Any) -> Any:
    # exp and log of the C library are not the same everywhere; products are.
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@jit.scalar
def _sgd_prepare(h: Any, step: Any) -> Any:
    rate, momentum, dampening, decay, nesterov, _, _, _ = h
    fresh = 1.0 if momentum == 0.0 or step == 1 else 1.0 - dampening
    # the step is rate · (direct · g + carried · buffer)
    direct = nesterov if momentum != 0.0 else 0.0
    carried = momentum if direct != 0.0 else 1.0
    return rate, momentum, fresh, decay, direct, carried, 0.0, 0.0


@jit.scalar
def _sgd_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, momentum, fresh, decay, direct, carried, _, _ = h
    g = fma(p, decay, g)
    s = fma(s, momentum, g * fresh)
    return fma(fma(g, direct, s * carried), -rate, p), s, t, u


@jit.scalar
def _adam_prepare(h: Any, step: Any) -> Any:
    rate, beta1, beta2, eps, decay, _, _, _ = h
    size = rate / (1.0 - _power(beta1, step))
    root = math.sqrt(1.0 - _power(beta2, step))
    return size, beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps, decay, 1.0 / root


@jit.scalar
def _adam_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    size, beta1, rest1, beta2, rest2, eps, decay, scale = h
    g = fma(p, decay, g)
    s = fma(s, beta1, g * rest1)
    t = fma(t, beta2, g * g * rest2)
    return p - s * size / fma(sqrt(t), scale, eps), s, t, u


@jit.scalar
def _rmsprop_prepare(h: Any, step: Any) -> Any:
    rate, alpha, eps, decay, momentum, centered, _, _ = h
    return rate, alpha, 1.0 - alpha, eps, decay, momentum, centered, 0.0


@jit.scalar
def _rmsprop_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, alpha, rest, eps, decay, momentum, centered, _ = h
    g = fma(p, decay, g)
    s = fma(s, alpha, g * g * rest)
    t = fma(t, alpha, g * rest)
    u = fma(u, momentum, g / (sqrt(fma(t * t, -centered, s)) + eps))
    return fma(u, -rate, p), s, t, u


@jit.scalar
def _adagrad_prepare(h: Any, step: Any) -> Any:
    rate, rate_decay, decay, start, eps, _, _, _ = h
    return rate / (1.0 + (step - 1) * rate_decay), decay, eps, start, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _adagrad_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, decay, eps, start, _, _, _, _ = h
    g = fma(p, decay, g)
    s = fma(g, g, s)
    return p - g * rate / (sqrt(s + start) + eps), s, t, u


def _nesterov(parameters: Mapping[str, Any]) -> str | None:
    if parameters["nesterov"] and (parameters["momentum"] <= 0 or parameters["dampening"] != 0):
        return "nesterov needs a momentum above 0 and no dampening"
    return None


_RATE = {"lr": Parameter(REQUIRED, gt=0, doc="learning rate")}
_DECAY = {"weight_decay": Parameter(0.0, ge=0, doc="added to the gradient: weight_decay · p")}
_EPS = Parameter(1e-8, ge=0)

OPTIMIZERS: dict[str, Optimizer] = table(
    Optimizer(
        "sgd",
        "s ← momentum·s + (1 − dampening)·g;  p ← p − lr·s (nesterov: g + momentum·s);  the first s is g",
        "PyTorch torch.optim.SGD",
        {
            **_RATE,
            "momentum": Parameter(0.0, ge=0),
            "dampening": Parameter(0.0),
            **_DECAY,
            "nesterov": Parameter(False, "boolean"),
        },
        check=_nesterov,
        slots=1,
        prepare=_sgd_prepare,
        update=_sgd_update,
    ),
    Optimizer(
        "adam",
        "s ← β₁·s + (1 − β₁)·g;  t ← β₂·t + (1 − β₂)·g²;  p ← p − lr·ŝ/(√t̂ + eps), ŝ = s/(1 − β₁ⁿ), t̂ = t/(1 − β₂ⁿ)",
        "PyTorch torch.optim.Adam (Kingma and Ba 2015)",
        {**_RATE, "betas": Parameter([0.9, 0.999], "numbers", ge=0, lt=1, length=(2, 2)), "eps": _EPS, **_DECAY},
        slots=2,
        counts=True,
        prepare=_adam_prepare,
        update=_adam_update,
    ),
    Optimizer(
        "rmsprop",
        "s ← alpha·s + (1 − alpha)·g²;  u ← momentum·u + g / (√s + eps) (centered: s − mean(g)²);  p ← p − lr·u",
        "PyTorch torch.optim.RMSprop",
        {
            **_RATE,
            "alpha": Parameter(0.99, ge=0, le=1),
            "eps": _EPS,
            **_DECAY,
            "momentum": Parameter(0.0, ge=0),
            "centered": Parameter(False, "boolean"),
        },
        slots=3,
        prepare=_rmsprop_prepare,
        update=_rmsprop_update,
    ),
    Optimizer(
        "adagrad",
        "s ← s + g²;  p ← p − lr/(1 + (n − 1)·lr_decay) · g / (√s + eps);  s starts at initial_accumulator_value",
        "PyTorch torch.optim.Adagrad",
        {
            **_RATE,
            "lr_decay": Parameter(0.0, ge=0),
            **_DECAY,
            "initial_accumulator_value": Parameter(0.0, ge=0),
            "eps": Parameter(1e-10, ge=0),
        },
        slots=1,
        counts=True,
        prepare=_adagrad_prepare,
        update=_adagrad_update,
    ),
)
