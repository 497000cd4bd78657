"""Arithmetic, comparison and bit operators of packs; importing this module makes Numba know them."""

from __future__ import annotations

import operator
from typing import Any

from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from mcstudy.kernels.types import Pack, Weak, as_pack, first_pack

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
            if len(args) != 2 or (pack := first_pack(args)) is None:
                return None
            for arg in args:
                if isinstance(arg, Pack):
                    if arg != pack and not (isinstance(arg, Weak) and pack.is_float):
                        return None
                elif not isinstance(arg, types.Number):
                    return None
            return signature(pack.of(types.boolean) if comparison else pack, *args)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pack = first_pack(sig.args)
        assert pack is not None
        left, right = (as_pack(context, builder, v, t, pack) for v, t in zip(args, sig.args, strict=True))
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
