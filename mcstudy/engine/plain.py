"""Which cells train by plain gradient descent on one sample a step, and which of these one trial after the other."""

from __future__ import annotations

import numpy as np

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.plan import Cell, Layer
from mcstudy.training.unit_shapes import LEAST_STEPS, LEAST_UNITS, Shape

_LEAST_REGISTER = 64
"""Bytes of a register that holds enough units; with smaller ones, sums of a layer would fill all there are."""


def draws(layer: Layer) -> bool:
    """Whether a layer draws numbers in training: units that are left out, or random slopes."""
    return bool(layer.dropout or ACTIVATIONS[layer.activation["name"]].random)


def is_plain(cell: Cell) -> bool:
    """Whether a step is plain gradient descent on one sample, which has a faster way of its own."""
    optimizer = cell.settings["train"]["optimizer"]
    plain = optimizer["name"] == "sgd" and not (optimizer["momentum"] or optimizer["weight_decay"])
    return bool(plain and cell.settings["task"]["batch"] == 1 and not any(map(_special, cell.layers)))


def _special(layer: Layer) -> bool:
    return bool(layer.fixed or layer.trained or draws(layer))


def unit_shape(cell: Cell) -> Shape | None:
    """The shape of a cell's network where it may train one trial after the other, units in the lanes; else None."""
    training, task, layers = cell.settings["train"], cell.settings["task"], cell.layers
    if len(layers) != 3 or layers[0].outputs < LEAST_UNITS:  # most networks
        return None
    if not is_plain(cell) or jit.register_bytes() < _LEAST_REGISTER:
        return None
    if training["bias_update"] != "gradient" or training["backward"] != "exact":
        return None
    item = int(np.dtype(training["precision"]).itemsize)
    first, second, outputs = (layer.outputs for layer in layers)
    shape = Shape(layers[0].inputs, first, second, outputs, jit.register_bytes() // item, item)
    # A set that is shuffled anew after each pass is trained on pass by pass.
    steps = task["size"] if task["order"] == "shuffled" and task["samples"] != "fresh" else LEAST_STEPS
    return shape if shape.pays and min(steps, cell.settings["converge"]["every"]) >= LEAST_STEPS else None
