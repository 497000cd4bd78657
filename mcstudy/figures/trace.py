"""Figures of one trial's training: its loss, its parameters, and which of its units were active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LINES = 200
_MOST_CHARTS = 12
_LEFT, _LEGEND, _TALL = 0.72, 1.3, 1.5
_HEAD, _FOOT, _GAP = 0.36, 0.42, 0.36
_YLABEL = -0.085, 0.5


@dataclass(frozen=True)
class Chart:
    """Values of one kind over the checks.

    Attributes:
        title: what they are.
        values: (checks, lines).
        labels: (lines,) their names.
        columns: neighbouring lines that belong to one unit.
    """

    title: str
    values: NDArray[Any]
    labels: Sequence[str]
    columns: int


@dataclass(frozen=True)
class Course:
    """One trial's training.

    Attributes:
        title: which trial it is, and how it ended.
        steps: (checks,) steps done at each check.
        loss: (checks,) evaluation loss there.
        threshold: the loss at which it counts as converged, or None.
        parameters: their values, layer by layer.
        activity: the percentage of the evaluation points at which each unit is active, layer by layer.
    """

    title: str
    steps: NDArray[Any]
    loss: NDArray[Any]
    threshold: float | None
    parameters: Sequence[Chart]
    activity: Sequence[Chart]


def draw_course(course: Course) -> dict[str, bytes]:
    """``loss.png``, ``parameters.png`` and ``activity.png``, the last two where there is something to draw."""
    with style.theme(), style.uncollected():
        figures = {"loss.png": _draw_loss(course)}
        if course.parameters:
            figures["parameters.png"] = _draw_charts(course, course.parameters, "value", _draw_lines)
        if course.activity:
            figures["activity.png"] = _draw_charts(course, course.activity, "% of the points", _draw_activity)
        return {name: style.png(figure) for name, figure in figures.items()}


def _draw_loss(course: Course) -> Figure:
    figure, [axes] = _page(course, 1, 2.3, legend=False)
    usable = course.loss[np.isfinite(course.loss) & (course.loss > 0)].astype(np.float64)
    axes.plot(course.steps, course.loss, color=style.colors()[0], marker=".", markersize=4, markeredgewidth=0)
    axes.set_ylabel("evaluation loss")
    if course.threshold is not None and course.threshold > 0:
        axes.axhline(course.threshold, color="0.25", linewidth=0.9, linestyle=(0, (1, 2)))
        usable = np.append(usable, course.threshold)
        place: dict[str, Any] = {"xytext": (4, 2), "textcoords": "offset points", "ha": "left", "va": "bottom"}
        label = f"counts as converged: {course.threshold:g}"
        axes.annotate(label, (0, course.threshold), xycoords=("axes fraction", "data"), size=style.SMALL, **place)
    if len(usable):
        _log(axes, float(usable.min()), float(usable.max()))
    return figure


def _draw_charts(course: Course, charts: Sequence[Chart], ylabel: str, draw: Any) -> Figure:
    shown = charts[:_MOST_CHARTS]
    figure, places = _page(course, len(shown), _TALL, legend=True)
    for chart, axes in zip(shown, places, strict=True):
        draw(axes, chart, course.steps, ylabel)
    if len(shown) < len(charts):
        text = f"the first {len(shown)} of {len(charts)} groups"
        figure.text(1 - 0.1 / style.WIDTH, 0.08 / figure.get_figheight(), text, size=style.SMALL, ha="right")
    return figure


def _draw_lines(axes: Axes, chart: Chart, steps: NDArray[Any], ylabel: str) -> None:
    """Few lines in a colour each; many in the colour of their unit, or of no unit where these are many too."""
    count, units = chart.values.shape[1], chart.values.shape[1] // chart.columns
    values = np.where(np.isfinite(chart.values), chart.values, np.nan)
    title = chart.title
    if count <= style.LEVELS:
        looks = zip(chart.labels, style.colors(), style.DASHES, strict=False)
        for i, (label, color, dash) in enumerate(looks):
            axes.plot(steps, values[:, i], color=color, linestyle=dash, label=label)
    else:
        every = np.unique(np.linspace(0, count - 1, min(count, _MOST_LINES)).round().astype(int))
        title += f", {count:,} of them" if len(every) == count else f", {len(every)} of {count:,}"
        coloured = 1 < units <= style.LEVELS
        colors = style.colors() if coloured else [style.colors()[0]]
        named: set[int] = set()
        for i in every:
            unit = int(i) // chart.columns if coloured else 0
            label = "_" if unit in named or not coloured else f"of unit {unit}"
            named.add(unit)
            axes.plot(steps, values[:, i], color=colors[unit], linewidth=0.7, alpha=0.6, label=label)
    axes.set_title(title, size=style.SMALL)
    axes.set_ylabel(ylabel)
    axes.yaxis.set_label_coords(*_YLABEL)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _legend(axes)


def _draw_activity(axes: Axes, chart: Chart, steps: NDArray[Any], ylabel: str) -> None:
    """Few units as lines, many as the rows of an image."""
    count = chart.values.shape[1]
    if count <= style.LEVELS:
        for i, (label, color, dash) in enumerate(zip(chart.labels, style.colors(), style.DASHES, strict=False)):
            axes.plot(steps, chart.values[:, i], color=color, linestyle=dash, label=label, clip_on=False)
        axes.set_ylim(-4, 104)
        axes.set_yticks([0, 25, 50, 75, 100])
        axes.set_ylabel(ylabel)
        axes.yaxis.set_label_coords(*_YLABEL)
        _legend(axes)
        axes.set_title(chart.title, size=style.SMALL)
        return
    edges = np.append(steps - np.diff(steps, prepend=0) / 2, steps[-1]) if len(steps) > 1 else np.array([-0.5, 0.5])
    look: dict[str, Any] = {"cmap": "viridis", "vmin": 0, "vmax": 100, "shading": "flat", "rasterized": True}
    image = axes.pcolormesh(edges, np.arange(count + 1) - 0.5, chart.values.T, **look)
    axes.grid(False)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_ylabel("unit")
    axes.yaxis.set_label_coords(*_YLABEL)
    axes.set_title(f"{chart.title} (colour, {ylabel})", size=style.SMALL)
    box = axes.get_position()
    bar = axes.figure.add_axes((box.x1 + 0.12 / style.WIDTH, box.y0, 0.12 / style.WIDTH, box.height))  # type: ignore[attr-defined]
    axes.figure.colorbar(image, cax=bar, ticks=[0, 50, 100]).outline.set_visible(False)
    bar.tick_params(labelsize=style.SMALL, length=0)


def _legend(axes: Axes) -> None:
    if any(not text.startswith("_") for text in axes.get_legend_handles_labels()[1]):
        place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "frameon": False}
        for line in axes.legend(**place, labelspacing=0.25, handlelength=2.2, borderpad=0.2).get_lines():
            line.set(alpha=1.0, linewidth=1.3)


def _page(course: Course, charts: int, tall: float, legend: bool) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes below each other, the title above, the steps below the last."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    right = _LEGEND if legend else 0.2
    height = _HEAD + charts * tall + (charts - 1) * _GAP + _FOOT + (0.16 if legend else 0.0)
    figure = Figure(figsize=(style.WIDTH, height))
    FigureCanvasAgg(figure)
    figure.text(
        0.1 / style.WIDTH,
        1 - 0.2 / height,
        style.fitted(course.title, style.WIDTH - 0.2, style.NORMAL, bold=True),
        size=style.NORMAL,
        weight="bold",
    )
    last = max(float(course.steps[-1]), 1.0)
    places = []
    for i in range(charts):
        low = _FOOT + (charts - 1 - i) * (tall + _GAP)
        width = style.WIDTH - _LEFT - right
        axes = figure.add_axes((_LEFT / style.WIDTH, low / height, width / style.WIDTH, tall / height))
        axes.set_xlim(-0.01 * last, 1.01 * last)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(style.thousands))
        axes.tick_params(labelbottom=i == charts - 1)
        axes.set_axisbelow(True)
        places.append(axes)
    places[-1].set_xlabel("steps")
    return figure, places


def _log(axes: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.set_ylim(low / 1.6, high * 1.6)
    narrow = high / low < 20  # too few powers of ten to read a scale from
    axes.yaxis.set_major_locator(LogLocator(numticks=6, subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{v:g}") if narrow else FuncFormatter(style.power_of_ten)
    )
    axes.yaxis.set_minor_formatter(NullFormatter())
