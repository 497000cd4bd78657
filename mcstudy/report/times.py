"""When to restart, in words and numbers: the best cut-off of each cell and what 99 % success costs with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.document import Block, Code, Inline, Paragraph, Strong, Table, Text
from mcstudy.report.groups import by_task
from mcstudy.statistics import wilson

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]

_FULL_TABLE, _TOP = 24, 15
"""Cells that the table shows in full; how many of the cheapest otherwise."""
_FEW_CHECKS = 4
_VAGUE = 10.0
"""A cut-off is not named where the interval of what it costs spans a larger factor: a success or two chose it."""


def times(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """Whether and when to restart, and a table of the cells; nothing for a study that trains no step.

    Args:
        frame: as `mcstudy.statistics.times` returns it.
        keys: the varied keys.
    """
    if not frame["budget"].max():
        return []
    blocks: list[Block] = []
    for task, part, others in by_task(frame, keys):
        rows = [row for row in words.records(part) if row["budget"]]
        text = _sentences(rows, others)
        if task is not None and text:
            text = (Strong(task), ": ", *text)
        blocks += [Paragraph(text)] if text else []
        blocks += _table(part, others) if part["converged"].any() else []
    return [*blocks, _note(frame)] if frame["converged"].any() else blocks


def _sentences(rows: Sequence[Row], keys: Sequence[str]) -> Text:
    if len(rows) == 1:
        told = _advice(rows[0])
        return (told[0].upper() + told[1:], ".") if rows else ()
    learned = [row for row in rows if row["converged"]]
    if not learned:
        least = min(rows, key=lambda row: row["steps_99_cutoff_low"])
        return (f"No trial converged in any cell, so no cut-off is known to help: {_at_least(least)}.",)
    cheapest = min(learned, key=lambda row: row["ert_cutoff"])
    near = sum(row["ert_cutoff_low"] <= cheapest["ert_cutoff_high"] for row in learned) - 1
    value, interval = _numbers(cheapest, "ert_cutoff")
    verb = "overlaps" if near == 1 else "overlap"
    ties = f"; the interval{'s' * (near != 1)} of {words.count(near, 'other cell')} {verb} with that" if near else ""
    text: list[Inline] = ["On average a success takes the fewest steps with ", *words.cell(cheapest, keys)]
    text.append(f": {value} (95 % interval {interval}{ties}). There, {_advice(cheapest)}.")
    clear = [row for row in learned if _clear(row) and row["steps_99_cutoff"] < row["steps_99"]]
    most = max(clear, key=lambda row: row["ert"] / row["ert_cutoff"], default=cheapest)
    if most is not cheapest:
        factor = words.number(most["ert"] / most["ert_cutoff"])
        text += [f" Restarts save most, a factor of {factor} on average, with ", *words.cell(most, keys)]
        text.append(f": {_advice(most)}.")
    return (*text, " ", _counts(rows))


def _clear(row: Row) -> bool:
    """Whether a cut-off before the last step is better than none, beyond the doubt of its interval."""
    return bool(row["converged"] and row["cutoff_high"] < row["budget"])


def _counts(rows: Sequence[Row]) -> str:
    """How many cells restarts help in."""
    clear = sum(map(_clear, rows))
    never = sum(not row["converged"] for row in rows)
    of = f"the {words.count(len(rows), 'cell')}"
    if clear == len(rows):
        told = f"In each of {of}, restarting before the last step saves steps on average"
    elif clear:
        told = f"In {words.count(clear)} of {of}, restarting before the last step saves steps on average"
    else:
        told = f"In none of {of} is restarting before the last step shown to save steps on average"
    if clear:
        told += " (the last step is not in the 95 % range of the best cut-off)"
    if never:
        told += f"; in {words.count(never)}, nothing converged, so no cut-off is known to help"
    return told + "."


def _advice(row: Row) -> str:
    """What to do in a cell, and what it costs."""
    budget = f"the whole {words.count(int(row['budget']), 'step')}"
    if not row["converged"]:
        return f"no trial converged, so no cut-off is known to help: {_at_least(row)}"
    if row["converged"] == row["trials"]:
        return f"all trials converged, so there is nothing to restart: 99 % do within {_cost(row, 'steps_99')}"
    whole = f"99 % success costs {_cost(row, 'steps_99')}"
    if row["cutoff"] == row["budget"]:
        return f"let every training run {budget}: {whole}, and no earlier restart was cheaper"
    if row["steps_99_cutoff"] >= row["steps_99"]:
        return f"let every training run {budget}: {whole}, and restarts make that no cheaper"
    cut = f"{words.count(int(row['cutoff']), 'step')}"
    told = f"restart after {cut}: 99 % success costs {_cost(row, 'steps_99_cutoff')}"
    if _clear(row):
        rate = row["converged"] / row["trials"], *map(float, wilson(row["converged"], row["trials"]))
        return (
            f"{told}; a single training converges in {words.percent(*rate)} of all cases, and giving each {budget} "
            f"costs {_plain(row, 'steps_99')}"
        )
    return f"{told}, though on average letting every training run {budget} may cost no more"


def _at_least(row: Row) -> str:
    low = _shown(row["steps_99_cutoff_low"], _unit(row["steps_99_cutoff_low"] / 10), math.floor)
    return f"99 % success costs at least {low} steps (95 % interval), wherever trainings are given up"


def _cost(row: Row, name: str) -> str:
    """``3,080 steps (95 % interval 3,040 to 3,380)``."""
    value, interval = _numbers(row, name)
    if interval == f"{value} to {value}":
        return f"{value} steps (95 % interval: the same check)"
    return f"{value} steps (95 % interval {interval})"


def _plain(row: Row, name: str) -> str:
    value, interval = _numbers(row, name)
    return value if interval == f"{value} to {value}" else f"{value} ({interval})"


def _numbers(row: Row, name: str) -> tuple[str, str]:
    """A number of steps and its interval, rounded outwards, in no finer units than it allows."""
    value, low, high = (row[name + end] for end in ("", "_low", "_high"))
    if math.isinf(high):
        unit = _unit(low / 10)
        shown = words.NONE if math.isinf(value) else _shown(value, unit, round)
        return shown, f"at least {_shown(low, unit, math.floor)}"
    # Steps to 99 % are those of a check: a few checks apart they are named as they are.
    near = name.startswith("steps_99") and high - low <= _FEW_CHECKS * row["every"]
    if near:
        unit = above = 1
    else:
        # A lopsided interval allows the value and the lower end no digit less than their first.
        unit = min(_unit(part) for part in ((high - low) / 2, value, low))
        above = max(unit, _unit(high / 10))
    return _shown(value, unit, round), f"{_shown(low, unit, math.floor)} to {_shown(high, above, math.ceil)}"


def _unit(half: float) -> int:
    return 10 ** math.floor(math.log10(half)) if half >= 1 else 1


def _shown(value: float, unit: int, rounded: Any) -> str:
    # The slack keeps an end that is a round number where it is.
    return words.count(unit * int(rounded(round(value / unit, 7))))


def _table(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    shown, blocks = frame, list[Block]()
    if len(frame) > _FULL_TABLE:
        known = frame[frame["converged"] > 0].sort_values("ert_cutoff", kind="stable")
        shown = known.head(_TOP)
        if len(shown) < len(known):
            blocks.append(Paragraph((f"The {len(shown)} cells with the fewest steps per success:",)))
    header = (
        *(keys or ("cell",)),
        *("best cut-off", "95 % range", "steps per success", "95 % interval", "steps to 99 %", "95 % interval"),
        *("99 % without cut-off", "95 % interval"),
    )
    rows = []
    for row in words.records(shown):
        labels: list[Text] = [(Code(str(row[key])),) for key in keys or ("cell",)]
        rows.append((*labels, *((text,) for text in _line(row))))
    blocks.append(Table(header, tuple(rows), frozenset(range(len(header) - 8, len(header)))))
    return blocks


def _line(row: Row) -> list[str]:
    first, last = int(row["cutoff_low"]), int(row["cutoff_high"])
    may = words.count(first) if first == last else f"{words.count(first)} to {words.count(last)}"
    if row["ert_cutoff_high"] > _VAGUE * row["ert_cutoff_low"]:
        return [words.NONE, may if row["converged"] else words.NONE, *_costs(row)]
    best = [words.steps(row["cutoff"]), may]
    return [*best, *_costs(row)]


def _costs(row: Row) -> list[str]:
    return [text for name in ("ert_cutoff", "steps_99_cutoff", "steps_99") for text in _numbers(row, name)]


def _note(frame: pd.DataFrame) -> Paragraph:
    every = sorted(set(frame["every"]))
    spaced = f", every {words.count(every[0], 'step')}" if len(every) == 1 else ""
    text = (
        "A training that has not converged at the cut-off is given up and begun anew with other random numbers, until "
        "one converges: that takes so many steps per success on average, and no more than those to 99 % in 99 of 100 "
        f"cases. Trials are looked at only at checks{spaced}, so steps are known no closer. Best is what is "
        "cheapest on average; that it was chosen by the same trials is allowed for in its intervals. "
    )
    return Paragraph((text, Code("times.csv"), " has every cell, unrounded, with the quantiles of the steps too."))
