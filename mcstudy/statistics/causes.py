"""Why trials failed: one cause for each, from the columns of its row that diagnose it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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


class CauseCounts:
    """Counts over the trials of one cell, added up piece by piece."""

    def __init__(self) -> None:
        self._causes = np.zeros(len(CAUSES), np.int64)
        self._constants = np.zeros(len(CONSTANTS), np.int64)
        self._points: NDArray[np.int64] | None = None
        self._dead_start = np.zeros(2, np.int64)

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Count some trials: outcome, `COLUMNS`, and point where the cell has that."""
        found = causes(rows)
        failed = found >= 0
        self._causes += np.bincount(found[failed], minlength=len(CAUSES))
        # Only where that is the cause: a diverged network's output means nothing.
        constant = rows["constant"][found == list(CAUSES).index("constant")]
        self._constants += np.bincount(constant, minlength=len(CONSTANTS))
        self._dead_start += np.bincount(failed[rows["dead_units_start"] > 0], minlength=2)
        if "point" in rows:
            before = np.zeros(len(POINTS), np.int64) if self._points is None else self._points
            self._points = before + np.bincount(rows["point"], minlength=len(POINTS))

    def columns(self) -> dict[str, Any]:
        """The columns of ``rates.csv``.

        cause_…: failed trials by cause; constant_…: those of a constant output, by where it is; dead_start_converged,
        dead_start_failed: trials with a hidden unit that was dead at the start; point_…: stuck trials by what they sit
        at, where the study asks for it.
        """
        found: dict[str, Any] = {f"cause_{name}": int(count) for name, count in zip(CAUSES, self._causes, strict=True)}
        for name, count in zip(CONSTANTS[1:], self._constants[1:], strict=True):
            found[f"constant_{name}"] = int(count)
        found["dead_start_converged"], found["dead_start_failed"] = map(int, self._dead_start)
        if self._points is not None:
            for name, count in zip(POINTS[1:], self._points[1:], strict=True):
                found[f"point_{name}"] = int(count)
        return found
