"""The first trials of a cell with everything that happened at their checks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import OUTCOMES

if TYPE_CHECKING:
    from mcstudy.engine.program import Program
    from mcstudy.plan import Cell, Table
    from mcstudy.store import Store

Array = NDArray[Any]

MOST_TRIALS, LEAST_TRIALS, MOST_NUMBERS = 512, 32, 4_000_000
"""Trials of a sample, from the first: most, fewest, and most numbers of all their parameters at the checks."""


@dataclass(frozen=True)
class Sample:
    """Some trials of a cell, the first ones or, from a grid of starts, some all over it; arrays by trial, in order.

    Attributes:
        cell: the cell.
        program: its program, for whoever evaluates its network.
        steps: (checks,) the step of each check.
        outcome: (trials,) codes, positions in `OUTCOMES`.
        ends: (trials,) position of the check at which each trial ended.
        loss: (trials, checks) evaluation loss, NaN after a trial's end.
        parameters: (trials, checks, parameters), likewise; layer by layer, weights (out, in) row by row, then biases,
            then a trained slope of the activation.
        trials: (trials,) their numbers.
    """

    cell: Cell
    program: Program
    steps: Array
    outcome: Array
    ends: Array
    loss: Array
    parameters: Array
    trials: Array

    @property
    def which(self) -> str:
        """Which trials they are, as in ``147 of the first 512 trials``."""
        count = len(self.trials)
        if int(self.trials[-1]) >= count:
            return f"{count:,} trials all over the grid"
        return f"the first {count:,} trials" if count > 1 else "the first trial"

    @property
    def converged(self) -> Array:
        """(trials,) whether each converged."""
        return np.asarray(self.outcome == OUTCOMES.index("converged"))

    @property
    def starts(self) -> Array:
        """(trials, parameters) at the start."""
        return np.asarray(self.parameters[:, 0])

    @property
    def finals(self) -> Array:
        """(trials, parameters) at the end."""
        return np.asarray(self.parameters[np.arange(len(self.ends)), self.ends])


def can_sample(cell: Cell) -> bool:
    """Whether the least sample of a cell fits into memory many times over."""
    return LEAST_TRIALS * cell.checks * cell.parameters <= 10 * MOST_NUMBERS


def sampled_trials(cell: Cell, trials: int) -> Array:
    """The numbers of the trials of a cell that its sample has, of so many that are reported."""
    most = MOST_NUMBERS // max(1, cell.checks * cell.parameters)
    count = min(trials, MOST_TRIALS, max(LEAST_TRIALS, most))
    if cell.settings["network"]["init"]["name"] == "grid":
        return np.unique(np.linspace(0, trials - 1, count).round().astype(np.int64))
    return np.arange(count, dtype=np.int64)


class Writing:
    """Writes samples to a store, on a thread of its own, in a block that ends when all are written.

    Raises:
        RunError: at the end of the block; the store refuses one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: list[Future[None]] = []

    def __enter__(self) -> Writing:
        self._pool = ThreadPoolExecutor(1)
        return self

    def write(self, cell_id: str, arrays: Mapping[str, Array]) -> None:
        """Begins to write what nobody changes any more."""
        self._begun.append(self._pool.submit(self._store.write_sample, cell_id, arrays))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for one in self._begun:
                one.result()


def take_sample(
    cell: Cell,
    tables: Mapping[str, Table],
    store: Store,
    trials: int,
    write: Callable[[str, Mapping[str, Array]], None] | None = None,
) -> Sample:
    """The sample of a cell, from the store where it has one, else trained again and kept there.

    Args:
        cell: the cell.
        tables: the data of table tasks, by digest.
        store: of the run.
        trials: how many trials of the cell are reported.
        write: instead of the store's `write_sample`.

    Raises:
        RunError: the store refuses it.
    """
    from mcstudy.engine.program import build, check_steps

    program = build([cell], tables)
    numbers = sampled_trials(cell, trials)
    count = len(numbers)
    kept = store.read_sample(cell.id)
    if kept is None or set(kept) != set(_KEPT) or not np.array_equal(kept["trial"][:count], numbers):
        kept = train_sample(program, numbers)
        (write or store.write_sample)(cell.id, kept)
    first = {name: kept[name][:count] for name in _KEPT}
    steps = check_steps(cell)
    ends = np.searchsorted(steps, first["steps"])
    return Sample(cell, program, steps, first["outcome"], ends, first["loss"], first["parameters"], numbers)


_KEPT: Final = ("trial", "outcome", "steps", "loss", "parameters")


def train_sample(program: Program, numbers: Array) -> dict[str, Array]:
    """Train some trials, a few at a time on each core, and keep what is to be known of them, by name.

    Ctrl-C is heard in between.
    """
    from mcstudy.engine.threads import Unit, available_threads, run_unit

    pieces = [numbers[start : start + program.lanes] for start in range(0, len(numbers), program.lanes)]
    stop, own = np.zeros(1, np.int64), threading.local()

    def trained(piece: Array) -> tuple[Array, ...]:
        if not hasattr(own, "memory"):
            own.memory = program.memory()
        unit = Unit(program, int(piece[0]), int(piece[-1]) + 1, piece)
        [result] = run_unit(unit, own.memory, stop, traced=True)
        return result.rows["trial"], result.rows["outcome"], result.rows["steps"], result.history, result.trace

    with ThreadPoolExecutor(min(len(pieces), available_threads())) as pool:
        try:
            found = list(pool.map(trained, pieces))
        except BaseException:
            stop[0] = 1
            raise
    return {name: np.concatenate(parts) for name, parts in zip(_KEPT, zip(*found, strict=True), strict=True)}
