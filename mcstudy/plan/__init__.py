"""From a study to the cells that are trained: `make_plan`."""

from __future__ import annotations

from mcstudy.plan.cells import Cell, Plan, make_plan
from mcstudy.plan.labels import label
from mcstudy.plan.settings import ARITHMETIC, layer_widths, parameter_count
from mcstudy.plan.tables import Table

__all__ = ["ARITHMETIC", "Cell", "Plan", "Table", "label", "layer_widths", "make_plan", "parameter_count"]
