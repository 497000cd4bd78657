"""Main effects and interactions in words and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.document import Block, Code, Heading, Inline, Paragraph, Strong, Table, Text
from mcstudy.statistics import LEVEL

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

_MOST_PAIRS = 6
_MOST_LEVELS = 8
"""Levels of a key that the table shows; of more, those that move the odds most."""
_MOST_SHARES = 5
_LEAST_SHARE = 0.005
_SMALL = 0.01


def interactions(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """What part of the variation each key and pair explains, the main effects, the strongest interactions.

    Args:
        frame: as `mcstudy.statistics.effects` returns it.
        keys: the varied keys.
    """
    if frame.empty:
        return []
    blocks: list[Block] = [_explained()]
    for task in frame["task"].unique():
        rows = words.records(frame[frame["task"] == task])
        kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("main", "pair", "share")}
        if task:
            blocks.append(Heading(3, f"On {task}"))
        blocks.append(Paragraph(tuple(_shares(kinds["share"], kinds["pair"]))))
        if warning := _warning(rows[0]):
            blocks.append(Paragraph((warning,)))
        blocks.append(_mains(kinds["main"], keys))
        blocks += _pairs(kinds["pair"])
    return blocks


def _explained() -> Block:
    text = (
        "Effects are told as factors of the odds, converged to not converged: doubling the odds turns 50 % into "
        "67 %, and 90 % into 95 %. Where two keys do not interact, a level has the same factor whatever the level of "
        "the other; an interaction is the factor by which the odds of two levels together depart from that. Cells near "
        "0 or 100 % count more in odds than in rates, so the two can put levels in another order."
    )
    return Paragraph((text,))


def _shares(shares: Sequence[Row], pairs: Sequence[Row]) -> Iterator[Inline]:
    if not shares:
        yield "The cells differ by no more than chance makes them differ, so there is nothing to share out."
        return
    ordered = sorted(shares, key=lambda row: -row["estimate"])
    told = [row for row in ordered if row["estimate"] >= _LEAST_SHARE][:_MOST_SHARES]
    yield "What explains the variation of the log odds between the cells, less the part that chance makes: "
    for position, row in enumerate(told):
        yield "; " if position else ""
        known = row["estimate"], row["low"], row["high"]
        yield Strong(f"{_share_name(row)} {words.percent(*known)}")
        yield f" ({words.interval(*known)})"
    rest = [row for row in ordered if row not in told]
    if rest:
        most = rest[0]["estimate"]
        shown = "under 0.5 %" if most < _LEAST_SHARE else f"at most {100 * most:.1f} %"
        one = _share_name(rest[0]) if len(rest) == 1 else f"each of the {len(rest)} others"
        yield f"; {one} {shown}"
    noise = shares[0]["noise"]
    yield f". Chance alone makes {f'{100 * noise:.0f}' if noise >= 0.01 else 'under 1'} % of the raw variation."
    tests = [row for row in pairs if not row["mirror"]]
    clear = sum(row["p"] < LEVEL for row in tests)
    which = "None" if not clear else words.count(clear)
    yield f" {which} of the {words.count(len(tests))} interactions of two levels {'are' if clear > 1 else 'is'} clear "
    yield "after Holm's adjustment for their number."


def _share_name(row: Row) -> str:
    if not row["key"]:
        return "three keys and more together"
    return f"{row['key']} × {row['other_key']}" if row["other_key"] else row["key"]


def _warning(row: Row) -> str:
    few, ends, cells = row["few"], row["ends"], row["cells"]
    if not few:
        return ""
    odds = f"{2 * row['trials'] + 1:,} to 1"
    what = f"In {few} of the {cells} cells all trials, or all but one or two, ended alike"
    where = "all of these" if ends == few else f"{ends} of them"
    told = f"; in {where} none or all converged, which counts as odds of {odds}, all that the trials can show"
    effects = (
        "With more trials these would move, and with them the mean that all effects are relative to: most of all the "
        "effects of levels that such cells belong to, whose intervals may be too narrow."
    )
    return f"{what}{told if ends else ''}. {effects}"


def _mains(rows: Sequence[Row], keys: Sequence[str]) -> Block:
    lines: list[tuple[Text, ...]] = []
    for key in keys:
        levels = [row for row in rows if row["key"] == key]
        shown = sorted(levels, key=lambda row: -abs(row["estimate"]))[:_MOST_LEVELS]
        for row in [row for row in levels if any(row is one for one in shown)]:
            lines.append(((key,), (Code(row["level"]),), *_effect(row)))
        if len(shown) < len(levels):
            lines.append(((key,), (f"{len(levels) - len(shown)} more, of smaller effects",), ("",), ("",), ("",)))
    header = ("key", "level", "log odds", "odds, as a multiple of the mean", "95 % interval")
    return Table(header, tuple(lines), frozenset({2, 3, 4}))


def _effect(row: Row) -> tuple[Text, Text, Text]:
    """The effect on the log odds, as a factor of the odds, and the interval of that."""
    low, value, high = (row[name] for name in ("low", "estimate", "high"))
    shown = f"{value:+.{_decimals((high - low) / 2)}f}"
    shown = shown.lstrip("+-") if float(shown) == 0 else shown.replace("-", "\N{MINUS SIGN}")
    factors = [math.exp(part) for part in (low, value, high)]
    # Small factors are told as parts.
    if parts := factors[1] < _SMALL:
        factors = [1 / factor for factor in factors[::-1]]
    decimals = _decimals((factors[2] - factors[0]) / 2)
    least, factor, most = (f"{round(part, decimals):,.{max(0, decimals)}f}" for part in factors)
    interval = f"1 / {most} to 1 / {least}" if parts else f"{least} to {most}"
    return (shown,), (f"1 / {factor}" if parts else f"× {factor}",), (interval,)


def _decimals(half: float) -> int:
    """As many as the leading digit of the half width has; below 0 for tens and more."""
    return min(6, -math.floor(math.log10(half))) if half > 0 else 2


def _pairs(rows: Sequence[Row]) -> list[Block]:
    clear = [row for row in rows if row["p"] < LEVEL and not row["mirror"]]
    clear.sort(key=lambda row: -abs(row["estimate"]))
    if not clear:
        return []
    lines: list[tuple[Text, ...]] = []
    for row in clear[:_MOST_PAIRS]:
        names = (words.level(row["key"], row["level"]), words.level(row["other_key"], row["other_level"]))
        lines.append(((names[0],), (names[1],), *_effect(row)))
    text = "The strongest interactions: how many times as high the odds of two levels together are as by their factors"
    more = f" ({len(clear) - len(lines)} more are clear)" if len(clear) > len(lines) else ""
    header = ("level", "with", "log odds", "odds, times", "95 % interval")
    return [Paragraph((f"{text}{more}:",)), Table(header, tuple(lines), frozenset({2, 3, 4}))]
