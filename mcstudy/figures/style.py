"""How every figure looks: one theme, one set of colours, markers and dashes, and texts that fit.

Whatever colour tells, a marker, a dash pattern or a hatch tells too, so the figures can be read without colour.
The theme is set per figure and from nothing but constants: neither a user's matplotlibrc nor an earlier figure
changes a byte.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.5
"""Width of every figure, inches."""
DPI = 110
SMALL, NORMAL = 7.0, 8.0
"""Text sizes, points."""

OUTCOME_STYLES = {
    "converged": {"color": "#009E73", "hatch": ""},
    "diverged": {"color": "#D55E00", "hatch": "xxxx"},
    "dead": {"color": "#3B3B3B", "hatch": ""},
    "stuck": {"color": "#F0B040", "hatch": "////"},
    "unfinished": {"color": "#CFE6F5", "hatch": "...."},
}
"""Colours of Okabe and Ito, so far apart in lightness or hatched so differently that grey is enough."""

CAUSE_STYLES = {
    "diverged": OUTCOME_STYLES["diverged"],
    "constant": {"color": "#8C510A", "hatch": ""},
    "dead_start": {"color": "#882255", "hatch": ""},
    "died": {"color": "#CC79A7", "hatch": "////"},
    "merged": {"color": "#56B4E9", "hatch": "\\\\\\\\"},
    "saturated": {"color": "#F0E442", "hatch": "++++"},
    "linear": {"color": "#0072B2", "hatch": ""},
    "slow": OUTCOME_STYLES["unfinished"],
    "none": OUTCOME_STYLES["stuck"],
}
"""Colours of the causes of failure. What no cause explains looks as its outcome does."""

CAUSE_NAMES = {
    "constant": "constant output",
    "dead_start": "dead unit from the start",
    "died": "unit died",
    "merged": "merged units",
    "saturated": "saturated unit",
    "linear": "linear unit",
    "slow": "none of these, unfinished",
    "none": "none of these, stuck or dead",
}
"""How they are called in legends and tables, where not by their own names."""
START_STYLES: Final[dict[str, dict[str, Any]]] = {
    "converged": {"color": "#2C7FB8", "marker": "o", "linestyle": "-"},
    "failed": {"color": "#B2182B", "marker": "x", "linestyle": (0, (4, 1.5))},
}
"""Single trials by what becomes of them, their starts and paths: blue those that converge, red all others."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: Final[tuple[Any, ...]] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (9, 2)),
    (0, (2, 3)),
    (0, (4, 1, 4, 3)),
)
LEVELS = len(MARKERS)
"""Most levels that colour can tell apart."""


def colors() -> list[tuple[float, float, float]]:
    """`LEVELS` colours: seaborn's colour-blind palette without the ones too pale for a line on white."""
    import seaborn as sns

    palette = sns.color_palette("colorblind")
    return [*palette[:6], palette[9], (0.2, 0.2, 0.2)]


@contextmanager
def uncollected() -> Iterator[None]:
    """Holds back the garbage collector: what a page is made of lives until it is saved, and looking through it again
    and again took 0.3 of 1.1 s for 48 panels."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def theme() -> Iterator[None]:
    """The settings to draw and save under."""
    import matplotlib as mpl
    import seaborn as sns

    with mpl.rc_context():
        mpl.rcdefaults()
        sns.set_theme(context="paper", style="whitegrid", font="DejaVu Sans")
        mpl.rcParams.update(
            {
                "font.size": NORMAL,
                "axes.titlesize": NORMAL,
                "axes.labelsize": NORMAL,
                "axes.titlelocation": "left",
                "axes.titlepad": 4.0,
                "axes.edgecolor": "0.6",
                "axes.linewidth": 0.7,
                "grid.color": "0.88",
                "grid.linewidth": 0.6,
                "hatch.linewidth": 0.6,
                "legend.fontsize": SMALL,
                "legend.title_fontsize": NORMAL,
                "lines.linewidth": 1.3,
                "xtick.labelsize": SMALL,
                "ytick.labelsize": SMALL,
                "xtick.major.pad": 2.0,
                "ytick.major.pad": 3.0,
                # Labels are what users write: a dollar in them is a dollar.
                "text.parse_math": False,
            }
        )
        yield


def png(figure: Figure) -> bytes:
    """The figure as a PNG of the same bytes every time."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


