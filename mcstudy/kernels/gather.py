"""Rows of values that lanes choose, each lane its own: loaded row by row, and turned into columns in registers.

A vector gather loads every value by itself (1 ns for three values, where one core fetches such rows in 0.3 ns), and so
do scalar copies (1.0 to 1.4 ns).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mcstudy.kernels.memory import data_address, store_pack
from mcstudy.kernels.types import Pack, pack_of, scalar_type

ROW_BYTES = 16
"""Bytes of a row: what every vector unit loads at once."""

_INT32 = ir.IntType(32)


def row_columns(dtype: Any) -> int:
    """Values of a row."""
    return int(ROW_BYTES // dtype.itemsize)


def row_step(count: int) -> int:
    """Rows to leave between the first rows of sets of `count` rows, so that rows of equal number do not compete for
    the same places in a cache: an odd number of its lines, of 64 bytes."""
    return 4 * (-(-count // 4) | 1)


def _columns(pack: Pack) -> int:
    return ROW_BYTES * 8 // int(pack.element.bitwidth)


@intrinsic
def columns_of_rows(typingctx, memory):  # type: ignore[no-untyped-def]
    """Values of a row of the element that a pack array holds, a compile-time constant."""
    pack = pack_of(memory)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return context.get_constant(types.intp, _columns(pack))

    return types.intp(memory), codegen


def _shuffle(builder: Any, a: Any, b: Any, places: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, len(places)), places))


def _joined(builder: Any, parts: list[Any]) -> Any:
    """Vectors of equal length, a power of two of them, one after another."""
    while len(parts) > 1:
        places = list(range(2 * parts[0].type.count))
        parts = [_shuffle(builder, a, b, places) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _interleaved(builder: Any, a: Any, b: Any, columns: int, start: int) -> Any:
    """In each group of `columns` values: half of those of `a`, from number `start` on, each followed by that of `b`."""
    lanes = a.type.count
    places = [first + start + i // 2 + lanes * (i % 2) for first in range(0, lanes, columns) for i in range(columns)]
    return _shuffle(builder, a, b, places)


def _transposed(builder: Any, rows: list[Any], columns: int) -> list[Any]:
    """The columns of as many rows as there are lanes."""
    held = [_joined(builder, rows[i::columns]) for i in range(columns)]
    half, done = columns // 2, 1
    while done < columns:
        pairs = [(held[i], held[i + half]) for i in range(half)]
        held = [_interleaved(builder, a, b, columns, start) for a, b in pairs for start in (0, half)]
        done *= 2
    return held


@intrinsic
def gather_rows(typingctx, to, at, step, count, rows, start, keys, key):  # type: ignore[no-untyped-def]
    """Put the first `count` columns of the rows that the lanes choose at `at`, `at` + `step` … of `to`.

    The pack of uint32 at `key` of `keys` holds the number of each lane's row, counted from row `start` of the memory
    that `rows` points at. Packs have as many lanes as a row has values, or more.
    """
    pack, numbers = pack_of(to), pack_of(keys)
    if pack is None or numbers is None or pack.lanes != numbers.lanes:
        return None
    columns = min(_columns(pack), pack.lanes)
    row_type = ir.VectorType(scalar_type(pack.element), _columns(pack))

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        first = builder.bitcast(data_address(context, builder, rows, args[4]), row_type.as_pointer())
        first = builder.gep(first, [args[5]], inbounds=True)
        place = builder.gep(data_address(context, builder, keys, args[6]), [args[7]], inbounds=True)
        place = builder.bitcast(place, _INT32.as_pointer())
        found = []
        for lane in range(pack.lanes):
            number = builder.load(builder.gep(place, [_INT32(lane)], inbounds=True))
            row = builder.load(builder.gep(first, [builder.zext(number, ir.IntType(64))], inbounds=True))
            row.align = ROW_BYTES
            found.append(row)
        # without branches: columns from `count` on go where the last one is put after them
        last = builder.sub(args[3], ir.IntType(64)(1))
        for c, column in reversed(list(enumerate(_transposed(builder, found, columns)))):
            number = ir.IntType(64)(c)
            number = builder.select(builder.icmp_signed("<", number, last), number, last)
            store_pack(context, builder, to, args[0], builder.add(args[1], builder.mul(args[2], number)), column, pack)
        return context.get_dummy_value()

    return types.void(to, types.intp, types.intp, types.intp, rows, types.intp, keys, types.intp), codegen
