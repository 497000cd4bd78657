"""The figure over cut-offs: what a success costs where trainings are given up and begun anew."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcstudy.figures import style
from mcstudy.figures.layout import Page, Panel, Sheet, levels, page_of, pages
from mcstudy.figures.lines import LEGEND_WIDTH, by_colour, handles, legend_height

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_ABOVE, _BELOW = 4.0, 1.6
"""How far the axis goes beyond the highest cost at a whole budget, and below the least of all."""
_SPAN = 1e4
"""Most that the axis spans: cells of a single success cost so much that the others could not be told apart."""


def draw_restarts(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The expected steps per success against the cut-off, with their band and the best one marked.

    Args:
        frame: as `mcstudy.statistics.restarts` returns it.
        keys: the varied keys.

    Yields:
        The pages; none where nothing converged or nothing was trained.
    """
    known = _known(frame)
    if known.empty:
        return
    hue, cut, own_legends = by_colour(known, keys)
    # Colours are those of the other figures, so cells that are not drawn keep theirs.
    hues = levels(known if own_legends else frame, hue)
    count = sum(len(part.panels) for part in cut)
    plain = 2.4 if count == 1 else 1.8 if count <= 6 else 1.35
    sheet = Sheet(
        left=0.86,
        height=lambda panel: max(1.35, legend_height(panel.levels)) if own_legends else plain,
        xlabel="steps after which a training is given up",
        ylabel="expected steps\nper success",
        legend=None if own_legends or hue is None else (hue, handles(len(hues)), hues),
        most=2 if own_legends else 3,
        inner=1.75 if own_legends else 0.0,
    )
    last = known.groupby("cell")["ert"].last()
    least = float(known["ert"].min())
    limits = least / _BELOW, min(float(last.max()), least * _SPAN) * _ABOVE
    ends = float(known["step"].min()) / 1.15, float(known["step"].max()) * 1.15
    for figure, placed in pages(cut, sheet):
        for panel, axes in placed:
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlim(*ends)
            axes.set_ylim(*limits)
            width, height = (side * axes.figure.bbox_inches.size[i] for i, side in enumerate(axes.get_position().size))
            _axis(axes.xaxis, *ends, width / 0.5)
            _axis(axes.yaxis, *limits, height / 0.2)
            _lines(axes, panel, hue, panel.levels if own_legends else hues, limits[1])
            if own_legends:
                texts = [style.wrapped(level, LEGEND_WIDTH) for level in panel.levels]
                place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "frameon": False}
                axes.legend(handles(len(texts)), texts, **place, labelspacing=0.3, handlelength=2.2, borderpad=0.2)
        yield page_of(figure, placed)


def drawn_cells(frame: pd.DataFrame) -> int:
    """How many cells there is a line for."""
    return int(_known(frame)["cell"].nunique())


def _known(frame: pd.DataFrame) -> pd.DataFrame:
    known = frame[np.isfinite(frame["ert"]) & (frame["ert"] > 0) & (frame["step"] > 0)]
    # One cut-off is no line.
    some: pd.DataFrame = known[known.groupby("cell")["step"].transform("size") > 1]
    return some


def _lines(axes: Axes, panel: Panel, hue: str | None, names: Sequence[str], top: float) -> None:
    parts = {level: part for level, part in panel.rows.groupby(hue, sort=False)} if hue else {"": panel.rows}
    for number, (name, color) in enumerate(zip(names, style.colors(), strict=False)):
        if name not in parts:
            continue
        part = parts[name]
        steps, cost, low, high = (
            part[column].to_numpy(np.float64) for column in ("step", "ert", "ert_low", "ert_high")
        )
        axes.fill_between(steps, low, np.minimum(high, 10 * top), color=color, alpha=0.2, linewidth=0)
        axes.plot(steps, cost, color=color, linestyle=style.DASHES[number])
        possible = np.where(part["possible"], cost, np.nan)
        axes.plot(steps, possible, color=color, linewidth=3.2, alpha=0.55, solid_capstyle="butt")
        best = part["best"].to_numpy(np.bool_)
        marker: dict[str, Any] = {"marker": style.MARKERS[number], "markersize": 6, "markeredgecolor": "black"}
        axes.plot(steps[best], cost[best], color=color, linestyle="none", **marker, markeredgewidth=0.8, zorder=5)


def _axis(axis: Any, low: float, high: float, room: float) -> None:
    """Round numbers on a logarithmic axis: as many of 1, 2 and 5 times powers of ten as there is room for."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices = [[factor * 10.0**power for power in powers for factor in wanted] for wanted in ((1, 2, 5), (1, 3), (1,))]
    choices += [[10.0**power for power in powers if power % apart == 0] for apart in (2, 3, 4, 6)]
    within = [[tick for tick in ticks if low <= tick <= high] for ticks in choices]
    # The finest that fits; where few round numbers lie within, the two ends of the choice may be all there is.
    chosen = next((ticks for ticks in within if len(ticks) <= max(2.0, room)), within[-1])
    axis.set_major_locator(FixedLocator(chosen))
    axis.set_major_formatter(FuncFormatter(_count))
    axis.set_minor_locator(NullLocator())


def _count(value: float, _: object = None) -> str:
    return style.thousands(value) if 1 <= value < 1e6 else style.power_of_ten(value)
