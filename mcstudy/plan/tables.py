"""Data sets that a study brings along, as CSV or Parquet files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy.errors import clipped, did_you_mean, shown
from mcstudy.spec.places import BadPlace, beside

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = {".csv": 256 << 20, ".parquet": 512 << 20}
"""The largest file of each kind."""

MOST_NUMBERS = 1 << 26
"""Most numbers of a table's columns that are asked for."""

MOST_READ = 1 << 30
"""Most bytes of files that the tables of a study are read from; one that is asked for other columns counts again."""

_BATCH, _LISTED = 1 << 16, 100


@dataclass(frozen=True)
class Table:
    """Columns of a file as numbers.

    Attributes:
        inputs: (rows, inputs) float64.
        targets: (rows, targets) float64.
        digest: SHA-256 (hex) of the numbers and the names of the columns.
    """

    inputs: NDArray[np.float64]
    targets: NDArray[np.float64]
    digest: str

    @cached_property
    def largest(self) -> float:
        """The largest magnitude of any number."""
        return float(max(np.abs(self.inputs).max(), np.abs(self.targets).max()))

    @cached_property
    def labels(self) -> str:
        """What the targets are: "classes" where each row is 1 in one of several columns and else 0, "shares" where
        the columns of each row add up to 1, "binary" where all are 0 or 1, "signs" where all are -1 or 1, or "real"."""
        y = self.targets
        binary = bool(np.isin(y, (0.0, 1.0)).all())
        if y.shape[1] > 1 and (y >= 0).all() and np.allclose(y.sum(axis=1), 1.0, rtol=0, atol=1e-9):
            return "classes" if binary else "shares"
        if binary:
            return "binary"
        return "signs" if np.isin(y, (-1.0, 1.0)).all() else "real"


class TableFault(NamedTuple):
    """What is wrong with a table: the parameter of the task that says it (as in ``inputs[0]``), value, message."""

    parameter: str
    value: Any
    message: str


class TableError(Exception):
    """A table that cannot be learned from, with every fault found."""

    def __init__(self, *faults: TableFault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


@dataclass
class Tables:
    """Reads each table of a study once."""

    folder: Path | None
    by_digest: dict[str, Table] = field(default_factory=dict)
    _read: dict[str, Table | TableError] = field(default_factory=dict)
    _bytes: int = 0
    _numbers: int = 0

    def read(self, parameters: Mapping[str, Any]) -> Table:
        """The table that a task names.

        Raises:
            TableError: a table that cannot be learned from.
        """
        key = repr(parameters)
        if key not in self._read:
            try:
                self._count(find_table(self.folder, parameters["file"]).stat().st_size)
                table = read_table(self.folder, parameters["file"], parameters["inputs"], parameters["targets"])
                self._count(0, table.inputs.size + table.targets.size)
                self.by_digest[table.digest] = self._read[key] = table
            except TableError as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, TableError):
            raise found
        return found

    def _count(self, size: int, numbers: int = 0) -> None:
        """Refuses what would be too much of all tables of the study."""
        self._bytes += size
        self._numbers += numbers
        if self._bytes > MOST_READ or self._numbers > 2 * MOST_NUMBERS:
            most = f"up to {MOST_READ >> 20} MiB of files and {2 * MOST_NUMBERS:,} numbers of their columns are read"
            raise TableError(TableFault("file", None, f"the tables of this study are too much together; {most}"))


def read_table(folder: Path | None, file: str, inputs: Sequence[str], targets: Sequence[str]) -> Table:
    """The named columns of a CSV or Parquet file in a folder or below. Nothing else of it is kept.

    A table is data: its numbers are read, and no type that a file could define.

    Raises:
        TableError: no such file or column, a file elsewhere, more than `MOST_BYTES` or `MOST_NUMBERS`, or something in
            the columns that is not a finite number.
    """
    columns = [("inputs", i, name) for i, name in enumerate(inputs)]
    columns += [("targets", i, name) for i, name in enumerate(targets)]
    path = find_table(folder, file)
    content = _read(path, file, list(dict.fromkeys([*inputs, *targets])))
    faults: list[TableFault] = []
    arrays: list[NDArray[np.float64]] = []
    seen: set[tuple[str, str]] = set()
    for kind, i, name in columns:
        parameter = f"{kind}[{i}]"
        if (kind, name) in seen:
            faults.append(TableFault(parameter, name, f"column {shown(name)} is named twice"))
            continue
        seen.add((kind, name))
        try:
            arrays.append(_numbers(content, path, parameter, name))
        except TableError as error:
            faults.extend(error.faults)
    if not faults and not content.columns.num_rows:
        faults.append(TableFault("file", file, f"{path}: there are no rows of data"))
    if faults:
        raise TableError(*faults)
    values = np.column_stack(arrays)
    return _table(values[:, : len(inputs)], values[:, len(inputs) :], [list(inputs), list(targets)])


