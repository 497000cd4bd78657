"""Training steps of plain gradient descent on one sample each, updated on the way back; see `training.steps`."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import loss_gradient
from mcstudy.catalog.losses import LOSSES
from mcstudy.kernels.blocks import as_written, block_size, chained_fma, loads, outer_fma, stores
from mcstudy.kernels.layout import LEAKY_RELU, OTHER, RELU
from mcstudy.kernels.pack import filled, fma, item, load, store, where
from mcstudy.training.data import locate
from mcstudy.training.network import (
    BLOCK,
    fill_slopes,
    forward_sample,
    through_activation,
    through_weights,
    times_slope,
)
from mcstudy.training.products import ONE
from mcstudy.training.steps import decay_biases

MOVED_STEPS = 16
"""Steps from which on it pays to copy weights."""
_MOST_CACHED = 48 * 1024 // jit.register_bytes()
"""Most parameters, of a register each, that stay in the first-level cache."""
NONE, LEFT, PAID = np.int64(0), np.int64(1), np.int64(2)
"""What a step does about the update of moved weights: makes it, leaves it to the next step, or makes that one and its
own."""

_mse_gradient = LOSSES["mse"].gradient


@jit.scalar
def _fused_rows(memory: Any, layer: Any, below: Any, weights: Any, j: Any, rows: Any, debt: Any) -> None:
    """`_fused_layer` for units `j` to `j` + `rows`, a literal number, before the slopes of the layer below.

    `weights` is (address of the first, step from unit to unit, step from input to input). Inputs are met last to first,
    as the forward pass has left their weights in the cache.
    """
    inputs, source, delta = layer.inputs, layer.source, layer.delta + j
    p, unit, step = weights
    p += inputs * step
    rises, before = loads(memory, delta, 1, rows, 0, 1), loads(memory, delta + layer.outputs, 1, rows, 0, 1)
    for k in range(inputs - 1, -1, -1):
        as_written()
        p -= step
        found = loads(memory, p, unit, rows, 0, 1)
        if debt == PAID:
            found = outer_fma(before, load(memory, source + inputs + k), found)
        total = filled(memory, 0.0) if j == 0 else load(memory, below + k)
        store(memory, below + k, chained_fma(found, rises, total))
        if debt != LEFT:
            stores(memory, p, unit, rows, 0, 1, outer_fma(rises, load(memory, source + k), found))


@jit.scalar
def _fused_columns(memory: Any, layer: Any, lower: Any, k: Any, columns: Any) -> None:
    """`_fused_layer` for inputs `k` to `k` + `columns`, a literal number."""
    inputs, outputs, source, delta = layer.inputs, layer.outputs, layer.source, layer.delta
    h, sums = loads(memory, source + k, 0, 1, 1, columns), loads(memory, layer.zero, 0, 1, 0, columns)
    at = layer.weights + k
    for j in range(delta, delta + outputs):
        d, weights = load(memory, j), loads(memory, at, 0, 1, 1, columns)
        sums = outer_fma(weights, d, sums)
        stores(memory, at, 0, 1, 1, columns, outer_fma(d, h, weights))
        at += inputs
    stores(memory, lower.delta + k, 0, 1, 1, columns, sums)
    _bend(memory, lower, source, k, columns)


@jit.scalar
def _bend(memory: Any, lower: Any, source: Any, k: Any, columns: Any) -> None:
    """Turn dLoss/df(z) of units `k` to `k` + `columns` of a layer, in its `delta`, into dLoss/dz."""
    below, slope, kind, bend = lower.delta + k, lower.slope + k, lower.kind, lower.a
    if kind == RELU:
        for i in range(columns):
            store(memory, below + i, where(load(memory, source + k + i) > 0.0, load(memory, below + i), 0.0))
    elif kind == LEAKY_RELU:
        for i in range(columns):
            store(memory, below + i, times_slope(load(memory, below + i), load(memory, source + k + i), bend))
    else:
        for i in range(columns):
            store(memory, below + i, load(memory, below + i) * load(memory, slope + i))


@jit.scalar
def _fused_layer(memory: Any, layer: Any, lower: Any, shift: Any, debt: Any) -> None:
    """Pass −rate · dLoss/dz of one sample back through the weights, to the layer below, and update them on the way.

    The weights are `shift` packs from the parameters, in blocks if that is not 0, see `_move`; `debt` tells what of
    these blocks' update is made.
    """
    inputs, outputs, below = layer.inputs, layer.outputs, lower.delta
    if block_size(memory) >= BLOCK:
        j, at = 0, layer.weights + shift
        if shift != 0:
            while j + BLOCK <= outputs:
                p = at + j * inputs
                if block_size(memory) < 2 * BLOCK:
                    _fused_rows(memory, layer, below, (p, 1, BLOCK), j, 4, NONE)
                    _fused_rows(memory, layer, below, (p + 4, 1, BLOCK), j + 4, 4, NONE)
                elif debt == NONE:
                    _fused_rows(memory, layer, below, (p, 1, BLOCK), j, BLOCK, NONE)
                elif debt == LEFT:
                    _fused_rows(memory, layer, below, (p, 1, BLOCK), j, BLOCK, LEFT)
                else:
                    _fused_rows(memory, layer, below, (p, 1, BLOCK), j, BLOCK, PAID)
                j += BLOCK
        while j + 4 <= outputs:
            _fused_rows(memory, layer, below, (at + j * inputs, inputs, 1), j, 4, NONE)
            j += 4
        while j < outputs:
            _fused_rows(memory, layer, below, (at + j * inputs, inputs, 1), j, 1, NONE)
            j += 1
        _bend(memory, lower, layer.source, 0, inputs)
    else:
        k = 0
        while k + 2 <= inputs:
            _fused_columns(memory, layer, lower, k, 2)
            k += 2
        if k < inputs:
            _fused_columns(memory, layer, lower, k, 1)


@jit.scalar
def _output_delta(memory: Any, head: Any, cell: Any, y: Any, row: Any, scale: Any) -> None:
    """Put `scale` · dLoss/dz of one sample in the output layer's `delta`."""
    if cell.mse:  # cheaper than the call that other losses take
        after, slope, delta = head.after, head.slope, head.delta
        bent, bend = head.kind != OTHER, head.a
        for o in range(head.outputs):
            f = load(memory, after + o)
            rise = _mse_gradient(f, load(memory, y + o * row), 0.0) * scale
            store(memory, delta + o, times_slope(rise, f, bend) if bent else rise * load(memory, slope + o))
    else:
        fill_slopes(memory, head, ONE)
        loss_gradient(
            cell.loss_gradient,
            (memory, cell.loss_a, head.after, head.slope, y, row, head.delta, scale, head.outputs, 1),
        )


