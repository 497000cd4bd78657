"""Pages whose panels are placed one by one, in inches from the upper left corner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEGEND = 0.26
"""Inches of a legend of one line."""


def prepare() -> None:
    """Import what draws, which else the first page does."""
    Canvas(1.0)
    with style.theme():
        pass


class Canvas:
    """An empty page of `style.WIDTH` × `height` inches."""

    def __init__(self, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.height = height
        self.figure = Figure(figsize=(style.WIDTH, height))
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes whose upper left corner is at (left, top)."""
        low = self.height - top - height
        box = (left / style.WIDTH, low / self.height, width / style.WIDTH, height / self.height)
        axes = self.figure.add_axes(box)
        axes.set_axisbelow(True)
        return axes

    def text(self, left: float, top: float, text: str, width: float, bold: bool = False) -> None:
        """One line of text below `top`, of at most `width` inches."""
        size = style.NORMAL if bold else style.SMALL
        look: dict[str, Any] = {"size": size, "weight": "bold" if bold else "normal", "va": "top"}
        place = left / style.WIDTH, 1 - top / self.height
        self.figure.text(*place, style.fitted(text, width, size, bold), **look)

    def legend(self, handles: Sequence[Any], labels: Sequence[str], left: float = 0.06) -> None:
        """A legend of one line at the top."""
        self.figure.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(left / style.WIDTH, 1 - 0.05 / self.height),
            ncol=len(labels),
            frameon=False,
            borderpad=0.0,
            borderaxespad=0.0,
            handlelength=2.2,
            columnspacing=1.4,
        )


def plain(value: float, _: object = None) -> str:
    """A label of an axis of parameters: as short as can be, of a power of ten too."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def trial_handles(kinds: Sequence[str] = ("converged", "failed"), line: bool = True) -> list[Any]:
    """What a legend shows for trials of these kinds."""
    from matplotlib.lines import Line2D

    found = []
    for kind in kinds:
        look = dict(style.START_STYLES[kind])
        if not line:
            look["linestyle"] = ""
        found.append(Line2D([], [], **look, markersize=3.6, linewidth=1.0))
    return found
