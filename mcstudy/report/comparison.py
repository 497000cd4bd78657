"""How parts compare: with the baseline, and the names with one another, each at the best of its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.document import Code, Inline, Text
from mcstudy.report.groups import families

if TYPE_CHECKING:
    import pandas as pd

_MOST_NAMES = 8
"""Levels that a sentence names."""


def comparison(frame: pd.DataFrame, keys: tuple[str, ...], baseline: Mapping[str, int]) -> Text:
    """Sentences, each with a blank before it, on how the parts compare; nothing where there are too few.

    Args:
        frame: as `mcstudy.statistics.rates` returns it, of one task.
        keys: the varied keys.
        baseline: the position of the level of a key that others are compared with, 0 by default.
    """
    varied = [key for key in keys if frame[key].nunique() > 1]
    text: list[Inline] = []
    for key in varied:
        if found := families(frame, key):
            text += [" ", *_names(key, found)]
    if not text and len(varied) == 1 and varied[0] in words.PARTS and len(frame) > 2:
        position = baseline.get(varied[0], 0)
        text += [" ", *_levels(words.records(frame), varied[0], position)]
    return tuple(text)


def _names(key: str, found: list[list[dict[str, Any]]]) -> Iterator[Inline]:
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


def _levels(rows: list[dict[str, Any]], key: str, position: int) -> Iterator[Inline]:
    """Which levels lie with their whole interval above the baseline's, and which below."""
    first = rows[position]
    others = sorted((row for row in rows if row is not first), key=lambda row: -row["rate"])
    above = [row for row in others if row["rate_low"] > first["rate_high"]]
    below = [row for row in others if row["rate_high"] < first["rate_low"]]
    yield "Compared with "
    yield from _told(first, key)
    yield f", {len(above) or 'none'} of the {len(others)} others converged clearly more often"
    yield from _list(above, key)
    yield f", {len(below) or 'none'} clearly less often"
    yield from _list(below[::-1], key)
    near = len(others) - len(above) - len(below)
    yield f"; the interval{'s' * (near != 1)} of {near} overlap{'s' * (near == 1)} with its." if near else "."


def _list(rows: list[dict[str, Any]], key: str) -> Iterator[Inline]:
    if not rows:
        return
    some = rows[:_MOST_NAMES] if len(rows) > _MOST_NAMES + 1 else rows
    yield " ("
    for position, row in enumerate(some):
        yield ", " if position else ""
        yield Code(row[key])
        yield f" {_percent(row)}"
    yield f" and {len(rows) - len(some)} more)" if len(some) < len(rows) else ")"


def _told(row: dict[str, Any], key: str = "level") -> Iterator[Inline]:
    yield Code(row[key])
    yield f" ({_percent(row)})"


def _percent(row: dict[str, Any]) -> str:
    return words.percent(row["rate"], row["rate_low"], row["rate_high"])
