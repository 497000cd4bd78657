"""What trained networks compute: planted solutions are found again, shares add up, figures and words are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agreement import study
from cases import part

import mcstudy
from mcstudy.closeup import CLOSEUPS, Sample
from mcstudy.closeup.ground import ground_of, input_names
from mcstudy.closeup.probes import answer, asked
from mcstudy.closeup.solutions import Solution, distances, shapes, solutions_of
from mcstudy.closeup.weights import by_length
from mcstudy.engine.program import build
from mcstudy.figures import FIGURES
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import Cell, make_plan

Units = list[tuple[float, float, float, float]]
"""Angle of the weights in degrees, their length, the bias, and the weight of the output."""

PYRAMID: Units = [(90, 1, 0, 1), (210, 1, 0, 1), (330, 1, 0, 1)]
STEEP: Units = [(90, 1, 0, 2), (210, 1, 0, 2), (330, 1, 0, 2)]
VALLEY: Units = [(0, 1, 0, 1), (180, 1, 0, 1), (40, 1, -9, 1)]
FLOOR: Units = [(0, 1, -0.3, 1), (180, 1, -0.3, 1), (40, 1, -9, 1)]
MERGED: Units = [(0, 0.5, 0, 1), (3, 0.5, 0, 1), (90, 1, 0, 1)]
DEAD: Units = [(0, 1, -9, 1), (90, 1, -9, 1), (200, 1, -9, 1)]
LINEAR: Units = [(0, 0.3, 9, 1), (90, 0.3, 9, 1), (200, 1, -9, 1)]


def cell_of(**sections: Any) -> Cell:
    made = {"task": {"name": "distance"}, "network": {"hidden": [3], "activation": "relu"}, **sections}
    return make_plan(study("float32", {}, **made)).cells[0]


def parameters(units: Units, turn: float = 0.0, mirrored: bool = False, offset: float = 0.0) -> np.ndarray:
    """Of a 2-3-1 network."""
    angle = np.radians([(-a if mirrored else a) + turn for a, *_ in units])
    length = np.array([unit[1] for unit in units])
    weights = np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1)
    return np.concatenate([weights.ravel(), [u[2] for u in units], [u[3] for u in units], [offset]])


def sample_of(cell: Cell, rows: np.ndarray, outcome: np.ndarray | None = None) -> Sample:
    program = build([cell], {})
    count = len(rows)
    codes = np.zeros(count, np.uint8) if outcome is None else outcome
    ends, loss = np.zeros(count, np.int64), np.linspace(0.1, 0.2, count)[:, None]
    return Sample(cell, program, np.zeros(1, np.int64), codes, ends, loss, rows[:, None], np.arange(len(codes)))


def planted(counts: list[tuple[Units, int]], seed: int = 1) -> np.ndarray:
    """Networks that are turned by quarters, mirrored, with units in any order, and all a bit off."""
    random = np.random.default_rng(seed)
    rows = []
    for units, count in counts:
        for _ in range(count):
            shuffled = [units[i] for i in random.permutation(3)]
            row = parameters(shuffled, 90.0 * random.integers(4), bool(random.integers(2)))
            rows.append(row + random.normal(0, 0.004, len(row)))
    return np.array(rows)[random.permutation(len(rows))]


def found(rows: np.ndarray, outcome: np.ndarray | None = None) -> tuple[Solution, ...]:
    cell = cell_of()
    sample = sample_of(cell, rows, outcome)
    return solutions_of(sample, ground_of(sample.program))


def test_planted_solutions_are_found() -> None:
    counts = [(PYRAMID, 40), (VALLEY, 25), (FLOOR, 16), (MERGED, 9), (DEAD, 6), (LINEAR, 3)]
    classes = found(planted(counts))
    told = {one.name: (len(one.trials), one.lines) for one in classes}
    assert told == {
        "3 kinks, pyramid": (40, 3),
        "1 kink, valley": (25, 1),
        "2 kinks, valley": (16, 2),
        "2 kinks, corner": (9, 2),
        "constant": (6, 0),
        "plane": (3, 0),
    }
    assert [one.name for one in classes] == list(told)
    assert sum(one.share for one in classes) == pytest.approx(1)
    assert sorted(trial for one in classes for trial in one.trials) == list(range(99))
    for one in classes:
        assert one.low < one.share < one.high
        assert one.medoid in one.trials
        assert len(one.units) == one.lines


def test_two_pyramids_are_told_apart_by_their_errors() -> None:
    classes = found(planted([(PYRAMID, 30), (STEEP, 20)]))
    assert [(one.name, len(one.trials)) for one in classes] == [("3 kinks, pyramid a", 30), ("3 kinks, pyramid b", 20)]


def test_networks_that_compute_alike_are_one_class() -> None:
    """The control: neither noise nor the order of the units makes classes where there is one solution."""
    for seed in (1, 2, 3):
        [one] = found(planted([(PYRAMID, 50)], seed))
        assert (one.share, one.high) == (1, 1)
        assert one.low < 1


def test_networks_that_are_not_finite_are_a_class_of_their_own() -> None:
    rows = planted([(PYRAMID, 5), (VALLEY, 4)])
    rows[2, 0], rows[7, 3] = np.nan, np.inf
    outcome = np.zeros(9, np.uint8)
    outcome[[2, 7]] = OUTCOMES.index("diverged")
    classes = {one.name: one for one in found(rows, outcome)}
    assert classes["diverged"].trials == (2, 7)
    assert classes["diverged"].outcomes == (0, 2, 0, 0, 0)
    assert sum(len(one.trials) for one in classes.values()) == 9


def test_shapes() -> None:
    ground = ground_of(build([cell_of()], {}))
    x, y = ground.grid.T
    surfaces = {
        "bowl": x**2 + y**2,
        "peak": -(x**2) - y**2,
        "saddle": x * y,
        "valley": x**2,
        "ridge": -np.abs(y),
        "plane": x - 2 * y,
        "constant": x * 0,
        "pyramid": np.maximum(np.abs(x), np.abs(y)),
        "corner": np.maximum(0, x) + np.maximum(0, y),
    }
    assert shapes(np.array(list(surfaces.values())), ground) == list(surfaces)


def test_distances_do_not_see_where_errors_are() -> None:
    errors = np.random.default_rng(2).normal(size=(2, 100))
    moved = np.random.default_rng(3).permutation(errors, axis=1)
    apart = distances(np.concatenate([errors, moved[:1], 3 * errors[:1]]), 1.0)
    assert apart[0, 2] == pytest.approx(0, abs=1e-6)
    assert apart[0, 3] == pytest.approx(2 / np.sqrt(3))
    assert np.array_equal(apart, apart.T)


def test_distances_do_not_depend_on_the_order_of_sums() -> None:
    # Which a library of linear algebra chooses by the processor and by the shape of a matrix.
    errors = 0.5 + np.linspace(0.001, 3, 200)[:, None] * np.random.default_rng(3).normal(size=(200, 441))
    apart = distances(errors, 1.7)
    for count in (2, 7, 50, 113):
        assert np.array_equal(distances(errors[:count], 1.7), apart[:count, :count])


def test_weights_are_in_order_of_length() -> None:
    pairs = np.array([[[0, 1], [3, 4], [1, 1]], [[2, 0], [0, 2], [np.inf, 1]]], float)
    ordered = by_length(pairs)
    assert ordered[0].tolist() == [[3, 4], [1, 1], [0, 1]]
    assert ordered[1, :2].tolist() == [[2, 0], [0, 2]]
    assert np.isnan(ordered[1, 2]).all()


def test_answers_hold_every_finite_trial() -> None:
    values = np.append(np.random.default_rng(4).normal(size=300), [50.0, np.nan, np.inf])
    outcome = np.arange(303) % 5
    bars = answer("at 1", values, outcome.astype(np.uint8), 7.0)
    diverged = outcome == OUTCOMES.index("diverged")
    assert bars.missing == np.sum(diverged | ~np.isfinite(values))
    kept = np.bincount(outcome[:301])
    kept[OUTCOMES.index("diverged")] = 0
    assert bars.counts.sum(axis=1).tolist() == kept.tolist()
    assert bars.edges[0] > -9 and 7 < bars.edges[-1] < 50
    assert bars.counts[300 % 5, -1] >= 1


def test_probes_are_asked_where_the_study_says(place: Path) -> None:
    program = build([cell_of(task={"name": "distance", "probe": [[0.3, 0.4], [0, 0]]})], {})
    points, targets = asked(program)
    assert points.tolist() == [[0.3, 0.4], [0, 0]]
    assert targets is not None
    assert targets[:, 0] == pytest.approx([0.5, 0])
    Path("table.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i},{-i}\n" for i in range(6)))
    table = {"name": "table", "file": "table.csv", "inputs": ["a", "b"], "targets": ["y"]}
    for probe, expected in ((None, [0, -1, -2, -3]), ([[2, 4], [2, 5]], [-2, np.nan])):
        task = {"name": table, "samples": None, "size": None, "batch": 2, "probe": probe}
        plan = make_plan(study("float64", {}, task=task))
        assert input_names(plan.cells[0]) == ("a", "b")
        known = asked(build(plan.cells, plan.tables))[1]
        assert known is not None
        assert np.array_equal(known[:, 0], expected, equal_nan=True)


def test_the_report_shows_and_tells_them(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("surfaces", "weights", "probes")
    monkeypatch.setattr("mcstudy.report.FIGURES", {name: FIGURES[name] for name in ours})
    asks = study(
        "float32",
        {"activation": ["relu", "tanh"]},
        study={"trials": 60},
        task={"name": "distance", "size": 64, "batch": 16, "probe": [[0.1, 0.5]]},
        network={"hidden": [3]},
        train={"optimizer": part("adam", lr=0.03), "steps": 300},
        converge={"loss": 0.01, "every": 30},
    )
    results = [mcstudy.run(asks, out=place / name) for name in ("one", "two")]
    assert len(results) == 2
    text = (place / "one" / "report.md").read_text()
    for heading in ("What the networks compute", "Weights by unit", "What the networks answer"):
        assert f"## {heading}" in text
    assert "(0.1, 0.5)" in text
    for name in ours:
        one, two = ((place / run / "figures" / f"{name}.png").read_bytes() for run in ("one", "two"))
        assert one == two
    assert text == (place / "two" / "report.md").read_text()


@pytest.mark.parametrize("size", [1e30, 1e9])
def test_huge_networks_are_sorted_too(size: float) -> None:
    """Finite parameters whose outputs overflow, or all but do."""
    rows = np.concatenate([planted([(PYRAMID, 4)]), planted([(PYRAMID, 4)]) * size])
    with np.errstate(all="raise"):
        classes = found(rows)
    assert sum(len(one.trials) for one in classes) == 8
    [pyramids] = [one for one in classes if one.trials == (0, 1, 2, 3)]
    assert pyramids.name.startswith("3 kinks, pyramid")


def test_a_study_that_diverges_is_drawn(place: Path) -> None:
    wild = study(
        "float32", {}, study={"trials": 8}, task={"name": "distance"}, train={"optimizer": part("sgd", lr=1e9)}
    )
    mcstudy.run(wild, out=place / "run")
    assert "| diverged |" in (place / "run" / "report.md").read_text()
    assert (place / "run" / "figures" / "surfaces.png").exists()


def test_networks_of_other_shapes_are_left_out(place: Path) -> None:
    plain = study("float32", {"activation": ["relu", "tanh"]}, study={"trials": 8})
    mcstudy.run(plain, out=place / "run")
    assert not {"surfaces", "weights", "probes"} & {file.stem for file in (place / "run" / "figures").glob("*")}
    assert {"surfaces", "weights", "probes"} <= set(CLOSEUPS)
