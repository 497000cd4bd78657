"""Frames to figures; draws, computes nothing.

`FIGURES` is the one table of them: a figure is added by a line there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcstudy.figures.axes import draw_axes
from mcstudy.figures.basins import draw_basins
from mcstudy.figures.cells import draw_causes, draw_outcomes, draw_rates
from mcstudy.figures.comparisons import draw_comparisons, drawn_rows
from mcstudy.figures.interactions import draw_interactions, main_effects
from mcstudy.figures.landscapes import draw_landscapes
from mcstudy.figures.layout import Page
from mcstudy.figures.lines import draw_curves, draw_losses
from mcstudy.figures.paths import draw_paths
from mcstudy.figures.probes import draw_probes
from mcstudy.figures.restarts import draw_restarts, drawn_cells
from mcstudy.figures.size import draw_size
from mcstudy.figures.starts import draw_starts
from mcstudy.figures.style import png, theme, uncollected
from mcstudy.figures.surfaces import draw_surfaces
from mcstudy.figures.weights import draw_weights

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIGURES", "Drawing", "Drawn", "draw"]


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes:
        name: of its file; a second page is called ``name-2``.
        heading: the section it opens.
        frame: what it draws: the function of `mcstudy.statistics` that makes its frame, or a name of
            `mcstudy.closeup.CLOSEUPS`.
        pages: that and the varied keys to the pages.
        caption: what is to be seen, in one or two sentences; `{trials}` stands for the trials that the frame is of,
            `{intervals}`, `{paired}` (of differences) and `{over}` (of curves over the steps) for the kind of them,
            `{tested}` for how pairs of cells are told apart.
        item: what it has a mark for, in the singular.
        count: how many of them a frame has.
        table: the file that has them all.
    """

    name: str
    heading: str
    frame: str
    pages: Callable[[Any, Sequence[str]], Iterator[Page]]
    caption: str
    item: str = "cell"
    count: Callable[[Any], int] = lambda frame: int(frame["cell"].nunique())
    table: str = "rates.csv"


@dataclass(frozen=True)
class Drawn:
    """A figure as it was drawn.

    Attributes:
        pages: (name, PNG) of each; none where there is nothing to draw.
        caption: what is to be seen.
        cells: how many the frame has (or other items, as the drawing says).
        left_out: how many of them are on no page.
    """

    pages: tuple[tuple[str, bytes], ...]
    caption: str
    cells: int
    left_out: int


def draw(drawing: Drawing, frame: Any, keys: Sequence[str], anytime: bool = False) -> Drawn:
    """A figure of a frame or a closeup; without pages where that has no cells.

    With `anytime`, its intervals are confidence sequences.
    """
    closeup = not hasattr(frame, "empty")
    if not frame.cells if closeup else frame.empty:
        return Drawn((), drawing.caption, 0, 0)
    shown: set[str] = set()
    images: list[tuple[str, bytes]] = []
    with theme(), uncollected():
        for page in drawing.pages(frame, keys):
            images.append((f"{drawing.name}-{len(images) + 1}" if images else drawing.name, png(page.figure)))
            shown |= page.cells
    kinds = _ANYTIME if anytime else _FIXED
    if closeup:
        return Drawn(tuple(images), drawing.caption.format(**kinds), frame.of, frame.of - len(shown))
    caption = drawing.caption.format(**kinds, trials=_trials(frame) if "trials" in frame else "")
    cells = drawing.count(frame) if images else 0
    return Drawn(tuple(images), caption, cells, cells - len(shown))


_FIXED = {
    "intervals": "Wilson intervals",
    "paired": "intervals",
    "tested": "McNemar's exact test",
    "over": "simultaneous 95 % bands: each holds at all checks at once",
}
_ANYTIME = {
    "intervals": "confidence sequences",
    "paired": "confidence sequences",
    "tested": "paired confidence sequences",
    "over": "pointwise 95 % bands of confidence sequences",
}
"""What a caption calls intervals, of studies of a fixed number of trials and of those that stop early."""


def _trials(frame: pd.DataFrame) -> str:
    least, most = int(frame["trials"].min()), int(frame["trials"].max())
    if most == 1:
        return "first trial"
    return f"first {most:,} trials" if least == most else f"first {least:,} to {most:,} trials"


