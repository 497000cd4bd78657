"""Initial parameters: one uniform number per parameter, turned into its distribution by inversion.

Parameter i of a network, counted layer by layer, weights row by row and then biases, has half i % 2 of block i // 2 of
the stream of initial weights. What initialisations draw beyond that comes from block 2^40 + i of the same stream, i
the number of the parameter that it is about.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import draw_own
from mcstudy.kernels.layout import CONSTANT, CUSTOM, FLAT, IDENTITY, ORTHOGONAL, RAI, SPARSE
from mcstudy.kernels.pack import filled, fma, get, item, lane_count, load, put, rounded_to, sqrt, store, where, widen
from mcstudy.kernels.quantile import normal_quantile
from mcstudy.kernels.streams import WEIGHTS, open_unit, words

FURTHER = 1 << 40
"""Block number of the first further draw."""


@jit.scalar
def _draw(memory: Any, at: Any, u: Any, distribution: Any) -> None:
    """Put a float64 uniform `u` as a draw of a distribution at `at`, in the precision of `memory`."""
    code, a, b, c, d = distribution
    if code == FLAT:
        store(memory, at, rounded_to(memory, fma(u, b - a, a)))
    else:
        store(memory, at, rounded_to(memory, fma(normal_quantile(fma(u, d, c)), b, a)))


@jit.routine
def draw_parameters(
    memory: Any, at: Any, count: Any, number: Any, seed: Any, trials: Any, code: Any, a: Any, b: Any, c: Any, d: Any
) -> None:
    """Draw `count` parameters, numbered from `number` in their network, at `at` … of `memory`."""
    if code == CONSTANT:
        for i in range(count):
            store(memory, at + i, a)
        return
    distribution = (code, a, b, c, d)
    for block in range(number // 2, (number + count + 1) // 2):
        w0, w1, w2, w3 = words(seed, WEIGHTS, trials, block)
        i = 2 * block - number
        if i >= 0:
            _draw(memory, at + i, open_unit(w0, w1), distribution)
        if i + 1 < count:
            _draw(memory, at + i + 1, open_unit(w2, w3), distribution)


@jit.routine
def orthonormalise(memory: Any, at: Any, rows: Any, columns: Any, gain: Any) -> None:
    """Make the columns of a matrix (its rows, where these are fewer) orthonormal, then multiply it by `gain`.

    Gram and Schmidt's method, each vector freed of the ones before it twice: once leaves errors as large as the matrix
    is ill-conditioned, twice leaves rounding (Giraud, Langou, Rozložník, van den Eshof 2005). Of standard normals it
    makes a matrix of Haar measure, for in the implied Q R the diagonal of R is positive (Mezzadri 2007).
    """
    count, length, vector, step = rows, columns, columns, 1
    if rows >= columns:
        count, length, vector, step = columns, rows, 1, columns
    end = length * step
    for k in range(count):
        own = at + k * vector
        for _ in range(2):
            for j in range(k):
                shift = (j - k) * vector
                along = filled(memory, 0.0)
                for i in range(own, own + end, step):
                    along = fma(load(memory, i), load(memory, i + shift), along)
                for i in range(own, own + end, step):
                    store(memory, i, fma(-along, load(memory, i + shift), load(memory, i)))
        square = filled(memory, 0.0)
        for i in range(own, own + end, step):
            square = fma(load(memory, i), load(memory, i), square)
        norm = sqrt(square)
        for i in range(own, own + end, step):
            store(memory, i, load(memory, i) / norm)
    for i in range(at, at + rows * columns):
        store(memory, i, load(memory, i) * gain)


@jit.scalar
def thin_out(memory: Any, layer: Any, number: Any, zeros: Any, seed: Any, trials: Any) -> None:
    """Set `zeros` weights of each column to 0, every choice of them equally likely.

    Down the column, a weight is chosen with probability (still to choose) / (still to come): Fan, Muller, Rezucha 1962,
    Knuth's algorithm S. `number` is that of the layer's first parameter.
    """
    rows, columns = layer.outputs, layer.inputs
    for column in range(columns):
        left = widen(filled(memory, zeros))
        for row in range(rows):
            i = row * columns + column
            w0, w1, _, _ = words(seed, WEIGHTS, trials, FURTHER + number + i)
            chosen = open_unit(w0, w1) * float(rows - row) < left
            left = where(chosen, left - 1.0, left)
            store(memory, layer.weights + i, where(chosen, 0.0, load(memory, layer.weights + i)))


@jit.scalar
def make_asymmetric(memory: Any, layer: Any, number: Any, seed: Any, trials: Any) -> None:
    """Replace one parameter of each row, its bias included, by a draw from Beta(2, 1), the square root of a uniform.

    `number` is that of the layer's first parameter.
    """
    inputs = layer.inputs
    biased = layer.biases >= 0
    for row in range(layer.outputs):
        w0, w1, w2, w3 = words(seed, WEIGHTS, trials, FURTHER + number + row * inputs)
        place = open_unit(w0, w1) * float(inputs + biased)
        drawn = rounded_to(memory, sqrt(open_unit(w2, w3)))
        for i in range(inputs + biased):
            at = layer.biases + row if i == inputs else layer.weights + row * inputs + i
            chosen = (place >= float(i)) & (place < float(i + 1))
            store(memory, at, where(chosen, drawn, load(memory, at)))


@jit.scalar
def _mirror(memory: Any, layer: Any) -> None:
    inputs = layer.inputs
    for row in range(1, layer.outputs, 2):
        for i in range(layer.weights + row * inputs, layer.weights + (row + 1) * inputs):
            store(memory, i, -load(memory, i - inputs))


@jit.scalar
def place_on_grid(memory: Any, at: Any, count: Any, axes: Any, row: Any, trials: Any) -> None:
    """Put each lane's `count` parameters on the grid point of its trial's number, the last parameter fastest.

    Row `row` + i of `axes` holds low, high and the number of points of parameter i.
    """
    for lane in range(lane_count(memory)):
        trial = (np.int64(get(trials, 1, lane)) << 32) | np.int64(get(trials, 0, lane))
        for i in range(count - 1, -1, -1):
            low, high, points = axes[row + i, 0], axes[row + i, 1], np.int64(axes[row + i, 2])
            value = low
            if points > 1:
                value = low + (high - low) * (trial % points) / (points - 1)
            put(memory, at + i, lane, value)
            trial //= points


@jit.scalar
def _draw_layer(
    memory: Any, layer: Any, at: Any, count: Any, number: Any, seed: Any, trials: Any, code: Any, loop: Any, draws: Any
) -> None:
    """Draw `count` parameters of a layer, with the code and the numbers of a distribution, or by a user's loop."""
    if code == CUSTOM:
        draw_own(loop, (memory, at, count, number, seed, trials, layer.inputs, layer.outputs, *draws))
    else:
        draw_parameters(memory, at, count, number, seed, trials, code, *draws)


