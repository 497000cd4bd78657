"""The input weights of hidden units: a panel for each unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.figures import style
from mcstudy.figures.layout import MAX_PAGES, PAGE_HEIGHT, Page
from mcstudy.figures.surfaces import outcome_legend, outcome_mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

_LEFT, _RIGHT, _GAP, _MIDDLE = 0.5, 0.12, 0.1, 0.3
_LEGEND, _HEADER, _WORDS, _BETWEEN, _FOOT = 0.3, 0.26, 0.32, 0.4, 0.38
_BESIDE = 3
"""Most units for which converged trials stand beside the others, rather than above them."""


def draw_weights(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """Pages of `mcstudy.closeup.weights.weights`, a band for each cell: converged trials and all others."""
    pages: list[list[Any]] = [[]]
    used = _LEGEND
    for view in closeup.shown:
        if pages[-1] and used + _tall(view) > PAGE_HEIGHT:
            pages.append([])
            used = _LEGEND
        pages[-1].append(view)
        used += _tall(view)
    for views in pages[:MAX_PAGES]:
        yield _page(views)


def _side(view: Any) -> float:
    units = int(view.weights.shape[1])
    if units > _BESIDE:
        return (style.WIDTH - _LEFT - _RIGHT - (units - 1) * _GAP) / units
    return ((style.WIDTH - _LEFT - _RIGHT - _MIDDLE) / 2 - (units - 1) * _GAP) / units


def _tall(view: Any) -> float:
    rows = 2 if view.weights.shape[1] > _BESIDE else 1
    return _HEADER + _WORDS + rows * _side(view) + (rows - 1) * (_WORDS + _BETWEEN) + _FOOT


def _page(views: Sequence[Any]) -> Page:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDTH, _LEGEND + sum(map(_tall, views))))
    FigureCanvasAgg(figure)
    outcome_legend(figure, marks=True)
    top = figure.get_figheight() - _LEGEND
    for view in views:
        _draw_view(figure, view, top)
        top -= _tall(view)
    return Page(figure, frozenset(view.cell for view in views))


def _draw_view(figure: Figure, view: Any, top: float) -> None:
    height, side = figure.get_figheight(), _side(view)
    text = style.fitted(view.title or "the only cell", style.WIDTH - 0.2, style.NORMAL, bold=True)
    figure.text(0.1 / style.WIDTH, (top - 0.17) / height, text, size=style.NORMAL, weight="bold")
    units = view.weights.shape[1]
    beside = units <= _BESIDE
    converged = bool((view.outcome == 0).any())
    for group, name in enumerate(("converged", "others")):
        some = (view.outcome == 0) == (group == 0)
        left = _LEFT + (group * (units * (side + _GAP) - _GAP + _MIDDLE) if beside else 0.0)
        low = top - _HEADER - _WORDS - side - (0.0 if beside else group * (side + _WORDS + _BETWEEN))
        words = f"{name}: {int(some.sum()):,} trials"
        figure.text(left / style.WIDTH, (low + side + 0.19) / height, words, size=style.SMALL, style="italic")
        for unit in range(units if some.any() else 0):
            x = left + unit * (side + _GAP)
            axes = figure.add_axes((x / style.WIDTH, low / height, side / style.WIDTH, side / height))
            axes.set_title(f"unit {unit + 1}", size=style.SMALL)
            _points(axes, view.weights[some, unit], view.outcome[some], view.limit)
            first = unit == 0 and (group == 0 or not beside or not converged)
            axes.tick_params(labelleft=first, length=2)
            axes.set_xlabel(style.fitted(f"weight of {view.names[0]}", side), size=style.SMALL, labelpad=1)
            if first:
                axes.set_ylabel(style.fitted(f"weight of {view.names[1]}", side), size=style.SMALL, labelpad=1)


def _points(axes: Axes, points: Array, outcome: Array, limit: float) -> None:
    axes.set_axisbelow(True)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.locator_params(nbins=4)
    axes.axhline(0.0, color="0.6", linewidth=0.6, zorder=1)
    axes.axvline(0.0, color="0.6", linewidth=0.6, zorder=1)
    for code, look in enumerate(style.OUTCOME_STYLES.values()):
        of = points[outcome == code]
        if len(of):
            axes.plot(of[:, 0], of[:, 1], markersize=2.6, **outcome_mark(code, look["color"]))
    outside = int(np.sum(~np.all(np.abs(points) <= limit, axis=1)))
    if outside:
        right: dict[str, Any] = {"ha": "right", "va": "top", "transform": axes.transAxes}
        axes.text(0.98, 0.98, f"{outside:,} outside", size=style.SMALL, **right)
