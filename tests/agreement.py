"""Cells trained by the kernels and by the reference in NumPy, compared.

A cell agrees with the reference when a replayed trial has the same outcome, steps and checks, and at each check a loss
and parameters that differ by rounding alone; and when its row has the diagnosis that the reference makes of the
parameters at its start and at its end. The runs are short, for training magnifies roundings; what stays out is
training that magnifies them without bound, such as steps by the sign of gradients that are zero but for rounding.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import naive
import numpy as np
import pytest
from cases import part

import mcstudy
from mcstudy.again.trace import retrain
from mcstudy.outcomes import CODES
from mcstudy.plan import make_plan

TOLERANCE = {"float32": 1e-4, "float64": 1e-11}
"""Of losses, and of parameters relative to the largest one at the check."""

both = pytest.mark.parametrize("precision", TOLERANCE)
either = pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
"""The same, of which one tells where both run the same lines: what they do apart is tested by itself, in both."""

BASE: dict[str, Any] = {
    "study": {"name": "naive", "seed": 20, "trials": 4},
    "task": {"name": "sine", "samples": "trial", "size": 20, "batch": 6},
    "network": {"hidden": [3], "activation": "tanh", "init": part("normal", bias="normal")},
    "train": {"optimizer": part("sgd", lr=0.03), "steps": 30, "loss": "mse"},
    "converge": {"loss": 1e-3, "every": 5},
}


def study(precision: str, vary: Mapping[str, Sequence[Any]], **sections: Mapping[str, Any]) -> mcstudy.Study:
    """The study above, with other settings (None takes one away), and what it varies."""
    data = copy.deepcopy(BASE)
    data["train"]["precision"] = precision
    data["vary"] = dict(vary)
    for name, section in sections.items():
        data[name] = {key: value for key, value in {**data[name], **section}.items() if value is not None}
    return mcstudy.Study.model_validate(data)


def largest_gap(found: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> float:
    """The largest difference in terms of `scale`, or of 1e-3 where that is smaller."""
    return float(np.max(np.abs(found - expected) / np.maximum(scale, 1e-3), initial=0.0))


def differences(trace: mcstudy.Trace, expected: dict[str, Any], tolerance: float) -> Iterator[str]:
    """What tells a replayed trial from the reference's."""
    if (trace.outcome, trace.steps[-1]) != (expected["outcome"], expected["steps"]):
        yield f"{trace.outcome} at {trace.steps[-1]}, not {expected['outcome']} at {expected['steps']}"
    elif trace.parameters.shape != expected["parameters"].shape:
        yield f"parameters of shape {trace.parameters.shape}, not {expected['parameters'].shape}"
    else:
        seen = len(trace.loss) - (trace.outcome == "diverged")  # inf or nan is a matter of rounding
        losses, parameters = expected["losses"][:seen], expected["parameters"][:seen]
        size = np.abs(parameters).max(axis=1, keepdims=True)
        gap = max(
            largest_gap(trace.loss[:seen], losses, np.abs(losses)),
            largest_gap(trace.parameters[:seen], parameters, size),
        )
        if not gap <= tolerance:
            yield f"losses or parameters differ by {gap:.1e}"


def diagnosed_differently(settings: Any, trace: mcstudy.Trace, points: Any, unsure: list[bool]) -> Iterator[str]:
    """What tells the diagnosis in a replayed trial's row from the reference's of the same parameters.

    Counts whose quantities lie within rounding of their threshold are left out; `unsure` says of each whether it was.
    """
    row, losses = trace.row, trace.loss
    best = next(i for i in range(len(losses)) if not np.any(losses < losses[i]))
    if (row["loss_best"], row["step_best"]) != (losses[best], trace.steps[best]) and losses[0] == losses[0]:
        yield f"best loss {row['loss_best']} at {row['step_best']}, not {losses[best]} at {trace.steps[best]}"
    found = naive.diagnosis(settings, points, trace.parameters[0], trace.parameters[-1])
    known = found.keys() | {"trial", "outcome", "steps", "loss_first", "loss_last", "loss_best", "step_best"}
    if row.keys() != known:
        yield f"columns {sorted(row.keys() ^ known)}"
    if trace.outcome == "diverged":
        nothing = ("saturated_units", "linear_units", "merged_units", "opposite_units", "constant")
        yield from (f"{name} of what diverged" for name in nothing if row[name])
        return
    norm, _ = found.pop("gradient_norm")
    scale = max(norm, 0.01)  # what is left of sums that cancel
    if not abs(row["gradient_norm"] - norm) <= TOLERANCE[str(losses.dtype)] * scale:
        yield f"gradient {row['gradient_norm']}, not {norm}"
    for name, (value, sure) in found.items():
        unsure.append(not sure)
        told = CODES[name][row[name]] if name in CODES else row[name]
        if sure and told != value:
            yield f"{name} {told}, not {value}"


def assert_agreement(
    study: mcstudy.Study, trials: Iterable[int] = (1,), table: tuple[np.ndarray, np.ndarray] | None = None
) -> list[str]:
    """Compares trials of every cell, and the rows of those that a run would train; returns the outcomes."""
    plan = make_plan(study)
    rows = mcstudy.run(study).trials.set_index(["cell", "trial"])
    outcomes: list[str] = []
    wrong: list[str] = []
    unsure: list[bool] = []
    for cell, trial in itertools.product(plan.cells, trials):
        trace = retrain(cell, plan.tables, trial)
        expected = naive.train(cell.settings, trial, table)
        outcomes.append(trace.outcome)
        found = list(differences(trace, expected, TOLERANCE[cell.settings["train"]["precision"]]))
        found += diagnosed_differently(cell.settings, trace, expected["points"], unsure)
        if trial < study.trials:
            row = rows.loc[(cell.id, trial)]
            replayed = {name: CODES[name][value] if name in CODES else value for name, value in trace.row.items()}
            found += [
                f"{name} replayed as {value}, but {row[name]} in the row"
                for name, value in replayed.items()
                if name != "trial" and not (row[name] == value or value != value)
            ]
        wrong += [f"{cell.label}, trial {trial}: {text}" for text in found]
    assert not wrong, "\n".join(wrong)
    assert sum(unsure) <= max(2, len(unsure) / 50)
    return outcomes
