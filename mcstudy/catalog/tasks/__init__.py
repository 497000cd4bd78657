"""Tasks: what a network should learn, and where the task is asked by default."""

from __future__ import annotations

from mcstudy.catalog.part import REQUIRED, OpenTable, Parameter, table
from mcstudy.catalog.tasks.functions import FUNCTIONS
from mcstudy.catalog.tasks.labels import LABELS
from mcstudy.catalog.tasks.maps import MAPS
from mcstudy.catalog.tasks.task import Constants, Rows, Task

__all__ = ["TASKS", "Constants", "Rows", "Task"]

TASKS: OpenTable[Task] = OpenTable(
    table(
        *FUNCTIONS.values(),
        *LABELS.values(),
        *MAPS.values(),
        Task(
            "table",
            "the columns of a CSV or Parquet file; its rows are the samples",
            "mcstudy; the user's own data",
            {
                "file": Parameter(REQUIRED, "text", doc="its path, seen from the study's folder"),
                "inputs": Parameter(REQUIRED, "texts", length=(1, 4096), doc="names of the columns to learn from"),
                "targets": Parameter(REQUIRED, "texts", length=(1, 4096), doc="names of the columns to answer with"),
            },
            inputs=None,
            outputs=None,
            samples="shared",
        ),
    )
)
