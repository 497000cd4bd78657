"""How far each key moves the rate by itself, and with which levels of the others it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.report import words
from mcstudy.report.document import Code, Inline, Text
from mcstudy.report.groups import places

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Pair = tuple[tuple[str, ...], Row, Row]
"""Two cells that differ in one key alone: their labels of the other keys, the one that should be lower, the other."""

FEW = 6
"""As many cells are told of one by one."""
_MOST_KEYS = 5
"""Varied keys that the text tells of."""
_MOST_EXCEPTIONS = 2
"""Exceptions that the text names; more are counted."""


def effects(frame: pd.DataFrame, keys: tuple[str, ...]) -> Text:
    """A sentence on how far each key moves the rate, over the averages of its levels; the widest span first.

    Nothing of one key alone, or where all rates are the same. A key of clear averages is followed by the pairs of
    cells, alike in all other keys, that do not show it; one without by those that show a difference all the same.

    Args:
        frame: as `mcstudy.statistics.rates` returns it, of one task.
        keys: the varied keys.
    """
    varied = [key for key in keys if frame[key].nunique() > 1]
    if len(varied) < 2 or frame["rate"].nunique() == 1:
        return ()
    rows = words.records(frame)
    levels = {key: words.records(statistics.marginals(frame, (key,))) for key in varied}
    told = sorted(varied, key=lambda key: _lowest(levels[key])["rate"] - _highest(levels[key])["rate"])[:_MOST_KEYS]
    moving = [key for key in told if _clear(levels[key])]
    still = [key for key in told if key not in moving]
    text: list[Inline] = [f"Averaged over the other key{'s' * (len(varied) > 2)}, "]
    for position, key in enumerate(moving):
        most = " most" if _widest(key, levels) else ""
        text.append(f"; {'next ' * (position == 1)}with {key}, " if position else f"the rate moves{most} with {key}, ")
        # Where the cells are few, each has been told of already.
        text += _span(levels[key], position == 0 and len(rows) > FEW)
        text += _exceptions(_pairs(rows, key, varied, levels[key]), [other for other in varied if other != key])
    if still:
        parts: list[Text] = [(f"{key} ({_range(levels[key])}", *_all_the_same(rows, key, varied), ")") for key in still]
        text += ["; " if moving else "", "no clear difference is made by ", *words.listed(parts, "or")]
    if rest := len(varied) - len(told):
        text.append(f"; {words.count(rest, 'other key')} {'spans' if rest == 1 else 'span'} no more than these")
    return (*text, ".")


def _lowest(levels: list[Row]) -> Row:
    return min(levels, key=lambda row: row["rate"])


def _highest(levels: list[Row]) -> Row:
    return max(levels, key=lambda row: row["rate"])


def _apart(low: Row, high: Row) -> bool:
    return bool(low["rate_high"] < high["rate_low"])


def _clear(levels: list[Row]) -> bool:
    """Whether the intervals of the lowest and the highest average lie apart, and what is shown of the two differs."""
    low, high = _lowest(levels), _highest(levels)
    decimals = _decimals(low, high)
    return _apart(low, high) and words.figure(low["rate"], decimals) != words.figure(high["rate"], decimals)


def _widest(key: str, levels: dict[str, list[Row]]) -> bool:
    """Whether a key's span is wider than all others', at the ends of the intervals that speak against it."""
    sure = _highest(levels[key])["rate_low"] - _lowest(levels[key])["rate_high"]
    others = (rows for name, rows in levels.items() if name != key)
    return all(sure > _highest(rows)["rate_high"] - _lowest(rows)["rate_low"] for rows in others)


def _range(levels: list[Row]) -> str:
    """The lowest and the highest average."""
    low, high = _lowest(levels), _highest(levels)
    decimals = _decimals(low, high)
    ends = dict.fromkeys(words.figure(row["rate"], decimals) for row in (low, high))
    return f"{' to '.join(ends)} %"


def _span(levels: list[Row], cells: bool) -> Iterator[Inline]:
    """The lowest and the highest average with the levels that show it, and those that are not clearly apart from it.

    With `cells`, how far the cells of a level that stands alone are apart, too.
    """
    low, high = _lowest(levels), _highest(levels)
    decimals = _decimals(low, high)
    shown = {row["level"]: words.figure(row["rate"], decimals) for row in levels}
    for word, end, side in (("from", low, "below"), (" to", high, "above")):
        value = shown[end["level"]]
        yield f"{word} {value} % ("
        same = [row["level"] for row in levels if shown[row["level"]] == value]
        yield from _named(same)
        if cells and len(same) == 1 and end["lowest"] < end["highest"]:
            lowest, highest = (words.figure(end[name], decimals) for name in ("lowest", "highest"))
            yield f", its cells from {lowest} to {highest} %" if lowest != highest else ""
        level = [row for row in levels if row["rate_low"] <= end["rate_high"] and row["rate_high"] >= end["rate_low"]]
        near = [row["level"] for row in level if shown[row["level"]] != value]
        if near:
            yield f"; not clearly {side} "
            yield from _named(near)
        yield ")"


def _named(levels: list[str]) -> Text:
    if len(levels) <= 2:
        return words.listed(Code(level) for level in levels)
    return (Code(levels[0]), f" and {len(levels) - 1} others")


def _decimals(*levels: Row) -> int:
    return min(statistics.percent_decimals(row["rate"], row["rate_low"], row["rate_high"]) for row in levels)


# ------------------------------------------------------------------------------------ pairs of cells


def _contexts(rows: list[Row], key: str, varied: Sequence[str]) -> dict[tuple[str, ...], list[Row]]:
    """The cells that differ in one key alone, by their labels of the others."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[other] for other in varied if other != key), []).append(row)
    return found


