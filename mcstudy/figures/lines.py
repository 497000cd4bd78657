"""Figures over the steps: the share converged, and quantiles of the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcstudy.figures import style
from mcstudy.figures.layout import Band, Page, Panel, Sheet, bands, levels, page_of, pages, roles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_MARKS = 6
_MOST_PANELS = 32
LEGEND_WIDTH = 1.3
"""Inches of a label in a panel's own legend."""
_SPAN = 100.0
"""Most that the axis of losses spans above the losses at the start, and below the lowest threshold."""

Arranged = tuple[str | None, list[Band], bool]
"""The key that colours tell, the panels, and whether each needs a legend of its own."""


def draw_curves(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The share of trials converged against the steps, with its band.

    Args:
        frame: as `mcstudy.statistics.curves` returns it.
        keys: the varied keys.

    Yields:
        The pages.
    """
    # From zero, where every curve starts.
    limits = 0.0, style.percent_limits(frame["share"], frame["low"], frame["high"])[1]
    margin = 0.03 * (limits[1] - limits[0])
    percent = frame.assign(**{name: 100 * frame[name] for name in ("share", "low", "high")})

    def finish(axes: Axes, _: pd.DataFrame) -> None:
        axes.set_ylim(limits[0] - margin, limits[1] + margin)
        style.plain_percent(axes, "y")

    ylabel = "share of trials\nconverged (%)"
    yield from _draw(percent, by_colour(percent, keys), "share", ("low", "high"), ylabel, finish)


def draw_losses(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The median evaluation loss against the steps, with the band from the 10th to the 90th percentile.

    More cells than bands could be told apart for are drawn without bands.

    Args:
        frame: as `mcstudy.statistics.losses` returns it.
        keys: the varied keys.

    Yields:
        The pages.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = _loss_limits(frame)
    # What lies beyond the axis is drawn beyond it: an infinite loss leaves at the top, a zero at the bottom.
    names = ["q10", "median", "q90"]
    shown = frame.assign(**{name: frame[name].clip(low / 10, high * 10) for name in names})

    def finish(axes: Axes, rows: pd.DataFrame) -> None:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(LogLocator(numticks=4))
        axes.yaxis.set_major_formatter(FuncFormatter(style.power_of_ten))
        axes.yaxis.set_minor_locator(NullLocator())
        for threshold in rows["threshold"].dropna().unique():
            axes.axhline(threshold, color="0.25", linewidth=0.8, linestyle=(0, (1, 2)))

    apart = _by_panel(shown, keys)
    band = ("q10", "q90") if apart else None
    yield from _draw(shown, apart or by_colour(shown, keys), "median", band, "evaluation loss", finish, edged=True)


def _draw(
    frame: pd.DataFrame,
    arranged: Arranged,
    line: str,
    band: tuple[str, str] | None,
    ylabel: str,
    finish: Callable[[Axes, pd.DataFrame], None],
    edged: bool = False,
) -> Iterator[Page]:
    if not frame["step"].any():
        return  # nothing was trained
    hue, cut, own_legends = arranged
    hues = levels(frame, hue)
    count = sum(len(part.panels) for part in cut)
    plain = 2.2 if count == 1 else 1.7 if count <= 6 else 1.2
    sheet = Sheet(
        left=0.78,
        height=lambda panel: max(1.15, legend_height(panel.levels)) if own_legends else plain,
        xlabel="steps",
        ylabel=ylabel,
        legend=None if own_legends or hue is None else (hue, handles(len(hues)), hues),
        most=2 if own_legends else 4 if count > 24 else 3,
        inner=1.75 if own_legends else 0.0,
    )
    ends = [float(panel.rows["step"].max()) for part in cut for panel in part.panels]
    shared = max(ends) if min(ends) * 1.5 >= max(ends) else None
    for figure, placed in pages(cut, sheet):
        for panel, axes in placed:
            finish(axes, panel.rows)
            _steps(axes, shared or float(panel.rows["step"].max()))
            _lines(axes, panel, hue, panel.levels if own_legends else hues, line, band, edged)
            if own_legends:
                texts = [style.wrapped(level, LEGEND_WIDTH) for level in panel.levels]
                place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "frameon": False}
                axes.legend(handles(len(texts)), texts, **place, labelspacing=0.3, handlelength=2.2, borderpad=0.2)
        yield page_of(figure, placed)


def legend_height(names: Sequence[str]) -> float:
    """Height of a panel's own legend, inches."""
    return 0.1 + sum(0.16 + 0.115 * style.wrapped(name, LEGEND_WIDTH).count("\n") for name in names)


def by_colour(frame: pd.DataFrame, keys: Sequence[str]) -> Arranged:
    """Lines of one key in each panel, a panel for each combination of the others.

    Where no key has few enough levels for colours, the levels of the shortest are dealt out to several panels.
    """
    chosen = roles(frame, keys)
    others = [key for key in (chosen.y, chosen.panel, *chosen.bands) if key]
    if chosen.hue or not others:
        return chosen.hue, bands(frame, others[0] if others else None, others[1:]), False
    hue = min(others, key=lambda key: frame[key].nunique())
    others.remove(hue)
    hues = levels(frame, hue)
    if not others and len(hues) <= style.LEVELS:
        return hue, bands(frame, None, []), False
    size = -(-len(hues) // -(-len(hues) // 6))
    cut = []
    for outer in bands(frame, None, others):
        rows = outer.panels[0].rows
        panels = []
        for start in range(0, len(hues), size):
            some = tuple(hues[start : start + size])
            title = f"{hue}: {start + 1} to {start + len(some)} of {len(hues)}"
            panels.append(Panel(title, rows[rows[hue].isin(some)], some))
        cut.append(Band(outer.header, panels))
    return hue, cut, True


def _by_panel(frame: pd.DataFrame, keys: Sequence[str]) -> Arranged | None:
    """At most three lines in a panel, so that their bands can be told apart; None where that takes too many panels."""
    chosen = roles(frame, keys, most=3)
    others = [key for key in (chosen.y, chosen.panel, *chosen.bands) if key]
    hue = chosen.hue
    if len(others) == 1 and hue is None and frame[others[0]].nunique() <= 3:
        hue = others.pop()
    cut = bands(frame, others[0] if others else None, others[1:])
    return (hue, cut, False) if sum(len(part.panels) for part in cut) <= _MOST_PANELS else None


def _lines(
    axes: Axes,
    panel: Panel,
    hue: str | None,
    names: Sequence[str],
    line: str,
    band: tuple[str, str] | None,
    edged: bool,
) -> None:
    """The lines of a panel with their bands; the edges of wide bands, which lie over each other, are lines too."""
    parts = {level: part for level, part in panel.rows.groupby(hue, sort=False)} if hue else {"": panel.rows}
    for number, (name, color) in enumerate(zip(names, style.colors(), strict=False)):
        if name not in parts:
            continue
        columns = {column: parts[name][column].to_numpy() for column in ("step", line, *(band or ()))}
        gap = max(1, len(columns["step"]) // _MARKS)
        axes.plot(
            columns["step"],
            columns[line],
            color=color,
            linestyle=style.DASHES[number],
            marker=style.MARKERS[number],
            markersize=3.6,
            markeredgewidth=0,
            # The marks of one line stand between those of the others.
            markevery=(number * gap // max(1, len(names)) + gap // 3, gap),
        )
        if band:
            low, high = (columns[edge] for edge in band)
            axes.fill_between(columns["step"], low, high, color=color, alpha=0.07 if edged else 0.2, linewidth=0)
            for edge in (low, high) if edged else ():
                axes.plot(columns["step"], edge, color=color, linestyle=style.DASHES[number], linewidth=0.7)


def handles(count: int) -> list[Any]:
    """What a legend shows of the first so many levels."""
    from matplotlib.lines import Line2D

    looks = zip(style.colors()[:count], style.DASHES, style.MARKERS, strict=False)
    return [Line2D([], [], color=color, marker=marker, markersize=4, linestyle=dash) for color, dash, marker in looks]


def _steps(axes: Axes, last: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    last = max(last, 1.0)
    axes.set_xlim(-0.02 * last, 1.02 * last)
    width = axes.get_position().width * style.WIDTH / 1.04
    axes.xaxis.set_major_locator(FixedLocator(_ticks(int(last), width)))
    axes.xaxis.set_major_formatter(FuncFormatter(style.thousands))


def _ticks(last: int, width: float) -> list[int]:
    """Round numbers of steps from 0 on: as many of five to three as there is room for in `width` inches."""
    unit = 10.0 ** (len(str(last)) - 1)
    round_ones = [unit * factor for factor in (0.2, 0.25, 0.4, 0.5, 1, 2, 2.5, 4, 5)]
    apart = [round(step) for step in round_ones if step == round(step) and 2 <= last // step <= 4] or [1]
    room = (step for step in apart if width * step / last > style.text_width(f"{last:,}") + 0.1)
    return list(range(0, last + 1, next(room, apart[-1])))


def _loss_limits(frame: pd.DataFrame) -> tuple[float, float]:
    """The ends of the axis of losses: all that is finite and positive, within `_SPAN` of where it matters."""
    values = frame[["q10", "median", "q90"]].to_numpy(np.float64).ravel()
    usable = values[np.isfinite(values) & (values > 0)]
    low, high = (float(usable.min()), float(usable.max())) if len(usable) else (0.1, 1.0)
    first = frame.loc[frame["step"] == 0, "q90"].to_numpy(np.float64)
    first = first[np.isfinite(first) & (first > 0)]
    if len(first):
        high = min(high, _SPAN * float(first.max()))
    thresholds = frame["threshold"].dropna()
    if len(thresholds) and thresholds.min() > 0:
        low = min(max(low, float(thresholds.min()) / _SPAN), float(thresholds.min()))
    return low / 3, max(high, low) * 2
