"""Shares of dead hidden units, from their mean numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mcstudy import statistics
from mcstudy.report import words
from mcstudy.report.document import Inline, Text

Kind = Literal["converged", "failed"]
Share = tuple[float, float, float]
"""A share and the ends of its interval."""

_WHOSE: dict[Kind, str] = {
    "converged": "the trials that converged",
    "failed": "those that neither converged nor diverged",
}


def dead_share(row: dict[str, Any], kind: Kind) -> Share | None:
    """The share of a cell's hidden units that were dead in the end; None without units or trials of that kind.

    Args:
        row: a row of rates.
        kind: of the trials that converged, or of those that failed: neither converged nor diverged.

    Returns:
        The share, and Wilson's interval as if all units of a trial were dead or all alive: never too narrow.
    """
    count = _count(row, kind)
    if not count or not row["hidden_units"]:
        return None
    share = row[f"dead_units_{kind}"] / row["hidden_units"]
    low, high = statistics.wilson(share * count, count)
    return share, float(low), float(high)


def dead(rows: list[dict[str, Any]], keys: Sequence[str]) -> Text:
    """A sentence on the share of dead units of all trials of both kinds; nothing where none was dead."""
    parts: list[str] = []
    for kind, whose in _WHOSE.items():
        units = sum(_count(row, kind) * row["hidden_units"] for row in rows)
        found = [row for row in rows if _count(row, kind)]
        number = sum(_count(row, kind) * row[f"dead_units_{kind}"] for row in found)
        if units:
            # A share of all that was run, so no interval speaks of it.
            parts.append(f"{words.figure(number / units, 1)} % in {whose}")
    most = [(share, row, kind) for row in rows for kind in _WHOSE if (share := dead_share(row, kind))]
    # By the lower end of its interval, lest a handful of trials make it.
    share, row, kind = max(most, key=lambda one: one[0][1], default=((0.0, 0.0, 0.0), {}, "failed"))
    if share[0] == 0:
        return ()
    text: list[Inline] = ["Of the hidden units, these shares were dead in the end: ", *words.listed(parts)]
    if len(rows) > 1:
        text += [
            f"; the largest share, by the lower end of its interval, is {words.percent(*share)}, in {_WHOSE[kind]}, ",
            "with ",
            *words.cell(row, keys),
        ]
    return (*text, ".")


def _count(row: dict[str, Any], kind: Kind) -> int:
    return int(row["converged"] if kind == "converged" else row["dead"] + row["stuck"] + row["unfinished"])
