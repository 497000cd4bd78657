"""How far each key moves the rate by itself, and with which levels of the others it does not.

What is called clear is shown by paired tests, trial by trial (`mcstudy.statistics.Judge`). The levels and the cells
that the text tells of are picked because they are far apart, so their p values are adjusted for all pairs that they are
picked from: where nothing makes a difference, the sentence tells of one with a probability of at most 5 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.report import words
from mcstudy.report.document import Code, Inline, Text
from mcstudy.report.groups import places

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.statistics import Judge

Row = dict[str, Any]
Pair = tuple[tuple[str, ...], Row, Row]
"""Two cells that differ in one key alone: their labels of the other keys, the one that should be lower, the other."""

FEW = 6
"""As many cells are told of one by one."""
_MOST_KEYS = 5
"""Varied keys that the text tells of."""
_MOST_EXCEPTIONS = 2
"""Exceptions that the text names; more are counted."""
_SHARE = 0.5
"""The part of the error probability that averages may spend; single cells may spend the rest."""


def effects(frame: pd.DataFrame, keys: tuple[str, ...], judge: Judge) -> Text:
    """A sentence on how far each key moves the rate, over the averages of its levels; the widest span first.

    Nothing of one key alone, where all rates are the same, or where averages cannot be judged. A key of clear averages
    is followed by the pairs of cells, alike in all other keys, that do not show it; one without by those that show a
    difference all the same.

    Args:
        frame: as `mcstudy.statistics.rates` returns it, of one task.
        keys: the varied keys.
        judge: compares its cells.
    """
    varied = [key for key in keys if frame[key].nunique() > 1]
    if len(varied) < 2 or frame["rate"].nunique() == 1 or judge.method.tests[1] is None:
        return ()
    rows = words.records(frame)
    levels = {key: words.records(statistics.marginals(frame, (key,))) for key in varied}
    told = sorted(varied, key=lambda key: _lowest(levels[key])["rate"] - _highest(levels[key])["rate"])[:_MOST_KEYS]
    choices = sum(_pairs_of(len(levels[key])) for key in varied)
    ends = {key: _Ends(levels[key], _ids(rows, key), judge, _SHARE * statistics.LEVEL / choices) for key in told}
    moving = [key for key in told if ends[key].clear]
    still = [key for key in told if key not in moving]
    text: list[Inline] = [f"Averaged over the other key{'s' * (len(varied) > 2)}, "]
    for position, key in enumerate(moving):
        most = " most" if _widest(key, levels) else ""
        text.append(f"; {'next ' * (position == 1)}with {key}, " if position else f"the rate moves{most} with {key}, ")
        # Where the cells are few, each has been told of already.
        text += _span(ends[key], position == 0 and len(rows) > FEW)
        others = [other for other in varied if other != key]
        text += _exceptions(_pairs(rows, key, varied, levels[key]), others, judge, _least(rows, varied))
    if still:
        parts: list[Text] = [
            (f"{key} ({_range(levels[key])}", *_all_the_same(rows, key, varied, judge), ")") for key in still
        ]
        text += ["; " if moving else "", "no clear difference is made by ", *words.listed(parts, "or")]
    if rest := len(varied) - len(told):
        text.append(f"; {words.count(rest, 'other key')} {'spans' if rest == 1 else 'span'} no more than these")
    return (*text, ".")


def _least(rows: list[Row], varied: Sequence[str]) -> float:
    """What the p values of cells that differ in one key have to be below, whichever of them were picked."""
    groups = [_contexts(rows, key, varied) for key in varied]
    choices = sum(len(found) * _pairs_of(len(rows) // len(found)) for found in groups)
    return (1 - _SHARE) * statistics.LEVEL / choices


def _pairs_of(count: int) -> int:
    return count * (count - 1) // 2


def _ids(rows: list[Row], key: str) -> dict[str, list[str]]:
    """The cells of each level, those of all levels in the same order of the other keys."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row["cell"])
    return found


class _Ends:
    """The levels of a key with the lowest and the highest average, and which others are not shown to differ."""

    def __init__(self, levels: list[Row], cells: Mapping[str, list[str]], judge: Judge, least: float) -> None:
        self.levels, self.low, self.high = levels, _lowest(levels), _highest(levels)
        rest = [row for row in levels if row is not self.low and row is not self.high]
        pairs = [(self.high, self.low), *((row, end) for end in (self.low, self.high) for row in rest)]
        sides = [[cells[pair[side]["level"]] for pair in pairs] for side in (0, 1)]
        shown = judge.pairs(*sides)["p"] < least
        decimals = _decimals(self.low, self.high)
        same = words.figure(self.low["rate"], decimals) == words.figure(self.high["rate"], decimals)
        self.clear = bool(shown[0]) and not same
        """Whether the two are shown to differ, and what is printed of them differs."""
        found = dict(zip(((row["level"], end["level"]) for row, end in pairs[1:]), shown[1:], strict=True))
        self._level = {pair for pair, differs in found.items() if not differs}

    def near(self, end: Row) -> list[str]:
        """The levels that are not shown to differ from the one at an end."""
        return [row["level"] for row in self.levels if (row["level"], end["level"]) in self._level]


def _lowest(levels: list[Row]) -> Row:
    return min(levels, key=lambda row: row["rate"])


def _highest(levels: list[Row]) -> Row:
    return max(levels, key=lambda row: row["rate"])


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


def _span(ends: _Ends, cells: bool) -> Iterator[Inline]:
    """The lowest and the highest average with the levels that show it, and those that are not clearly apart from it.

    With `cells`, how far the cells of a level that stands alone are apart, too.
    """
    decimals = _decimals(ends.low, ends.high)
    shown = {row["level"]: words.figure(row["rate"], decimals) for row in ends.levels}
    for word, end, side in (("from", ends.low, "below"), (" to", ends.high, "above")):
        value = shown[end["level"]]
        yield f"{word} {value} % ("
        same = [row["level"] for row in ends.levels if shown[row["level"]] == value]
        yield from _named(same)
        if cells and len(same) == 1 and end["lowest"] < end["highest"]:
            lowest, highest = (words.figure(end[name], decimals) for name in ("lowest", "highest"))
            yield f", its cells from {lowest} to {highest} %" if lowest != highest else ""
        near = [level for level in ends.near(end) if shown[level] != value]
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


def _exceptions(pairs: list[Pair], others: Sequence[str], judge: Judge, least: float) -> Text:
    """Which pairs show no clear difference, or the opposite one."""
    compared = judge.pairs([[high["cell"]] for _, _, high in pairs], [[low["cell"]] for _, low, _ in pairs])
    level = [pair for pair, p in zip(pairs, compared["p"], strict=True) if p >= least]
    turned = [pair for pair in pairs if pair not in level and pair[2]["rate"] < pair[1]["rate"]]
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


def _all_the_same(rows: list[Row], key: str, varied: Sequence[str], judge: Judge) -> Text:
    """The cells that differ clearly in a key whose averages do not.

    The extremes of many cells are looked at, so their p values are adjusted for all pairs that they were picked from.
    """
    others = [other for other in varied if other != key]
    pairs = [(context, _lowest(cells), _highest(cells)) for context, cells in _contexts(rows, key, varied).items()]
    compared = judge.pairs([[high["cell"]] for _, _, high in pairs], [[low["cell"]] for _, low, _ in pairs])
    least = _least(rows, varied)
    found = [pair for pair, p in zip(pairs, compared["p"], strict=True) if p < least]
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
