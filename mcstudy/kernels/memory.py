"""Loads and stores: packs of pack arrays, records and numbers behind bare pointers."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from mcstudy.kernels.types import Pack, Pointer, Weak, as_pack, pack_of, scalar_type, vector_type


def data_address(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    """The address of the first element of an array or a pointer."""
    if isinstance(array_type, Pointer):
        return array
    return context.make_array(array_type)(context, builder, array).data


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, pack: Pack) -> Any:
    place = builder.gep(data_address(context, builder, array_type, array), [index], inbounds=True)
    return builder.bitcast(place, vector_type(pack).as_pointer())


def _lane_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, lane: Any, pack: Pack) -> Any:
    place = builder.gep(data_address(context, builder, array_type, array), [index], inbounds=True)
    return builder.gep(builder.bitcast(place, scalar_type(pack.element).as_pointer()), [lane], inbounds=True)


def _alignment(pack: Pack) -> int:
    return int(min(64, pack.element.bitwidth // 8 * pack.lanes))


def load_pack(context: Any, builder: Any, array_type: Any, array: Any, index: Any, pack: Pack) -> Any:
    """Lower a load of the pack at `index` of an array or a pointer."""
    value = builder.load(_pointer(context, builder, array_type, array, index, pack))
    value.align = _alignment(pack)
    return value


def store_pack(context: Any, builder: Any, array_type: Any, array: Any, index: Any, value: Any, pack: Pack) -> None:
    """Lower a store of a pack at `index` of an array or a pointer."""
    put = builder.store(value, _pointer(context, builder, array_type, array, index, pack))
    put.align = _alignment(pack)


@intrinsic
def pointer(typingctx, array):  # type: ignore[no-untyped-def]
    """A bare pointer to the data of a contiguous array: of packs, of records, or of numbers.

    The caller keeps the array alive.
    """
    if not isinstance(array, types.Array) or array.layout != "C":
        return None
    kind = Pointer(pack_of(array) or array.dtype)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(data_address(context, builder, array, args[0]), context.get_value_type(kind))

    return kind(array), codegen


@intrinsic
def item(typingctx, array, index):  # type: ignore[no-untyped-def]
    """The record or number at `index` of a pointer; a record is seen in place, not copied."""
    if not isinstance(array, Pointer) or isinstance(array.element, Pack) or not isinstance(index, types.Integer):
        return None
    element = array.element

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        place = builder.gep(args[0], [args[1]], inbounds=True)
        if isinstance(element, types.Record):
            return builder.bitcast(place, context.get_value_type(element))
        return builder.load(place)

    return element(array, types.intp), codegen


@intrinsic
def advance(typingctx, start, count):  # type: ignore[no-untyped-def]
    """The pointer `count` numbers or records further on."""
    if not isinstance(start, Pointer) or not isinstance(count, types.Integer):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.gep(args[0], [args[1]], inbounds=True)

    return start(start, types.intp), codegen


@intrinsic
def load(typingctx, array, index):  # type: ignore[no-untyped-def]
    """The pack at `index` of a `pack_array`; no bounds check, no negative index."""
    pack = pack_of(array)
    if pack is None or not isinstance(index, types.Integer):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return load_pack(context, builder, array, args[0], args[1], pack)

    return pack(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, value):  # type: ignore[no-untyped-def]
    """Put a pack (or a number, repeated) at `index` of a `pack_array`; no bounds check, no negative index."""
    pack = pack_of(array)
    if pack is None or not isinstance(index, types.Integer):
        return None
    if isinstance(value, Pack) and value != pack and not isinstance(value, Weak):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        packed = as_pack(context, builder, args[2], value, pack)
        store_pack(context, builder, array, args[0], args[1], packed, pack)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def get(typingctx, array, index, lane):  # type: ignore[no-untyped-def]
    """The value of one lane of the pack at `index` of a `pack_array`."""
    pack = pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.load(_lane_pointer(context, builder, array, args[0], args[1], args[2], pack))

    return pack.element(array, types.intp, types.intp), codegen


@intrinsic
def put(typingctx, array, index, lane, value):  # type: ignore[no-untyped-def]
    """Set one lane of the pack at `index` of a `pack_array`; the value is converted to its element type."""
    pack = pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        converted = context.cast(builder, args[3], types.unliteral(value), pack.element)
        builder.store(converted, _lane_pointer(context, builder, array, args[0], args[1], args[2], pack))
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, value), codegen


@intrinsic
def filled(typingctx, array, value):  # type: ignore[no-untyped-def]
    """`value` repeated, as a pack of the kind of `array` (a pack array, or a pack)."""
    pack = array if isinstance(array, Pack) else pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return as_pack(context, builder, args[1], value, pack)

    return pack(array, value), codegen


@intrinsic
def rounded_to(typingctx, array, value):  # type: ignore[no-untyped-def]
    """Float packs in the precision that `array` holds, rounded to nearest even where that is the lower one."""
    pack = pack_of(array)
    if pack is None or not isinstance(value, Pack):
        return None
    change = pack.element.bitwidth - value.element.bitwidth

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        if change == 0:
            return args[1]
        return (builder.fpext if change > 0 else builder.fptrunc)(args[1], vector_type(pack))

    return pack(array, value), codegen


@intrinsic
def lane_count(typingctx, array):  # type: ignore[no-untyped-def]
    """Number of lanes of the packs that `array` holds, a compile-time constant."""
    pack = pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return context.get_constant(types.intp, pack.lanes)

    return types.intp(array), codegen
