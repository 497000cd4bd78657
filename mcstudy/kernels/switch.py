"""One compiled function out of a list, chosen at run time by its position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def one_of(functions: Sequence[Callable[..., None]]) -> Any:
    """A compiled function ``(position, arguments)`` that calls ``functions[position](*arguments)``.

    A chain of closures would do the same, but every link is compiled with all that follow it; here each function is
    compiled once and the caller gets a jump table. Positions outside the list do nothing.
    """

    @intrinsic
    def switch(typingctx, position, arguments):  # type: ignore[no-untyped-def]
        if not isinstance(arguments, types.BaseTuple):
            return None
        kinds = tuple(types.unliteral(kind) for kind in arguments)
        targets = []
        for function in functions:
            callee = typingctx.resolve_value_type(function)
            targets.append((callee, callee.get_call_type(typingctx, kinds, {})))

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            values = [
                context.cast(builder, builder.extract_value(args[1], i), kind, plain)
                for i, (kind, plain) in enumerate(zip(arguments, kinds, strict=True))
            ]
            after = builder.append_basic_block("switch.after")
            jump = builder.switch(args[0], after)
            for number, (callee, signature) in enumerate(targets):
                block = builder.append_basic_block(f"switch.{number}")
                jump.add_case(ir.Constant(args[0].type, number), block)
                with builder.goto_block(block):
                    call = context.get_function(callee, signature)
                    call(builder, values)
                    for library in getattr(call, "libs", ()):
                        context.active_code_library.add_linking_library(library)
                    builder.branch(after)
            builder.position_at_end(after)
            return context.get_dummy_value()

        return types.void(position, arguments), codegen

    return switch
