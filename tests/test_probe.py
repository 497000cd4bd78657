"""Points at which trained networks are asked: what they become in a plan, and that nothing else changes."""

from __future__ import annotations

from typing import Any

from agreement import study

import mcstudy
from mcstudy.plan import Cell, make_plan


def cell(**task: Any) -> Cell:
    [made] = make_plan(study("float32", {}, task=task)).cells
    return made


def test_points_are_lists_of_numbers() -> None:
    assert cell(probe=[0.5, [1], -0.0]).settings["task"]["probe"] == [[0.5], [1.0], [0.0]]
    pair = cell(name="distance", probe=[[0.1, 0.5], [0, 1]])
    assert pair.settings["task"]["probe"] == [[0.1, 0.5], [0.0, 1.0]]


def test_probes_are_settings_of_the_cells_that_have_them_alone() -> None:
    plain, asked = cell(), cell(probe=[0.5])
    assert "probe" not in plain.settings["task"]
    assert plain.id != asked.id != cell(probe=[0.25]).id
    assert asked.id == cell(probe=[[0.5]]).id
    del asked.settings["task"]["probe"]
    assert asked.settings == plain.settings


def test_probes_can_be_set_for_some_cells() -> None:
    made = study("float64", {"task.name": ["sine", "distance"]}).data
    made["where"] = [{"match": {"task.name": "distance"}, "set": {"task.probe": [[0.1, 0.5]]}}]

    one, two = make_plan(mcstudy.Study.model_validate(made)).cells
    assert "probe" not in one.settings["task"]
    assert two.settings["task"]["probe"] == [[0.1, 0.5]]
