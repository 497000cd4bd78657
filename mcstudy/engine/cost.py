"""A rough cost model: what one trial takes, so that work units have a like length and `plan` can tell the time."""

from __future__ import annotations

from collections.abc import Sequence

from mcstudy.engine.sharing import draws_while_training, groups
from mcstudy.plan import Cell

# Nanoseconds a value of one trial, on one core of a machine with AVX-512; other machines are a few times slower.
DRAW, SHUFFLE, MULTIPLY_ADD, UNIT, PARAMETER, OVERHEAD, INITIAL = 0.15, 0.25, 0.015, 0.08, 0.15, 0.2, 6.0


def trial_nanoseconds(cells: Sequence[Cell]) -> float:
    """Nanoseconds that one trial of every cell of a group takes if none ends early, drawn samples counted once."""
    total = 0.0
    longest = max(cell.settings["train"]["steps"] for cell in cells)
    task = cells[0].settings["task"]
    if draws_while_training(cells[0]):
        values = task["n_inputs"] + task["n_outputs"]
        total += longest * task["batch"] * values * (DRAW if task["samples"] == "fresh" else SHUFFLE)
    for cell in cells:
        total += _training(cell)
    return total * (2.0 if cells[0].settings["train"]["precision"] == "float64" else 1.0)


def _training(cell: Cell) -> float:
    task, steps = cell.settings["task"], cell.settings["train"]["steps"]
    weights = sum(layer.weights for layer in cell.layers)
    units = sum(layer.outputs for layer in cell.layers)
    sample = 3 * weights * MULTIPLY_ADD + units * UNIT
    points = 512 if task["samples"] == "fresh" else task["size"]
    checks = steps // cell.settings["converge"]["every"] + 1
    forward = weights * MULTIPLY_ADD + units * UNIT / 2
    update = OVERHEAD + weights * PARAMETER / task["batch"]
    return float(steps * (task["batch"] * sample + update) + checks * points * forward + (weights + units) * INITIAL)


def study_seconds(cells: Sequence[Cell], trials: int) -> float:
    """Seconds of one core that a study takes if no trial ends early."""
    return sum(trial_nanoseconds(group) for group in groups(cells)) * trials * 1e-9


def estimate_text(core_seconds: float) -> str:
    """One line on the time, for the cores that this process may use."""
    from mcstudy.engine.threads import available_threads

    threads = available_threads()
    seconds = core_seconds / threads
    shown = f"{seconds:.0f} s" if seconds >= 1 else "a second"
    if seconds >= 120:
        shown = f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
    return (
        f"about {shown} on {threads} thread{'s' * (threads != 1)} if no trial ends early; "
        "a rough estimate for a CPU with AVX-512, others take 2 to 4 times as long"
    )
