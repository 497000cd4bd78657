"""Why trials failed: sentences, a table and what its words mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.figures.style import CAUSE_NAMES
from mcstudy.outcomes import CONSTANTS, POINTS
from mcstudy.report import words
from mcstudy.report.document import Block, Bullets, Code, Inline, Paragraph, Strong, Table, Text
from mcstudy.report.groups import by_task
from mcstudy.statistics import CAUSES

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 24
"""Cells that a table names; of more, the levels of the first key are told of."""
_LEAST_SHARE = 0.005
"""Of the failures, of a cause that a sentence names."""
_NEARLY = 0.99
"""Of the constant outputs, at one place, for the others not to be told of."""

_PHRASES = {
    "diverged": "diverged",
    "constant": "ended as a constant",
    "dead_start": "had a hidden unit that was dead from the start",
    "died": "had a hidden unit that died on the way",
    "merged": "ended with two units on one hyperplane",
    "saturated": "ended with a saturated unit",
    "linear": "ended with a hidden unit that no evaluation point bends (it is linear there)",
    "slow": "show nothing of this kind and were still improving",
    "none": "show nothing of this kind, and were stuck or dead",
}


def causes(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """The text of the section on causes; nothing where all trials converged.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.
    """
    blocks: list[Block] = []
    shown: set[str] = set()
    for task, part, others in by_task(frame, keys):
        rows = words.records(part)
        found = _present(rows)
        if found:
            lead: Text = () if task is None else (Strong(task), ": ")
            blocks.append(Paragraph((*lead, *cause_sentences(rows))))
            blocks += _table(part, others, found)
            shown |= set(found)
    if blocks:
        meanings = (
            (Strong(CAUSE_NAMES.get(name, name)), f": {text}") for name, text in CAUSES.items() if name in shown
        )
        text = "What the causes mean, in the order in which they are looked for; the first that fits a trial counts:"
        blocks += [Paragraph((text,)), Bullets(tuple(meanings))]
    return blocks


def cause_sentences(rows: Sequence[dict[str, Any]]) -> Text:
    """Sentences on what the failed trials of some cells have in common; nothing where none failed.

    The shares are of all failed trials that were run, over cells that differ, so no interval speaks of them.
    """
    failed = sum(row["trials"] - row["converged"] for row in rows)
    if not failed:
        return ()
    counts = {name: sum(int(row[f"cause_{name}"]) for row in rows) for name in CAUSES}
    order = sorted((name for name in CAUSES if name not in ("slow", "none")), key=lambda name: -counts[name])
    parts: list[Text] = []
    for name in [*order, "slow", "none"]:
        if counts[name] >= _LEAST_SHARE * failed:
            verb = _PHRASES[name] if name != "constant" else _constants(rows, counts[name])
            parts.append((f"{_percent(counts[name], failed)} {verb}",))
    said: list[Inline] = [f"Of the {words.count(failed, 'trial')} that failed, ", *words.listed(parts), "."]
    if failed == 1:
        [cause] = (name for name in CAUSES if counts[name])
        said = [f"The one trial that failed: {CAUSE_NAMES.get(cause, cause)}."]
    return (*said, *_dead_starts(rows, failed), *_points(rows))


def _constants(rows: Sequence[dict[str, Any]], total: int) -> str:
    counts = {name: sum(int(row[f"constant_{name}"]) for row in rows) for name in CONSTANTS[1:]}
    where = {"mean": "at the mean of the targets", "median": "at their median", "zero": "at zero", "other": "elsewhere"}
    if counts["median"] and not counts["mean"]:
        where["median"] = "at the median of the targets"
    named = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    if counts[named[0]] >= _NEARLY * total:
        nearly = "" if len(named) == 1 else "nearly always "
        return f"{_PHRASES['constant']} ({nearly}{where[named[0]]})"
    listed = ", ".join(f"{_percent(counts[name], total)} of them {where[name]}" for name in named)
    return f"{_PHRASES['constant']} ({listed})"


def _dead_starts(rows: Sequence[dict[str, Any]], failed: int) -> Text:
    """How often a unit was dead at the start, where the trials failed and where they converged."""
    bad, good = (sum(int(row[f"dead_start_{kind}"]) for row in rows) for kind in ("failed", "converged"))
    converged = sum(row["converged"] for row in rows)
    if not bad + good:
        return ()
    text = f" At the start, {_percent(bad, failed)} of those that failed had at least one dead hidden unit"
    return (text + (f", against {_percent(good, converged)} of those that converged." if converged else "."),)


def _points(rows: Sequence[dict[str, Any]]) -> Text:
    """What the stuck trials sit at, where the study asks for it."""
    asked = [row for row in rows if row.get("point_flat") == row.get("point_flat") and "point_flat" in row]
    stuck = sum(row["stuck"] for row in asked)
    if not stuck:
        return ()
    names = {"flat": "in a flat region", "saddle": "at a saddle", "minimum": "at a local minimum"}
    counts = {name: sum(int(row[f"point_{name}"]) for row in asked) for name in POINTS[1:]}
    parts = [(f"{_percent(counts[name], stuck)} {names[name]}",) for name in counts if counts[name]]
    if known := sum(counts.values()):
        parts += [(f"{_percent(stuck - known, stuck)} at no point of rest",)] * (known < stuck)
    else:
        return (" No stuck trial is at a point of rest that the Hessian of the evaluation loss could tell.",)
    return (
        f" By the Hessian of the evaluation loss, the {words.count(stuck)} stuck trials sit ",
        *words.listed(parts),
        ".",
    )


def _present(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [name for name in CAUSES if any(row[f"cause_{name}"] for row in rows)]


def _table(frame: pd.DataFrame, keys: tuple[str, ...], found: Sequence[str]) -> list[Block]:
    """The shares of the causes, cell by cell or by the levels of the first key."""
    counts = ["trials", "converged", *(f"cause_{name}" for name in found)]
    told = tuple(key for key in keys if frame[key].nunique() > 1)
    if not told:
        return []
    how = "cell by cell"
    if len(frame) > _MOST_ROWS:
        told, how = told[:1], f"by {told[0]}"
        frame = frame.groupby(told[0], sort=False, as_index=False)[counts].sum()
    rows = []
    for row in words.records(frame):
        failed = row["trials"] - row["converged"]
        labels: list[Text] = [(Code(str(row[key])),) for key in told]
        shares = [_percent(row[f"cause_{name}"], failed, "") if failed else words.NONE for name in found]
        rows.append((*labels, (words.count(failed),), *((share,) for share in shares)))
    header = (*told, "failed", *(CAUSE_NAMES.get(name, name) for name in found))
    text = f"The same {how}, in % of the trials that failed:"
    return [Paragraph((text,)), Table(header, tuple(rows), frozenset(range(len(told), len(header))))]


def _percent(count: int, total: int, unit: str = " %") -> str:
    return words.figure(count / total, 1 if count < 0.1 * total else 0) + unit
