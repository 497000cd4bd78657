"""Trains a study that stops early: rounds of trials, and a look at the results after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mcstudy.engine.recorder import gaps
from mcstudy.engine.run import Progress, train
from mcstudy.engine.threads import UnitResult
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import Plan
from mcstudy.statistics.stopping import Stopping
from mcstudy.store import Store

_CONVERGED = OUTCOMES.index("converged")


def train_until(
    plan: Plan,
    store: Store,
    threads: int | None = None,
    progress: Progress | None = None,
    unit_trials: int | None = None,
    ended: Callable[[], None] | None = None,
) -> tuple[int, dict[str, int]]:
    """Train a study until `study.until` is met or all of its trials are done.

    Trials beyond those, which a store may have, are neither looked at nor counted.

    Args:
        plan: the cells.
        store: an opened store.
        threads, progress, unit_trials, ended: as `mcstudy.engine.run.train` has them.

    Returns:
        How many trials had to be trained, and how many each cell has in the end, by its id.

    Raises:
        KeyboardInterrupt: Ctrl-C, after what was finished has been stored.
        RunError: the store cannot be written to, or what it holds is damaged.
    """
    stopping, seen = Stopping(plan), _Seen(plan, store)

    def rounds() -> Iterator[Mapping[str, int]]:
        while stopping.open:
            seen.start(stopping.open, stopping.stretch)
            if progress is not None:
                most = {plan.cells[cell].id: plan.study.trials for cell in stopping.open}
                progress.expect(seen.lacking(stopping.counts | most))
            yield stopping.counts
            stopping.look(seen.converged)

    trained = train(plan, store, plan.study.trials, threads, progress, unit_trials, rounds(), seen.receive, ended)
    return trained, stopping.counts


class _Seen:
    """Which trials of a round converged: those of the store, and those that are trained."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self._plan, self._store = plan, store
        self._stored = {cell.id: store.ranges(cell.id) for cell in plan.cells}
        self.converged: dict[int, NDArray[np.bool_]] = {}

    def start(self, cells: Sequence[int], stretch: tuple[int, int]) -> None:
        """A round begins: the trials [first, last) of these cells; takes what is stored of them."""
        self._first, self._last = stretch
        self.converged = {cell: np.zeros(self._last - self._first, np.bool_) for cell in cells}
        for cell in (self._plan.cells[i] for i in cells):
            for first, last in self._stored[cell.id]:
                numbers = np.arange(max(first, self._first), min(last, self._last), dtype=np.int64)
                if len(numbers):
                    outcome = self._store.rows(cell.id, numbers, ["outcome"])["outcome"]
                    self._note(cell.index, int(numbers[0]), outcome)

    def lacking(self, counts: Mapping[str, int]) -> int:
        """How many of so many trials of each cell were not stored."""
        return sum(last - first for cell in counts for first, last in gaps(self._stored[cell], 0, counts[cell]))

    def receive(self, results: Sequence[UnitResult]) -> None:
        """Takes what a unit trained."""
        for result in results:
            self._note(result.cell.index, result.first, result.rows["outcome"])

    def _note(self, cell: int, first: int, outcome: NDArray[np.uint8]) -> None:
        at = first - self._first
        self.converged[cell][at : at + len(outcome)] = outcome == _CONVERGED
