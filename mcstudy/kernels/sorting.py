"""Sorting of unsigned integers, lane by lane, by exchanges in registers.

Runs of up to 16 keys are sorted by Batcher's odd-even merge sort, longer ones merged by bitonic merges, all ascending:
the first exchanges of a merge reverse one of its two runs. A merge that Batcher's way takes an eighth fewer exchanges,
but its exchanges do not stay within blocks of 16 keys, so that every stage would go through memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mcstudy import jit
from mcstudy.kernels.functions import smaller_and_larger
from mcstudy.kernels.memory import load_pack, store_pack
from mcstudy.kernels.pack import store
from mcstudy.kernels.types import pack_of

BLOCK = 16
"""Keys that are in registers together."""

Pairs = Sequence[tuple[int, int]]


def batcher(count: int) -> Pairs:
    """The exchanges (i, j), i < j, that sort `count` keys, a power of two (Batcher's odd-even merge sort)."""
    pairs, span = [], 1
    while span < count:
        step = span
        while step >= 1:
            for start in range(step % span, count - step, 2 * step):
                for i in range(start, start + step):
                    if i // (2 * span) == (i + step) // (2 * span):
                        pairs.append((i, i + step))
            step //= 2
        span *= 2
    return pairs


def cleaner(count: int) -> Pairs:
    """The exchanges that sort a bitonic run of `count` keys, a power of two."""
    pairs, step = [], count // 2
    while step >= 1:
        pairs += [(i, i + step) for i in range(count) if i & step == 0]
        step //= 2
    return pairs


def merger(count: int) -> Pairs:
    """The exchanges of a merge of two runs between `count` blocks, one key of each: of the first run the keys at one
    place in their blocks, of the second those as far from their blocks' ends."""
    half = count // 2
    pairs = [(i, count - 1 - i) for i in range(half)]
    cleaned = cleaner(half)
    return [*pairs, *cleaned, *[(half + i, half + j) for i, j in cleaned]]


def network(count: int, pairs: Pairs) -> Any:
    """A compiled function ``(keys, low, low_step, high, high_step)``: exchange pairs of `count` packs of `keys`.

    The first half lies at `low`, `low` + `low_step` …, the second likewise from `high` on. After an exchange (i, j) the
    smaller is in place i.
    """

    @intrinsic
    def exchange(typingctx, keys, low, low_step, high, high_step):  # type: ignore[no-untyped-def]
        pack = pack_of(keys)
        if pack is None or pack.is_float:
            return None

        def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def]
            places = []
            for start, step in ((args[1], args[2]), (args[3], args[4])):
                for i in range(count // 2):
                    places.append(builder.add(start, builder.mul(step, ir.Constant(step.type, i))))
            held = [load_pack(context, builder, keys, args[0], place, pack) for place in places]
            for i, j in pairs:
                held[i], held[j] = smaller_and_larger(builder, pack, held[i], held[j])
            for place, value in zip(places, held, strict=True):
                store_pack(context, builder, keys, args[0], place, value, pack)
            return context.get_dummy_value()

        return types.void(keys, types.intp, types.intp, types.intp, types.intp), codegen

    return exchange


def sort_room(count: int) -> int:
    """Packs that sorting `count` of them takes."""
    return max(4, 1 << (count - 1).bit_length())


_sort_4, _sort_8, _sort_16 = (network(count, batcher(count)) for count in (4, 8, BLOCK))
_clean = network(BLOCK, cleaner(BLOCK))
_merge_2, _merge_4, _merge_8, _merge_16 = (network(count, merger(count)) for count in (2, 4, 8, 16))


@jit.scalar
def _merge_runs(keys: Any, start: Any, span: Any) -> None:
    """Merge two sorted runs of `span` keys each, all but the exchanges within blocks."""
    end = start + 2 * span - 1
    if span == BLOCK:
        for i in range(BLOCK):
            _merge_2(keys, start + i, BLOCK, end - i, BLOCK)
    elif span == 2 * BLOCK:
        for i in range(BLOCK):
            _merge_4(keys, start + i, BLOCK, end - i - BLOCK, BLOCK)
    elif span == 4 * BLOCK:
        for i in range(BLOCK):
            _merge_8(keys, start + i, BLOCK, end - i - 3 * BLOCK, BLOCK)
    elif span == 8 * BLOCK:
        for i in range(BLOCK):
            _merge_16(keys, start + i, BLOCK, end - i - 7 * BLOCK, BLOCK)
    else:
        for i in range(span):
            _merge_2(keys, start + i, BLOCK, end - i, BLOCK)
        step = span // 2
        while step >= BLOCK:
            if step == 8 * BLOCK:
                for first in range(start, end, 2 * step):
                    for i in range(first, first + BLOCK):
                        _clean(keys, i, BLOCK, i + step, BLOCK)
                break
            for first in range(start, end, 2 * step):
                for i in range(first, first + step):
                    _merge_2(keys, i, BLOCK, i + step, BLOCK)
            step //= 2


@jit.routine
def sort(keys: Any, at: Any, count: Any, room: Any) -> None:
    """Sort the `count` packs at `at` … lane by lane, ascending.

    There is `room` for a power of two of packs, 4 or more, at least `count`; those from `count` on are overwritten.
    """
    for i in range(at + count, at + room):
        store(keys, i, 0xFFFFFFFF)
    if room == 4:
        _sort_4(keys, at, 1, at + 2, 1)
    elif room == 8:
        _sort_8(keys, at, 1, at + 4, 1)
    else:
        for start in range(at, at + count, BLOCK):
            _sort_16(keys, start, 1, start + 8, 1)
        span = BLOCK
        while span < room:
            for start in range(at, at + count, 2 * span):
                _merge_runs(keys, start, span)
            for start in range(at, at + count, BLOCK):
                _clean(keys, start, 1, start + 8, 1)
            span *= 2
