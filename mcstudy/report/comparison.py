"""How parts compare: with the baseline, and the names with one another, each at the best of its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.document import Code, Inline, Text
from mcstudy.report.groups import families
from mcstudy.statistics import DIFFERENT, percent_decimals

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.statistics import Judge

Row = dict[str, Any]

_MOST_NAMES = 8
"""Levels that a sentence names."""


def comparison(frame: pd.DataFrame, keys: tuple[str, ...], baseline: Mapping[str, int], few: int, judge: Judge) -> Text:
    """Sentences, each with a blank before it, on how the parts compare; nothing where there are too few.

    Args:
        frame: as `mcstudy.statistics.rates` returns it, of one task.
        keys: the varied keys.
        baseline: the position of the level of a key that others are compared with, 0 by default.
        few: up to so many cells, each is told of by name.
        judge: compares its cells.
    """
    varied = [key for key in keys if frame[key].nunique() > 1]
    text: list[Inline] = []
    for key in varied:
        if found := families(frame, key):
            text += [" ", *_names(key, found)]
    if not text and len(varied) == 1 and frame["rate"].nunique() > 1:
        position = baseline.get(varied[0], 0)
        text += [" ", *_levels(words.records(frame), varied[0], position, few, judge)]
    return tuple(text)


def _names(key: str, found: list[list[Row]]) -> Iterator[Inline]:
    """From which to which rate the names go, where most of them are, and how much the settings of one matter."""
    best = sorted((levels[0] for levels in found), key=lambda row: row["rate"])
    yield f"Each at the best of its settings, the {len(found)} {key}s go from "
    yield from _told(best[0])
    yield " to "
    yield from _told(best[-1])
    quarter = len(best) // 4
    if quarter:
        low, high = best[quarter], best[-1 - quarter]
        yield f"; {len(best) - 2 * quarter} of them are between {_percent(low)} and {_percent(high)}"
    widest = max(found, key=lambda levels: levels[0]["rate"] - levels[-1]["rate"])
    yield "; the settings move a single one as far as from "
    yield from _told(widest[-1])
    yield " to "
    yield from _told(widest[0])
    yield "."


def _levels(rows: list[Row], key: str, position: int, few: int, judge: Judge) -> Iterator[Inline]:
    """Which levels are shown to be above the baseline's, and which below, by how much; and what the others are."""
    first = rows[position]
    others = sorted((row for row in rows if row is not first), key=lambda row: -row["rate"])
    verdicts = judge.verdicts([[row["cell"]] for row in others], [[first["cell"]]] * len(others))
    told = list(zip(others, verdicts, strict=True))
    above = [row for row, verdict in told if verdict in DIFFERENT and row["rate"] > first["rate"]]
    below = [row for row, verdict in told if verdict in DIFFERENT and row["rate"] < first["rate"]][::-1]
    in_order = sorted(told, key=lambda pair: rows.index(pair[0]))
    same = [words.level(key, row[key]) for row, verdict in in_order if verdict == "equivalent"]
    open_ = [words.level(key, row[key]) for row, verdict in in_order if verdict == "undecided"]
    base = words.level(key, first[key])
    if len(rows) <= few:
        yield from _few(above, below, same, open_, first, key, judge.margin)
        return
    yield "Compared with "
    yield base
    yield f" ({_percent(first)}), {len(above) or 'none'} of the {len(others)} others converged clearly more often"
    yield from _list(above, first, key)
    yield f", {len(below) or 'none'} clearly less often"
    yield from _list(below, first, key)
    yield f"; {words.count(len(same))} {'is' if len(same) == 1 else 'are'} {_equal(judge.margin)}" if same else ""
    yield f"; {words.count(len(open_))} {'is' if len(open_) == 1 else 'are'} undecided." if open_ else "."


def _few(
    above: list[Row], below: list[Row], same: list[Code], open_: list[Code], first: Row, key: str, margin: float
) -> Iterator[Inline]:
    """Every level by name."""
    base = words.level(key, first[key])
    parts: list[Text] = []
    for found, what in ((above, "more"), (below, "less")):
        if found:
            names = words.listed((*names, f" ({by})") for names, by in _by(found, first, key))
            parts.append((*names, f" converged clearly {what} often than ", base))
    for levels, text in ((same, _equal(margin) + " to"), (open_, "not clearly different from")):
        if levels:
            parts.append((*words.listed(levels), f" {'is' if len(levels) == 1 else 'are'} {text} ", base))
    for position, part in enumerate(parts):
        yield from ("; ", *part) if position else part
    yield "."


def _equal(margin: float) -> str:
    return f"equivalent (within {100 * margin:g} points)"


def _list(rows: list[Row], first: Row, key: str) -> Iterator[Inline]:
    """Levels and how far they are from the baseline, in brackets."""
    if not rows:
        return
    some = rows[:_MOST_NAMES] if len(rows) > _MOST_NAMES + 1 else rows
    for position, (names, by) in enumerate(_by(some, first, key)):
        yield "; " if position else " ("
        yield from names
        yield f" {by}"
    yield f"; {len(rows) - len(some)} more)" if len(some) < len(rows) else ")"


def _by(rows: list[Row], first: Row, key: str) -> list[tuple[Text, str]]:
    """The levels with how far they are from the baseline, those of the same distance together."""
    found: dict[str, list[Inline]] = {}
    for row in rows:
        # No more decimals than both rates allow, but enough not to be shown as none.
        decimals = min(percent_decimals(one["rate"], one["rate_low"], one["rate_high"]) for one in (row, first))
        shown = words.figure(abs(row["rate"] - first["rate"]), decimals)
        found.setdefault(shown, []).append(words.level(key, row[key]))
    told = [f"by {shown}" for shown in found]
    told[0] += " points"
    return list(zip(map(words.listed, found.values()), told, strict=True))


def _told(row: Row, key: str = "level") -> Iterator[Inline]:
    yield Code(row[key])
    yield f" ({_percent(row)})"


def _percent(row: Row) -> str:
    return words.percent(row["rate"], row["rate_low"], row["rate_high"])
