"""The loss over one or two parameters, with the ways of single trials on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcstudy.figures import style
from mcstudy.figures.canvas import LEGEND, Canvas, plain, trial_handles
from mcstudy.figures.layout import Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _GAP, _TITLE, _FOOT = 0.62, 0.62, 0.26, 0.4
_CURVE, _WAYS, _MAP = 1.35, 0.95, 3.1
_ROWS = 3
"""Rows of two panels on a page."""
_LEVELS = 12
_STEPS = [1, 2, 2.5, 5, 10]


def draw_landscapes(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """A panel for each landscape: a curve with the steps below it, or a map.

    Args:
        closeup: as `mcstudy.closeup` makes it: `shown`, of which each has `cell`, `title`, `names` (k,), `axes` (k
            arrays), `loss`, `threshold`, `steps` (checks,), `starts` and `ends` (trials, k), `converged` (trials,),
            `paths` (drawn, checks, k) and `drawn` (drawn,).
        keys: the varied keys; the titles tell them.

    Yields:
        The pages.
    """
    from matplotlib.lines import Line2D

    shown = closeup.shown
    height = max(_CURVE + _WAYS if len(one.names) == 1 else _MAP for one in shown) + _TITLE + _FOOT
    width = (style.WIDTH - 2 * _LEFT - _GAP / 2 - 0.15) / 2
    for first in range(0, len(shown), 2 * _ROWS):
        page = shown[first : first + 2 * _ROWS]
        canvas = Canvas(LEGEND + height * -(-len(page) // 2))
        handles, labels = trial_handles(), ["start and way of a trial that converged", "of one that did not"]
        if any(len(one.names) == 2 for one in page):
            square: dict[str, Any] = {"linestyle": "", "markeredgecolor": "k", "markersize": 4.2}
            handles.append(Line2D([], [], marker="s", markerfacecolor="0.8", **square))
            labels.append("its end")
        canvas.legend(handles, labels)
        for number, one in enumerate(page):
            left = _LEFT + (number % 2) * (width + _LEFT + _GAP / 2)
            top = LEGEND + (number // 2) * height
            canvas.text(left, top + 0.08, one.title, width - 0.36, bold=True)
            draw = _draw_curve if len(one.names) == 1 else _draw_map
            draw(canvas, one, left, top + _TITLE, width)
        yield Page(canvas.figure, frozenset(one.cell for one in page))


def _draw_curve(canvas: Canvas, one: Any, left: float, top: float, width: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    curve = canvas.axes(left, top, width, _CURVE)
    ways = canvas.axes(left, top + _CURVE, width, _WAYS)
    x = one.axes[0]
    curve.plot(x, one.loss, color="0.35", linewidth=1.0, zorder=2)
    finite = one.loss[np.isfinite(one.loss)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    # Starts on the curve, one row of marks for each kind below it.
    room = 0.2 * (high - low or 1.0)
    curve.set_ylim(low - room, high + 0.06 * (high - low or 1.0))
    for kind, which in (("failed", ~one.converged), ("converged", one.converged)):
        look = style.START_STYLES[kind]
        at = low - room * (0.42 if kind == "converged" else 0.72)
        marks: dict[str, Any] = {"color": look["color"], "linestyle": "", "zorder": 3}
        curve.plot(
            one.starts[which, 0], np.full(which.sum(), at), marker="|", markersize=4, markeredgewidth=0.6, **marks
        )
        ends = one.ends[which, 0]
        height = np.interp(ends, x, one.loss, left=np.nan, right=np.nan)
        curve.plot(ends, height, marker=look["marker"], markersize=4.5, markeredgewidth=1.2, alpha=0.7, **marks)
    _draw_ways(ways, one)
    for axes in (curve, ways):
        axes.set_xlim(x[0], x[-1])
        axes.xaxis.set_major_locator(MaxNLocator(7, steps=_STEPS))
        axes.xaxis.set_major_formatter(plain)
    curve.tick_params(labelbottom=False)
    curve.yaxis.set_major_locator(MaxNLocator(6, steps=_STEPS))
    curve.set_ylabel("evaluation loss")
    ways.set_ylabel("steps")
    ways.set_xlabel(f"{one.names[0]}", labelpad=1.0)
    ways.yaxis.set_major_locator(MaxNLocator(4, integer=True, steps=_STEPS))
    ways.yaxis.set_major_formatter(FuncFormatter(style.thousands))
    for axes in (curve, ways):
        axes.yaxis.set_label_coords(-0.5 / width, 0.5)


def _draw_ways(axes: Axes, one: Any) -> None:
    """The parameter over the steps, which run down."""
    last = 1
    for which, path in zip(one.converged[one.drawn], one.paths, strict=True):
        look = style.START_STYLES["converged" if which else "failed"]
        axes.plot(path[:, 0], one.steps, color=look["color"], linestyle=look["linestyle"], linewidth=0.7, alpha=0.8)
        moving = np.flatnonzero(np.isfinite(path[:, 0]))
        if which and len(moving):
            last = max(last, int(one.steps[moving[-1]]))
    # What fails stays where it is in the end: the steps until the slowest that is drawn has converged are enough.
    axes.set_ylim(last if one.converged.any() else int(one.steps[-1]), 0)


def _draw_map(canvas: Canvas, one: Any, left: float, top: float, width: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    axes = canvas.axes(left, top, width - 0.35, _MAP)
    with np.errstate(all="ignore"):
        values = np.where(np.isfinite(one.loss) & (one.loss > 0), one.loss, np.nan)
    least, most = (float(end(values)) if np.isfinite(values).any() else 1.0 for end in (np.nanmin, np.nanmax))
    low = max(least, one.threshold or 0.0, 1e-4 * most)
    low = low if low < 0.5 * most else max(1e-4 * most, min(least, 0.5 * most))
    levels = np.linspace(np.log10(low), np.log10(most), _LEVELS + 1)
    grey = LinearSegmentedColormap.from_list("loss", ["1.0", "0.55"])
    lost = np.isnan(one.loss) | (one.loss == np.inf)
    heights = np.clip(np.log10(np.where(np.isnan(values), np.where(lost, most, low), values)), levels[0], levels[-1])
    filled = axes.contourf(*one.axes, heights, levels=levels, cmap=grey, zorder=0)
    axes.contour(*one.axes, heights, levels=levels[1:-1], colors="0.5", linewidths=0.3, zorder=0.5)
    for which, path in zip(one.converged[one.drawn], one.paths, strict=True):
        look = style.START_STYLES["converged" if which else "failed"]
        line: dict[str, Any] = {"color": look["color"], "linewidth": 0.8, "alpha": 0.85, "zorder": 2}
        axes.plot(path[:, 0], path[:, 1], linestyle=look["linestyle"], **line)
    for kind, which in (("failed", ~one.converged), ("converged", one.converged)):
        look = style.START_STYLES[kind]
        size = 1.8 if kind == "converged" else 2.6
        marks: dict[str, Any] = {"color": look["color"], "linestyle": "", "zorder": 3}
        axes.plot(*one.starts[which].T, marker=look["marker"], markersize=size, markeredgewidth=0.6, alpha=0.6, **marks)
        drawn = one.ends[one.drawn][one.converged[one.drawn] == (kind == "converged")]
        edge: dict[str, Any] = {"markeredgecolor": "k", "markeredgewidth": 0.7}
        axes.plot(*drawn.T, marker="s", markersize=4.2, **edge, **(marks | {"zorder": 4}))
    axes.grid(False)
    axes.set_xlim(one.axes[0][0], one.axes[0][-1])
    axes.set_ylim(one.axes[1][0], one.axes[1][-1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=_STEPS))
        axis.set_major_formatter(plain)
    axes.set_xlabel(one.names[0], labelpad=1.0)
    axes.set_ylabel(one.names[1])
    axes.yaxis.set_label_coords(-0.5 / width, 0.5)
    bar = canvas.axes(left + width - 0.3, top, 0.1, _MAP)
    canvas.figure.colorbar(filled, cax=bar).outline.set_visible(False)  # type: ignore[operator]
    # Its name stands above it, so no number at its upper end.
    exponents = np.arange(np.ceil(levels[0]), levels[-1] - 0.03 * (levels[-1] - levels[0]))
    bar.set_yticks(exponents, [style.power_of_ten(10.0**e) for e in exponents])
    bar.tick_params(length=0)
    bar.set_title("loss", size=style.SMALL, loc="left", pad=2.0)
