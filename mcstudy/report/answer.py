"""The answer in one paragraph: the rates of what a study compares, and what moves them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.comparison import comparison
from mcstudy.report.document import Inline, Strong, Text
from mcstudy.report.effects import FEW, effects
from mcstudy.report.groups import by_task, places
from mcstudy.report.size import smallest
from mcstudy.statistics import DIFFERENT

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.statistics import Judge

_MOST_NAMES = 8
"""Cells of a single key that a sentence names."""
_MOST_PLACES = 4
"""Groups of cells of several keys that a sentence names."""


def answer(frame: pd.DataFrame, keys: tuple[str, ...], judge: Judge, baseline: Mapping[str, int] | None = None) -> Text:
    """The rates, how they compare and what moves them, of one task after the other.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.
        judge: compares the cells.
        baseline: the position of the level of a key that others are compared with; the first ones by default.
    """
    text: list[Inline] = []
    for task, part, others in by_task(frame, keys):
        lead: Text = () if task is None else (Strong(task), ": ")
        text += [" " if text else "", *lead, *_rates(words.records(part), others, judge)]
        text += comparison(part, others, baseline or {}, FEW, judge)
        for sentence in (effects(part, others, judge), smallest(part, others)):
            text += [" ", *sentence] if sentence else []
    return tuple(item for item in text if item)


def _rates(rows: list[dict[str, Any]], keys: tuple[str, ...], judge: Judge) -> Text:
    trials = words.span((row["trials"] for row in rows), "trial")
    if len(rows) == 1:
        of = f"Of {trials}, {words.count(rows[0]['converged'])} converged: "
        return (of, Strong(words.rate(rows[0])), ".")
    cells = f"{words.count(len(rows), 'cell')} of {trials} each"
    if all(row["rate"] == rows[0]["rate"] for row in rows):
        limits = words.interval(rows[0]["rate"], rows[0]["rate_low"], rows[0]["rate_high"])
        told = {0: "no trial converged", 1: "all trials converged"}.get(rows[0]["rate"])
        named = tuple(_names(rows, keys)) if len(rows) <= FEW else ()
        if told:
            return (f"In each of {cells}, {told} (", *named, f"95 % interval of each rate {limits} %).")
        if named:
            return (f"In each of {cells} (", *named[:-1], "), the rate is ", Strong(words.rate(rows[0])), ".")
        return (f"In each of {cells}, the rate is ", Strong(words.rate(rows[0])), ".")
    if len(rows) <= FEW:
        return (
            f"Of {trials} each, so many converged (95 % intervals in brackets): ",
            *_each(rows, keys),
        )
    return (f"{cells} were run. ", *_extreme(rows, True, keys, judge), " ", *_extreme(rows, False, keys, judge))


def _names(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> Iterator[Inline]:
    """The cells by name, each with a semicolon behind it."""
    for row in rows:
        yield from words.cell(row, keys)
        yield "; "


def _labels(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [tuple(row[key] for key in keys) for row in rows]


def _joined(places: list[Text]) -> Iterator[Inline]:
    for position, place in enumerate(places):
        yield from ("; ", *place) if position else place


def _each(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> Iterator[Inline]:
    for position, row in enumerate(rows):
        known = row["rate"], row["rate_low"], row["rate_high"]
        yield "; " if position else ""
        yield from words.cell(row, keys)
        yield " "
        yield Strong(words.percent(*known))
        yield f" ({words.interval(*known)})"
    yield "."


def _extreme(rows: list[dict[str, Any]], highest: bool, keys: tuple[str, ...], judge: Judge) -> Iterator[Inline]:
    """A sentence on one end: the cells of exactly nothing or all together, else the cell there and who may be it too.

    The cells that are not shown to be worse than the best one, by tests of all of them against it, hold the truly best
    one with 95 % confidence; likewise at the other end.
    """
    ordered = sorted(rows, key=lambda row: -row["rate"] if highest else row["rate"])
    first = ordered[0]
    same = [row for row in ordered if row["rate"] == first["rate"]]
    if len(same) > 1 and first["rate"] in (0, 1):
        limits = words.interval(first["rate"], first["rate_low"], first["rate_high"])
        trials = "all trials" if highest else "no trial"
        yield f"In {words.count(len(same))} cells {trials} converged ("
        where = places(_labels(same, keys), _labels(rows, keys), keys)
        if len(where) <= (_MOST_NAMES if len(keys) == 1 else _MOST_PLACES):
            yield from words.listed(where) if len(keys) == 1 else _joined(where)
            yield "; "
        yield f"95 % interval of each rate {limits} %)."
        return
    yield f"The {'highest' if highest else 'lowest'} rate is "
    yield Strong(words.rate(first))
    yield ", with "
    yield from words.cell(first, keys)
    rest = ordered[1:]
    alike = [row for row in rest if words.rate(row) == words.rate(first)]
    if alike:
        yield f", and to the digits shown the same in {words.count(len(alike), 'other cell')}"
    verdicts = judge.verdicts([[row["cell"]] for row in rest], [[first["cell"]]] * len(rest))
    shown = {row["cell"] for row, verdict in zip(rest, verdicts, strict=True) if verdict in DIFFERENT}
    more = len(rest) - len(shown | {row["cell"] for row in alike})
    side = "lower" if highest else "higher"
    if more:
        what = words.count(more, "more cell") if alike else words.count(more, "other cell")
        yield f"; {what} {'is' if more == 1 else 'are'} not clearly {side}"
    elif not alike and len(rest) > 1:
        yield f"; all others are clearly {side}"
    yield "."
