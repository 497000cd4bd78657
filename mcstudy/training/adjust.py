"""What changes gradients before the update: penalties on the weights, limits on the gradient."""

from __future__ import annotations

from typing import Any

from mcstudy import jit
from mcstudy.catalog.regularizers import add_penalty
from mcstudy.kernels.pack import filled, fma, item, load, sqrt, store, where

NORM_FLOOR = 1e-6
"""Added to a gradient's norm before it divides the limit, as PyTorch's clip_grad_norm_ does."""


@jit.scalar
def _penalise(memory: Any, cell: Any, layer: Any, hidden: Any) -> None:
    if not layer.fixed:
        gradients = layer.weights + cell.gradients - cell.parameters
        repulsion = cell.repulsion if hidden else 0.0
        add_penalty(memory, layer.weights, gradients, layer.inputs, layer.outputs, cell.l1, cell.l2, repulsion)


@jit.scalar
def _clip_values(memory: Any, first: Any, count: Any, limit: Any) -> None:
    for i in range(first, first + count):
        g = load(memory, i)
        g = where(g > limit, limit, g)
        store(memory, i, where(g < -limit, -limit, g))


@jit.scalar
def _clip_norm(memory: Any, first: Any, count: Any, limit: Any) -> None:
    total = filled(memory, 0.0)
    for i in range(first, first + count):
        g = load(memory, i)
        total = fma(g, g, total)
    factor = limit / (sqrt(total) + NORM_FLOOR)
    factor = where(factor > 1.0, 1.0, factor)
    for i in range(first, first + count):
        store(memory, i, load(memory, i) * factor)


@jit.routine
def adjust_gradients(memory: Any, layers: Any, cell: Any, first: Any, last: Any) -> None:
    """Add penalties to the gradients of layers `first` … `last` - 1, then cut their values, then their norm.

    The norm is cut only where these are all the layers.
    """
    top = cell.first_layer + cell.layers - 1
    start, count = cell.gradients, 0
    for i in range(first, last):
        layer = item(layers, i)
        if not layer.fixed:
            if count == 0:
                start = layer.weights + cell.gradients - cell.parameters
            count += layer.inputs * layer.outputs + (layer.outputs if layer.biases >= 0 else 0)
            count += 1 if layer.trained >= 0 else 0
        if cell.l1 > 0.0 or cell.l2 > 0.0 or cell.repulsion > 0.0:
            _penalise(memory, cell, layer, i < top)
    if cell.clip_value > 0.0:
        _clip_values(memory, start, count, cell.clip_value)
    if cell.clip_norm > 0.0:
        _clip_norm(memory, start, count, cell.clip_norm)
