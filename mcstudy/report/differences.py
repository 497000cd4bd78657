"""What differs from the baseline, by paired tests: how levels are compared, and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mcstudy.plan import TASK
from mcstudy.report import words
from mcstudy.report.document import Block, Bullets, Code, Paragraph, Strong, Table, Text

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 24
"""Comparisons that the table shows."""

_MEANINGS = {
    "differ": "shown to differ (the adjusted p value is below 0.05)",
    "differ slightly": "shown to differ, and shown to differ by less than {margin}",
    "mixed": "shown to differ by less than {margin} on average, though single combinations of the other keys are "
    "shown to differ by more",
    "equivalent": "shown to differ by less than {margin}, if at all (two one-sided tests)",
    "undecided": "neither is shown; more trials would decide it",
}

TESTS = {
    "McNemar": "McNemar's exact test",
    "sign flip": "the exact sign-flip test and the interval of the mean difference, whichever is less sure of it",
    "confidence sequence": "paired confidence sequences",
}
"""What the tests of `mcstudy.statistics` are called."""

_WORDS = {"differ slightly": "differ, slightly", "mixed": "level on average"}


def differences(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """How levels are compared, by how much they differ from the baseline, and what is shown of that.

    Args:
        frame: as `mcstudy.statistics.comparisons` returns it.
        keys: the varied keys.

    Returns:
        Nothing for a single cell.
    """
    rows = words.records(frame[frame["family"] == "baseline"])
    if not rows:
        return []
    blocks: list[Block] = [Paragraph(_method(rows)), *_table(rows, keys)]
    present = [name for name in _MEANINGS if any(row["verdict"] == name for row in rows)]
    margin = _points(rows[0]["margin"])
    told = ((Strong(_WORDS.get(name, name)), ": ", _MEANINGS[name].format(margin=margin)) for name in present)
    return [*blocks, Bullets(tuple(told))]


def _points(margin: float) -> str:
    return words.count(1, "point") if margin == 0.01 else f"{100 * margin:g} points"


def _method(rows: list[dict[str, Any]]) -> Text:
    averaged = any(row["contexts"] > 1 for row in rows)
    test = TESTS[rows[0]["test"]]
    many = f", adjusted for {len(rows)} comparisons (Holm)" if len(rows) > 1 else ""
    mean = ""
    if averaged:
        mean = (
            " Each level counts with the mean of its cells over all combinations of the other keys, in which opposite "
        )
        mean += "differences may cancel: the thin marks in the figure are single combinations."
    return (
        "Trial 17, say, has the same data in every cell of a task, and the same raw draws for its start in every cell "
        f"of one shape, so levels are compared with the baseline's trial by trial: by {test}{many}.{mean}{_gain(rows)}",
    )


def _gain(rows: list[dict[str, Any]]) -> str:
    """How much narrower the pairs make the intervals."""
    ratios = np.array([row["variance_ratio"] for row in rows])
    known = ratios[~np.isnan(ratios)]
    if not len(known):
        return ""
    alike = int(np.isinf(known).sum())
    finite = np.sort(known[np.isfinite(known)])
    told = []
    if len(finite):
        ends = list(dict.fromkeys(words.number(float(ratio)) for ratio in (finite[0], finite[-1])))
        told.append(f"{' to '.join(ends)} times as many trials would be needed without pairs")
    if alike:
        told.append(f"in {words.count(alike, 'comparison')} the two agree in every trial")
    return (
        f" For intervals of the same width, {'; '.join(told)}."
        if len(finite)
        else f" {told[0][0].upper()}{told[0][1:]}."
    )


def _table(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> list[Block]:
    order = sorted(rows, key=lambda row: -abs(row["difference"]))
    kept = {id(row) for row in order[:_ROWS]}
    shown = [row for row in rows if id(row) in kept]
    blocks: list[Block] = []
    if len(shown) < len(rows):
        text = f"The {len(shown)} widest of the {len(rows)} differences; "
        blocks.append(Paragraph((text, Code("comparisons.csv"), " has all, and all other pairs of levels:")))
    tasks = TASK in keys
    header = (
        *(("task",) if tasks else ()),
        "key",
        "level",
        "compared with",
        "converged (%)",
        "difference (points)",
        "95 % interval",
        "p",
        "shown",
    )
    made = []
    for row in shown:
        decimals = words.difference_decimals(row)
        texts = (
            " and ".join(words.figure(row[name], decimals) for name in ("rate", "other_rate")),
            *words.points(row),
            _p(row["p_holm"]),
            _WORDS.get(row["verdict"], row["verdict"]),
        )
        where = [words.level(key, row[key]) for key in keys if key not in (row["key"], TASK) and row[key]]
        level: Text = (Code(row["level"]), *((" with ", *words.listed(where)) if where else ()))
        labels: list[Text] = [(row["key"],), level, (Code(row["other"]),)]
        labels = [(Code(row[TASK]),), *labels] if tasks else labels
        made.append((*labels, *((text,) for text in texts)))
    return [*blocks, Table(header, tuple(made), frozenset(range(len(header) - 5, len(header) - 1)))]


def _p(value: float) -> str:
    return "under 0.0001" if value < 1e-4 else f"{value:.2g}" if value < 0.9995 else "1"
