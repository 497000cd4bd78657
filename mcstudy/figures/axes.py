"""Rates over numbers: lines over one axis, heat maps over two, with the optimum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy.figures import style
from mcstudy.figures.layout import Page, Panel, Sheet, bands, levels, page_of, pages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

_HIDDEN = "network.hidden"
_FEW_HUES = 6
_ROW, _LEAST_ROWS = 0.26, 3
_SHADES = 5
_SHORT = 2.5
"""Decades of an axis that has more round numbers than powers of ten."""
_BEST: dict[str, Any] = {
    "marker": "o",
    "markersize": 10.0,
    "markerfacecolor": "none",
    "markeredgecolor": "0.1",
    "clip_on": False,
}
_BEST_WIDTH, _ALIKE_WIDTH = 1.8, 0.6


def draw_axes(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The rate over the numbers of one axis as lines, or of two as heat maps.

    Args:
        frame: as `mcstudy.statistics.axes` returns it.
        keys: the varied keys.

    Yields:
        The pages; none where widths are the only axis, which the figure of the size shows.
    """
    if frame.empty:
        return
    if (frame["y_key"] != "").any():
        yield from _maps(frame, keys)
    elif (frame["x_key"] != _HIDDEN).all():
        yield from _lines(frame, keys)


def _others(frame: pd.DataFrame, keys: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The frame with the lines of its axes in the place of their keys' levels, and the keys that tell groups apart."""
    shown = frame
    for name in "xy":
        if key := str(frame[f"{name}_key"].iloc[0]):
            shown = shown.assign(**{key: frame[f"{name}_line"]})
    return shown, [key for key in keys if shown[key].nunique() > 1]


# ------------------------------------------------------------------------------------ one axis


def _lines(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    from matplotlib.lines import Line2D

    shown, others = _others(frame, keys)
    most = (_FEW_HUES, style.LEVELS)
    hue = next((key for limit in most for key in others if shown[key].nunique() <= limit), None)
    if hue:
        others.remove(hue)
    hues = levels(shown, hue)
    cut = bands(shown, others[0] if others else None, others[1:])
    looks = list(zip(hues, style.colors(), style.MARKERS, style.DASHES, strict=False))
    handles = (
        [Line2D([], [], color=c, marker=m, markersize=4, linestyle=dash) for _, c, m, dash in looks] if hue else []
    )
    rings = {width: Line2D([], [], linestyle="none", **_BEST, markeredgewidth=width) for width in _rings(frame)}
    names = [*(hues if hue else []), *_rings(frame).values()]
    count = sum(len(band.panels) for band in cut)
    sheet = Sheet(
        left=0.78,
        height=lambda panel: 2.6 if count == 1 else 1.8 if count <= 6 else 1.25,
        xlabel=str(frame["x_title"].iloc[0]),
        ylabel="share of trials\nconverged (%)",
        legend=(hue or "", [*handles, *rings.values()], names) if names else None,
        most=2 if count <= 4 else 3 if count <= 9 else 4,
    )
    limits = style.percent_limits(frame["rate"], frame["rate_low"], frame["rate_high"])
    margin = 0.06 * (limits[1] - limits[0])
    for figure, placed in pages(cut, sheet):
        for panel, axes in placed:
            for name, color, marker, dash in looks:
                part = panel.rows[panel.rows[hue] == name] if hue else panel.rows
                if not part.empty:
                    _line(axes, part, color, marker, dash)
            axes.set_ylim(limits[0] - margin, limits[1] + margin)
            style.plain_percent(axes, "y")
            _places(axes, frame)
        yield page_of(figure, placed)


def _rings(frame: pd.DataFrame) -> dict[float, str]:
    """What marks the optimum: the widths of its edges, with what they mean."""
    found = {_BEST_WIDTH: "highest rate"} if frame["best"].any() else {}
    if (frame["alike"] & ~frame["best"] & _has_best(frame)).any():
        found[_ALIKE_WIDTH] = "not shown to be lower"
    return found


def _has_best(frame: pd.DataFrame) -> pd.Series:
    return frame.groupby("group")["best"].transform("any")


def _line(axes: Axes, part: pd.DataFrame, color: Any, marker: str, dash: Any) -> None:
    x = part["x"].to_numpy()
    rate, low, high = (100 * part[name].to_numpy() for name in ("rate", "rate_low", "rate_high"))
    axes.plot(x, rate, color=color, marker=marker, markersize=4, markeredgewidth=0, linestyle=dash)
    axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    for row, place, value in zip(part.to_dict("records"), x, rate, strict=True):
        if row["best"] or (row["alike"] and part["best"].any()):
            width = _BEST_WIDTH if row["best"] else _ALIKE_WIDTH
            axes.plot([place], [value], linestyle="none", **_BEST, markeredgewidth=width)


def _places(axes: Axes, frame: pd.DataFrame) -> None:
    """Ticks at the numbers themselves, as many as there is room for."""
    texts = dict(sorted(zip(frame["x"], frame["x_text"], strict=True)))
    low, high = min(texts), max(texts)
    margin = 0.05 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    unit = axes.get_position().width * style.WIDTH / (1.1 * (high - low))
    ticks = _fitting(texts, unit)
    if len(ticks) < len(texts) and frame["x_log"].all():
        # Where there is no room for all numbers, round ones are easier to read.
        zero = {place: text for place, text in texts.items() if text == "0"}
        first = min(place for place, text in texts.items() if text != "0")
        texts = zero | _round_places(first, high, (1, 2, 5) if high - first < _SHORT else (1,))
        ticks = _fitting(texts, unit)
    axes.set_xticks(ticks, [texts[place] for place in ticks])


def _round_places(low: float, high: float, digits: Sequence[int]) -> dict[float, str]:
    """The round numbers within a logarithmic axis, by their places."""
    found = {}
    for decade in range(math.floor(low), math.floor(high) + 1):
        for digit in digits:
            place = decade + math.log10(digit)
            if low - 1e-9 <= place <= high + 1e-9:
                text = f"{digit * 10.0**decade:g}" if len(digits) > 1 else style.power_of_ten(10.0**decade)
                found[place] = text
    return found


def _fitting(texts: dict[float, str], unit: float) -> list[float]:
    """As many of the places as there is room for, from the first on; a unit of them is so many inches."""
    ticks: list[float] = []
    for place, text in texts.items():
        room = style.text_width(text) + 0.06
        if not ticks or unit * (place - ticks[-1]) > (room + style.text_width(texts[ticks[-1]])) / 2:
            ticks.append(place)
    return ticks


# ------------------------------------------------------------------------------------ two axes


def _maps(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    import matplotlib as mpl
    from matplotlib.colors import Normalize
    from matplotlib.patches import Patch

    shown, others = _others(frame, keys)
    cut = bands(shown, others[0] if others else None, others[1:])
    limits = style.percent_limits(frame["rate"], frame["rate_low"], frame["rate_high"])
    if limits == (0.0, 100.0):
        # A colour tells more of a shorter range; round quarters of it are what the legend shows.
        limits = (0.0, 20.0 * max(1, math.ceil(5 * float(frame["rate"].max()))))
    colors, scale = mpl.colormaps["cividis"], Normalize(*limits)
    marks = [limits[0] + (limits[1] - limits[0]) * step / (_SHADES - 1) for step in range(_SHADES)]
    handles: list[Any] = [Patch(facecolor=colors(scale(mark)), edgecolor="0.6", linewidth=0.4) for mark in marks]
    names = [f"{mark:g} %" for mark in marks]
    for width, name in _rings(frame).items():
        handles.append(Patch(facecolor="none", edgecolor="0.1", linewidth=width + 0.4))
        names.append(name)
    rows = dict(sorted(zip(frame["y"], frame["y_text"], strict=True)))
    widest = max(part.rows["x"].nunique() for band in cut for part in band.panels)
    count = sum(len(band.panels) for band in cut)
    sheet = Sheet(
        left=0.42 + max(map(style.text_width, rows.values())),
        height=lambda panel: (1.4 if count == 1 else 1.0) * _ROW * max(_LEAST_ROWS, len(rows)),
        xlabel=str(frame["x_title"].iloc[0]),
        ylabel=str(frame["y_title"].iloc[0]),
        legend=("share of trials converged", handles, names),
        most=1 if widest > 16 else 2 if widest > 7 else 3,
    )
    for figure, placed in pages(cut, sheet):
        for panel, axes in placed:
            _map(axes, panel, rows, colors, scale)
        yield page_of(figure, placed)


def _map(axes: Axes, panel: Panel, rows: dict[float, str], colors: Colormap, scale: Any) -> None:
    from matplotlib.patches import Rectangle

    columns = dict(sorted(zip(panel.rows["x"], panel.rows["x_text"], strict=True)))
    column_at = {place: number for number, place in enumerate(columns)}
    row_at = {place: number for number, place in enumerate(rows)}
    box = axes.get_position()
    height = axes.get_figure().get_figheight() if axes.get_figure() else 1.0  # type: ignore[union-attr]
    wide, tall = box.width * style.WIDTH / len(columns), box.height * height / len(rows)
    has_best = bool(panel.rows["best"].any())
    for row in panel.rows.to_dict("records"):
        x, y = column_at[row["x"]], row_at[row["y"]]
        color = colors(scale(100 * row["rate"]))
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="white", linewidth=0.5))
        dark = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2] < 0.5
        ink = "white" if dark else "black"
        if row["best"] or (row["alike"] and has_best):
            inset_x, inset_y = 0.03 / wide, 0.03 / tall
            corner = (x - 0.5 + inset_x, y - 0.5 + inset_y)
            line = (_BEST_WIDTH if row["best"] else _ALIKE_WIDTH) + 0.4
            size = 1 - 2 * inset_x, 1 - 2 * inset_y
            axes.add_patch(Rectangle(corner, *size, facecolor="none", edgecolor=ink, linewidth=line))
        bold = row["row_best"]
        whole = f"{100 * row['rate']:.0f}"
        texts = [f"{100 * row['rate']:.{row['decimals']}f}", whole]
        if row["rate"] in (0, 1):
            texts = [whole]
        elif whole in ("0", "100"):
            texts.pop()  # it would be taken for none or all
        text = next((text for text in texts if style.text_width(text, bold=bold) + 0.06 < wide), "")
        weight = "bold" if bold else "normal"
        if tall > 0.16:
            axes.text(x, y, text, color=ink, size=style.SMALL, ha="center", va="center", weight=weight)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(-0.5, len(rows) - 0.5)
    skip = 1
    while skip * wide < max(map(style.text_width, columns.values())) + 0.06:
        skip += 1
    axes.set_xticks(range(0, len(columns), skip), list(columns.values())[::skip])
    thin = 1
    while thin * tall < 0.13:
        thin += 1
    axes.set_yticks(range(0, len(rows), thin), list(rows.values())[::thin])
    axes.grid(False)
    axes.tick_params(length=0)
