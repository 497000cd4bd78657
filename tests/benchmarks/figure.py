"""The figure: how many times as long each peer takes, and the share of the peak over the hidden width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.figures import style

from .rows import Row
from .workloads import SWEEP_GOAL, WORKLOADS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 0.36
"""Height of a workload's row, inches."""
TOP, BOTTOM, GAP, SWEPT = 0.62, 0.5, 0.72, 1.9
LEFT, RIGHT = 1.35, 0.25


def draw(rows: Sequence[Row]) -> bytes:
    """The figure of some rows, as PNG: one panel of speed, one of the sweep, or what there is of the two."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    speeds = [row for row in rows if row.section == "speed" and not math.isnan(row.value)]
    swept = [row for row in rows if row.section == "sweep"]
    names = [each.name for each in WORKLOADS if any(row.workload == each.name for row in speeds)]
    tall = ROW * len(names)
    heights = [part for part in (TOP + tall + BOTTOM if names else 0, TOP + SWEPT + BOTTOM if swept else 0) if part]
    with style.theme():
        figure = Figure(figsize=(style.WIDTH, max(1.0, sum(heights))))
        FigureCanvasAgg(figure)
        at = figure.get_figheight()
        if names:
            at -= TOP + tall
            _speed(_axes(figure, at, tall), speeds, names)
            at -= BOTTOM
        if swept:
            at -= TOP + SWEPT
            _sweep(_axes(figure, at, SWEPT), swept)
        return style.png(figure)


def _axes(figure: Any, bottom: float, height: float) -> Axes:
    wide, high = figure.get_figwidth(), figure.get_figheight()
    made: Axes = figure.add_axes((LEFT / wide, bottom / high, (wide - LEFT - RIGHT) / wide, height / high))
    return made


def _speed(axes: Axes, rows: Sequence[Row], names: Sequence[str]) -> None:
    """A row per workload, a mark per peer, a bar where a goal is."""
    from matplotlib.lines import Line2D

    peers = list(dict.fromkeys(row.subject for row in rows))
    looks = dict(zip(peers, zip(style.colors(), style.MARKERS, strict=False), strict=False))
    style.banded_rows(axes, names)
    step = 0.8 / len(peers)
    for row in rows:
        color, marker = looks[row.subject]
        y = names.index(row.workload) - 0.4 + (peers.index(row.subject) + 0.5) * step
        axes.plot([row.low, row.high], [y, y], color=color, linewidth=1.5)
        axes.plot([row.value], [y], color=color, marker=marker, markersize=5.5, markeredgewidth=0)
        if row.goal is not None:
            middle = names.index(row.workload)
            axes.plot([row.goal.value] * 2, [middle - 0.45, middle + 0.45], color="0.1", linewidth=1.4, zorder=1.5)
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    axes.set_xscale("log")
    axes.set_xlim(min(1.0, low) / 1.15, high * 1.3)
    axes.xaxis.set_major_formatter(style.thousands)
    axes.axvline(1, color="0.6", linewidth=0.8)
    axes.set_xlabel("times as long as mcstudy takes for the same work, on the same cores")
    handles: list[Any] = [
        Line2D([], [], color=looks[peer][0], marker=looks[peer][1], markersize=5.5, markeredgewidth=0) for peer in peers
    ]
    handles.append(Line2D([], [], color="0.1", linewidth=0, marker="|", markersize=9, markeredgewidth=1.4))
    _legend(axes, handles, [*peers, "goal, of JAX"])


def _sweep(axes: Axes, rows: Sequence[Row]) -> None:
    """A line per batch over the hidden width."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import NullLocator

    subjects = list(dict.fromkeys(row.subject for row in rows))
    handles: list[Any] = []
    for subject, color, marker, dash in zip(subjects, style.colors(), style.MARKERS, style.DASHES, strict=False):
        chosen = [row for row in rows if row.subject == subject]
        x = [float(row.workload) for row in chosen]
        look: Any = {"color": color, "marker": marker, "markersize": 5.5, "markeredgewidth": 0, "linestyle": dash}
        axes.plot(x, [row.value for row in chosen], **look)
        axes.vlines(x, [row.low for row in chosen], [row.high for row in chosen], color=color, linewidth=1.5)
        handles.append(Line2D([], [], **look))
    axes.axhline(SWEEP_GOAL.value, color="0.1", linewidth=1.4)
    handles.append(Line2D([], [], color="0.1", linewidth=1.4))
    widths = sorted({int(row.workload) for row in rows})
    axes.set_xscale("log")
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, max(60.0, 1.05 * max(row.high for row in rows)))
    axes.set_xlabel("hidden width n of 2-n-n-1, relu, SGD")
    axes.set_ylabel("share of the peak (%)")
    names = {"batch 1": "one sample a step", "batch 32": "32 samples a step"}
    _legend(axes, handles, [*(names.get(subject, subject) for subject in subjects), "goal, at least"])


def _legend(axes: Axes, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Above the panel, in up to two lines."""
    columns = len(labels) if len(labels) <= 5 else -(-len(labels) // 2)
    axes.legend(
        handles,
        labels,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        frameon=False,
        borderaxespad=0.2,
        handletextpad=0.5,
        columnspacing=1.4,
    )
