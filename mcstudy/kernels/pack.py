"""Packs: one value for each of several trials, held in SIMD registers, that kernels treat as a scalar.

A `Pack(element, lanes)` is a Numba type lowered to the LLVM vector ``<lanes x element>``. Arithmetic, comparison
and bit operators work lane by lane; a plain number beside a pack is converted to its element type and repeated.
Comparisons give packs of booleans, to be used with `where`, ``&``, ``|``, ``~``, `any_lane` and `all_lanes`.

In memory, an array of packs is a NumPy array of one-field records (`pack_array`), so that its dtype carries the
number of lanes into the compiled code and no kernel argument has to.

No operation here may be reordered or contracted: `fma` is written where a fused multiply-add is wanted, and a
product followed by a sum stays two roundings. That makes results equal on every CPU.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, overload, register_model

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
        return isinstance(self.element, types.Float)

    @property
    def is_signed(self) -> bool:
        return isinstance(self.element, types.Integer) and self.element.signed


def _scalar_type(element: types.Type) -> ir.Type:
    if element == types.float32:
        return ir.FloatType()
    if element == types.float64:
        return ir.DoubleType()
    if element == types.boolean:
        return ir.IntType(1)
    return ir.IntType(element.bitwidth)


def _vector_type(pack: Pack) -> ir.VectorType:
    return ir.VectorType(_scalar_type(pack.element), pack.lanes)


@register_model(Pack)
class _PackModel(models.PrimitiveModel):
    def __init__(self, manager: Any, pack: Pack) -> None:
        super().__init__(manager, pack, _vector_type(pack))


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
        target = _vector_type(element) if isinstance(element, Pack) else manager.lookup(element).get_data_type()
        if isinstance(element, types.Record):
            target = ir.ArrayType(ir.IntType(8), element.size)
        super().__init__(manager, pointer, target.as_pointer())


def _pack_of(array: types.Type) -> Pack | None:
    """The kind of pack that an array or a pointer holds; None for anything else."""
    if isinstance(array, Pointer) and isinstance(array.element, Pack):
        return array.element
    if isinstance(array, types.Array) and isinstance(array.dtype, types.Record) and FIELD in array.dtype.fields:
        nested = array.dtype.fields[FIELD].type
        return Pack(nested.dtype, nested.shape[0])
    return None


def _splat(builder: Any, value: Any, lanes: int) -> Any:
    # An insertion and a shuffle by a zero mask, even for constants: LLVM folds them, and the text of a constant
    # vector (one word a lane) took most of the time of building the code.
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, lanes), None))


def _as_pack(context: Any, builder: Any, value: Any, source: types.Type, pack: Pack) -> Any:
    """Lower `value` of Numba type `source` (a pack already, or a number to repeat) to the type `pack`."""
    if isinstance(source, Pack):
        return value
    return _splat(builder, context.cast(builder, value, types.unliteral(source), pack.element), pack.lanes)


def _first_pack(args: Any) -> Pack | None:
    return next((a for a in args if isinstance(a, Pack)), None)


# ---------------------------------------------------------------------------------------------- operators

_ARITHMETIC = {  # float, integer
    operator.add: ("fadd", "add"),
    operator.sub: ("fsub", "sub"),
    operator.mul: ("fmul", "mul"),
    operator.truediv: ("fdiv", None),
    operator.and_: (None, "and_"),
    operator.or_: (None, "or_"),
    operator.xor: (None, "xor"),
    operator.lshift: (None, "shl"),
    operator.rshift: (None, "lshr"),
}
_COMPARISON = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}


def _register_binary(op: Any, comparison: bool, spelled: Any = None) -> None:
    """Register `op` for packs, under its in-place operator where `spelled` names one."""

    @infer_global(spelled or op)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) != 2 or (pack := _first_pack(args)) is None:
                return None
            for arg in args:
                if isinstance(arg, Pack):
                    if arg != pack:
                        return None
                elif not isinstance(arg, types.Number):
                    return None
            return signature(pack.of(types.boolean) if comparison else pack, *args)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pack = _first_pack(sig.args)
        assert pack is not None
        left, right = (_as_pack(context, builder, v, t, pack) for v, t in zip(args, sig.args, strict=True))
        if comparison:
            name = _COMPARISON[op]
            if pack.is_float:
                # "!=" is true for NaN, the others are false, as in IEEE 754 and Python
                compare = builder.fcmp_unordered if name == "!=" else builder.fcmp_ordered
                return compare(name, left, right)
            return (builder.icmp_signed if pack.is_signed else builder.icmp_unsigned)(name, left, right)
        method = _ARITHMETIC[op][0 if pack.is_float else 1]
        if op is operator.rshift and pack.is_signed:
            method = "ashr"
        if method is None:
            raise TypeError(f"packs of {pack.element} have no operator {op.__name__}")
        return getattr(builder, method)(left, right)

    for kinds in ((Pack, Pack), (Pack, types.Number), (types.Number, Pack)):
        lower_builtin(spelled or op, *kinds)(lower)


for _op in _ARITHMETIC:
    _register_binary(_op, comparison=False)
    _register_binary(_op, comparison=False, spelled=getattr(operator, "i" + _op.__name__.strip("_")))
for _op in _COMPARISON:
    _register_binary(_op, comparison=True)


def _register_unary(op: Any) -> None:
    @infer_global(op)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            return signature(args[0], args[0]) if len(args) == 1 and isinstance(args[0], Pack) else None

    @lower_builtin(op, Pack)
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if op is operator.invert:
            return builder.not_(args[0])
        return builder.fneg(args[0]) if sig.args[0].is_float else builder.neg(args[0])


_register_unary(operator.neg)
_register_unary(operator.invert)


# ---------------------------------------------------------------------------------------------- functions


def _llvm_call(builder: Any, name: str, pack: Pack, args: Any) -> Any:
    vector = _vector_type(pack)
    bits = {types.float32: "f32", types.float64: "f64"}.get(pack.element) or f"i{pack.element.bitwidth}"
    function_type = ir.FunctionType(vector, [vector] * len(args))
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.v{pack.lanes}{bits}")
    return builder.call(function, args)


@intrinsic
def fma(typingctx, a, b, c):  # type: ignore[no-untyped-def]
    """``a * b + c`` rounded once. Numbers are repeated over the lanes; at least one argument is a pack."""
    pack = _first_pack((a, b, c))

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        values = [_as_pack(context, builder, v, t, pack) for v, t in zip(args, sig.args, strict=True)]
        return _llvm_call(builder, "fma", pack, values)

    return pack(a, b, c), codegen


@intrinsic
def pick(typingctx, pack, single, double):  # type: ignore[no-untyped-def]
    """The number `single` beside a pack of 32-bit elements, `double` beside 64-bit ones: a repeated constant."""
    chosen = 1 if pack.element.bitwidth == 32 else 2

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _as_pack(context, builder, args[chosen], sig.args[chosen], pack)

    return pack(pack, single, double), codegen


def polynomial(single: tuple[float, ...], double: tuple[float, ...]) -> Any:
    """A compiled function of one pack: the polynomial with these coefficients, lowest power first, by Horner's rule.

    Args:
        single: coefficients for packs of float32.
        double: coefficients for packs of float64.
    """

    @intrinsic
    def evaluate(typingctx, x):  # type: ignore[no-untyped-def]
        coefficients = single if x.element == types.float32 else double

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            constants = [ir.Constant(_vector_type(x), [float(c)] * x.lanes) for c in coefficients]
            value = constants[-1]
            for constant in reversed(constants[:-1]):
                value = _llvm_call(builder, "fma", x, [value, args[0], constant])
            return value

        return x(x), codegen

    return evaluate


@intrinsic
def sqrt(typingctx, a):  # type: ignore[no-untyped-def]
    """Correctly rounded square root; nan below zero."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _llvm_call(builder, "sqrt", a, args)

    return a(a), codegen


