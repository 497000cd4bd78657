"""Samples: drawn, put in order, and handed to a network tile by tile.

A set of samples lies in a pack array column by column: all values of the first input side by side, and so on, then the
targets. A tile is a stretch of such columns, so most sets need no copy. Samples that are the same for every trial (a
table, evaluation points) are scalars, likewise by columns; small tables are repeated over the lanes once, others on
their way into a tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import fill_targets
from mcstudy.kernels.gather import columns_of_rows, gather_rows
from mcstudy.kernels.layout import NORMAL, TRIAL
from mcstudy.kernels.pack import advance, filled, fma, get, item, lane_count, load, put, store
from mcstudy.kernels.slices import lane_numbers, slice_count, slices, store_apart
from mcstudy.kernels.sorting import sort
from mcstudy.kernels.streams import NOISE, ORDER, fill_normal, fill_uniform, words


@jit.scalar
def put_trial(integers: Any, lane: Any, trial: Any) -> None:
    """Give a lane the number of its trial."""
    put(integers, 0, lane, np.uint32(trial & 0xFFFFFFFF))
    put(integers, 1, lane, np.uint32(trial >> 32))


@jit.scalar
def put_trials(integers: Any, trials: Any, first: Any) -> None:
    """Give each lane its trial of an array of numbers, from position `first` on; those after the last the last one."""
    for lane in range(lane_count(integers)):
        put_trial(integers, lane, trials[min(first + lane, trials.shape[0] - 1)])


@jit.routine
def draw_samples(
    memory: Any,
    group: Any,
    numbers: Any,
    inputs_at: Any,
    targets_at: Any,
    first: Any,
    samples: Any,
    stream: Any,
    trials: Any,
) -> None:
    """Draw the samples numbered `first` … of a stream and compute their targets."""
    width, row = group.inputs, group.size
    drawn = group.staging if width > 1 else inputs_at
    start, end = first * width, (first + samples) * width
    if group.distribution == NORMAL:
        fill_normal(memory, drawn, start, end, group.seed, stream, trials)
        mean, sd = group.input_a, group.input_b
    else:
        fill_uniform(memory, drawn, start, end, group.seed, stream, trials)
        mean, sd = group.input_a, group.input_b - group.input_a
    if width > 1 or mean != 0.0 or sd != 1.0:
        for k in range(width):
            for s in range(samples):
                value = fma(load(memory, drawn + s * width + k), sd, filled(memory, mean))
                store(memory, inputs_at + k * row + s, value)
    compute_targets(memory, group, numbers, inputs_at, targets_at, row, samples)


@jit.scalar
def compute_targets(
    memory: Any, group: Any, numbers: Any, inputs_at: Any, targets_at: Any, row: Any, samples: Any
) -> None:
    """Compute the targets of samples whose columns are `row` packs apart."""
    constants = advance(numbers, group.constants)
    sizes = group.inputs, group.outputs
    fill_targets(
        group.task, (memory, inputs_at, targets_at, row, samples, sizes[0], sizes[1], constants, group.scratch)
    )


@jit.routine
def add_noise(memory: Any, group: Any, targets_at: Any, first: Any, samples: Any, scratch: Any, trials: Any) -> None:
    """Add noise to the targets of the samples numbered `first` …, whose columns are a ring's length apart.

    Number o of sample n is number n · outputs + o of its stream. `scratch` is the address of as many packs as there are
    targets.
    """
    width, row = group.outputs, group.size
    fill_normal(memory, scratch, first * width, (first + samples) * width, group.seed, NOISE, trials)
    for k in range(width):
        for s in range(samples):
            at = targets_at + k * row + s
            store(memory, at, fma(load(memory, scratch + s * width + k), group.noise, load(memory, at)))


@jit.routine
def draw_order(keys: Any, group: Any, number: Any, trials: Any) -> Any:
    """Draw each trial's order for pass `number`: after it, low bits of the sort keys are sample numbers.

    The order is that of random words whose low bits are replaced by the sample's number, so it is
    ``argsort(words >> bits, kind="stable")`` in NumPy's terms. Returns (mask of the low bits, place of the first key,
    room): the keys are slices, `room` of them for the first slice of lanes, then as many for the next.
    """
    size = group.size
    sliced, parts = slices(keys, keys), slice_count(keys)
    at = group.keys * parts
    mask = 1
    while mask < size:
        mask *= 2
    mask -= 1
    room = max(mask + 1, 4)
    first = number * size
    for block in range(first // 4, (first + size + 3) // 4):
        w0, w1, w2, w3 = words(group.seed, ORDER, trials, block)
        for j in range(4):
            i = 4 * block + j - first
            if 0 <= i < size:
                word = w0 if j == 0 else w1 if j == 1 else w2 if j == 2 else w3
                store_apart(sliced, at + i, room, (word & (0xFFFFFFFF ^ mask)) | i)
    for part in range(parts):
        sort(sliced, at + part * room, size, room)
    return mask, at, room


@jit.scalar
def _make_rows(memory: Any, group: Any, table_inputs: Any, table_targets: Any) -> None:
    """Copy the samples that are shuffled into rows: of each trial by itself, or of the table."""
    size, inputs, step = group.size, group.inputs, group.row_step
    width, columns, lanes = inputs + group.outputs, columns_of_rows(memory), lane_count(memory)
    for first in range(0, width, columns):
        last = min(first + columns, width)
        for s in range(size):
            if group.source == TRIAL:
                for lane in range(lanes):
                    row = first * lanes * step + (lane * step + s) * columns
                    for k in range(first, last):
                        put(memory, group.rows, row + k - first, get(memory, group.base + k * size + s, lane))
            else:
                for k in range(first, last):
                    value = (
                        item(table_inputs, k * size + s) if k < inputs else item(table_targets, (k - inputs) * size + s)
                    )
                    put(memory, group.rows, first * step + s * columns + k - first, value)


@jit.routine
def shuffle(
    memory: Any, keys: Any, group: Any, number: Any, trials: Any, table_inputs: Any, table_targets: Any
) -> None:
    """Fill the ring with the samples in each trial's order of pass `number`; pass 0 comes first."""
    if number == 0:
        _make_rows(memory, group, table_inputs, table_targets)
    mask, at, room = draw_order(keys, group, number, trials)
    size, width = group.size, group.inputs + group.outputs
    columns, own = columns_of_rows(memory), group.source == TRIAL
    sets = lane_count(memory) if own else 1
    to, chosen, parts = slices(memory, memory), slices(keys, memory), slice_count(memory)
    share = parts // slice_count(keys)  # of the slices of the memory, which may have fewer lanes
    for part in range(parts):
        key = (at + part // share * room) * share + part % share
        start = lane_numbers(chosen, part * lane_count(to)) * group.row_step if own else filled(chosen, 0)
        for i in range(key, key + size * share, share):
            store(chosen, i, (load(chosen, i) & mask) + start)
        for k in range(0, width, columns):
            first = group.rows * lane_count(memory) // columns + k // columns * sets * group.row_step
            place = (group.ring + k * size) * parts + part
            for s in range(size):
                gather_rows(to, place + s * parts, size * parts, width - k, memory, first, chosen, key + s * share)


@jit.scalar
def spread(memory: Any, at: Any, table: Any, count: Any) -> None:
    """Repeat `count` scalars over the lanes."""
    for i in range(count):
        store(memory, at + i, item(table, i))


@jit.routine
def fetch(memory: Any, at: Any, table: Any, row: Any, first: Any, samples: Any, width: Any) -> None:
    """Repeat `samples` samples of a table, from number `first` on, over the lanes of a tile at `at`.

    Column k of the table begins at k · `row`.
    """
    for k in range(width):
        for s in range(samples):
            store(memory, at + k * samples + s, item(table, k * row + first + s))


@jit.scalar
def locate(memory: Any, bottom: Any, head: Any, cell: Any, source: Any, tables: Any, first: Any, tile: Any) -> Any:
    """Where a tile of samples from number `first` on lies: its inputs, its targets, the step between their columns.

    `source` is (packed, address of the inputs, address of the targets, step between their columns); samples that are
    not packed come from the two `tables` and are repeated over the lanes of the cell's own tile.
    """
    packed, inputs_at, targets_at, row = source
    x, y, columns = inputs_at + first, targets_at + first, row
    if not packed:
        x, y, columns = bottom.source, cell.targets, tile
        fetch(memory, x, tables[0], row, first, tile, bottom.inputs)
        fetch(memory, y, tables[1], row, first, tile, head.outputs)
    return x, y, columns
