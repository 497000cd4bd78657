"""How pairs are judged where a study stops when the result shows: by confidence sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.statistics import sequences
from mcstudy.statistics.compare import FIXED, LEVEL, Method
from mcstudy.statistics.pairs import Differences
from mcstudy.statistics.stopping import Stopping, half_width

if TYPE_CHECKING:
    from mcstudy.plan import Plan

_LEAST: Final = 1e-12
"""p values are not told below this."""
_HALVINGS: Final = 24


def method_of(plan: Plan) -> Method:
    """How the pairs of a plan's cells are judged: `FIXED`, or where its study stops early `sequential`."""
    width = half_width(plan)
    return FIXED if width is None else sequential(width, Stopping(plan).level)


def sequential(width: float, tuned: float = 1 - LEVEL) -> Method:
    """Intervals and p values that hold at all numbers of trials at once.

    A pair of cells has a paired sequence (`sequences.paired`). A p value is the smallest α at which that leaves out
    what is tested; so it may be looked at after every trial, too. Averages over contexts have none.

    Args:
        width: the half width at which the sequences are to be narrow.
        tuned: the level at which they are to be, that of the study's own looks: what these decide is shown here too.
    """

    def ends(pairs: Differences, alpha: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        down, _, up = pairs.counts.T
        return sequences.paired(up, down, pairs.trials, width, 1 - alpha, tuned)

    def interval(pairs: Differences) -> tuple[NDArray[Any], NDArray[Any]]:
        return ends(pairs, np.full(len(pairs.trials), LEVEL))

    def p(pairs: Differences) -> NDArray[Any]:
        return _smallest(pairs, lambda low, high: (low > 0) | (high < 0))

    def equivalence(pairs: Differences, margin: float) -> NDArray[Any]:
        return _smallest(pairs, lambda low, high: (low >= -margin) & (high <= margin))

    def _smallest(pairs: Differences, shown: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        """The least α at which the ends show something; 1 where none does."""
        low, high = np.full(len(pairs.trials), np.log(_LEAST)), np.zeros(len(pairs.trials))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            found = shown(*ends(pairs, np.exp(middle)))
            low, high = np.where(found, low, middle), np.where(found, middle, high)
        return np.where(high > -1e-9, 1.0, np.exp(high))

    return Method(interval, p, equivalence, ("confidence sequence", None))
