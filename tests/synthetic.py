"""Studies and trials without training: made-up outcomes of known proportions, for tests of what comes after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from mcstudy.outcomes import CONSTANTS, OUTCOMES
from mcstudy.plan import Plan, make_plan
from mcstudy.spec import Study
from mcstudy.store import MemoryStore, Store

ACTIVATIONS = ["relu", {"name": "leaky_relu", "negative_slope": 0.3}, "elu", "selu", "tanh", "sigmoid", "softplus"]
INITS = ["normal", "he_normal", "glorot_uniform", "zeros"]
OPTIMIZERS = [{"name": "sgd", "lr": 0.01}, {"name": "adam", "lr": 0.001, "betas": [0.9, 0.99]}]


def plan(vary: dict[str, Any] | None = None, trials: int = 200, **tables: Any) -> Plan:
    """The plan of a study of a single ReLU; `tables` are merged into the file's."""
    data: dict[str, Any] = {
        "study": {"name": "made-up", "seed": 1, "trials": trials},
        "task": {"name": "relu", "batch": 10},
        "network": {"hidden": [], "bias": False, "output": "activation", "activation": "relu", "init": "normal"},
        "train": {"optimizer": {"name": "sgd", "lr": 0.01}, "steps": 200},
        "converge": {"loss": 1e-4},
        "vary": vary or {},
    }
    for name, table in tables.items():
        data[name] = {**data[name], **table} if isinstance(table, dict) else table
    return make_plan(Study.model_validate(data))


def rows(
    size: int,
    seed: int = 0,
    shares: tuple[float, ...] = (0.5, 0.05, 0.1, 0.25, 0.1),
    last: int = 200,
    every: int = 2,
    units: int | None = None,
) -> dict[str, np.ndarray]:
    """Rows of trials whose outcomes have the given expected shares, in the order of `OUTCOMES`.

    Where the number of hidden units is given, any number of them is dead, and rows have all columns of a diagnosis.
    """
    random = np.random.default_rng(seed)
    outcome = random.choice(len(OUTCOMES), size, p=shares).astype(np.uint8)
    checks = random.integers(0, max(1, last // every) + 1, size) * every
    made = {
        "outcome": outcome,
        "steps": np.where(outcome <= 1, np.minimum(checks, last), last).astype(np.int32),
        "loss_first": random.lognormal(0, 1, size).astype(np.float32),
        "loss_last": np.where(
            outcome == 0, 9e-5, np.where(outcome == 1, np.inf, random.lognormal(-1, 0.4, size))
        ).astype(np.float32),
    }
    if units is not None:
        made["dead_units"] = random.integers(0, units + 1, size).astype(np.int32)
        made |= _findings(size, seed, units, made)
    return made


def _findings(size: int, seed: int, units: int, made: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What else a diagnosis finds: any number of the units that are left, and a few constant outputs."""
    random = np.random.default_rng([seed, 1])
    live = units - made["dead_units"]
    merged = random.integers(0, np.maximum(live, 1)).astype(np.int32)
    return {
        "loss_best": np.minimum(made["loss_first"], made["loss_last"]),
        "step_best": np.where(made["loss_first"] <= made["loss_last"], 0, made["steps"]).astype(np.int32),
        "gradient_norm": random.lognormal(-3, 1, size).astype(np.float32),
        "dead_units_start": random.integers(0, made["dead_units"] + 1).astype(np.int32),
        "saturated_units": random.binomial(live, 0.2).astype(np.int32),
        "linear_units": random.binomial(live, 0.1).astype(np.int32),
        "merged_units": merged,
        "opposite_units": random.integers(0, merged + 1).astype(np.int32),
        "constant": random.choice(len(CONSTANTS), size, p=(0.8, 0.08, 0.04, 0.04, 0.04)).astype(np.uint8),
    }


def filled(
    plan: Plan, store: Store | None = None, shares: tuple[float, ...] | None = None, histories: bool = True
) -> Store:
    """A store with all trials of a plan, and histories of its first 50."""
    store = store or MemoryStore()
    store.open()
    for cell in plan.cells:
        last, every = cell.settings["train"]["steps"], cell.settings["converge"]["every"]
        units = sum(layer.outputs for layer in cell.layers[:-1])
        made = rows(plan.study.trials, cell.index, shares or (0.5, 0.05, 0.1, 0.25, 0.1), last, every, units)
        store.write(cell.id, 0, made)
        if not histories:
            continue
        steps = np.minimum(np.arange(-(-last // every) + 1) * every, last)
        first = min(50, plan.study.trials)
        done = np.searchsorted(steps, made["steps"][:first])[:, None]
        losses = np.geomspace(1.0, 1e-3, len(steps), dtype=np.float32) * made["loss_first"][:first, None]
        store.write_history(cell.id, steps, np.where(np.arange(len(steps)) > done, np.float32(np.nan), losses))
    return store


def holm_of_statsmodels(p: Any) -> Any:
    """Holm's adjustment. statsmodels collects garbage with it, for which a process of many tests takes 0.4 s a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda: 0)
        return multipletests(p, method="holm")[1]
