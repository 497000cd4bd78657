"""Write ``losses.json``: losses of single outputs (or samples) and their gradients by autograd (see `fixture`).

What several frameworks have is compared here: they have to agree, but for the rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import fixture
import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch
import torch.nn.functional as F

EXTREMES = (0.0, -0.0, 1e-30, -1e-30, 1e-8, -1e-8, 0.3, -0.3, 1.0, -1.0, 20.0, -20.0, 100.0, -100.0, 1e4, -1e4)
Losses = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def pairs(targets: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and targets: all combinations of extremes, and random outputs."""
    rng = np.random.default_rng(2)
    grid = list(itertools.product(EXTREMES, targets))
    random = list(zip(rng.normal(0, 3, 40), rng.choice(targets, 40), strict=True))
    o, y = np.array(grid + random).T
    return torch.tensor(o), torch.tensor(y)


def real() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(3)
    o, y = pairs((0.0, 1.0, -2.5))
    return torch.cat([o, torch.tensor(rng.normal(0, 2, 40))]), torch.cat([y, torch.tensor(rng.normal(0, 2, 40))])


def classes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(samples, classes) outputs and probabilities: equal outputs, far ones, one-hot rows and others."""
    rng = np.random.default_rng(4)
    o = [np.zeros(count), np.full(count, 1e4), np.full(count, -100.0), 1e-30 * np.arange(count)]
    o += [np.roll(np.linspace(-far, far, count), shift) for far in (1e-8, 1.0, 20.0, 100.0, 1e4) for shift in (0, 1)]
    o += list(rng.normal(0, 3, (16, count)))
    soft = rng.dirichlet(np.ones(count), len(o))
    y = np.where(np.arange(len(o))[:, None] % 2 == 0, np.eye(count)[rng.integers(count, size=len(o))], soft)
    return torch.tensor(np.array(o)), torch.tensor(y)


def record(part: dict[str, Any], source: str, loss: Losses, data: tuple[torch.Tensor, torch.Tensor]) -> dict[str, Any]:
    """A part of PyTorch."""
    o, y = data[0].clone().requires_grad_(), data[1]
    value = loss(o, y)
    (gradient,) = torch.autograd.grad(value.sum(), o)
    return finite(part, source, data, value.detach().numpy(), gradient.numpy())


def keras_record(part: dict[str, Any], loss: Any, data: tuple[torch.Tensor, torch.Tensor]) -> dict[str, Any]:
    """A part of Keras, which takes the mean over the last axis."""
    o, y = (jnp.array(numbers.numpy())[:, None] for numbers in data)
    gradient = jax.grad(lambda outputs: jnp.sum(loss(y, outputs)))(o)
    return finite(part, "Keras", data, np.asarray(loss(y, o)), np.asarray(gradient)[:, 0])


def finite(part: dict[str, Any], source: str, data: Any, value: np.ndarray, gradient: np.ndarray) -> dict[str, Any]:
    if value.dtype != float or not (np.isfinite(value).all() and np.isfinite(gradient).all()):
        raise ValueError(f"{part}: not finite, or not float64")
    return {
        "part": part,
        "source": source,
        "outputs": data[0].tolist(),
        "targets": data[1].tolist(),
        "value": value.tolist(),
        "gradient": gradient.tolist(),
    }


def compare(made: dict[str, Any], other: Callable[[Any, Any], Any], atol: float = 0.0) -> None:
    """Raise where another framework's values differ."""
    values = other(jnp.array(made["outputs"]), jnp.array(made["targets"]))
    np.testing.assert_allclose(made["value"], values, rtol=1e-12, atol=atol, err_msg=str(made["part"]))


def main() -> None:
    records = [
        record({"name": "mse"}, "PyTorch", lambda o, y: F.mse_loss(o, y, reduction="none"), real()),
        record({"name": "mae"}, "PyTorch", lambda o, y: F.l1_loss(o, y, reduction="none"), real()),
    ]
    compare(records[0], optax.squared_error)
    for delta in (1.0, 0.3):
        part = {"name": "huber"} if delta == 1.0 else {"name": "huber", "delta": delta}
        made = record(part, "PyTorch", lambda o, y, d=delta: F.huber_loss(o, y, reduction="none", delta=d), real())
        compare(made, lambda o, y, d=delta: optax.huber_loss(o, y, delta=d), atol=1e-15)
        records.append(made)
    records.append(keras_record({"name": "log_cosh"}, keras.losses.log_cosh, real()))
    compare(records[-1], optax.log_cosh, atol=1e-15)
    records.append(
        record(
            {"name": "binary_cross_entropy"},
            "PyTorch",
            lambda o, y: F.binary_cross_entropy_with_logits(o, y, reduction="none"),
            pairs((0.0, 1.0, 0.3)),
        )
    )
    compare(records[-1], optax.sigmoid_binary_cross_entropy, atol=1e-15)
    for labels in ((0.0, 1.0), (-1.0, 1.0)):
        made = keras_record({"name": "hinge"}, keras.losses.hinge, pairs(labels))
        compare(made, lambda o, y: optax.hinge_loss(o, jnp.where(y > 0, 1.0, -1.0)))
        records.append(made)
    for count in (2, 5):
        made = record(
            {"name": "softmax_cross_entropy"},
            "PyTorch",
            lambda o, y: F.cross_entropy(o, y, reduction="none"),
            classes(count),
        )
        compare(made, optax.softmax_cross_entropy, atol=1e-15)
        records.append(made)
    fixture.write("losses", {}, records)


if __name__ == "__main__":
    main()
