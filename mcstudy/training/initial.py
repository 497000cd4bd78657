"""Initial parameters: one uniform number per parameter, turned into its distribution by inversion."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.layout import CONSTANT, FLAT, GAUSSIAN
from mcstudy.kernels.pack import fma, get, item, lane_count, put, rounded_to, store
from mcstudy.kernels.quantile import normal_quantile
from mcstudy.kernels.streams import WEIGHTS, open_unit, words

_BELOW = 0.022750131948179207
_WITHIN = 0.9544997361036416
"""Φ(−2) and Φ(2) − Φ(−2)."""


@jit.scalar
def _draw(memory: Any, at: Any, u: Any, code: Any, a: Any, b: Any) -> None:
    """Put a float64 uniform `u` as a draw of distribution `code` at `at`, in the precision of `memory`."""
    if code == FLAT:
        store(memory, at, rounded_to(memory, fma(u, b - a, a)))
    else:
        if code != GAUSSIAN:
            u = fma(u, _WITHIN, _BELOW)
        store(memory, at, rounded_to(memory, fma(normal_quantile(u), b, a)))


@jit.routine
def draw_parameters(
    memory: Any, at: Any, count: Any, number: Any, seed: Any, trials: Any, code: Any, a: Any, b: Any
) -> None:
    """Draw `count` parameters, numbered from `number` in their network, at `at` … of `memory`."""
    if code == CONSTANT:
        for i in range(count):
            store(memory, at + i, a)
        return
    for block in range(number // 2, (number + count + 1) // 2):
        w0, w1, w2, w3 = words(seed, WEIGHTS, trials, block)
        i = 2 * block - number
        if i >= 0:
            _draw(memory, at + i, open_unit(w0, w1), code, a, b)
        if i + 1 < count:
            _draw(memory, at + i + 1, open_unit(w2, w3), code, a, b)


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


@jit.routine
def initialise(memory: Any, layers: Any, cell: Any, axes: Any, seed: Any, trials: Any) -> None:
    """Set the parameters of a cell's network, and the optimizer's state to zero."""
    if cell.grid >= 0:
        place_on_grid(memory, cell.parameters, cell.count, axes, cell.grid, trials)
    else:
        number = np.int64(0)
        for i in range(cell.first_layer, cell.first_layer + cell.layers):
            layer = item(layers, i)
            weights = layer.inputs * layer.outputs
            draw_parameters(
                memory,
                layer.weights,
                weights,
                number,
                seed,
                trials,
                layer.weight_init,
                layer.weight_a,
                layer.weight_b,
            )
            number += weights
            if layer.biases >= 0:
                draw_parameters(
                    memory,
                    layer.biases,
                    layer.outputs,
                    number,
                    seed,
                    trials,
                    layer.bias_init,
                    layer.bias_a,
                    layer.bias_b,
                )
                number += layer.outputs
    for i in range(cell.slots, cell.slots + cell.slot_count * cell.count):
        store(memory, i, 0.0)
