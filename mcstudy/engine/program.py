"""From a group of cells to what kernels take: tables, shared samples, and memory for each thread."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcstudy.catalog.dispatch import target_address
from mcstudy.catalog.tasks import TASKS
from mcstudy.engine.linking import link
from mcstudy.engine.rows import lay_out, layout_bytes
from mcstudy.engine.unrolling import Unrolled
from mcstudy.errors import Fault, StudyError
from mcstudy.kernels.layout import CELL, LAYER
from mcstudy.kernels.pack import pack_array
from mcstudy.plan import Cell, Table

HISTORY_TRIALS, LEAST_HISTORY_TRIALS, HISTORY_LOSSES = 512, 8, 1 << 20
"""Trials, from the first, whose loss at every check is kept: most of them, fewest, and most losses of a cell."""

MOST_BYTES = 4 << 30
"""Most memory of a thread: enough for any network that trains in reasonable time, and for large data sets."""


_Losses = tuple[np.ndarray, np.ndarray, np.ndarray]
Records = tuple[np.ndarray, np.ndarray, _Losses, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""What `mcstudy.training.loop.train` fills in: outcome, steps, losses, step of the best, notes, finals, history,
trace."""


@dataclass(frozen=True)
class Program:
    """The tables of one group of cells (see `mcstudy.kernels.layout`) and the memory that a thread needs for them."""

    cells: tuple[Cell, ...]
    dtype: np.dtype
    lanes: int
    group_table: np.ndarray
    cell_table: np.ndarray
    layer_table: np.ndarray
    axes: np.ndarray
    numbers: np.ndarray
    tables: tuple[np.ndarray, np.ndarray]
    points: tuple[np.ndarray, np.ndarray]
    packs: int
    integer_packs: int
    scratch: int

    def memory(self) -> tuple[np.ndarray, np.ndarray]:
        """Fresh memory for one thread: packs of numbers, and packs of 32-bit integers."""
        return (
            pack_array(self.packs, self.dtype, self.lanes),
            pack_array(self.integer_packs, np.uint32, self.lanes),
        )

    def records(self, trials: int, histories: int = 0, finals: int = 0, traces: int = 0) -> Records:
        """Room for what `train` tells of so many trials, and of how many of them losses, ends and paths are kept."""
        count, width, checks = len(self.cells), int(self.cell_table["count"].max()), max(self.checks)
        losses = tuple(np.zeros((count, trials)) for _ in range(3))
        return (
            np.zeros((count, trials), np.int8),
            np.zeros((count, trials), np.int32),
            (losses[0], losses[1], losses[2]),
            np.zeros((count, trials), np.int32),
            np.zeros((count, trials, int(self.cell_table["noted"].max())), self.dtype),
            np.zeros((count, finals, width), self.dtype),
            np.full((count, histories, checks), np.nan),
            np.full((count, traces, checks, width if traces else 0), np.nan),
        )

    def train(
        self, memory: tuple[np.ndarray, np.ndarray], numbers: np.ndarray, records: Records, stop: np.ndarray
    ) -> int:
        """`training.loop.train` of the trials of these numbers; how many, from the first, were finished."""
        from mcstudy.training.loop import train

        done: int = train(
            *memory,
            self.group_table,
            self.cell_table,
            self.layer_table,
            self.axes,
            self.numbers,
            self.tables,
            self.points,
            numbers,
            self.scratch,
            records,
            stop,
        )
        return done

    @property
    def checks(self) -> list[int]:
        """Number of checks of each cell, step 0 included."""
        return [cell.checks for cell in self.cells]


