"""Dense networks on packs: sums of products, forward and backward passes over a tile of samples.

A tile is a few samples that pass through the network together. Values of a layer lie unit by unit, the samples of a
unit side by side. Every sum runs in one fixed order that no blocking changes: over inputs (forward), units
(backward) or samples (gradients) in ascending order, starting from the bias, zero, or the gradient so far.
"""

from __future__ import annotations

from typing import Any

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.dispatch import activate
from mcstudy.kernels.blocks import as_written, block_size, each, loads, outer_fma, stores
from mcstudy.kernels.layout import LEAKY_RELU, OTHER, RELU
from mcstudy.kernels.pack import filled, fma, item, load, store, where
from mcstudy.kernels.streams import DROPOUT, SLOPES, fill_units
from mcstudy.training.products import GATED, ONE, PLAIN, RECTIFIED, ZERO, multiply_add, rectified

BLOCK = 8
"""Units of a layer whose sums for a single sample run side by side."""
_leaky_part = ACTIVATIONS["leaky_relu"].function


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
    neither are left out nor have random slopes. ReLUs store no slopes, see `fill_slopes`.
    """
    for i in range(first, last):
        layer = item(layers, i)
        inputs, outputs = layer.inputs, layer.outputs
        source, row = layer.source, samples
        if i == first:
            source, row = inputs_at, inputs_row
        rectified = layer.kind == RELU
        multiply_add(
            memory,
            (layer.after if rectified else layer.slope, samples, 1),
            (layer.start, layer.start_row, 0),
            (layer.weights, inputs, ONE),
            (source, row, 1),
            outputs,
            samples,
            inputs,
            (RECTIFIED if rectified else PLAIN, ZERO),
        )
        if rectified:
            continue
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
    """Turn dLoss/df(z) of layer `i`, in its `delta`, into dLoss/dz, which `through_weights` has done for ReLUs."""
    layer = item(layers, i)
    delta, slope = layer.delta, layer.slope
    if layer.kind != RELU:
        for j in range(layer.outputs * samples):
            store(memory, delta + j, load(memory, delta + j) * load(memory, slope + j))


@jit.scalar
def through_weights(memory: Any, layers: Any, i: Any, samples: Any) -> None:
    """Put dLoss/df(z) of layer `i - 1` in its `delta`, from dLoss/dz of layer `i`; or dLoss/dz where it has ReLUs."""
    layer, lower = item(layers, i), item(layers, i - 1)
    multiply_add(
        memory,
        (lower.delta, samples, 1),
        (layer.zero, ZERO, 0),
        (layer.weights, ONE, layer.inputs),
        (layer.delta, samples, 1),
        layer.inputs,
        samples,
        layer.outputs,
        (GATED if lower.kind == RELU else PLAIN, lower.after - lower.delta),
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
        (PLAIN, ZERO),
    )
    if layer.biases >= 0:
        for j in range(layer.outputs):
            total = load(memory, layer.biases + shift + j)
            for s in range(samples):
                total += load(memory, layer.delta + j * samples + s)
            store(memory, layer.biases + shift + j, total)


@jit.scalar
def _leaky(z: Any, bend: Any) -> Any:
    return _leaky_part(z, bend, 0.0)[0]


@jit.scalar
def times_slope(value: Any, f: Any, bend: Any) -> Any:
    """`value` times f'(z) of a layer whose kind is not OTHER, from f(z) and the slope below zero."""
    return where(f > 0.0, value, value * bend)


@jit.scalar
def fill_slopes(memory: Any, layer: Any, samples: Any) -> None:
    """Store the slopes of a tile that `forward` and `forward_sample` left out."""
    kind, bend, after, slope = layer.kind, layer.a, layer.after, layer.slope
    if kind == RELU:
        for j in range(layer.outputs * samples):
            f = load(memory, after + j)
            store(memory, slope + j, where(f <= 0.0, filled(f, 0.0), 1.0))
    elif kind == LEAKY_RELU:
        for j in range(layer.outputs * samples):
            f = load(memory, after + j)
            store(memory, slope + j, times_slope(filled(f, 1.0), f, bend))


@jit.scalar
def _sample_rows(memory: Any, layer: Any, source: Any, row: Any, weights: Any, j: Any, rows: Any, owing: Any) -> None:
    """`forward_sample` for units `j` to `j` + `rows` of a layer; `rows` is literal.

    `weights` is (address of the first, step from unit to unit, step from input to input). They lack the update of the
    step before if `owing`, see `fused.fused_steps`.
    """
    kind, bend = layer.kind, layer.a
    sums = loads(memory, layer.start + j * layer.start_row, layer.start_row, rows, 0, 1)
    before = loads(memory, layer.delta + layer.outputs + j, 1, rows, 0, 1)
    p, unit, step = weights
    q = source
    for _ in range(layer.inputs):
        as_written()
        found = loads(memory, p, unit, rows, 0, 1)
        if owing:
            found = outer_fma(before, load(memory, q + layer.inputs), found)
        sums = outer_fma(found, load(memory, q), sums)
        p, q = p + step, q + row
    out = layer.slope + j if kind == OTHER else layer.after + j
    if kind == RELU:
        sums = each(rectified, sums, sums)
    stores(memory, out, 1, rows, 0, 1, sums)
    if kind == LEAKY_RELU:
        for i in range(out, out + rows):
            store(memory, i, _leaky(load(memory, i), bend))


@jit.scalar
def forward_sample(
    memory: Any, layers: Any, first: Any, last: Any, inputs_at: Any, inputs_row: Any, shift: Any, owing: Any
) -> None:
    """`forward` for a single sample, without a call for the sums of every layer.

    ReLUs, leaky or not, cost less than the call and the trip through memory that other activations take, so they are
    done in place and store no slopes: these can be told from f(z), see `times_slope` and `fill_slopes`. Rows of weights
    are met last to first: the backward pass goes the other way, and finds in the cache what was met last. The weights
    of layers above the first are `shift` packs from the parameters, in blocks if that is not 0, see `fused._move`;
    those blocks lack the update of the step before if `owing`.
    """
    for i in range(first, last):
        layer = item(layers, i)
        outputs = layer.outputs
        source, row, moved = layer.source, ONE, shift
        if i == first:
            source, row, moved = inputs_at, inputs_row, ZERO
        at, inputs, j = layer.weights + moved, layer.inputs, outputs
        while j % 4 > 0:
            j -= 1
            _sample_rows(memory, layer, source, row, (at + j * inputs, inputs, 1), j, 1, False)
        while j % BLOCK > 0 or (j > 0 and block_size(memory) < BLOCK):
            j -= 4
            _sample_rows(memory, layer, source, row, (at + j * inputs, inputs, 1), j, 4, False)
        if block_size(memory) >= BLOCK:
            while j > 0:
                j -= BLOCK
                if moved != 0 and owing:
                    _sample_rows(memory, layer, source, row, (at + j * inputs, 1, BLOCK), j, BLOCK, True)
                elif moved != 0:
                    _sample_rows(memory, layer, source, row, (at + j * inputs, 1, BLOCK), j, BLOCK, False)
                else:
                    _sample_rows(memory, layer, source, row, (at + j * inputs, inputs, 1), j, BLOCK, False)
        if layer.kind == OTHER:
            sums, after, extra = layer.slope, layer.after, layer.extra
            activate(layer.activation, (memory, layer.a, layer.b, layer.trained, sums, after, extra, outputs))
