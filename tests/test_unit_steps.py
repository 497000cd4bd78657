"""Wide networks trained one trial after the other, units in the lanes, give the bytes of packs of trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import walk
from numba.core import types
from test_unrolled import assert_equal, trained

from mcstudy.engine import plain, unrolling
from mcstudy.engine.program import build
from mcstudy.engine.threads import Unit, run_unit
from mcstudy.engine.work import Work
from mcstudy.kernels.lines import Lines
from mcstudy.kernels.pack import lane_view
from mcstudy.kernels.types import Pack
from mcstudy.plan import Cell, Plan, make_plan
from mcstudy.training.unit_shapes import Shape

TRIALS = 33  # two packs of 16 lanes and one more trial; with fewer lanes, more of them
SHARED = {"name": "distance", "samples": "shared", "size": 50, "batch": 1}
SHUFFLED = {"name": "distance", "samples": "trial", "size": 40, "batch": 1, "order": "shuffled"}
FRESH = {"name": "distance", "samples": "fresh", "batch": 1}


@pytest.fixture(autouse=True)
def _any_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processors than those it is made for have these kernels too, for once."""
    monkeypatch.setattr(plain, "_LEAST_REGISTER", 0)


def plan_of(hidden: list[int], task: dict[str, Any], every: int = 70, **sections: Any) -> Plan:
    tables: dict[str, Any] = {
        "study": {"name": "wide", "seed": 3, "trials": TRIALS},
        "task": task,
        "network": {"hidden": hidden, "activation": "relu", "init": "he_normal", **sections.pop("network", {})},
        "train": {"optimizer": {"name": "sgd", "lr": 0.01}, "steps": 3 * every + 5, **sections.pop("train", {})},
        "converge": {"every": every, **(sections.pop("converge", {"loss": 1e-12}))},
        "vary": sections.pop("vary", {}),
    }
    assert not sections
    return make_plan(walk.Study.model_validate(tables))


CASES: dict[str, tuple[list[int], dict[str, Any], dict[str, Any]]] = {
    "the widest": ([64, 64], FRESH, {}),
    "side by side": ([32, 32], SHUFFLED, {"train": {"loss": "huber"}}),
    "odd widths, slopes kept": ([30, 31], SHARED, {"network": {"activation": "tanh"}}),
    "narrowing, no biases": ([64, 47], FRESH, {"network": {"activation": "leaky_relu", "bias": False}}),
    "widening": ([47, 64], SHARED, {"network": {"output": "sigmoid"}}),
    "float64": ([40, 32], SHUFFLED, {"train": {"precision": "float64"}}),
    # With the eight lanes of AVX-512, three packs of units are kept by columns, none, and four.
    "some weights turned": ([64, 61], FRESH, {"train": {"precision": "float64"}}),
    "all weights turned": ([67, 72], SHARED, {"train": {"precision": "float64"}, "network": {"activation": "tanh"}}),
    "turned, several outputs": (
        [61, 49],
        {"name": {"name": "amplitude", "n": 3}, "samples": "fresh", "batch": 1},
        {"train": {"precision": "float64"}, "network": {"bias": False}},
    ),
    "several outputs": ([32, 32], {"name": {"name": "amplitude", "n": 3}, "samples": "fresh", "batch": 1}, {}),
    "labels": (
        [48, 44],
        {"name": "two_moons", "samples": "trial", "size": 40, "batch": 1},
        {"train": {"loss": "binary_cross_entropy"}, "converge": {"accuracy": 1.0}},
    ),
    "diverging": ([32, 32], FRESH, {"train": {"optimizer": {"name": "sgd", "lr": 3.0}}}),
}


@pytest.mark.parametrize("name", CASES)
def test_they_give_the_same_bytes(name: str) -> None:
    hidden, task, sections = CASES[name]
    plan = plan_of(hidden, task, **{key: dict(value) for key, value in sections.items()})
    kernels = unrolling.Unrolled({plan.cells[0].id})
    assert build(plan.cells, plan.tables, kernels).cell_table["unrolled_steps"][0]
    [usual], [own] = (trained(plan, plan.cells, each, TRIALS) for each in (None, kernels))
    assert np.isfinite(usual.trace[:, 1]).all() == (name != "diverging")
    assert (usual.trace[:, 1] != usual.trace[:, 0]).any(axis=1).all()
    assert_equal(usual, own)


