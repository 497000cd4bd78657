"""What others published about the study, and whether its trials bear it out: a sentence, a table, how it is graded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.plan import label
from mcstudy.report import words
from mcstudy.report.document import Block, Code, Inline, Paragraph, Strong, Table, Text
from mcstudy.spec import Key
from mcstudy.spec.parts import plain
from mcstudy.spec.values import entries

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan

_SHARES = {
    "converged": "converge",
    "diverged": "diverge",
    "dead": "end dead",
    "stuck": "end stuck",
    "unfinished": "end unfinished",
    "constant": "fail with a constant output",
}
_MOST_CELLS = 24
"""Cells of one claim that a table shows."""
_BETWEEN = {
    "confirmed": "all of it lies within",
    "contradicted": "it lies outside",
    "undecided": "it lies partly within",
}


def claims(plan: Plan, frame: pd.DataFrame) -> list[Block]:
    """The text of the section on claims.

    Args:
        plan: the cells, with the claims of the study.
        frame: as `mcstudy.statistics.claims` returns it.
    """
    header = ("", "claim", "ours", "interval", "grade", "why")
    few, left_out = shown(frame)
    body = []
    for row in words.records(few):
        text: tuple[Text, ...] = (
            (str(row["claim"]),),
            (*stated(plan, row), f" ({row['source']})"),
            (ours(row),),
            (interval(row),),
            (Strong(row["grade"]),),
            (why(plan, row),),
        )
        body.append(text)
    blocks: list[Block] = [Paragraph((verdict(frame),)), Table(header, tuple(body), frozenset({2}))]
    if left_out:
        blocks.append(Paragraph((f"{left_out} Their other cells are in ", Code("claims.csv"), ".")))
    return [*blocks, Paragraph((_how(frame),))]


def shown(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of a table: of a claim of many cells, the first `_MOST_CELLS`, the contradicted and undecided ahead.

    Returns:
        These rows of the frame, and a sentence on the claims of which some cells are left out (empty for none).
    """
    order = frame["grade"].map({grade: position for position, grade in enumerate(statistics.GRADES)})
    many = frame.groupby("claim")["claim"].transform("size") > _MOST_CELLS
    # A claim of few cells has them in the order of the study.
    ranked = frame.assign(_order=order.where(many, 0)).sort_values(["claim", "_order"], kind="stable")
    few = ranked.groupby("claim").head(_MOST_CELLS).drop(columns="_order")
    cut = sorted(set(frame.loc[many, "claim"]))
    if not cut:
        return few, ""
    listed = "".join(str(item) for item in words.listed([str(number) for number in cut]))
    noun = "claim" if len(cut) == 1 else "claims"
    return few, f"Of {noun} {listed}, {_MOST_CELLS} cells are shown, those that are not confirmed first."


def verdict(frame: pd.DataFrame) -> str:
    """How many claims got which grade, in a sentence or two."""
    grades = [statistics.overall(list(rows["grade"])) for _, rows in frame.groupby("claim")]
    found = [(grade, grades.count(grade)) for grade in reversed(statistics.GRADES) if grade in grades]
    several = len(frame) > len(grades)
    cells = f", in {words.count(len(frame), 'comparison')} with cells" if several else ""
    if len(grades) == 1:
        return f"The one claim is {grades[0]}{cells}."
    parts = [f"{count} {'is' if count == 1 else 'are'} {grade}" for grade, count in found]
    if len(found) == 1:
        every = "Both" if len(grades) == 2 else f"All {len(grades)}"
        return f"{every} claims are {grades[0]}{cells}."
    listed = "".join(str(item) for item in words.listed(parts))
    return f"Of {words.count(len(grades), 'claim')}{cells}, {listed}."


def stated(plan: Plan, row: Mapping[str, Any]) -> Text:
    """A claim in words: ``relu, sgd(lr=0.01): 50 % converge``."""
    claim = plan.study.claim[row["claim"] - 1]
    if claim.order is not None:
        raw = plan.study.data["claim"][row["claim"] - 1]
        where = list(entries(raw.get("where", {}), claim.where))
        sides = [_match([*where, *entries(*side)]) for side in zip(raw["order"], claim.order, strict=True)]
        return (*sides[0], " converges more often than ", *sides[1])
    cell: Text = (*words.cell(row, plan.keys), ": ") if plan.keys else ()
    runs = f" of {words.count(claim.trials)} runs" if claim.trials else ""
    if claim.steps_median is not None:
        runs = f" (of {words.count(claim.trials, 'run')} that converge)" if claim.trials else ""
        return (*cell, f"a median of {_plain(claim.steps_median)} steps{runs}")
    return (*cell, f"{_bounds(claim)}{runs} {_SHARES[claim.outcome]}")


def _bounds(claim: Any) -> str:
    if claim.rate is not None:
        return f"{_plain(100 * claim.rate)} %"
    low, high = (None if bound is None else _plain(100 * bound) for bound in (claim.at_least, claim.at_most))
    if low is not None and high is not None:
        return f"{low} to {high} %"
    return f"at least {low} %" if low is not None else f"at most {high} %"


