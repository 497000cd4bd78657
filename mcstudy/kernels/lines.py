"""Straight-line code, written by Python loops at compile time: what unrolled kernels are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from mcstudy import jit
from mcstudy.kernels.functions import lower_as_written, lower_fma, lower_tiny
from mcstudy.kernels.memory import load_pack, store_pack
from mcstudy.kernels.slices import slice_lanes
from mcstudy.kernels.types import Pack, Pointer, pack_of, scalar_type, splat, vector_type

_INT64 = ir.IntType(64)


class Lines:
    """Writes code for a part of each pack; values are LLVM vectors of one or more machine registers.

    Args:
        context, builder: what Numba hands to the code generator of an intrinsic.
        kind: the Numba type of a pointer to packs.
        memory: its value.
        part: which part of every pack.
        registers: of a part, where packs have as many.
    """

    def __init__(self, context: Any, builder: Any, kind: Pointer, memory: Any, part: Any, registers: int) -> None:
        pack = kind.element
        assert isinstance(pack, Pack)
        self.pack = Pack(pack.element, _part_lanes(pack, registers))
        self.kind = Pointer(self.pack)
        self._context, self._builder = context, builder
        self._parts = pack.lanes // self.pack.lanes
        self._slices = builder.bitcast(memory, vector_type(self.pack).as_pointer())
        self._part = part
        self._vector = vector_type(self.pack)

    def place(self, address: Any) -> Any:
        """The slice of the pack at an address, for `load` and `store`."""
        slice_at = self._builder.add(self._builder.mul(address, self.integer(self._parts)), self._part)
        return self._builder.gep(self._slices, [slice_at], inbounds=True)

    def load(self, place: Any, further: int = 0) -> Any:
        """The slice `further` packs after a place."""
        index = self.integer(further * self._parts)
        return load_pack(self._context, self._builder, self.kind, place, index, self.pack)

    def store(self, place: Any, further: int, value: Any) -> None:
        """Put a slice `further` packs after a place."""
        index = self.integer(further * self._parts)
        store_pack(self._context, self._builder, self.kind, place, index, value, self.pack)

    def spread(self, address: Any, lane: Any) -> Any:
        """The number in one lane of the pack at an address, or in one of those that follow it, repeated.

        Packs have one part.
        """
        assert self._parts == 1
        numbers = self._builder.bitcast(self.place(address), scalar_type(self.pack.element).as_pointer())
        return self.repeated(self.item(numbers, lane))

    def item(self, table: Any, index: Any) -> Any:
        """The number at an index of a table."""
        return self._builder.load(self._builder.gep(table, [index], inbounds=True))

    def repeated(self, value: Any) -> Any:
        """A number in the precision of packs, repeated."""
        return splat(self._builder, value, self.pack.lanes)

    def integer(self, value: int) -> Any:
        """An integer that is known now."""
        return ir.Constant(_INT64, value)

    def plus(self, value: Any, number: int) -> Any:
        """An integer and one that is known now, added up."""
        return self._builder.add(value, self.integer(number))

    def index(self, start: Any, step: Any, times: int) -> Any:
        """``start + step * times``, of integers."""
        return self._builder.add(start, self._builder.mul(step, self.integer(times)))

    def odd(self, value: Any) -> Any:
        """0 or 1, as an integer is even or odd."""
        return self._builder.and_(value, self.integer(1))

    def whole(self, value: Any) -> Any:
        """A float64 that is whole as an integer."""
        return self._builder.fptosi(value, _INT64)

    def number(self, value: float | Any) -> Any:
        """A float64, known now or when the code runs, rounded to the precision of packs and repeated."""
        if isinstance(value, int | float):
            return self.repeated(ir.Constant(scalar_type(self.pack.element), float(value)))
        return self.repeated(self._context.cast(self._builder, value, types.float64, self.pack.element))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c`` rounded once."""
        return lower_fma(self._builder, self.pack, (a, b, c))

    def add(self, a: Any, b: Any) -> Any:
        """``a + b``."""
        return self._builder.fadd(a, b)

    def mul(self, a: Any, b: Any) -> Any:
        """``a * b``."""
        return self._builder.fmul(a, b)

    def turned(self, values: Sequence[Any], count: int) -> list[Any]:
        """Columns of a square whose first rows are `values`, the others 0: the first `count` of them."""
        size = self.pack.lanes
        rows = [*values, *[self.number(0.0)] * (size - len(values))]
        step = size // 2
        while step:
            # Each round puts two quarters of every square of twice the step in each other's place.
            for i in (i for i in range(size) if not i & step):
                upper, lower = rows[i], rows[i + step]
                rows[i] = self._mixed(upper, lower, [k if not k & step else size + k - step for k in range(size)])
                rows[i + step] = self._mixed(
                    upper, lower, [k + step if not k & step else size + k for k in range(size)]
                )
            step //= 2
        return rows[:count]

    def packed(self, values: Sequence[Any]) -> Any:
        """The pack of the first lane of the first value, the second lane of the second, and so on."""
        found = values[0]
        for lane, value in enumerate(values[1:], 1):
            found = self._mixed(found, value, [len(values) + k if k == lane else k for k in range(len(values))])
        return found

    def lane(self, value: Any, number: int) -> Any:
        """The value of one lane, repeated."""
        return self._mixed(value, value, [number] * self.pack.lanes)

    def _mixed(self, first: Any, second: Any, lanes: list[int]) -> Any:
        return self._builder.shuffle_vector(
            first, second, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
        )

    def where_positive(self, test: Any, yes: Any, no: Any) -> Any:
        """`yes` where `test` is above 0, else `no`."""
        return self._builder.select(self._builder.fcmp_ordered(">", test, self.number(0.0)), yes, no)

    def where_tiny(self, test: Any, yes: Any, no: Any) -> Any:
        """`yes` where `test` is `mcstudy.kernels.pack.tiny`, else `no`."""
        return self._builder.select(lower_tiny(self._builder, self.pack, test), yes, no)

    def call(self, function: Callable[..., Any], *arguments: Any, results: int = 1) -> Any:
        """Call a Python function that Numba can compile; arguments are slices, or pairs ("float64", value).

        `results` tells how many slices it returns; more than one as a list.
        """
        kinds = [types.float64 if isinstance(a, tuple) else self.pack for a in arguments]
        values = [a[1] if isinstance(a, tuple) else a for a in arguments]
        returned = self.pack if results == 1 else types.UniTuple(self.pack, results)
        found = self._context.compile_internal(self._builder, function, returned(*kinds), values)
        return found if results == 1 else cgutils.unpack_tuple(self._builder, found, results)

    def variable(self, value: Any) -> Any:
        """A variable that starts as `value`, a slice; for loops."""
        place = cgutils.alloca_once(self._builder, self._vector)
        self._builder.store(value, place)
        return place

    def get(self, variable: Any) -> Any:
        """The value of a variable."""
        return self._builder.load(variable)

    def set(self, variable: Any, value: Any) -> None:
        """Give a variable a value."""
        self._builder.store(value, variable)

    def around(self, count: Any, start: Any, size: Any, body: Callable[[Any, Any], None]) -> None:
        """A loop of `count` passes over positions that begin at `start` and go round 0 … `size` - 1.

        `body` writes the code of a pass, and is given the position and the number of the pass.
        """
        builder = self._builder
        at = cgutils.alloca_once_value(builder, start)
        with cgutils.for_range(builder, count) as loop:
            position = builder.load(at)
            body(position, loop.index)
            after = builder.add(position, self.integer(1))
            builder.store(builder.select(builder.icmp_signed("==", after, size), self.integer(0), after), at)

    def loop(self, count: int, together: int, body: Callable[[Any, int], None]) -> None:
        """As `stretches`, of a number that is known now; the compiler leaves the loop as it is."""

        def once(first: Any, number: int) -> None:
            lower_as_written(self._builder)
            body(first, number)

        whole = count // together
        if whole:
            with cgutils.for_range(self._builder, self.integer(whole)) as loop:
                once(self._builder.mul(loop.index, self.integer(together)), together)
        for left in range(whole * together, count):
            body(self.integer(left), 1)

    def stretches(self, count: Any, together: int, body: Callable[[Any, int], None]) -> None:
        """A loop over 0 … `count` - 1, `together` of them at a time, and another over those left.

        `body` writes the code of a pass, and is given the first number, and how many there are.
        """
        builder, size = self._builder, self.integer(together)
        whole = builder.udiv(count, size)
        with cgutils.for_range(builder, whole) as loop:
            body(builder.mul(loop.index, size), together)
        if together > 1:
            done = builder.mul(whole, size)
            with cgutils.for_range(builder, builder.sub(count, done)) as loop:
                body(builder.add(done, loop.index), 1)


