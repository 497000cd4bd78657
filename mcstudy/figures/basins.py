"""Where trials end that start on a grid of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.figures import style
from mcstudy.figures.canvas import Canvas, plain
from mcstudy.figures.layout import Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _TITLE, _FOOT, _LEGEND, _BETWEEN = 0.6, 0.26, 0.42, 0.3, 0.3
_MAP, _STRIP = 3.2, 1.5
_ROWS = 3
_PALE = 0.72
"""How much of the way to white the colour of a trial goes that converges at once."""


def draw_basins(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """A panel for each cell: an image over two parameters, or the steps against one.

    Args:
        closeup: as `mcstudy.closeup` makes it: `shown`, of which each has `cell`, `title`, `names` (k,), `axes` (k
            arrays), `outcome` (codes, the positions in `style.OUTCOME_STYLES`; others are drawn white) and `steps`, by
            the first and the second parameter, and `last`, the steps of a trial that does not stop before.
        keys: the varied keys; the titles tell them.

    Yields:
        The pages.
    """
    from matplotlib.patches import Patch

    shown = closeup.shown
    names = list(style.OUTCOME_STYLES)
    height = max(_STRIP if len(one.names) == 1 else _MAP for one in shown) + _TITLE + _FOOT
    width = (style.WIDTH - 2 * _LEFT - _BETWEEN) / 2
    for first in range(0, len(shown), 2 * _ROWS):
        page = shown[first : first + 2 * _ROWS]
        present = [name for code, name in enumerate(names) if any((one.outcome == code).any() for one in page)]
        canvas = Canvas(_LEGEND + height * -(-len(page) // 2))
        handles = [
            Patch(facecolor=style.OUTCOME_STYLES[name]["color"], edgecolor="0.1", linewidth=0.4) for name in present
        ]
        canvas.legend(handles, present)
        for number, one in enumerate(page):
            left = _LEFT + (number % 2) * (width + _LEFT)
            top = _LEGEND + (number // 2) * height
            canvas.text(left, top + 0.08, one.title, width - 0.36, bold=True)
            if len(one.names) == 1:
                _draw_strip(canvas.axes(left, top + _TITLE, width - 0.1, _STRIP), one, width)
            else:
                _draw_map(canvas, one, left, top + _TITLE, width)
        yield Page(canvas.figure, frozenset(one.cell for one in page))


def pixels(outcome: NDArray[Any], steps: NDArray[Any]) -> NDArray[Any]:
    """Colours (..., 3) of outcomes: of those that converged the paler, the fewer steps they took."""
    colors = np.array([_rgb(look["color"]) for look in style.OUTCOME_STYLES.values()])
    image = np.ones((*outcome.shape, 3))
    known = outcome < len(colors)
    image[known] = colors[outcome[known]]
    converged = outcome == 0
    most = max(1, int(steps[converged].max(initial=0)))
    share = _PALE * (1 - steps[converged][:, None] / most)
    image[converged] += share * (1 - image[converged])
    return image


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _draw_map(canvas: Canvas, one: Any, left: float, top: float, width: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes = canvas.axes(left, top, width - 0.55, _MAP)
    edges = [_ends(values) for values in one.axes]
    image = pixels(one.outcome, one.steps).transpose(1, 0, 2)
    axes.imshow(image, origin="lower", extent=(*edges[0], *edges[1]), aspect="auto", interpolation="nearest")
    axes.grid(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(plain)
    axes.set_xlabel(f"{one.names[0]} at the start", labelpad=1.0)
    axes.set_ylabel(f"{one.names[1]} at the start")
    axes.yaxis.set_label_coords(-0.45 / width, 0.5)
    converged = one.outcome == 0
    if converged.any():
        most = max(1, int(one.steps[converged].max()))
        dark = np.array(_rgb(style.OUTCOME_STYLES["converged"]["color"]))
        bar = canvas.axes(left + width - 0.5, top, 0.1, _MAP)
        shades = LinearSegmentedColormap.from_list("steps", [tuple(dark + _PALE * (1 - dark)), tuple(dark)])
        ramp = np.linspace(0, 1, 128)[:, None]
        bar.imshow(ramp, origin="lower", extent=(0, 1, 0, most), aspect="auto", cmap=shades)
        bar.grid(False)
        bar.set_xticks([])
        bar.yaxis.tick_right()
        # Its name stands above it, so no number at its upper end.
        bar.set_yticks([tick for tick in MaxNLocator(6, integer=True).tick_values(0, most) if 0 <= tick < 0.97 * most])
        bar.yaxis.set_major_formatter(FuncFormatter(style.thousands))
        bar.tick_params(length=0)
        bar.set_title("steps", size=style.SMALL, loc="left", pad=2.0)


def _ends(values: NDArray[Any]) -> tuple[float, float]:
    """Where an image of these values begins and ends, half a pixel beyond them."""
    half = (values[1] - values[0]) / 2 if len(values) > 1 else 0.5
    return float(values[0] - half), float(values[-1] + half)


def _draw_strip(axes: Axes, one: Any, width: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    x = one.axes[0]
    for code, look in enumerate(style.OUTCOME_STYLES.values()):
        here = one.outcome == code
        marker = style.MARKERS[code]
        edge: dict[str, Any] = {"markeredgecolor": "0.3", "markeredgewidth": 0.2}
        axes.plot(x[here], one.steps[here], marker, markersize=2.6, color=look["color"], **edge)
    axes.set_xlim(*_ends(x))
    axes.set_ylim(-0.03 * one.last, 1.04 * max(one.last, 1))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(style.thousands))
    axes.set_xlabel(f"{one.names[0]} at the start", labelpad=1.0)
    axes.set_ylabel("steps")
    axes.yaxis.set_label_coords(-0.48 / width, 0.5)
