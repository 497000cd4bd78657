"""Figures with a mark per cell: rates as dots with intervals, outcomes as stacked bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.figures import style
from mcstudy.figures.layout import PAGE_HEIGHT, Band, Page, Panel, Sheet, bands, levels, page_of, pages, roles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LABEL_WIDTH = 2.3
_BAR = 0.165
_MOST_HEIGHT = PAGE_HEIGHT - 2.2
"""Inches of the rows of a page."""


def draw_rates(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The rate of each cell as a dot with its interval.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.

    Yields:
        The pages.
    """
    from matplotlib.lines import Line2D

    chosen = roles(frame, keys)
    hues = levels(frame, chosen.hue)
    colors = style.colors()
    rows = levels(frame, chosen.y)
    labels = {row: style.wrapped(row, _LABEL_WIDTH) for row in rows}
    tallest = max(label.count("\n") for label in labels.values())
    # Many rows are set closer if that spares a page.
    least = 0.25 if 0.25 * len(rows) <= _MOST_HEIGHT else 0.2
    unit = max(least, 0.12 * len(hues) + 0.08, 0.13 * tallest + 0.16)
    legend = None
    if chosen.hue:
        handles = [
            Line2D([], [], color=color, marker=marker, markersize=4.5, linewidth=1.3)
            for color, marker in zip(colors, style.MARKERS, strict=True)
        ]
        legend = (chosen.hue, handles[: len(hues)], hues)
    sheet = Sheet(
        left=_left([*labels.values(), chosen.y or ""]),
        height=lambda panel: unit * panel.rows[chosen.y].nunique() if chosen.y else unit * 1.5,
        xlabel="share of trials converged (%)",
        rows=chosen.y or "",
        legend=legend,
    )
    limits = style.percent_limits(frame["rate"], frame["rate_low"], frame["rate_high"])
    offsets = (np.arange(len(hues)) - (len(hues) - 1) / 2) * min(0.12 / unit, 0.3)
    for figure, placed in pages(_split(bands(frame, chosen.panel, chosen.bands), chosen.y, unit), sheet):
        for panel, axes in placed:
            shown = levels(panel.rows, chosen.y)
            at = {row: position for position, row in enumerate(shown)}
            for hue, offset, color, marker in zip(hues, offsets, colors, style.MARKERS, strict=False):
                part = panel.rows if chosen.hue is None else panel.rows[panel.rows[chosen.hue] == hue]
                y = [at[row] + offset for row in part[chosen.y]] if chosen.y else [offset] * len(part)
                x, low, high = (100 * part[name].to_numpy() for name in ("rate", "rate_low", "rate_high"))
                axes.hlines(y, low, high, color=color, linewidth=1.5)
                axes.plot(x, y, marker, color=color, markersize=4.6, markeredgewidth=0)
            style.banded_rows(axes, [labels[row] for row in shown])
            axes.set_xlim(limits[0] - 0.02 * (limits[1] - limits[0]), limits[1] + 0.02 * (limits[1] - limits[0]))
            style.plain_percent(axes, "x")
        yield page_of(figure, placed)


