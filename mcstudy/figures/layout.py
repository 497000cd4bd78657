"""Where things go: which varied key becomes rows, colours or panels, and how panels fill pages.

Panels are placed in inches rather than by a layout engine: the sizes follow from the labels and the number of levels,
labels cannot overlap, and drawing takes half the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from mcstudy.figures import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE_HEIGHT = 13.0
"""Most inches of one figure."""
MAX_PAGES = 4
"""Most pages of one figure; thousands of cells are for the tables."""
_TITLE, _HEADER, _TICKS, _GAP, _SPACE = 0.13, 0.26, 0.2, 0.2, 0.1
_PANEL_WIDTH = 1.55


@dataclass(frozen=True)
class Roles:
    """The varied keys with more than one level, by what they become.

    Attributes:
        y: rows of a panel (dots, bars), or None.
        hue: told by colour and marker, at most `style.LEVELS` levels, or None.
        panel: panels side by side, or None.
        bands: the rest; every combination is a band of panels.
    """

    y: str | None
    hue: str | None
    panel: str | None
    bands: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One set of axes: its title and its rows of the frame; `levels` are those of the hue key it shows."""

    title: str
    rows: pd.DataFrame
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Band:
    """Panels under a common header (maybe empty)."""

    header: str
    panels: list[Panel] = field(default_factory=list)


@dataclass(frozen=True)
class Sheet:
    """The measures of a figure's pages, in inches.

    Attributes:
        left: room for the tick labels of a line of panels.
        height: of a panel.
        xlabel: name of the x axes, below the page.
        ylabel: name of the y axes, beside each line.
        rows: name of what the tick labels are, above them.
        legend: title, handles and labels of the page's legend, or None.
        most: most panels side by side.
        inner: room to the right of every panel, for a legend of its own.
    """

    left: float
    height: Callable[[Panel], float]
    xlabel: str
    ylabel: str = ""
    rows: str = ""
    legend: tuple[str, Sequence[Any], Sequence[str]] | None = None
    most: int = 4
    inner: float = 0.0


class Page(NamedTuple):
    """A page of a figure, and the ids of the cells on it."""

    figure: Figure
    cells: frozenset[str]


def page_of(figure: Figure, placed: Sequence[tuple[Panel, Axes]]) -> Page:
    """The page of what `pages` placed."""
    return Page(figure, frozenset(cell for panel, _ in placed for cell in panel.rows["cell"].unique()))


def levels(frame: pd.DataFrame, key: str | None) -> list[str]:
    """The levels of a key in plan order; one unnamed level for no key."""
    return [""] if key is None else list(frame[key].unique())


def roles(frame: pd.DataFrame, keys: Sequence[str], most: int = style.LEVELS) -> Roles:
    """Rows for the first key, colours for the next of few levels (at most `most`), panels for the others."""
    rest = [key for key in keys if frame[key].nunique() > 1]
    y = rest.pop(0) if rest else None
    hue = next((key for key in rest if frame[key].nunique() <= min(6, most)), None)
    hue = hue or next((key for key in rest if frame[key].nunique() <= most), None)
    if hue:
        rest.remove(hue)
    panel = rest.pop(0) if rest else None
    return Roles(y, hue, panel, tuple(rest))


def bands(frame: pd.DataFrame, panel: str | None, band_keys: Sequence[str]) -> list[Band]:
    """The frame cut into bands of panels; combinations without a cell are left out."""
    keys = [*band_keys, *([panel] if panel else [])]
    if not keys:
        return [Band("", [Panel("", frame)])]
    parts: dict[tuple[Any, ...], pd.DataFrame] = {}
    for key, part in frame.groupby(keys, sort=False):
        parts[tuple(key)] = part
    cut = []
    for outer in product(*(levels(frame, key) for key in band_keys)):
        header = "  ·  ".join(f"{key}: {level}" for key, level in zip(band_keys, outer, strict=True))
        inner: list[tuple[str, ...]] = [(level,) for level in levels(frame, panel)] if panel else [()]
        found = [(level, parts[outer + level]) for level in inner if outer + level in parts]
        panels = [Panel(f"{panel}: {level[0]}" if panel else "", part) for level, part in found]
        if panels:
            cut.append(Band(header, panels))
    return cut


def pages(cut: Sequence[Band], sheet: Sheet) -> Iterator[tuple[Figure, list[tuple[Panel, Axes]]]]:
    """Figures with their panels placed, at most `MAX_PAGES`; the first panel of a line has the y tick labels."""
    columns = _columns(cut, sheet)
    lines: list[tuple[str, list[Panel]]] = []
    for band in cut:
        for start in range(0, len(band.panels), columns):
            lines.append((band.header if start == 0 else "", band.panels[start : start + columns]))
    legend_height = _legend_height(sheet)
    page: list[tuple[str, list[Panel]]] = []
    used, done = 0.0, 0
    for line in lines:
        tall = _line_height(line, sheet, _across(sheet, columns))
        if page and used + tall + legend_height + 0.5 > PAGE_HEIGHT:
            yield _page(page, sheet, columns, legend_height)
            page, used, done = [], 0.0, done + 1
            if done == MAX_PAGES:
                return
        page.append(line)
        used += tall
    yield _page(page, sheet, columns, legend_height)


