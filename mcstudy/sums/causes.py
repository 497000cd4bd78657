"""Why trials failed: one cause for each, from the columns of its row that diagnose it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import CONSTANTS, OUTCOMES, POINTS

CAUSES: Final = {
    "diverged": "its loss or a parameter became infinite or NaN",
    "constant": "its output is the same at all evaluation points, to 1 % of the range of the targets",
    "dead_start": "a hidden unit is dead in the end, and one was at the start: its derivative is zero at every "
    "evaluation point",
    "died": "a hidden unit is dead in the end, and none was at the start",
    "merged": "two live units of a layer have the same hyperplane, to 0.05 radians between their normals (the bias "
    "counts as one more weight); they may face the same side of it or opposite ones",
    "saturated": "a hidden unit has a derivative of at most 0.02 at every evaluation point, but not zero at all",
    "linear": "a live hidden unit has no kink or bend left among the evaluation points: its derivative changes by at "
    "most 2 % of its largest magnitude",
    "slow": "none of these, and it was unfinished when the steps ran out",
    "none": "none of these, and it was stuck or dead",
}
"""The causes of failure, each with what it means; the first that fits a trial that did not converge counts."""

COLUMNS: Final = ("dead_units_start", "dead_units", "merged_units", "saturated_units", "linear_units", "constant")
"""The columns of a trial that tell its cause, beside its outcome."""

_CODE = {name: code for code, name in enumerate(OUTCOMES)}


def causes(rows: Mapping[str, NDArray[Any]]) -> NDArray[np.int8]:
    """The cause of each trial's failure as its position in `CAUSES`; -1 for those that converged.

    Args:
        rows: equally long arrays: outcome, as codes, and `COLUMNS`.
    """
    outcome, dead = rows["outcome"], rows["dead_units"] > 0
    fits = {
        "diverged": outcome == _CODE["diverged"],
        "constant": rows["constant"] > 0,
        "dead_start": dead & (rows["dead_units_start"] > 0),
        "died": dead,
        "merged": rows["merged_units"] > 0,
        "saturated": rows["saturated_units"] > 0,
        "linear": rows["linear_units"] > 0,
        "slow": outcome == _CODE["unfinished"],
        "none": np.ones(len(outcome), np.bool_),
    }
    found = np.select([fits[name] for name in CAUSES], list(range(len(CAUSES))))
    return np.where(outcome == _CODE["converged"], -1, found).astype(np.int8)


class Causes(NamedTuple):
    """Counts over some trials, int64.

    Attributes:
        causes: (causes,) failed trials by cause.
        constants: (constants,) those whose cause is a constant output, by where it is.
        dead_start: (2,) trials with a hidden unit that was dead at the start: converged ones, failed ones.
        points: (points,) trials by what they sit at; of no length where rows do not tell.
    """

    causes: NDArray[np.int64]
    constants: NDArray[np.int64]
    dead_start: NDArray[np.int64]
    points: NDArray[np.int64]

    def columns(self) -> dict[str, Any]:
        """The columns of ``rates.csv``.

        cause_…: failed trials by cause; constant_…: those of a constant output, by where it is; dead_start_converged,
        dead_start_failed: trials with a hidden unit that was dead at the start; point_…: stuck trials by what they sit
        at, where the study asks for it.
        """
        found: dict[str, Any] = {f"cause_{name}": int(count) for name, count in zip(CAUSES, self.causes, strict=True)}
        for name, count in zip(CONSTANTS[1:], self.constants[1:], strict=True):
            found[f"constant_{name}"] = int(count)
        found["dead_start_converged"], found["dead_start_failed"] = map(int, self.dead_start)
        for name, count in zip(POINTS[1:], self.points[1:], strict=False):
            found[f"point_{name}"] = int(count)
        return found


def count_causes(rows: Mapping[str, NDArray[Any]]) -> Causes:
    """Count some trials by their rows: outcome, `COLUMNS`, and point where the cell has that."""
    found = causes(rows)
    failed = found >= 0
    counts = np.bincount(found[failed], minlength=len(CAUSES))
    # Only where that is the cause: a diverged network's output means nothing.
    constants = np.bincount(rows["constant"][found == list(CAUSES).index("constant")], minlength=len(CONSTANTS))
    dead_start = np.bincount(failed[rows["dead_units_start"] > 0], minlength=2)
    points = np.bincount(rows["point"], minlength=len(POINTS)) if "point" in rows else np.zeros(0, np.int64)
    return Causes(counts, constants, dead_start, points)
