"""Data sets that a study brings along, as CSV or Parquet files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcstudy.errors import did_you_mean, shown

if TYPE_CHECKING:
    import pyarrow as pa


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

    @property
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


def read_table(path: Path, inputs: Sequence[str], targets: Sequence[str]) -> Table:
    """The named columns of a CSV or Parquet file.

    Raises:
        TableError: no such file or column, or something in the columns that is not a finite number.
    """
    columns = [("inputs", i, name) for i, name in enumerate(inputs)]
    columns += [("targets", i, name) for i, name in enumerate(targets)]
    content = _read(path, [*inputs, *targets])
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
    if not content.num_rows and not faults:
        faults.append(TableFault("file", str(path), f"{path}: there are no rows of data"))
    if faults:
        raise TableError(*faults)
    values = np.column_stack(arrays)
    return _table(values[:, : len(inputs)], values[:, len(inputs) :], [list(inputs), list(targets)])


def _table(inputs: NDArray[np.float64], targets: NDArray[np.float64], names: list[list[str]]) -> Table:
    digest = hashlib.sha256(json.dumps([names, len(inputs)]).encode())
    arrays = []
    for array in (inputs, targets):
        array = np.ascontiguousarray(array, dtype="<f8")
        digest.update(array.tobytes())
        array.flags.writeable = False
        arrays.append(array)
    return Table(arrays[0], arrays[1], digest.hexdigest())


def _read(path: Path, names: Sequence[str]) -> pa.Table:
    """The whole file; the named columns of a CSV file as text, so that a message can quote what stands there."""
    import pyarrow as pa

    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        why = f"{path}: {shown(path.suffix)} is no kind of table; known: .csv, .parquet"
        raise TableError(TableFault("file", str(path), why))
    if path.is_dir():
        raise TableError(TableFault("file", str(path), f"{path}: this is a folder, not a table"))
    try:
        return reader(path, names)
    except FileNotFoundError:
        why = f"{path}: there is no such file (looked for beside the study)"
    except (OSError, ValueError, pa.ArrowException) as error:
        why = f"{path}: cannot be read: {' '.join(str(error).split())}"
    raise TableError(TableFault("file", str(path), why))


def _read_csv(path: Path, names: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    options = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return csv.read_csv(path, convert_options=options)


def _read_parquet(path: Path, names: Sequence[str]) -> pa.Table:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return file.read()


def _numbers(content: pa.Table, path: Path, parameter: str, name: str) -> NDArray[np.float64]:
    """One column as float64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def fault(message: str) -> TableError:
        return TableError(TableFault(parameter, name, f"{path}: {message}"))

    count = content.column_names.count(name)
    if count != 1:
        why = f"there are {count} columns {shown(name)}" if count else f"there is no column {shown(name)}"
        raise fault(why + ("" if count else did_you_mean(name, content.column_names, "its columns")))
    column = content.column(name)
    text = pa.types.is_string(column.type) and path.suffix.lower() == ".csv"
    if not text and not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise fault(f"column {shown(name)} holds {column.type}, not numbers")
    if text:
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
