"""Sort keys, rows gathered by them, and the slices of packs that both work on."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from mcstudy import jit
from mcstudy.kernels.gather import columns_of_rows, gather_rows
from mcstudy.kernels.pack import lane_view, load, pack_array, pointer, store
from mcstudy.kernels.slices import lane_numbers, slice_count, slices, store_apart
from mcstudy.kernels.sorting import batcher, cleaner, merger, sort, sort_room

COUNTS = [1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 100, 128, 255, 256, 257, 512, 513, 1000, 1100, 2048, 2500]


@numba.njit(error_model="numpy")
def _sort(keys, at, count, room):  # type: ignore[no-untyped-def]
    sort(pointer(keys), at, count, room)


@numba.njit(error_model="numpy")
def _gather(memory, at, step, count, rows, start, keys, key):  # type: ignore[no-untyped-def]
    gather_rows(pointer(memory), at, step, count, pointer(rows), start, pointer(keys), key)
    return columns_of_rows(memory)


@numba.njit(error_model="numpy")
def _double_slices(memory):  # type: ignore[no-untyped-def]
    sliced = slices(memory, memory)
    for i in range(memory.shape[0] * slice_count(memory)):
        store(sliced, i, load(sliced, i) * 2)


@numba.njit(error_model="numpy")
def _apart(memory, out, first):  # type: ignore[no-untyped-def]
    to = slices(out, out)
    for i in range(memory.shape[0]):
        store_apart(to, i, memory.shape[0], load(memory, i) + lane_numbers(memory, first))


@pytest.mark.parametrize("count", COUNTS)
def test_keys_are_sorted_lane_by_lane_and_others_stay_untouched(count: int) -> None:
    room = sort_room(count)
    keys = pack_array(room + 4, np.uint32, 16)
    view = lane_view(keys)
    view[:] = 7
    view[2 : 2 + count] = np.random.default_rng(count).integers(0, 2**32, (count, 16))
    wanted = np.sort(view[2 : 2 + count], axis=0)
    _sort(keys, 2, count, room)
    assert np.array_equal(view[2 : 2 + count], wanted)
    assert np.all(view[:2] == 7) and np.all(view[2 + room :] == 7)


@pytest.mark.parametrize("count", [2, 4, 8, 16])
def test_a_network_that_sorts_all_zeros_and_ones_sorts_all_keys(count: int) -> None:
    """The zero-one principle (Knuth, The Art of Computer Programming 3, 5.3.4)."""
    keys = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    for i, j in batcher(count):
        keys[:, i], keys[:, j] = np.minimum(keys[:, i], keys[:, j]), np.maximum(keys[:, i], keys[:, j])
    assert np.all(np.diff(keys) >= 0)
    assert len(batcher(count)) == {2: 1, 4: 5, 8: 19, 16: 63}[count]
    keys = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    for i, j in batcher(count)[1:]:
        keys[:, i], keys[:, j] = np.minimum(keys[:, i], keys[:, j]), np.maximum(keys[:, i], keys[:, j])
    assert np.any(np.diff(keys) < 0), "an exchange too few is seen"


def test_a_merge_has_the_exchanges_of_a_bitonic_merge() -> None:
    for count in (2, 4, 8, 16):
        stages = count.bit_length() - 1
        assert len(merger(count)) == len(cleaner(count)) == stages * count // 2


@pytest.mark.parametrize("lanes", [4, 8, 16, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_lane_gets_the_columns_of_its_row(dtype: Any, lanes: int) -> None:
    random, columns, start = np.random.default_rng(lanes), 16 // np.dtype(dtype).itemsize, 3
    rows = pack_array(10 * columns, dtype, lanes)
    values = lane_view(rows).reshape(-1, columns)
    values[:] = random.normal(size=values.shape)
    keys = pack_array(2, np.uint32, lanes)
    lane_view(keys)[:] = random.integers(0, len(values) - start, (2, lanes))
    for count in (1, columns - 1, columns, columns + 5):
        memory = pack_array(3 * columns + 2, dtype, lanes)
        assert _gather(memory, 1, 3, count, rows, start, keys, 1) == columns
        wanted = np.zeros_like(lane_view(memory))
        for c in range(min(count, columns)):
            wanted[1 + 3 * c] = values[start + lane_view(keys)[1], c]
        assert np.array_equal(lane_view(memory), wanted)


@pytest.mark.parametrize("lanes", [2, 4, 16, 64])
@pytest.mark.parametrize("dtype", [np.uint32, np.float32, np.float64])
def test_slices_are_the_packs_in_pieces(dtype: Any, lanes: int) -> None:
    memory = pack_array(3, dtype, lanes)
    lane_view(memory)[:] = np.arange(3 * lanes).reshape(3, lanes)
    _double_slices(memory)
    assert np.array_equal(lane_view(memory).ravel(), 2 * np.arange(3 * lanes))


@pytest.mark.parametrize("lanes", [4, 64])
def test_slices_are_stored_apart(lanes: int) -> None:
    memory, out = pack_array(3, np.uint32, lanes), pack_array(3, np.uint32, lanes)
    lane_view(memory)[:] = 1000 * np.arange(3)[:, None]
    _apart(memory, out, 5)
    pieces = lane_view(out).reshape(-1, 3, min(lanes, jit.register_bytes() // 4))
    assert np.array_equal(np.concatenate(list(pieces), axis=1), 1000 * np.arange(3)[:, None] + 5 + np.arange(lanes))
