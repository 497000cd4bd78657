"""Compiled loops of catalog parts, called by kernels through their addresses.

A kernel knows no part: its tables hold the address of each loop that a study needs. So a part is compiled when a study
first names it, is kept on disk by itself, and neither the number of parts nor a new one costs the kernel anything.
"""

from __future__ import annotations

import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from mcstudy import jit
from mcstudy.kernels.types import Pack, Pointer, pack_array, pack_of

_ELEMENTS = {"float32": types.float32, "float64": types.float64}
NUMBER, INTEGER = types.float64, types.int64
NUMBERS = Pointer(types.float64)


class _Memory:
    """Stands for a pointer to packs: of the precision at hand, or of `element`."""

    def __init__(self, element: Any = None) -> None:
        self.element = element


MEMORY, WORDS = _Memory(), _Memory(types.uint32)
"""Kinds of arguments: pointers to packs of the numbers a kernel trains, and to packs of 32-bit words."""

TABLE = object()
"""Another: a pointer to numbers of the precision that is trained in."""


def record(dtype: np.dtype) -> types.Type:
    """Another: a record of a table."""
    kind: types.Type = from_dtype(dtype)
    return kind


def records(dtype: np.dtype) -> types.Type:
    """Another: a pointer to records of a table."""
    return Pointer(record(dtype))


class Loop:
    """A kind of loop, by the kinds of its arguments, of which the first is `MEMORY`.

    `call` is a compiled function ``(address, arguments)``; numbers are converted to the kinds given here.
    """

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        self.call = self._caller()
        self._found: dict[tuple[str, str, int], tuple[int, Any]] = {}

    def _types(self, pack: Pack) -> tuple[types.Type, ...]:
        """The argument types where numbers are of the kind of `pack`."""
        return tuple(_type(kind, pack) for kind in self._arguments)

    def _caller(self) -> Any:
        @intrinsic
        def call(typingctx, address, arguments):  # type: ignore[no-untyped-def]
            pack = pack_of(arguments[0]) if isinstance(arguments, types.BaseTuple) else None
            if pack is None:
                return None
            formal = self._types(pack)

            def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
                values = [
                    context.cast(builder, builder.extract_value(args[1], i), types.unliteral(given), kind)
                    for i, (given, kind) in enumerate(zip(arguments, formal, strict=True))
                ]
                kind = context.call_conv.get_function_type(types.none, formal)
                function = builder.inttoptr(args[0], kind.as_pointer())
                context.call_conv.call_function(builder, function, types.none, formal, values)
                return context.get_dummy_value()

            return types.void(types.int64, arguments), codegen

        return call

    def address(self, name: str, loop: Callable[..., None], dtype: Any) -> int:
        """Where the machine code of a loop lies, compiled for packs of `dtype` where it is not yet.

        Args:
            name: of the loop, unique among all kinds; its machine code is kept on disk under it.
            loop: the function, not compiled.
            dtype: float32 or float64, in packs of the usual size unless it is the dtype of a whole pack.
        """
        pack = np.dtype(dtype)
        element = _ELEMENTS[pack.base.name]
        lanes = pack.shape[0] if pack.shape else jit.pack_bytes() // pack.itemsize
        key = name, str(element), lanes
        if key not in self._found:
            # Numba names machine code by the function's name and a number that counts in each process. Of two loops of
            # one name, kept on disk by two processes, a third process would run the first in place of the second.
            loop.__qualname__ = f"{name} (loop)"
            find = _finder(jit.routine(loop), self._types(Pack(element, lanes)))
            body = python_types.FunctionType(_find.__code__, {"__name__": __name__, "find": find}, name)
            body.__qualname__ = name
            entry = jit.entry(body)
            self._found[key] = entry(pack_array(1, pack.base, lanes)), entry
        return self._found[key][0]


def _type(kind: Any, pack: Pack) -> types.Type:
    if isinstance(kind, _Memory):
        return Pointer(pack if kind.element is None else pack.of(kind.element))
    return Pointer(pack.element) if kind is TABLE else kind


def _find(packs: Any) -> Any:
    """The body of the function that tells an address; one copy for each loop, named by it."""
    return find(packs)  # type: ignore[name-defined]  # noqa: F821


def _finder(loop: Any, formal: tuple[types.Type, ...]) -> Any:
    @intrinsic
    def find(typingctx, packs):  # type: ignore[no-untyped-def]
        callee = typingctx.resolve_value_type(loop)
        callee.get_call_type(typingctx, formal, {})
        compiled = loop.overloads[formal]

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            context.active_code_library.add_linking_library(compiled.library)
            function = context.declare_function(builder.module, compiled.fndesc)
            return builder.ptrtoint(function, ir.IntType(64))

        return types.int64(packs), codegen

    return find
