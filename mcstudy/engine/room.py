"""What a run would take of the disk, of memory and of time, before it begins: a large number is easily written."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mcstudy.engine.cost import study_seconds
from mcstudy.engine.program import kept_trials, memory_bytes
from mcstudy.errors import Fault, StudyError
from mcstudy.plan import Cell, Plan

MOST_YEARS = 10
"""Longest time of a run."""

_YEAR = 365.25 * 86400
_ENOUGH = 20
"""Trials that settle a rate to within 1, over-estimated; to within h it takes so many divided by h²."""


def check_room(plan: Plan, lacking: Mapping[str, int], folder: str | None, threads: int) -> None:
    """Make sure that what is still to be trained can be kept and can end.

    The estimates are rough and rather too low: what is refused would not have ended well.

    Args:
        plan: the cells.
        lacking: trials of each cell that are not stored yet, by its id.
        folder: where trials are kept; None for memory.
        threads: worker threads.

    Raises:
        StudyError: the trials need more than is free on the disk or than the memory that there is, or `MOST_YEARS`.
    """
    study = plan.study
    most = _most_trials(plan)
    wanted = {cell.id: min(lacking[cell.id], most) for cell in plan.cells}
    rows = study.study.keep == "trials"
    need = sum(_kept_bytes(cell, wanted[cell.id], rows, folder is None) for cell in plan.cells)
    free, where = (memory_bytes(), "memory") if folder is None else _free(folder)
    size = f"{study.trials:,} trials of {len(plan.cells):,} cell{'s' * (len(plan.cells) != 1)}"
    if free is not None and need > free:
        fit = int(free / need * max(wanted.values()))
        why = f"{size} would need {_gib(need)}, and {_gib(free)} are there ({where}); about {fit:,} trials would fit"
        raise StudyError([Fault("$.study.trials", study.trials, why)], study.file)
    left = [cell for cell in plan.cells if wanted[cell.id]]
    seconds = study_seconds(left, max(wanted.values(), default=0)) / threads
    if seconds > MOST_YEARS * _YEAR:
        fit = int(MOST_YEARS * _YEAR / seconds * max(wanted.values()))
        why = f"{size} would take about {seconds / _YEAR:,.0f} years, and {MOST_YEARS} are the most; "
        why += f"up to {fit:,} trials take less" if fit else "make train.steps, task.batch or network.hidden smaller"
        raise StudyError([Fault("$.study.trials", study.trials, why)], study.file)


def _most_trials(plan: Plan) -> int:
    """Most trials of a cell, of which there are fewer than the study's number where a rule stops it."""
    until = plan.study.study.until
    if until is None:
        return plan.study.trials
    fine = min(width for width in (until.half_width, until.decided) if width is not None)
    return min(plan.study.trials, math.ceil(_ENOUGH / fine**2) if fine > 1e-9 else plan.study.trials)


def _kept_bytes(cell: Cell, trials: int, rows: bool, in_memory: bool) -> int:
    """Bytes of a cell's rows and histories. On disk, small counts shrink to next to nothing, and losses do not.

    Where summaries are kept, it is a bit for each trial: whether it converged.
    """
    item = int(np.dtype(cell.settings["train"]["precision"]).itemsize)
    probes = len(cell.settings["task"].get("probe") or ()) * int(cell.settings["task"]["n_outputs"])
    row = (49 if in_memory else 0) + item * (4 + probes) if rows else 1 / 8
    return int(row * trials + item * cell.checks * min(kept_trials(cell), trials))


def _free(folder: str) -> tuple[int | None, str]:
    """Free bytes where a folder is, or where it will be made, and the place in words."""
    path = Path(folder).absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        usage = shutil.disk_usage(path)
        return usage.free if usage.total else None, f"free at {path}"  # what is no disk has no size either
    except OSError:
        return None, str(path)


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 1 << 30 else f"{size / 2**20:,.1f} MiB"
