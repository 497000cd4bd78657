"""What networks of two inputs compute: shaded surfaces, contours, and the lines that bend them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.figures import style
from mcstudy.figures.layout import MAX_PAGES, PAGE_HEIGHT, Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

_LEFT, _RIGHT, _GAP = 0.5, 0.12, 0.14
_LEGEND, _HEADER, _WORDS, _BAR, _BETWEEN, _FOOT = 0.3, 0.26, 0.44, 0.07, 0.13, 0.32
_COLUMNS = 5
_SIDE = (style.WIDTH - _LEFT - _RIGHT - (_COLUMNS - 1) * _GAP) / _COLUMNS
_TALL = _HEADER + _WORDS + _BAR + 0.05 + 2 * _SIDE + _BETWEEN + _FOOT
_LEVELS = 10
_LIGHT = np.array([-0.5, 0.5, np.sqrt(0.5)])
"""Where the light comes from: the upper left."""
_STEEPNESS = 1.25
"""The sides of the picture, in heights of the target."""


def draw_surfaces(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """Pages of `mcstudy.closeup.surfaces.surfaces`, a band for each cell."""
    most = int((PAGE_HEIGHT - _LEGEND) / _TALL)
    views = closeup.shown[: most * MAX_PAGES]
    for start in range(0, len(views), most):
        yield _page(views[start : start + most])


def _page(views: Sequence[Any]) -> Page:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = _LEGEND + _TALL * len(views)
    figure = Figure(figsize=(style.WIDTH, height))
    FigureCanvasAgg(figure)
    outcome_legend(figure)
    for position, view in enumerate(views):
        _draw_view(figure, view, height - _LEGEND - position * _TALL)
    return Page(figure, frozenset(view.cell for view in views))


def outcome_mark(code: int, color: str) -> dict[str, Any]:
    """How a point of a trial of one outcome looks."""
    return {
        "marker": style.MARKERS[code],
        "color": color,
        "markeredgecolor": "0.2",
        "markeredgewidth": 0.25,
        "linestyle": "",
    }


def outcome_legend(figure: Figure, marks: bool = False) -> None:
    """A line that names the colours of the outcomes, or their marks, at the top of a page."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    looks = list(style.OUTCOME_STYLES.values())
    handles: list[Any] = [
        Patch(facecolor=look["color"], hatch=look["hatch"], edgecolor="0.1", linewidth=0.3) for look in looks
    ]
    if marks:
        handles = [Line2D([], [], markersize=4, **outcome_mark(i, look["color"])) for i, look in enumerate(looks)]
    figure.legend(
        handles,
        list(style.OUTCOME_STYLES),
        loc="upper left",
        bbox_to_anchor=(0.06 / style.WIDTH, 1 - 0.06 / figure.get_figheight()),
        ncol=len(handles),
        frameon=False,
        borderpad=0.0,
        borderaxespad=0.0,
        handlelength=2.0,
    )


def _draw_view(figure: Figure, view: Any, top: float) -> None:
    """One cell's target and solutions, side by side, below `top` inches."""
    height = figure.get_figheight()
    text = style.fitted(view.title or "the only cell", style.WIDTH - 0.2, style.NORMAL, bold=True)
    figure.text(0.1 / style.WIDTH, (top - 0.17) / height, text, size=style.NORMAL, weight="bold")
    known = [view.ground.answers] if view.target is None else [view.target]
    low, high = min(map(np.min, known)), max(map(np.max, known))
    limits = (low, high) if high > low else (low - 0.5, high + 0.5)
    shaded_at = top - _HEADER - _WORDS - _BAR - 0.05 - _SIDE
    for column in range(1 + len(view.shown)):
        x = _LEFT + column * (_SIDE + _GAP)
        surface = view.shown[column - 1] if column else None
        heights = surface.heights if surface else view.target
        where = x / style.WIDTH, _SIDE / style.WIDTH, _SIDE / height
        upper = figure.add_axes((where[0], shaded_at / height, *where[1:]))
        lower = figure.add_axes((where[0], (shaded_at - _BETWEEN - _SIDE) / height, *where[1:]))
        for axes in (upper, lower):
            _frame(axes, view, column == 0, axes is lower)
        if heights is None:
            for axes in (upper, lower):
                _scatter(axes, view, limits)
        else:
            _shade(upper, heights, view, limits)
            _contours(lower, heights, view, limits)
        words_at = shaded_at + _SIDE + 0.05
        if surface is None:
            figure.text(where[0], words_at / height, "target", size=style.SMALL, va="bottom")
        else:
            _lines(lower, surface.solution.units, view)
            _outcomes(figure, surface.solution, x, words_at)
            _words(figure, surface.solution, x, words_at + _BAR + 0.02)


def _frame(axes: Axes, view: Any, first: bool, lower: bool) -> None:
    axes.grid(False)
    ground = view.ground
    axes.set_xlim(ground.low[0], ground.high[0])
    axes.set_ylim(ground.low[1], ground.high[1])
    axes.locator_params(nbins=3)
    axes.tick_params(labelbottom=lower, labelleft=first, length=2)
    if lower:
        axes.set_xlabel(style.fitted(view.names[0], _SIDE, style.SMALL), size=style.SMALL, labelpad=1)
    if first:
        axes.set_ylabel(style.fitted(view.names[1], _SIDE, style.SMALL), size=style.SMALL, labelpad=1)


