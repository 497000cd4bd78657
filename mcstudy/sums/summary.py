"""The sums of some trials of one cell, how they are added up, and how they are written as bytes."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import CONSTANTS, OUTCOMES, POINTS
from mcstudy.sums.causes import CAUSES, Causes, count_causes

Counts = NDArray[np.int64]

LAYOUT: Final = (
    "SHA-256 of what a cell's trials, from trial 0 on, add up to, as int64 little-endian, each list after its length: "
    f"trials by outcome ({', '.join(OUTCOMES)}); dead hidden units in the end, by outcome; failed trials by cause "
    f"({', '.join(CAUSES)}); those of a constant output by where it is ({', '.join(CONSTANTS)}); trials with a unit "
    "dead at the start (converged, failed); stuck trials by what they sit at "
    f"({', '.join(POINTS)}; an empty list where the study does not ask); the steps at which trials converged, "
    "ascending, and how many did; likewise the steps at which they diverged; the last losses of the others as whole "
    "numbers (the float64 rounded to 14 significant bits, shifted right by 39 bits; negative for a negative loss), "
    "ascending, and how many there are; then a bit for each trial, the first one highest in its byte: whether it "
    "converged"
)
"""How anyone computes the digest of a summary again."""

DIGITS: Final = 4
"""Significant digits of a median of losses: those that a histogram of 14 significant bits can tell."""

_DROPPED = 39
"""Bits of a float64 that the histogram of losses leaves out; 13 of the fraction's 52 are left."""
_CONVERGED, _DIVERGED = OUTCOMES.index("converged"), OUTCOMES.index("diverged")
_PIECES = 8
"""Pieces of a histogram that are held before they are added up."""
_UNPACKED = 1 << 20
"""Bits that are held unpacked at once."""


@dataclass(frozen=True)
class Summary:
    """What some trials add up to. All arrays but the last are int64.

    Attributes:
        outcomes: (outcomes,) trials by outcome.
        dead: (outcomes,) dead hidden units in the end, by outcome.
        causes: (causes,) failed trials by cause, in the order of `CAUSES`.
        constants: (constants,) those whose cause is a constant output, by where it is.
        dead_start: (2,) trials with a hidden unit that was dead at the start: converged ones, failed ones.
        points: (points,) trials by what they sit at; of no length where rows do not tell.
        steps, counts: (k,) the distinct steps at which trials converged, ascending, and how many did at each.
        diverged_steps, diverged_counts: likewise of those that diverged.
        losses, loss_counts: likewise the last loss of the others, as `loss_keys` has it.
        converged: which trials converged, as `numpy.packbits` packs bits.
    """

    outcomes: Counts
    dead: Counts
    causes: Counts
    constants: Counts
    dead_start: Counts
    points: Counts
    steps: Counts
    counts: Counts
    diverged_steps: Counts
    diverged_counts: Counts
    losses: Counts
    loss_counts: Counts
    converged: NDArray[np.uint8]

    @property
    def trials(self) -> int:
        """How many trials."""
        return int(self.outcomes.sum())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return (*_LISTS, "converged")

    def digest(self) -> str:
        """SHA-256 (hex) as `LAYOUT` says."""
        found = hashlib.sha256()
        for name in _LISTS:
            values = getattr(self, name)
            found.update(np.array([len(values), *values], "<i8").tobytes())
        found.update(self.converged.tobytes())
        return found.hexdigest()


_LISTS = tuple(name for name in Summary.__annotations__ if name != "converged")
_ADDED = ("outcomes", "dead", "causes", "constants", "dead_start")
_HISTOGRAMS = {"steps": "counts", "diverged_steps": "diverged_counts", "losses": "loss_counts"}


