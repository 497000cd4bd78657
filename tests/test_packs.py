"""The size of a pack, which the size of a network decides, changes no result."""

from __future__ import annotations

from collections import Counter

import pytest
import walk

from mcstudy import jit
from mcstudy.engine import rows
from mcstudy.engine.run import train
from mcstudy.plan import Plan, make_plan
from mcstudy.spec import Study
from mcstudy.store import MemoryStore

WIDTHS = (3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 23, 32, 33, 47, 64, 65, 96, 127, 130)
TRIALS = 5


def wide(batch: int, precision: str) -> Plan:
    """Networks of one and of two hidden layers, of all these widths."""
    pairs = zip(WIDTHS, WIDTHS[5:], strict=False)
    return make_plan(
        Study.model_validate(
            {
                "study": {"name": "wide", "seed": 3, "trials": TRIALS},
                "task": {"name": "distance", "samples": "trial", "size": 33, "batch": batch, "order": "sequential"},
                "network": {"init": "he_normal"},
                "train": {"steps": 35, "precision": precision, "optimizer": {"name": "sgd", "lr": 0.02}},
                "converge": {"loss": 0.0, "every": 16},
                "vary": {
                    "network.hidden": [[width] for width in WIDTHS] + [list(pair) for pair in pairs],
                    "network.activation": ["relu", "leaky_relu", "tanh"],
                },
            }
        )
    )


def digests(plan: Plan) -> list[str]:
    store = MemoryStore()
    train(plan, store, TRIALS)
    return [store.digest(cell.id, TRIALS) for cell in plan.cells]


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_the_size_of_packs_changes_nothing(batch: int, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = wide(batch, precision)
    found = []
    for most in (0, 10**9):  # all networks count as wide, none does
        monkeypatch.setattr(rows, "MOST_PARAMETERS", most)
        found.append(digests(plan))
    assert found[0] == found[1]
    assert max(Counter(found[0]).values()) == 1


def test_wide_networks_train_in_packs_of_a_register() -> None:
    cells = wide(1, "float32").cells
    wanted = {cell.id: rows.lay_out([cell]).lanes * 4 for cell in cells}
    assert wanted[cells[0].id] == jit.pack_bytes()
    assert wanted[cells[-1].id] == min(jit.pack_bytes(), jit.register_bytes())
    together = rows.lay_out([cells[0], cells[-1]])
    assert together.lanes * 4 == wanted[cells[-1].id]


@pytest.mark.parametrize("name", ["ways, sequential", "ways, shuffled", "ways, units, fresh", "ways, units, trial"])
def test_a_layout_is_as_large_as_was_said_before_it_was_made(name: str) -> None:
    cells = make_plan(Study.model_validate(walk.ways()[name])).cells
    for cell, size in zip(cells, rows.layout_bytes(cells), strict=True):
        made, task = rows.lay_out([cell]), cell.settings["task"]
        points = int(made.group["size"][0]) * (task["n_inputs"] + task["n_outputs"])
        assert size == made.lanes * (made.packs * made.dtype.itemsize + 4 * made.integer_packs) + (
            points * made.dtype.itemsize
        )
        ends = [row["targets"] + row["tile"] * made.layers[-1]["outputs"] for row in made.cells]
        assert max(ends) == made.packs  # the targets of a tile lie last
