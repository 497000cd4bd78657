"""One compiled function out of two, chosen at compile time by precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.extending import intrinsic

from mcstudy.kernels.types import pack_of


def by_precision(single: Callable[..., None], double: Callable[..., None]) -> Any:
    """A compiled function ``(arguments)`` that calls one of two by the precision of its first argument.

    The first argument is an array of packs, or a pointer to packs. Only the function that is called is compiled.
    """

    @intrinsic
    def chosen(typingctx, arguments):  # type: ignore[no-untyped-def]
        pack = pack_of(arguments[0]) if isinstance(arguments, types.BaseTuple) else None
        if pack is None:
            return None
        target = _resolved(typingctx, double if pack.element.bitwidth == 64 else single, arguments)

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            _call(context, builder, target, arguments, args[0])
            return context.get_dummy_value()

        return types.void(arguments), codegen

    return chosen


def _resolved(typingctx: Any, function: Any, arguments: Any) -> Any:
    """A compiled function and its signature for a tuple of arguments."""
    callee = typingctx.resolve_value_type(function)
    return callee, callee.get_call_type(typingctx, tuple(types.unliteral(kind) for kind in arguments), {})


def _call(context: Any, builder: Any, target: Any, arguments: Any, values: Any) -> None:
    callee, signature = target
    plain = [
        context.cast(builder, builder.extract_value(values, i), kind, types.unliteral(kind))
        for i, kind in enumerate(arguments)
    ]
    call = context.get_function(callee, signature)
    call(builder, plain)
    for library in getattr(call, "libs", ()):
        context.active_code_library.add_linking_library(library)
