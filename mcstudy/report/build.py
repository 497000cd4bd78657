"""The report of a study as a document: what was asked, what came out, what was run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.figures import FIGURES, Drawn
from mcstudy.outcomes import OUTCOMES
from mcstudy.report import words
from mcstudy.report.answer import answer
from mcstudy.report.document import (
    Block,
    Bullets,
    Code,
    Document,
    Heading,
    Listing,
    Paragraph,
    Picture,
    Strong,
    Table,
    Text,
)
from mcstudy.report.setup import setup

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan

_FULL_TABLE, _TOP, _BOTTOM = 36, 10, 5
"""Cells that the table shows in full; how many of the best and of the last otherwise."""

_DEFINITIONS = {
    "converged": "the criterion holds at a check; training stops, and that check is its number of steps",
    "diverged": "at a check the evaluation loss or a parameter is not finite; training stops there",
    "dead": "the steps ran out, and in some layer (the output unit too, where it has an activation) every unit's "
    "derivative is zero at every evaluation point",
    "stuck": "the steps ran out, and the best loss of the last fifth of the checks is not 1 % below the best before "
    "them",
    "unfinished": "the steps ran out while the loss was still improving",
}


def build(plan: Plan, frame: pd.DataFrame, images: Mapping[str, Drawn], trials: int) -> Document:
    """The document.

    Args:
        plan: the cells.
        frame: their rates, as `mcstudy.statistics.rates` returns them.
        images: the figures of `FIGURES` as they were drawn.
        trials: trials per cell.
    """
    blocks: list[Block] = list(_question(plan))
    blocks += [Heading(2, "What came out"), *answer(frame, plan.keys), *_table(plan, frame)]
    blocks += _marginals(plan, frame)
    for name, drawing in FIGURES.items():
        if name in images and images[name].pages:
            blocks.append(Heading(2, drawing.heading))
            blocks += _pictures(images[name], drawing.heading)
    blocks += [Heading(2, "What was run"), *setup(plan, trials)]
    blocks += [Heading(2, "How a trial can end"), *_outcomes()]
    blocks += [Heading(2, "How to run it again"), *_again(plan, trials)]
    return Document(plan.study.title, tuple(_numbered(blocks)))


def _question(plan: Plan) -> list[Block]:
    question = plan.study.question or ""
    return [Paragraph((part,)) for part in re.split(r"\n\s*\n", question.strip()) if part.strip()]


def _table(plan: Plan, frame: pd.DataFrame) -> list[Block]:
    shown, blocks = frame, list[Block]()
    if len(frame) > _FULL_TABLE:
        order = frame.sort_values("rate", ascending=False, kind="stable")
        text = f"The {_TOP} cells that converged most often, and the {_BOTTOM} that did least"
        blocks.append(Paragraph((text, *_cut_ties(words.records(order)), ":")))
        shown = order.iloc[[*range(_TOP), *range(-_BOTTOM, 0)]]
    header = (*plan.keys, "converged (%)", "95 % interval", *OUTCOMES[1:], "median steps", "middle half")
    if not plan.keys:
        header = ("cell", *header)
    rows = []
    for row in words.records(shown):
        labels: list[Text] = [(Code(str(row[key])),) for key in plan.keys] or [(Code(row["cell"]),)]
        rows.append((*labels, *((text,) for text in _numbers(row))))
    numbers = frozenset(range(len(header) - 8, len(header)))
    blocks.append(Table(header, tuple(rows), numbers))
    note = (
        f"Trials per cell: {words.count(int(frame['trials'].iloc[0]))}. The other outcomes are counts of trials; the "
        "steps are those of the trials that converged, their median and the middle half of them. "
    )
    blocks.append(Paragraph((note, Code("rates.csv"), " has every cell and more columns, unrounded.")))
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


def _marginals(plan: Plan, frame: pd.DataFrame) -> list[Block]:
    varied = tuple(key for key in plan.keys if frame[key].nunique() > 1)
    if len(varied) < 2:
        return []
    rows = []
    for row in words.records(statistics.marginals(frame, varied)):
        mean = row["rate"], row["rate_low"], row["rate_high"]
        decimals = statistics.percent_decimals(*mean)
        span = f"{words.figure(row['lowest'], decimals)} to {words.figure(row['highest'], decimals)}"
        texts = (words.count(row["cells"]), words.bare_percent(*mean), span)
        rows.append(((row["key"],), (Code(row["level"]),), *((text,) for text in texts)))
    text = "Each level by itself: the mean of the rates of its cells, all counting alike, and the span of those rates."
    header = ("key", "level", "cells", "converged, mean (%)", "lowest to highest (%)")
    return [Paragraph((text,)), Table(header, tuple(rows), frozenset({2, 3, 4}))]


def _pictures(drawn: Drawn, heading: str) -> list[Block]:
    blocks: list[Block] = []
    for number, (name, png) in enumerate(drawn.pages):
        text = drawn.caption if number == 0 else "Continued."
        blocks.append(Picture(name, png, (text,), heading))
    if drawn.left_out:
        verb = "is" if drawn.left_out == 1 else "are"
        text = f"{words.count(drawn.left_out)} of the {words.count(drawn.cells, 'cell')} {verb} not drawn here; "
        blocks.append(Paragraph((text, Code("rates.csv"), " has them all.")))
    return blocks


def _numbered(blocks: Sequence[Block]) -> list[Block]:
    """Captions with the numbers of their figures."""
    done: list[Block] = []
    count = 0
    for block in blocks:
        if isinstance(block, Picture):
            count += 1
            caption: Text = (Strong(f"Figure {count}."), " ", *block.caption)
            block = Picture(block.name, block.png, caption, block.alt)
        done.append(block)
    return done


def _outcomes() -> list[Block]:
    text = "Every trial is counted, and ends in exactly one of five ways; diverged is looked for first."
    return [
        Paragraph((text,)),
        Bullets(tuple((Strong(name), f": {_DEFINITIONS[name]}") for name in OUTCOMES)),
    ]


def _again(plan: Plan, trials: int) -> list[Block]:
    study = plan.study
    path = PurePath(os.path.abspath(study.file or f"{study.name}.toml"))
    file = f"studies/{path.name}" if study.file and path.parent.name == "studies" else path.name
    command = f"python -m mcstudy run {file} --trials {trials} --seed {study.seed}"
    text = (
        "A trial's result depends on the seed, its cell and its number alone, so this gives the same rows, byte for "
        "byte, on any machine and with any number of threads; what is stored already is not trained again."
    )
    return [Listing(command), Paragraph((text,))]
