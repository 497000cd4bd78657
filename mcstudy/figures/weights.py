"""The input weights of hidden units: a panel for each unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.figures import style
from mcstudy.figures.layout import MAX_PAGES, PAGE_HEIGHT, Page
from mcstudy.figures.surfaces import outcome_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

_LEFT, _RIGHT, _GAP = 0.95, 0.12, 0.14
_LEGEND, _HEADER, _WORDS, _BETWEEN, _FOOT = 0.3, 0.26, 0.16, 0.13, 0.38
_WIDEST = 1.7


def draw_weights(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """Pages of `mcstudy.closeup.weights.Weights`, a band for each cell: converged trials above all others."""
    pages: list[list[Any]] = [[]]
    used = _LEGEND
    for view in closeup.views:
        if pages[-1] and used + _tall(view) > PAGE_HEIGHT:
            pages.append([])
            used = _LEGEND
        pages[-1].append(view)
        used += _tall(view)
    for views in pages[:MAX_PAGES]:
        yield _page(views)


def _side(view: Any) -> float:
    units = view.weights.shape[1]
    return min(_WIDEST, (style.WIDTH - _LEFT - _RIGHT - (units - 1) * _GAP) / units)


def _tall(view: Any) -> float:
    return _HEADER + _WORDS + 2 * _side(view) + _BETWEEN + _FOOT


def _page(views: Sequence[Any]) -> Page:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDTH, _LEGEND + sum(map(_tall, views))))
    FigureCanvasAgg(figure)
    outcome_legend(figure)
    top = figure.get_figheight() - _LEGEND
    for view in views:
        _draw_view(figure, view, top)
        top -= _tall(view)
    return Page(figure, frozenset(view.cell for view in views))


def _draw_view(figure: Figure, view: Any, top: float) -> None:
    height, side = figure.get_figheight(), _side(view)
    text = style.fitted(view.title or "the only cell", style.WIDTH - 0.2, style.NORMAL, bold=True)
    figure.text(0.1 / style.WIDTH, (top - 0.17) / height, text, size=style.NORMAL, weight="bold")
    for row, name in enumerate(("converged", "others")):
        some = (view.outcome == 0) == (row == 0)
        low = top - _HEADER - _WORDS - (row + 1) * side - row * _BETWEEN
        middle = (low + side / 2) / height
        figure.text(0.1 / style.WIDTH, middle, f"{name}\n{int(some.sum()):,} trials", size=style.SMALL, va="center")
        for unit in range(view.weights.shape[1]):
            x = _LEFT + unit * (side + _GAP)
            axes = figure.add_axes((x / style.WIDTH, low / height, side / style.WIDTH, side / height))
            if row == 0:
                axes.set_title(f"unit {unit + 1}", size=style.SMALL)
            _points(axes, view.weights[some, unit], view.outcome[some], view.limit)
            axes.tick_params(labelbottom=row == 1, labelleft=unit == 0, length=2)
            if row == 1:
                axes.set_xlabel("weight of x₀", size=style.SMALL, labelpad=1)
            if unit == 0:
                axes.set_ylabel("weight of x₁", size=style.SMALL, labelpad=1)


def _points(axes: Axes, points: Array, outcome: Array, limit: float) -> None:
    axes.set_axisbelow(True)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.locator_params(nbins=4)
    axes.axhline(0.0, color="0.6", linewidth=0.6, zorder=1)
    axes.axvline(0.0, color="0.6", linewidth=0.6, zorder=1)
    for code, look in enumerate(style.OUTCOME_STYLES.values()):
        of = points[outcome == code]
        marks: dict[str, Any] = {"marker": style.MARKERS[code], "markersize": 2.6, "linestyle": ""}
        axes.plot(of[:, 0], of[:, 1], color=look["color"], markeredgecolor="0.2", markeredgewidth=0.25, **marks)
    outside = int(np.sum(~np.all(np.abs(points) <= limit, axis=1)))
    if outside:
        right: dict[str, Any] = {"ha": "right", "va": "top", "transform": axes.transAxes}
        axes.text(0.98, 0.98, f"{outside:,} outside", size=style.SMALL, **right)
