"""Adam and its relatives: running means of the gradient and of its size."""

from __future__ import annotations

import math
from typing import Any

from mcstudy import jit
from mcstudy.catalog.optimizers.base import DECAY, EPS, RATE, Optimizer, betas, decoupled
from mcstudy.catalog.part import Parameter, table
from mcstudy.kernels.pack import absolute, filled, fma, sqrt, where
from mcstudy.kernels.scalars import exp_below, power

LOG_096 = -0.040821994520255166
"""Natural logarithm of the double 0.96."""


@jit.scalar
def _adam_prepare(h: Any, step: Any) -> Any:
    rate, beta1, beta2, eps, decay, hat = h[:6]
    size = rate / (1.0 - power(beta1, step))
    root = math.sqrt(1.0 - power(beta2, step))
    scale = 1.0 / root
    if hat != 0.0:
        size *= root
        scale = 1.0
    return size, beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps, decay, scale, rate * decay, 0.0, 0.0, 0.0


@jit.scalar
def _means(g: Any, s: Any, t: Any, h: Any) -> Any:
    """The running means of the gradient and of its square."""
    _, beta1, rest1, beta2, rest2 = h[:5]
    return fma(s, beta1, g * rest1), fma(t, beta2, g * g * rest2)


@jit.scalar
def _adam_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    size, eps, decay, scale = h[0], h[5], h[6], h[7]
    g = fma(p, decay, g)
    s, t = _means(g, s, t, h)
    return p - s * size / fma(sqrt(t), scale, eps), s, t, u


@jit.scalar
def _adamw_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    size, eps, scale, shrink = h[0], h[5], h[7], h[8]
    p = fma(p, -shrink, p)
    s, t = _means(g, s, t, h)
    return p - s * size / fma(sqrt(t), scale, eps), s, t, u


@jit.scalar
def _amsgrad_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    size, eps, decay, scale = h[0], h[5], h[6], h[7]
    g = fma(p, decay, g)
    s, t = _means(g, s, t, h)
    u = where(u > t, u, t)
    return p - s * size / fma(sqrt(u), scale, eps), s, t, u


@jit.scalar
def _adamax_prepare(h: Any, step: Any) -> Any:
    rate, beta1, beta2, eps, decay, outside = h[:6]
    size = rate / (1.0 - power(beta1, step))
    within, beside = (0.0, eps) if outside != 0.0 else (eps, 0.0)
    return size, beta1, beta2, decay, within, beside, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _adamax_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    size, beta1, beta2, decay, within, beside = h[:6]
    g = fma(p, decay, g)
    s = fma(s, beta1, g * (1.0 - beta1))
    t = t * beta2
    largest = absolute(g) + within
    t = where(t > largest, t, largest)
    return p - s * size / (t + beside), s, t, u


@jit.scalar
def _nadam_prepare(h: Any, step: Any) -> Any:
    rate, beta1, beta2, eps, decay, momentum_decay = h[:6]
    mu = beta1 * (1.0 - 0.5 * exp_below(step * momentum_decay * LOG_096))
    following = beta1 * (1.0 - 0.5 * exp_below((step + 1) * momentum_decay * LOG_096))
    scale = 1.0 / math.sqrt(1.0 - power(beta2, step))
    return rate, beta1, beta2, eps, decay, mu, following, scale, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _nadam_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    rate, beta1, beta2, eps, decay, mu, following, scale = h[:8]
    g = fma(p, decay, g)
    s = fma(s, beta1, g * (1.0 - beta1))
    t = fma(t, beta2, g * g * (1.0 - beta2))
    u = fma(u, mu, 1.0 - mu)  # 1 less the product of all mu so far
    ahead = fma(u, following, 1.0 - following)
    move = g * (rate * (1.0 - mu)) / u + s * (rate * following) / ahead
    return p - move / fma(sqrt(t), scale, eps), s, t, u


@jit.scalar
def _radam_prepare(h: Any, step: Any) -> Any:
    rate, beta1, beta2, eps, decay = h[:5]
    size = rate / (1.0 - power(beta1, step))
    kept = power(beta2, step)
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * step * kept / (1.0 - kept)
    rectified = 0.0
    if length > 5.0:
        rectified = 1.0
        share = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        size *= math.sqrt(share) * math.sqrt(1.0 - kept)
    return size, beta1, beta2, eps, decay, rectified, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@jit.scalar
def _radam_update(p: Any, g: Any, s: Any, t: Any, u: Any, h: Any) -> Any:
    size, beta1, beta2, eps, decay, rectified = h[:6]
    g = fma(p, decay, g)
    s = fma(s, beta1, g * (1.0 - beta1))
    t = fma(t, beta2, g * g * (1.0 - beta2))
    divisor = sqrt(t) + eps if rectified != 0.0 else filled(t, 1.0)
    return p - s * size / divisor, s, t, u


_HAT = {
    "epsilon_hat": Parameter(
        False, "boolean", doc="eps is added to the root before its bias correction, as in Keras and TensorFlow"
    )
}
_MEANS = "s ← β₁·s + (1 − β₁)·g;  t ← β₂·t + (1 − β₂)·g²;  "
_COUPLED = "g ← g + weight_decay·p;  "
_CORRECTED = "ŝ = s/(1 − β₁ⁿ), t̂ = t/(1 − β₂ⁿ) in step n = 1, 2, …"
_BESIDE = "epsilon_hat: √(1 − β₂ⁿ)·ŝ/(√{0} + eps), eps beside the uncorrected root"