def draw_outcomes(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """How the trials of each cell ended, as a bar of shares.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.

    Yields:
        The pages.
    """
    looks = {name: (name, look) for name, look in style.OUTCOME_STYLES.items()}
    yield from _draw_shares(frame, keys, looks, "outcome")


def draw_causes(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """Why the trials of each cell failed, as a bar of shares.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.

    Yields:
        The pages; none where no trial failed.
    """
    if (frame["converged"] == frame["trials"]).all():
        return
    looks = {name: (f"cause_{name}", look) for name, look in style.CAUSE_STYLES.items()}
    present = {name: pair for name, pair in looks.items() if frame[pair[0]].any()}
    converged = {"converged": ("converged", style.OUTCOME_STYLES["converged"])} if frame["converged"].any() else {}
    told = {style.CAUSE_NAMES.get(name, name): pair for name, pair in present.items()}
    yield from _draw_shares(frame, keys, converged | told, "")


def _draw_shares(
    frame: pd.DataFrame, keys: Sequence[str], looks: Mapping[str, tuple[str, Mapping[str, str]]], title: str
) -> Iterator[Page]:
    """Shares of the trials as stacked bars; `looks` has, by the name in the legend, a column of counts and its look."""
    from matplotlib.patches import Patch

    chosen = roles(frame, keys)
    styles = {name: look for name, (_, look) in looks.items()}
    handles = [Patch(facecolor=s["color"], hatch=s["hatch"], edgecolor="0.1", linewidth=0.4) for s in styles.values()]
    rows, hues = levels(frame, chosen.y), levels(frame, chosen.hue)
    grouped = chosen.hue is not None
    short = {text: style.fitted(text, _LABEL_WIDTH) for text in [*rows, *hues]}
    per_row = (len(hues) + 1.15) if grouped else 1.25
    sheet = Sheet(
        left=_left([*short.values(), " / ".join(key for key in (chosen.y, chosen.hue) if key)]),
        height=lambda panel: _BAR * (per_row * len(levels(panel.rows, chosen.y)) + 0.3),
        xlabel="share of trials (%)",
        rows=" / ".join(key for key in (chosen.y, chosen.hue) if key),
        legend=(title, handles, list(styles)),
    )
    for figure, placed in pages(_split(bands(frame, chosen.panel, chosen.bands), chosen.y, _BAR * per_row), sheet):
        for panel, axes in placed:
            places: dict[tuple[str, str], float] = {}
            ticks, texts = [], []
            for index, row in enumerate(levels(panel.rows, chosen.y)):
                start = index * per_row
                if grouped:
                    ticks.append(start)
                    texts.append(short[row])
                for number, hue in enumerate(hues):
                    places[row, hue] = start + (number + 1 if grouped else 0)
                    ticks.append(places[row, hue])
                    texts.append(short[hue] if grouped else short[row])
            row_names = panel.rows[chosen.y] if chosen.y else [""] * len(panel.rows)
            hue_names = panel.rows[chosen.hue] if chosen.hue else [""] * len(panel.rows)
            y = np.array([places[pair] for pair in zip(row_names, hue_names, strict=True)])
            left = np.zeros(len(y))
            for column, look in looks.values():
                share = 100 * panel.rows[column].to_numpy() / panel.rows["trials"].to_numpy()
                some = share > 0
                _bars(axes, y[some], left[some], share[some], look)
                left += share
            axes.set_ylim(per_row * len(levels(panel.rows, chosen.y)) - 0.4, -0.7)
            axes.set_yticks(ticks, texts)
            axes.tick_params(axis="y", length=0)
            axes.grid(False, axis="y")
            axes.set_xlim(0, 100)
            style.plain_percent(axes, "x")
            if grouped:
                for label in axes.get_yticklabels()[:: len(hues) + 1]:
                    label.set_fontweight("bold")
        yield page_of(figure, placed)


def _bars(axes: Axes, y: NDArray[Any], left: NDArray[Any], width: NDArray[Any], look: Mapping[str, str]) -> None:
    """Bars as one path: a hatch is laid out once for a path, which takes longer than all else here."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if len(y):
        x = np.stack([left, left + width, left + width, left], axis=1)
        edges = y[:, None] + np.array([-0.4, -0.4, 0.4, 0.4])
        outlines = Path.make_compound_path_from_polys(np.stack([x, edges], axis=2))
        fill = {"facecolor": look["color"], "hatch": look["hatch"], "edgecolor": "0.1", "linewidth": 0.0}
        axes.add_patch(PathPatch(outlines, **fill))


def _left(labels: Iterable[str]) -> float:
    """Room for tick labels of one or more lines."""
    widths = [style.text_width(line, bold=True) for label in labels for line in label.split("\n")]
    return max(0.3, max(widths) + 0.22)


def _split(cut: Sequence[Band], y: str | None, unit: float) -> list[Band]:
    """Bands whose panels fit on a page: those with too many rows are cut into equal parts, the others stay."""
    most = max(1, int(_MOST_HEIGHT / unit))
    if y is None:
        return list(cut)
    parts: list[Band] = []
    for band in cut:
        names = levels(band.panels[0].rows, y)
        size = -(-len(names) // -(-len(names) // most))
        for start in range(0, len(names), size):
            some = set(names[start : start + size])
            panels = [replace(panel, rows=panel.rows[panel.rows[y].isin(some)]) for panel in band.panels]
            kept: list[Panel] = [panel for panel in panels if len(panel.rows)]
            parts.append(Band(band.header, kept))
    return parts
