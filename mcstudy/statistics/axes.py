"""Rates over numbers: the course of the rate along one axis or two, its optimum, and what cannot be told from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.plan import find_axes
from mcstudy.statistics.compare import LEVEL, Method
from mcstudy.statistics.early import method_of
from mcstudy.statistics.holm import holm
from mcstudy.statistics.intervals import percent_decimals, wilson
from mcstudy.statistics.pairs import Converged
from mcstudy.statistics.tally import CONVERGED, Tally

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Axis, Cell, Plan


def axes(plan: Plan, known: Mapping[str, Tally]) -> pd.DataFrame:
    """The rates of the cells that lie on the study's axes, by line or heat map.

    The two axes of the most numbers span heat maps; a single one has lines. A group is one of these: the cells that
    differ in those numbers alone. In each, every cell is compared with the best one, trial by trial over the trials
    that they share: McNemar's exact test of the trials in which one converged and the other did not, adjusted by Holm
    for the number of cells compared. Those that are not shown to be worse at 5 % are the set of the optimum. That the
    best is chosen by the same trials costs nothing noticeable: the truly best cell was in the set in at least 97 % of
    made-up groups (as two-sided tests are asked for one side alone).

    Args:
        plan: the cells.
        known: their tallies, by cell id.

    Returns:
        A row for each cell on an axis, group by group, in the order of y and x:

        - cell, the varied keys;
        - x_key, x_name, x_title, x_log, and the same of y (empty where there is one axis): the key, the number's name,
          the axis's name, whether its places are logarithms; x_line, y_line: the line of either level, empty where its
          axis has one alone; x, y: places on the axes; x_text, y_text: the numbers;
        - group: number of the line or map;
        - trials, converged, rate, rate_low, rate_high, decimals (of the percentage, that its interval allows);
        - best: whether it is the group's best (no cell is where none converged); p: the adjusted p value of being no
          worse, 1 for the best itself; alike: whether that is at least 5 %; row_best, row_alike: the same among the
          group's cells of the same y alone;
        - step_p: along a single axis, the adjusted p value of no difference to the number before, NaN for the first.

        Empty where the study has no axis.
    """
    import pandas as pd

    chosen = _chosen(plan)
    if not chosen:
        return pd.DataFrame()
    groups: dict[tuple[str, ...], list[Cell]] = {}
    on = [axis.key for axis in chosen]
    for cell in plan.cells:
        if all(cell.labels[axis.key] in axis.points for axis in chosen):
            lines = (axis.points[cell.labels[axis.key]].line for axis in chosen)
            others = (cell.labels[key] for key in plan.keys if key not in on)
            groups.setdefault((*lines, *others), []).append(cell)
    rows: list[dict[str, Any]] = []
    method = method_of(plan)
    for number, cells in enumerate(groups.values()):
        cells.sort(key=lambda cell: [axis.points[cell.labels[axis.key]].value for axis in reversed(chosen)])
        compared = _compared([known[cell.id] for cell in cells], len(chosen) == 1, method)
        made = []
        for cell, found in zip(cells, compared, strict=True):
            row: dict[str, Any] = {"cell": cell.id, **{key: cell.labels[key] for key in plan.keys}}
            made.append(row | _placed(cell, chosen) | {"group": number} | found)
        for y in dict.fromkeys(row["y_text"] for row in made):
            some = [row for row in made if row["y_text"] == y]
            best, p = _best([known[row["cell"]] for row in some], method)
            for position, row in enumerate(some):
                row |= {"row_best": position == best, "row_alike": bool(p[position] >= LEVEL)}
        rows += made
    return pd.DataFrame(rows)


def _chosen(plan: Plan) -> list[Axis]:
    """The axis of the most numbers, and the next, where there is one."""

    def numbers(axis: Axis) -> int:
        return -len({point.value for point in axis.points.values()})

    return sorted(find_axes(plan), key=numbers)[:2]


def _placed(cell: Cell, chosen: Sequence[Axis]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, axis in zip("xy", [*chosen, None][:2], strict=True):
        point = axis.points[cell.labels[axis.key]] if axis else None
        row |= {
            f"{name}_key": axis.key if axis else "",
            f"{name}_name": axis.quantity if axis else "",
            f"{name}_title": axis.title if axis else "",
            f"{name}_log": bool(axis and axis.logarithmic),
            f"{name}_line": point.line if point else "",
            name: point.place if point else np.nan,
            f"{name}_text": point.text if point else "",
        }
    return row


def _compared(group: Sequence[Tally], ordered: bool, method: Method) -> list[dict[str, Any]]:
    """The rates of a group's cells, and how they compare with the best one and, where ordered, with the one before."""
    best, p = _best(group, method)
    step = np.full(len(group), np.nan)
    if ordered:
        later = np.arange(1, len(group))
        step[1:] = holm(_paired(group, later, later - 1, method))
    rows = []
    for position, tally in enumerate(group):
        converged = tally.outcomes[CONVERGED]
        rate = converged / tally.trials
        low, high = wilson(converged, tally.trials)
        rows.append(
            {
                "trials": tally.trials,
                "converged": converged,
                "rate": rate,
                "rate_low": float(low),
                "rate_high": float(high),
                "decimals": percent_decimals(rate, float(low), float(high)),
                "best": position == best,
                "p": float(p[position]),
                "alike": bool(p[position] >= LEVEL),
                "step_p": float(step[position]),
                "test": method.tests[0],
            }
        )
    return rows


def _best(group: Sequence[Tally], method: Method) -> tuple[int, NDArray[np.float64]]:
    """The position of the highest rate, -1 where none converged, and the p values of being no worse than it."""
    rates = np.array([tally.outcomes[CONVERGED] / tally.trials for tally in group])
    p = np.ones(len(group))
    if not rates.any():
        return -1, p
    best = int(np.argmax(rates))
    others = np.delete(np.arange(len(group)), best)
    p[others] = holm(_paired(group, np.full(len(others), best), others, method))
    return best, p


def _paired(
    group: Sequence[Tally], side: NDArray[np.int64], other: NDArray[np.int64], method: Method
) -> NDArray[np.float64]:
    """The p values of pairs of cells, by their positions: McNemar's exact ones unless the study stops early."""
    converged = Converged([tally.converged for tally in group], [tally.trials for tally in group])
    return method.p(converged.cells(side, other))
