"""What trained networks answer at single points: mirrored histograms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcstudy.figures import style
from mcstudy.figures.layout import MAX_PAGES, PAGE_HEIGHT, Page
from mcstudy.figures.surfaces import outcome_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT, _RIGHT, _GAP = 0.55, 0.15, 0.55
_LEGEND, _HEADER, _WORDS, _TALL, _FOOT = 0.3, 0.36, 0.18, 1.25, 0.42
_BAND = _HEADER + _WORDS + _TALL + _FOOT


def draw_probes(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """Pages of `mcstudy.closeup.probes.probes`, a band for each cell, a panel for each answer."""
    across = 2 if all(len(view.panels) == 1 for view in closeup.shown) else 1
    most = across * int((PAGE_HEIGHT - _LEGEND) / _BAND)
    for start in range(0, min(len(closeup.shown), most * MAX_PAGES), most):
        yield _page(closeup.shown[start : start + most], across)


def _page(views: Sequence[Any], across: int) -> Page:
    """A page of so many cells side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDTH, _LEGEND + _BAND * -(-len(views) // across)))
    FigureCanvasAgg(figure)
    outcome_legend(figure)
    columns = max([2, *(len(view.panels) for view in views)])
    for position, view in enumerate(views):
        row, column = divmod(position, across)
        _draw_view(figure, view, figure.get_figheight() - _LEGEND - row * _BAND, columns, column * (across - 1))
    return Page(figure, frozenset(view.cell for view in views))


def _draw_view(figure: Figure, view: Any, top: float, columns: int, first: int) -> None:
    """The panels of a cell, the leftmost of them in column `first`."""
    height = figure.get_figheight()
    wide = (style.WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    room = style.WIDTH - 0.2 if len(view.panels) > 1 else wide + _LEFT - 0.1
    text = style.wrapped(view.title or "the only cell", room, size=style.NORMAL, bold=True)
    place = (0.1 + first * (wide + _GAP)) / style.WIDTH, (top - _HEADER + 0.05) / height
    figure.text(*place, text, size=style.NORMAL, weight="bold", va="bottom")
    low = (top - _HEADER - _WORDS - _TALL) / height
    for column, panel in enumerate(view.panels, first):
        x = _LEFT + column * (wide + _GAP)
        axes = figure.add_axes((x / style.WIDTH, low, wide / style.WIDTH, _TALL / height))
        title = panel.title + (f" ({panel.missing:,} not finite)" if panel.missing else "")
        axes.set_title(style.fitted(title, wide, style.SMALL), size=style.SMALL)
        _bars(axes, panel, view.trials)
        axes.set_xlabel("output", size=style.SMALL, labelpad=1)
        if column == first:
            axes.set_ylabel("trials (%)", size=style.SMALL, labelpad=2)


def _bars(axes: Axes, panel: Any, trials: int) -> None:
    shares = 100 * panel.counts / trials
    axes.set_axisbelow(True)
    below = np.zeros(shares.shape[1])
    for code, look in enumerate(style.OUTCOME_STYLES.values()):
        start = np.zeros(shares.shape[1]) if code == 0 else below
        end = shares[code] if code == 0 else below - shares[code]
        if shares[code].any():
            fill = {"facecolor": look["color"], "hatch": look["hatch"], "edgecolor": "0.1", "linewidth": 0.3}
            axes.fill_between(panel.edges, np.append(end, end[-1]), np.append(start, start[-1]), step="post", **fill)
        if code:
            below = end
    axes.axhline(0.0, color="0.2", linewidth=0.8)
    if panel.target is not None:
        axes.axvline(panel.target, color="black", linewidth=1.1, linestyle=(0, (1.2, 1.2)))
    axes.set_xlim(panel.edges[0], panel.edges[-1])
    axes.locator_params(axis="x", nbins=4)
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
