"""The first trials of a cell with everything that happened at their checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import OUTCOMES

if TYPE_CHECKING:
    from mcstudy.engine.program import Program
    from mcstudy.plan import Cell, Table
    from mcstudy.store import Store

Array = NDArray[Any]

MOST_TRIALS, LEAST_TRIALS, MOST_NUMBERS = 512, 32, 4_000_000
"""Trials of a sample, from the first: most, fewest, and most numbers of all their parameters at the checks."""


@dataclass(frozen=True)
class Sample:
    """The first trials of a cell; arrays by trial, in order.

    Attributes:
        cell: the cell.
        program: its program, for whoever evaluates its network.
        steps: (checks,) the step of each check.
        outcome: (trials,) codes, positions in `OUTCOMES`.
        ends: (trials,) position of the check at which each trial ended.
        loss: (trials, checks) evaluation loss, NaN after a trial's end.
        parameters: (trials, checks, parameters), likewise; layer by layer, weights (out, in) row by row, then biases,
            then a trained slope of the activation.
    """

    cell: Cell
    program: Program
    steps: Array
    outcome: Array
    ends: Array
    loss: Array
    parameters: Array

    @property
    def converged(self) -> Array:
        """(trials,) whether each converged."""
        return np.asarray(self.outcome == OUTCOMES.index("converged"))

    @property
    def starts(self) -> Array:
        """(trials, parameters) at the start."""
        return np.asarray(self.parameters[:, 0])

    @property
    def finals(self) -> Array:
        """(trials, parameters) at the end."""
        return np.asarray(self.parameters[np.arange(len(self.ends)), self.ends])


def sample_size(cell: Cell, trials: int) -> int:
    """How many trials of a cell its sample has, of so many that are reported."""
    most = MOST_NUMBERS // max(1, cell.checks * cell.parameters)
    return min(trials, MOST_TRIALS, max(LEAST_TRIALS, most))


def take_sample(cell: Cell, tables: Mapping[str, Table], store: Store, trials: int) -> Sample:
    """The sample of a cell, from the store where it has one, else trained again and kept there.

    Args:
        cell: the cell.
        tables: the data of table tasks, by digest.
        store: of the run.
        trials: how many trials of the cell are reported.

    Raises:
        RunError: the store refuses it.
    """
    from mcstudy.engine.program import build, check_steps

    program = build([cell], tables)
    count = sample_size(cell, trials)
    kept = store.read_sample(cell.id)
    if kept is None or set(kept) != set(_KEPT) or len(kept["outcome"]) < count:
        kept = _train(program, count)
        store.write_sample(cell.id, kept)
    first = {name: kept[name][:count] for name in _KEPT}
    steps = check_steps(cell)
    ends = np.searchsorted(steps, first["steps"])
    return Sample(cell, program, steps, first["outcome"], ends, first["loss"], first["parameters"])


_KEPT: Final = ("outcome", "steps", "loss", "parameters")


def _train(program: Program, count: int) -> dict[str, Array]:
    from mcstudy.engine.threads import Unit, run_unit

    [result] = run_unit(Unit(program, 0, count), program.memory(), np.zeros(1, np.int64), traced=True)
    found = (result.rows["outcome"], result.rows["steps"], result.history, result.trace)
    return dict(zip(_KEPT, found, strict=True))
