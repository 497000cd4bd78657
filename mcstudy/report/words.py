"""Numbers and cells in words: no digit finer than its interval allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.report.document import Code, Inline, Text
from mcstudy.statistics import percent_decimals

if TYPE_CHECKING:
    import pandas as pd

NONE = "\N{EN DASH}"
"""What stands for a number that does not exist."""

_MOST_DECIMALS = 12
PARTS = ("activation", "init", "optimizer")
"""The keys whose levels are parts, which tell what they are by themselves."""


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame by column name."""
    names = list(map(str, frame.columns))
    columns = (frame.iloc[:, place].tolist() for place in range(len(names)))  # a third of what to_dict takes
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def count(number: int, noun: str = "", plural: str = "") -> str:
    """``1 trial``, ``20,000 trials``."""
    name = noun if number == 1 else plural or noun + "s"
    return f"{number:,} {name}" if noun else f"{number:,}"


def span(numbers: Iterable[int], noun: str = "") -> str:
    """``20,000 trials``, or ``256 to 20,000 trials`` of numbers that differ."""
    least, most = min(known := list(numbers)), max(known)
    return count(most, noun) if least == most else f"{least:,} to {count(most, noun)}"


def percent(rate: float, low: float, high: float) -> str:
    """``49.8 %``."""
    return f"{bare_percent(rate, low, high)} %"


def bare_percent(rate: float, low: float, high: float) -> str:
    """``49.8``, for a column of percentages."""
    return figure(rate, percent_decimals(rate, low, high))


def interval(rate: float, low: float, high: float) -> str:
    """``49.5 to 50.1``, rounded outwards."""
    decimals = percent_decimals(rate, low, high)
    return f"{_end(low, decimals, math.floor)} to {_end(high, decimals, math.ceil)}"


def _end(rate: float, decimals: int, rounded: Callable[[float], int]) -> str:
    """An end of an interval: no 0 or 100 unless it is exactly that, so maybe with more decimals than the other."""
    while True:
        unit = 10**decimals
        # The slack keeps an end that is a round number where it is.
        shown = rounded(round(100 * rate * unit, 7))
        if rate in (0, 1) or 0 < shown < 100 * unit or decimals >= _MOST_DECIMALS:
            return figure(shown / (100 * unit), decimals)
        decimals += 1


def figure(rate: float, decimals: int) -> str:
    """A rate as a percentage of so many decimals, or more where it would be shown as the 0 or 100 that it is not.

    Exactly nothing and all need none.
    """
    if rate in (0, 1):
        return f"{100 * rate:.0f}"
    while decimals < _MOST_DECIMALS and not 0 < round(100 * rate, decimals) < 100:
        decimals += 1
    return f"{100 * rate:.{decimals}f}"


def rate(row: Mapping[str, Any], noun: str = "95 % interval ") -> str:
    """``49.8 % (95 % interval 49.5 to 50.1)`` of a row of rates."""
    numbers = row["rate"], row["rate_low"], row["rate_high"]
    return f"{percent(*numbers)} ({noun}{interval(*numbers)})"


def difference_decimals(row: Mapping[str, Any]) -> int:
    """How many decimals of percentage points the interval of a difference allows."""
    half = 50 * (row["difference_high"] - row["difference_low"])
    return max(0, -math.floor(math.log10(half))) if half > 0 else 2


def points(row: Mapping[str, Any]) -> tuple[str, str]:
    """``+17.2`` and ``+16.9 to +17.5``: a difference in percentage points with its interval, rounded outwards."""
    decimals = difference_decimals(row)
    low, high = (row[f"difference_{end}"] for end in ("low", "high"))
    ends = (_outer(low, decimals, math.floor), _outer(high, decimals, math.ceil))
    return _signed(100 * row["difference"], decimals), " to ".join(ends)


def _outer(value: float, decimals: int, rounded: Callable[[float], int]) -> str:
    """An end in points; no 0 unless it is exactly that, so maybe with more decimals than the other."""
    while True:
        unit = 10**decimals
        # The slack keeps an end that is a round number where it is.
        shown = rounded(round(100 * value * unit, 7)) / unit
        if shown or not value or decimals >= _MOST_DECIMALS:
            return _signed(shown, decimals)
        decimals += 1


def _signed(value: float, decimals: int) -> str:
    shown = f"{value:+.{decimals}f}"
    return shown.lstrip("+-") if float(shown) == 0 else shown.replace("-", "\N{MINUS SIGN}")


def steps(value: float) -> str:
    """``1,240``; a dash for no value."""
    return NONE if math.isnan(value) else f"{value:,.0f}"


def number(value: float, digits: int = 2) -> str:
    """A number of so many significant digits; a dash for no value."""
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    shown = f"{value:.{digits}g}"
    return f"{float(shown):,.0f}" if "e+" in shown and abs(value) < 1e6 else shown


def cell(row: Mapping[str, Any], keys: Sequence[str]) -> Text:
    """A cell by its labels: parts by themselves, other keys with their name."""
    names: list[Inline] = []
    for key in keys:
        names += [", ", level(key, str(row[key]))]
    return tuple(names[1:]) or ("the only cell",)


def level(key: str, label: str) -> Code:
    """One level of a key."""
    return Code(label if key in PARTS else f"{key} = {label}")


def listed(items: Iterable[Inline | Text], last: str = "and") -> Text:
    """``a``, ``a and b``, ``a, b and c``."""
    texts: list[Text] = [item if isinstance(item, tuple) else (item,) for item in items]
    done: list[Inline] = []
    for position, text in enumerate(texts):
        if position:
            done.append(f" {last} " if position == len(texts) - 1 else ", ")
        done += text
    return tuple(done)
