"""How rows and histories lie in Parquet files.

Encodings, measured on 20,000 rows of a float32 study: `trial` as deltas costs nothing, `outcome` and `steps` as
dictionaries of few values, losses with their bytes apart (the exponents repeat); LZ4 over all of it. Zstandard, which
older versions used, makes files a tenth smaller and takes 1.6 times as long; it is read as well. A history is one
column, the losses of one trial after those of another, as plain numbers; the steps of its checks are metadata. Columns
of trials and steps, which older versions wrote and which are read as well, took four times as long.

The name of a shard ends in a checksum, the CRC-32 of ``cell=ID/START-STOP`` (13 digits each) and of all bytes of the
file, so a byte that changed anywhere is found, and so is a file that was moved; readers compute it whenever they read
(1 ms of the 90 that 10⁶ rows take). Pages have checksums besides, which are all that the shards of older versions have:
those are read as they are. A history, which is replaced as it grows and so keeps its name, has the CRC-32 of its cell,
steps and losses among its metadata.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mcstudy.errors import RunError
from mcstudy.outcomes import CODES
from mcstudy.store.base import SCHEMA, DamagedError, History, Rows
from mcstudy.store.listing import Shard

_WRONG = (pa.ArrowException, OSError, ValueError, KeyError, IndexError)
"""What a damaged file raises; damage to what pages have around them, which has no checksum, may show anywhere."""


_NAME = re.compile(r"^(\d+-\d+)-([0-9a-f]{8})\.parquet$")
_SUM, _STEPS = b"mcstudy.crc32", b"mcstudy.steps"


def shard(folder: Path, rows: Rows, group: int) -> tuple[Path, memoryview]:
    """The path of a shard in a cell's folder, and its bytes, in row groups of `group` rows."""
    content = _file({name: _column(name, values) for name, values in rows.items()}, group)
    first, last = int(rows["trial"][0]), int(rows["trial"][-1])
    place = f"{first:013d}-{last + 1:013d}"
    return folder / f"{place}-{_crc(folder, place, content):08x}.parquet", content


def _crc(folder: Path, place: str, content: bytes | memoryview) -> int:
    return zlib.crc32(content, zlib.crc32(f"{folder.name}/{place}".encode()))


def history(path: Path, steps: NDArray[Any], losses: NDArray[Any]) -> memoryview:
    """The bytes of a file of losses (trials, checks) at some steps (checks,)."""
    told = {_STEPS: _runs(steps), _SUM: f"{_history_crc(path, steps, losses):08x}"}
    return _file({"loss": pa.array(losses.reshape(-1))}, max(1, losses.size), True, told)


def _runs(steps: NDArray[Any]) -> str:
    """Steps as text: the first, then each run of equal differences, as in ``0 20x5 15x1``; most are a few words."""
    if not len(steps):
        return ""
    apart = np.diff(steps)
    starts = np.flatnonzero(np.diff(apart, prepend=-1))
    lengths = np.diff(starts, append=len(apart))
    return " ".join([str(steps[0]), *(f"{apart[at]}x{n}" for at, n in zip(starts, lengths, strict=True))])


def _steps(runs: str) -> NDArray[np.int32]:
    """What `_runs` makes text of."""
    first, *others = runs.split()
    pairs = np.array([run.split("x") for run in others], np.int64).reshape(-1, 2)
    steps = np.cumsum(np.concatenate([[int(first)], np.repeat(pairs[:, 0], pairs[:, 1])]))
    return np.asarray(steps, np.int32)


def _history_crc(path: Path, steps: NDArray[Any], losses: NDArray[Any]) -> int:
    crc = zlib.crc32(path.name.encode())
    for values in (steps.astype("<i4"), losses.astype(losses.dtype.newbyteorder("<"))):
        crc = zlib.crc32(values.tobytes(), crc)
    return crc


def read_history(path: Path) -> History | None:
    """The steps (checks,) and losses (trials, checks) of a history; None where there is no file.

    Raises:
        RunError: the file cannot be read; `DamagedError`: it is damaged.
    """
    try:
        with _opened(path.read_bytes()) as file:
            table = file.read(use_threads=False)
            known = file.schema_arrow.metadata or {}
        steps, losses = _repeated(table) if _STEPS not in known else _alone(table, known[_STEPS])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except _WRONG as error:
        raise _unreadable(path, error) from error
    told = known.get(_SUM)
    if told is not None and told != f"{_history_crc(path, steps, losses):08x}".encode():
        raise DamagedError(path, "its checksum is another")
    return steps, losses


def _alone(table: pa.Table, told: bytes) -> History:
    """A history whose steps are told by its metadata."""
    steps = _steps(told.decode())
    return steps, table.column("loss").to_numpy().reshape(-1, len(steps))


def _repeated(table: pa.Table) -> History:
    """A history as older versions wrote it: a row has a trial, a step and a loss, every check of every trial.

    Raises:
        ValueError: rows are missing, or out of order.
    """
    trial, step, loss = (table.column(name).to_numpy() for name in ("trial", "step", "loss"))
    trials = int(trial[-1]) + 1 if len(trial) else 0
    losses = loss.reshape(trials, -1) if trials else loss.reshape(0, 0)
    checks = losses.shape[1]
    steps = step[:checks].astype(np.int32)
    if not np.array_equal(trial, np.arange(trials).repeat(checks)) or (step.reshape(-1, checks or 1) != steps).any():
        raise ValueError("not every check of every trial")
    return steps, losses