def _pairs(rows: list[Row], key: str, varied: Sequence[str], levels: list[Row]) -> list[Pair]:
    """The cells of the levels with the lowest and the highest average, two and two."""
    ends = _lowest(levels)["level"], _highest(levels)["level"]
    pairs = []
    for context, cells in _contexts(rows, key, varied).items():
        by_level = {row[key]: row for row in cells}
        if all(end in by_level for end in ends):
            pairs.append((context, by_level[ends[0]], by_level[ends[1]]))
    return pairs


def _exceptions(pairs: list[Pair], others: Sequence[str]) -> Text:
    """Which pairs show no clear difference, or the opposite one."""
    turned = [pair for pair in pairs if _apart(pair[2], pair[1])]
    level = [pair for pair in pairs if not _apart(pair[1], pair[2]) and pair not in turned]
    all_of = "both" if len(pairs) == 2 else f"all {len(pairs)}"
    if not turned and not level:
        return (f", clearly so in {all_of} pairs of cells alike otherwise",)
    every = [pair[0] for pair in pairs]
    named = [places([pair[0] for pair in found], every, others) for found in (level, turned)]
    if sum(map(len, named)) > _MOST_EXCEPTIONS:
        holds = len(pairs) - len(turned) - len(level)
        opposite = f", and the other way round in {len(turned)}" if turned else ""
        return (f", clearly so in {holds or 'none'} of the {len(pairs)} pairs of cells alike otherwise{opposite}",)
    text: list[Inline] = []
    for found, where, what in ((level, named[0], "not clearly"), (turned, named[1], "the other way round")):
        if found:
            text += [" and " if text else ", but ", f"{what} ", *words.listed(("with ", *place) for place in where)]
            text += _ends(found[0]) if len(found) == 1 else ()
    return tuple(text)


def _ends(pair: Pair) -> Text:
    low, high = _shown(pair[1]), _shown(pair[2])
    return (f" ({low} each)" if low == high else f" ({low} and {high})",)


def _all_the_same(rows: list[Row], key: str, varied: Sequence[str]) -> Text:
    """The cells that differ clearly in a key whose averages do not.

    Twice as wide intervals have to lie apart, because the extremes of many cells are looked at.
    """
    others = [other for other in varied if other != key]
    pairs = [(context, _lowest(cells), _highest(cells)) for context, cells in _contexts(rows, key, varied).items()]
    found = [
        pair for pair in pairs if 2 * pair[1]["rate_high"] - pair[1]["rate"] < 2 * pair[2]["rate_low"] - pair[2]["rate"]
    ]
    if not found:
        return ()
    if len(found) > _MOST_EXCEPTIONS:
        return (f"; but a clear one in {len(found)} of the {len(pairs)} groups of cells alike otherwise",)
    parts: list[Text] = []
    for context, low, high in found:
        where = words.cell(dict(zip(others, context, strict=True)), others)
        ends = [(f" {word} {_shown(row)} with ", Code(row[key])) for word, row in (("from", low), ("to", high))]
        parts.append(("with ", *where, *ends[0], *ends[1]))
    return ("; but ", *words.listed(parts))


def _shown(row: Row) -> str:
    return words.percent(row["rate"], row["rate_low"], row["rate_high"])