def kept_trials(cell: Cell) -> int:
    """How many trials of a cell, from the first, have their loss at every check kept."""
    return min(HISTORY_TRIALS, max(LEAST_HISTORY_TRIALS, HISTORY_LOSSES // cell.checks))


def check_steps(cell: Cell) -> np.ndarray:
    """The steps at which a cell's trials are checked: 0, every `every` steps, and the last."""
    steps, every = cell.settings["train"]["steps"], cell.settings["converge"]["every"]
    inner = np.arange(0, steps, every)
    return np.append(inner, steps) if steps else np.zeros(1, np.int64)


def check_memory(cells: Sequence[Cell], file: str | None = None, threads: int = 1) -> None:
    """Make sure that every cell fits into memory, before anything is written or trained.

    Args:
        cells: the cells.
        file: the study file, for the message.
        threads: how many train at a time.

    Raises:
        StudyError: a cell would need more than `MOST_BYTES` in each thread, or all threads more than there is.
    """
    there = memory_bytes()
    for cell, size in zip(cells, layout_bytes(cells), strict=True):
        need = size + 8 * kept_trials(cell) * cell.checks
        if need > MOST_BYTES:
            most = f"in every thread, and {MOST_BYTES / 2**30:.0f} GiB is the most"
        elif there is not None and need * threads > there:
            most = f"in every one of {threads} threads, and this machine has {there / 2**30:,.1f} GiB"
        else:
            continue
        advice = "make task.size, task.batch or network.hidden smaller, or converge.every larger"
        advice += ", or take fewer threads" if threads > 1 and need <= min(MOST_BYTES, there or MOST_BYTES) else ""
        message = f"{cell.label}: would need {need / 2**30:,.1f} GiB of memory {most}; {advice}"
        raise StudyError([Fault("$", None, message)], file)


def memory_bytes() -> int | None:
    """The memory of this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def build(cells: Sequence[Cell], tables: Mapping[str, Table], unrolled: Unrolled | None = None) -> Program:
    """The program of cells that share their data (equal `data_key`).

    Args:
        cells: the cells.
        tables: the data of table tasks, by digest.
        unrolled: the cells that are to have kernels of their own, where that pays. These are faster,
            take time to compile, and give the same results.
    """
    layout = lay_out(cells)
    link(layout, cells, unrolled)
    numbers = np.array([*layout.numbers, 0.0])
    table, points = _shared_points(cells[0], in_usual_packs(cells[0], layout.group), numbers, tables, layout.dtype)
    return Program(
        cells=tuple(cells),
        dtype=layout.dtype,
        lanes=layout.lanes,
        group_table=layout.group,
        cell_table=_records(layout.cells, CELL),
        layer_table=_records(layout.layers, LAYER),
        axes=np.array(layout.axes, np.float64).reshape(-1, 3),
        numbers=numbers,
        tables=table,
        points=points,
        packs=layout.packs,
        integer_packs=layout.integer_packs,
        scratch=layout.scratch,
    )


def in_usual_packs(cell: Cell, group: np.ndarray) -> np.ndarray:
    """A group's table for `mcstudy.training.points`, whose packs are of the usual size."""
    task = TASKS[cell.settings["task"]["name"]]
    own = group.copy()
    own["task"] = target_address(task, np.dtype(cell.settings["train"]["precision"]))
    return own


def alone(program: Program, index: int) -> Program:
    """The program of one of a program's cells, in the same memory."""
    return replace(program, cells=program.cells[index : index + 1], cell_table=program.cell_table[index : index + 1])


def _records(rows: list[dict[str, Any]], dtype: np.dtype) -> np.ndarray:
    """The table of rows, 0 where a row does not say; an error where it says what the table has no room for."""
    zeros = dict.fromkeys(dtype.names or (), 0)
    return np.array([tuple((zeros | row).values()) for row in rows], dtype)


def _shared_points(
    cell: Cell, group: np.ndarray, numbers: np.ndarray, tables: Mapping[str, Table], dtype: np.dtype
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The training table and the evaluation points, as pairs of flat arrays (empty where trials have their own)."""
    from mcstudy.training import points

    task = cell.settings["task"]
    part = TASKS[task["name"]]
    empty = (np.zeros(0, dtype), np.zeros(0, dtype))
    if task["samples"] == "trial":
        return empty, empty
    if task["samples"] == "fresh":
        spread = (int(group["distribution"][0]), float(group["input_a"][0]), float(group["input_b"][0]))
        inputs = points.evaluation_inputs(*spread, task["n_inputs"]).astype(dtype)
        inputs, targets = points.points_with_targets(group, numbers, inputs, dtype)
        return empty, (inputs.ravel(), targets.ravel())
    if task["data"] is not None:
        data = tables[task["data"]]
        inputs, targets = data.inputs.T.astype(dtype), data.targets.T.astype(dtype)
    elif task["input"] is None:
        inputs = np.array(part.own_points(task["parameters"]), dtype).T
        inputs, targets = points.points_with_targets(group, numbers, inputs, dtype)
    else:
        inputs, targets = points.shared_set(group, numbers, task["size"], dtype)
    inputs, targets = np.ascontiguousarray(inputs), np.ascontiguousarray(targets)
    learned = points.with_noise(group, targets, dtype) if task["noise"] else targets
    return (inputs.ravel(), learned.ravel()), (inputs.ravel(), targets.ravel())