def _part_lanes(pack: Pack, registers: int) -> int:
    lanes = slice_lanes(pack) * registers
    return lanes if pack.lanes % lanes == 0 else pack.lanes


def lines(write: Callable[..., None], registers: int = 1, beside: int = 1) -> Any:
    """A compiled function ``(memory, arguments)`` whose code, for each part of packs, is ``write(lines, *values)``.

    `memory` is a pointer to packs, `arguments` a tuple of integers, float64 and pointers, which become the values. A
    part has as many registers as told; several hide each other's latency where a single one waits for itself. With
    `beside` above 1, `write` is given the `Lines` of as many parts, or of all where packs have fewer, as a list.
    """

    @intrinsic
    def written(typingctx, memory, arguments):  # type: ignore[no-untyped-def]
        pack = pack_of(memory)
        if pack is None or not isinstance(arguments, types.BaseTuple):
            return None
        plain = types.Tuple([_plain(kind) for kind in arguments])

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            values: Sequence[Any] = cgutils.unpack_tuple(builder, args[1], len(plain))
            # A register that is put aside on a stack of 16-byte steps lies in two cache lines, and takes twice as long.
            builder.function.attributes.alignstack = jit.register_bytes()
            parts = pack.lanes // _part_lanes(pack, registers)
            together = min(beside, parts)
            with cgutils.for_range(builder, ir.Constant(_INT64, parts // together)) as loop:
                first = builder.mul(loop.index, ir.Constant(_INT64, together))
                numbers = [builder.add(first, ir.Constant(_INT64, i)) for i in range(together)]
                codes = [Lines(context, builder, memory, args[0], number, registers) for number in numbers]
                write(codes if beside > 1 else codes[0], *values)
            return context.get_dummy_value()

        return types.void(memory, plain), codegen

    return written


def _plain(kind: Any) -> Any:
    kind = types.unliteral(kind)
    if isinstance(kind, types.Integer):
        return types.intp
    return types.float64 if isinstance(kind, types.Float) else kind
