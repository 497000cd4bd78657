"""Slices: a pack as several packs that fill one register each, for code that keeps many values in registers at once.

A pack array of 64 lanes is, in memory, an array of four times as many packs of 16 lanes; pack i is slices 4 i to
4 i + 3. So code for slices is code for packs, compiled for fewer lanes. Lanes never meet, and results are the same.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mcstudy import jit
from mcstudy.kernels.memory import data_address, store_pack
from mcstudy.kernels.types import Pack, Pointer, as_pack, pack_of, vector_type


def slice_lanes(pack: Pack) -> int:
    """Lanes of a slice: as many as a register has room for, or all of a pack where these are fewer."""
    return int(min(jit.register_bytes() * 8 // pack.element.bitwidth, pack.lanes))


@intrinsic
def slices(typingctx, array, like):  # type: ignore[no-untyped-def]
    """A pointer to the slices of a pack array, of as many lanes as slices of the pack array `like` have."""
    pack, model = pack_of(array), pack_of(like)
    if pack is None or model is None or pack.lanes != model.lanes:
        return None
    sliced = Pack(pack.element, slice_lanes(model))

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(data_address(context, builder, array, args[0]), vector_type(sliced).as_pointer())

    return Pointer(sliced)(array, like), codegen


@intrinsic
def slice_count(typingctx, array):  # type: ignore[no-untyped-def]
    """Number of slices of a pack of a pack array, a compile-time constant."""
    pack = pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return ir.Constant(ir.IntType(64), pack.lanes // slice_lanes(pack))

    return types.intp(array), codegen


@intrinsic
def store_apart(typingctx, sliced, index, step, value):  # type: ignore[no-untyped-def]
    """Put the slices of a pack at `index`, `index` + `step` … of a pointer to slices."""
    part, pack = pack_of(sliced), value
    if part is None or not isinstance(pack, Pack) or pack.element != part.element:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        place = args[1]
        for first in range(0, pack.lanes, part.lanes):
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), part.lanes), list(range(first, first + part.lanes)))
            store_pack(context, builder, sliced, args[0], place, builder.shuffle_vector(args[3], args[3], lanes), part)
            place = builder.add(place, args[2])
        return context.get_dummy_value()

    return types.void(sliced, types.intp, types.intp, value), codegen


@intrinsic
def lane_numbers(typingctx, like, first):  # type: ignore[no-untyped-def]
    """`first`, `first` + 1 … as a pack of the kind that the integer pack array `like` has."""
    pack = pack_of(like)
    if pack is None or not isinstance(pack.element, types.Integer):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        numbers = ir.Constant(vector_type(pack), list(range(pack.lanes)))
        return builder.add(as_pack(context, builder, args[1], first, pack), numbers)

    return pack(like, first), codegen
