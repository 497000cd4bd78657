"""Rates over numbers in words: where the rate is highest, what cannot be told from that, how it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.report import words
from mcstudy.report.differences import TESTS
from mcstudy.report.document import Block, Bullets, Code, Inline, Paragraph, Table, Text
from mcstudy.statistics import LEVEL

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

_FEW = 3
"""Lines or maps that are told of in sentences; more have a table."""
_MOST_NAMED = 4
_ENOUGH = 0.99


def axes(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[Block]:
    """Where the rate of each line or map is highest, how sure that is, and whether the range that was tried held it.

    Args:
        frame: as `mcstudy.statistics.axes` returns it.
        keys: the varied keys.
    """
    if frame.empty:
        return []
    groups = [words.records(part) for _, part in frame.groupby("group", sort=False)]
    told = [_named(frame, rows[0], keys) for rows in groups]
    if len(groups) <= _FEW:
        texts = [(*name, *_course(rows, bool(name))) for name, rows in zip(told, groups, strict=True)]
        blocks: list[Block] = [Bullets(tuple(texts))] if len(texts) > 1 else [Paragraph(texts[0])]
        if frame["y_key"].iloc[0]:
            blocks.append(_by_row(told, groups))
    else:
        blocks = [_table(told, groups, frame), *_edges(groups)]
    return [*blocks, Paragraph((_note(frame),))]


def _named(frame: pd.DataFrame, row: Row, keys: Sequence[str]) -> Text:
    """What tells a group from the others."""
    on = {row["x_key"]: "x", row["y_key"]: "y"}
    names: list[Text] = []
    for key in keys:
        column = f"{on[key]}_line" if key in on else key
        if frame[column].nunique() > 1:
            is_line = key in on
            names.append((Code(row[column]) if is_line or key in words.PARTS else words.level(key, str(row[key])),))
    return (*words.listed(names), ": ") if names else ()


def _place(row: Row) -> str:
    """``lr = 0.01`` or ``lr = 0.01, units = 4``."""
    names = [name for name in "xy" if row[f"{name}_key"]]
    return ", ".join(f"{row[f'{name}_name']} = {row[f'{name}_text']}" for name in names)


def _numbers(row: Row) -> tuple[float, float, float]:
    return row["rate"], row["rate_low"], row["rate_high"]


def _best(rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if row["best"]), None)


def _course(rows: Sequence[Row], named: bool) -> Iterator[Inline]:
    best = _best(rows)
    the = "the" if named else "The"
    if best is None:
        yield f"no trial converged at any of its {len(rows)} numbers." if named else "No trial converged."
        return
    if all(row["alike"] for row in rows):
        lowest = min(rows, key=lambda row: row["rate"])
        span = dict.fromkeys(words.percent(*_numbers(row)) for row in (lowest, best))
        yield f"{the} rate shows no clear optimum: it is {' to '.join(span)} throughout."
        return
    yield f"{the} rate is highest at "
    yield Code(_place(best))
    yield f" ({words.percent(*_numbers(best))}, 95 % interval {words.interval(*_numbers(best))})"
    yield from _alike(rows, best)
    trend = _trend(rows)
    lowest = min(rows, key=lambda row: row["rate"])
    if trend:
        word, end = ("from", rows[0]) if trend == "rises" else ("to", rows[-1])
        yield f"; it {trend} throughout, {word} {words.percent(*_numbers(end))} at "
        yield Code(_place(end))
        yield "."
    else:
        yield f"; it is lowest, {words.percent(*_numbers(lowest))}, at "
        yield Code(_place(lowest))
        same = sum(row["rate"] == lowest["rate"] for row in rows) - 1
        yield f" and {words.count(same, 'other place')}." if same else "."
    if ends := _ends(rows, best):
        yield f" {ends[0].upper()}{ends[1:]}"


def _alike(rows: Sequence[Row], best: Row) -> Iterator[Inline]:
    others = [row for row in rows if row["alike"] and row is not best]
    if not others:
        yield ", clearly above all others"
        return
    if len(others) <= _MOST_NAMED:
        yield "; "
        yield from words.listed([Code(_place(row)) for row in others])
        yield " cannot be told from it"
        return
    yield f"; {len(others)} of the {len(rows) - 1} other places cannot be told from it"


def _trend(rows: Sequence[Row]) -> str:
    """Whether the rate rises or falls with every step of a single axis, each of them clearly."""
    if rows[0]["y_key"] or not all(row["step_p"] < LEVEL for row in rows[1:]):
        return ""
    steps = {later["rate"] > row["rate"] for row, later in zip(rows[:-1], rows[1:], strict=True)}
    return {(True,): "rises", (False,): "falls"}.get(tuple(steps), "")


def _at_ends(rows: Sequence[Row], best: Row) -> list[tuple[str, bool]]:
    """The axes at an end of which the best lies: where that is, and whether some within it cannot be told from it."""
    ends = []
    level = [row for row in rows if row["alike"]]
    for name in "xy":
        if not best[f"{name}_key"]:
            continue
        values = sorted({row[name] for row in rows})
        inner = any(values[0] < row[name] < values[-1] for row in level)
        # There is nothing below none, nor much above nearly all.
        natural = best[name] == values[0] and best[f"{name}_text"] in ("0", "1")
        if best[name] in (values[0], values[-1]) and not natural and best["rate"] < _ENOUGH:
            ends.append((f"{best[f'{name}_name']} = {best[f'{name}_text']}", inner))
    return ends


def _ends(rows: Sequence[Row], best: Row) -> str:
    """A warning where the best lies at an end of the range that was tried."""
    ends = _at_ends(rows, best)
    if not ends:
        return ""
    told = f"the best lies at an end of the range that was tried ({' and '.join(place for place, _ in ends)})"
    if all(inner for _, inner in ends):
        return f"{told}, but some within it cannot be told from it."
    return f"{told}, so there may be better beyond it."


def _table(told: Sequence[Text], groups: Sequence[Sequence[Row]], frame: pd.DataFrame) -> Block:
    name = " and ".join(n for n in (frame["x_name"].iloc[0], frame["y_name"].iloc[0]) if n)
    header = (_kind(frame), f"best {name}", "converged (%)", "cannot be told from it")
    lines: list[tuple[Text, ...]] = []
    for label, rows in zip(told, groups, strict=True):
        best = _best(rows)
        lead = label[:-1]
        if best is None:
            lines.append((lead, (words.NONE,), ("0",), (words.NONE,)))
            continue
        others = [row for row in rows if row["alike"] and row is not best]
        level = ", ".join(map(_short, others)) if len(others) <= _MOST_NAMED else f"{len(others)} of {len(rows) - 1}"
        mark = " (at an end)" if _is_end(rows, best) else ""
        shown = (_short(best) + mark, words.bare_percent(*_numbers(best)), level or "none")
        lines.append((lead, *((text,) for text in shown)))
    return Table(header, tuple(lines), frozenset({2}))


def _by_row(told: Sequence[Text], groups: Sequence[Sequence[Row]]) -> Block:
    """For every number of the y axis, the best one of the x axis."""
    first = groups[0][0]
    header: tuple[str, ...] = (first["y_name"], f"best {first['x_name']}", "converged (%)", "cannot be told from it")
    lines: list[tuple[Text, ...]] = []
    for label, rows in zip(told, groups, strict=True):
        for y in dict.fromkeys(row["y_text"] for row in rows):
            some = [row for row in rows if row["y_text"] == y]
            best = next((row for row in some if row["row_best"]), None)
            lead: tuple[Text, ...] = ((*label[:-1],), (y,)) if label else ((y,),)
            if best is None:
                lines.append((*lead, (words.NONE,), ("0",), (words.NONE,)))
                continue
            others = ", ".join(row["x_text"] for row in some if row["row_alike"] and row is not best)
            shown = (best["x_text"], words.bare_percent(*_numbers(best)), others or "none")
            lines.append((*lead, *((text,) for text in shown)))
    if told[0]:
        header = ("map", *header)
    return Table(header, tuple(lines), frozenset({len(header) - 2}))


def _kind(frame: pd.DataFrame) -> str:
    """What the labels of a table's lines are of."""
    return "map" if frame["y_key"].iloc[0] else "line"


def _short(row: Row) -> str:
    return "; ".join(row[f"{name}_text"] for name in "xy" if row[f"{name}_key"])


def _is_end(rows: Sequence[Row], best: Row) -> bool:
    return any(not inner for _, inner in _at_ends(rows, best)) and not all(row["alike"] for row in rows)


def _edges(groups: Sequence[Sequence[Row]]) -> list[Block]:
    found = sum((best := _best(rows)) is not None and _is_end(rows, best) for rows in groups)
    if not found:
        return []
    return [
        Paragraph(
            (
                f"In {found} of {len(groups)} the best lies at an end of the range that was tried, and none within "
                "it is level with it, so there may be better beyond.",
            )
        )
    ]


def _note(frame: pd.DataFrame) -> str:
    what = "A place of the map" if frame["y_key"].iloc[0] else "A number"
    return (
        f'{what} "cannot be told" from the highest where no difference is shown: each is compared with that trial by '
        f"trial ({TESTS[frame['test'].iloc[0]]}, adjusted by Holm for the number of comparisons, 5 %)."
    )
