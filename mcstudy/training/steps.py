"""Training steps: gradients over a batch and the optimizer's update, or both at once for one sample and plain SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import apply_update, loss_gradient
from mcstudy.catalog.losses import LOSSES
from mcstudy.kernels.blocks import block_size, chained_fma, loads, outer_fma, stores
from mcstudy.kernels.layout import LEAKY_RELU, OTHER, RELU
from mcstudy.kernels.pack import advance, filled, fma, item, load, store, where
from mcstudy.training.adjust import adjust_gradients
from mcstudy.training.data import locate
from mcstudy.training.network import (
    ONE,
    add_gradients,
    add_trained_gradient,
    fill_slopes,
    forward,
    forward_sample,
    through_activation,
    through_weights,
    times_slope,
)
from mcstudy.training.unrolled import batch_gradients

# A literal True would make a variant of `sum_gradients`.
UPDATE = np.bool_(True)
_mse_gradient = LOSSES["mse"].gradient


@jit.scalar
def _decay_biases(memory: Any, layer: Any, rate: Any) -> None:
    for j in range(layer.biases, layer.biases + layer.outputs):
        b = load(memory, j)
        store(memory, j, fma(b, -rate, b))


@jit.routine
def _update_layer(memory: Any, layer: Any, cell: Any, hyper: Any, step: Any) -> None:
    """Update the parameters of one layer by the gradients of the batch."""
    p, count = layer.weights, layer.inputs * layer.outputs
    decayed = layer.biases >= 0 and cell.bias_decay
    if layer.biases >= 0 and not decayed:
        count += layer.outputs
    if layer.trained >= 0 and not decayed:
        count += 1
    g, s = cell.gradients - cell.parameters, cell.slots - cell.parameters
    apply_update(cell.optimizer, (memory, hyper, step + 1, p, p + g, p + s, cell.count, count))
    if decayed:
        _decay_biases(memory, layer, item(hyper, 0))
        if layer.trained >= 0:
            p = layer.trained
            apply_update(cell.optimizer, (memory, hyper, step + 1, p, p + g, p + s, cell.count, 1))


@jit.scalar
def _output_errors(memory: Any, head: Any, cell: Any, y: Any, columns: Any, scale: Any, tile: Any) -> None:
    """Put `scale` · dLoss/dz of a tile in the output layer's `delta`."""
    outputs, delta = head.outputs, head.delta
    if head.trained >= 0:  # the same by the trained parameter first
        shift = cell.gradients - cell.parameters
        loss_gradient(
            cell.loss_gradient,
            (memory, cell.loss_a, head.after, head.extra, y, columns, delta, scale, outputs, tile),
        )
        total = load(memory, head.trained + shift)
        for s in range(tile):
            for i in range(s, outputs * tile, tile):
                total += load(memory, delta + i)
        store(memory, head.trained + shift, total)
    loss_gradient(
        cell.loss_gradient,
        (memory, cell.loss_a, head.after, head.slope, y, columns, delta, scale, outputs, tile),
    )


@jit.routine
def sum_gradients(
    memory: Any,
    layers: Any,
    cell: Any,
    samples: Any,
    tables: Any,
    hyper: Any,
    step: Any,
    noise: Any,
    update: Any,
) -> None:
    """Put the mean gradient over a batch at the cell's gradients, its samples in ascending order.

    With `update`, the layers of a cell that updates them on the way back are updated. The other arguments are those of
    `batch_step`.
    """
    position, batch = samples[4], samples[5]
    first, last = cell.first_layer, cell.first_layer + cell.layers
    bottom, head = item(layers, first), item(layers, last - 1)
    scale = 1.0 / (batch * cell.loss_terms)
    shift = cell.gradients - cell.parameters
    for i in range(cell.gradients, cell.gradients + cell.count):
        store(memory, i, 0.0)
    done = np.int64(0)
    while done < batch:
        tile = min(cell.tile, batch - done)
        x, y, columns = locate(memory, bottom, head, cell, samples[:4], tables, position + done, tile)
        forward(memory, layers, first, last, tile, x, columns, (noise[0], noise[1], noise[2] + done))
        _output_errors(memory, head, cell, y, columns, scale, tile)
        for i in range(last - 1, first - 1, -1):
            layer = item(layers, i)
            if not layer.fixed:
                if i > first:
                    add_gradients(memory, layers, i, tile, shift, layer.source, tile)
                else:
                    add_gradients(memory, layers, i, tile, shift, x, columns)
                if update and cell.after_update:  # the tile is the whole batch then
                    if cell.adjusted:
                        adjust_gradients(memory, layers, cell, i, i + 1)
                    _update_layer(memory, layer, cell, hyper, step)
            if i > first:
                through_weights(memory, layers, i, tile)
                below = item(layers, i - 1)
                if below.trained >= 0:
                    add_trained_gradient(memory, below, tile, shift, below.delta)
                through_activation(memory, layers, i - 1, tile)
        done += tile


