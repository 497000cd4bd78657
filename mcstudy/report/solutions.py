"""The solutions that networks of a cell find, in words and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcstudy import statistics
from mcstudy.outcomes import OUTCOMES
from mcstudy.report import words
from mcstudy.report.document import Block, Inline, Paragraph, Table, Text

if TYPE_CHECKING:
    from mcstudy.closeup.look import Shown
    from mcstudy.closeup.solutions import Solution
    from mcstudy.closeup.surfaces import View

MOST = 6
"""Solutions of a cell that are told apart."""
HEADER = (
    *("cell", "solution", "share (%)", "95 % interval", "converged (%)", "median loss", "kinks"),
    *("example trial", "the others ended"),
)


def solutions(closeup: Shown[View], _: tuple[str, ...]) -> list[Block]:
    """A sentence and a table of the solutions of each cell that is shown; nothing where none is."""
    if not closeup.shown:
        return []
    trials = sorted({view.trials for view in closeup.shown})
    which = closeup.shown[0].which
    if len(trials) > 1:
        which = f"the first {trials[0]:,} to {trials[-1]:,} trials"
    text: list[Inline] = [
        f"What {which} of a cell ended with, sorted by what the networks compute: a kink is a line of the first hidden "
        "layer that bends the output within the domain, lines that all but coincide count once, and networks of as "
        "many kinks and one shape are told apart (a, b and so on) by how large their errors are over the domain, "
        "wherever they are made; a turned or mirrored solution counts as the same one. Shapes go by the curvatures of "
        "the quadratic that fits best: valley and ridge bend one way only; a bowl whose faces are straight is a "
        "pyramid, or a corner where it does not rise on all sides. "
    ]
    first = closeup.shown[0]
    most = first.solutions[0]
    text.append(f"In the first cell of the table, the commonest of {words.count(len(first.solutions), 'solution')} is ")
    text.append(f"“{most.name}”, with {words.percent(most.share, most.low, most.high)} of the trials (95 % interval ")
    text.append(f"{words.interval(most.share, most.low, most.high)}).")
    rows = [row for view in closeup.shown for row in _rows(view)]
    return [Paragraph(tuple(text)), Table(HEADER, tuple(rows), frozenset(range(2, 8)))]


def _rows(view: View) -> list[tuple[Text, ...]]:
    rows = [_row(view, one, number) for number, one in enumerate(view.solutions[:MOST])]
    rest = view.solutions[MOST:]
    if rest:
        count = sum(len(one.trials) for one in rest)
        low, high = statistics.wilson(count, view.trials)
        known = count / view.trials, float(low), float(high)
        outcomes = [sum(one.outcomes[code] for one in rest) for code in range(len(OUTCOMES))]
        numbers = (
            *(words.count(len(rest), "other"), words.bare_percent(*known), words.interval(*known)),
            *(_converged(outcomes), "", "", "", _others(outcomes)),
        )
        rows.append((("",), *((number,) for number in numbers)))
    return rows


def _row(view: View, one: Solution, number: int) -> tuple[Text, ...]:
    known = one.share, one.low, one.high
    cells = (
        (view.title or "the only cell") if number == 0 else "",
        one.name,
        *(words.bare_percent(*known), words.interval(*known), _converged(one.outcomes), words.number(one.loss)),
        *(words.NONE if one.lines is None else str(one.lines), words.count(one.medoid), _others(one.outcomes)),
    )
    return tuple((text,) for text in cells)


def _converged(outcomes: tuple[int, ...] | list[int]) -> str:
    count, total = outcomes[OUTCOMES.index("converged")], sum(outcomes)
    low, high = statistics.wilson(count, total)
    return words.bare_percent(count / total, float(low), float(high))


def _others(outcomes: tuple[int, ...] | list[int]) -> str:
    """How the trials that did not converge ended."""
    others = [f"{count:,} {name}" for name, count in zip(OUTCOMES, outcomes, strict=True) if count]
    return ", ".join(text for text in others if not text.endswith(" converged")) or words.NONE
