"""Kernels of single networks give the bytes of the general ones, and are made where they are worth it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import walk

from mcstudy import jit
from mcstudy.engine import unrolling
from mcstudy.engine.cost import trial_nanoseconds
from mcstudy.engine.program import build
from mcstudy.engine.sharing import groups
from mcstudy.engine.threads import Unit, UnitResult, run_unit
from mcstudy.engine.work import Work
from mcstudy.plan import Cell, Plan, make_plan

TRIALS = 70
ADDRESSES = "unrolled_steps", "unrolled_gradients", "unrolled_losses"
USUAL = {"activations, float32", "ways, sequential, float32", "tasks, trial, float64"}
MOST_CELLS = 6


def trained(
    plan: Plan, cells: tuple[Cell, ...], unrolled: unrolling.Unrolled | None, trials: int = TRIALS
) -> list[UnitResult]:
    program = build(cells, plan.tables, unrolled)
    return run_unit(Unit(program, 0, trials), program.memory(), np.zeros(1, np.int64), traced=True)


def stored(values: np.ndarray) -> bytes:
    """The bytes as a store keeps them, NaN with one pattern: which sign a compiler gives it is not ours to say."""
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    return values.tobytes()


def assert_equal(usual: UnitResult, own: UnitResult) -> None:
    for name, column in usual.rows.items():
        assert stored(column) == stored(own.rows[name]), (own.cell.label, name)
    assert stored(usual.history) == stored(own.history)
    assert stored(usual.trace) == stored(own.trace)


def assert_same(plan: Plan, most: int) -> set[str]:
    """Both kinds of kernels train alike; returns which of the addresses there were."""
    met: set[str] = set()
    for group in groups(plan.cells[:: max(1, len(plan.cells) // most)]):
        unrolled = unrolling.Unrolled({cell.id for cell in group})
        [table] = [build(group, plan.tables, unrolled).cell_table]
        met |= {name for name in ADDRESSES if np.any(table[name])}
        for usual, own in zip(trained(plan, group, None), trained(plan, group, unrolled), strict=True):
            assert_equal(usual, own)
    return met


@pytest.mark.parametrize("name", sorted(USUAL))
def test_they_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    met = assert_same(make_plan(walk.studies(tmp_path)[name]), MOST_CELLS)
    assert "unrolled_losses" in met
    assert len(met) > 1


@pytest.mark.slow
def test_they_give_the_same_bytes_everywhere(tmp_path: Path) -> None:
    met = set[str]()
    for study in walk.studies(tmp_path).values():
        met |= assert_same(make_plan(study), 1000)
    assert met == set(ADDRESSES)


def settings(**sections: Any) -> dict[str, Any]:
    return walk.changed(study={"name": "own", "seed": 3, "trials": 100}, **sections)


@pytest.mark.parametrize(
    "sections",
    [
        {"network": {"hidden": [12, 12]}},
        {"network": {"dropout": 0.2}},
        {"network": {"activation": "prelu"}},
        {"network": {"activation": "rrelu"}},
    ],
)
def test_large_and_random_networks_have_none(sections: dict[str, Any]) -> None:
    plan = make_plan(walk.Study.model_validate(settings(**sections)))
    [row] = build(plan.cells, plan.tables, unrolling.Unrolled({plan.cells[0].id})).cell_table
    assert not any(row[name] for name in ADDRESSES)


def test_they_are_made_where_the_work_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(
        walk.Study.model_validate(settings(vary={"init": ["normal", "he_normal"], "network.bias": [True, False]}))
    )
    [cost] = {trial_nanoseconds([cell]) * 1e-9 for cell in plan.cells[::2]}
    ids = [cell.id for cell in plan.cells]
    alike = {cell.id for cell in plan.cells if cell.labels["network.bias"] == "true"}
    weights = sum(layer.inputs * layer.outputs for layer in plan.cells[0].layers)
    enough = int(unrolling.WORTH_SECONDS * (1 + weights / unrolling.WORTH_WEIGHTS) / cost)

    def made_for(trials: dict[str, int]) -> set[str]:
        found = unrolling.worth_unrolling(plan.cells, trials)
        return {cell.id for cell in plan.cells if found.compiles(cell)}

    assert made_for(dict.fromkeys(ids, enough)) == set(ids)
    assert made_for(dict.fromkeys(ids, enough // 3)) == set()
    some = made_for({name: enough if name == min(alike) else 1 for name in ids})
    assert some == alike  # cells with one network share its kernels
    monkeypatch.setattr(unrolling, "WORTH_SECONDS", 0.0)
    missing = {name: [(0, 100)] for name in ids}
    made = [unit.program for unit in Work(plan.cells, plan.tables, missing, 1)]
    assert all(np.all(program.cell_table["unrolled_losses"]) for program in made)


def test_little_work_uses_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(walk.Study.model_validate(settings()))
    [cell] = plan.cells
    seconds = trial_nanoseconds([cell]) * 1e-9
    some, few = (unrolling.worth_unrolling([cell], {cell.id: int(s / seconds)}) for s in (0.3, 0.001))
    names = [name for name in ADDRESSES if build([cell], {}, unrolling.Unrolled({cell.id})).cell_table[name][0]]
    assert names
    assert [name for name in ADDRESSES if build([cell], {}, some).cell_table[name][0]] == names
    assert few.wants(cell) is False
    assert some.compiles(cell) is False
    monkeypatch.setattr(jit, "kernel_cache", lambda: tmp_path)

    def found() -> list[str]:
        again = unrolling.worth_unrolling([cell], {cell.id: int(0.3 / seconds)})
        return [name for name in ADDRESSES if build([cell], {}, again).cell_table[name][0]]

    assert found() == names  # what this process has, wherever it comes from
    monkeypatch.setattr(unrolling, "_loaded", {})
    assert found() == []
