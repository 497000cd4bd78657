"""What came out, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.outcomes import OUTCOMES
from mcstudy.report import words
from mcstudy.report.document import Block, Inline, Paragraph, Strong, Text

if TYPE_CHECKING:
    import pandas as pd

_FAILURES = tuple(name for name in OUTCOMES if name != "converged")
_ENOUGH = 10
"""Converged trials that a median in the text needs."""


def answer(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """The rates, the failures and the steps in a few sentences.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.
    """
    rows = words.records(frame)
    parts = [_rates(rows, keys), *_effects(frame, keys), _failures(frame), _steps(rows, keys)]
    return [Paragraph(part) for part in parts if part]


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
        yield f"In {len(same)} cells {trials} converged (95 % interval of each rate {limits} %)."
        return
    yield f"The {'highest' if highest else 'lowest'} rate is "
    yield Strong(words.rate(first))
    yield ", with "
    yield from words.cell(first, keys)
    low, high = first["rate_low"], first["rate_high"]
    level = [row for row in ordered[1:] if row["rate_high"] >= low and row["rate_low"] <= high]
    if level:
        verb = "overlap" if len(level) > 1 else "overlaps"
        noun = "intervals" if len(level) > 1 else "interval"
        yield f"; the {noun} of {words.count(len(level), 'other cell')} {verb} with that"
    yield "."


def _effects(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Text]:
    """Which key moves the rate most, over the averages of its levels."""
    varied = [key for key in keys if frame[key].nunique() > 1]
    if len(varied) < 2 or frame["rate"].nunique() == 1:
        return []
    ends = {}
    for key in varied:
        levels = sorted(words.records(statistics.marginals(frame, (key,))), key=lambda row: row["rate"])
        ends[key] = levels[0], levels[-1]
    widest = max(ends, key=lambda key: ends[key][1]["rate"] - ends[key][0]["rate"])
    low, high = ends[widest]
    if low["rate_high"] >= high["rate_low"]:
        return []
    return [
        (
            "Averaged over the cells of the other keys, ",
            f"{widest} moves the rate most: from ",
            words.percent(low["rate"], low["rate_low"], low["rate_high"]),
            " with ",
            words.level(widest, low["level"]),
            " to ",
            words.percent(high["rate"], high["rate_low"], high["rate_high"]),
            " with ",
            words.level(widest, high["level"]),
            ".",
        )
    ]


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
        f", after a median of {_quartiles(fast)}, and last with ",
        *words.cell(slow, keys),
        f", after {_quartiles(slow)}.",
    )


def _quartiles(row: dict[str, Any]) -> str:
    quartiles = f"{words.steps(row['steps_q25'])} to {words.steps(row['steps_q75'])}"
    return f"{words.steps(row['steps_median'])} steps (the middle half {quartiles})"
