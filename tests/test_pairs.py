"""Every activation with every optimizer trains a tiny task without a fault."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mcstudy
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.optimizers import OPTIMIZERS

sys.path.insert(0, str(Path(__file__).parent))
from cases_activations import ACTIVATION_CASES
from cases_optimizers import OPTIMIZER_CASES

TRIALS, STEPS = 64, 20
STEEP = {"exponential", "squared_relu"}
"""Activations whose networks can leave for infinity at an ordinary learning rate."""
FIRST_OPTIMIZERS = list({case["name"]: case for case in reversed(OPTIMIZER_CASES)}.values())


def pairs(precision: str, rate: float | None = None) -> mcstudy.Study:
    """All pairs, with the cases' own learning rates or one for all."""
    optimizers = [case if rate is None else case | {"lr": rate} for case in FIRST_OPTIMIZERS]
    data: dict[str, Any] = {
        "study": {"name": "pairs", "seed": 64, "trials": TRIALS},
        "task": {"name": "sine", "samples": "trial", "size": 12, "batch": 4},
        "network": {"hidden": [3], "init": "glorot_normal"},
        "train": {"steps": STEPS, "precision": precision},
        "converge": {"loss": 0.15, "every": 5},
        "vary": {"activation": ACTIVATION_CASES, "optimizer": optimizers},
    }
    return mcstudy.Study.model_validate(data)


@pytest.mark.parametrize(
    ("precision", "rate"),
    [
        ("float32", None),
        ("float64", 1e3),
        pytest.param("float32", 1e3, marks=pytest.mark.slow),
        pytest.param("float64", None, marks=pytest.mark.slow),
    ],
)
def test_every_activation_trains_with_every_optimizer(precision: str, rate: float | None) -> None:
    """At a learning rate that suits it, and at one that throws it about."""
    study = pairs(precision, rate)
    results = mcstudy.run(study)
    rows, rates = results.trials, results.rates
    assert len(rates) == len(ACTIVATION_CASES) * len(OPTIMIZERS)
    assert {case["name"] for case in ACTIVATION_CASES} == set(ACTIVATIONS)
    outcomes = ["converged", "diverged", "dead", "stuck", "unfinished"]
    assert (rates[outcomes].sum(axis=1) == TRIALS).all() and (rates.trials == TRIALS).all()
    assert len(rows) == len(rates) * TRIALS and rows.loss_first.dtype == np.dtype(precision)
    assert np.isfinite(rows.loss_first).all()
    diverged = rows.outcome == "diverged"
    assert np.isfinite(rows.loss_last[~diverged]).all()
    assert (rows.loss_last[rows.outcome == "converged"] <= np.dtype(precision).type(0.15)).all()
    assert (rows.steps[~rows.outcome.isin(["converged", "diverged"])] == STEPS).all()
    assert rows.steps.isin(range(0, STEPS + 1, 5)).all()
    moved = (rows.loss_last != rows.loss_first) | (rows.steps == 0) | (rows.outcome == "dead")
    if rate is None:
        assert set(rates.activation[rates.diverged > 0]) <= STEEP
        assert moved.groupby(rows.cell).mean().min() > 0.9
        assert (rates.converged > 0).mean() > 0.8
    else:
        assert diverged.any() and not diverged.all()
