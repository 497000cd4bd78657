"""The sums of a cell's first trials, of what a store has of them: rows, or summaries of some trials."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy.errors import RunError
from mcstudy.store import Digest, Rows, Shard, Store
from mcstudy.sums.causes import COLUMNS
from mcstudy.sums.summary import Summary, Sums, unpack

_SUMMED = ("outcome", "steps", "loss_last", *COLUMNS)


class Piece(NamedTuple):
    """Trials [start, stop) of a cell, and the summary of just these; None where their rows are stored."""

    start: int
    stop: int
    summary: Shard | None


def pieces(store: Store, cell_id: str, trials: int, rows: Sequence[tuple[int, int]] | None = None) -> list[Piece]:
    """What tells of as many of a cell's first trials as can be told of, each of them once, in order.

    Rows can be cut anywhere, summaries nowhere. Where both tell of the same trials, it is the rows.

    Args:
        store: where they lie.
        cell_id: the cell.
        trials: how many.
        rows: the ranges of the stored rows, where they are known.
    """
    known = store.ranges(cell_id) if rows is None else rows
    stored = [(first, min(last, trials)) for first, last in known if first < trials]
    shards = [shard for shard in store.summaries.shards(cell_id) if shard.stop <= trials]
    ends = {0, trials, *itertools.chain(*stored), *(end for shard in shards for end in shard[:2])}
    points = sorted(ends)
    starting: dict[int, list[Shard]] = {}
    for shard in shards:
        starting.setdefault(shard.start, []).append(shard)
    # The most trials up to a point, and the piece that ends there.
    best: dict[int, tuple[int, Piece | None, int]] = {0: (0, None, 0)}
    place = 0
    for point, following in itertools.pairwise(points):
        while place < len(stored) and stored[place][1] <= point:
            place += 1
        told = place < len(stored) and stored[place][0] <= point
        count = best[point][0]
        ways = [(following, Piece(point, following, None) if told else None)]
        ways += [(shard.stop, Piece(*shard[:2], shard)) for shard in starting.get(point, ())]
        for end, piece in ways:
            gain = count + (end - point if piece else 0)
            if end not in best or gain > best[end][0]:
                best[end] = gain, piece, point
    found: list[Piece] = []
    at = trials
    while at > 0:
        _, piece, before = best[at]
        if piece and piece.summary is None and found and found[-1].summary is None and found[-1].start == piece.stop:
            found[-1] = Piece(piece.start, found[-1].stop, None)
        elif piece:
            found.append(piece)
        at = before
    found.reverse()
    return found


def covered(
    store: Store, cell_id: str, trials: int, rows: Sequence[tuple[int, int]] | None = None
) -> list[tuple[int, int]]:
    """The ranges of a cell's first trials that rows or summaries tell of: sorted, merged; arguments as `pieces`."""
    merged: list[tuple[int, int]] = []
    for piece in pieces(store, cell_id, trials, rows):
        if merged and merged[-1][1] == piece.start:
            merged[-1] = (merged[-1][0], piece.stop)
        else:
            merged.append((piece.start, piece.stop))
    return merged


def _whole(store: Store, cell_id: str, trials: int) -> Iterator[Piece]:
    """The pieces of all of the first trials."""
    position = 0
    # The names of files tell it: what is read is looked at then.
    for piece in pieces(store, cell_id, trials, Store.ranges(store, cell_id)):
        if piece.start > position:
            break
        yield piece
        position = piece.stop
    if position < trials:
        raise RunError(f"cell {cell_id}: trial {position} is not stored; {trials} trials were asked for")


def read(store: Store, shard: Shard) -> Summary:
    """A stored summary.

    Raises:
        RunError: it is damaged.
    """
    try:
        found = unpack(store.summaries.read(shard))
        if found.trials != shard.stop - shard.start:
            raise ValueError(f"{found.trials} trials instead of {shard.stop - shard.start}")
    except ValueError as error:
        raise store.summaries.damaged(shard, str(error)) from error
    return found


def summed(store: Store, cell_id: str, trials: int, hessian: bool = False, digest: Digest | None = None) -> Summary:
    """What the first `trials` trials of a cell add up to, in one pass; with `hessian`, what stuck ones sit at too.

    A `digest` gets every row in the same pass.

    Raises:
        RunError: some of them are not stored, or files are damaged.
    """
    sums = Sums()
    for piece in _whole(store, cell_id, trials):
        if piece.summary is not None:
            sums.join(read(store, piece.summary))
            continue
        asked = list(_SUMMED)
        if hessian and "point" in next(store.chunks(cell_id, piece.start + 1, start=piece.start)):
            asked.append("point")
        for rows in store.chunks(cell_id, piece.stop, asked if digest is None else None, piece.start):
            sums.add({name: rows[name] for name in asked})
            if digest is not None:
                digest.add(rows)
    return sums.summary()


def summed_rows(rows: Rows, hessian: bool = False) -> Summary:
    """What rows add up to, where they are at hand; `hessian` as in `summed`."""
    sums = Sums()
    sums.add({name: values for name, values in rows.items() if name in _SUMMED or (hessian and name == "point")})
    return sums.summary()


def digest(store: Store, cell_id: str, trials: int, hessian: bool = False) -> str:
    """SHA-256 (hex) of what the first trials add up to, as `LAYOUT` says; arguments and errors as `summed`."""
    return summed(store, cell_id, trials, hessian).digest()


def endings(store: Store, cell_id: str, trials: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Which of the first trials converged, piece by piece: the number of the first one, and (trials,) bool.

    Raises:
        RunError: some of them are not stored, or files are damaged.
    """
    for piece in _whole(store, cell_id, trials):
        if piece.summary is None:
            for rows in store.chunks(cell_id, piece.stop, ["trial", "outcome"], piece.start):
                yield int(rows["trial"][0]), rows["outcome"] == 0
            continue
        packed = read(store, piece.summary).converged
        count = piece.stop - piece.start
        for start in range(0, count, 1 << 17):
            some = min(1 << 17, count - start)
            bits = np.unpackbits(packed[start // 8 : -(-(start + some) // 8)], count=some)
            yield piece.start + start, bits.view(np.bool_)
