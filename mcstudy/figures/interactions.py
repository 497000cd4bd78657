"""Main effects on the log odds as dots with intervals, and the strongest interaction as a heat map."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mcstudy.figures import style
from mcstudy.figures.layout import MAX_PAGES, PAGE_HEIGHT, Band, Page, Panel, Sheet, levels, pages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LABEL_WIDTH = 2.3
_ROW = 0.2
_CELL = 0.24
_MOST_ROWS = int((PAGE_HEIGHT - 2.5) / _ROW)
_MOST_COLUMNS = 24

_LEAST = 0.5
"""Log odds at which a map has its strongest colour at the least: small interactions are to look small."""


def draw_interactions(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The main effects of each task's keys, then the effects of the levels of its strongest pair on one another.

    Args:
        frame: as `mcstudy.statistics.effects` returns it.
        keys: the varied keys.

    Yields:
        Two pages for a task at most, four in all.
    """
    done = 0
    for task in levels(frame, "task"):
        rows = frame[frame["task"] == task]
        for page in (*_mains(rows[rows["kind"] == "main"], keys), *_pair(rows)):
            if done == MAX_PAGES:
                return
            done += 1
            yield page


def main_effects(frame: pd.DataFrame) -> int:
    """How many levels a frame has the main effects of."""
    return int((frame["kind"] == "main").sum())


def _head(rows: pd.DataFrame) -> str:
    task = str(rows["task"].iloc[0])
    return f"task.name: {task}" if task else ""


