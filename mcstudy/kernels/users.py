"""What the loops around users' functions need: their arguments, their results, and what is wrong with them."""

from __future__ import annotations

import re
from typing import Any

from numba.core import types
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from mcstudy.kernels.memory import load_pack, store_pack
from mcstudy.kernels.types import Pack, Pointer, Weak, as_pack, pack_of, vector_type


class UnusableFunction(Exception):
    """A user's function that cannot be compiled: its file, the line, its name, and why."""

    def __init__(self, function: Any, why: str, line: int | None = None) -> None:
        code = function.py_func.__code__
        self.file, self.line, self.name, self.why = code.co_filename, line or code.co_firstlineno, code.co_name, why
        super().__init__(why)

    @property
    def text(self) -> str:
        """All of it in one line."""
        return f"{self.file}, line {self.line}, in {self.name}: {self.why}"


def called(function: Any, arguments: int, results: int) -> Any:
    """A compiled function (values) that calls a user's function and gives a tuple of `results` packs.

    Args:
        function: compiled by `jit.routine`.
        arguments: how many of the tuple `values` it takes. The first is a pack; numbers among the others become packs
            of its kind, and so do the results.
        results: how many packs it has to return: one, or a tuple of more.
    """

    @intrinsic
    def call(typingctx, values):  # type: ignore[no-untyped-def]
        first = values[0]
        callee = typingctx.resolve_value_type(function)
        try:
            signature = callee.get_call_type(typingctx, (first,) * arguments, {})
        except NumbaError as error:
            own = error.loc is not None and error.loc.filename == function.py_func.__code__.co_filename
            raise UnusableFunction(function, _reason(error), error.loc.line if own else None) from error
        except (AttributeError, RuntimeError, TypeError) as error:  # a function of packs met something else
            why = f"it cannot be compiled: {' '.join(str(error).split())[:200]}"
            raise UnusableFunction(function, why) from error
        returned = signature.return_type
        kinds = list(returned) if isinstance(returned, types.BaseTuple) else [returned]
        if len(kinds) != results or not all(map(_is_number, kinds)):
            raise UnusableFunction(function, f"it has to return {_words(results)}, and returns {_described(returned)}")

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            given = [
                as_pack(context, builder, builder.extract_value(args[0], i), kind, first)
                for i, kind in zip(range(arguments), values, strict=False)
            ]
            compiled = context.get_function(callee, signature)
            result = compiled(builder, given)
            for library in getattr(compiled, "libs", ()):
                context.active_code_library.add_linking_library(library)
            is_tuple = isinstance(returned, types.BaseTuple)
            found = [builder.extract_value(result, i) for i in range(results)] if is_tuple else [result]
            packs = [_converted(context, builder, *pair, first) for pair in zip(found, kinds, strict=True)]
            return context.make_tuple(builder, sig.return_type, packs)

        return types.UniTuple(first, results)(values), codegen

    return call


def gather(inputs: int, numbers: int) -> Any:
    """A compiled function (memory, at, step, c): the tuple of `inputs` packs at `at` + k `step`, then c's `numbers`."""

    @intrinsic
    def values(typingctx, memory, at, step, c):  # type: ignore[no-untyped-def]
        pack = pack_of(memory)
        if pack is None or not isinstance(c, Pointer):
            return None
        result = types.Tuple([pack] * inputs + [c.element] * numbers)

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            found, index = [], args[1]
            for _ in range(inputs):
                found.append(load_pack(context, builder, memory, args[0], index, pack))
                index = builder.add(index, args[2])
            for i in range(numbers):
                found.append(builder.load(builder.gep(args[3], [context.get_constant(types.intp, i)])))
            return context.make_tuple(builder, result, found)

        return result(memory, types.intp, types.intp, c), codegen

    return values


@intrinsic
def scatter(typingctx, memory, at, step, values):  # type: ignore[no-untyped-def]
    """Put a tuple of packs at `at`, `at` + `step`, …"""
    pack = pack_of(memory)
    if pack is None or not isinstance(values, types.BaseTuple):
        return None

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
        index = args[1]
        for i in range(len(values)):
            store_pack(context, builder, memory, args[0], index, builder.extract_value(args[3], i), pack)
            index = builder.add(index, args[2])
        return context.get_dummy_value()

    return types.void(memory, types.intp, types.intp, values), codegen


def _is_number(kind: Any) -> bool:
    """Whether a value of this type is a pack of numbers, or a number."""
    if isinstance(kind, Pack):
        return kind.is_float
    return isinstance(kind, types.Float | types.Integer)


def _converted(context: Any, builder: Any, value: Any, kind: Any, pack: Pack) -> Any:
    """A pack of floats or a number as a pack of another precision."""
    if not isinstance(kind, Pack) or isinstance(kind, Weak) or kind.element == pack.element:
        return as_pack(context, builder, value, kind, pack)
    change = builder.fpext if kind.element.bitwidth < pack.element.bitwidth else builder.fptrunc
    return change(value, vector_type(pack))


def _words(count: int) -> str:
    return "one number" if count == 1 else f"{count} numbers, separated by commas"


def _described(kind: Any) -> str:
    if isinstance(kind, types.BaseTuple):
        return f"{len(kind)} values" + ("" if all(map(_is_number, kind)) else ", not all of them numbers")
    if kind == types.none:
        return "nothing"
    if isinstance(kind, Pack) and kind.element == types.boolean:
        return "a condition (write where(condition, 1.0, 0.0) for its number)"
    return "one" if _is_number(kind) else str(kind)


def _reason(error: NumbaError) -> str:
    """A compiler's message in one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = next((line for line in lines if not line.startswith("Failed in nopython mode")), type(error).__name__)
    missing = next((line[4:] for line in lines if line.startswith(">>> ")), None)
    if missing is not None and text.startswith(("No implementation of function", "No conversion", "Invalid use")):
        shown = re.sub(r"(Pack|Weak)\((bool, )?[^()]*\)", lambda m: "condition" if m[2] else "number", missing)
        shown = re.sub(r"Literal\[\w+\]\(([^()]*)\)|float64|int64", lambda m: m[1] or "number", shown)
        if missing.startswith("bool(") or "is_true" in missing:
            return (
                "if, and, or and not need one answer, and there is one for every trial: "
                "write where(condition, a, b), &, | and ~"
            )
        callee = re.findall(r"CPUDispatcher\(<function (\w+) at", str(error))
        if callee:
            return f"{callee[-1]} does not take what it is given here; it needs a value for every trial"
        hint = "; functions that work here come from mcstudy.parts, and z * z stands for z ** 2"
        return f"{shown} is not possible{hint}"
    return text.removesuffix(".")
