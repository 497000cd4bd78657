"""Training steps on batches: gradients and the optimizer's update; `training.fused` has those on single samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import apply_update, loss_gradient
from mcstudy.kernels.pack import advance, fma, item, load, store, tiny, where
from mcstudy.training.adjust import adjust_gradients
from mcstudy.training.data import locate
from mcstudy.training.network import (
    add_gradients,
    add_trained_gradient,
    fill_slopes,
    forward,
    through_activation,
    through_weights,
)
from mcstudy.training.unrolled import batch_gradients

# A literal True would make a variant of `sum_gradients`.
UPDATE = np.bool_(True)


@jit.scalar
def decay_biases(memory: Any, layer: Any, rate: Any) -> None:
    """The update b ← b − rate · b of a layer's biases, which forgets their gradient, and leaves tiny ones as they are.

    Else they would soon be subnormal, which takes Intel's processors a hundred times as long; and they would not reach
    zero by it, for rounding stops them there.
    """
    for j in range(layer.biases, layer.biases + layer.outputs):
        b = load(memory, j)
        store(memory, j, where(tiny(b), b, fma(b, -rate, b)))


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
        decay_biases(memory, layer, item(hyper, 0))
        if layer.trained >= 0:
            p = layer.trained
            apply_update(cell.optimizer, (memory, hyper, step + 1, p, p + g, p + s, cell.count, 1))


@jit.scalar
def _output_errors(memory: Any, head: Any, cell: Any, y: Any, columns: Any, scale: Any, tile: Any) -> None:
    """Put `scale` · dLoss/dz of a tile in the output layer's `delta`."""
    outputs, delta = head.outputs, head.delta
    fill_slopes(memory, head, tile)
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
