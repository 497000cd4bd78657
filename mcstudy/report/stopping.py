"""What the report of a study that stops early says of that: why its cells stopped, and what its intervals are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcstudy import statistics
from mcstudy.report import words
from mcstudy.report.document import Block, Code, Heading, Inline, Paragraph, Table, Text

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan

_MOST_NAMES = 8
"""Cells that a sentence names."""
_MOST_ROWS = 40
"""Rows of a table."""
_VERDICTS = {"differ": "not 0", "equivalent": "at most {size}", "undecided": "not decided"}


def stopping(plan: Plan, frame: pd.DataFrame) -> list[Block]:
    """The paragraph that follows the answer; nothing for a study of a fixed number of trials.

    Args:
        plan: the cells.
        frame: as `mcstudy.statistics.rates` returns it.
    """
    until = plan.study.study.until
    if until is None:
        return []
    if until.half_width is not None:
        met = f"once its rate was known to ±{_points(until.half_width)}"
        kind = "All intervals of rates are 95 % confidence sequences"
        late = "so {their} rate{s} {is_} known less finely"
    else:
        count = len(statistics.stopping.contrasts(plan))
        met = (
            "once its differences from the baseline, in one key at a time, were decided: shown not to be 0, or shown "
            f"to be at most {_points(until.decided or 0)}, by paired confidence sequences that hold with 95 % "
            f"for all {count:,} differences together"
            if count > 1
            else "once the difference from the baseline was decided: shown not to be 0, or shown to be at most "
            f"{_points(until.decided or 0)}, by a paired 95 % confidence sequence"
        )
        kind = "All intervals of rates are 95 % confidence sequences too"
        late = "so not all of {their} differences are decided"
    trials = words.span(map(int, frame["trials"]), "trial")
    text: list[Inline] = [
        f"This study looked at its results as they came in, and stopped each cell {met}; that took {trials} a cell. ",
        f"{kind}: they hold at all looks together, where the usual intervals of a fixed number of trials would not. ",
        "Intervals of steps, of odds and along numbers are such usual ones, and only a guide here.",
    ]
    text += _limited(frame, plan.keys, plan.study.trials, late)
    return [Paragraph(tuple(text))]


def decided(plan: Plan, frame: pd.DataFrame) -> list[Block]:
    """What the looks decided: how many differences, and a table of them.

    Args:
        plan: the cells.
        frame: as `mcstudy.statistics.stopping.decisions` returns it.
    """
    until = plan.study.study.until
    if until is None or until.decided is None:
        return []
    names = {name: text.format(size=_points(until.decided)) for name, text in _VERDICTS.items()}
    counts = frame["verdict"].value_counts()
    parts = [f"{int(counts[name]):,} {verdict}" for name, verdict in names.items() if name in counts]
    total = words.count(len(frame), "difference")
    text = (
        f"Of the {total} from the baseline, in one key at a time, shown to be: {', '.join(parts)}. Each is told over "
        "the trials that both cells had when it was decided; the intervals hold with 95 % for all of them together. "
    )
    rows = []
    for row in words.records(frame.head(_MOST_ROWS)):
        numbers = (words.count(row["trials"]), *words.points(row), names[row["verdict"]])
        rows.append((words.cell(row, plan.keys), (Code(row["other"]),), *((number,) for number in numbers)))
    header = ("cell", "instead of", "trials", "difference (points)", "interval", "shown to be")
    blocks: list[Block] = [Heading(3, "What was decided")]
    more = f"The table has the first {_MOST_ROWS}; " if len(frame) > _MOST_ROWS else ""
    blocks.append(Paragraph((text, more, Code("decisions.csv"), " has them all.")))
    return [*blocks, Table(header, tuple(rows), frozenset({2, 3, 4}))]


def _limited(frame: pd.DataFrame, keys: tuple[str, ...], most: int, late: str) -> Text:
    """Which cells were at the limit of trials before they were done."""
    found = words.records(frame[frame["stopped"] == "trials"])
    if not found:
        return ()
    one = len(found) == 1
    what = late.format(their="its" if one else "their", s="s" * (not one), is_="is" if one else "are")
    limit = f"came to the limit of {words.count(most, 'trial')} before, {what}."
    which = words.count(len(found), "cell")
    if len(found) > _MOST_NAMES or len(found) == len(frame):
        return (f" {which if len(found) < len(frame) else 'All of them'} {limit}",)
    names: list[Inline] = []
    for row in found:
        names += ["; " if names else "", *words.cell(row, keys)]
    return (f" {which} (", *names, f") {limit}")


def _points(size: float) -> str:
    return f"{100 * size:g} point{'s' * (size != 0.01)}"


def looks(plan: Plan) -> list[Block]:
    """When the study looked at its results; nothing for a study of a fixed number of trials."""
    until = plan.study.study.until
    if until is None:
        return []
    name = "half_width" if until.half_width is not None else "decided"
    rule = Code(f"study.until = {{ {name} = {getattr(until, name):g} }}")
    found = statistics.stopping.looks(plan.study.trials)
    first = ", ".join(f"{number:,}" for number in found[:4])
    more = f", … up to {found[-1]:,} trials, each an eighth more than the one before" if len(found) > 4 else " trials"
    text = (
        f"; the looks are at {first}{more}. They depend on nothing else, so the same trials are used however the "
        "study is run. What is seen when a question has just been answered tends to lie a little too far out; the "
        "intervals allow for it. The sequences are mixtures of likelihood ratios over a beta distribution (Robbins "
        "1970; Howard, Ramdas, McAuliffe and Sekhon 2021)."
    )
    return [Paragraph(("Stopped early: ", rule, text))]
