"""Parts of every catalog as a study may name them, for tests that walk the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cases_activations import ACTIVATION_CASES, LOSS_CASES
from cases_inits import BIAS_CASES, GRID_CASES, INIT_CASES
from cases_optimizers import OPTIMIZER_CASES, REGULARIZER_CASES, SCHEDULE_CASES
from cases_tasks import TASK_CASES

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS
from mcstudy.catalog.inputs import INPUTS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.part import Part
from mcstudy.catalog.regularizers import REGULARIZERS
from mcstudy.catalog.schedules import SCHEDULES
from mcstudy.catalog.tasks import TASKS


def part(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, **parameters}


# Each table of parts has a case with every parameter off its default; `test_against_naive` sees to it.

INPUT_CASES = [part("normal"), part("normal", mean=0.5, std=2.0), part("uniform", low=-1.0, high=1.5)]
TABLE = part("table", file="table.csv", inputs=["a", "b", "c"], targets=["y", "z"])
SHAPES: list[list[int]] = [[], [1], [3], [4, 4], [5, 2, 3], [16]]

AS_BIAS = {name: init for name, init in INITS.items() if init.as_bias}
CASES: dict[str, tuple[Mapping[str, Part], list[dict[str, Any]]]] = {
    "activations": (ACTIVATIONS, ACTIVATION_CASES),
    "inits": (INITS, INIT_CASES + GRID_CASES),
    "biases": (AS_BIAS, BIAS_CASES),
    "optimizers": (OPTIMIZERS, OPTIMIZER_CASES),
    "losses": (LOSSES, LOSS_CASES),
    "schedules": (SCHEDULES, SCHEDULE_CASES),
    "regularizers": (REGULARIZERS, REGULARIZER_CASES),
    "tasks": (TASKS, [*TASK_CASES, TABLE]),
    "inputs": (INPUTS, INPUT_CASES),
}
