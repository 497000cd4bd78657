"""How rows and histories lie in Parquet files.

Encodings, measured on 20,000 rows of a float32 study: `trial` as deltas costs nothing, `outcome` and `steps` as
dictionaries of few values, losses with their bytes apart (the exponents repeat); zstd over all of it. Every page has a
checksum, which readers verify.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mcstudy.errors import RunError
from mcstudy.outcomes import CODES
from mcstudy.store.base import SCHEMA, History, Rows, Shard

_WRONG = (pa.ArrowException, OSError, ValueError, KeyError, IndexError)
"""What a damaged file raises; damage to what pages have around them, which has no checksum, may show anywhere."""


def write_rows(path: Path, rows: Rows, group: int) -> None:
    """Writes one shard in row groups of `group` rows.

    Raises:
        OSError: the disk refuses.
    """
    _write(path, {name: _column(name, values) for name, values in rows.items()}, group)


def write_history(path: Path, steps: NDArray[Any], losses: NDArray[Any]) -> None:
    """Writes losses (trials, checks) as rows `trial`, `step`, `loss`, every check of every trial.

    Raises:
        OSError: the disk refuses.
    """
    trials, checks = losses.shape
    columns = {
        "trial": pa.array(np.repeat(np.arange(trials, dtype=np.int64), checks)),
        "step": pa.array(np.tile(steps.astype(np.int32), trials)),
        "loss": pa.array(losses.reshape(-1)),
    }
    _write(path, columns, max(1, losses.size))


def read_history(path: Path) -> History | None:
    """The steps (checks,) and losses (trials, checks) of a history; None where there is no file.

    Raises:
        RunError: the file is damaged.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            table = file.read(columns=["trial", "step", "loss"], use_threads=False)
        trial, step, loss = (table.column(name).to_numpy() for name in ("trial", "step", "loss"))
        trials = int(trial[-1]) + 1 if len(trial) else 0
        losses = loss.reshape(trials, -1) if trials else loss.reshape(0, 0)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except _WRONG as error:
        raise _unreadable(path, error) from error
    checks = losses.shape[1]
    if (
        not np.array_equal(trial, np.arange(trials).repeat(checks))
        or (step.reshape(-1, checks or 1) != step[:checks]).any()
    ):
        raise RunError(_damaged(path, "not every check of every trial"))
    return step[:checks].astype(np.int32), losses


def open_shard(path: Path, start: int, stop: int) -> pq.ParquetFile:
    """Opens a shard, reading its footer alone.

    Raises:
        RunError: it is no Parquet file, or has not the rows that its name says.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
    except _WRONG as error:
        raise _unreadable(path, error) from error
    rows = sum(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))
    if rows != stop - start:
        file.close()
        raise RunError(_damaged(path, f"{rows} rows instead of {stop - start}"))
    return file


def read_rows(shard: Shard, columns: Sequence[str] | None, start: int, stop: int) -> Iterator[Rows]:
    """The rows of trials [start, stop) of a shard, a row group at a time.

    Raises:
        RunError: the file is damaged, or lacks a column.
    """
    with open_shard(shard.source, shard.start, shard.stop) as file:
        try:
            known = file.schema_arrow.names
        except _WRONG as error:
            raise _unreadable(shard.source, error) from error
        if missing := [name for name in SCHEMA if name not in known]:
            raise RunError(_damaged(shard.source, f"no column {missing[0]!r}"))
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
                    raise RunError(_damaged(shard.source, f"column {wrong[0]!r} is not what was written"))
                if "trial" in rows and not np.array_equal(rows["trial"], np.arange(low, high)):
                    raise RunError(_damaged(shard.source, "other trials than its name says"))
                yield {name: values[piece] for name, values in rows.items()}
            low = high


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


def _write(path: Path, columns: dict[str, pa.Array], group: int) -> None:
    encoding = {"trial": "DELTA_BINARY_PACKED"}
    for name, values in columns.items():
        if pa.types.is_floating(values.type):
            encoding[name] = "BYTE_STREAM_SPLIT"
    pq.write_table(
        pa.table(columns),
        path,
        row_group_size=group,
        compression="zstd",
        use_dictionary=[name for name in columns if name != "trial" and name not in encoding],
        column_encoding=encoding,
        write_page_checksum=True,
    )


def _unreadable(path: Path, error: Exception) -> RunError:
    """What is wrong with a file: the system does not give it, or it is not what was written."""
    if isinstance(error, OSError) and error.errno:
        return RunError(f"{path}: cannot be read ({os.strerror(error.errno)})")
    return RunError(_damaged(path, str(error).partition("\n")[0]))


def _damaged(path: Path, why: str) -> str:
    return f"{path}: is damaged ({why}); move the file away and run again, which trains its trials again"
