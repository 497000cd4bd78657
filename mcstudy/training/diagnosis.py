"""Why a trial ended as it did: dead, saturated and merged units, a constant output, the gradient that is left.

Each finding is a pack among the notes of a cell, at `NOTES` and, layer by layer, after them. All of it is looked at
twice in a trial's life, at its start and at its end, over the evaluation points: a few passes beside the hundred checks
that a trial usually has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mcstudy import jit
from mcstudy.kernels.pack import absolute, filled, fma, item, load, sqrt, store, where
from mcstudy.training.data import locate
from mcstudy.training.evaluation import evaluation_gradient, tile_forward
from mcstudy.training.network import fill_slopes
from mcstudy.training.products import ONE, PLAIN, ZERO, multiply_add

DEAD_START, DEAD_END, SATURATED, LINEAR, MERGED, OPPOSITE, CONSTANT, GRADIENT = range(8)
NOTES: Final = 8
"""Findings of any network. After them come, for each hidden layer, its dead units at the start and at the end."""

SATURATION: Final = 0.02
"""A unit is saturated whose derivative is not zero everywhere, but nowhere larger in magnitude."""
LINEARITY: Final = 0.02
"""A live unit is linear whose derivative changes by no more of its largest magnitude: no kink or bend is left."""
SAME_ANGLE: Final = 0.05
"""Hyperplanes coincide whose normals, bias included, are no further apart (radians)."""
CONSTANT_RANGE: Final = 0.01
"""An output is constant that moves by no more of the range of its targets."""
CONSTANT_PLACE: Final = 0.02
"""A constant output is at the mean of its targets, their median or zero, that is as near in the same measure."""

_LOW, _HIGH, _LEAST, _LARGEST, _TOTAL = range(5)
SLOPES: Final = 3
RANGES: Final = 5
"""What `survey` notes: of each unit, three of its derivatives; of each output, its least and largest value, its
targets' least, largest and sum."""

_INFINITE = np.inf


@jit.scalar
def _larger(value: Any, largest: Any) -> Any:
    """The larger of two magnitudes, infinite once one is NaN: a unit that gives NaN is neither dead nor saturated."""
    return where(value <= largest, largest, where(value == value, value, filled(value, _INFINITE)))


@jit.scalar
def count_units(layers: Any, cell: Any) -> Any:
    """How many units a cell's network has, outputs included."""
    units = np.int64(0)
    for i in range(cell.first_layer, cell.first_layer + cell.layers):
        units += item(layers, i).outputs
    return units


@jit.routine
def survey(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, out: Any) -> None:
    """Pass the evaluation points through the network, and put the largest |f'(z)| of each unit at `out` …, layer by
    layer, then the least f'(z) of each, then the largest, then `RANGES` packs of each output.

    `points` and `arrays` are those of `mcstudy.training.checks.evaluate`.
    """
    first, last = cell.first_layer, cell.first_layer + cell.layers
    head = item(layers, last - 1)
    number = points[4]
    units = count_units(layers, cell)
    for i in range(out, out + units):
        store(memory, i, 0.0)
        store(memory, i + units, _INFINITE)
        store(memory, i + 2 * units, -_INFINITE)
    ranges = out + SLOPES * units
    for o in range(ranges, ranges + RANGES * head.outputs, RANGES):
        store(memory, o + _LOW, _INFINITE)
        store(memory, o + _HIGH, -_INFINITE)
        store(memory, o + _LEAST, _INFINITE)
        store(memory, o + _LARGEST, -_INFINITE)
        store(memory, o + _TOTAL, 0.0)
    done = np.int64(0)
    while done < number:
        tile = min(cell.tile, number - done)
        y, columns = tile_forward(memory, layers, cell, points, arrays, done, tile)
        at = out
        for i in range(first, last):
            layer = item(layers, i)
            fill_slopes(memory, layer, tile)
            for j in range(layer.outputs):
                largest, low, high = load(memory, at), load(memory, at + units), load(memory, at + 2 * units)
                for s in range(layer.slope + j * tile, layer.slope + (j + 1) * tile):
                    slope = load(memory, s)
                    largest = _larger(absolute(slope), largest)
                    low, high = where(slope < low, slope, low), where(slope > high, slope, high)
                store(memory, at, largest)
                store(memory, at + units, low)
                store(memory, at + 2 * units, high)
                at += 1
        at = ranges
        for o in range(head.outputs):
            low, high = load(memory, at + _LOW), load(memory, at + _HIGH)
            least, largest = load(memory, at + _LEAST), load(memory, at + _LARGEST)
            total = load(memory, at + _TOTAL)
            for s in range(tile):
                f, target = load(memory, head.after + o * tile + s), load(memory, y + o * columns + s)
                low, high = where(f < low, f, low), where(f > high, f, high)
                least = where(target < least, target, least)
                largest = where(target > largest, target, largest)
                total += target
            store(memory, at + _LOW, low)
            store(memory, at + _HIGH, high)
            store(memory, at + _LEAST, least)
            store(memory, at + _LARGEST, largest)
            store(memory, at + _TOTAL, total)
            at += RANGES
        done += tile


