"""Evaluation points: which they are, and a network's pass over them, forward or for the gradient of its loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.layout import TRIAL
from mcstudy.kernels.pack import item
from mcstudy.kernels.streams import DATA
from mcstudy.training.data import draw_samples, locate
from mcstudy.training.network import forward
from mcstudy.training.steps import sum_gradients

# Literals would make variants of the functions that take them.
FIRST, NO_UPDATE = np.int64(0), np.bool_(False)
NOT_TRAINING = np.int64(-(1 << 62))
"""Number of a sample that stays below 0 whatever is added to it: no unit is left out or has a random slope."""


@jit.scalar
def draw_points(memory: Any, integers: Any, group: Any, numbers: Any, points: Any) -> Any:
    """The evaluation points as `mcstudy.training.checks.evaluate` takes them, drawn where each trial has its own."""
    number = points[0].shape[0] // group.inputs
    if group.source == TRIAL:
        number = group.size
        draw_samples(memory, group, numbers, group.base, group.clean, FIRST, group.size, DATA, integers)
    return (group.source == TRIAL, group.base, group.clean, number, number, integers)


@jit.routine
def tile_forward(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, first: Any, tile: Any) -> Any:
    """Pass a tile of evaluation points through the network; returns where their targets are: address, column step."""
    bottom, top = cell.first_layer, cell.first_layer + cell.layers
    x, y, columns = locate(memory, item(layers, bottom), item(layers, top - 1), cell, points[:4], arrays, first, tile)
    forward(memory, layers, bottom, top, tile, x, columns, (FIRST, points[5], NOT_TRAINING))
    return y, columns


@jit.scalar
def evaluation_gradient(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, numbers: Any) -> None:
    """Put the gradient of the evaluation loss at the cell's gradients; `numbers` is any pointer to numbers."""
    samples = (points[0], points[1], points[2], points[3], FIRST, points[4])
    noise = (FIRST, points[5], NOT_TRAINING)
    sum_gradients(memory, layers, cell, samples, arrays, numbers, FIRST, noise, NO_UPDATE)
