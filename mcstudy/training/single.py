"""One trial looked at by itself: which of its units are active, and the samples and orders that it trains on.

Every lane of a pack holds the same trial here; where a trial is seen at many checks, each lane is another check.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.layout import FRESH
from mcstudy.kernels.pack import filled, get, item, lane_count, load, pointer, put, store, where
from mcstudy.kernels.slices import slices
from mcstudy.kernels.streams import DATA
from mcstudy.training.data import add_noise, draw_order, draw_samples, put_trial
from mcstudy.training.evaluation import draw_points, tile_forward
from mcstudy.training.initial import fix_weights
from mcstudy.training.network import fill_slopes

# A literal 0 would make a variant of each function that takes it.
_FIRST = np.int64(0)


@jit.scalar
def _set_trial(integers: Any, trial: Any) -> None:
    for lane in range(lane_count(integers)):
        put_trial(integers, lane, trial)


@jit.entry
def measure_activity(
    packs: Any,
    integer_packs: Any,
    groups: Any,
    cell_table: Any,
    layer_table: Any,
    number_table: Any,
    evaluation_points: Any,
    trial: Any,
    parameters: Any,
    scratch: Any,
    active: Any,
) -> None:
    """Count the evaluation points at which the derivative of each unit of a group's first cell is not zero.

    Args:
        packs, integer_packs, groups, cell_table, layer_table, number_table, evaluation_points, scratch: as
            `mcstudy.training.loop.train` takes them.
        trial: its number.
        parameters: (checks, parameters) of the cell's network.
        active: (checks, units) int64, filled here; the units layer by layer.
    """
    memory, integers = pointer(packs), pointer(integer_packs)
    layers, numbers, group = pointer(layer_table), pointer(number_table), groups[0]
    cell = item(pointer(cell_table), _FIRST)
    points = (pointer(evaluation_points[0]), pointer(evaluation_points[1]))
    _set_trial(integers, trial)
    samples = draw_points(memory, integers, group, numbers, evaluation_points)
    number = samples[4]
    fix_weights(memory, layers, cell)
    checks, units = active.shape
    for first in range(0, checks, lane_count(memory)):
        for lane in range(lane_count(memory)):
            check = min(first + lane, checks - 1)
            for i in range(cell.count):
                put(memory, cell.parameters + i, lane, parameters[check, i])
        for j in range(units):
            store(memory, scratch + j, 0.0)
        done = np.int64(0)
        while done < number:
            tile = min(cell.tile, number - done)
            tile_forward(memory, layers, cell, samples, points, done, tile)
            at = scratch
            for i in range(cell.first_layer, cell.first_layer + cell.layers):
                layer = item(layers, i)
                fill_slopes(memory, layer, tile)
                for j in range(layer.outputs):
                    total = load(memory, at)
                    for s in range(layer.slope + j * tile, layer.slope + (j + 1) * tile):
                        total += where(load(memory, s) == 0.0, filled(total, 0.0), 1.0)
                    store(memory, at, total)
                    at += 1
            done += tile
        for lane in range(min(lane_count(memory), checks - first)):
            for j in range(units):
                active[first + lane, j] = np.int64(get(memory, scratch + j, lane))


@jit.entry
def draw_trial(
    packs: Any,
    integer_packs: Any,
    groups: Any,
    number_table: Any,
    trial: Any,
    first: Any,
    scratch: Any,
    noisy: Any,
    inputs: Any,
    targets: Any,
) -> None:
    """Draw the samples of a trial from number `first` on, as many as `inputs` (inputs, samples) has columns.

    `targets` (outputs, samples) are as training sees them where `noisy`, else as the task has them.
    """
    memory, integers, group = pointer(packs), pointer(integer_packs), groups[0]
    _set_trial(integers, trial)
    samples = inputs.shape[1]
    at = group.ring if group.source == FRESH else group.base
    targets_at = at + group.size * group.inputs
    draw_samples(memory, group, pointer(number_table), at, targets_at, first, samples, DATA, integers)
    if noisy and group.noise > 0.0:
        add_noise(memory, group, targets_at, first, samples, scratch, integers)
    for s in range(samples):
        for k in range(group.inputs):
            inputs[k, s] = get(memory, at + k * group.size + s, 0)
        for k in range(group.outputs):
            targets[k, s] = get(memory, targets_at + k * group.size + s, 0)


@jit.entry
def draw_orders(integer_packs: Any, groups: Any, trial: Any, orders: Any) -> None:
    """Draw the orders of a trial's first passes: `orders` (passes, samples) int64 is filled with sample numbers."""
    keys, group = pointer(integer_packs), groups[0]
    _set_trial(keys, trial)
    sliced = slices(keys, keys)
    for number in range(orders.shape[0]):
        mask, at, _ = draw_order(keys, group, number, keys)
        for s in range(orders.shape[1]):
            orders[number, s] = np.int64(get(sliced, at + s, 0)) & mask
