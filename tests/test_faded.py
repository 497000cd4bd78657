"""What fades away in training stays a normal number: biases under `decay`, and what optimizers keep of dead units."""

from __future__ import annotations

from typing import Any

import naive_optimizers as naive
import numpy as np
import pytest
import walk
from cases_optimizers import OPTIMIZER_CASES
from packs import apply
from test_optimizers import NUMBERS, Run, full, label, random_steps

from mcstudy import jit
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.engine import unrolling
from mcstudy.engine.program import build
from mcstudy.engine.threads import Unit, run_unit
from mcstudy.kernels.pack import filled, tiny, where
from mcstudy.plan import Cell, Plan, make_plan

LEAST = {"float32": 2.0**-95, "float64": 2.0**-991}
"""The size below which numbers count as tiny."""
either = pytest.mark.parametrize("precision", LEAST)


@jit.scalar
def _told(x: Any) -> Any:
    return where(tiny(x), filled(x, 1.0), 0.0)


@either
def test_tiny(precision: str) -> None:
    least, limits = np.array(LEAST[precision], precision), np.finfo(precision)
    below = np.array([0.0, limits.smallest_subnormal, limits.smallest_normal, np.nextafter(least, 0.0)], precision)
    above = np.array([least, 1e-20, 1.0, limits.max, np.inf, np.nan], precision)
    for sign in (1, -1):
        assert apply(_told, sign * below).tolist() == [1.0] * below.size
        assert apply(_told, sign * above).tolist() == [0.0] * above.size


RATE = {"float32": 0.2, "float64": 0.5}
STEPS = {"float32": 600, "float64": 1200}
"""After a half to three quarters of which the biases are tiny."""


def biases_traced(plan: Plan, cell: Cell, own: bool) -> np.ndarray:
    """The biases of a few trials at all checks, shape (trials, checks, biases)."""
    program = build((cell,), plan.tables, unrolling.Unrolled({cell.id}) if own else None)
    assert bool(program.cell_table["unrolled_losses"][0]) == own
    [result] = run_unit(Unit(program, 0, 5), program.memory(), np.zeros(1, np.int64), traced=True)
    places, at = [], 0
    for layer in cell.layers:
        at += layer.inputs * layer.outputs
        places += range(at, at + layer.outputs)
        at += layer.outputs
    return np.asarray(result.trace[..., places])


@either
@pytest.mark.parametrize("batch", [1, 6])
@pytest.mark.parametrize(("hidden", "own"), [([4, 4], True), ([4, 4], False), ([40, 33], False)])
def test_biases_decay_until_they_are_tiny(precision: str, batch: int, hidden: list[int], own: bool) -> None:
    rate, steps = np.array(RATE[precision], precision), STEPS[precision]
    train = {"optimizer": {"name": "sgd", "lr": RATE[precision]}, "precision": precision, "bias_update": "decay"}
    tanh = {"activation": "tanh", "output": "activation"}  # which cannot diverge
    study = walk.changed(
        study={"name": "decay", "seed": 3, "trials": 5},
        task={"name": "addition", "samples": "shared", "order": "sequential", "batch": batch},
        network={**tanh, "hidden": hidden, "init": {"name": "glorot_uniform", "bias": "normal"}},
        train={**train, "steps": steps},
        converge={"loss": 0.0, "every": 1},
    )
    plan = make_plan(walk.Study.model_validate(study))
    found = biases_traced(plan, plan.cells[0], own)
    b = found[:, 0]
    exact = np.longdouble if precision == "float64" else np.float64  # where a product has all its bits, or nearly
    for step in range(1, steps + 1):
        shrunk = (b.astype(exact) - b.astype(exact) * rate.astype(exact)).astype(precision)
        b = np.where(np.abs(b) < LEAST[precision], b, shrunk)
        np.testing.assert_allclose(found[:, step], b, rtol=1e-13 if precision == "float64" else 0, atol=0)
        b = found[:, step]
    assert np.all(np.abs(b) < LEAST[precision])
    assert np.all(np.abs(b) >= LEAST[precision] * (1 - 1.001 * RATE[precision]))


@either
@pytest.mark.parametrize("case", [case for case in OPTIMIZER_CASES if OPTIMIZERS[case["name"]].fading], ids=label)
def test_what_is_kept_of_dead_units_stays_normal(case: dict[str, Any], precision: str) -> None:
    """Means just above what is tiny, and gradients of 0: none becomes tiny, and none is lost."""
    run = Run(full(OPTIMIZERS, case), random_steps(precision)[0])
    used = slice(0, run.part.slots * len(run.packs))
    run.state[used] = np.array(1.1 * LEAST[precision], precision)
    assert np.all(np.isfinite(run.steps(np.zeros((150, NUMBERS), precision))))
    assert np.all(np.isfinite(run.state))
    assert np.abs(run.state[used]).min() >= LEAST[precision]


def test_which_optimizers_have_means() -> None:
    """Those whose state a gradient of 0 makes smaller in the reference, which knows nothing of what is tiny."""
    shrinking = set()
    for case in OPTIMIZER_CASES:
        state = [np.full(1, 0.01) for _ in range(3)]
        for n in (2, 3, 4):
            naive.update(full(OPTIMIZERS, case), np.zeros(1), np.zeros(1), state, n)
        if any(0 < slot[0] < 0.01 for slot in state):
            shrinking.add(case["name"])
    assert shrinking == {name for name, optimizer in OPTIMIZERS.items() if optimizer.fading}
