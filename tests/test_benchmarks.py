"""The suite of benchmarks: that both sides do the same work is checked by it, and this is checked here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from benchmarks import figure, speed, tables
from benchmarks.peer_numpy import Batched, Literal
from benchmarks.rows import SECTIONS, Row, absent
from benchmarks.timing import Spread, paired
from benchmarks.work import Array, Ours, Samples, Work
from benchmarks.workloads import (
    PEAK_GOALS,
    SPEED_GOALS,
    SWEEP_GOAL,
    WORKLOADS,
    Goal,
    Workload,
    flops,
    goal_of,
    workload,
)


class Faster(Batched):
    """A peer that learns a tenth faster than it should."""

    name = "faster"

    def ends(self, works: Sequence[Work], way: str, starts: Sequence[Array], samples: Samples) -> list[Array]:
        ends = super().ends(works, way, starts, samples)
        return [start + 1.1 * (end - start) for start, end in zip(starts, ends, strict=True)]


class Absent(Batched):
    """A peer that is not installed."""

    name = "absent"
    packages = ("a_package_of_no_one",)


def test_operations_of_a_dense_network() -> None:
    # 2-4-4-1 has 8 + 16 + 4 weights. Each is used forwards and for its gradient, those after the first layer for the
    # error too; each use is a product and a sum.
    assert flops((2, 4, 4, 1)) == 2 * (28 + 28 + 20) == 152
    assert flops((2, 3, 1)) == 2 * (9 + 9 + 3)


@pytest.mark.parametrize("each", WORKLOADS, ids=lambda each: each.name)
def test_every_workload_is_a_study_whose_trials_do_every_step(each: Workload) -> None:
    ours = Ours(each.study, 1000)
    assert len(ours.works) == (12 if "vary" in each.study else 1)
    for work, cell in zip(ours.works, ours.plan.cells, strict=True):
        assert work.steps % work.pass_steps == 0 and each.few % work.pass_steps == 0
        task, converge = cell.settings["task"], cell.settings["converge"]
        assert converge["loss"] == 0.0
        # Nothing can be seen to come back: there is no second check, or the checks are out of step with each other.
        assert converge["every"] == work.steps or work.steps % converge["every"]
        assert task["samples"] != "fresh" or converge["every"] == work.steps
    assert len({each.name for each in WORKLOADS}) == len(WORKLOADS)


def test_goals_are_those_of_workloads() -> None:
    names = {each.name for each in WORKLOADS} | {each.name[0] for each in WORKLOADS}
    assert {*SPEED_GOALS, *PEAK_GOALS} <= names
    assert str(goal_of(SPEED_GOALS, "E 64, batch 32")) == "≥ 8" and goal_of(PEAK_GOALS, "D") is None
    assert [SWEEP_GOAL.met(24.9), Goal(2.2, least=False).met(2.1)] == [False, True]


@pytest.mark.parametrize("name", ["A", "C", "D"])
def test_numpy_does_what_we_do(name: str) -> None:
    each = workload(name)
    ours = Ours(each.study, 64)
    speed.agree(each, ours, Batched())
    with pytest.raises(speed.Disagreement, match="of 64 trials end alike"):
        speed.agree(each, ours, Faster())


def test_the_program_of_the_question_does_what_we_do() -> None:
    speed.agree(workload("A"), Ours(workload("A").study, 64), Literal())


def test_losses_that_lie_elsewhere_are_told() -> None:
    ours = Ours({**workload("A").study, "train": {**workload("A").study["train"], "steps": 600}}, 64)
    ends = ours.ends(0, 512, 600)
    speed.alike(ours, ends[:256])
    with pytest.raises(speed.Disagreement, match="of its losses are below"):
        speed.alike(ours, ours.starts(0, 512))


def test_a_peer_that_is_not_installed_has_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "sized", lambda each, threads: (Ours(each.study, 16), 16))
    rows: list[Row] = []
    speed.measure(workload("C"), [Absent()], 1, 1, rows.append)
    assert [row.note for row in rows][:1] == ["not installed: a_package_of_no_one"]
    assert math.isnan(rows[0].value) and rows[1].section == "peak" and rows[1].value > 0


def test_runs_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("benchmarks.timing.LEAST_SECONDS", 1e-9)
    found = paired(partial(said.append, "a"), partial(said.append, "b"), 3)
    assert found.ratio.low <= found.ratio.median <= found.ratio.high
    runs = [name for name, before in zip(said, ["", *said], strict=False) if name != before]
    assert runs == ["a", "b"] * 4  # once to see how long they take, then in pairs
    assert Spread.of([3, 1, 2]) == (2, 1, 3)


def test_tables_and_figure_of_some_rows() -> None:
    rows = [
        Row("speed", "A", "JAX", 20.44, 19.0, 21.0, "times", goal=Goal(30), ours=1.1, other=22.4, note="512 at a time"),
        absent("speed", "A", "PyTorch, bmm", "times", "not installed: torch"),
        *(Row("sweep", str(width), "batch 1", 30.0, 29.0, 31.0, "%", goal=SWEEP_GOAL) for width in (3, 128)),
    ]
    page = tables.markdown(rows, {"processor": "some"}, {1: 240.0}, "python -m tests.benchmarks", "2000-01-01")
    assert "| A | JAX | 20.4 times | 19.0 to 21.0 | ≥ 30 | no | 1.10 | 22.4 | 512 at a time |" in page
    assert "| A | PyTorch, bmm | – |  |  |  |  |  | not installed: torch |" in page
    assert page.count("\n## ") == 2 and SECTIONS["sweep"] in page
    lines = tables.as_csv(rows).splitlines()
    assert lines[1] == "speed,A,JAX,20.44,19,21,times,≥ 30,no,1.1,22.4,512 at a time" and len(lines) == 5
    image = figure.draw(rows)
    assert image.startswith(b"\x89PNG") and image == figure.draw(rows)
    assert np.all([tables.number(value) == text for value, text in ((0.0123, "0.0123"), (1234.5, "1,234"), (None, ""))])


def test_rows_are_read_as_they_were_written_and_newer_ones_take_their_place() -> None:
    known = [
        Row("speed", "A", "JAX", 30.6, 29.4, 31.1, "times", Goal(30), 0.806, 23.7, "512 at a time, columns"),
        Row("precision", "A", "float64", 1.9, 1.8, 2.0, "times", Goal(2.2, least=False)),
        Row("speed", "B", "JAX", math.nan, math.nan, math.nan, "times", note="not installed"),
    ]
    read = tables.from_csv(tables.as_csv(known))
    assert tables.as_csv(read) == tables.as_csv(known)
    assert read[:2] == known[:2]
    newer = known[1]._replace(value=2.5)
    assert tables.merged(read, [newer])[:2] == [known[0], newer]
    commands = [Row("commands", name, "cold", 1.0, 1.0, 1.0, "s") for name in ("F", "G")]
    another = commands[0]._replace(subject="warm")
    assert tables.merged(commands, [another]) == [commands[0], another, commands[1]]
