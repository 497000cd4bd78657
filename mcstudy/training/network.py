"""Dense networks on packs: sums of products, forward and backward passes over a tile of samples.

A tile is a few samples that pass through the network together. Values of a layer lie unit by unit, the samples of a
unit side by side. Every sum runs in one fixed order that no blocking changes: over inputs (forward), units
(backward) or samples (gradients) in ascending order, starting from the bias, zero, or the gradient so far.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.dispatch import activate
from mcstudy.kernels.layout import LEAKY_RELU, OTHER, RELU
from mcstudy.kernels.pack import filled, fma, item, load, store, where
from mcstudy.kernels.streams import DROPOUT, SLOPES, fill_units

# A literal 1 would make a variant of `multiply_add` for this one caller.
ONE = np.int64(1)
_relu_part, _leaky_part = ACTIVATIONS["relu"].function, ACTIVATIONS["leaky_relu"].function


@jit.routine
def multiply_add(memory: Any, out: Any, start: Any, left: Any, right: Any, rows: Any, columns: Any, inner: Any) -> None:
    """``out[r, c] = start[r, c] + sum over i of left[r, i] * right[i, c]``, in ascending order of i.

    Each matrix is a triple: address of its first pack, step from row to row, step from column to column. Blocks of two
    by two, or of four columns of a last row, hide the latency of the multiply-adds.
    """
    out_at, out_row, out_column = out
    start_at, start_row, start_column = start
    left_at, left_row, left_step = left
    right_at, right_step, right_column = right
    row = 0
    while columns > 1 and row + 2 <= rows:
        for column in range(0, columns - 1, 2):
            s = start_at + row * start_row + column * start_column
            s00, s01 = load(memory, s), load(memory, s + start_column)
            s10, s11 = load(memory, s + start_row), load(memory, s + start_row + start_column)
            p, q = left_at + row * left_row, right_at + column * right_column
            for _ in range(inner):
                x0, x1 = load(memory, q), load(memory, q + right_column)
                w0, w1 = load(memory, p), load(memory, p + left_row)
                s00, s01 = fma(w0, x0, s00), fma(w0, x1, s01)
                s10, s11 = fma(w1, x0, s10), fma(w1, x1, s11)
                p, q = p + left_step, q + right_step
            o = out_at + row * out_row + column * out_column
            store(memory, o, s00)
            store(memory, o + out_column, s01)
            store(memory, o + out_row, s10)
            store(memory, o + out_row + out_column, s11)
        row += 2
    # What the blocks left: the last rows, and the last column of an odd number of them beside the blocks.
    for r in range(rows):
        column = columns - columns % 2 if r < row else 0
        while column + 4 <= columns:
            s = start_at + r * start_row + column * start_column
            s0, s1 = load(memory, s), load(memory, s + start_column)
            s2, s3 = load(memory, s + 2 * start_column), load(memory, s + 3 * start_column)
            p, q = left_at + r * left_row, right_at + column * right_column
            for _ in range(inner):
                w = load(memory, p)
                s0, s1 = fma(w, load(memory, q), s0), fma(w, load(memory, q + right_column), s1)
                s2 = fma(w, load(memory, q + 2 * right_column), s2)
                s3 = fma(w, load(memory, q + 3 * right_column), s3)
                p, q = p + left_step, q + right_step
            o = out_at + r * out_row + column * out_column
            store(memory, o, s0)
            store(memory, o + out_column, s1)
            store(memory, o + 2 * out_column, s2)
            store(memory, o + 3 * out_column, s3)
            column += 4
        while column < columns:
            s0 = load(memory, start_at + r * start_row + column * start_column)
            p, q = left_at + r * left_row, right_at + column * right_column
            for _ in range(inner):
                s0 = fma(load(memory, p), load(memory, q), s0)
                p, q = p + left_step, q + right_step
            store(memory, out_at + r * out_row + column * out_column, s0)
            column += 1


@jit.routine
def _random_units(memory: Any, layer: Any, samples: Any, noise: Any) -> None:
    """The activation of a layer that draws numbers in training: random slopes, units left out."""
    seed, trials, sample = noise
    a, b, slope, after, extra, units = layer.a, layer.b, layer.slope, layer.after, layer.extra, layer.outputs
    uniforms = layer.delta  # free until the backward pass
    count = units * samples
    if layer.random != 0:
        fill_units(memory, uniforms, units, samples, sample, layer.number, seed, SLOPES, trials)
        activate(layer.random, (memory, a, b, layer.trained, slope, after, uniforms, count))
    else:
        activate(layer.activation, (memory, a, b, layer.trained, slope, after, extra, count))
    if layer.dropout > 0.0:
        scale = 1.0 / (1.0 - layer.dropout)
        fill_units(memory, uniforms, units, samples, sample, layer.number, seed, DROPOUT, trials)
        for i in range(count):
            u = load(memory, uniforms + i)
            factor = where(u < layer.dropout, filled(u, 0.0), scale)
            store(memory, after + i, load(memory, after + i) * factor)
            store(memory, slope + i, load(memory, slope + i) * factor)
            if layer.trained >= 0:
                store(memory, extra + i, load(memory, extra + i) * factor)


@jit.scalar
def forward(
    memory: Any, layers: Any, first: Any, last: Any, samples: Any, inputs_at: Any, inputs_row: Any, noise: Any
) -> None:
    """Pass a tile of `samples` samples through layers `first` … `last` - 1; input k lies at `inputs_at` + k · row.

    `noise` is (seed, trial numbers, number of the tile's first sample in training), that number below 0 where units
    neither are left out nor have random slopes.
    """
    for i in range(first, last):
        layer = item(layers, i)
        inputs, outputs = layer.inputs, layer.outputs
        source, row = layer.source, samples
        if i == first:
            source, row = inputs_at, inputs_row
        multiply_add(
            memory,
            (layer.slope, samples, 1),
            (layer.start, layer.start_row, 0),
            (layer.weights, inputs, 1),
            (source, row, 1),
            outputs,
            samples,
            inputs,
        )
        if noise[2] >= 0 and (layer.random != 0 or layer.dropout > 0.0):
            _random_units(memory, layer, samples, noise)
        else:
            count = outputs * samples
            sums, after, extra = layer.slope, layer.after, layer.extra
            activate(layer.activation, (memory, layer.a, layer.b, layer.trained, sums, after, extra, count))


@jit.routine
def add_trained_gradient(memory: Any, layer: Any, samples: Any, shift: Any, delta: Any) -> None:
    """Add the gradient of an activation's trained parameter over a tile, from dLoss/df(z) at `delta`.

    Sample by sample, in an order that does not know the size of a tile.
    """
    total = load(memory, layer.trained + shift)
    for s in range(samples):
        for i in range(s, layer.outputs * samples, samples):
            total = fma(load(memory, delta + i), load(memory, layer.extra + i), total)
    store(memory, layer.trained + shift, total)


@jit.scalar
def through_activation(memory: Any, layers: Any, i: Any, samples: Any) -> None:
    """Turn dLoss/df(z) of layer `i`, in its `delta`, into dLoss/dz."""
    layer = item(layers, i)
    delta, slope = layer.delta, layer.slope
    for j in range(layer.outputs * samples):
        store(memory, delta + j, load(memory, delta + j) * load(memory, slope + j))


@jit.scalar
def through_weights(memory: Any, layers: Any, i: Any, samples: Any) -> None:
    """Put dLoss/df(z) of layer `i - 1` in its `delta`, from dLoss/dz of layer `i`."""
    layer = item(layers, i)
    multiply_add(
        memory,
        (item(layers, i - 1).delta, samples, 1),
        (layer.zero, 0, 0),
        (layer.weights, 1, layer.inputs),
        (layer.delta, samples, 1),
        layer.inputs,
        samples,
        layer.outputs,
    )


@jit.scalar
def add_gradients(memory: Any, layers: Any, i: Any, samples: Any, shift: Any, source: Any, row: Any) -> None:
    """Add the gradients of layer `i` over a tile whose inputs are at `source`; they lie `shift` packs from the
    parameters."""
    layer = item(layers, i)
    gradients = (layer.weights + shift, layer.inputs, 1)
    multiply_add(
        memory,
        gradients,
        gradients,
        (layer.delta, samples, 1),
        (source, 1, row),
        layer.outputs,
        layer.inputs,
        samples,
    )
    if layer.biases >= 0:
        for j in range(layer.outputs):
            total = load(memory, layer.biases + shift + j)
            for s in range(samples):
                total += load(memory, layer.delta + j * samples + s)
            store(memory, layer.biases + shift + j, total)


@jit.scalar
def _relu(z: Any) -> Any:
    return _relu_part(z, 0.0, 0.0)[0]


@jit.scalar
def _leaky(z: Any, bend: Any) -> Any:
    return _leaky_part(z, bend, 0.0)[0]


@jit.scalar
def times_slope(value: Any, f: Any, bend: Any) -> Any:
    """`value` times f'(z) of a layer whose kind is not OTHER, from f(z) and the slope below zero."""
    return where(f > 0.0, value, value * bend)


@jit.scalar
def fill_slopes(memory: Any, layer: Any) -> None:
    """Store the slopes that `forward_sample` left out."""
    if layer.kind != OTHER:
        for j in range(layer.outputs):
            f = load(memory, layer.after + j)
            store(memory, layer.slope + j, times_slope(filled(f, 1.0), f, layer.a))


@jit.scalar
def forward_sample(memory: Any, layers: Any, first: Any, last: Any, inputs_at: Any, inputs_row: Any) -> None:
    """`forward` for a single sample, without a call for the sums of every layer.

    ReLUs, leaky or not, cost less than the call and the trip through memory that other activations take, so they are
    done in place and store no slopes: these can be told from f(z), see `times_slope` and `fill_slopes`.
    """
    for i in range(first, last):
        layer = item(layers, i)
        inputs, outputs = layer.inputs, layer.outputs
        p, s, step = layer.weights, layer.start, layer.start_row
        slope, after, kind, bend = layer.slope, layer.after, layer.kind, layer.a
        source, row = layer.source, 1
        if i == first:
            source, row = inputs_at, inputs_row
        j = 0
        while j + 4 <= outputs:
            s0, s1 = load(memory, s), load(memory, s + step)
            s2, s3 = load(memory, s + 2 * step), load(memory, s + 3 * step)
            q = source
            for k in range(p, p + inputs):
                x = load(memory, q)
                s0 = fma(load(memory, k), x, s0)
                s1 = fma(load(memory, k + inputs), x, s1)
                s2 = fma(load(memory, k + 2 * inputs), x, s2)
                s3 = fma(load(memory, k + 3 * inputs), x, s3)
                q += row
            out = slope
            if kind == RELU:
                s0, s1, s2, s3 = _relu(s0), _relu(s1), _relu(s2), _relu(s3)
                out = after
            elif kind == LEAKY_RELU:
                s0, s1, s2, s3 = _leaky(s0, bend), _leaky(s1, bend), _leaky(s2, bend), _leaky(s3, bend)
                out = after
            store(memory, out + j, s0)
            store(memory, out + j + 1, s1)
            store(memory, out + j + 2, s2)
            store(memory, out + j + 3, s3)
            j, p, s = j + 4, p + 4 * inputs, s + 4 * step
        while j < outputs:
            s0 = load(memory, s)
            q = source
            for k in range(p, p + inputs):
                s0 = fma(load(memory, k), load(memory, q), s0)
                q += row
            out = slope
            if kind == RELU:
                s0 = _relu(s0)
                out = after
            elif kind == LEAKY_RELU:
                s0 = _leaky(s0, bend)
                out = after
            store(memory, out + j, s0)
            j, p, s = j + 1, p + inputs, s + step
        if kind == OTHER:
            activate(layer.activation, (memory, bend, layer.b, layer.trained, slope, after, layer.extra, outputs))
