"""Activation functions, each with its derivative, as scalar functions of packs."""

from __future__ import annotations

from mcstudy.catalog.activations.activation import Activation
from mcstudy.catalog.activations.piecewise import PIECEWISE
from mcstudy.catalog.activations.smooth import SMOOTH
from mcstudy.catalog.part import OpenTable

__all__ = ["ACTIVATIONS", "Activation"]

ACTIVATIONS: OpenTable[Activation] = OpenTable(PIECEWISE | SMOOTH)
