"""Activation functions, each with its derivative, as scalar functions of packs."""

from __future__ import annotations

from mcstudy.catalog.activations.activation import Activation
from mcstudy.catalog.activations.piecewise import PIECEWISE
from mcstudy.catalog.activations.smooth import SMOOTH

__all__ = ["ACTIVATIONS", "Activation"]

ACTIVATIONS: dict[str, Activation] = PIECEWISE | SMOOTH
