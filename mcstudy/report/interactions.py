"""Main effects and interactions in words and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.document import Block, Code, Heading, Inline, Paragraph, Strong, Table, Text

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

_CLEAR = 0.05
_MOST_PAIRS = 6
_MOST_LEVELS = 8
"""Levels of a key that the table shows; of more, those that move the odds most."""
_MOST_SHARES = 5
_LEAST_SHARE = 0.005


def interactions(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """What part of the variation each key and pair explains, the main effects, the strongest interactions.

    Args:
        frame: as `mcstudy.statistics.effects` returns it.
        keys: the varied keys.
    """
    if frame.empty:
        return []
    blocks: list[Block] = [_explained()]
    for task, part in frame.groupby("task", sort=False):
        rows = words.records(part)
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
        "Effects are told as factors of the odds, converged to not converged: twice the odds make 67 % of 50 %, and "
        "95 % of 90 %. Where two keys do not interact, a level has the same factor whatever the level of the other; an "
        "interaction is what the odds of two levels together differ by from that."
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
        yield Strong(f"{_share_name(row)} {_percent(row['estimate'])}")
        yield f" ({_percent(row['low'])[:-2]} to {_percent(row['high'])[:-2]})"
    rest = [row for row in ordered if row not in told]
    if rest:
        most = rest[0]["estimate"]
        shown = "under 0.5 %" if most < _LEAST_SHARE else f"at most {_percent(most)}"
        one = _share_name(rest[0]) if len(rest) == 1 else f"each of the {len(rest)} others"
        yield f"; {one} {shown}"
    yield f". Chance alone makes {_percent(shares[0]['noise'])} of the raw variation."
    clear = sum(row["p"] < _CLEAR for row in pairs)
    which = "None" if not clear else words.count(clear)
    yield f" {which} of the {words.count(len(pairs))} interactions of two levels {'are' if clear > 1 else 'is'} clear "
    yield "after Holm's adjustment for their number."


def _share_name(row: Row) -> str:
    if not row["key"]:
        return "three keys and more together"
    return f"{row['key']} × {row['other_key']}" if row["other_key"] else row["key"]


def _percent(share: float) -> str:
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _warning(row: Row) -> str:
    few, ends, cells = row["few"], row["ends"], row["cells"]
    if not few:
        return ""
    odds = f"{2 * row['trials'] + 1:,} to 1"
    what = f"In {few} of the {cells} cells all trials, or all but one or two, ended alike"
    told = (
        f"; in {ends} of them none or all converged, and count as odds of {odds}, which is all that the trials can show"
    )
    text = f"{what}{told if ends else ''}. What involves them is a lower limit, and its interval may be too narrow."
    if 2 * ends > cells:
        text += " As most cells are of this kind, the shares say little more than where these are."
    return text


def _mains(rows: Sequence[Row], keys: Sequence[str]) -> Block:
    lines: list[tuple[Text, ...]] = []
    for key in keys:
        levels = [row for row in rows if row["key"] == key]
        shown = sorted(levels, key=lambda row: -abs(row["estimate"]))[:_MOST_LEVELS]
        for row in [row for row in levels if any(row is one for one in shown)]:
            lines.append(((key,), (Code(row["level"]),), *_effect(row)))
        if len(shown) < len(levels):
            lines.append(((key,), (f"{len(levels) - len(shown)} more, of smaller effects",), ("",), ("",), ("",)))
    header = ("key", "level", "log odds", "odds, times the mean", "95 % interval")
    return Table(header, tuple(lines), frozenset({2, 3, 4}))


def _effect(row: Row) -> tuple[Text, Text, Text]:
    """The effect on the log odds, as a factor of the odds, and the interval of that."""
    decimals = max(0, min(6, -math.floor(math.log10(row["high"] - row["low"])))) if row["high"] > row["low"] else 2
    factor = math.exp(row["estimate"])
    digits = max(1, decimals + 1 + (math.floor(math.log10(factor)) if factor >= 1 else 0))
    ends = [words.number(math.exp(row[end]), digits + 1) for end in ("low", "high")]
    return (f"{row['estimate']:+.{decimals}f}",), (f"× {words.number(factor, digits)}",), (" to ".join(ends),)


def _pairs(rows: Sequence[Row]) -> list[Block]:
    clear = sorted((row for row in rows if row["p"] < _CLEAR), key=lambda row: -abs(row["estimate"]))
    if not clear:
        return []
    lines: list[tuple[Text, ...]] = []
    for row in clear[:_MOST_PAIRS]:
        names = (words.level(row["key"], row["level"]), words.level(row["other_key"], row["other_level"]))
        lines.append(((names[0],), (names[1],), *_effect(row)))
    text = "The strongest interactions: what the odds of two levels together are, times what each level makes of them"
    more = f" ({len(clear) - len(lines)} more are clear)" if len(clear) > len(lines) else ""
    header = ("level", "with", "log odds", "odds, times", "95 % interval")
    return [Paragraph((f"{text}{more}:",)), Table(header, tuple(lines), frozenset({2, 3, 4}))]
