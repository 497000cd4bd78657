"""Training steps: gradients over a batch and the optimizer's update, or both at once for one sample and plain SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import apply_update, loss_gradient
from mcstudy.kernels.pack import filled, fma, item, load, store
from mcstudy.training.data import fetch, fetch_sample
from mcstudy.training.network import (
    add_gradients,
    forward,
    forward_sample,
    through_activation,
    through_weights,
)


@jit.scalar
def _hyper(cell: Any) -> Any:
    h = cell.hyper
    return h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]


@jit.scalar
def _decay_biases(memory: Any, layer: Any, rate: Any) -> None:
    for j in range(layer.biases, layer.biases + layer.outputs):
        b = load(memory, j)
        store(memory, j, fma(b, -rate, b))


@jit.routine
def _update_layer(memory: Any, layers: Any, i: Any, cell: Any, hyper: Any, step: Any) -> None:
    """Update the parameters of one layer by the gradients of the batch."""
    layer = item(layers, i)
    count = layer.inputs * layer.outputs
    if layer.biases >= 0 and not cell.bias_decay:
        count += layer.outputs
    offset = layer.weights - cell.parameters
    apply_update(
        cell.optimizer,
        (memory, hyper, step + 1, layer.weights, cell.gradients + offset, cell.slots + offset, cell.count, count),
    )
    if layer.biases >= 0 and cell.bias_decay:
        _decay_biases(memory, layer, hyper[0])


@jit.routine
def batch_step(
    memory: Any, layers: Any, cell: Any, samples: Any, table_inputs: Any, table_targets: Any, step: Any
) -> None:
    """One step on a batch: mean gradient over its samples in ascending order, then the update.

    `samples` is (packed, address of the inputs, address of the targets, first sample, number of samples).
    """
    packed, inputs_at, targets_at, position, batch = samples
    first, last = cell.first_layer, cell.first_layer + cell.layers
    head = item(layers, last - 1)
    width, outputs = item(layers, first).inputs, head.outputs
    scale = 1.0 / (batch * outputs)
    shift = cell.gradients - cell.parameters
    hyper = _hyper(cell)
    for i in range(cell.gradients, cell.gradients + cell.count):
        store(memory, i, 0.0)
    done = np.int64(0)
    while done < batch:
        tile = min(cell.tile, batch - done)
        fetch(memory, item(layers, first).source, packed, inputs_at, table_inputs, position + done, tile, width)
        fetch(memory, cell.targets, packed, targets_at, table_targets, position + done, tile, outputs)
        forward(memory, layers, first, last, tile)
        loss_gradient(cell.loss, (memory, cell.loss_a, head.after, cell.targets, head.delta, scale, outputs * tile))
        through_activation(memory, layers, last - 1, tile)
        for i in range(last - 1, first - 1, -1):
            add_gradients(memory, layers, i, tile, shift)
            if cell.after_update:  # the tile is the whole batch then
                _update_layer(memory, layers, i, cell, hyper, step)
            if i > first:
                through_weights(memory, layers, i, tile)
                through_activation(memory, layers, i - 1, tile)
        done += tile
    if not cell.after_update:
        if cell.bias_decay:
            for i in range(first, last):
                _update_layer(memory, layers, i, cell, hyper, step)
        else:
            apply_update(
                cell.optimizer,
                (memory, hyper, step + 1, cell.parameters, cell.gradients, cell.slots, cell.count, cell.count),
            )


@jit.scalar
def _fused_layer(memory: Any, layer: Any, below: Any, slope: Any) -> None:
    """Pass rate · dLoss/dz of one sample back through the weights, to `below`, and update them on the way."""
    inputs, outputs, source, delta = layer.inputs, layer.outputs, layer.source, layer.delta
    for k in range(0, inputs - 1, 2):
        h0, h1 = -load(memory, source + k), -load(memory, source + k + 1)
        s0, s1 = filled(memory, 0.0), filled(memory, 0.0)
        at = layer.weights + k
        for j in range(delta, delta + outputs):
            d = load(memory, j)
            w0, w1 = load(memory, at), load(memory, at + 1)
            s0, s1 = fma(w0, d, s0), fma(w1, d, s1)
            store(memory, at, fma(d, h0, w0))
            store(memory, at + 1, fma(d, h1, w1))
            at += inputs
        store(memory, below + k, s0 * load(memory, slope + k))
        store(memory, below + k + 1, s1 * load(memory, slope + k + 1))
    if inputs % 2 == 1:
        k = inputs - 1
        h0 = -load(memory, source + k)
        s0 = filled(memory, 0.0)
        at = layer.weights + k
        for j in range(delta, delta + outputs):
            d, w0 = load(memory, j), load(memory, at)
            s0 = fma(w0, d, s0)
            store(memory, at, fma(d, h0, w0))
            at += inputs
        store(memory, below + k, s0 * load(memory, slope + k))


@jit.scalar
def _fused_update(memory: Any, layer: Any) -> None:
    at, inputs, source = layer.weights, layer.inputs, layer.source
    for j in range(layer.delta, layer.delta + layer.outputs):
        d = -load(memory, j)
        for k in range(source, source + inputs):
            store(memory, at, fma(d, load(memory, k), load(memory, at)))
            at += 1


@jit.routine
def fused_step(memory: Any, layers: Any, cell: Any, samples: Any, table_inputs: Any, table_targets: Any) -> None:
    """One step of plain SGD on one sample; the errors carry the learning rate, so weights change as they are met."""
    packed, inputs_at, targets_at, position, _ = samples
    first, last = cell.first_layer, cell.first_layer + cell.layers
    bottom, head = item(layers, first), item(layers, last - 1)
    rate = cell.hyper[0]
    fetch_sample(memory, bottom.source, packed, inputs_at, table_inputs, position, bottom.inputs)
    fetch_sample(memory, cell.targets, packed, targets_at, table_targets, position, head.outputs)
    forward_sample(memory, layers, first, last)
    outputs = head.outputs
    loss_gradient(
        cell.loss, (memory, cell.loss_a, head.after, cell.targets, head.delta, rate / outputs, outputs)
    )
    through_activation(memory, layers, last - 1, 1)
    for i in range(last - 1, first - 1, -1):
        layer = item(layers, i)
        if i == first:
            _fused_update(memory, layer)
        elif cell.after_update:
            _fused_update(memory, layer)
            through_weights(memory, layers, i, 1)
            through_activation(memory, layers, i - 1, 1)
        else:
            lower = item(layers, i - 1)
            _fused_layer(memory, layer, lower.delta, lower.slope)
        if layer.biases >= 0:
            if cell.bias_decay:
                _decay_biases(memory, layer, rate)
            else:
                for j in range(layer.outputs):
                    store(memory, layer.biases + j, load(memory, layer.biases + j) - load(memory, layer.delta + j))