@jit.scalar
def _start_layer(memory: Any, layer: Any, number: Any, seed: Any, trials: Any) -> None:
    """Set the parameters of a layer, the first of which is number `number` of its network."""
    weights, inputs, outputs = layer.weights, layer.inputs, layer.outputs
    count, draws = inputs * outputs, (layer.weight_a, layer.weight_b, layer.weight_c, layer.weight_d)
    _draw_layer(memory, layer, weights, count, number, seed, trials, layer.weight_init, layer.weight_loop, draws)
    if layer.scheme == ORTHOGONAL:
        orthonormalise(memory, weights, outputs, inputs, layer.scheme_a)
    elif layer.scheme == IDENTITY:
        for i in range(min(inputs, outputs)):
            store(memory, weights + i * (inputs + 1), layer.scheme_a)
    elif layer.scheme == SPARSE:
        thin_out(memory, layer, number, layer.scheme_a, seed, trials)
    if layer.mirrored:
        _mirror(memory, layer)
    if layer.biases >= 0:
        draws = (layer.bias_a, layer.bias_b, layer.bias_c, layer.bias_d)
        at, first = layer.biases, number + count
        _draw_layer(memory, layer, at, outputs, first, seed, trials, layer.bias_init, layer.bias_loop, draws)
    if layer.scheme == RAI:
        make_asymmetric(memory, layer, number, seed, trials)


@jit.scalar
def fix_weights(memory: Any, layers: Any, cell: Any) -> None:
    """Set the weights of a cell's network that are no parameters."""
    for i in range(cell.first_layer, cell.first_layer + cell.layers):
        layer = item(layers, i)
        if layer.fixed:
            for j in range(layer.weights, layer.weights + layer.inputs * layer.outputs):
                store(memory, j, 1.0)


@jit.scalar
def initialise(memory: Any, layers: Any, cell: Any, axes: Any, seed: Any, trials: Any) -> None:
    """Set the parameters of a cell's network, and the optimizer's state to zero.

    Layers that are scaled by the data wait for `mcstudy.training.scaling`. An activation's own parameter draws
    nothing, so weights are the same with and without it.
    """
    if cell.grid >= 0:
        place_on_grid(memory, cell.parameters, cell.count, axes, cell.grid, trials)
    fix_weights(memory, layers, cell)
    number = np.int64(0)
    for i in range(cell.first_layer, cell.first_layer + cell.layers):
        layer = item(layers, i)
        if not layer.fixed and cell.grid < 0:
            _start_layer(memory, layer, number, seed, trials)
            number += layer.inputs * layer.outputs
            if layer.biases >= 0:
                number += layer.outputs
            if layer.trained >= 0:
                store(memory, layer.trained, layer.trained_start)
    for i in range(cell.slots, cell.slots + cell.slot_count * cell.count):
        store(memory, i, 0.0)