def _mains(rows: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """A band of dots for each key; of many levels the first of each page's room."""
    panels = []
    for key in keys:
        part = rows[rows["key"] == key].iloc[:_MOST_ROWS]
        if len(part):
            panels.append(Panel("", part))
    cut = [Band(f"{_head(rows)}  ·  {key}" if _head(rows) else key, [panel]) for key, panel in _named(panels)]
    labels = {level: style.fitted(level, _LABEL_WIDTH) for level in rows["level"].unique()}
    sheet = Sheet(
        left=max(0.3, max(map(style.text_width, labels.values())) + 0.22),
        height=lambda panel: _ROW * (len(panel.rows) + 0.2),
        xlabel="odds of converging, as a multiple of the mean of all cells (logarithmic)",
    )
    low, high = float(rows["low"].min()), float(rows["high"].max())
    margin = 0.03 * (high - low)
    for figure, placed in pages(cut, sheet):
        for panel, axes in placed:
            y = np.arange(len(panel.rows))
            color = style.colors()[0]
            axes.axvline(0, color="0.5", linewidth=0.8)
            axes.hlines(y, panel.rows["low"], panel.rows["high"], color=color, linewidth=1.5)
            axes.plot(panel.rows["estimate"], y, "o", color=color, markersize=4.6, markeredgewidth=0)
            axes.set_ylim(len(y) - 0.4, -0.6)
            axes.set_yticks(y, [labels[level] for level in panel.rows["level"]])
            axes.tick_params(axis="y", length=0)
            axes.grid(False, axis="y")
            axes.set_xlim(low - margin, high + margin)
            ticks = _factors(low - margin, high + margin)
            axes.set_xticks([math.log(factor) for factor in ticks], list(map(_factor, ticks)))
        drawn = (panel.rows[["task", "key", "level"]].itertuples(index=False) for panel, _ in placed)
        yield Page(figure, frozenset(str(tuple(level)) for some in drawn for level in some))


def _factors(low: float, high: float) -> list[float]:
    """Round factors within the ends of an axis of their logarithms, at most nine: as fine as that allows."""
    decades = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
    fine = [1 + step / 100 for step in range(0, 900)]
    choices = (fine, fine[::2], fine[::5], fine[::10], fine[::20], (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
    narrow = [round(step * 0.05, 12) for step in range(1, 100)]
    for every in (1, 2, 4):
        within = [value for value in narrow[every - 1 :: every] if low < math.log(value) < high]
        if 3 <= len(within) <= 9:
            return within
    for choice in choices:
        made = {round(digit * 10.0**decade, 12) for decade in decades for digit in choice}
        # Below 1 the same factors turned over would not be round; above it they are.
        within = sorted(value for value in made if low < math.log(value) < high)
        if len(within) <= 9:
            return within
    every = -(-len(decades) // 8)
    return [10.0**decade for decade in decades if decade % every == 0 and low < decade * math.log(10) < high]


def _factor(value: float) -> str:
    return f"{value:g}" if 1e-3 < value < 1e5 else style.power_of_ten(value)


def _named(panels: Sequence[Panel]) -> Iterator[tuple[str, Panel]]:
    for panel in panels:
        yield str(panel.rows["key"].iloc[0]), panel


def _pair(rows: pd.DataFrame) -> Iterator[Page]:
    """The interaction of the pair that explains most, where one is clear."""
    pairs = rows[(rows["kind"] == "pair") & (rows["p"] < 0.05)]
    shares = rows[(rows["kind"] == "share") & (rows["other_key"] != "")].sort_values(
        "estimate", ascending=False, kind="stable"
    )
    for share in shares.to_dict("records"):
        of = (rows["kind"] == "pair") & (rows["key"] == share["key"]) & (rows["other_key"] == share["other_key"])
        some = rows[of]
        if pairs.index.intersection(some.index).size and share["estimate"] > 0:
            yield from _map(some, share["key"], share["other_key"])
            return


def _map(rows: pd.DataFrame, key: str, other: str) -> Iterator[Page]:
    across, down = levels(rows, "level"), levels(rows, "other_level")
    names = key, other
    if len(across) > len(down):
        across, down, names = down, across, (other, key)
        rows = rows.assign(level=rows["other_level"], other_level=rows["level"])
    down, across = down[:_MOST_ROWS], across[:_MOST_COLUMNS]
    rows = rows[rows["level"].isin(across) & rows["other_level"].isin(down)]
    labels = [style.fitted(level, _LABEL_WIDTH) for level in down]
    head = f"{_head(rows)}  ·  " if _head(rows) else ""
    title = f"{head}{names[0]} (columns) with {names[1]} (rows)"
    sheet = Sheet(
        left=max(0.3, max(map(style.text_width, labels)) + 0.22),
        height=lambda panel: _CELL * len(down),
        xlabel=names[0],
    )
    for figure, placed in pages([Band(title, [Panel("", rows)])], sheet):
        ((_, axes),) = placed
        _cells(axes, rows, across, down)
        axes.set_yticks(range(len(down)), labels)
        yield Page(figure, frozenset())


def _cells(axes: Axes, rows: pd.DataFrame, across: Sequence[str], down: Sequence[str]) -> None:
    import matplotlib as mpl
    from matplotlib.patches import Rectangle

    most = max(float(rows["estimate"].abs().max()), _LEAST)
    colors = mpl.colormaps["PuOr"]
    wide = axes.get_position().width * style.WIDTH / len(across)
    for row in rows.to_dict("records"):
        x, y = across.index(row["level"]), down.index(row["other_level"])
        # The ends of the map are too dark for what is printed on them.
        color = colors(0.5 + 0.27 * row["estimate"] / most)
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="white", linewidth=0.5))
        text = f"{round(row['estimate'], 2) + 0.0:+.2f}"
        weight = "bold" if row["p"] < 0.05 else "normal"
        if style.text_width(text, bold=weight == "bold") + 0.06 < wide:
            axes.text(x, y, text, size=style.SMALL, ha="center", va="center", weight=weight)
    axes.set_xlim(-0.5, len(across) - 0.5)
    axes.set_ylim(len(down) - 0.5, -0.5)
    axes.set_xticks(range(len(across)), [style.fitted(level, wide - 0.06) for level in across])
    axes.grid(False)
    axes.tick_params(length=0)
