"""The Numba types of packs and pointers, their arrays, and what lowering them needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import models, register_model

FIELD = "lanes"
_INT32 = ir.IntType(32)


class Pack(types.Type):
    """Numba type of `lanes` values of the Numba scalar type `element` (a float, an integer or a boolean)."""

    def __init__(self, element: types.Type, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"Pack({element}, {lanes})")

    def of(self, element: types.Type) -> Pack:
        """The pack type of as many lanes of another element."""
        return Pack(element, self.lanes)

    @property
    def is_float(self) -> bool:
        """Whether the elements are floats."""
        return isinstance(self.element, types.Float)

    @property
    def is_signed(self) -> bool:
        """Whether the elements are signed integers."""
        return isinstance(self.element, types.Integer) and self.element.signed


class Weak(Pack):
    """Numba type of a choice between numbers, in `lanes` lanes: as exact as a number, float64, and like a number it
    takes the precision of the pack that it stands beside."""

    def __init__(self, lanes: int) -> None:
        super().__init__(types.float64, lanes)
        self.name = f"Weak({lanes})"


def scalar_type(element: types.Type) -> ir.Type:
    """The LLVM type of one element."""
    if element == types.float32:
        return ir.FloatType()
    if element == types.float64:
        return ir.DoubleType()
    if element == types.boolean:
        return ir.IntType(1)
    return ir.IntType(element.bitwidth)


def vector_type(pack: Pack) -> ir.VectorType:
    """The LLVM type of a pack."""
    return ir.VectorType(scalar_type(pack.element), pack.lanes)


@register_model(Weak)
@register_model(Pack)
class _PackModel(models.PrimitiveModel):
    def __init__(self, manager: Any, pack: Pack) -> None:
        super().__init__(manager, pack, vector_type(pack))


def pack_array(count: int, dtype: Any, lanes: int) -> np.ndarray:
    """A zeroed array of `count` packs, aligned to 64 bytes, that kernels load from and store to.

    `lane_view` shows the same memory as an ordinary array of shape (count, lanes).
    """
    record = np.dtype([(FIELD, dtype, (lanes,))])
    size = max(count, 1) * record.itemsize
    raw = np.zeros(size + 64, np.uint8)
    offset = -raw.ctypes.data % 64
    return raw[offset : offset + size].view(record)[:count]


def lane_view(packs: np.ndarray) -> np.ndarray:
    """The memory of a `pack_array` as an ordinary array of shape (count, lanes)."""
    return packs[FIELD]


class Pointer(types.Type):
    """Numba type of a bare pointer to packs, records or numbers (`element`), in place of an array.

    Kernels hand it to each other in one register, where an array is seven words and a counted reference.
    """

    def __init__(self, element: types.Type) -> None:
        self.element = element
        super().__init__(name=f"Pointer({element})")


@register_model(Pointer)
class _PointerModel(models.PrimitiveModel):
    def __init__(self, manager: Any, pointer: Pointer) -> None:
        element = pointer.element
        target = vector_type(element) if isinstance(element, Pack) else manager.lookup(element).get_data_type()
        if isinstance(element, types.Record):
            target = ir.ArrayType(ir.IntType(8), element.size)
        super().__init__(manager, pointer, target.as_pointer())


def pack_of(array: types.Type) -> Pack | None:
    """The kind of pack that an array or a pointer holds; None for anything else."""
    if isinstance(array, Pointer) and isinstance(array.element, Pack):
        return array.element
    if isinstance(array, types.Array) and isinstance(array.dtype, types.Record) and FIELD in array.dtype.fields:
        nested = array.dtype.fields[FIELD].type
        return Pack(nested.dtype, nested.shape[0])
    return None


def splat(builder: Any, value: Any, lanes: int) -> Any:
    """Lower a scalar to a vector of `lanes` times itself."""
    # An insertion and a shuffle by a zero mask, even for constants: LLVM folds them, and the text of a constant
    # vector (one word a lane) took most of the time of building the code.
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, lanes), None))


def as_pack(context: Any, builder: Any, value: Any, source: Any, pack: Any) -> Any:
    """Lower `value` of Numba type `source` (a pack already, or a number to repeat) to the type `pack`."""
    if isinstance(source, Weak) and pack.element.bitwidth < source.element.bitwidth:
        return builder.fptrunc(value, vector_type(pack))
    if isinstance(source, Pack):
        return value
    return splat(builder, context.cast(builder, value, types.unliteral(source), pack.element), pack.lanes)


def first_pack(args: Any) -> Any:
    """The first pack among the types of some arguments, a weak one only where there is no other; or None."""
    packs = [a for a in args if isinstance(a, Pack)]
    return next((a for a in packs if not isinstance(a, Weak)), packs[0] if packs else None)
