"""Optimizers that go by the sign of the gradient, by its change, or by all gradients so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcstudy import jit
from mcstudy.catalog.optimizers.base import DECAY, RATE, Optimizer, betas, decoupled, sign
from mcstudy.catalog.part import Parameter, table
from mcstudy.kernels.elementary import exp, log
from mcstudy.kernels.pack import fma, sqrt, where


@jit.scalar
def _lion_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, beta1, beta2, decay = h[:4]
    move = sign(fma(s, beta1, g * (1.0 - beta1)))
    p = fma(p, -(rate * decay), p)
    return fma(move, -rate, p), fma(s, beta2, g * (1.0 - beta2)), t, u


@jit.scalar
def _rprop_prepare(h: Any, step: Any) -> Any:
    rate, down, up, low, high = h[:5]
    # the size of a step starts at the rate: size · kept + start
    kept, start = (0.0, rate) if step == 1 else (1.0, 0.0)
    return kept, start, down, up, low, high, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _rprop_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    kept, start, down, up, low, high = h[:6]
    turn = g * s
    t = fma(t, kept, start) * where(turn > 0.0, up, where(turn < 0.0, down, 1.0 + turn))  # nan stays
    t = where(t < low, low, t)
    t = where(t > high, high, t)
    g = where(turn < 0.0, 0.0, g)
    return p - sign(g) * t, g, t, u


@jit.scalar
def _signsgd_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, momentum, decay = h[:3]
    s = fma(s, momentum, fma(p, decay, g) * (1.0 - momentum))
    return fma(sign(s), -rate, p), s, t, u


@jit.scalar
def _quickprop_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, growth, decay = h[:3]
    slope = -fma(p, decay, g)
    still = t == 0.0
    # both slopes as seen along the last step
    now, before = where(t < 0.0, -slope, slope), where(t < 0.0, -s, s)
    far = now > before * (growth / (1.0 + growth))
    jump = t * where(far, growth, slope / (s - slope))
    linear = where(still | (now > 0.0), slope * rate, 0.0)
    move = linear + where(still, 0.0, jump)
    return p + move, slope, move, u


@jit.scalar
def _ftrl_step(p: Any, g: Any, s: Any, t: Any, u: Any, before: Any, after: Any, h: Any) -> Any:
    """The update, given the accumulator's power before and after this gradient; `s` has the gradient already."""
    rate, _, _, l1, l2, shrinkage, beta = h[:7]
    if rate > 0.0:
        linear = t + (fma(p, 2.0 * shrinkage, g) - (after - before) / rate * p)
        cut = where(linear > l1, l1, linear)
        cut = where(cut < -l1, -l1, cut)
        p = (cut - linear) / (after / rate + (2.0 * l2 + beta / rate))
        t = linear
    return p, s, t, u


@jit.scalar
def _ftrl_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    start = h[2]
    grown = fma(g, g, s)
    return _ftrl_step(p, g, grown, t, u, sqrt(s + start), sqrt(grown + start), h)


@jit.scalar
def _any_power(x: Any, exponent: Any) -> Any:
    """x ≥ 0 to a power ≥ 0."""
    return exp(log(x) * exponent) if exponent > 0.0 else x * 0.0 + 1.0


