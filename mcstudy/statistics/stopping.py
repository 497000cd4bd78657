"""When cells stop before all of their trials: the looks at them, and the questions that are asked there.

Everything here is a function of the study and of which trials converged, so the trials that a study uses do not depend
on threads, on time, on interruptions, or on what was stored before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.plan import TASK
from mcstudy.statistics import sequences

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan
    from mcstudy.statistics.tally import Tally

FIRST: Final = 512
"""Trials of every cell before the first look; closeups sample no more, so their trials are never chosen by a result."""
MULTIPLE: Final = 64
"""Looks are at multiples of this, which are whole packs of the kernels."""
LEVEL: Final = 0.95


def looks(most: int) -> list[int]:
    """The numbers of trials at which a study of up to `most` trials per cell is looked at; the last one is `most`.

    Each is an eighth more than the one before, rounded up to a multiple of 64: seldom enough that rounds of training
    stay long, often enough that a cell has some 6 % more trials than it needs, on average.
    """
    found, at = [], FIRST
    while at < most:
        found.append(at)
        at += MULTIPLE * -(-at // (8 * MULTIPLE))
    return [*found, most]


def contrasts(plan: Plan) -> list[tuple[int, int, str]]:
    """Every cell with the cell that is the baseline's in one key and its own in all others; tasks are not compared.

    Returns:
        The positions of the two cells and the key, in plan order; none for cells that are the baseline in all keys.
    """
    shape = [len(levels) for levels in plan.study.levels.values()]
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    found = []
    for cell in plan.cells:
        for size, stride, (key, base) in zip(shape, strides, plan.study.baseline.items(), strict=True):
            level = cell.index // stride % size
            if level != base and key != TASK:
                found.append((cell.index, cell.index + (base - level) * stride, key))
    return found


def half_width(plan: Plan) -> float | None:
    """The half width that the sequences of a study are made for; None for a study that does not stop early."""
    until = plan.study.study.until
    return None if until is None else until.half_width or until.decided


class Stopping:
    """The state of a study that stops early: which cells are open, and up to which trial.

    The questions are: is the sequence of a cell's rate at most 2 `half_width` wide; or, for each of the `contrasts`,
    does the sequence of the difference leave out 0, or lie within ±`decided`. The sequences of m contrasts have levels
    of 1 - 0.05/m, so that all decisions together are wrong with a probability of 5 % at the most. A cell is open as
    long as a question about it is.

    Args:
        plan: the cells of a study that has `until`.

    Attributes:
        level: of each sequence.
        open: positions of the open cells; none when all is done.
        counts: trials of each cell that are wanted so far, by its id.
        stretch: the trials [first, last) that the next look is at, beyond those of the last one.
    """

    def __init__(self, plan: Plan) -> None:
        until, self._plan = plan.study.study.until, plan
        assert until is not None
        self._name = "half_width" if until.half_width is not None else "decided"
        self._size = float(getattr(until, self._name))
        self._looks = looks(plan.study.trials)
        each = [(cell.index, cell.index, "") for cell in plan.cells]
        asked = each if self._name == "half_width" else contrasts(plan)
        self._sides = np.array([pair[:2] for pair in asked], np.int64).reshape(-1, 2)
        self.level = LEVEL if self._name == "half_width" else 1 - (1 - LEVEL) / max(1, len(asked))
        self._ones = np.zeros((len(asked), 2), np.int64)
        self._unanswered = np.ones(len(asked), np.bool_)
        self._keys = [key for _, _, key in asked]
        self._trials, self._ends = np.zeros(len(asked), np.int64), np.zeros((2, len(asked)))
        self.stretch = (0, self._looks[0])
        self.open: list[int] = [cell.index for cell in plan.cells]
        self.counts = plan.counts(self._looks[0])

    def look(self, converged: Mapping[int, NDArray[np.bool_]]) -> None:
        """Look at the trials of `stretch`: which of them converged, by the position of every open cell."""
        for row in np.flatnonzero(self._unanswered):
            side, other = (converged[int(cell)] for cell in self._sides[row])
            if self._name == "half_width":
                self._ones[row, 0] += np.count_nonzero(side)
            else:
                self._ones[row] += np.count_nonzero(side & ~other), np.count_nonzero(other & ~side)
        last = self.stretch[1]
        asked = np.flatnonzero(self._unanswered)
        low, high = self._sequences(self._ones[asked], last)
        self._trials[asked], self._ends[:, asked] = last, (low, high)
        self._unanswered[asked] = ~self._answered(low, high)
        self.open = np.unique(self._sides[self._unanswered]).tolist() if last < self._looks[-1] else []
        if self.open:
            self.stretch = last, self._looks[self._looks.index(last) + 1]
            self.counts |= {self._plan.cells[cell].id: self.stretch[1] for cell in self.open}

    def _sequences(self, ones: NDArray[np.int64], trials: int) -> tuple[NDArray[Any], NDArray[Any]]:
        first, second = ones.T
        if self._name == "half_width":
            return sequences.rate(first, trials, self._size, self.level)
        return sequences.paired(first, second, trials, self._size, self.level)

    def _answered(self, low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.bool_]:
        if self._name == "half_width":
            return np.asarray(high - low <= 2 * self._size)
        return np.asarray((low > 0) | (high < 0) | ((low >= -self._size) & (high <= self._size)))

    @property
    def reasons(self) -> list[str]:
        """Why each cell stopped: the name of the rule, or "trials" where there are no more although it is not met."""
        unmet = set(np.unique(self._sides[self._unanswered]).tolist())
        return ["trials" if cell.index in unmet else self._name for cell in self._plan.cells]

    def decisions(self) -> pd.DataFrame:
        """The columns of `decisions`."""
        import pandas as pd

        cells, (low, high) = self._plan.cells, self._ends
        inside = (low >= -self._size) & (high <= self._size)
        rows = []
        for row, (side, other) in enumerate(self._sides.tolist()):
            key, trials = self._keys[row], int(self._trials[row])
            first, second = self._ones[row]
            rows.append(
                {
                    "cell": cells[side].id,
                    **cells[side].labels,
                    "key": key,
                    "other": cells[other].labels[key],
                    "trials": trials,
                    "difference": (first - second) / trials,
                    "difference_low": low[row],
                    "difference_high": high[row],
                    "verdict": "equivalent" if inside[row] else "undecided" if self._unanswered[row] else "differ",
                }
            )
        return pd.DataFrame(rows)


def _seen_again(plan: Plan, known: Mapping[str, Tally]) -> Stopping:
    """All looks at a study, found again from the tallies of its trials."""
    stopping = Stopping(plan)
    while stopping.open:
        first, last = stopping.stretch
        seen = {}
        for cell in (plan.cells[i] for i in stopping.open):
            bits = known[cell.id].converged[first // 8 : -(-last // 8)]
            seen[cell.index] = np.unpackbits(bits, count=last - first).astype(np.bool_)
        stopping.look(seen)
    return stopping


def reasons(plan: Plan, known: Mapping[str, Tally]) -> list[str]:
    """Why each cell stopped, in plan order, found again from the tallies of its trials."""
    return _seen_again(plan, known).reasons


def decisions(plan: Plan, known: Mapping[str, Tally]) -> pd.DataFrame:
    """What a study with `until.decided` decided: a row for each of the `contrasts`, at the look that decided it.

    Returns:
        cell, its labels, key (the one in which it is not the baseline), other (the baseline's level of that), trials
        (shared by both, until this was decided), difference (the cell's rate less the other's, over these trials),
        the ends of its sequence, difference_low and difference_high, which cover all differences of the study at all
        looks together with a probability of 95 %, and verdict: differ, equivalent (within ±`decided`, whether or not
        0 is left out), undecided. Empty for other studies.
    """
    import pandas as pd

    until = plan.study.study.until
    return pd.DataFrame() if until is None or until.decided is None else _seen_again(plan, known).decisions()
