"""Weights scaled by the data, layer by layer, to sums of unit variance (LSUV).

D. Mishkin, J. Matas, "All you need is a good init", ICLR 2016. They repeat the division until the variance is near
enough to 1; the sums here leave biases out, so they are proportional to the weights and one division is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.elementary import INF
from mcstudy.kernels.pack import filled, fma, item, load, rounded_to, sqrt, store, where, widen
from mcstudy.training.data import locate
from mcstudy.training.network import forward
from mcstudy.training.products import ONE, PLAIN, ZERO, multiply_add


@jit.routine
def _sums(memory: Any, layers: Any, i: Any, cell: Any, points: Any, arrays: Any, first: Any, tile: Any) -> None:
    """Put W x of layer `i` for a tile of evaluation points, from number `first` on, into its `slope`."""
    bottom, top = cell.first_layer, cell.first_layer + cell.layers
    x, _, columns = locate(memory, item(layers, bottom), item(layers, top - 1), cell, points[:4], arrays, first, tile)
    forward(memory, layers, bottom, i, tile, x, columns, (np.int64(0), points[5], np.int64(-1)))
    layer = item(layers, i)
    source, row = layer.source, tile
    if i == bottom:
        source, row = x, columns
    multiply_add(
        memory,
        (layer.slope, tile, 1),
        (layer.zero, ZERO, 0),
        (layer.weights, layer.inputs, ONE),
        (source, row, 1),
        layer.outputs,
        tile,
        layer.inputs,
        (PLAIN, ZERO),
    )


@jit.scalar
def _scale_layer(memory: Any, layers: Any, i: Any, cell: Any, points: Any, arrays: Any) -> None:
    """Divide a layer's weights by the standard deviation of its sums, taken in float64."""
    layer = item(layers, i)
    number = points[4]
    count = float(number * layer.outputs)
    mean = widen(filled(memory, 0.0))
    square = mean
    for squares in range(2):  # the mean first: sums may lie far from 0
        done = np.int64(0)
        while done < number:
            tile = min(cell.tile, number - done)
            _sums(memory, layers, i, cell, points, arrays, done, tile)
            for s in range(tile):  # sample by sample: an order that does not know the size of a tile
                for j in range(layer.outputs):
                    z = widen(load(memory, layer.slope + j * tile + s))
                    if squares == 0:
                        mean += z
                    else:
                        square = fma(z - mean, z - mean, square)
            done += tile
        if squares == 0:
            mean = mean / count
    sd = sqrt(square / count)
    sd = where((sd > 0.0) & (sd < INF), sd, 1.0)
    for j in range(layer.weights, layer.weights + layer.inputs * layer.outputs):
        store(memory, j, rounded_to(memory, widen(load(memory, j)) / sd))


@jit.routine
def scale_by_data(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any) -> None:
    """Scale the weights of those layers that are to be scaled, from the first to the output, as `initialise` left them.

    The variance of a layer's sums W x is taken over all of its units and the evaluation points; x is what the layers
    below, scaled already and with their biases, make of the points. A layer whose sums have a standard deviation of 0,
    or none that is finite, stays as it is.

    `points` is (packed, address of the inputs, address of the targets, step between their columns, number, trial
    numbers), `arrays` the scalar points that are used where not packed, both as `evaluate` takes them.
    """
    for i in range(cell.first_layer, cell.first_layer + cell.layers):
        if item(layers, i).scaled:
            _scale_layer(memory, layers, i, cell, points, arrays)