@jit.routine
def count_dead(memory: Any, layers: Any, cell: Any, slopes: Any, which: Any) -> Any:
    """Note the dead hidden units, in all and by layer, from what `survey` found; `which` is DEAD_START or DEAD_END.

    Returns a pack: 1 where each layer, the output included, has a unit that is not dead, else 0.
    """
    first, last = cell.first_layer, cell.first_layer + cell.layers
    alive, total = filled(memory, 1.0), filled(memory, 0.0)
    at, by_layer = slopes, cell.notes + NOTES + which - DEAD_START
    for i in range(first, last):
        some, dead = filled(memory, 0.0), filled(memory, 0.0)
        for j in range(at, at + item(layers, i).outputs):
            zero = load(memory, j) == 0.0
            some = where(zero, some, 1.0)
            dead += where(zero, filled(memory, 1.0), 0.0)
        at += item(layers, i).outputs
        alive *= some
        if i < last - 1:
            total += dead
            store(memory, by_layer, dead)
            by_layer += 2
    store(memory, cell.notes + which, total)
    return alive


@jit.scalar
def _note_slopes(memory: Any, layers: Any, cell: Any, slopes: Any, units: Any) -> None:
    """Note the hidden units that are saturated, and those that are linear and not saturated."""
    saturated, linear = filled(memory, 0.0), filled(memory, 0.0)
    outputs = item(layers, cell.first_layer + cell.layers - 1).outputs
    for j in range(slopes, slopes + units - outputs):
        largest = load(memory, j)
        live = where(largest == 0.0, filled(memory, 0.0), 1.0)
        small = where(largest <= SATURATION, live, 0.0)
        change = load(memory, j + 2 * units) - load(memory, j + units)
        saturated += small
        linear += where(change <= LINEARITY * largest, live - small, 0.0)
    store(memory, cell.notes + SATURATED, saturated)
    store(memory, cell.notes + LINEAR, linear)


@jit.scalar
def _with_biases(memory: Any, layer: Any, i: Any, j: Any, dots: Any) -> Any:
    """The product of the normals of two units' hyperplanes, from that of their weights, which is at `dots` + j."""
    total = load(memory, dots + j)
    if layer.biases >= 0:
        total = fma(load(memory, layer.biases + i), load(memory, layer.biases + j), total)
    return total


@jit.scalar
def count_merged(memory: Any, layers: Any, cell: Any, slopes: Any, norms: Any) -> None:
    """Note how many live units lie on the hyperplane of an earlier one of their layer, and how many of these face the
    other way from all such.

    Where a layer has one input and no biases every hyperplane is the origin, and none counts. `norms` is the address of
    twice as many packs as the widest layer has units.
    """
    merged, opposite = filled(memory, 0.0), filled(memory, 0.0)
    at = slopes
    for i in range(cell.first_layer, cell.first_layer + cell.layers - 1):
        layer = item(layers, i)
        if layer.inputs > 1 or layer.biases >= 0:
            dots, weights, width = norms + layer.outputs, layer.weights, layer.inputs
            for j in range(layer.outputs):
                unit = weights + j * width
                zero, rows, row = (layer.zero, ZERO, 0), (weights, width, ONE), (unit, ONE, 0)
                multiply_add(memory, (dots, ONE, 0), zero, rows, row, j + 1, ONE, width, (PLAIN, ZERO))
                norm = _with_biases(memory, layer, j, j, dots)
                norm = where(load(memory, at + j) == 0.0, filled(norm, _INFINITE), norm)  # dead: like nobody
                store(memory, norms + j, norm)
                same, facing = filled(norm, 0.0), filled(norm, 0.0)
                for k in range(j):
                    dot = _with_biases(memory, layer, j, k, dots)
                    cosine2 = (dot / norm) * (dot / load(memory, norms + k))
                    near = cosine2 >= 1.0 - SAME_ANGLE * SAME_ANGLE
                    same = where(near, 1.0, same)
                    facing = where(near, where(dot > 0.0, filled(norm, 1.0), facing), facing)
                merged += same
                opposite += same * (1.0 - facing)
        at += layer.outputs
    store(memory, cell.notes + MERGED, merged)
    store(memory, cell.notes + OPPOSITE, opposite)


