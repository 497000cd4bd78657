"""What is measured, as rows of one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .timing import Spread
from .workloads import Goal


class Row(NamedTuple):
    """One measured number.

    Attributes:
        section: what it is about: a key of `SECTIONS`.
        workload: its name.
        subject: the peer, or what is varied.
        value, low, high: the median over the runs and their range; nan where it could not be measured.
        unit: of the value.
        goal: what it is held against, none without.
        ours, other: nanoseconds a sample, or seconds, of the two sides, where there are two.
        note: how it came about.
    """

    section: str
    workload: str
    subject: str
    value: float
    low: float
    high: float
    unit: str
    goal: Goal | None = None
    ours: float | None = None
    other: float | None = None
    note: str = ""

    @property
    def met(self) -> str:
        """Whether the median reaches the goal; nothing where there is none."""
        return "" if self.goal is None or self.value != self.value else ("yes" if self.goal.met(self.value) else "no")


Tell = Callable[[Row], None]
"""Takes a row as soon as it is measured."""

SECTIONS = {
    "speed": "How many times as long a peer takes for the same work",
    "peak": "Share of the machine's peak of multiplications and additions",
    "sweep": "Share of the peak over the hidden width n of 2-n-n-1",
    "precision": "float64 over float32",
    "denormals": "Numbers that fade away, over those that do not",
    "threads": "All threads over one",
    "scale": "Trials a second",
    "commands": "The command line",
}
"""The parts of the results, in their order."""


def row(section: str, workload: str, subject: str, spread: Spread, unit: str, **more: object) -> Row:
    """A row of a spread."""
    return Row(section, workload, subject, *spread, unit, **more)  # type: ignore[arg-type]


def absent(section: str, workload: str, subject: str, unit: str, note: str) -> Row:
    """A row of what could not be measured, and why."""
    nan = float("nan")
    return Row(section, workload, subject, nan, nan, nan, unit, note=note)
