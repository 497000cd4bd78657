"""What networks compute at given points, against the reference in NumPy."""

from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
from agreement import TOLERANCE, both, largest_gap, study
from cases import part

from mcstudy.engine.outputs import outputs
from mcstudy.engine.program import build
from mcstudy.plan import make_plan

SHAPES: list[dict[str, Any]] = [
    {"hidden": [3]},
    {"hidden": [], "output": part("tanh")},
    {"hidden": [5, 2, 3], "activation": "elu", "bias": False},
    {"hidden": [4, 3], "output": "sum", "activation": "relu"},
    {"hidden": [3, 5], "activation": "prelu", "output": "activation"},
    {"hidden": [6], "activation": "rrelu", "dropout": 0.5},
]


@both
@pytest.mark.parametrize("task", ["sine", "distance", {"name": "xor", "one_hot": True}])
def test_outputs_are_those_of_the_reference(precision: str, task: Any) -> None:
    random = np.random.default_rng(3)
    for shape in SHAPES:
        if shape.get("output") == "sum" and task not in ("sine", "distance"):
            continue
        [cell] = make_plan(study(precision, {}, task={"name": task}, network=shape)).cells
        program = build([cell], {})
        for networks, count in ((1, 1), (37, 3), (3, 1000)):
            parameters = random.normal(size=(networks, cell.parameters)).astype(precision)
            points = random.uniform(-2, 2, (count, cell.settings["task"]["n_inputs"])).astype(precision)
            found = outputs(program, parameters, points)
            assert found.dtype == np.float64
            expected = np.array([naive.Network(cell.settings, row).forward(points)[0][-1] for row in parameters])
            assert found.shape == expected.shape
            scale = np.abs(expected).max()
            assert largest_gap(found, expected, scale) <= TOLERANCE[precision], (shape, networks, count)


def test_other_points_and_parameters_give_other_outputs() -> None:
    [cell] = make_plan(study("float64", {}, task={"name": "distance"})).cells
    program = build([cell], {})
    parameters, points = np.full((2, cell.parameters), 0.5), np.array([[0.1, 0.2], [0.2, 0.1], [0.3, 0.1]])
    parameters[1, 0] = 0.6
    found = outputs(program, parameters, points)[:, :, 0]
    assert len(set(found.ravel())) == 5  # the first network takes its two inputs alike
    assert found[0, 0] == found[0, 1]
