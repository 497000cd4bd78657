"""A trial as a short script for another framework, with which anyone can check what it computes.

The script has the trial's start, samples, order of batches and settings, trains in float64, and compares the losses at
the checks with those recorded. What a framework cannot do is refused by name; `Dialect.table` of each framework is the
one place that says what it can.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.errors import RunError
from mcstudy.export.dialect import Dialect
from mcstudy.export.for_keras import KERAS
from mcstudy.export.for_numpy import NUMPY
from mcstudy.export.for_torch import TORCH
from mcstudy.export.script import factor_lines, script
from mcstudy.plan import Cell, Table

FRAMEWORKS: dict[str, Dialect] = {"torch": TORCH, "keras": KERAS, "numpy": NUMPY}
"""The frameworks by the word that the command line takes."""

MOST_BYTES = 200_000_000
INLINE = 64
"""Most numbers of an array that is written into the script itself."""


def check(cell: Cell, framework: str) -> None:
    """Make sure that a cell can be exported, whatever the length of its trials.

    Raises:
        RunError: the framework cannot do something that the cell does; the message names the setting.
    """
    FRAMEWORKS[framework].lines(cell)
    factor_lines(FRAMEWORKS[framework], cell)


def write(
    cell: Cell,
    tables: Mapping[str, Table],
    trial: int,
    steps: NDArray[Any],
    loss: NDArray[Any],
    start: NDArray[Any],
    framework: str,
    title: str,
) -> dict[str, bytes]:
    """The files of a script that repeats one trial: the script first, then data that are too long for it.

    Args:
        cell: the trial's cell.
        tables: the data of table tasks.
        trial: its number.
        steps, loss: (checks,) of its training.
        start: (parameters,) its parameters at step 0.
        framework: one of `FRAMEWORKS`.
        title: what the script says it repeats.

    Raises:
        RunError: the framework cannot do it, or the trial's samples are too many.
    """
    from mcstudy.engine.program import build
    from mcstudy.engine.single import sample_count, samples_of

    program = build([cell], tables)
    last = int(steps[-1])
    need = 8 * sample_count(program, last)
    if need > MOST_BYTES:
        raise RunError(
            f"trial {trial} of cell {cell.id} cannot be exported: its {last:,} steps take {need / 1e6:,.0f} MB of "
            f"samples, and {MOST_BYTES / 1e6:.0f} MB is the most; a study of fewer train.steps (or a smaller "
            "task.batch) can be"
        )
    samples = samples_of(program, trial, last)
    arrays = {"start": start.astype(np.float64), "x": samples.inputs, "y": samples.targets}
    if samples.orders is not None:
        arrays["orders"] = samples.orders.astype(np.uint16 if samples.orders.max(initial=0) < 1 << 16 else np.int64)
    same = samples.points.shape == samples.inputs.shape and bool(
        np.array_equal(samples.points, samples.inputs) and np.array_equal(samples.answers, samples.targets)
    )
    if not same:
        arrays |= {"points": samples.points.astype(np.float64), "answers": samples.answers.astype(np.float64)}
    arrays |= {"checks": steps.astype(np.int64), "recorded": loss.astype(np.float64)}
    kept = {name: values for name, values in arrays.items() if values.size > INLINE}
    text = script(FRAMEWORKS[framework], cell, arrays, set(kept), title)
    written = {f"trial_{framework}.py": text.encode()}
    if kept:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **kept)  # type: ignore[arg-type]
        written["trial.npz"] = buffer.getvalue()
    return written