class Sums:
    """Adds up trials, piece by piece, in the order of their numbers."""

    def __init__(self) -> None:
        sizes = (len(OUTCOMES), len(OUTCOMES), len(CAUSES), len(CONSTANTS), 2)
        self._added = {name: np.zeros(size, np.int64) for name, size in zip(_ADDED, sizes, strict=True)}
        self._points = np.zeros(0, np.int64)
        self._histograms = {name: _Histogram() for name in _HISTOGRAMS}
        self._converged = _Bits()

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Add trials by their rows: outcome, steps, loss_last, `COLUMNS`, and point where the cell has that."""
        outcome = rows["outcome"]
        found = count_causes(rows)
        self._count(np.bincount(outcome, minlength=len(OUTCOMES)), np.bincount(outcome, rows["dead_units"]), found)
        converged, diverged = outcome == _CONVERGED, outcome == _DIVERGED
        self._histograms["steps"].add(rows["steps"][converged])
        self._histograms["diverged_steps"].add(rows["steps"][diverged])
        self._histograms["losses"].add(loss_keys(rows["loss_last"][~(converged | diverged)]))
        self._converged.add(converged)

    def join(self, other: Summary) -> None:
        """Add trials by their sums."""
        found = Causes(other.causes, other.constants, other.dead_start, other.points)
        self._count(other.outcomes, other.dead, found)
        for name, counts in _HISTOGRAMS.items():
            self._histograms[name].join(getattr(other, name), getattr(other, counts))
        self._converged.join(other.converged, other.trials)

    def _count(self, outcomes: NDArray[Any], dead: NDArray[Any], found: Causes) -> None:
        new = (outcomes, dead, found.causes, found.constants, found.dead_start)
        for name, values in zip(_ADDED, new, strict=True):
            self._added[name][: len(values)] += values.astype(np.int64)
        if len(found.points):
            self._points = found.points + (self._points if len(self._points) else 0)

    def summary(self) -> Summary:
        """The sums of what was added."""
        lists: dict[str, Any] = {**self._added, "points": self._points, "converged": self._converged.packed()}
        for name, counts in _HISTOGRAMS.items():
            lists[name], lists[counts] = self._histograms[name].sums()
        return Summary(**lists)


class _Histogram:
    """Counts of whole numbers, added up piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def add(self, values: NDArray[Any]) -> None:
        self.join(*np.unique(values, return_counts=True))

    def join(self, values: NDArray[Any], counts: NDArray[Any]) -> None:
        if len(values):
            self._pieces.append((values, counts))
        if len(self._pieces) > _PIECES:
            self._pieces = [self.sums()]

    def sums(self) -> tuple[Counts, Counts]:
        """The distinct values, ascending, and how often each came."""
        if not self._pieces:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        values, counts = (np.concatenate(part).astype(np.int64) for part in zip(*self._pieces, strict=True))
        distinct, place = np.unique(values, return_inverse=True)
        sums = np.zeros(len(distinct), np.int64)
        np.add.at(sums, place, counts)
        return distinct, sums


class _Bits:
    """Bits, packed as they come."""

    def __init__(self) -> None:
        self._packed: list[NDArray[np.uint8]] = []
        self._rest: NDArray[Any] = np.zeros(0, np.bool_)

    def add(self, flags: NDArray[Any]) -> None:
        flags = np.concatenate([self._rest, flags]) if len(self._rest) else flags
        whole = len(flags) // 8 * 8
        self._packed.append(np.packbits(flags[:whole]))
        self._rest = flags[whole:].copy()

    def join(self, packed: NDArray[np.uint8], count: int) -> None:
        for start in range(0, count, _UNPACKED):
            some = min(_UNPACKED, count - start)
            self.add(np.unpackbits(packed[start // 8 : -(-(start + some) // 8)], count=some).view(np.bool_))

    def packed(self) -> NDArray[np.uint8]:
        return np.concatenate([*self._packed, np.packbits(self._rest)])


def loss_keys(losses: NDArray[Any]) -> NDArray[np.int32]:
    """Losses as whole numbers of the same order: rounded to 14 significant bits (to 0.006 %), by their bit patterns."""
    bits = np.abs(losses.astype(np.float64)).view(np.int64)
    keys = ((bits + (1 << (_DROPPED - 1))) >> _DROPPED).astype(np.int32)
    return np.where(losses < 0, -keys, keys)


def median(keys: Counts, counts: Counts) -> float:
    """The median of losses, to four significant digits; NaN without any.

    The mean of the two in the middle, of losses rounded by `loss_keys`. An exact median needs every loss, or to read
    them several times (J. I. Munro and M. S. Paterson, Theor. Comput. Sci. 12 (1980) 315); nobody can use its digits.
    """
    ends = np.cumsum(counts)
    if not len(ends):
        return math.nan
    count = int(ends[-1])
    middle = keys[np.searchsorted(ends, [(count - 1) // 2, count // 2], side="right")]
    low, high = (np.sign(middle) * (np.abs(middle) << _DROPPED).view(np.float64) / 2).tolist()
    return float(f"{low + high:.{DIGITS}g}")


def pack(summary: Summary) -> bytes:
    """A summary as bytes, the same wherever it is made with the same libraries; ascending values as differences."""
    lists = {name: _narrow(getattr(summary, name)) for name in _LISTS}
    lists |= {name: _narrow(np.diff(getattr(summary, name), prepend=0)) for name in _HISTOGRAMS}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **lists, converged=summary.converged)
    return stream.getvalue()


def _narrow(values: Counts) -> NDArray[Any]:
    most = int(np.abs(values).max(initial=0))
    return values.astype(next(kind for kind in ("<i1", "<i2", "<i4", "<i8") if most <= np.iinfo(kind).max))


def unpack(content: bytes) -> Summary:
    """What `pack` made bytes of.

    Raises:
        ValueError: they are no summary.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            lists = {name: file[name].astype(np.int64) for name in _LISTS}
            converged = file["converged"].astype(np.uint8)
    except (OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error
    lists |= {name: np.cumsum(lists[name]) for name in _HISTOGRAMS}
    found = Summary(**lists, converged=converged)
    if len(converged) != -(-found.trials // 8) or int(found.counts.sum()) != int(found.outcomes[_CONVERGED]):
        raise ValueError("its counts do not add up")
    return found
