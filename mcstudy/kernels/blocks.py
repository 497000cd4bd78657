"""Several packs at once: blocks of sums that stay in registers, as tuples whose lengths the compiler knows.

A block of sums hides the latency of multiply-adds, and each pack that is loaded enters several of them. Every function
is so many single operations written out; none changes the order of a sum.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from mcstudy import jit
from mcstudy.kernels.functions import lower_as_written, lower_fma
from mcstudy.kernels.memory import load_pack, store_pack
from mcstudy.kernels.types import Pack, pack_of


def _packs(kind: Any) -> bool:
    return isinstance(kind, types.UniTuple) and isinstance(kind.dtype, Pack)


@intrinsic
def block_size(typingctx, memory):  # type: ignore[no-untyped-def]
    """How many sums of the kind of packs in `memory` fill half of this machine's registers, a compile-time constant."""
    pack = pack_of(memory)
    if pack is None:
        return None
    registers = max(1, pack.element.bitwidth // 8 * pack.lanes // jit.register_bytes())
    count = jit.register_count() // 2 // registers

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return context.get_constant(types.intp, count)

    return types.intp(memory), codegen


@intrinsic(prefer_literal=True)
def loads(typingctx, memory, first, row, rows, column, columns):  # type: ignore[no-untyped-def]
    """The packs at `first` + r · row + c · column for r < `rows` and c < `columns`, row by row.

    `rows` and `columns` are literal numbers.
    """
    pack = pack_of(memory)
    if pack is None or not isinstance(rows, types.IntegerLiteral) or not isinstance(columns, types.IntegerLiteral):
        return None
    shape = rows.literal_value, columns.literal_value
    kind = types.UniTuple(pack, shape[0] * shape[1])

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        places = _places(context, builder, args[1], (args[2], args[4]), shape)
        return context.make_tuple(
            builder, kind, [load_pack(context, builder, memory, args[0], p, pack) for p in places]
        )

    return kind(memory, types.intp, types.intp, rows, types.intp, columns), codegen


@intrinsic(prefer_literal=True)
def stores(typingctx, memory, first, row, rows, column, columns, packs):  # type: ignore[no-untyped-def]
    """Put packs where `loads` would take them from."""
    pack = pack_of(memory)
    if pack is None or not isinstance(rows, types.IntegerLiteral) or not isinstance(columns, types.IntegerLiteral):
        return None
    shape = rows.literal_value, columns.literal_value
    if packs != types.UniTuple(pack, shape[0] * shape[1]):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        for i, place in enumerate(_places(context, builder, args[1], (args[2], args[4]), shape)):
            store_pack(context, builder, memory, args[0], place, builder.extract_value(args[6], i), pack)
        return context.get_dummy_value()

    return types.void(memory, types.intp, types.intp, rows, types.intp, columns, packs), codegen


@intrinsic
def as_written(typingctx):  # type: ignore[no-untyped-def]
    """Keeps LLVM from unrolling the loop that this stands in.

    A CPU foresees what a load will want from the distance of its last ones. In a loop that is unrolled that distance
    is so many times as long, up to half of a page, and caches are filled late.
    """

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        lower_as_written(builder)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def each(typingctx, function, packs, others):  # type: ignore[no-untyped-def]
    """A tuple of ``function(pack, other)`` of each pack and the one of `others` in its place."""
    if not _packs(packs) or packs != others or not isinstance(function, types.Dispatcher):
        return None
    signature = typingctx.resolve_function_type(function, (packs.dtype, packs.dtype), {})

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        called = context.get_function(function, signature)
        context.add_linking_libs(getattr(called, "libs", ()))
        both = [(builder.extract_value(args[1], i), builder.extract_value(args[2], i)) for i in range(packs.count)]
        return context.make_tuple(builder, packs, [called(builder, pair) for pair in both])

    return packs(function, packs, others), codegen


def _places(context: Any, builder: Any, first: Any, steps: tuple[Any, Any], shape: tuple[int, int]) -> list[Any]:
    def times(step: Any, count: int) -> Any:
        return builder.mul(step, context.get_constant(types.intp, count))

    rows = [builder.add(first, times(steps[0], r)) for r in range(shape[0])]
    return [builder.add(row, times(steps[1], c)) for row in rows for c in range(shape[1])]


@intrinsic
def outer_fma(typingctx, left, right, sums):  # type: ignore[no-untyped-def]
    """``sums[r, c] + left[r] * right[c]`` of each pair; all are tuples of packs, `sums` row by row.

    With a pack in place of `left` or `right`, that pack is its only one.
    """
    rows, columns = (1 if isinstance(kind, Pack) else kind.count for kind in (left, right))
    if not _packs(sums) or sums.count != rows * columns:
        return None
    pack = sums.dtype

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        w, x = (
            [value] if isinstance(kind, Pack) else [builder.extract_value(value, i) for i in range(kind.count)]
            for kind, value in ((left, args[0]), (right, args[1]))
        )
        each = [(a, b) for a in w for b in x]
        found = [lower_fma(builder, pack, (*ab, builder.extract_value(args[2], i))) for i, ab in enumerate(each)]
        return context.make_tuple(builder, sums, found)

    return sums(left, right, sums), codegen


@intrinsic
def chained_fma(typingctx, left, right, total):  # type: ignore[no-untyped-def]
    """``total + left[0] * right[0] + left[1] * right[1] + …``, in this order, each sum rounded once."""
    if not _packs(left) or left != right or total != left.dtype:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        value = args[2]
        for i in range(left.count):
            both = builder.extract_value(args[0], i), builder.extract_value(args[1], i)
            value = lower_fma(builder, total, (*both, value))
        return value

    return total(left, right, total), codegen
