"""One trial trained again, alone, with everything that happened at its checks."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcstudy.again.names import parameter_names, watched_units
from mcstudy.errors import Fault, StudyError, did_you_mean
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import Cell, Table, make_plan
from mcstudy.spec import Study, check_study

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Trace:
    """One trial's training, seen at its checks; arrays end with the check that ended the trial.

    Attributes:
        cell: the cell's id.
        trial: the trial's number.
        outcome: how it ended.
        steps: (checks,) steps done at each check.
        loss: (checks,) evaluation loss there, in the precision of the cell.
        parameters: (checks, parameters), layer by layer: weights (out, in) row by row, then biases, then a trained
            slope of the activation.
        names: (parameters,) what they are: ``layer1.weight[0,1]`` (unit 0, input 1), ``layer1.bias[0]``.
        activity: (checks, units) the share of the evaluation points at which a unit's derivative is not zero.
        units: (units,) what they are: ``layer1.unit[0]``; the hidden units, and outputs that have an activation.
        row: the trial's row by column, as a run stores it.
    """

    cell: str
    trial: int
    outcome: str
    steps: np.ndarray
    loss: np.ndarray
    parameters: np.ndarray
    names: tuple[str, ...]
    activity: np.ndarray
    units: tuple[str, ...]
    row: Mapping[str, Any] = field(repr=False)


def replay(study: Study, cell: str, trial: int, seed: int | None = None) -> Trace:
    """Train one trial again, alone, and keep what happened at every check. The result is that of any run, bit for bit.

    Args:
        study: the study that names the cell.
        cell: the cell's id, as in the rates.
        trial: its number, from 0.
        seed: instead of the study's, as `run` had it.

    Raises:
        StudyError: the study has no such cell.
        TypeError: `study` is none, or `trial` is not a whole number.
        ValueError: no trial has this number.
    """
    check_study(study, "replay")
    trial = operator.index(trial)
    if not 0 <= trial < 10**12:
        raise ValueError(f"trial {trial}: trials are numbered from 0 to 10**12 - 1")
    plan = make_plan(study.with_(seed=seed))
    chosen = [known for known in plan.cells if known.id == cell]
    if not chosen:
        ids = [known.id for known in plan.cells]
        near = did_you_mean(cell, ids)
        known = ("The" if near else "; the") + f" cells are {', '.join(ids[:8])}" + (", ..." if len(ids) > 8 else "")
        message = f'no cell has the id "{cell}"{near}{" " * bool(near)}{known}'
        raise StudyError([Fault("$.vary", cell, message)], study.file)
    return retrain(chosen[0], plan.tables, trial)


def retrain(cell: Cell, tables: Mapping[str, Table], trial: int) -> Trace:
    """Train one trial of a cell; `tables` has the data of table tasks, by digest."""
    import numpy as np

    from mcstudy.engine.program import build, check_steps
    from mcstudy.engine.single import unit_activity
    from mcstudy.engine.threads import Unit, run_unit
    from mcstudy.store import as_stored

    program = build([cell], tables)
    [result] = run_unit(Unit(program, trial, trial + 1), program.memory(), np.zeros(1, np.int64), traced=True)
    steps = check_steps(cell)
    row = {name: values[0] for name, values in as_stored(trial, result.rows).items()}
    seen = int(np.searchsorted(steps, row["steps"])) + 1
    parameters = result.trace[0][:seen]
    units = watched_units(cell.layers)
    return Trace(
        cell=cell.id,
        trial=trial,
        outcome=OUTCOMES[int(row["outcome"])],
        steps=steps[:seen],
        loss=result.history[0][:seen],
        parameters=parameters,
        names=parameter_names(cell.layers),
        activity=unit_activity(program, trial, parameters)[:, list(units.values())],
        units=tuple(units),
        row=row,
    )