def _match(wanted: Sequence[tuple[Key, Any, Any]]) -> Text:
    """A match in words: its values as labels, keys that are no parts by name."""
    names: list[Inline] = []
    for key, written, valid in wanted:
        names += [", ", words.level(key.name, label(written, key.catalog, plain(valid)))]
    return tuple(names[1:]) or ("all cells",)


def _plain(value: float) -> str:
    """A published number as it was written."""
    return f"{value:,.10g}"


def ours(row: Mapping[str, Any]) -> str:
    """Our number: no digit finer than its interval allows."""
    known = row["ours"], row["low"], row["high"]
    if row["statement"] == "steps_median":
        return words.steps(row["ours"])
    if row["statement"] == "order":
        return f"{_points(row['ours'], *known)} points"
    return words.percent(*known)


def interval(row: Mapping[str, Any]) -> str:
    """Its interval, rounded outwards."""
    known = row["ours"], row["low"], row["high"]
    if row["statement"] == "steps_median":
        return f"{words.steps(row['low'])} to {words.steps(row['high'])}"
    if row["statement"] == "order":
        return f"{_points(row['low'], *known, math.floor)} to {_points(row['high'], *known, math.ceil)}"
    return f"{words.interval(*known)} %"


def why(plan: Plan, row: Mapping[str, Any]) -> str:
    """The reason of a grade."""
    claim = plan.study.claim[row["claim"] - 1]
    grade, region = row["grade"], (row["region_low"], row["region_high"])
    if row["statement"] == "order":
        if grade == "undecided":
            return "the difference may be of either sign, or none"
        if grade == "confirmed":
            return "the difference is above 0"
        return "the difference is below " + (f"-{_plain(100 * claim.within)} points" if claim.within else "0")
    if row["statement"] == "steps_median":
        if math.isnan(row["ours"]):
            return "no trial converged"
        span = f"{words.steps(max(0, region[0]))} to {words.steps(region[1])}"
        if not claim.trials:
            return f"{_BETWEEN[grade]} {span}"
        theirs = {
            "confirmed": "so does theirs",
            "contradicted": "theirs does not",
            "undecided": "theirs is near an end",
        }
        return f"the median of {words.count(claim.trials)} of our runs lies within {span}; {theirs[grade]}"
    if not claim.trials:
        return f"{_BETWEEN[grade]} {_span(region)}"
    runs = words.count(claim.trials, "run")
    if grade == "confirmed" and claim.rate is None:
        return f"{_BETWEEN[grade]} {_span(region)}"
    if grade == "confirmed":
        low, high = max(0.0, region[0]), min(1.0, region[1])
        more = f" and {_plain(100 * claim.within)} points more" if claim.within else ""
        return f"{_BETWEEN[grade]} {words.interval(claim.rate, low, high)} %, the interval of their {runs}{more}"
    ends = row["difference_low"], row["difference_high"]
    numbers = " to ".join(_points(end, sum(ends) / 2, *ends) for end in ends)
    which = f"their {runs}" if claim.rate is not None else f"{runs} that just keep the bound"
    same = ", which may be none" if ends[0] <= 0 <= ends[1] else ""
    return f"the difference from {which} is {numbers} points{same}"


def _span(region: tuple[float, float]) -> str:
    """What a claim allows, as it says so."""
    low, high = (_plain(round(100 * min(1.0, max(0.0, end)), 8)) for end in region)
    return f"{low} to {high} %"


def _points(value: float, middle: float, low: float, high: float, rounded: Any = round) -> str:
    """Percentage points of a difference, as fine as its interval allows."""
    decimals = statistics.percent_decimals(abs(middle), low, high) if high > low else 1
    unit = 10**decimals
    return f"{rounded(round(100 * value * unit, 6)) / unit + 0.0:.{decimals}f}"


def _how(frame: pd.DataFrame) -> str:
    level = float(frame["level"].iloc[0])
    several = len(frame) > 1
    shown = f"{100 * level:.{max(0, math.ceil(-math.log10(1 - level))) if several else 0}f}"
    together = f", so that all {len(frame)} together hold with 95 %" if several else ""
    have = (
        f"The intervals here have a level of {shown} %{together}"
        if several
        else "The interval here has a level of 95 %"
    )
    parts = [
        f"{have}. A claim is confirmed where the whole interval lies in what it allows, contradicted where no part of "
        "it does, and undecided otherwise, which more trials may change."
    ]
    parts += list(_notes(frame))
    return " ".join(parts)


def _notes(frame: pd.DataFrame) -> Iterator[str]:
    """What else has to be known, of the kinds of claims that there are."""
    kinds: Sequence[str] = list(frame["statement"])
    shares = frame["statement"].isin(["rate", "at_least", "at_most"])
    if shares.any():
        yield "Those of rates are Clopper and Pearson's, which hold at least so often, however few trials there are."
    if (frame["sample"].notna() & shares).any():
        yield (
            "A published number from so many runs has an interval of its own: it is contradicted where the interval "
            "of the difference of both samples leaves out 0."
        )
    if "steps_median" in kinds:
        yield "The interval of a median lies between two of the trials' numbers of steps, whatever their distribution."
    if "order" in kinds:
        yield (
            "The rates of an order are compared trial by trial, because trials of one number have the same draws in "
            "all cells."
        )
