"""The report of a study as a document: the answer, what was asked, what came out, what was run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mcstudy.closeup import CLOSEUPS
from mcstudy.figures import FIGURES, Drawing, Drawn
from mcstudy.outcomes import OUTCOMES
from mcstudy.report import words
from mcstudy.report.answer import answer
from mcstudy.report.axes import axes
from mcstudy.report.causes import causes
from mcstudy.report.claims import claims
from mcstudy.report.differences import differences
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
    Text,
)
from mcstudy.report.endings import endings
from mcstudy.report.interactions import interactions
from mcstudy.report.setup import setup
from mcstudy.report.size import size
from mcstudy.report.solutions import solutions
from mcstudy.report.starts import starts
from mcstudy.report.stopping import decided, looks, stopping
from mcstudy.report.tables import tables
from mcstudy.report.times import times

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan

_DEFINITIONS = {
    "converged": "the criterion holds at a check; training stops, and that check is its number of steps",
    "diverged": "at a check the evaluation loss or a parameter is not finite; training stops there",
    "dead": "the steps ran out, and in some layer (the output unit too, where it has an activation) every unit's "
    "derivative is zero at every evaluation point",
    "stuck": "the steps ran out, and the best loss of the last fifth of the checks is not 1 % below the best before "
    "them",
    "unfinished": "the steps ran out while the loss was still improving",
}

_TEXTS: dict[str, Callable[[Any, tuple[str, ...]], list[Block]]] = {
    "comparisons": differences,
    "size": size,
    "axes": axes,
    "interactions": interactions,
    "causes": causes,
    "restarts": times,
    "starts": starts,
    "surfaces": solutions,
}
"""What stands between the heading of a figure and the figure, made of the frame or the closeup that it draws."""

_TEXT_FRAMES = {"restarts": "times"}
"""The frames of texts that tell of another than their figure draws."""


def build(
    plan: Plan,
    frames: Mapping[str, Any],
    images: Callable[[], Mapping[str, Drawn]],
    trials: int,
) -> Document:
    """The document.

    Args:
        plan: the cells.
        frames: what the figures draw, by name: frames of `mcstudy.statistics` (rates, at the least), and what
            `mcstudy.closeup.CLOSEUPS` made; claims, where the study has some.
        images: gives the figures of `FIGURES` as they were drawn; it is called when all words are found, while which
            others may have drawn.
        trials: trials per cell that were asked for.
    """
    frame = frames["rates"]
    blocks: list[Block] = [
        Paragraph(answer(frame, plan.keys, frames["judge"], plan.study.baseline)),
        *stopping(plan, frame),
        *_question(plan),
    ]
    if "claims" in frames:
        blocks += [Heading(2, "Claims"), *claims(plan, frames["claims"])]
    blocks += [Heading(2, "What came out"), *endings(frame, plan.keys), *tables(frame, plan.keys)]
    if "decisions" in frames:
        blocks += decided(plan, frames["decisions"])
    texts: dict[str, list[Block]] = {}
    for name, drawing in FIGURES.items():
        told = _TEXT_FRAMES.get(name, drawing.frame)
        texts[name] = _TEXTS[name](frames[told], plan.keys) if name in _TEXTS and told in frames else []
    last = [Heading(2, "What was run"), *setup(plan, _trials(frame, trials)), *looks(plan)]
    last += [Heading(2, "How a trial can end"), *_outcomes()]
    last += [Heading(2, "How to run it again"), *_again(plan, trials)]
    drawn = images()
    for name, drawing in FIGURES.items():
        pictures = _pictures(drawn[name], drawing) if name in drawn else []
        if texts[name] or pictures:
            blocks += [Heading(2, drawing.heading), *texts[name], *pictures]
    blocks += last
    return Document(plan.study.title, tuple(_numbered(blocks)))


def _question(plan: Plan) -> list[Block]:
    question = plan.study.question or ""
    parts = [part for part in re.split(r"\n\s*\n", question.strip()) if part.strip()]
    return [Heading(2, "The question"), *(Paragraph((part,)) for part in parts)] if parts else []


def _pictures(drawn: Drawn, drawing: Drawing) -> list[Block]:
    if not drawn.pages:
        return []
    single = drawing.frame in CLOSEUPS
    blocks: list[Block] = []
    for number, (name, png) in enumerate(drawn.pages):
        text = drawn.caption if number == 0 else "Continued."
        blocks.append(Picture(name, png, (text,), drawing.heading))
    if drawn.left_out:
        verb = "is" if drawn.left_out == 1 else "are"
        text = f"{words.count(drawn.left_out)} of the {words.count(drawn.cells, drawing.item)} {verb} not drawn here"
        # Single trials are looked at in some cells alone, and no file has the others.
        blocks.append(Paragraph((text, ".") if single else (text, "; ", Code(drawing.table), " has them all.")))
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


def _trials(frame: pd.DataFrame, asked: int) -> Text:
    counts = frame["trials"]
    more = "" if (counts == asked).all() else f", of up to {asked:,}"
    return (words.span(map(int, counts)) + more,)


def _again(plan: Plan, trials: int) -> list[Block]:
    study = plan.study
    path = PurePath(os.path.abspath(study.file or f"{study.name}.toml"))
    file = f"studies/{path.name}" if study.file and path.parent.name == "studies" else path.name
    command = f"python -m mcstudy run {shlex.quote(file)} --trials {trials} --seed {study.seed}"
    text = (
        "A trial's result depends on the seed, its cell and its number alone, so this gives the same rows, byte for "
        "byte, on any machine and with any number of threads; what is stored already is not trained again."
    )
    blocks: list[Block] = [Listing(command), Paragraph((text,))]
    if study.study.keep == "summary":
        blocks.append(Paragraph((_SUMMARIES,)))
    return blocks


_SUMMARIES = (
    "This study keeps summaries: the first trials of each cell, up to 512, have a row and their losses at every check; "
    "of all others only counts are stored, histograms of their steps and of their last losses, and which of them "
    "converged. Rates, times and comparisons are those of all trials, the same as with rows. Losses over the steps, "
    "and close looks at single trials, are of the first trials anyway; where trials end that start on a grid can only "
    "be drawn from rows. Any trial can be trained again by its number."
)
