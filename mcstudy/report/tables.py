"""The tables of rates: of the cells, of each level by itself, of the parts of one name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.outcomes import OUTCOMES
from mcstudy.report import words
from mcstudy.report.document import Block, Code, Heading, Paragraph, Table, Text
from mcstudy.report.groups import by_task, families

if TYPE_CHECKING:
    import pandas as pd

_FULL_TABLE, _TOP, _BOTTOM = 36, 10, 5
"""Cells that the table shows in full; how many of the best and of the last otherwise."""


def tables(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """The tables, for each task apart where several are varied.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.
    """
    blocks: list[Block] = []
    for task, part, others in by_task(frame, keys):
        if task is not None:
            blocks.append(Heading(3, f"Rates on {task}"))
        noted = bool(blocks[1:])
        blocks += _table(part, others)
        blocks += [] if noted else [_note(frame)]
        blocks += [*_families(part, others), *_marginals(part, others)]
    return blocks


def _note(frame: pd.DataFrame) -> Paragraph:
    text = (
        f"Trials per cell: {words.span(map(int, frame['trials']))}. The other outcomes are counts of trials; the "
        "steps are those of the trials that converged, their median and the middle half of them. "
    )
    if len(frame) > 2:
        text += (
            "Each interval is that of its cell by itself; a cell that is picked as the highest or lowest of many tends "
            "to lie less far out than it seems. "
        )
    return Paragraph((text, Code("rates.csv"), " has every cell and more columns, unrounded."))


def _table(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    shown, blocks = frame, list[Block]()
    if len(frame) > _FULL_TABLE:
        order = frame.sort_values("rate", ascending=False, kind="stable")
        text = f"The {_TOP} cells that converged most often, and the {_BOTTOM} that did so least often"
        blocks.append(Paragraph((text, *_cut_ties(words.records(order)), ":")))
        shown = order.iloc[[*range(_TOP), *range(-_BOTTOM, 0)]]
    differ = frame["trials"].nunique() > 1
    steps = ("median steps", "middle half")
    header = (*keys, *["trials"] * differ, "converged (%)", "95 % interval", *OUTCOMES[1:], *steps)
    if not keys:
        header = ("cell", *header)
    rows = []
    for row in words.records(shown):
        labels: list[Text] = [(Code(str(row[key])),) for key in keys] or [(Code(row["cell"]),)]
        trials = [words.count(row["trials"])] * differ
        rows.append((*labels, *((text,) for text in (*trials, *_numbers(row)))))
    numbers = frozenset(range(len(header) - 8 - differ, len(header)))
    blocks.append(Table(header, tuple(rows), numbers))
    return blocks


def _cut_ties(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Which of several cells of one rate the table shows, where it has no room for all of them."""
    for shown, left_out, which in ((rows[:_TOP], rows[_TOP], "first"), (rows[-_BOTTOM:], rows[-_BOTTOM - 1], "last")):
        some = sum(row["rate"] == left_out["rate"] for row in shown)
        if some:
            every = sum(row["rate"] == left_out["rate"] for row in rows)
            rate = words.percent(left_out["rate"], left_out["rate_low"], left_out["rate_high"])
            yield f"; of {every} cells at {rate}, the {which} {some} in the order of the study"


def _numbers(row: Mapping[str, Any]) -> list[str]:
    rate = row["rate"], row["rate_low"], row["rate_high"]
    half = f"{words.steps(row['steps_q25'])} to {words.steps(row['steps_q75'])}" if row["converged"] else words.NONE
    counts = [words.count(row[name]) for name in OUTCOMES[1:]]
    return [words.bare_percent(*rate), words.interval(*rate), *counts, words.steps(row["steps_median"]), half]


def _marginals(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    varied = tuple(key for key in keys if frame[key].nunique() > 1)
    if len(varied) < 2:
        return []
    rows, every = [], words.records(frame)
    for row in words.records(statistics.marginals(frame, varied)):
        mean = row["rate"], row["rate_low"], row["rate_high"]
        decimals = statistics.percent_decimals(*mean)
        cells = [cell for cell in every if cell[row["key"]] == row["level"]]
        known = [statistics.percent_decimals(cell["rate"], cell["rate_low"], cell["rate_high"]) for cell in cells]
        decimals = min(decimals, *known)
        span = f"{words.figure(row['lowest'], decimals)} to {words.figure(row['highest'], decimals)}"
        texts = (words.count(row["cells"]), words.bare_percent(*mean), span)
        rows.append(((row["key"],), (Code(row["level"]),), *((text,) for text in texts)))
    text = "Each level by itself: the mean of the rates of its cells, all counting alike, and the span of those rates."
    header = ("key", "level", "cells", "converged, mean (%)", "lowest to highest (%)")
    return [Paragraph((text,)), Table(header, tuple(rows), frozenset({2, 3, 4}))]


def _families(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """Parts of several settings each: the best of them, and how much is lost with the worst."""
    blocks: list[Block] = []
    for key in keys:
        rows: list[tuple[float, tuple[Text, ...]]] = []
        for levels in families(frame, key):
            best, worst = levels[0], levels[-1]
            known = best["rate"], best["rate_low"], best["rate_high"]
            lost = words.bare_percent(worst["rate"], worst["rate_low"], worst["rate_high"])
            numbers = (words.bare_percent(*known), words.interval(*known), words.count(len(levels)), lost)
            name = best["level"].partition("(")[0]
            labels: list[Text] = [(Code(name),), (Code(best["level"]),)]
            rows.append((best["rate"], (*labels, *((number,) for number in numbers))))
        if rows:
            rows.sort(key=lambda row: -row[0])
            mean = "" if len(frame) == frame[key].nunique() else ", means over the other keys"
            blocks.append(Paragraph((f"Each {key} at the best of its settings, and with the worst of them{mean}:",)))
            header = (key, "best", "converged (%)", "95 % interval", "settings", "with the worst (%)")
            blocks.append(Table(header, tuple(row for _, row in rows), frozenset({2, 3, 4, 5})))
    return blocks
