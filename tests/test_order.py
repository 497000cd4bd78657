"""In which order trials are trained, and in which company, shows in nothing but the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mcstudy import Study
from mcstudy.engine import order
from mcstudy.engine.program import Program, build
from mcstudy.engine.threads import Unit, UnitResult, run_unit
from mcstudy.engine.work import JOINED_CELLS, Work
from mcstudy.plan import Cell, Plan, make_plan

TRIALS, FIRST = 1000, 2000


def relu(trials: int = 100, **network: Any) -> Program:
    study = {
        "study": {"name": "order", "seed": 5, "trials": trials},
        "task": {"name": "relu", "samples": "fresh", "batch": 50},
        "network": {"hidden": [], "bias": False, "output": "activation", "init": "normal", **network},
        "train": {"steps": 400, "optimizer": {"name": "sgd", "lr": 0.1}},
        "converge": {"loss": 0.001},
        "vary": {"network.activation": ["relu", "elu"]},
    }
    plan = make_plan(Study.model_validate(study))
    return build(plan.cells, plan.tables)


def trained(program: Program, unit: Unit, stop: int = 0) -> list[UnitResult]:
    return run_unit(unit, program.memory(), np.full(1, stop, np.int64))


@pytest.mark.parametrize("unit", [(0, TRIALS), (FIRST, FIRST + TRIALS)], ids=["with histories", "without"])
def test_the_order_changes_no_result(unit: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    program = relu()
    found = trained(program, Unit(program, *unit))
    monkeypatch.setattr(order, "MOST_PARAMETERS", 0)
    for other, usual in zip(found, trained(program, Unit(program, *unit)), strict=True):
        assert list(other.rows) == list(usual.rows)
        for name, column in usual.rows.items():
            assert column.tobytes() == other.rows[name].tobytes(), name
        assert usual.history.tobytes() == other.history.tobytes()


def test_trials_that_start_alike_train_side_by_side() -> None:
    program = relu()
    numbers = np.arange(FIRST, FIRST + TRIALS)
    places = order.training_order(program, numbers, 0, program.memory())
    assert sorted(places) == list(range(TRIALS))
    found = trained(program, Unit(program, FIRST, FIRST + TRIALS))[0].rows
    assert np.all(np.diff(found["loss_first"][places]) >= 0)

    def lanes(steps: np.ndarray) -> int:
        whole = steps[: TRIALS // program.lanes * program.lanes]
        return int(whole.reshape(-1, program.lanes).max(axis=1).sum())

    assert lanes(found["steps"][places]) < 0.8 * lanes(found["steps"])


def test_trials_with_histories_stay_where_they_are() -> None:
    program = relu()
    places = order.training_order(program, np.arange(TRIALS), 512, program.memory())
    assert list(places[:512]) == list(range(512))
    assert list(places[512:]) != list(range(512, TRIALS))


def test_larger_networks_stay_in_order() -> None:
    program = relu(hidden=[5])
    assert isinstance(order.training_order(program, np.arange(TRIALS), 0, program.memory()), slice)


@pytest.mark.parametrize(
    ("done", "expected"), [(0, []), (1, []), (2, []), (3, [2, 0]), (4, [2, 0, 3, 1]), (5, [2, 0, 3, 1, 4])]
)
def test_a_unit_that_was_stopped_gives_the_trials_before_a_gap(done: int, expected: list[int]) -> None:
    places, count = order.in_sequence(np.array([1, 3, 0, 2, 4]), done)
    assert list(places) == expected
    assert count == len(expected)


def test_a_unit_that_was_stopped_at_once_gives_nothing() -> None:
    program = relu()
    assert trained(program, Unit(program, FIRST, FIRST + TRIALS), stop=1) == []


def sums(steps: int, **task: Any) -> Plan:
    study = {
        "study": {"name": "joined", "seed": 5, "trials": 100},
        "task": {"name": "addition", "samples": "shared", "order": "sequential", "batch": 1, **task},
        "network": {"hidden": [4]},
        "train": {"steps": steps},
        "converge": {"loss": 0.001},
        "vary": {
            "optimizer": [{"name": "sgd", "lr": 0.01 * i} for i in range(1, 8)] + [{"name": "adam", "lr": 0.01}],
            "activation": ["relu", "tanh"],
            "init": ["normal", "he_normal"],
        },
    }
    return make_plan(Study.model_validate(study))


def units_of(cells: Sequence[Cell], trials: int) -> list[Unit]:
    return list(Work(cells, {}, {cell.id: [(0, trials)] for cell in cells}, 1))


def test_cells_of_short_trials_train_together_and_as_each_does_alone() -> None:
    plan = sums(40)
    units = units_of(plan.cells, 100)
    assert len(units) == len(plan.cells) // JOINED_CELLS
    for unit in units:
        for cell, found in zip(unit.program.cells, trained(unit.program, unit), strict=True):
            alone = build([cell], plan.tables)
            [own] = trained(alone, Unit(alone, unit.first, unit.last))
            assert found.cell is cell
            assert list(found.rows) == list(own.rows)
            for name, column in own.rows.items():
                assert column.tobytes() == found.rows[name].tobytes(), (cell.label, name)
            assert own.history.tobytes() == found.history.tobytes()


def test_cells_of_long_trials_or_other_samples_do_not() -> None:
    units = units_of(sums(400_000).cells, 1)
    assert {len(unit.program.cells) for unit in units} == {1}
    units = units_of(sums(40).cells[:1] + sums(40, size=20).cells[:1], 100)
    assert [len(unit.program.cells) for unit in units] == [1, 1]
