"""Optimizers as scalar functions of packs (see `mcstudy.catalog.optimizers.base`), and their table."""

from __future__ import annotations

from mcstudy.catalog.optimizers.base import Optimizer
from mcstudy.catalog.optimizers.descent import DESCENT
from mcstudy.catalog.optimizers.moments import MOMENTS
from mcstudy.catalog.optimizers.others import OTHERS

__all__ = ["OPTIMIZERS", "Optimizer"]

OPTIMIZERS: dict[str, Optimizer] = DESCENT | MOMENTS | OTHERS