FIGURES: dict[str, Drawing] = {
    drawing.name: drawing
    for drawing in (
        Drawing(
            "rates",
            "How often it learns",
            "rates",
            draw_rates,
            "Share of the trials that converged (dots) with 95 % {intervals} (lines; "
            "where none is to be seen it is narrower than the dot).",
        ),
        Drawing(
            "comparisons",
            "What differs",
            "comparisons",
            draw_comparisons,
            "Differences from the baseline in the share of the trials that converged, compared trial by trial, with "
            "95 % {paired} (lines; where none is to be seen it is narrower than the mark). Colours tell what is shown "
            "at 5 %, adjusted for the number of comparisons (Holm); grey are differences that count as none; thin "
            "marks are single combinations of the other keys, where there are several. All pairs of levels are in "
            "comparisons.csv.",
            "level",
            drawn_rows,
            "comparisons.csv",
        ),
        Drawing(
            "axes",
            "Rates over a number",
            "axes",
            draw_axes,
            "Share of the trials that converged, over a number that the study varies: lines with pointwise 95 % "
            "Wilson bands, or a map of two such numbers (percentages in the cells where they fit, the highest of each "
            "row bold). Thick edges mark the highest rate of a line or map, thin ones those that are not shown to be "
            "lower ({tested}, Holm-adjusted, 5 %).",
        ),
        Drawing(
            "interactions",
            "Main effects and interactions",
            "effects",
            draw_interactions,
            "Main effects: how many times the average odds of converging a level has, over all levels of the other "
            "keys (dots, with pointwise 95 % intervals). If an interaction is clear, then, for the pair of keys whose "
            "interaction explains most, by how much the log odds of two levels together differ from what each adds by "
            "itself (bold: clear after Holm's adjustment).",
            "level",
            main_effects,
            "effects.csv",
        ),
        Drawing(
            "size",
            "Size",
            "rates",
            draw_size,
            "Share of the trials that converged against the number of parameters (on a logarithmic scale), with "
            "95 % {intervals}.",
        ),
        Drawing(
            "outcomes",
            "How the trials ended",
            "rates",
            draw_outcomes,
            "How the trials of each cell ended.",
        ),
        Drawing(
            "causes",
            "Why it failed",
            "rates",
            draw_causes,
            "Why the trials of each cell failed: of the causes above, the first that fits in this order.",
        ),
        Drawing(
            "curves",
            "How fast it learns",
            "curves",
            draw_curves,
            "Share of the trials that had converged by each check, with {over}.",
        ),
        Drawing(
            "restarts",
            "When to restart",
            "restarts",
            draw_restarts,
            "Expected steps per success where each training that has not converged is given up after so many steps and "
            "begun anew (ERT), with 95 % bands that hold at all cut-offs at once; both axes are logarithmic. A mark "
            "stands at the best cut-off, the thick part of the line at all that may be it. Without a success there is "
            "no line.",
            count=drawn_cells,
            table="times.csv",
        ),
        Drawing(
            "losses",
            "What the loss does",
            "losses",
            draw_losses,
            "Evaluation loss at the checks, over the {trials} of each cell: median (line with marks) and, where the "
            "panels have room for it, the range from the 10th to the 90th percentile (band between thin lines); a "
            "black dotted line marks the loss at which a trial counts as converged. A converged trial keeps its last "
            "loss, a diverged one counts as infinite and leaves at the top.",
        ),
        Drawing(
            "starts",
            "Which starts fail",
            "starts",
            draw_starts,
            "The parameters that trials start from, of up to 20,000 trials of each cell: trials that converged and "
            "trials that did not (as a histogram, the second on top of the first; as dots, up to 3,000 of them). With "
            "more than two parameters, the share that converged for each pattern of signs, with 95 % {intervals}.",
        ),
        Drawing(
            "landscapes",
            "How single trials move",
            "landscapes",
            draw_landscapes,
            "The evaluation loss over the parameters, and the first trials of each cell on it. Over one parameter: "
            "where trials start (strokes below the curve) and end (marks on it), and how the parameter moves as the "
            "steps go down, for the first of either kind, until the last of those has converged. Over two: loss as "
            "shades of grey on a logarithmic scale, starts (small marks), the ways of the first of either kind, and "
            "their ends (squares). Where each trial has samples of its own, the loss is the mean over those of the "
            "first eight trials.",
        ),
        Drawing(
            "basins",
            "Where each start leads",
            "basins",
            draw_basins,
            "How the first trial from each point of the grid of starting parameters ended; of those that converged, "
            "the darker took the more steps.",
        ),
        Drawing(
            "paths",
            "What single trials do",
            "paths",
            draw_paths,
            "Trials that converged (left) beside trials that did not (right), each line one of them: the evaluation "
            "loss, with a dotted line at the loss that counts as converged; the Euclidean norm of its gradient over "
            "all evaluation points, without dropout, noise and penalties; and the parameters, of networks with more "
            "than two those of one trial in the middle of those drawn. Either column has steps of its own; where most "
            "happens early they are on a logarithmic scale.",
        ),
        Drawing(
            "surfaces",
            "What the networks compute",
            "surfaces",
            draw_surfaces,
            "The target and the commonest solutions of each cell: shaded, lit from the upper left, and as contours at "
            "the same levels, with the lines w·x + b = 0 that bend the output of a network of one hidden layer (a line "
            "that several units share is drawn once; ticks point to the side where the sum is above 0). Above each: "
            "its share of the sampled trials with a 95 % Wilson interval, its shape, its median loss and the trial "
            "that is drawn, the one nearest to all others of its kind; the bar tells how its trials ended.",
        ),
        Drawing(
            "weights",
            "Weights by unit",
            "weights",
            draw_weights,
            "Input weights of each hidden unit at the end of the sampled trials, a point for each trial: those that "
            "converged and all others. Units can be exchanged for each other, so in each trial they are put "
            "in order by the length of their pair of weights, the longest first. A number in a corner counts the "
            "points that lie outside.",
        ),
        Drawing(
            "probes",
            "What the networks answer",
            "probes",
            draw_probes,
            "Outputs at single points at the end of the sampled trials, in percent of these: those that converged "
            "upwards, all others downwards; a black line marks the target where it is known. The outermost bars hold "
            "the answers beyond them too; a diverged trial has none.",
        ),
    )
}