@contextmanager
def open_shard(path: Path, start: int, stop: int, sure: bool = True) -> Iterator[pq.ParquetFile]:
    """Reads a shard whole, compares its checksum where it has one, and opens it.

    With `sure` unset its checksum may be another.

    Raises:
        RunError: it cannot be read; `DamagedError`: it is not what was written, or has not the rows of its name.
    """
    try:
        content = path.read_bytes()
        name = _NAME.match(path.name)
        if sure and name and _crc(path.parent, name[1], content) != int(name[2], 16):
            raise DamagedError(path, "its checksum is another")
        file = _opened(content)
    except _WRONG as error:
        raise _unreadable(path, error) from error
    with file:
        rows = sum(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))
        if rows != stop - start:
            raise DamagedError(path, f"{rows} rows instead of {stop - start}")
        yield file


def check(shard: Shard) -> None:
    """Reads a shard and compares its checksum; one that has none is read to the last value.

    Raises:
        RunError: it cannot be read; `DamagedError`: it is damaged.
    """
    if _NAME.match(shard.source.name):
        with open_shard(shard.source, shard.start, shard.stop):
            return
    for _ in read_rows(shard, None, shard.start, shard.stop):
        pass


def read_rows(shard: Shard, columns: Sequence[str] | None, start: int, stop: int, sure: bool = True) -> Iterator[Rows]:
    """The rows of trials [start, stop) of a shard, a row group at a time; `sure` as for `open_shard`.

    Raises:
        RunError: the file cannot be read, or lacks a column; `DamagedError`: it is damaged.
    """
    with open_shard(shard.source, shard.start, shard.stop, sure) as file:
        try:
            known = file.schema_arrow.names
        except _WRONG as error:
            raise _unreadable(shard.source, error) from error
        if missing := [name for name in SCHEMA if name not in known]:
            raise DamagedError(shard.source, f"no column {missing[0]!r}")
        if missing := [name for name in columns or () if name not in known]:
            raise RunError(f"{shard.source}: has no column {missing[0]!r}; there are {', '.join(known)}")
        names = list(columns or known)
        low = shard.start
        for group in range(file.num_row_groups):
            high = low + file.metadata.row_group(group).num_rows
            if low < stop and high > start:
                try:
                    table = file.read_row_group(group, columns=names, use_threads=False)
                    rows = {name: _array(name, table.column(name)) for name in names}
                except _WRONG as error:
                    raise _unreadable(shard.source, error) from error
                piece = slice(max(start - low, 0), min(stop, high) - low)
                if wrong := [name for name, v in rows.items() if v.shape != (high - low,) or v.dtype.kind not in "iuf"]:
                    raise DamagedError(shard.source, f"column {wrong[0]!r} is not what was written")
                if "trial" in rows and not np.array_equal(rows["trial"], np.arange(low, high)):
                    raise DamagedError(shard.source, "other trials than its name says")
                yield {name: values[piece] for name, values in rows.items()}
            low = high


def salvaged(shard: Shard) -> Rows | None:
    """The rows of a shard, whatever its checksum; None where they cannot be read."""
    try:
        pieces = list(read_rows(shard, None, shard.start, shard.stop, sure=False))
    except RunError:
        return None
    return {name: np.concatenate([rows[name] for rows in pieces]) for name in pieces[0]}


def _column(name: str, values: NDArray[Any]) -> pa.Array:
    """A column as it is written: codes as the words they stand for."""
    if name not in CODES:
        return pa.array(values)
    return pa.DictionaryArray.from_arrays(pa.array(values.astype(np.int8)), pa.array(CODES[name]))


def _array(name: str, column: pa.ChunkedArray) -> NDArray[Any]:
    """A column as numbers; words as codes, whatever dictionary the file has."""
    if not pa.types.is_dictionary(column.type):
        return np.asarray(column.to_numpy())
    chunks = []
    for chunk in column.chunks:
        codes = np.array([CODES[name].index(word) for word in chunk.dictionary.to_pylist()], np.uint8)
        chunks.append(codes[chunk.indices.to_numpy()])
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def _opened(content: bytes) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(content), pre_buffer=False, page_checksum_verification=True)


def _file(
    columns: dict[str, pa.Array], group: int, plain: bool = False, metadata: dict[bytes, str] | None = None
) -> memoryview:
    """A Parquet file, made in memory: what the disk then takes is these bytes or none.

    Args:
        columns: by name.
        group: rows of a row group.
        plain: whether numbers are written as they are.
        metadata: of the file.
    """
    encoding = {name: "BYTE_STREAM_SPLIT" for name, values in columns.items() if pa.types.is_floating(values.type)}
    words = [name for name in columns if name != "trial" and name not in encoding]
    if "trial" in columns:
        encoding["trial"] = "DELTA_BINARY_PACKED"
    target = pa.BufferOutputStream()
    pq.write_table(
        pa.table(columns, metadata=metadata),
        target,
        row_group_size=group,
        compression="lz4",
        use_dictionary=words,
        column_encoding=None if plain else encoding,
        write_statistics=False,
        write_page_checksum=True,
    )
    return memoryview(target.getvalue())


def _unreadable(path: Path, error: Exception) -> RunError:
    """What is wrong with a file: the system does not give it, or it is not what was written."""
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, OSError) and error.errno:
        return RunError(f"{path}: cannot be read ({os.strerror(error.errno)})")
    return DamagedError(path, str(error).partition("\n")[0])