def test_as_many_weights_are_kept_twice_as_there_is_room_for() -> None:
    def kept(hidden: tuple[int, int], lanes: int) -> tuple[bool, int]:
        shape = Shape(2, *hidden, 1, lanes, 64 // lanes)
        assert shape.pays
        return shape.twice, shape.columns

    assert kept((64, 64), 16) == (True, 4) and kept((48, 48), 8) == (True, 6)
    assert kept((64, 61), 8) == (False, 3) and kept((61, 49), 8) == (False, 4) and kept((67, 72), 8) == (False, 0)
    assert not Shape(2, 96, 96, 1, 16, 4).pays and not Shape(2, 80, 80, 1, 8, 8).pays


@pytest.mark.parametrize("hidden", [[64, 61], [61, 49], [67, 72], [40, 32]])
def test_they_stay_within_their_room(hidden: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    usual, guards = Shape.room.fget, 2000
    assert usual is not None
    monkeypatch.setattr(Shape, "room", property(lambda shape: usual(shape) + guards))
    plan = plan_of(hidden, FRESH, train={"precision": "float64"})
    [cell] = plan.cells
    program = build(plan.cells, plan.tables, unrolling.Unrolled({cell.id}))
    assert program.cell_table["unrolled_steps"][0]
    memory, integers = program.memory()
    shape = plain.unit_shape(cell)
    assert shape is not None
    behind = int(program.cell_table["gradients"][0]) + usual(shape)
    guarded = lane_view(memory)[behind : behind + guards]
    guarded[:] = 12345.0
    run_unit(Unit(program, 0, program.lanes), (memory, integers), np.zeros(1, np.int64))
    assert (guarded == 12345.0).all()


class Symbols(Lines):
    """Packs are tuples of their lanes."""

    def __init__(self, lanes: int) -> None:
        self.pack = Pack(types.float32, lanes)

    def number(self, value: Any) -> Any:
        return (value,) * self.pack.lanes

    def _mixed(self, first: Any, second: Any, lanes: list[int]) -> Any:
        return tuple((*first, *second)[lane] for lane in lanes)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16, 32])
def test_squares_are_turned(lanes: int) -> None:
    for rows in {1, lanes // 2 + 1, lanes}:
        square = [tuple((r, c) for c in range(lanes)) for r in range(rows)]
        columns = [tuple((r, c) if r < rows else 0.0 for r in range(lanes)) for c in range(lanes)]
        for count in {0, 1, lanes}:
            assert Symbols(lanes).turned(square, count) == columns[:count]


def test_a_group_has_both_kinds_of_cells() -> None:
    plan = plan_of(
        [3],
        FRESH,
        vary={
            "network.hidden": [[3], [64, 64], [200], [32, 32]],
            "optimizer": [{"name": name, "lr": 0.01} for name in ("sgd", "adam")],
        },
    )
    kernels = unrolling.Unrolled({cell.id for cell in plan.cells[2:]})
    made = build(plan.cells, plan.tables, kernels)
    shapes = [plain.unit_shape(cell) is not None for cell in plan.cells]
    assert shapes == [False, False, True, False, False, False, True, False]
    assert [bool(address) for address in made.cell_table["unrolled_steps"]] == shapes
    found = (trained(plan, plan.cells, each, TRIALS) for each in (None, kernels))
    for usual, own in zip(*found, strict=True):
        assert_equal(usual, own)


def shape_of(hidden: list[int], task: dict[str, Any] = FRESH, **sections: Any) -> Any:
    cell: Cell = plan_of(hidden, task, **sections).cells[0]
    return plain.unit_shape(cell)


def test_others_have_none() -> None:
    assert shape_of([64, 64]) is not None
    assert shape_of([64]) is None and shape_of([64, 64, 64]) is None
    assert shape_of([16, 16]) is None and shape_of([128, 128]) is None
    assert not Shape(2, 40, 40, 1, 16, 4).pays and shape_of([32, 64]) is None
    assert shape_of([64, 64], {**FRESH, "batch": 2}) is None
    assert shape_of([64, 64], {**SHUFFLED, "size": 8}) is None
    assert shape_of([64, 64], every=15) is None
    momentum = {"name": "sgd", "lr": 0.01, "momentum": 0.9}
    for train in ({"optimizer": momentum}, {"bias_update": "decay"}, {"backward": "after_update"}):
        assert shape_of([64, 64], train=train) is None
    assert shape_of([64, 64], network={"dropout": 0.1}) is None


def test_they_are_made_where_that_pays() -> None:
    plan = plan_of([64, 64], FRESH)
    [cell] = plan.cells
    seconds = unrolling.trial_nanoseconds([cell]) * 1e-9
    for share, made in ((0.9, False), (1.1, True)):
        trials = int(share * unrolling.WORTH_UNITS / seconds)
        unrolled = unrolling.worth_unrolling([cell], {cell.id: trials})
        assert unrolled.compiles(cell) is made
    work = Work(plan.cells, plan.tables, {cell.id: [(0, trials)]}, 1)
    assert next(work).program.cell_table["unrolled_steps"][0]


def test_cells_that_cannot_have_them_do_not_count() -> None:
    for levels in ([300, 10], [10, 300]):
        plan = plan_of([64, 64], FRESH, vary={"converge.every": levels})
        wide = [cell for cell in plan.cells if plain.unit_shape(cell)]
        assert len(wide) == 1
        seconds = unrolling.trial_nanoseconds(wide) * 1e-9
        for share, made in ((0.7, []), (1.4, wide)):
            trials = int(share * unrolling.WORTH_UNITS / seconds)
            found = unrolling.worth_unrolling(plan.cells, {cell.id: trials for cell in plan.cells})
            assert [cell for cell in plan.cells if found.compiles(cell)] == made


def test_packs_of_several_registers_train_as_before(usual_packs: None) -> None:
    plan = plan_of([64, 64], FRESH)
    program = build(plan.cells, plan.tables, unrolling.Unrolled({plan.cells[0].id}))
    shape = plain.unit_shape(plan.cells[0])
    assert shape is not None and bool(program.cell_table["unrolled_steps"][0]) == (program.lanes == shape.lanes)
