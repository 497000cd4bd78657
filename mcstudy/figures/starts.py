"""Where trials start, those that converge and those that fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcstudy.figures import style
from mcstudy.figures.canvas import LEGEND, Canvas, plain, trial_handles
from mcstudy.figures.layout import Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _RIGHT, _TITLE, _FOOT = 0.6, 0.16, 0.26, 0.42
_HISTOGRAM, _SCATTER, _ROW = 1.35, 2.7, 0.15
_ACROSS = 2
_BINS = 60
_HATCHES = ("", "////////")
_MOST_ROWS = 24
"""Patterns of a panel; of more, those of most trials."""
_MOST_DOTS = 3000
"""Dots of a scatter, above which they hide each other."""


def draw_starts(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """A panel for each cell: a histogram of one parameter, a scatter of two, the rate of each pattern of signs of more.

    Args:
        closeup: as `mcstudy.closeup` makes it: `shown`, of which each has `cell`, `title`, `names`, `starts` (trials,
            names), `converged` (trials,), and `patterns`: signs to a count with `trials`, `converged` and `rate`.
        keys: the varied keys; the titles tell them.

    Yields:
        The page.
    """
    from matplotlib.patches import Patch

    shown = closeup.shown
    lines = [shown[i : i + _ACROSS] for i in range(0, len(shown), _ACROSS)]
    heights = [_TITLE + _FOOT + max(map(_height, line)) for line in lines]
    counts = {min(3, len(one.names)) for one in shown}
    head = LEGEND if counts & {1, 2} else 0.0
    canvas = Canvas(head + sum(heights))
    looks = [style.START_STYLES[kind] for kind in ("converged", "failed")]
    handles = trial_handles(line=False)
    if 1 in counts:
        handles = [Patch(**_bar(look, hatch)) for look, hatch in zip(looks, _HATCHES, strict=True)]
    if head:
        canvas.legend(handles, ["trials that converged", "trials that did not"])
    width = style.WIDTH / _ACROSS
    for row, line in enumerate(lines):
        top = head + sum(heights[:row])
        for number, one in enumerate(line):
            count = len(one.names)
            left = number * width + (_LEFT if count < 3 else _pattern_width(one))
            across = (number + 1) * width - left - _RIGHT
            canvas.text(number * width + 0.1, top + 0.08, one.title, width - 0.2, bold=True)
            axes = canvas.axes(left, top + _TITLE, across, _height(one))
            if count == 1:
                _draw_histogram(axes, one)
            elif count == 2:
                _draw_scatter(axes, one)
            else:
                _draw_patterns(axes, one)
            if count < 3:
                axes.yaxis.set_label_coords(-0.45 / across, 0.5)
    yield Page(canvas.figure, frozenset(one.cell for one in shown))


def _height(one: Any) -> float:
    if len(one.names) == 1:
        return _HISTOGRAM
    return _SCATTER if len(one.names) == 2 else max(1.0, _ROW * len(_patterns(one)))


def _bar(look: Any, hatch: str) -> dict[str, Any]:
    return {"facecolor": look["color"], "edgecolor": "white", "linewidth": 0.0, "hatch": hatch}


def _draw_histogram(axes: Axes, one: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    starts = one.starts[:, 0].astype(np.float64)
    low, high = starts.min(), starts.max()
    # Zero is an edge, so that no bar has starts of both signs.
    wide = (high - low or 1.0) / _BINS
    edges = wide * np.arange(np.floor(low / wide), np.ceil(high / wide) + 1)
    parts = [starts[one.converged], starts[~one.converged]]
    looks = [style.START_STYLES[kind] for kind in ("converged", "failed")]
    below = np.zeros(len(edges) - 1)
    for part, look, pattern in zip(parts, looks, _HATCHES, strict=True):
        counts = np.histogram(part, edges)[0].astype(float)
        axes.stairs(below + counts, edges, baseline=below, fill=True, **_bar(look, pattern))
        below += counts
    axes.axvline(0, color="0.2", linewidth=0.7)
    axes.set_ylim(0, 1.05 * max(1.0, below.max()))
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(plain)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(style.thousands))
    axes.set_xlabel(f"{one.names[0]} at the start", labelpad=1.0)
    axes.set_ylabel("trials")


def _draw_scatter(axes: Axes, one: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    every = -(-len(one.starts) // _MOST_DOTS)
    starts, converged = one.starts[::every], one.converged[::every]
    for kind, which in (("converged", converged), ("failed", ~converged)):
        look = style.START_STYLES[kind]
        marks: dict[str, Any] = {"color": look["color"], "linestyle": "", "alpha": 0.55, "rasterized": True}
        size = 1.9 if kind == "converged" else 2.4
        axes.plot(*starts[which].T, marker=look["marker"], markersize=size, markeredgewidth=0.5, **marks)
    axes.axhline(0, color="0.2", linewidth=0.7)
    axes.axvline(0, color="0.2", linewidth=0.7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(plain)
    axes.set_xlabel(f"{one.names[0]} at the start", labelpad=1.0)
    axes.set_ylabel(f"{one.names[1]} at the start")


def _patterns(one: Any) -> list[Any]:
    """The patterns that are drawn, in their order."""
    most = sorted(one.patterns, key=lambda pattern: -one.patterns[pattern].trials)[:_MOST_ROWS]
    return [pattern for pattern in one.patterns if pattern in most]


def _pattern_text(pattern: Any) -> str:
    return ", ".join(f"{name} {sign} 0" for name, sign in pattern)


def _pattern_width(one: Any) -> float:
    return 0.2 + max(style.text_width(_pattern_text(pattern)) for pattern in _patterns(one))


def _draw_patterns(axes: Axes, one: Any) -> None:
    look = style.START_STYLES["converged"]
    shown = _patterns(one)
    for row, count in enumerate(one.patterns[pattern] for pattern in shown):
        rate, low, high = (100 * value for value in count.rate)
        axes.hlines([row], [low], [high], color=look["color"], linewidth=1.5)
        axes.plot([rate], [row], marker=look["marker"], markersize=4, markeredgewidth=0, color=look["color"])
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color="0.95", linewidth=0, zorder=0)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_yticks(range(len(shown)), [_pattern_text(pattern) for pattern in shown])
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.set_xlim(-2, 102)
    style.plain_percent(axes, "x")
    axes.set_xlabel("share of the trials that converged (%)", labelpad=1.0)