def find_table(folder: Path | None, file: str) -> Path:
    """The path of a table that a study names, seen from its folder.

    Raises:
        TableError: it lies elsewhere or is not there, is no CSV or Parquet file, or is larger than `MOST_BYTES`.
    """
    try:
        path = beside(file, folder, "tables")
    except BadPlace as error:
        raise TableError(TableFault("file", file, str(error))) from error
    most = MOST_BYTES.get(path.suffix.lower())
    if most is None:
        why = f"{path}: {shown(path.suffix)} is no kind of table; known: {', '.join(MOST_BYTES)}"
    elif (size := path.stat().st_size) > most:
        why = f"{path}: is a file of {size / 2**20:,.0f} MiB; {path.suffix} files of up to {most >> 20} MiB are read"
        why += ", so leave out rows or columns" + (", or write it as .parquet" if path.suffix.lower() == ".csv" else "")
    else:
        return path
    raise TableError(TableFault("file", file, why))


def _table(inputs: NDArray[np.float64], targets: NDArray[np.float64], names: list[list[str]]) -> Table:
    digest = hashlib.sha256(json.dumps([names, len(inputs)]).encode())
    arrays = []
    for array in (inputs, targets):
        array = np.ascontiguousarray(array, dtype="<f8")
        digest.update(array.tobytes())
        array.flags.writeable = False
        arrays.append(array)
    return Table(arrays[0], arrays[1], digest.hexdigest())


class _Content(NamedTuple):
    """What a file holds: the names of all of its columns, and those that are asked for and can be numbers."""

    names: list[str]
    types: dict[str, pa.DataType]
    columns: pa.Table


def _read(path: Path, file: str, names: Sequence[str]) -> _Content:
    """The named columns of a file; those of a CSV file as text, so that a message can quote what stands there."""
    import pyarrow as pa

    try:
        return (_read_csv if path.suffix.lower() == ".csv" else _read_parquet)(path, file, names)
    except (OSError, ValueError, pa.ArrowException) as error:
        why = f"{path}: cannot be read: {clipped(' '.join(str(error).split()), 300)}"
    raise TableError(TableFault("file", file, why))


def _read_csv(path: Path, file: str, names: Sequence[str]) -> _Content:
    import pyarrow as pa
    from pyarrow import csv

    with csv.open_csv(path) as reader:
        there = reader.schema.names
    known = [name for name in names if there.count(name) == 1]
    types = dict.fromkeys(known, pa.string())
    if not known:
        return _Content(there, {}, pa.table({}))
    options = csv.ConvertOptions(column_types=types, include_columns=known, strings_can_be_null=False)
    with csv.open_csv(path, convert_options=options) as reader:
        return _Content(there, types, _gathered(reader, reader.schema, path, file))


def _read_parquet(path: Path, file: str, names: Sequence[str]) -> _Content:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(path) as content:
        schema = content.schema_arrow
        types = {name: schema.field(name).type for name in names if schema.names.count(name) == 1}
        known = [name for name, kind in types.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
        if not known:
            return _Content(schema.names, types, pa.table({}))
        # What the file says of itself spares the reading, but need not be true.
        _check_rows(content.metadata.num_rows, len(known), path, file)
        wanted = pa.schema([schema.field(name) for name in known])
        batches = content.iter_batches(_BATCH, columns=known)
        return _Content(schema.names, types, _gathered(batches, wanted, path, file))


def _gathered(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path, file: str) -> pa.Table:
    import pyarrow as pa

    rows, kept = 0, []
    for batch in batches:
        rows += batch.num_rows
        _check_rows(rows, len(schema), path, file)
        kept.append(batch.select(schema.names))
    return pa.Table.from_batches(kept, schema)


def _check_rows(rows: int, columns: int, path: Path, file: str) -> None:
    if rows * columns > MOST_NUMBERS:
        most = f"there can be up to {MOST_NUMBERS // columns:,} rows of so many columns"
        why = f"{path}: has {rows:,} rows or more in the {columns:,} columns that are asked for; {most}"
        raise TableError(TableFault("file", file, why))


def _numbers(content: _Content, path: Path, parameter: str, name: str) -> NDArray[np.float64]:
    """One column as float64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def fault(message: str) -> TableError:
        return TableError(TableFault(parameter, name, f"{path}: {message}"))

    count = content.names.count(name)
    if count != 1:
        why = f"there are {count} columns {shown(name)}" if count else f"there is no column {shown(name)}"
        listed = [clipped(known, 40) for known in content.names[:_LISTED]]
        listed += [f"and {len(content.names) - _LISTED:,} more"] if len(content.names) > _LISTED else []
        raise fault(why + ("" if count else did_you_mean(name, listed, "its columns")))
    if name not in content.columns.column_names:
        raise fault(f"column {shown(name)} holds {clipped(str(content.types[name]), 80)}, not numbers")
    column = content.columns.column(name)
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
    try:
        values: NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy()
    except pa.ArrowInvalid:
        values = np.array([_number(entry) for entry in column.to_pylist()], dtype=np.float64)
    if column.null_count == 0 and np.isfinite(values).all():
        return values
    row = int(np.flatnonzero(~np.isfinite(values))[0])
    entry = column[row].as_py()
    raise fault(f"column {shown(name)}, data row {row + 1}: {shown(entry)} is not a finite number")


def _number(text: str) -> float:
    """The number that a text stands for, NaN where it stands for none."""
    try:
        return float(text) if "_" not in text else float("nan")
    except ValueError:
        return float("nan")