@jit.scalar
def _fused_update(memory: Any, layer: Any, source: Any, row: Any) -> None:
    inputs, outputs, delta = layer.inputs, layer.outputs, layer.delta
    for k in range(0, inputs - 1, 2):
        h0, h1 = load(memory, source + k * row), load(memory, source + (k + 1) * row)
        at = layer.weights + k
        for j in range(delta, delta + outputs):
            d = load(memory, j)
            store(memory, at, fma(d, h0, load(memory, at)))
            store(memory, at + 1, fma(d, h1, load(memory, at + 1)))
            at += inputs
    if inputs % 2 == 1:
        h0 = load(memory, source + (inputs - 1) * row)
        at = layer.weights + inputs - 1
        for j in range(delta, delta + outputs):
            store(memory, at, fma(load(memory, j), h0, load(memory, at)))
            at += inputs


@jit.scalar
def _move(memory: Any, layers: Any, first: Any, last: Any, shift: Any, back: Any) -> None:
    """Copy the weights of layers `first` … `last` - 1 `shift` packs on, or back from there.

    There, the weights of eight units lie side by side, input by input; those of the last few as they do before.
    """
    for i in range(first, last):
        layer = item(layers, i)
        inputs, left = layer.inputs, layer.outputs
        p, q = layer.weights, layer.weights + shift
        while left >= BLOCK:
            for k in range(inputs):
                if back:
                    stores(memory, p + k, inputs, BLOCK, 0, 1, loads(memory, q + k * BLOCK, 1, BLOCK, 0, 1))
                else:
                    stores(memory, q + k * BLOCK, 1, BLOCK, 0, 1, loads(memory, p + k, inputs, BLOCK, 0, 1))
            p, q, left = p + BLOCK * inputs, q + BLOCK * inputs, left - BLOCK
        for k in range(left * inputs):
            if back:
                store(memory, p + k, load(memory, q + k))
            else:
                store(memory, q + k, load(memory, p + k))


