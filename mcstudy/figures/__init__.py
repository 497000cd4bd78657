"""Frames to figures; draws, computes nothing.

`FIGURES` is the one table of them: a figure is added by a line there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mcstudy.figures.cells import draw_outcomes, draw_rates
from mcstudy.figures.lines import draw_curves, draw_losses
from mcstudy.figures.style import png, theme, uncollected

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "Drawing", "draw"]


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes:
        name: of its file; a second page is called ``name-2``.
        heading: the section it opens.
        frame: the function of `mcstudy.statistics` whose frame it draws.
        pages: the frame and the varied keys to the pages.
        caption: what is to be seen, in one or two sentences.
    """

    name: str
    heading: str
    frame: Literal["rates", "curves", "losses"]
    pages: Callable[[pd.DataFrame, Sequence[str]], Iterator[Figure]]
    caption: str


def draw(drawing: Drawing, frame: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, bytes]]:
    """The pages of a figure as (name, PNG); none for a frame without rows."""
    if frame.empty:
        return []
    with theme(), uncollected():
        images = [png(figure) for figure in drawing.pages(frame, keys)]
    return [(drawing.name if i == 0 else f"{drawing.name}-{i + 1}", image) for i, image in enumerate(images)]


FIGURES: dict[str, Drawing] = {
    drawing.name: drawing
    for drawing in (
        Drawing(
            "rates",
            "How often it learns",
            "rates",
            draw_rates,
            "Share of the trials that converged (dots) with 95 % Wilson intervals (lines; "
            "where none is to be seen it is narrower than the dot).",
        ),
        Drawing(
            "outcomes",
            "How the trials ended",
            "rates",
            draw_outcomes,
            "How the trials of each cell ended.",
        ),
        Drawing(
            "curves",
            "How fast it learns",
            "curves",
            draw_curves,
            "Share of the trials that had converged by each check, with pointwise 95 % Wilson bands.",
        ),
        Drawing(
            "losses",
            "What the loss does",
            "losses",
            draw_losses,
            "Evaluation loss at the checks: median (line) and, where the panels have room for it, the range from the "
            "10th to the 90th percentile (band); a dotted line marks the loss at which a trial counts as converged. A "
            "converged trial keeps its last loss, a diverged one counts as infinite and leaves at the top.",
        ),
    )
}