@jit.scalar
def note_constant(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, ranges: Any) -> None:
    """Note whether all outputs are constant over the evaluation points: 0 they are not; 1 at the mean of the targets,
    2 at their median, 3 at zero, 4 elsewhere, the first that fits every output. Outputs whose targets do not vary
    are left out.
    """
    first, last = cell.first_layer, cell.first_layer + cell.layers
    bottom, head = item(layers, first), item(layers, last - 1)
    number = points[4]
    constant, mean = filled(memory, 1.0), filled(memory, 1.0)
    median, zero = filled(memory, 1.0), filled(memory, 1.0)
    varied = filled(memory, 0.0)
    for o in range(head.outputs):
        at = ranges + RANGES * o
        low, high = load(memory, at + _LOW), load(memory, at + _HIGH)
        reach = load(memory, at + _LARGEST) - load(memory, at + _LEAST)
        value, near = 0.5 * low + 0.5 * high, CONSTANT_PLACE * reach
        still = where(high >= low, where(high - low <= CONSTANT_RANGE * reach, filled(memory, 1.0), 0.0), 0.0)
        varies = reach > 0.0  # an output whose targets are all the same tells nothing
        varied = where(varies, 1.0, varied)
        constant *= where(varies, still, 1.0)
        mean = where(varies, where(absolute(value - load(memory, at + _TOTAL) / number) <= near, mean, 0.0), mean)
        zero = where(varies, where(absolute(value) <= near, zero, 0.0), zero)
        below, above = filled(memory, 0.0), filled(memory, 0.0)
        done = np.int64(0)
        while done < number:
            tile = min(cell.tile, number - done)
            _, y, columns = locate(memory, bottom, head, cell, points[:4], arrays, done, tile)
            for s in range(y + o * columns, y + o * columns + tile):
                below += where(load(memory, s) < value - near, filled(memory, 1.0), 0.0)
                above += where(load(memory, s) > value + near, filled(memory, 1.0), 0.0)
            done += tile
        half = 0.5 * number
        middle = where(below <= half, where(above <= half, median, 0.0), 0.0)
        median = where(varies, middle, median)
    place = where(mean == 1.0, filled(memory, 1.0), where(median == 1.0, filled(memory, 2.0), 4.0 - zero))
    store(memory, cell.notes + CONSTANT, constant * varied * place)


@jit.scalar
def note_gradient(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, numbers: Any) -> None:
    """Note the Euclidean norm of the evaluation loss's gradient by all parameters."""
    evaluation_gradient(memory, layers, cell, points, arrays, numbers)
    total = filled(memory, 0.0)
    for i in range(cell.gradients, cell.gradients + cell.count):
        g = load(memory, i)
        total = fma(g, g, total)
    store(memory, cell.notes + GRADIENT, sqrt(total))


@jit.scalar
def diagnose(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, numbers: Any, scratch: Any) -> Any:
    """Note everything but the start. Returns a pack: 1 where each layer has a unit that is not dead, else 0.

    `numbers` is any pointer to numbers.
    """
    units = count_units(layers, cell)
    survey(memory, layers, cell, points, arrays, scratch)
    alive = count_dead(memory, layers, cell, scratch, np.int64(DEAD_END))
    _note_slopes(memory, layers, cell, scratch, units)
    head = item(layers, cell.first_layer + cell.layers - 1)
    count_merged(memory, layers, cell, scratch, scratch + SLOPES * units + RANGES * head.outputs)
    note_constant(memory, layers, cell, points, arrays, scratch + SLOPES * units)
    note_gradient(memory, layers, cell, points, arrays, numbers)
    return alive


@jit.scalar
def diagnose_start(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, scratch: Any) -> None:
    """Note what is dead at the start."""
    survey(memory, layers, cell, points, arrays, scratch)
    count_dead(memory, layers, cell, scratch, np.int64(DEAD_START))


def note_count(hidden_layers: int) -> int:
    """Packs of notes of a network."""
    return NOTES + 2 * hidden_layers


def scratch_count(widths: Sequence[int]) -> int:
    """Packs of scratch memory that a diagnosis needs; `widths` are those of all layers, the output last."""
    return SLOPES * sum(widths) + RANGES * widths[-1] + 2 * max(widths)