@intrinsic
def absolute(typingctx, a):  # type: ignore[no-untyped-def]
    """Magnitude, by clearing the sign bit."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _llvm_call(builder, "fabs", a, args)

    return a(a), codegen


@intrinsic
def copysign(typingctx, magnitude, sign):  # type: ignore[no-untyped-def]
    """The magnitude of the first with the sign bit of the second."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _llvm_call(builder, "copysign", sign, [_as_pack(context, builder, args[0], magnitude, sign), args[1]])

    return sign(magnitude, sign), codegen


@intrinsic
def where(typingctx, mask, a, b):  # type: ignore[no-untyped-def]
    """`a` in the lanes where `mask` is true, else `b`. One of the two may be a number."""
    pack = _first_pack((a, b))

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        yes = _as_pack(context, builder, args[1], a, pack)
        no = _as_pack(context, builder, args[2], b, pack)
        return builder.select(args[0], yes, no)

    return pack(mask, a, b), codegen


def _reduction(kind: str) -> Any:
    @intrinsic
    def reduce(typingctx, mask):  # type: ignore[no-untyped-def]
        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            whole = builder.bitcast(args[0], ir.IntType(mask.lanes))
            limit = ir.Constant(whole.type, 0 if kind == "any" else (1 << mask.lanes) - 1)
            return builder.icmp_unsigned("!=" if kind == "any" else "==", whole, limit)

        return types.boolean(mask), codegen

    return reduce


