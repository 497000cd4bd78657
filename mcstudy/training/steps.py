"""Training steps: gradients over a batch and the optimizer's update, or both at once for one sample and plain SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import apply_update, loss_gradient
from mcstudy.kernels.pack import filled, fma, load, store
from mcstudy.training.data import fetch
from mcstudy.training.network import add_gradients, forward, through_activation, through_weights


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
    layer = layers[i]
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
    head = layers[last - 1]
    width, outputs = layers[first].inputs, head.outputs
    scale = 1.0 / (batch * outputs)
    shift = cell.gradients - cell.parameters
    hyper = _hyper(cell)
    for i in range(cell.gradients, cell.gradients + cell.count):
        store(memory, i, 0.0)
    done = np.int64(0)
    while done < batch:
        tile = min(cell.tile, batch - done)
        fetch(memory, layers[first].source, packed, inputs_at, table_inputs, position + done, tile, width)
        fetch(memory, cell.targets, packed, targets_at, table_targets, position + done, tile, outputs)
        forward(memory, layers, first, last, tile)
        loss_gradient(cell.loss, (memory, cell.loss_a, head.after, cell.targets, head.delta, scale, outputs * tile))
        for i in range(last - 1, first - 1, -1):
            through_activation(memory, layers, i, tile)
            add_gradients(memory, layers, i, tile, shift)
            if cell.after_update:  # the tile is the whole batch then
                _update_layer(memory, layers, i, cell, hyper, step)
            if i > first:
                through_weights(memory, layers, i, tile)
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
def _fused_layer(memory: Any, weights: Any, inputs: Any, outputs: Any, source: Any, delta: Any, below: Any) -> None:
    """Pass rate · dLoss/dz of one sample back through the weights, to `below`, and update them on the way."""
    k = 0
    while k + 2 <= inputs:
        h0, h1 = -load(memory, source + k), -load(memory, source + k + 1)
        s0, s1 = filled(memory, 0.0), filled(memory, 0.0)
        at = weights + k
        for j in range(outputs):
            d = load(memory, delta + j)
            w0, w1 = load(memory, at), load(memory, at + 1)
            s0, s1 = fma(w0, d, s0), fma(w1, d, s1)
            store(memory, at, fma(d, h0, w0))
            store(memory, at + 1, fma(d, h1, w1))
            at += inputs
        store(memory, below + k, s0)
        store(memory, below + k + 1, s1)
        k += 2
    if k < inputs:
        h0 = -load(memory, source + k)
        s0 = filled(memory, 0.0)
        at = weights + k
        for j in range(outputs):
            d, w0 = load(memory, delta + j), load(memory, at)
            s0 = fma(w0, d, s0)
            store(memory, at, fma(d, h0, w0))
            at += inputs
        store(memory, below + k, s0)


@jit.scalar
def _fused_update(memory: Any, weights: Any, inputs: Any, outputs: Any, source: Any, delta: Any) -> None:
    for j in range(outputs):
        d = -load(memory, delta + j)
        at = weights + j * inputs
        for k in range(inputs):
            store(memory, at + k, fma(d, load(memory, source + k), load(memory, at + k)))


@jit.routine
def fused_step(memory: Any, layers: Any, cell: Any, samples: Any, table_inputs: Any, table_targets: Any) -> None:
    """One step of plain SGD on one sample; the errors carry the learning rate, so weights change as they are met."""
    packed, inputs_at, targets_at, position, _ = samples
    first, last = cell.first_layer, cell.first_layer + cell.layers
    head = layers[last - 1]
    rate = cell.hyper[0]
    fetch(memory, layers[first].source, packed, inputs_at, table_inputs, position, 1, layers[first].inputs)
    fetch(memory, cell.targets, packed, targets_at, table_targets, position, 1, head.outputs)
    forward(memory, layers, first, last, 1)
    loss_gradient(
        cell.loss, (memory, cell.loss_a, head.after, cell.targets, head.delta, rate / head.outputs, head.outputs)
    )
    for i in range(last - 1, first - 1, -1):
        layer = layers[i]
        through_activation(memory, layers, i, 1)
        if i == first:
            _fused_update(memory, layer.weights, layer.inputs, layer.outputs, layer.source, layer.delta)
        elif cell.after_update:
            _fused_update(memory, layer.weights, layer.inputs, layer.outputs, layer.source, layer.delta)
            through_weights(memory, layers, i, 1)
        else:
            below = layers[i - 1].delta
            _fused_layer(memory, layer.weights, layer.inputs, layer.outputs, layer.source, layer.delta, below)
        if layer.biases >= 0:
            if cell.bias_decay:
                _decay_biases(memory, layer, rate)
            else:
                for j in range(layer.outputs):
                    store(memory, layer.biases + j, load(memory, layer.biases + j) - load(memory, layer.delta + j))
