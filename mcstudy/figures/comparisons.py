"""Differences from the baseline as dots with intervals, a band for each varied key."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mcstudy.figures import style
from mcstudy.figures.layout import PAGE_HEIGHT, Band, Page, Panel, Sheet, pages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_TASK = "task.name"
_LABEL_WIDTH = 2.6
_MOST_HEIGHT = PAGE_HEIGHT - 2.0
"""Inches of the rows of a page."""
_MARGIN_COLOR = "0.86"

LOOKS: Final[dict[str, dict[str, Any]]] = {
    "higher": {"color": "#0072B2", "marker": "o", "filled": True},
    "lower": {"color": "#D55E00", "marker": "s", "filled": True},
    "higher by less": {"color": "#0072B2", "marker": "o", "filled": False},
    "lower by less": {"color": "#D55E00", "marker": "s", "filled": False},
    "mixed": {"color": "0.35", "marker": "D", "filled": False},
    "equivalent": {"color": "0.35", "marker": "D", "filled": True},
    "undecided": {"color": "0.1", "marker": "X", "filled": False},
}
"""How a difference looks by its verdict and, where it is shown, its direction."""


def draw_comparisons(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The difference of each level from its key's baseline, with its interval, over all settings of the other keys.

    Where there are several settings a thin mark shows each of them by itself.

    Args:
        frame: as `mcstudy.statistics.comparisons` returns it.
        keys: the varied keys.

    Yields:
        The pages; none where nothing is varied.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if frame.empty:
        return
    frame = frame.assign(group=[_group(row, keys) for row in frame.to_dict("records")])
    shown = frame[frame["family"] == "baseline"].assign(look=_looks)
    if shown.empty:
        return
    single = frame[frame["family"] == "contexts"]
    parts = {str(group): part for group, part in single.groupby("group")}
    margin = 100 * float(frame["margin"].iloc[0])
    labels = {level: style.wrapped(level, _LABEL_WIDTH) for level in shown["level"].unique()}
    tallest = max(label.count("\n") for label in labels.values())
    unit = max(0.2, 0.12 * tallest + 0.12)
    points = f"{margin:g} point" + ("" if margin == 1 else "s")
    told = {
        "higher": "higher",
        "lower": "lower",
        "higher by less": f"higher, but by less than {points}",
        "lower by less": f"lower, but by less than {points}",
        "mixed": f"within {points} on average alone",
        "equivalent": f"equivalent (within {points})",
        "undecided": "undecided",
    }
    present = [name for name in LOOKS if (shown["look"] == name).any()]
    handles: list[Any] = [Line2D([], [], linewidth=1.3, **_marks(name)) for name in present]
    texts = [told[name] for name in present]
    if parts:
        handles.append(Line2D([], [], color="0.45", marker="|", markersize=6, linestyle=""))
        texts.append("for a single setting of the others")
    handles.append(Patch(facecolor=_MARGIN_COLOR))
    texts.append(f"less than {points}")
    sheet = Sheet(
        left=max(0.3, max(style.text_width(line) for label in labels.values() for line in label.split("\n")) + 0.22),
        height=lambda panel: unit * len(panel.rows) + 0.06,
        xlabel="difference from the baseline in the share of trials converged (percentage points)",
        legend=("difference", handles, texts),
        most=1,
    )
    limits = _limits(frame[frame["family"] != "levels"], margin)
    for figure, placed in pages(_bands(shown, keys, unit), sheet):
        for panel, axes in placed:
            style.banded_rows(axes, [labels[level] for level in panel.rows["level"]])
            axes.axvspan(-margin, margin, color=_MARGIN_COLOR, linewidth=0, zorder=0.5)
            axes.axvline(0, color="0.3", linewidth=0.8, zorder=1)
            _contexts(axes, panel.rows, parts)
            _differences(axes, panel.rows)
            axes.set_xlim(*limits)
            style.plain_percent(axes, "x")
        yield Page(figure, frozenset(str(row) for panel, _ in placed for row in panel.rows.index))


def _group(row: dict[Hashable, Any], keys: Sequence[str]) -> str:
    """Which band a row belongs to: its key's, of its task, and of its setting of the others where that stands alone."""
    task = f" on {row[_TASK]}" if row.get(_TASK) and row["key"] != _TASK else ""
    where = [row[key] for key in keys if key not in (row["key"], _TASK) and row[key]]
    return f"{row['key']}{task}" + (f" with {', '.join(where)}" if where and row["family"] == "baseline" else "")


def drawn_rows(frame: pd.DataFrame) -> int:
    """How many rows of the frame the figure has a mark with an interval for, if it has room for all."""
    return int((frame["family"] == "baseline").sum())


def _looks(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    up = (frame["difference"] > 0).to_numpy()
    return np.select(
        [frame["verdict"] == "differ", frame["verdict"] == "differ slightly"],
        [np.where(up, "higher", "lower"), np.where(up, "higher by less", "lower by less")],
        frame["verdict"],
    )


def _marks(name: str) -> dict[str, Any]:
    look = LOOKS[name]
    face = look["color"] if look["filled"] else "white"
    shape = {"marker": look["marker"], "markersize": 4.6, "markeredgewidth": 1.0}
    return {"color": look["color"], "markerfacecolor": face, "markeredgecolor": look["color"], **shape}


def _differences(axes: Axes, rows: pd.DataFrame) -> None:
    for name in LOOKS:
        some = (rows["look"] == name).to_numpy()
        if some.any():
            y = np.flatnonzero(some)
            x, low, high = (100 * rows[f"difference{end}"].to_numpy()[some] for end in ("", "_low", "_high"))
            marks = _marks(name)
            axes.hlines(y, low, high, color=marks["color"], linewidth=1.5, zorder=3)
            axes.plot(x, y, linestyle="", zorder=4, **marks)


def _contexts(axes: Axes, rows: pd.DataFrame, parts: dict[str, pd.DataFrame]) -> None:
    part = parts.get(rows["group"].iloc[0])
    if part is None:
        return
    at = {level: y for y, level in enumerate(rows["level"])}
    part = part[part["level"].isin(at)]
    y = part["level"].map(at)
    axes.plot(100 * part["difference"], y, "|", color="0.45", markersize=6, markeredgewidth=0.8, zorder=2)


def _bands(shown: pd.DataFrame, keys: Sequence[str], unit: float) -> list[Band]:
    """A band for each key, in parts that fit on a page."""
    most = int(_MOST_HEIGHT / unit)
    cut = []
    others = len([key for key in keys if key != _TASK]) - 1
    for group, rows in shown.groupby("group", sort=False):
        header = f"{group}: compared with {rows['other'].iloc[0]}"
        contexts = int(rows["contexts"].iloc[0])
        if contexts > 1:
            header += f", on average over {contexts} settings of the other {'key' if others == 1 else 'keys'}"
        size = -(-len(rows) // -(-len(rows) // most))
        for start in range(0, len(rows), size):
            title = header if start == 0 else f"{group}, continued"
            cut.append(Band(title, [Panel("", rows.iloc[start : start + size])]))
    return cut


def _limits(rows: pd.DataFrame, margin: float) -> tuple[float, float]:
    low = min(100 * float(rows["difference_low"].min()), -1.25 * margin)
    high = max(100 * float(rows["difference_high"].max()), 1.25 * margin)
    room = 0.02 * (high - low)
    return low - room, high + room