@jit.scalar
def _put_aside(memory: Any, layer: Any) -> None:
    """Keep the errors and the inputs that a layer's update is made of: where a tile has those of its second sample."""
    for j in range(layer.delta, layer.delta + layer.outputs):
        store(memory, j + layer.outputs, load(memory, j))
    for k in range(layer.source, layer.source + layer.inputs):
        store(memory, k + layer.inputs, load(memory, k))


@jit.routine
def fused_steps(memory: Any, layers: Any, cell: Any, samples: Any, tables: Any, count: Any) -> None:
    """`count` steps of plain SGD on one sample each.

    The errors carry −rate, so weights change as they are met, by one multiply-add. `samples` is that of `batch_step`,
    its last entry the number of samples of a pass. For many steps, weights lie where the gradients of batches would be,
    in the order in which they are met: wide networks are bound by what the second-level cache gives, which is most
    where addresses follow each other. What takes longest there is to put changed weights back, three times as long as
    to read them; so every other step puts none back. The step after it knows that update by the errors and the inputs
    it was made of, and makes it in registers, once in each pass, by the same multiply-adds.
    """
    position, size = samples[4], samples[5]
    first, last = cell.first_layer, cell.first_layer + cell.layers
    rate = cell.hyper[0]
    shift = np.int64(0)
    if block_size(memory) >= BLOCK and count >= MOVED_STEPS and not cell.after_update:
        shift = cell.gradients - cell.parameters
        _move(memory, layers, first + 1, last, shift, False)
    owing = block_size(memory) >= 2 * BLOCK and shift != 0 and cell.count > _MOST_CACHED
    debt = NONE
    for number in range(count):
        if owing:
            debt = PAID if debt == LEFT else LEFT if number + 1 < count else NONE
        bottom, head = item(layers, first), item(layers, last - 1)
        x, y, columns = locate(memory, bottom, head, cell, samples[:4], tables, position, ONE)
        forward_sample(memory, layers, first, last, x, columns, shift, debt == PAID)
        _output_delta(memory, head, cell, y, columns, -rate / cell.loss_terms)
        for i in range(last - 1, first - 1, -1):
            layer = item(layers, i)
            if i == first:
                _fused_update(memory, layer, x, columns)
            elif cell.after_update:
                _fused_update(memory, layer, layer.source, 1)
                through_weights(memory, layers, i, ONE)
                fill_slopes(memory, item(layers, i - 1), ONE)
                through_activation(memory, layers, i - 1, 1)
            else:
                _fused_layer(memory, layer, item(layers, i - 1), shift, debt)
                if debt == LEFT:
                    _put_aside(memory, layer)
            biases, delta = layer.biases, layer.delta
            if biases >= 0:
                if cell.bias_decay:
                    decay_biases(memory, layer, rate)
                else:
                    for j in range(layer.outputs):
                        store(memory, biases + j, load(memory, biases + j) + load(memory, delta + j))
        position += 1
        if position == size:
            position = 0
    if shift != 0:
        _move(memory, layers, first + 1, last, shift, True)
