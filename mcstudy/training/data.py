"""Samples: drawn, put in order, and handed to a network tile by tile.

A set of samples lies in a pack array as size × inputs packs, then size × outputs packs. Samples that are the same for
every trial (a table, evaluation points) are scalars in two flat arrays instead, and are repeated over the lanes on
their way into a tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import fill_targets
from mcstudy.kernels.layout import NORMAL, TABLE
from mcstudy.kernels.pack import filled, fma, get, item, lane_count, load, put, store, where
from mcstudy.kernels.streams import ORDER, fill_normal, fill_uniform, words


@jit.routine
def draw_samples(
    memory: Any, group: Any, inputs_at: Any, targets_at: Any, first: Any, samples: Any, stream: Any, trials: Any
) -> None:
    """Draw the samples numbered `first` … of a stream and compute their targets."""
    width = group.inputs
    count = samples * width
    if group.distribution == NORMAL:
        fill_normal(memory, inputs_at, first * width, first * width + count, group.seed, stream, trials)
        mean, sd = group.input_a, group.input_b
    else:
        fill_uniform(memory, inputs_at, first * width, first * width + count, group.seed, stream, trials)
        mean, sd = group.input_a, group.input_b - group.input_a
    if mean != 0.0 or sd != 1.0:
        for i in range(inputs_at, inputs_at + count):
            store(memory, i, fma(load(memory, i), sd, filled(memory, mean)))
    fill_targets(group.task, (memory, group.task_a, inputs_at, width, targets_at, group.outputs, samples))


@jit.scalar
def _sort(keys: Any, at: Any, count: Any) -> None:
    """Sort `count` packs of unsigned integers lane by lane, ascending (Batcher's odd-even merge sort)."""
    span = 1
    while span < count:
        step = span
        while step >= 1:
            for start in range(step % span, count - step, 2 * step):
                for i in range(start, min(start + step, count - step)):
                    if (i & (2 * span - 1)) + step < 2 * span:  # both in one run of 2 · span
                        a, b = load(keys, at + i), load(keys, at + i + step)
                        store(keys, at + i, where(a < b, a, b))
                        store(keys, at + i + step, where(a < b, b, a))
            step //= 2
        span *= 2


@jit.routine
def draw_order(keys: Any, at: Any, group: Any, number: Any, trials: Any) -> Any:
    """Draw each trial's order for pass `number`: after it, the low bits of the packs at `at` … are sample numbers.

    The order is that of random words whose low bits are replaced by the sample's number, so it is
    ``argsort(words >> bits, kind="stable")`` in NumPy's terms. Returns the mask of the low bits.
    """
    size = group.size
    mask = 1
    while mask < size:
        mask *= 2
    mask -= 1
    first = number * size
    for block in range(first // 4, (first + size + 3) // 4):
        w0, w1, w2, w3 = words(group.seed, ORDER, trials, block)
        for j in range(4):
            i = 4 * block + j - first
            if 0 <= i < size:
                word = w0 if j == 0 else w1 if j == 1 else w2 if j == 2 else w3
                store(keys, at + i, (word & (0xFFFFFFFF ^ mask)) | i)
    _sort(keys, at, size)
    return mask


@jit.routine
def shuffle(
    memory: Any, keys: Any, group: Any, number: Any, trials: Any, table_inputs: Any, table_targets: Any
) -> None:
    """Fill the ring with the samples in each trial's order of pass `number`."""
    mask = draw_order(keys, group.keys, group, number, trials)
    size, width, height = group.size, group.inputs, group.outputs
    targets = group.ring + size * width
    base_targets = group.base + size * width
    for s in range(size):
        for lane in range(lane_count(memory)):
            i = np.int64(get(keys, group.keys + s, lane)) & mask
            for k in range(width):
                if group.source == TABLE:
                    put(memory, group.ring + s * width + k, lane, item(table_inputs, i * width + k))
                else:
                    put(memory, group.ring + s * width + k, lane, get(memory, group.base + i * width + k, lane))
            for k in range(height):
                if group.source == TABLE:
                    put(memory, targets + s * height + k, lane, item(table_targets, i * height + k))
                else:
                    put(memory, targets + s * height + k, lane, get(memory, base_targets + i * height + k, lane))


@jit.routine
def fetch(memory: Any, at: Any, packed: Any, address: Any, table: Any, first: Any, samples: Any, width: Any) -> None:
    """Copy `samples` samples of `width` values, from number `first` on, into a tile at `at`, unit by unit.

    They come from the packs at `address` where `packed`, else from the flat array `table`.
    """
    if packed:
        for s in range(samples):
            for k in range(width):
                store(memory, at + k * samples + s, load(memory, address + (first + s) * width + k))
    else:
        for s in range(samples):
            for k in range(width):
                store(memory, at + k * samples + s, item(table, (first + s) * width + k))


@jit.scalar
def fetch_sample(memory: Any, at: Any, packed: Any, address: Any, table: Any, number: Any, width: Any) -> None:
    """`fetch` for a single sample."""
    first = number * width
    for k in range(width):
        if packed:
            store(memory, at + k, load(memory, address + first + k))
        else:
            store(memory, at + k, item(table, first + k))
