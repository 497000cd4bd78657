"""How large a network has to be, in words and numbers: what a study that varies `network.hidden` can tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.dead import Share, dead_share
from mcstudy.report.document import Block, Bullets, Code, Inline, Paragraph, Strong, Table, Text

if TYPE_CHECKING:
    import pandas as pd

HIDDEN = "network.hidden"
_GOALS = (0.5, 0.9, 0.99)
"""Rates that the text names the smallest network for."""
_MANY_SIZES = 4
"""Sizes from which on the answer tells of the smallest."""
_DEPTHS = ("No hidden layer", "One hidden layer", "Two hidden layers", "Three hidden layers", "Four hidden layers")


def size(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """The smallest networks that learn, the rate per parameter and the share of dead units; nothing for one size.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.
    """
    if HIDDEN not in keys or frame[HIDDEN].nunique() < 2:
        return []
    rows = words.records(frame)
    depths = sorted({_depth(row) for row in rows})
    told = tuple(_smallest([row for row in rows if _depth(row) == depth], depth, keys) for depth in depths)
    blocks: list[Block] = [Paragraph(("The smallest networks whose rate is above a goal with its whole interval:",))]
    blocks += [Bullets(told), Paragraph(_per_parameter(rows, keys))]
    if text := _dead(rows, keys):
        blocks.append(Paragraph(text))
    return [*blocks, _table(rows, keys)]


def _depth(row: dict[str, Any]) -> int:
    return len(json.loads(row[HIDDEN]))


def smallest(frame: pd.DataFrame, keys: Sequence[str]) -> Text:
    """A sentence on the smallest networks above the highest goal that any network is above with its whole interval.

    Nothing where few sizes are varied, or where no network meets a goal.

    Args:
        frame: as `mcstudy.statistics.rates` returns it, of one task.
        keys: the varied keys.
    """
    if HIDDEN not in keys or frame[HIDDEN].nunique() < _MANY_SIZES:
        return ()
    rows = words.records(frame)
    goal = max((goal for goal in _GOALS if any(row["rate_low"] > goal for row in rows)), default=None)
    if goal is None:
        return ()
    parts: list[Text] = []
    for depth in sorted({_depth(row) for row in rows}):
        best = _least([row for row in rows if _depth(row) == depth], goal)
        name = _depth_name(depth)
        found: Text = ("none",) if best is None else _named(best, keys)
        parts.append((f"with {name[0].lower()}{name[1:]} ", *found))
    return (f"Smallest network clearly above {100 * goal:g} %: ", *_joined(parts), ".")


def _depth_name(depth: int) -> str:
    return _DEPTHS[depth] if depth < len(_DEPTHS) else f"{depth} hidden layers"


def _least(rows: list[dict[str, Any]], goal: float) -> dict[str, Any] | None:
    """The network of fewest parameters above a goal; of several of one size, the one that learns most often."""
    found = [row for row in rows if row["rate_low"] > goal]
    return min(found, key=lambda row: (row["parameters"], -row["rate"]), default=None)


def _named(row: dict[str, Any], keys: Sequence[str]) -> Text:
    rate = words.percent(row["rate"], row["rate_low"], row["rate_high"])
    return (*words.cell(row, keys), f" ({words.count(row['parameters'], 'parameter')}, {rate})")


def _smallest(rows: list[dict[str, Any]], depth: int, keys: Sequence[str]) -> Text:
    """The network of fewest parameters above each goal, of one number of hidden layers."""
    parts: list[Text] = []
    for goal in _GOALS:
        best = _least(rows, goal)
        parts.append((f"{100 * goal:g} %: ", *(_named(best, keys) if best else ("none",))))
        if best is None:
            break
    return (Strong(_depth_name(depth)), ". ", *_joined(parts), ".")


def _joined(parts: list[Text]) -> Iterator[Inline]:
    for position, part in enumerate(parts):
        yield from ("; ", *part) if position else part


def _per_parameter(rows: list[dict[str, Any]], keys: Sequence[str]) -> Text:
    best = max(rows, key=lambda row: row["rate"] / row["parameters"])
    if best["rate"] == 0:
        return ("No trial converged, so there is no rate per parameter.",)
    level = [row for row in rows if row is not best and _each(row)[2] >= _each(best)[1]]
    text: list[Inline] = ["The highest rate per parameter is that of ", *words.cell(best, keys), ": "]
    text.append(f"{words.percent(*_each(best))} of the trials for each of its {best['parameters']}")
    if level:
        text.append(
            f"; the {'intervals' if len(level) > 1 else 'interval'} of {words.count(len(level), 'other cell')} "
        )
        text.append("overlap with that" if len(level) > 1 else "overlaps with that")
    return (*text, ".")


def _each(row: dict[str, Any]) -> Share:
    """The rate and its interval for each parameter."""
    rate, low, high = (row[name] / row["parameters"] for name in ("rate", "rate_low", "rate_high"))
    return rate, low, high


def _dead(rows: list[dict[str, Any]], keys: Sequence[str]) -> Text:
    """The span of the shares of dead units, and whether the failed have more of them."""
    learned = [(row, share) for row in rows if (share := dead_share(row, "converged"))]
    failed = [(row, share) for row in rows if (share := dead_share(row, "failed"))]
    if not any(share[0] for _, share in [*learned, *failed]):
        return ()
    text: list[Inline] = []
    if learned:
        text += ["Of the hidden units of the networks that learned, ", *_span(learned, keys), " were dead in the end. "]
    if failed:
        text += ["Of those of the networks that ran to the last step and had not, ", *_span(failed, keys), " were. "]
    both = [(share, other) for row, share in learned if (other := dead_share(row, "failed"))]
    more = sum(other[1] > share[2] for share, other in both)
    less = sum(share[1] > other[2] for share, other in both)
    if both:
        text.append(
            f"In {more or 'none'} of the {words.count(len(both), 'cell')} with trials of both kinds, the failed ones "
            f"have clearly more dead units than the others, in {less or 'none'} clearly fewer; whether they fail for "
            "it, or lose units as they fail, a share does not tell."
        )
    return tuple(text)


def _span(found: list[tuple[dict[str, Any], Share]], keys: Sequence[str]) -> Iterator[Inline]:
    """The least and the largest share, and the cell that has the largest."""
    # By the far end of its interval, lest a handful of trials make the span.
    low, high = min(found, key=lambda one: one[1][2]), max(found, key=lambda one: one[1][1])
    if words.percent(*low[1]) != words.percent(*high[1]):
        yield f"{words.percent(*low[1])} to "
    yield f"{words.percent(*high[1])} ("
    yield from words.cell(high[0], keys)
    yield ")"


def _table(rows: list[dict[str, Any]], keys: Sequence[str]) -> Table:
    others = [key for key in keys if key != HIDDEN]
    header = (
        *(HIDDEN, *others, "parameters", "converged (%)", "95 % interval", "for each parameter (%)"),
        *("dead units, converged (%)", "dead units, failed (%)"),
    )
    lines = []
    for row in rows:
        known = row["rate"], row["rate_low"], row["rate_high"]
        shares = (dead_share(row, kind) for kind in ("converged", "failed"))
        numbers = (
            *(words.count(row["parameters"]), words.bare_percent(*known), words.interval(*known)),
            *(
                words.bare_percent(*_each(row)),
                *(words.bare_percent(*share) if share else words.NONE for share in shares),
            ),
        )
        labels: list[Text] = [(Code(str(row[key])),) for key in (HIDDEN, *others)]
        lines.append((*labels, *((number,) for number in numbers)))
    return Table(header, tuple(lines), frozenset(range(len(header) - 6, len(header))))
