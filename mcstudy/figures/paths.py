"""Loss, gradient and weights of single trials over the steps, those that converge beside those that fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.figures import style
from mcstudy.figures.canvas import Canvas
from mcstudy.figures.layout import Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _RIGHT, _GAP = 0.66, 0.75, 0.2
_TITLE, _HEAD, _TALL, _BETWEEN, _FOOT = 0.28, 0.18, 1.12, 0.09, 0.42
_NOTE = 0.12
"""Inches for the line that tells whose parameters are drawn."""
_CELLS = 2
"""Cells of a page."""
_SPAN = 1e6
"""Most that the axis of losses, or of norms, spans below the largest at the start."""


def draw_paths(closeup: Any, keys: Sequence[str]) -> Iterator[Page]:
    """Two columns for each cell, of trials that converged and of those that did not; rows of loss, gradient, weights.

    Args:
        closeup: as `mcstudy.closeup` makes it: `shown`, of which each has `cell`, `title`, `sample`, `names` (drawn
            parameters), `parameters`, `threshold`, `early` and `kinds`: "converged" and "failed" to `trials`, `steps`
            (checks,), `loss` and `norm` (trials, checks), `weights` (lines, checks, drawn parameters), `one`.
        keys: the varied keys; the titles tell them.

    Yields:
        The pages.
    """
    height = _TITLE + _HEAD + 3 * _TALL + 2 * _BETWEEN + _NOTE + _FOOT
    for first in range(0, len(closeup.shown), _CELLS):
        page = closeup.shown[first : first + _CELLS]
        canvas = Canvas(height * len(page))
        for number, one in enumerate(page):
            _draw_cell(canvas, one, number * height)
        yield Page(canvas.figure, frozenset(one.cell for one in page))


def _draw_cell(canvas: Canvas, one: Any, top: float) -> None:
    width = (style.WIDTH - _LEFT - _RIGHT - _GAP) / 2
    canvas.text(0.1, top + 0.1, one.title or "the only cell", style.WIDTH - 0.2, bold=True)
    limits = [_limits([getattr(kind, name) for kind in one.kinds.values()]) for name in ("loss", "norm")]
    if one.threshold and one.threshold > 0:
        low, high, zeros = limits[0]
        limits[0] = min(low, one.threshold / 1.6), max(high, 1.6 * one.threshold), zeros
    columns = []
    for column, name in enumerate(("converged", "failed")):
        left = _LEFT + column * (width + _GAP)
        kind = one.kinds.get(name)
        canvas.text(left, top + _TITLE, _head(one, name, kind), width)
        if kind is None:
            continue
        tops = [top + _TITLE + _HEAD + row * (_TALL + _BETWEEN) + _NOTE * (row == 2) for row in range(3)]
        loss, norm, weights = (canvas.axes(left, at, width, _TALL) for at in tops)
        steps = _places(kind.steps, one.early)
        _draw_lines(loss, steps, kind.loss, name, limits[0])
        _draw_lines(norm, steps, kind.norm, name, limits[1])
        _draw_weights(weights, one, kind, steps, name, last=column == 1 or "failed" not in one.kinds)
        if one.threshold and one.threshold > 0:
            loss.axhline(one.threshold, color="0.25", linewidth=0.8, linestyle=(0, (1, 2)))
        for axes in (loss, norm, weights):
            _steps(axes, kind.steps, one.early, axes is weights)
        columns.append((loss, norm, weights))
    for row, text in enumerate(("evaluation loss", "norm of its gradient", "parameters")):
        columns[0][row].set_ylabel(text)
        columns[0][row].yaxis.set_label_coords(-0.5 / width, 0.5)
    # Both columns on one scale, so its numbers stand once.
    ends = [axes[2].get_ylim() for axes in columns]
    for number, axes in enumerate(columns):
        axes[2].set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
        for each in axes:
            each.tick_params(labelleft=number == 0)


def _head(one: Any, name: str, kind: Any) -> str:
    if kind is None:
        return f"none of {one.sample} {name}"
    drawn = len(kind.loss)
    text = f"{name}: {kind.trials:,} of {one.sample}"
    return text + (f", the first {drawn} of them drawn" if drawn < kind.trials else "")


def _limits(parts: Sequence[NDArray[Any]]) -> tuple[float, float, bool]:
    """The ends of a logarithmic axis for all of them, and whether some are 0, which are drawn at its lower end."""
    values = np.concatenate([part[np.isfinite(part)] for part in parts]).astype(np.float64)
    positive = values[values > 0]
    if not len(positive):
        return 0.1, 10.0, True
    first = np.concatenate([part[:, 0] for part in parts])
    first = first[np.isfinite(first) & (first > 0)]
    high = float(positive.max())
    if len(first):
        high = min(high, 100.0 * float(first.max()))
    low = max(float(positive.min()), high / _SPAN)
    zeros = bool((values < low).any())
    return (10.0 ** (np.floor(np.log10(low)) - 1) if zeros else low / 1.6), high * 1.6, zeros


def _draw_lines(
    axes: Axes, steps: NDArray[Any], values: NDArray[Any], name: str, limits: tuple[float, float, bool]
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high, zeros = limits
    look = style.START_STYLES[name]
    for line in values:
        axes.plot(steps, np.clip(line, low, high * 10), color=look["color"], linewidth=0.7, alpha=0.7)
    axes.set_yscale("log")
    axes.set_ylim(low / 1.25 if zeros else low, high)
    axes.yaxis.set_major_locator(LogLocator(numticks=5))
    lowest = f"≤{style.power_of_ten(low)}"
    if zeros:
        # What lies below the axis, 0 too, is drawn at its foot.
        ticks = [tick for tick in LogLocator(numticks=5).tick_values(low * 5, high) if low * 5 < tick <= high]
        axes.set_yticks([low, *ticks])
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: lowest if zeros and v <= low * 1.01 else style.power_of_ten(v))
    )
    axes.yaxis.set_minor_locator(NullLocator())


def _draw_weights(axes: Axes, one: Any, kind: Any, steps: NDArray[Any], which: str, last: bool) -> None:
    """A colour for each of few parameters, for each layer's weights and biases of many."""
    values = np.where(np.isfinite(kind.weights), kind.weights, np.nan).astype(np.float64)
    labels = list(one.names)
    if len(labels) > style.LEVELS:
        labels = [name.partition("[")[0] for name in labels]
    places = list(dict.fromkeys(labels))
    colors = style.colors() if len(places) > 1 else [style.START_STYLES[which]["color"]]
    named: set[str] = set()
    for i, label in enumerate(labels):
        place = places.index(label)
        for line in values[:, :, i]:
            text = "_" if label in named else label
            named.add(label)
            look: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.8, "linestyle": style.DASHES[place % style.LEVELS]}
            axes.plot(steps, line, color=colors[place % len(colors)], label=text, **look)
    usable = values[np.isfinite(values)]
    if len(usable):
        low, high = np.quantile(usable, [0.002, 0.998])
        begun = values[:, 0][np.isfinite(values[:, 0])]
        low, high = np.min([low, *begun.ravel()]), np.max([high, *begun.ravel()])
        axes.set_ylim(low - 0.08 * (high - low or 1), high + 0.08 * (high - low or 1))
    if len(places) > 1 and last:
        side: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "frameon": False}
        for line in axes.legend(**side, labelspacing=0.25, handlelength=3.0, borderpad=0.2).get_lines():
            line.set(alpha=1.0, linewidth=1.3)
    text = places[0] if len(places) == 1 else ""
    if kind.one is not None:
        count = len(one.names)
        text = f"{count} of {one.parameters:,}" if count < one.parameters else f"all {count}"
        text += f" of trial {kind.one:,}"
    if text:
        corner: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "bottom", "size": style.SMALL}
        axes.text(1.0, 1.01, text, **corner)


def _places(steps: NDArray[Any], early: bool) -> NDArray[Any]:
    """Where steps are drawn: on a logarithmic scale 0 stands at half of the first check after it."""
    return np.maximum(steps, steps[1] / 2) if early and len(steps) > 1 else steps


def _steps(axes: Axes, steps: NDArray[Any], early: bool, named: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    last = max(int(steps[-1]), 1)
    if early and len(steps) > 1:
        zero = steps[1] / 2
        axes.set_xscale("log")
        axes.set_xlim(zero * 0.93, last * 1.05)
        powers = [10.0**e for e in range(len(str(last)))]
        axes.xaxis.set_major_locator(FixedLocator([zero, *(power for power in powers if power > zero * 1.5)]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: "0" if v == zero else style.thousands(v)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(-0.01 * last, 1.01 * last)
        ticks = MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10], prune="upper" if last >= 100_000 else None)
        axes.xaxis.set_major_locator(ticks)
        axes.xaxis.set_major_formatter(FuncFormatter(style.thousands))
    axes.tick_params(labelbottom=named)
    if named:
        axes.set_xlabel("steps (logarithmic after the first check)" if early else "steps", labelpad=1.0)