any_lane = _reduction("any")
all_lanes = _reduction("all")


def _conversion(target_of: Any, method_of: Any) -> Any:
    @intrinsic
    def convert(typingctx, a):  # type: ignore[no-untyped-def]
        target = a.of(target_of(a))

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            method = method_of(a)
            return getattr(builder, method)(args[0], _vector_type(target)) if method else args[0]

        return target(a), codegen

    return convert


_BITS = {types.float32: types.uint32, types.float64: types.uint64}
_FLOAT = {32: types.float32, 64: types.float64}
_SIGNED = {32: types.int32, 64: types.int64}

as_bits = _conversion(lambda a: _BITS[a.element], lambda a: "bitcast")
"""The bit pattern of floats as unsigned integers of the same size."""
as_float = _conversion(lambda a: _FLOAT[a.element.bitwidth], lambda a: "bitcast")
"""Floats from the bit patterns of integers of the same size."""
to_float = _conversion(lambda a: _FLOAT[a.element.bitwidth], lambda a: "sitofp" if a.is_signed else "uitofp")
"""Integers converted to floats of the same size, rounded to nearest even."""
to_int = _conversion(lambda a: _SIGNED[_BITS[a.element].bitwidth], lambda a: "fptosi")
"""Floats truncated towards zero to signed integers of the same size; undefined outside their range."""
to_signed = _conversion(lambda a: _SIGNED[a.element.bitwidth], lambda a: None)
"""The same bits read as signed integers."""
to_unsigned = _conversion(lambda a: types.uint32 if a.element.bitwidth == 32 else types.uint64, lambda a: None)
"""The same bits read as unsigned integers."""
widen = _conversion(
    lambda a: types.float64 if a.is_float else (types.int64 if a.is_signed else types.uint64),
    lambda a: "fpext" if a.is_float else ("sext" if a.is_signed else "zext"),
)
"""32-bit elements as 64-bit ones, exactly."""
narrow = _conversion(
    lambda a: types.float32 if a.is_float else (types.int32 if a.is_signed else types.uint32),
    lambda a: "fptrunc" if a.is_float else "trunc",
)
"""64-bit elements as 32-bit ones: floats rounded to nearest even, integers modulo 2**32."""


@intrinsic
def rotate_left(typingctx, a, count):  # type: ignore[no-untyped-def]
    """Bits of unsigned integers rotated left by a number of places below their width."""

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _llvm_call(builder, "fshl", a, [args[0], args[0], _as_pack(context, builder, args[1], count, a)])

    return a(a, count), codegen


@intrinsic
def multiply_high(typingctx, a, b):  # type: ignore[no-untyped-def]
    """Upper 32 bits of the 64-bit products of 32-bit unsigned integers."""
    wide = a.of(types.uint64)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        right = _as_pack(context, builder, args[1], b, a)
        product = builder.mul(builder.zext(args[0], _vector_type(wide)), builder.zext(right, _vector_type(wide)))
        shifted = builder.lshr(product, _splat(builder, ir.Constant(ir.IntType(64), 32), a.lanes))
        return builder.trunc(shifted, _vector_type(a))

    return a(a, b), codegen


# ---------------------------------------------------------------------------------------------- memory


def _data(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    """The address of the first element of an array or a pointer."""
    if isinstance(array_type, Pointer):
        return array
    return context.make_array(array_type)(context, builder, array).data


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, pack: Pack) -> Any:
    place = builder.gep(_data(context, builder, array_type, array), [index], inbounds=True)
    return builder.bitcast(place, _vector_type(pack).as_pointer())


