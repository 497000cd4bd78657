"""What came out, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.outcomes import OUTCOMES
from mcstudy.report import words
from mcstudy.report.comparison import comparison
from mcstudy.report.dead import dead
from mcstudy.report.document import Block, Code, Inline, Paragraph, Strong, Text
from mcstudy.report.groups import by_task

if TYPE_CHECKING:
    import pandas as pd

_FAILURES = tuple(name for name in OUTCOMES if name != "converged")
_ENOUGH = 10
"""Converged trials that a median in the text needs."""
_MOST_NAMES = 8
"""Cells that a sentence names."""
_MOST_KEYS = 5
"""Varied keys that the text tells of."""


def answer(frame: pd.DataFrame, keys: tuple[str, ...], baseline: Mapping[str, int] | None = None) -> list[Block]:
    """The rates, the failures and the steps in a few sentences, of each task by itself.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.
        baseline: the position of the level of a key that others are compared with; the first ones by default.
    """
    blocks: list[Block] = []
    for task, part, others in by_task(frame, keys):
        rows = words.records(part)
        lead: Text = () if task is None else (Strong(task), ": ")
        parts: list[Text] = [(*lead, *_rates(rows, others), *comparison(part, others, baseline or {}))]
        parts += [*_effects(part, others), _failures(part), dead(rows, others), _steps(rows, others)]
        blocks += [Paragraph(text) for text in parts if text]
    return blocks


def _rates(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> Text:
    trials = rows[0]["trials"]
    if len(rows) == 1:
        of = f"Of {words.count(trials, 'trial')}, {words.count(rows[0]['converged'])} converged: "
        return (of, Strong(words.rate(rows[0])), ".")
    cells = f"{words.count(len(rows), 'cell')} of {words.count(trials, 'trial')} each"
    if all(row["rate"] == rows[0]["rate"] for row in rows):
        limits = words.interval(rows[0]["rate"], rows[0]["rate_low"], rows[0]["rate_high"])
        told = {0: "no trial converged", 1: "all trials converged"}.get(rows[0]["rate"])
        if told:
            return (f"In each of {cells}, {told} (95 % interval of each rate {limits} %).",)
        return (f"In each of {cells}, the rate is ", Strong(words.rate(rows[0])), ".")
    return (f"{cells} were run. ", *_extreme(rows, True, keys), " ", *_extreme(rows, False, keys))


def _extreme(rows: list[dict[str, Any]], highest: bool, keys: tuple[str, ...]) -> Iterator[Inline]:
    """A sentence on one end: the cells of exactly nothing or all together, else the cell there and who is level."""
    ordered = sorted(rows, key=lambda row: -row["rate"] if highest else row["rate"])
    first = ordered[0]
    same = [row for row in ordered if row["rate"] == first["rate"]]
    if len(same) > 1 and first["rate"] in (0, 1):
        limits = words.interval(first["rate"], first["rate_low"], first["rate_high"])
        trials = "all trials" if highest else "no trial"
        yield f"In {len(same)} cells {trials} converged ("
        if len(keys) == 1 and len(same) <= _MOST_NAMES:
            yield from words.listed(words.level(keys[0], row[keys[0]]) for row in same)
            yield "; "
        yield f"95 % interval of each rate {limits} %)."
        return
    yield f"The {'highest' if highest else 'lowest'} rate is "
    yield Strong(words.rate(first))
    yield ", with "
    yield from words.cell(first, keys)
    low, high = first["rate_low"], first["rate_high"]
    alike = [row for row in ordered[1:] if words.rate(row) == words.rate(first)]
    if alike:
        yield f", and the same in {words.count(len(alike), 'other cell')}"
    level = [row for row in ordered[1:] if row["rate_high"] >= low and row["rate_low"] <= high]
    more = len(level) - len(alike)
    if more:
        what = words.count(more, "more cell") if alike else words.count(more, "other cell")
        verb = ("intervals", "overlap") if more > 1 else ("interval", "overlaps")
        yield f"; the {verb[0]} of {what} {verb[1]} with that"
    yield "."


def _effects(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Text]:
    """How far each key moves the rate, over the averages of its levels: the widest span first."""
    varied = [key for key in keys if frame[key].nunique() > 1]
    if len(varied) < 2 or frame["rate"].nunique() == 1:
        return []
    levels = {key: words.records(statistics.marginals(frame, (key,))) for key in varied}
    told = sorted(varied, key=lambda key: _lowest(levels[key])["rate"] - _highest(levels[key])["rate"])[:_MOST_KEYS]
    moving: list[Text] = [(f"{key} ", *_span(levels[key])) for key in told if _clear(levels[key])]
    others: list[Text] = [(f"{key} ({_range(levels[key])})",) for key in told if not _clear(levels[key])]
    text: list[Inline] = ["Averaged over the cells of the other keys: ", *words.listed(moving)]
    if others:
        text += ["; " if moving else "", "no clear difference is made by ", *words.listed(others, "or")]
    if rest := len(varied) - len(told):
        text.append(f"; {words.count(rest, 'other key')} {'spans' if rest == 1 else 'span'} no more than these")
    return [(*text, ".")]


def _lowest(levels: list[dict[str, Any]]) -> dict[str, Any]:
    return min(levels, key=lambda row: row["rate"])


def _highest(levels: list[dict[str, Any]]) -> dict[str, Any]:
    return max(levels, key=lambda row: row["rate"])


def _clear(levels: list[dict[str, Any]]) -> bool:
    """Whether the intervals of the lowest and the highest average lie apart, and what is shown of the two differs."""
    low, high = _lowest(levels), _highest(levels)
    decimals = _decimals(low, high)
    apart = low["rate_high"] < high["rate_low"]
    return bool(apart and words.figure(low["rate"], decimals) != words.figure(high["rate"], decimals))


def _range(levels: list[dict[str, Any]]) -> str:
    """The lowest and the highest average."""
    low, high = _lowest(levels), _highest(levels)
    decimals = _decimals(low, high)
    ends = dict.fromkeys(words.figure(row["rate"], decimals) for row in (low, high))
    return f"{' to '.join(ends)} %"


def _span(levels: list[dict[str, Any]]) -> Iterator[Inline]:
    """The lowest and the highest average with the levels that show it, and those that are not clearly apart from it."""
    low, high = _lowest(levels), _highest(levels)
    decimals = _decimals(low, high)
    shown = {row["level"]: words.figure(row["rate"], decimals) for row in levels}
    for word, end, side in (("from", low, "below"), (" to", high, "above")):
        value = shown[end["level"]]
        yield f"{word} {value} % ("
        yield from _named([row["level"] for row in levels if shown[row["level"]] == value])
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


def _decimals(*levels: dict[str, Any]) -> int:
    return min(statistics.percent_decimals(row["rate"], row["rate_low"], row["rate_high"]) for row in levels)


def _failures(frame: pd.DataFrame) -> Text:
    counts = {name: int(frame[name].sum()) for name in _FAILURES}
    failed = sum(counts.values())
    if failed == 0:
        return ()
    ordered = [(name, number) for name, number in sorted(counts.items(), key=lambda item: -item[1]) if number]
    if failed == 1:
        return (f"The one trial that did not converge was {ordered[0][0]}.",)
    if len(ordered) == 1:
        return (f"Of the {words.count(failed, 'trial')} that did not converge, all were {ordered[0][0]}.",)
    # Over the cells together these are counts of the trials that were run, so no interval speaks of them.
    verb = "was" if ordered[0][1] == 1 else "were"
    shares = [f"{_share(number, failed)} {verb if i == 0 else ''} {name}" for i, (name, number) in enumerate(ordered)]
    shares = [" ".join(share.split()) for share in shares]
    return (f"Of the {words.count(failed, 'trial')} that did not converge, ", *words.listed(shares), ".")


def _share(number: int, total: int) -> str:
    share = round(100 * number / total)
    return f"{share} %" if 0 < share < 100 else f"{words.count(number)} trials" if number > 1 else "1 trial"


def _steps(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> Text:
    known = sorted((row for row in rows if row["converged"] >= _ENOUGH), key=lambda row: row["steps_median"])
    if not known:
        return ()
    if len(rows) == 1:
        return (f"Those that converged took a median of {_quartiles(known[0])}.",)
    fast, slow = known[0], known[-1]
    if fast["steps_median"] == slow["steps_median"]:
        return (f"The trials that converged took a median of {words.steps(fast['steps_median'])} steps in every cell.",)
    return (
        "The trials that converged did so soonest with ",
        *words.cell(fast, keys),
        f", after a median of {_quartiles(fast)}{_as_many(fast, known)}, and last with ",
        *words.cell(slow, keys),
        f", after {_quartiles(slow)}{_as_many(slow, known)}.",
    )


def _as_many(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """How many other cells have the same median."""
    others = sum(words.steps(other["steps_median"]) == words.steps(row["steps_median"]) for other in rows) - 1
    return (
        f", a median that {words.count(others, 'other cell')} {'shares' if others == 1 else 'share'}" if others else ""
    )


def _quartiles(row: dict[str, Any]) -> str:
    quartiles = f"{words.steps(row['steps_q25'])} to {words.steps(row['steps_q75'])}"
    return f"{words.steps(row['steps_median'])} steps (the middle half {quartiles})"
