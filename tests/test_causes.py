"""The sentences on why trials failed, of made-up counts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mcstudy.outcomes import CONSTANTS, POINTS
from mcstudy.report.causes import cause_sentences, causes
from mcstudy.report.document import Table
from mcstudy.statistics import CAUSES


def row(converged: int, **counts: int) -> dict[str, Any]:
    """A row of rates of 1000 trials with these causes; what is left is stuck."""
    made: dict[str, Any] = {f"cause_{name}": 0 for name in CAUSES} | {f"constant_{name}": 0 for name in CONSTANTS[1:]}
    made |= {"trials": 1000, "converged": converged, "dead_start_converged": 0, "dead_start_failed": 0, "stuck": 0}
    made |= counts
    made["cause_none"] += 1000 - converged - sum(made[f"cause_{name}"] for name in CAUSES)
    return made


def told(*rows: dict[str, Any]) -> str:
    return "".join(str(item) for item in cause_sentences(rows))


def test_causes_are_told_by_their_share() -> None:
    text = told(row(500, cause_died=100, cause_dead_start=250, cause_slow=50))
    start, died = "50 % had a hidden unit that was dead from the start", "20 % had a hidden unit that died on the way"
    assert text.startswith(f"Of the 500 trials that failed, {start}, {died}, 10 % show nothing of this kind")
    assert "20 % show nothing of this kind, and were stuck or dead." in text
    assert "constant" not in text and "merged" not in text


def test_nothing_is_said_where_nothing_failed() -> None:
    assert told(row(1000)) == ""
    assert told(row(999, cause_died=1)) == "The one trial that failed: unit died."


def test_starts_are_compared_with_those_that_converged() -> None:
    text = told(row(600, cause_dead_start=284, dead_start_failed=284, dead_start_converged=30))
    assert (
        "At the start, 71 % of those that failed had at least one dead hidden unit, against 5.0 % of those that "
        "converged." in text
    )
    assert "At the start" not in told(row(600, cause_died=284))
    assert "against" not in told(row(0, dead_start_failed=10))


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"mean": 200}, "ended as a constant (at the mean of the targets)"),
        ({"mean": 199, "zero": 1}, "ended as a constant (nearly always at the mean of the targets)"),
        ({"median": 150, "zero": 50}, "(75 % of them at the median of the targets, 25 % of them at zero)"),
        (
            {"mean": 120, "median": 60, "other": 20},
            "60 % of them at the mean of the targets, 30 % of them at their median",
        ),
    ],
)
def test_where_outputs_are_constant(counts: dict[str, int], words: str) -> None:
    made = {f"constant_{name}": count for name, count in counts.items()}
    assert words in told(row(800, cause_constant=200, **made))


def test_what_stuck_trials_sit_at() -> None:
    points = dict(zip((f"point_{name}" for name in POINTS[1:]), (180, 20, 0), strict=True))
    assert "the 200 stuck trials sit 90 % in a flat region and 10 % at a saddle." in told(row(800, stuck=200, **points))
    assert "Hessian" not in told(row(800, stuck=200))
    assert "10 % at no point of rest." in told(row(800, stuck=200, **points | {"point_flat": 160}))
    nowhere = dict.fromkeys(points, 0)
    assert "No stuck trial is at a point of rest" in told(row(800, stuck=200, **nowhere))
    missing = dict.fromkeys(points, float("nan"))  # a cell too large to be looked at, beside one that is not
    assert "the 200 stuck trials" in told(row(800, stuck=200, **points), row(800, stuck=200, **missing))


@pytest.mark.parametrize(("cells", "rows", "how"), [(3, 3, "cell by cell"), (30, 2, "by activation")])
def test_the_table_is_of_cells_or_of_levels(cells: int, rows: int, how: str) -> None:
    activations = ["relu", "tanh"] if cells > 3 else ["relu", "tanh", "elu"]
    made = [
        row(500, cause_died=50 if activation == "relu" else 0)
        | {"cell": f"{activation}{i}", "activation": activation, "seed": str(i)}
        for activation in activations
        for i in range(cells // len(activations))
    ]
    keys = ("activation", "seed") if cells > 3 else ("activation",)
    blocks = causes(pd.DataFrame(made), keys)
    [table] = [block for block in blocks if isinstance(block, Table)]
    assert len(table.rows) == rows
    assert any(how in "".join(map(str, getattr(block, "text", ()))) for block in blocks)
    relu, tanh = (dict(zip(table.header, table.rows[i], strict=True))["unit died"] for i in (0, 1))
    assert (relu, tanh) == (("10",), ("0",))
