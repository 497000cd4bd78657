"""From a study to the cells that are trained: `make_plan`."""

from __future__ import annotations

from mcstudy.plan.axes import Axis, Point, find_axes
from mcstudy.plan.cells import TASK, Cell, Plan, Trials, make_plan
from mcstudy.plan.claims import Selection
from mcstudy.plan.labels import label
from mcstudy.plan.networks import Layer, network_layers
from mcstudy.plan.settings import ARITHMETIC
from mcstudy.plan.tables import Table

__all__ = [
    "ARITHMETIC",
    "TASK",
    "Axis",
    "Cell",
    "Layer",
    "Plan",
    "Point",
    "Selection",
    "Table",
    "Trials",
    "find_axes",
    "label",
    "make_plan",
    "network_layers",
]
