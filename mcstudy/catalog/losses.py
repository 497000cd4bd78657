"""Losses as scalar functions of packs, and how they are averaged: over the outputs and over the samples.

`value(o, y, a)` is the loss of one output o against its target y, `gradient(o, y, a)` its derivative by o; `a` is the
part's parameter (0 where it has none).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import Part, table


@dataclass(frozen=True)
class Loss(Part):
    """A part with `value(o, y, a)` and `gradient(o, y, a)`, both compiled for packs."""

    value: Callable[..., Any] = lambda o, y, a: o
    gradient: Callable[..., Any] = lambda o, y, a: o


@jit.scalar
def _mse(o: Any, y: Any, a: Any) -> Any:
    error = o - y
    return error * error


@jit.scalar
def _mse_gradient(o: Any, y: Any, a: Any) -> Any:
    return 2.0 * (o - y)


LOSSES: dict[str, Loss] = table(
    Loss("mse", "(o − y)²", "PyTorch torch.nn.MSELoss", value=_mse, gradient=_mse_gradient),
)
