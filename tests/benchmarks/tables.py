"""The rows as text: on the terminal, in Markdown, and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from .rows import SECTIONS, Row
from .workloads import WORKLOADS, Goal

HEADS = ("workload", "against", "median", "range", "goal", "met", "ours", "theirs", "how")
COLUMNS = ("section", "workload", "subject", "value", "low", "high", "unit", "goal", "met", "ours", "other", "note")


def number(value: float | None) -> str:
    """Three digits that count; nothing where there is none."""
    if value is None or math.isnan(value):
        return ""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}"


def cells(row: Row) -> list[str]:
    """A row under `HEADS`."""
    value = number(row.value)
    spread = f"{number(row.low)} to {number(row.high)}" if value and row.low != row.high else ""
    return [
        row.workload,
        row.subject,
        f"{value} {row.unit}" if value else "–",
        spread,
        "" if row.goal is None else str(row.goal),
        row.met,
        number(row.ours),
        number(row.other),
        row.note,
    ]


def line(row: Row) -> str:
    """A row for the terminal, as soon as it is known."""
    workload, subject, median, spread, goal, met, ours, other, note = cells(row)
    sides = f"  {ours} against {other}" if ours and other else f"  {ours}" if ours else ""
    held = f"  goal {goal}: {met}" if goal else ""
    ranged = f" ({spread})" if spread else ""
    return f"{workload:15} {subject:22} {median:>12}{ranged:20}{held}{sides}{'  ' if note else ''}{note}"


def markdown(
    rows: Sequence[Row], machine: Mapping[str, str], peaks: Mapping[int, float], command: str, day: str
) -> str:
    """The whole page.

    Args:
        rows: all of them.
        machine: what is known of it.
        peaks: 10⁹ operations a second by number of threads.
        command: that was run.
        day: when.
    """
    lines = ["# How fast mcstudy is", "", f"Last written on {day}, by `{command}`.", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {text} |" for name, text in machine.items()]
    for threads, most in peaks.items():
        lines.append(f"| peak, {threads} thread{'s' * (threads != 1)} | {most:.0f}·10⁹ float32 operations a second |")
    lines += ["", *(INTRODUCTION.strip().split("\n"))]
    for section, title in SECTIONS.items():
        chosen = [row for row in rows if row.section == section]
        if not chosen:
            continue
        lines += ["", f"## {title}", "", *NOTES.get(section, "").strip().split("\n"), ""]
        table = [cells(row) for row in chosen]
        shown = [i for i in range(len(HEADS)) if any(known[i] for known in table)]
        lines.append("| " + " | ".join(HEADS[i] for i in shown) + " |")
        lines.append("| " + " | ".join("---:" if 2 <= i <= 7 else "---" for i in shown) + " |")
        lines += ["| " + " | ".join(known[i] for i in shown) + " |" for known in table]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


INTRODUCTION = """
Both sides do the same work: the same network, data of the same kind, every step of every trial. Before it is timed,
each peer trains some trials from our starts on our data, and its parameters have to become ours but for rounding. Runs
alternate, ours and the peer's; the tables have the median and the range over these pairs. A goal is met where the
median reaches it. What that command measured stands beside what others measured before on the same machine; what
other processes took, and the peaks, are those of the last one.

![Speed against the peers, and share of the peak over the hidden width](results.png)
"""

NOTES = {
    "speed": "Both sides in nanoseconds a sample, trial and cell. Goals are ratios to the first of the JAX peers, "
    "`jit(vmap(scan))` at its best batch, which trains each cell of a study by a program of its own; with data shared, "
    "one program draws them once for all cells.",
    "peak": "A dense network counts 6 Σ n_i n_(i+1) − 2 n_0 n_1 operations a sample; nothing else counts. "
    "The peak is measured beside every run: twelve chains of multiply-adds, all threads for some tenths of a second.",
    "sweep": "One sample a step, and 32; nanoseconds a sample.",
    "scale": "The same training of a 2-4-4-1 network in every row. Cells have 10^6 trials in all, or as told.",
}


def as_csv(rows: Sequence[Row]) -> str:
    """All rows with all columns; numbers to five digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        goal = "" if row.goal is None else str(row.goal)
        values = ["" if v is None or math.isnan(v) else f"{v:.5g}" for v in (row.value, row.low, row.high)]
        sides = ["" if v is None else f"{v:.5g}" for v in (row.ours, row.other)]
        writer.writerow([row.section, row.workload, row.subject, *values, row.unit, goal, row.met, *sides, row.note])
    return out.getvalue()


def from_csv(text: str) -> list[Row]:
    """The rows of `as_csv`."""

    def known(written: str) -> float | None:
        return float(written) if written else None

    rows = []
    for each in csv.DictReader(io.StringIO(text)):
        value, low, high = (float(each[name] or "nan") for name in ("value", "low", "high"))
        goal = Goal(float(each["goal"][1:].replace(",", "")), each["goal"][0] == "≥") if each["goal"] else None
        sides = known(each["ours"]), known(each["other"])
        named = each["section"], each["workload"], each["subject"]
        rows.append(Row(*named, value, low, high, each["unit"], goal, *sides, each["note"]))
    return rows


def merged(known: Sequence[Row], found: Sequence[Row]) -> list[Row]:
    """What is found, in place of what was known of the same; and what else was known. Workloads are in their order, and
    all rows of one are together."""
    by_name = {(row.section, row.workload, row.subject): row for row in [*known, *found]}
    places = {each.name: place for place, each in enumerate(WORKLOADS)}
    groups = {pair: place for place, pair in enumerate(dict.fromkeys(name[:2] for name in by_name))}
    rows = by_name.values()
    return sorted(rows, key=lambda row: (places.get(row.workload, len(places)), groups[row.section, row.workload]))
