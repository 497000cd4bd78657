"""What trained networks answer at single points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.closeup.look import Look, Shown
from mcstudy.outcomes import OUTCOMES

if TYPE_CHECKING:
    from mcstudy.engine.program import Program
    from mcstudy.plan import Cell

Array = NDArray[Any]

MOST_PANELS = 4
"""Answers of a cell that are shown: points times outputs."""
BINS = 40


@dataclass(frozen=True)
class Answer:
    """One output at one point.

    Attributes:
        title: which.
        target: what it should be; None where that is not known.
        edges: (`BINS` + 1,) of the bars.
        counts: (outcomes, `BINS`) trials, those beyond the outermost bars within them.
        missing: trials whose answer is not finite.
    """

    title: str
    target: float | None
    edges: Array
    counts: Array
    missing: int


@dataclass(frozen=True)
class Answers:
    """One cell: its id, its labels, the trials of its sample, its answers."""

    cell: str
    title: str
    trials: int
    panels: tuple[Answer, ...]


def applies(cell: Cell) -> bool:
    """Whether a cell has probes, or learns a table, whose first rows are asked for then."""
    task = cell.settings["task"]
    return "probe" in task or task["data"] is not None


def probes(look: Look) -> Shown[Answers]:
    """The answers of a few cells."""
    cells, of = look.choose(applies)
    return Shown(tuple(_answers(look, cell) for cell in cells), of)


def asked(program: Program) -> tuple[Array, Array | None]:
    """The points at which a cell's networks are asked, (points, inputs), and the targets there, (points, outputs)."""
    from mcstudy.engine.outputs import targets_at
    from mcstudy.engine.single import samples_of

    task = program.cells[0].settings["task"]
    if "probe" in task:
        points = np.array(task["probe"], np.float64)
        if task["data"] is None:
            return points, targets_at(program, points)
        samples = samples_of(program, 0, 1)
        same = np.all(samples.points[None] == points[:, None].astype(samples.points.dtype), axis=2)
        known = np.where(same.any(axis=1)[:, None], samples.answers[same.argmax(axis=1)], np.nan)
        return points, known
    samples = samples_of(program, 0, 1)
    return samples.points[:MOST_PANELS], samples.answers[:MOST_PANELS]


def _answers(look: Look, cell: Cell) -> Answers:
    from mcstudy.engine.outputs import outputs

    sample = look.sample(cell)
    points, targets = asked(sample.program)
    found = outputs(sample.program, sample.finals, points)
    panels = []
    for point, output in list(np.ndindex(*found.shape[1:]))[:MOST_PANELS]:
        target = None if targets is None or np.isnan(targets[point, output]) else float(targets[point, output])
        title = ", ".join(f"{x:.4g}" for x in points[point])
        title = f"at ({title})" if points.shape[1] > 1 else f"at {title}"
        if found.shape[2] > 1:
            title += f", output {output + 1}"
        panels.append(answer(title, found[:, point, output], sample.outcome, target))
    return Answers(cell.id, look.title(cell), len(sample.outcome), tuple(panels))


def answer(title: str, values: Array, outcome: Array, target: float | None) -> Answer:
    """The bars of one output: values (trials,) and outcomes (trials,).

    They reach from the 1st to the 99th percentile of the finite values, and as far as the target.
    """
    finite = np.isfinite(values) & (outcome != OUTCOMES.index("diverged"))
    ends = np.quantile(values[finite], [0.01, 0.99]) if finite.any() else np.zeros(2)
    low, high = (float(end) for end in ends)
    if target is not None:
        low, high = min(low, target), max(high, target)
    margin = max(0.04 * (high - low), 1e-6 * max(abs(low), abs(high), 1.0))
    low, high = low - margin, high + margin
    edges = np.linspace(low, high, BINS + 1)
    places = np.clip(np.searchsorted(edges, values, "right") - 1, 0, BINS - 1)
    counts = np.zeros((len(OUTCOMES), BINS), np.int64)
    np.add.at(counts, (outcome[finite], places[finite]), 1)
    return Answer(title, target, edges, counts, int(np.sum(~finite)))
