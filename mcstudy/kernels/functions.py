"""Functions of packs that are one instruction or a few: multiply-add, selection, conversion, reduction."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from mcstudy.kernels.types import Pack, Weak, as_pack, first_pack, splat, vector_type


def _llvm_call(builder: Any, name: str, pack: Any, args: Any) -> Any:
    vector = vector_type(pack)
    bits = {types.float32: "f32", types.float64: "f64"}.get(pack.element) or f"i{pack.element.bitwidth}"
    function_type = ir.FunctionType(vector, [vector] * len(args))
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.v{pack.lanes}{bits}")
    return builder.call(function, args)


def lower_fma(builder: Any, pack: Any, args: Any) -> Any:
    """Lower ``a * b + c``, rounded once, of three values of the type `pack`."""
    return _llvm_call(builder, "fma", pack, args)


def lower_as_written(builder: Any) -> None:
    """Lower what keeps LLVM from unrolling the loop that it stands in."""
    nothing = ir.InlineAsm(ir.FunctionType(ir.VoidType(), []), "", "", side_effect=True)
    builder.call(nothing, [], attrs="convergent")


@intrinsic
def fma(typingctx, a, b, c):  # type: ignore[no-untyped-def]
    """``a * b + c`` rounded once. Numbers are repeated over the lanes; at least one argument is a pack."""
    pack = first_pack((a, b, c))
    if pack is None:
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        values = [as_pack(context, builder, v, t, pack) for v, t in zip(args, sig.args, strict=True)]
        return lower_fma(builder, pack, values)

    return pack(a, b, c), codegen


@intrinsic
def pick(typingctx, pack, single, double):  # type: ignore[no-untyped-def]
    """The number `single` beside a pack of 32-bit elements, `double` beside 64-bit ones: a repeated constant."""
    if not isinstance(pack, Pack):
        return None
    chosen = 1 if pack.element.bitwidth == 32 else 2

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return as_pack(context, builder, args[chosen], sig.args[chosen], pack)

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
            constants = [ir.Constant(vector_type(x), [float(c)] * x.lanes) for c in coefficients]
            value = constants[-1]
            for constant in reversed(constants[:-1]):
                value = _llvm_call(builder, "fma", x, [value, args[0], constant])
            return value

        return x(x), codegen

    return evaluate


@intrinsic
def sqrt(typingctx, a):  # type: ignore[no-untyped-def]
    """Correctly rounded square root; nan below zero."""
    if not isinstance(a, Pack):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _llvm_call(builder, "sqrt", a, args)

    return a(a), codegen


@intrinsic
def absolute(typingctx, a):  # type: ignore[no-untyped-def]
    """Magnitude, by clearing the sign bit."""
    if not isinstance(a, Pack):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _llvm_call(builder, "fabs", a, args)

    return a(a), codegen


@intrinsic
def copysign(typingctx, magnitude, sign):  # type: ignore[no-untyped-def]
    """The magnitude of the first with the sign bit of the second."""
    if not isinstance(sign, Pack):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return _llvm_call(builder, "copysign", sign, [as_pack(context, builder, args[0], magnitude, sign), args[1]])

    return sign(magnitude, sign), codegen


_NOT_TINY = {32: 0x7000_0000, 64: 0x7E00_0000_0000_0000}
"""By the bits of a number, all bits of its exponent but the lowest five."""


def lower_tiny(builder: Any, pack: Pack, value: Any) -> Any:
    """Lower `tiny` of a value of the type `pack`."""
    bits = pack.element.bitwidth
    integers = ir.VectorType(ir.IntType(bits), pack.lanes)
    exponent = builder.and_(builder.bitcast(value, integers), ir.Constant(integers, [_NOT_TINY[bits]] * pack.lanes))
    return builder.icmp_unsigned("==", exponent, ir.Constant(integers, [0] * pack.lanes))


@intrinsic
def tiny(typingctx, a):  # type: ignore[no-untyped-def]
    """Where a size is below 2⁻⁹⁵, of 64 bits 2⁻⁹⁹¹: 2³¹ times the smallest normal number. 0 is, NaN is not."""
    if not isinstance(a, Pack):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return lower_tiny(builder, a, args[0])

    return a.of(types.boolean)(a), codegen


@intrinsic
def where(typingctx, mask, a, b):  # type: ignore[no-untyped-def]
    """`a` in the lanes where `mask` is true, else `b`; where both are numbers, a weak pack, which is as a number is."""
    if not isinstance(mask, Pack) or mask.element != types.boolean:
        return None
    pack = first_pack((a, b)) or Weak(mask.lanes)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        yes = as_pack(context, builder, args[1], a, pack)
        no = as_pack(context, builder, args[2], b, pack)
        return builder.select(args[0], yes, no)

    return pack(mask, a, b), codegen


def smaller_and_larger(builder: Any, pack: Pack, a: Any, b: Any) -> tuple[Any, Any]:
    """Lower the smaller and the larger of two packs of unsigned integers."""
    return _llvm_call(builder, "umin", pack, [a, b]), _llvm_call(builder, "umax", pack, [a, b])


def _conversion(target_of: Any, method_of: Any) -> Any:
    @intrinsic
    def convert(typingctx, a):  # type: ignore[no-untyped-def]
        target = a.of(target_of(a))

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            method = method_of(a)
            return getattr(builder, method)(args[0], vector_type(target)) if method else args[0]

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
to_signed = _conversion(lambda a: _SIGNED[a.element.bitwidth], lambda a: None)
"""The same bits read as signed integers."""
widen = _conversion(
    lambda a: types.float64 if a.is_float else (types.int64 if a.is_signed else types.uint64),
    lambda a: "fpext" if a.is_float else ("sext" if a.is_signed else "zext"),
)
"""32-bit elements as 64-bit ones, exactly."""


@intrinsic
def multiply_high(typingctx, a, b):  # type: ignore[no-untyped-def]
    """Upper 32 bits of the 64-bit products of 32-bit unsigned integers."""
    wide = a.of(types.uint64)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        right = as_pack(context, builder, args[1], b, a)
        product = builder.mul(builder.zext(args[0], vector_type(wide)), builder.zext(right, vector_type(wide)))
        shifted = builder.lshr(product, splat(builder, ir.Constant(ir.IntType(64), 32), a.lanes))
        return builder.trunc(shifted, vector_type(a))

    return a(a, b), codegen
