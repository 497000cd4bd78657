"""How trials ended, and after how many steps those that converged did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcstudy.outcomes import OUTCOMES
from mcstudy.report import words
from mcstudy.report.dead import dead
from mcstudy.report.document import Block, Paragraph, Strong, Text
from mcstudy.report.groups import by_task

if TYPE_CHECKING:
    import pandas as pd

_FAILURES = tuple(name for name in OUTCOMES if name != "converged")
_ENOUGH = 10
"""Converged trials that a median in the text needs."""


def endings(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """The failures, the dead units and the steps in a few sentences, of each task by itself.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.
    """
    blocks: list[Block] = []
    for task, part, others in by_task(frame, keys):
        rows = words.records(part)
        texts = [text for text in (_failures(part), dead(rows, others), _steps(rows, others)) if text]
        if task is not None and texts:
            texts[0] = (Strong(task), ": ", *texts[0])
        blocks += [Paragraph(text) for text in texts]
    return blocks


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
    if len(known) == 1:
        where = words.cell(known[0], keys)
        return ("Those that converged with ", *where, f" took a median of {_quartiles(known[0])}.")
    fast, slow = known[0], known[-1]
    if fast["steps_median"] == slow["steps_median"] and len(known) == len(rows):
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