@cache
def text_width(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Width of one line of text, inches."""
    from matplotlib.font_manager import FontProperties

    weight = "bold" if bold else "normal"
    properties = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    return float(_renderer().get_text_width_height_descent(text, properties, False)[0]) / DPI


@cache
def fitted(text: str, width: float, size: float = SMALL, bold: bool = False) -> str:
    """The text in one line of at most `width` inches, its middle left out where it is longer."""
    text = " ".join(text.split())
    if text_width(text, size, bold) <= width:
        return text
    keep = len(text)
    while keep > 4:
        keep = min(keep - 1, int(keep * 0.97))
        shorter = text[: keep - keep // 2] + "…" + text[len(text) - keep // 2 :]
        if text_width(shorter, size, bold) <= width:
            return shorter
    return text[:3] + "…"


def wrapped(text: str, width: float, lines: int = 2, size: float = SMALL, bold: bool = False) -> str:
    """The text in up to `lines` lines of at most `width` inches, broken after commas, brackets and blanks."""
    done: list[str] = []
    line = ""
    for piece in _pieces(" ".join(text.split())):
        if line and text_width((line + piece).rstrip(), size, bold) > width and len(done) < lines - 1:
            done.append(line.rstrip())
            line = piece
        else:
            line += piece
    return "\n".join(fitted(part, width, size, bold) for part in [*done, line])


def percent_limits(rates: pd.Series, lows: pd.Series, highs: pd.Series) -> tuple[float, float]:
    """Limits of an axis of percentages: 0 to 100, or the end at which all of the intervals lie."""
    low, high = 100 * float(lows.min()), 100 * float(highs.max())
    # A scale that none or all of the trials fill is that of their intervals; it is not stretched beyond 1 %.
    least = 0.0 if float(rates.max()) > 0 and float(rates.min()) < 1 else 1.0
    if high <= 25:
        return 0.0, max(_round_up(high), least)
    if low >= 75:
        return 100 - max(_round_up(100 - low), least), 100.0
    return 0.0, 100.0


def power_of_ten(value: float, _: object = None) -> str:
    """A label of a logarithmic axis: 10⁻³, 0.1, 1, 10."""
    if value <= 0:
        return ""
    exponent = round(math.log10(value))
    if -1 <= exponent <= 1:
        return f"{value:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def thousands(value: float, _: object = None) -> str:
    """A label of an axis of steps: 2,000."""
    return f"{value:,.0f}"


def plain_percent(axis: Axes, which: str) -> None:
    """A few round ticks on the percentage axis `which` ("x" or "y")."""
    from matplotlib.ticker import MaxNLocator

    chosen = axis.xaxis if which == "x" else axis.yaxis
    chosen.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    chosen.set_major_formatter(lambda value, _: f"{value:g}")


@cache
def _renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(10, 10, DPI)  # type: ignore[no-untyped-call]


def _pieces(text: str) -> list[str]:
    pieces, start = [], 0
    for end in range(1, len(text)):
        if text[end - 1] in "( ,·" and text[end] != " ":
            pieces.append(text[start:end])
            start = end
    return [*pieces, text[start:]]


def _round_up(value: float) -> float:
    unit = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12)
    return next(round(unit * step, 12) for step in steps if unit * step >= value * 1.02)


def banded_rows(axes: Axes, labels: Sequence[str]) -> None:
    """One row per label, the first at the top, every second one shaded."""
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    for row in range(1, len(labels), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.95", linewidth=0, zorder=0)
