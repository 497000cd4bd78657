"""What all stores share: the schema, the merging of shards, frames, digests.

Shards may overlap (two runs that cut the same trials differently): a trial's row is the same wherever it comes from,
so a reader takes each trial once, from whichever shard holds it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.errors import RunError
from mcstudy.outcomes import CODES
from mcstudy.store.digest import Digest
from mcstudy.store.frames import frame_of
from mcstudy.store.listing import Shard, merged

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.store.summaries import Summaries
    from mcstudy.store.watcher import Watcher

SCHEMA = ("trial", "outcome", "steps", "loss_first", "loss_last")
CHUNK = 131_072
"""Rows that a reader holds at once."""

Rows = dict[str, NDArray[Any]]
"""Column name to array, all of one length, in schema order."""

History = tuple[NDArray[Any], NDArray[Any]]
"""The step of each check (checks,), and the losses there (trials, checks)."""


class DamagedError(RunError):
    """A file is not what was written; `found` says which and why, the message also what to do."""

    def __init__(self, path: object, why: str) -> None:
        self.found = f"{path}: is damaged ({why})"
        super().__init__(f"{self.found}; running the study again sets it aside and trains its trials again")


class Store(ABC):
    """What every store can do; a cell is named by its id, words are written as codes, see `CODES`.

    Attributes:
        summaries: what is kept of trials that have no rows.
        writers: how many threads may well write at once.
        watcher: is shown what is written.
    """

    summaries: Summaries
    writers: int = 1
    watcher: Watcher | None = None

    @abstractmethod
    def open(self) -> None:
        """Makes the store ready for writing.

        Raises:
            RunError: it cannot be written to.
        """

    def held(self) -> AbstractContextManager[str]:
        """No other run writes here while the block lasts; gives a line to tell, or "".

        Raises:
            RunError: another run does.
        """
        return nullcontext("")

    def together(self) -> AbstractContextManager[None]:
        """What is written in the block may be read, and is safe, when it ends; that raises what `write` raises."""
        return nullcontext()

    def set_aside(self, cell_id: str) -> list[str]:
        """Puts what is damaged of a cell out of the way; a line to tell of each. `RunError` where that cannot be."""
        return []

    @abstractmethod
    def _shards(self, cell_id: str) -> list[Shard]:
        """The shards of a cell, in any order."""

    @abstractmethod
    def _load(self, shard: Shard, columns: Sequence[str] | None, start: int, stop: int) -> Iterator[Rows]:
        """The rows of trials [start, stop) of a shard, in pieces of at most `CHUNK` rows.

        Raises:
            RunError: the shard is damaged or lacks a column.
        """

    @abstractmethod
    def _save(self, cell_id: str, start: int, rows: Rows) -> None:
        """Adds one shard of checked rows."""

    @abstractmethod
    def _save_history(self, cell_id: str, steps: NDArray[Any], losses: NDArray[Any]) -> None:
        """Keeps a checked history."""

    @abstractmethod
    def read_history(self, cell_id: str) -> History | None:
        """`steps` (int32) and `losses` as `write_history` got them, or None."""

    @abstractmethod
    def write_sample(self, cell_id: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keeps arrays that can be made again at any time, by name, replacing what was there.

        Raises:
            RunError: they cannot be written.
        """

    @abstractmethod
    def read_sample(self, cell_id: str) -> dict[str, NDArray[Any]] | None:
        """The arrays as `write_sample` got them; None where there are none, or they are damaged."""

    @abstractmethod
    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Keeps the manifest (anything JSON takes), replacing what was there."""

    @abstractmethod
    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest, or None."""

    @abstractmethod
    def where(self, cell_id: str) -> str:
        """Where the rows of a cell lie, for messages."""

    def ranges(self, cell_id: str) -> list[tuple[int, int]]:
        """The stored trials as ranges [start, stop): sorted, merged, not overlapping."""
        return merged(self._shards(cell_id))

    def write(self, cell_id: str, start: int, rows: Mapping[str, NDArray[Any]]) -> None:
        """Adds the trials from `start` on, all or none of them. NaN gets one bit pattern.

        Args:
            cell_id: the cell.
            start: the first trial.
            rows: arrays of one length; `trial` may be left out. `steps` become int32, losses keep their precision.

        Raises:
            ValueError: the rows are not of the schema.
            RunError: they cannot be written.
        """
        checked = as_stored(start, rows)
        if len(checked["trial"]):
            self._save(cell_id, start, checked)
            if self.watcher is not None:
                self.watcher.rows(cell_id, start, checked)

    def write_history(self, cell_id: str, steps: NDArray[Any], losses: NDArray[Any]) -> None:
        """Keeps the evaluation losses of a cell's first trials, replacing what was there.

        Args:
            cell_id: the cell.
            steps: (checks,), the step of each check.
            losses: (trials, checks), from trial 0 on; NaN after a trial's end.

        Raises:
            ValueError: the shapes do not fit.
            RunError: they cannot be written.
        """
        if steps.ndim != 1 or losses.ndim != 2 or losses.shape[1] != len(steps):
            raise ValueError(f"a history of shape {losses.shape} does not fit {steps.shape} checks")
        steps, losses = steps.astype(np.int32), _one_nan(losses)
        self._save_history(cell_id, steps, losses)
        if self.watcher is not None:
            self.watcher.history(cell_id, steps, losses)

    def chunks(self, cell_id: str, trials: int, columns: Sequence[str] | None = None, start: int = 0) -> Iterator[Rows]:
        """The trials `start` ≤ i < `trials` in order, as arrays in pieces of bounded size; words as codes.

        Raises:
            RunError: some of them are not stored, or a column is not.
        """
        position = start
        for shard in sorted(self._shards(cell_id), key=lambda shard: (shard.start, -shard.stop)):
            if shard.start > position or position >= trials:
                break
            if shard.stop > position:
                stop = min(shard.stop, trials)
                for rows in self._load(shard, columns, position, stop):
                    columns = list(rows)
                    yield rows
                position = stop
        if position < trials:
            raise RunError(f"cell {cell_id}: trial {position} is not stored; {trials} trials were asked for")

    def batches(self, cell_id: str, trials: int, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Like `chunks`, as frames, words as categories."""
        return map(frame_of, self.chunks(cell_id, trials, columns))

    def read(self, cell_id: str, trials: int, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The first `trials` trials in order, in one frame, words as categories.

        Raises:
            RunError: some of them are not stored, or a column is not.
        """
        whole: Rows = {}
        position = 0
        for rows in self.chunks(cell_id, trials, columns):
            size = len(next(iter(rows.values())))
            for name, values in rows.items():
                whole.setdefault(name, np.empty(trials, values.dtype))[position : position + size] = values
            position += size
        return frame_of(whole)

    def rows(self, cell_id: str, trials: NDArray[np.int64], columns: Sequence[str] | None = None) -> Rows:
        """The rows of these trials, numbers that ascend, as arrays; words as codes.

        Raises:
            RunError: one of them is not stored.
        """
        pieces: list[Rows] = []
        left = trials
        for shard in sorted(self._shards(cell_id), key=lambda shard: (shard.start, -shard.stop)):
            inside = (left >= shard.start) & (left < shard.stop)
            for wanted in _near(left[inside], shard.start):
                at, columns = int(wanted[0]), list(pieces[0]) if pieces else columns
                for rows in self._load(shard, columns, at, int(wanted[-1]) + 1):
                    stop = at + len(next(iter(rows.values())))
                    here = wanted[(wanted >= at) & (wanted < stop)] - at
                    pieces.append({name: values[here] for name, values in rows.items()})
                    at = stop
            left = left[~inside]
        if len(left) or not pieces:
            raise RunError(f"cell {cell_id}: trial {left[0] if len(left) else 0} is not stored")
        return {name: np.concatenate([rows[name] for rows in pieces]) for name in pieces[0]}

    def digest(self, cell_id: str, trials: int) -> str:
        """SHA-256 (hex) of the first `trials` rows in trial order, packed as `DIGEST_LAYOUT` says.

        Raises:
            RunError: some of them are not stored, or are damaged.
        """
        digest = Digest()
        for rows in self.chunks(cell_id, trials):
            digest.add(rows)
        return digest.hexdigest()


def _near(trials: NDArray[np.int64], start: int) -> list[NDArray[np.int64]]:
    """Ascending trials of a shard from `start` on, in lots within `CHUNK` rows: files are read by as many."""
    lot = (trials - start) // CHUNK
    return [piece for piece in np.split(trials, np.flatnonzero(np.diff(lot)) + 1) if len(piece)]


def as_stored(start: int, rows: Mapping[str, NDArray[Any]]) -> Rows:
    """The rows as a store keeps them: in schema order and types, NaN with one bit pattern.

    Args:
        start: the number of the first trial.
        rows: equally long arrays.

    Raises:
        ValueError: the rows are not of the schema.
    """
    if missing := [name for name in SCHEMA[1:] if name not in rows]:
        raise ValueError(f"rows without a column {missing[0]!r}")
    size = len(rows["outcome"])
    trials = np.arange(start, start + size, dtype=np.int64)
    checked: Rows = {"trial": trials}
    kinds: dict[str, Any] = dict.fromkeys(CODES, np.uint8) | {"steps": np.int32}
    for name in [*SCHEMA[1:], *(name for name in rows if name not in SCHEMA)]:
        checked[name] = _one_nan(np.asarray(rows[name], kinds.get(name)))
    if any(values.shape != (size,) for values in checked.values()):
        raise ValueError(f"columns of several shapes: { {name: v.shape for name, v in checked.items()} }")
    if not np.array_equal(rows.get("trial", trials), trials):
        raise ValueError(f"the rows are not those of the trials from {start} on")
    for name, words in CODES.items():
        if size and name in checked and checked[name].max() >= len(words):
            raise ValueError(f"there is no {name} {checked[name].max()}")
    return checked


def _one_nan(values: NDArray[Any]) -> NDArray[Any]:
    """The values with one bit pattern for NaN: its sign and payload differ between CPUs, and digests read bytes."""
    if values.dtype.kind != "f":
        return values
    found = np.isnan(values)
    return np.where(found, values.dtype.type(np.nan), values) if found.any() else values