MOMENTS: dict[str, Optimizer] = table(
    Optimizer(
        "adam",
        f"{_COUPLED}{_MEANS}p ← p − lr·ŝ/(√t̂ + eps), {_CORRECTED} ({_BESIDE.format('t')})",
        "PyTorch torch.optim.Adam and the algorithm of Kingma and Ba 2015, as optax.adam. Keras Adam: "
        "epsilon_hat=true, eps=1e-7; its weight_decay is that of adamw",
        {**RATE, **betas(0.999), **EPS, **DECAY, **_HAT},
        slots=2,
        counts=True,
        prepare=_adam_prepare,
        update=_adam_update,
    ),
    Optimizer(
        "adamw",
        f"p ← p − lr·weight_decay·p;  {_MEANS}p ← p − lr·ŝ/(√t̂ + eps), {_CORRECTED} ({_BESIDE.format('t')})",
        "PyTorch torch.optim.AdamW (Loshchilov and Hutter 2019), as optax.adamw (there weight_decay=1e-4). Keras "
        "AdamW: epsilon_hat=true, eps=1e-7, weight_decay=0.004",
        {**RATE, **betas(0.999), **EPS, **decoupled(0.01), **_HAT},
        slots=2,
        counts=True,
        prepare=_adam_prepare,
        update=_adamw_update,
    ),
    Optimizer(
        "amsgrad",
        f"{_COUPLED}{_MEANS}u ← max(u, t);  p ← p − lr·ŝ/(√û + eps), ŝ = s/(1 − β₁ⁿ), û = u/(1 − β₂ⁿ) "
        f"in step n = 1, 2, … ({_BESIDE.format('u')})",
        "PyTorch torch.optim.Adam with amsgrad=True (Reddi et al. 2018, who correct no bias). Keras Adam with "
        "amsgrad=True: epsilon_hat=true, eps=1e-7. optax.amsgrad takes the largest of the corrected t̂ instead",
        {**RATE, **betas(0.999), **EPS, **DECAY, **_HAT},
        slots=3,
        counts=True,
        prepare=_adam_prepare,
        update=_amsgrad_update,
    ),
    Optimizer(
        "adamax",
        f"{_COUPLED}s ← β₁·s + (1 − β₁)·g;  t ← max(β₂·t, |g| + eps);  p ← p − lr/(1 − β₁ⁿ) · s/t in step n = 1, 2, … "
        "(eps_outside: t ← max(β₂·t, |g|), s/(t + eps))",
        "PyTorch torch.optim.Adamax (Kingma and Ba 2015, without eps), as optax.adamax. Keras Adamax: "
        "eps_outside=true, eps=1e-7",
        {
            **RATE,
            **betas(0.999),
            **EPS,
            **DECAY,
            "eps_outside": Parameter(False, "boolean", doc="eps is added to the maximum, not within it, as in Keras"),
        },
        slots=2,
        counts=True,
        prepare=_adamax_prepare,
        update=_adamax_update,
    ),
    Optimizer(
        "nadam",
        f"{_COUPLED}{_MEANS}p ← p − lr·((1 − μₙ)·g/(1 − μ₁⋯μₙ) + μₙ₊₁·s/(1 − μ₁⋯μₙ₊₁))/(√t̂ + eps), t̂ = t/(1 − β₂ⁿ), "
        "μₙ = β₁·(1 − 0.96^(n·momentum_decay)/2) in step n = 1, 2, …",
        "PyTorch torch.optim.NAdam (Dozat 2016; it holds the product of μ in its default precision). Keras Nadam: "
        "momentum_decay=1, eps=1e-7. optax.nadam keeps μ = β₁",
        {
            **RATE,
            **betas(0.999),
            **EPS,
            **DECAY,
            "momentum_decay": Parameter(0.004, ge=0, doc="how fast μ rises from β₁/2 to β₁; Keras: 1"),
        },
        slots=3,
        counts=True,
        prepare=_nadam_prepare,
        update=_nadam_update,
    ),
    Optimizer(
        "radam",
        f"{_COUPLED}{_MEANS}p ← p − lr·ŝ·r·√(1 − β₂ⁿ)/(√t + eps) where ρ > 5, else p ← p − lr·ŝ;  ŝ = s/(1 − β₁ⁿ), "
        "ρ∞ = 2/(1 − β₂) − 1, ρ = ρ∞ − 2n·β₂ⁿ/(1 − β₂ⁿ), r² = (ρ − 4)(ρ − 2)·ρ∞/((ρ∞ − 4)(ρ∞ − 2)·ρ) in step "
        "n = 1, 2, …",
        "PyTorch torch.optim.RAdam (Liu et al. 2020); optax.radam adds eps to √t̂. Keras has no such optimizer",
        {**RATE, **betas(0.999), **EPS, **DECAY},
        slots=2,
        counts=True,
        prepare=_radam_prepare,
        update=_radam_update,
    ),
)