@jit.scalar
def batch_step(
    memory: Any,
    layers: Any,
    cell: Any,
    samples: Any,
    tables: Any,
    numbers: Any,
    hyper: Any,
    step: Any,
    noise: Any,
) -> None:
    """One step on a batch: mean gradient over its samples in ascending order, then the update.

    `samples` is (packed, address of the inputs, address of the targets, step between their columns, first sample,
    number of samples); where not packed, they come from the tables. `hyper` points to the optimizer's numbers at this
    step; `noise` is that of `forward`, for the first sample.
    """
    first, last = cell.first_layer, cell.first_layer + cell.layers
    if cell.unrolled_gradients != 0:
        packed, x, y, columns, position, batch = samples
        x, y = (x + position, y + position) if packed else (position, position)
        own, scale = advance(numbers, cell.unrolled_numbers), 1.0 / (batch * cell.loss_terms)
        arguments = (own, tables[0], tables[1], cell.parameters, cell.gradients, x, y, columns, batch, scale)
        batch_gradients(cell.unrolled_gradients, (memory, *arguments))
    else:
        sum_gradients(memory, layers, cell, samples, tables, hyper, step, noise, UPDATE)
    if not cell.after_update:
        if cell.adjusted:
            adjust_gradients(memory, layers, cell, first, last)
        if cell.bias_decay:
            for i in range(first, last):
                if not item(layers, i).fixed:
                    _update_layer(memory, item(layers, i), cell, hyper, step)
        else:
            p, g, s, count = cell.parameters, cell.gradients, cell.slots, cell.count
            apply_update(cell.optimizer, (memory, hyper, step + 1, p, g, s, count, count))


@jit.scalar
def _fused_rows(memory: Any, layer: Any, below: Any, j: Any, rows: Any) -> None:
    """`_fused_layer` for units `j` to `j` + `rows`, a literal number, before the slopes of the layer below."""
    inputs, source = layer.inputs, layer.source
    at = layer.weights + j * inputs
    rises = loads(memory, layer.delta + j, 1, rows, 0, 1)
    for k in range(inputs):
        weights = loads(memory, at + k, inputs, rows, 0, 1)
        total = filled(memory, 0.0) if j == 0 else load(memory, below + k)
        store(memory, below + k, chained_fma(weights, rises, total))
        stores(memory, at + k, inputs, rows, 0, 1, outer_fma(rises, load(memory, source + k), weights))


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
def _fused_layer(memory: Any, layer: Any, lower: Any) -> None:
    """Pass −rate · dLoss/dz of one sample back through the weights, to the layer below, and update them on the way."""
    inputs, outputs = layer.inputs, layer.outputs
    if block_size(memory) >= 8:
        j = 0
        while j + 4 <= outputs:
            _fused_rows(memory, layer, lower.delta, j, 4)
            j += 4
        while j < outputs:
            _fused_rows(memory, layer, lower.delta, j, 1)
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
        fill_slopes(memory, head)
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


@jit.routine
def fused_steps(memory: Any, layers: Any, cell: Any, samples: Any, tables: Any, count: Any) -> None:
    """`count` steps of plain SGD on one sample each.

    The errors carry −rate, so weights change as they are met, by one multiply-add. `samples` is that of `batch_step`,
    its last entry the number of samples of a pass.
    """
    position, size = samples[4], samples[5]
    first, last = cell.first_layer, cell.first_layer + cell.layers
    rate = cell.hyper[0]
    for _ in range(count):
        bottom, head = item(layers, first), item(layers, last - 1)
        x, y, columns = locate(memory, bottom, head, cell, samples[:4], tables, position, ONE)
        forward_sample(memory, layers, first, last, x, columns)
        _output_delta(memory, head, cell, y, columns, -rate / cell.loss_terms)
        for i in range(last - 1, first - 1, -1):
            layer = item(layers, i)
            if i == first:
                _fused_update(memory, layer, x, columns)
            elif cell.after_update:
                _fused_update(memory, layer, layer.source, 1)
                through_weights(memory, layers, i, ONE)
                fill_slopes(memory, item(layers, i - 1))
                through_activation(memory, layers, i - 1, 1)
            else:
                _fused_layer(memory, layer, item(layers, i - 1))
            biases, delta = layer.biases, layer.delta
            if biases >= 0:
                if cell.bias_decay:
                    _decay_biases(memory, layer, rate)
                else:
                    for j in range(layer.outputs):
                        store(memory, biases + j, load(memory, biases + j) + load(memory, delta + j))
        position += 1
        if position == size:
            position = 0