def _lane_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, lane: Any, pack: Pack) -> Any:
    place = builder.gep(_data(context, builder, array_type, array), [index], inbounds=True)
    return builder.gep(builder.bitcast(place, _scalar_type(pack.element).as_pointer()), [lane], inbounds=True)


def _alignment(pack: Pack) -> int:
    return min(64, pack.element.bitwidth // 8 * pack.lanes)


@intrinsic
def pointer(typingctx, array):  # type: ignore[no-untyped-def]
    """A bare pointer to the data of a contiguous array: of packs, of records, or of numbers.

    The caller keeps the array alive.
    """
    if not isinstance(array, types.Array) or array.layout != "C":
        return None
    kind = Pointer(_pack_of(array) or array.dtype)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(_data(context, builder, array, args[0]), context.get_value_type(kind))

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
def load(typingctx, array, index):  # type: ignore[no-untyped-def]
    """The pack at `index` of a `pack_array`; no bounds check, no negative index."""
    pack = _pack_of(array)
    if pack is None or not isinstance(index, types.Integer):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        value = builder.load(_pointer(context, builder, array, args[0], args[1], pack))
        value.align = _alignment(pack)
        return value

    return pack(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, value):  # type: ignore[no-untyped-def]
    """Put a pack (or a number, repeated) at `index` of a `pack_array`; no bounds check, no negative index."""
    pack = _pack_of(array)
    if pack is None or not isinstance(index, types.Integer):
        return None
    if isinstance(value, Pack) and value != pack:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        packed = _as_pack(context, builder, args[2], value, pack)
        put = builder.store(packed, _pointer(context, builder, array, args[0], args[1], pack))
        put.align = _alignment(pack)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def get(typingctx, array, index, lane):  # type: ignore[no-untyped-def]
    """The value of one lane of the pack at `index` of a `pack_array`."""
    pack = _pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.load(_lane_pointer(context, builder, array, *args, pack))

    return pack.element(array, types.intp, types.intp), codegen


@intrinsic
def put(typingctx, array, index, lane, value):  # type: ignore[no-untyped-def]
    """Set one lane of the pack at `index` of a `pack_array`; the value is converted to its element type."""
    pack = _pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        converted = context.cast(builder, args[3], types.unliteral(value), pack.element)
        builder.store(converted, _lane_pointer(context, builder, array, *args[:3], pack))
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, value), codegen


@intrinsic
def filled(typingctx, array, value):  # type: ignore[no-untyped-def]
    """`value` repeated, as a pack of the kind of `array` (a pack array, or a pack)."""
    pack = array if isinstance(array, Pack) else _pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _as_pack(context, builder, args[1], value, pack)

    return pack(array, value), codegen


@intrinsic
def rounded_to(typingctx, array, value):  # type: ignore[no-untyped-def]
    """Float packs in the precision that `array` holds, rounded to nearest even where that is the lower one."""
    pack = _pack_of(array)
    if pack is None or not isinstance(value, Pack):
        return None
    change = pack.element.bitwidth - value.element.bitwidth

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        if change == 0:
            return args[1]
        return (builder.fpext if change > 0 else builder.fptrunc)(args[1], _vector_type(pack))

    return pack(array, value), codegen


@intrinsic
def lane_count(typingctx, array):  # type: ignore[no-untyped-def]
    """Number of lanes of the packs that `array` holds, a compile-time constant."""
    pack = _pack_of(array)
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return context.get_constant(types.intp, pack.lanes)

    return types.intp(array), codegen


def by_precision(single: Any, double: Any) -> Any:
    """One function out of two: compiled code calls `single` or `double` by the precision of its first argument.

    The first argument is a pack or a pack array. Only the chosen function is compiled.
    """

    def chosen(*args: Any) -> Any:
        raise TypeError("only compiled code can call this function")

    @overload(chosen, jit_options={"error_model": "numpy", "forceinline": True})
    def choose(*args: Any) -> Any:
        kind = args[0] if isinstance(args[0], Pack) else _pack_of(args[0])
        if kind is None:
            return None
        function = double if kind.element.bitwidth == 64 else single

        def call(*args: Any) -> Any:
            return function(*args)

        return call

    return chosen
