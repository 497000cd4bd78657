"""The figure over the size of the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mcstudy.figures import style
from mcstudy.figures.layout import Page, Sheet, bands, levels, page_of, pages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_HIDDEN = "network.hidden"
_DEPTH = "hidden layers"


def draw_size(frame: pd.DataFrame, keys: Sequence[str]) -> Iterator[Page]:
    """The rate of each cell against its number of parameters: a line per number of hidden layers, panels for the rest.

    Args:
        frame: as `mcstudy.statistics.rates` returns it.
        keys: the varied keys.

    Yields:
        The pages; none where the hidden layers are not varied.
    """
    from matplotlib.lines import Line2D

    if _HIDDEN not in keys or frame["parameters"].nunique() < 2:
        return
    depth = frame[_HIDDEN].map(lambda label: str(len(json.loads(label))))
    shown = frame.assign(**{_DEPTH: depth}).sort_values(_DEPTH, kind="stable")
    depths = levels(shown, _DEPTH)[: style.LEVELS]
    others = [key for key in keys if key != _HIDDEN and frame[key].nunique() > 1]
    cut = bands(frame.assign(**{_DEPTH: depth}), others[0] if others else None, others[1:])
    looks = list(zip(depths, style.colors(), style.MARKERS, style.DASHES, strict=False))
    handles = [Line2D([], [], color=c, marker=marker, markersize=4, linestyle=dash) for _, c, marker, dash in looks]
    sheet = Sheet(
        left=0.78,
        height=lambda panel: 2.6 if len(cut) == 1 else 1.8,
        xlabel="parameters",
        ylabel="share of trials\nconverged (%)",
        legend=(_DEPTH, handles, depths) if len(depths) > 1 else None,
        most=2,
    )
    ends = float(frame["parameters"].min()), float(frame["parameters"].max())
    for figure, placed in pages(cut, sheet):
        for panel, axes in placed:
            for name, color, marker, dash in looks:
                part = panel.rows[panel.rows[_DEPTH] == name].sort_values("parameters", kind="stable")
                x, y = part["parameters"].to_numpy(), 100 * part["rate"].to_numpy()
                axes.plot(x, y, color=color, marker=marker, markersize=4, markeredgewidth=0, linestyle=dash)
                low, high = (100 * part[end].to_numpy() for end in ("rate_low", "rate_high"))
                axes.vlines(x, low, high, color=color, linewidth=1.5)
            axes.set_ylim(-3, 103)
            style.plain_percent(axes, "y")
            _counts(axes, *ends)
        yield page_of(figure, placed)


def _counts(axes: Axes, low: float, high: float) -> None:
    """An axis of counts of parameters: equal ratios are equal lengths."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(low / 1.12, high * 1.12)
    exponents = range(len(str(int(high))))
    wanted = (1, 2, 5) if high / low < 300 else (1,)
    ticks = [digit * 10**exponent for exponent in exponents for digit in wanted]
    within = [tick for tick in ticks if low / 1.1 <= tick <= high * 1.1]
    # Within less than a factor of two there may be no round number.
    axes.xaxis.set_major_locator(FixedLocator(within if len(within) > 1 else [int(low), int(high)]))
    axes.xaxis.set_major_formatter(FuncFormatter(style.thousands))
    axes.xaxis.set_minor_locator(NullLocator())