def _columns(cut: Sequence[Band], sheet: Sheet) -> int:
    most = max(1, min(sheet.most, int((style.WIDTH - sheet.left) / (_PANEL_WIDTH + sheet.inner + _GAP))))
    widest = max(len(band.panels) for band in cut)
    lines = -(-widest // most)
    return -(-widest // lines)


def _across(sheet: Sheet, columns: int) -> float:
    """Width of one of so many panels side by side."""
    return (style.WIDTH - sheet.left - 0.18 - (columns - 1) * _GAP) / columns


def _line_height(line: tuple[str, list[Panel]], sheet: Sheet, wide: float) -> float:
    header, panels = line
    titles = [style.wrapped(panel.title, wide) for panel in panels if panel.title]
    title = _TITLE * max([title.count("\n") + 1 for title in titles] or [1 if sheet.rows else 0])
    return (_HEADER if header else 0.0) + title + 0.06 + max(map(sheet.height, panels)) + _TICKS + _SPACE


def _page(
    page: Sequence[tuple[str, list[Panel]]], sheet: Sheet, columns: int, legend_height: float
) -> tuple[Figure, list[tuple[Panel, Axes]]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bottom = 0.26
    wide = _across(sheet, columns)
    height = legend_height + sum(_line_height(line, sheet, wide) for line in page) + bottom
    figure = Figure(figsize=(style.WIDTH, height))
    FigureCanvasAgg(figure)
    placed: list[tuple[Panel, Axes]] = []
    top = height - legend_height
    for header, panels in page:
        end = top - _line_height((header, panels), sheet, wide)
        if header:
            text = style.fitted(header, style.WIDTH - 0.2, style.NORMAL, bold=True)
            figure.text(0.1 / style.WIDTH, (top - 0.17) / height, text, size=style.NORMAL, weight="bold")
        low = end + _TICKS + _SPACE
        tall = max(sheet.height(panel) for panel in panels)
        for column, panel in enumerate(panels):
            x = sheet.left + column * (wide + _GAP)
            across = wide - sheet.inner
            axes = figure.add_axes((x / style.WIDTH, low / height, across / style.WIDTH, tall / height))
            if panel.title:
                axes.set_title(style.wrapped(panel.title, wide), size=style.SMALL, y=1.0)
            axes.tick_params(labelleft=column == 0 or bool(sheet.inner))
            axes.set_axisbelow(True)
            placed.append((panel, axes))
        if sheet.rows:
            text = style.fitted(sheet.rows, sheet.left - 0.15)
            where = (sheet.left - 0.05) / style.WIDTH, (low + tall + 0.05) / height
            figure.text(*where, text, size=style.SMALL, style="italic", ha="right", va="bottom")
        if sheet.ylabel:
            middle = low + tall / 2
            turned: dict[str, Any] = {"rotation": 90, "va": "center", "ha": "left", "multialignment": "center"}
            figure.text(0.06 / style.WIDTH, middle / height, sheet.ylabel, **turned)
        top = end
    center = sheet.left + (style.WIDTH - sheet.left - 0.18) / 2
    figure.text(center / style.WIDTH, 0.08 / height, sheet.xlabel, ha="center", va="bottom")
    _draw_legend(figure, sheet)
    return figure, placed


def _legend_shape(sheet: Sheet) -> tuple[int, int]:
    """Columns and rows of the page's legend."""
    assert sheet.legend is not None
    labels = sheet.legend[2]
    widest = max(style.text_width(_legend_label(label)) for label in labels) + 0.55
    across = max(1, min(len(labels), int((style.WIDTH - 0.3) / widest)))
    rows = -(-len(labels) // across)
    return -(-len(labels) // rows), rows


def _legend_label(label: str) -> str:
    return style.fitted(label, 3.4)


def _legend_height(sheet: Sheet) -> float:
    return 0.3 + 0.145 * _legend_shape(sheet)[1] if sheet.legend else 0.04


def _draw_legend(figure: Figure, sheet: Sheet) -> None:
    if sheet.legend is None:
        return
    title, handles, labels = sheet.legend
    figure.legend(
        handles,
        [_legend_label(label) for label in labels],
        title=title,
        loc="upper left",
        bbox_to_anchor=(0.06 / style.WIDTH, 1 - 0.04 / figure.get_figheight()),
        ncol=_legend_shape(sheet)[0],
        frameon=False,
        alignment="left",
        borderpad=0.0,
        borderaxespad=0.0,
        handlelength=2.6,
        columnspacing=1.4,
        labelspacing=0.35,
    )