def _shade(axes: Axes, heights: Array, view: Any, limits: tuple[float, float]) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import LightSource

    low, high = limits
    scaled = (heights - low) / (high - low)
    colours = colormaps["viridis"](np.clip(scaled, 0.0, 1.0))[:, :, :3]
    # Not matplotlib's own light, which stretches the brightness of each picture, so that planes show their roundings.
    up, right = np.gradient(scaled, _STEEPNESS / (len(heights) - 1))
    bright = (_LIGHT[2] - right * _LIGHT[0] - up * _LIGHT[1]) / np.sqrt(1 + right**2 + up**2)
    picture = LightSource().blend_soft_light(colours, np.clip(bright, 0.0, 1.0)[:, :, None])
    ground = view.ground
    extent = (ground.low[0], ground.high[0], ground.low[1], ground.high[1])
    axes.imshow(picture, origin="lower", extent=extent, aspect="auto", interpolation="bilinear")


def _contours(axes: Axes, heights: Array, view: Any, limits: tuple[float, float]) -> None:
    low, high = limits
    levels = np.linspace(low, high, _LEVELS + 1)[1:-1]
    ground = view.ground
    x, y = (np.linspace(ground.low[k], ground.high[k], len(heights)) for k in (0, 1))
    # The roundings of a constant are no shape.
    varies = heights.max() - heights.min() > 1e-3 * (high - low)
    if varies and heights.min() < levels[-1] and heights.max() > levels[0]:
        axes.contour(x, y, heights, levels=levels, cmap="viridis", vmin=low, vmax=high, linewidths=0.9)


def _scatter(axes: Axes, view: Any, limits: tuple[float, float]) -> None:
    """The targets of samples, where they are known nowhere else."""
    ground = view.ground
    axes.scatter(
        ground.points[:, 0],
        ground.points[:, 1],
        c=ground.answers,
        cmap="viridis",
        vmin=limits[0],
        vmax=limits[1],
        s=9,
        linewidths=0.3,
        edgecolors="0.2",
    )


def _lines(axes: Axes, units: Array, view: Any) -> None:
    """The line of each unit, with ticks on the side where its sum is above 0."""
    from matplotlib.collections import LineCollection

    low, size = view.ground.low, view.ground.high - view.ground.low
    parts: list[Array] = []
    for w0, w1, b in units:
        # In a square of side 1, so that ticks stand upright on the line as it is drawn.
        normal = np.array([w0 * size[0], w1 * size[1]], np.float64)
        offset = float(b) + float(w0 * low[0] + w1 * low[1])
        length = float(np.hypot(*normal))
        if not length > 0:
            continue
        normal, offset = normal / length, offset / length
        along = np.array([-normal[1], normal[0]])
        nearest = 0.5 - normal * (normal @ np.array([0.5, 0.5]) + offset)
        feet = nearest + np.linspace(-0.7, 0.7, 15)[:, None] * along
        parts += [low + size * np.stack([foot, foot + 0.03 * normal]) for foot in feet]
        parts.append(low + size * (nearest + np.array([[-0.75], [0.75]]) * along))
    widths = [1.2 if number % 16 == 15 else 0.7 for number in range(len(parts))]
    axes.add_collection(LineCollection(parts, colors="0.1", linewidths=widths), autolim=False)


def _outcomes(figure: Figure, solution: Any, x: float, y: float) -> None:
    """A bar of the outcomes of a solution's trials."""
    from matplotlib.patches import Rectangle

    height = figure.get_figheight()
    total, left = sum(solution.outcomes), 0.0
    for count, look in zip(solution.outcomes, style.OUTCOME_STYLES.values(), strict=True):
        if count:
            share = count / total
            figure.add_artist(
                Rectangle(
                    ((x + left * _SIDE) / style.WIDTH, y / height),
                    share * _SIDE / style.WIDTH,
                    _BAR / height,
                    facecolor=look["color"],
                    hatch=look["hatch"],
                    edgecolor="0.1",
                    linewidth=0.3,
                    transform=figure.transFigure,
                )
            )
            left += share


def _words(figure: Figure, solution: Any, x: float, y: float) -> None:
    height = figure.get_figheight()
    ends = math.floor(100 * solution.low + 1e-9), math.ceil(100 * solution.high - 1e-9)
    share = f"{100 * solution.share:.0f} % ({ends[0]} to {ends[1]})"
    loss = f"loss {solution.loss:.2g}, trial {solution.medoid:,}".replace("inf", "∞")
    for row, text in enumerate((loss, share, solution.name)):
        shown = style.fitted(text, _SIDE, style.SMALL, bold=row == 2)
        weight = "bold" if row == 2 else "normal"
        at = (y + row * 0.13) / height
        figure.text(x / style.WIDTH, at, shown, size=style.SMALL, va="bottom", weight=weight)