@jit.scalar
def _ftrl_update_power(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    exponent, start = -h[1], h[2]
    grown = fma(g, g, s)
    return _ftrl_step(p, g, grown, t, u, _any_power(s + start, exponent), _any_power(grown + start, exponent), h)


def _etas(parameters: Mapping[str, Any]) -> str | None:
    down, up = parameters["etas"]
    low, high = parameters["step_sizes"]
    if not 0 < down < 1 < up:
        return f"etas must be a number between 0 and 1 and one above 1; got {down!r} and {up!r}"
    if low > high:
        return f"the first of step_sizes must not exceed the second; got {low!r} and {high!r}"
    return None


OTHERS: dict[str, Optimizer] = table(
    Optimizer(
        "lion",
        "p ← p − lr·weight_decay·p;  p ← p − lr·sign(β₁·s + (1 − β₁)·g);  s ← β₂·s + (1 − β₂)·g",
        "Chen et al. 2023; optax.lion (there weight_decay=0.001) and Keras Lion. PyTorch has no such optimizer",
        {**RATE, **betas(0.99), **decoupled(0.0)},
        slots=1,
        update=_lion_update,
    ),
    Optimizer(
        "rprop",
        "d = d · etas₂ where g·s > 0, d · etas₁ where g·s < 0, else d; cut to step_sizes, it starts at lr;  "
        "g ← 0 where g·s < 0;  p ← p − d·sign(g);  s ← g",
        "PyTorch torch.optim.Rprop (Riedmiller and Braun 1993, as iRprop−); optax.rprop moves by the step before. "
        "Keras has no such optimizer. lr is the size of the first step alone, so a schedule changes nothing else",
        {
            **RATE,
            "etas": Parameter([0.5, 1.2], "numbers", gt=0, length=(2, 2), doc="factors that shrink and grow a step"),
            "step_sizes": Parameter([1e-6, 50.0], "numbers", ge=0, length=(2, 2), doc="smallest and largest step"),
        },
        check=_etas,
        slots=2,
        fading=False,
        prepare=_rprop_prepare,
        update=_rprop_update,
    ),
    Optimizer(
        "signsgd",
        "g ← g + weight_decay·p;  s ← momentum·s + (1 − momentum)·g;  p ← p − lr·sign(s)",
        "Bernstein et al. 2018: signSGD, and Signum with momentum; optax.sign_sgd (no momentum). PyTorch and Keras "
        "have no such optimizer",
        {**RATE, "momentum": Parameter(0.0, ge=0, lt=1, doc="decay rate of the running mean"), **DECAY},
        slots=1,
        update=_signsgd_update,
    ),
    Optimizer(
        "quickprop",
        "S = −(g + weight_decay·p), S₋ and d the last slope and step (0 at first), c = mu/(1 + mu);  "
        "quadratic: mu·d where S reaches beyond c·S₋ in the direction of d, else d·S/(S₋ − S);  "
        "linear: lr·S where d = 0 or S has the sign of d, else 0;  d ← quadratic + linear;  p ← p + d",
        "Fahlman 1988, as in his program of that year, without its division of lr by the fan-in and its addition to "
        "the sigmoid's slope. PyTorch, Keras and optax have no such optimizer",
        {**RATE, "mu": Parameter(1.75, gt=0, doc="most growth of a step"), **DECAY},
        slots=2,
        fading=False,
        update=_quickprop_update,
    ),
    Optimizer(
        "ftrl",
        "q = −learning_rate_power, s starts at initial_accumulator_value;  s' = s + g²;  "
        "t ← t + g + 2·l2_shrinkage·p − (s'^q − s^q)/lr · p;  "
        "p ← (clip(t, −l1, l1) − t)/(s'^q/lr + 2·l2 + beta/lr);  s ← s'",
        "Keras Ftrl (McMahan et al. 2013), where lr=0.001. optax and PyTorch have no such optimizer. At lr = 0 (a "
        "schedule's) nothing changes but s; without accumulator, l2 and beta a gradient of 0 gives nan, as in Keras",
        {
            **RATE,
            "learning_rate_power": Parameter(-0.5, le=0, doc="how the rate falls with the sum of squares"),
            "initial_accumulator_value": Parameter(0.1, ge=0, doc="what the sum of squares starts from"),
            "l1_regularization_strength": Parameter(0.0, ge=0, doc="l1 of the formula: keeps parameters at 0"),
            "l2_regularization_strength": Parameter(0.0, ge=0, doc="l2 of the formula: draws parameters to 0"),
            "l2_shrinkage_regularization_strength": Parameter(0.0, ge=0, doc="l2_shrinkage: a weight decay"),
            "beta": Parameter(0.0, ge=0, doc="more of it slows all parameters down alike"),
        },
        slots=2,
        fading=False,
        update=_ftrl_update,
        variant=lambda parameters: _ftrl_update_power if parameters["learning_rate_power"] != -0.5 else None,
    ),
)
