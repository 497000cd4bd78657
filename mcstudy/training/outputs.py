"""What networks of given parameters compute at given points."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.pack import get, item, lane_count, pointer, put
from mcstudy.training.data import fetch
from mcstudy.training.evaluation import FIRST, NOT_TRAINING
from mcstudy.training.initial import fix_weights
from mcstudy.training.network import forward


@jit.entry
def fill_outputs(
    packs: Any, integer_packs: Any, cell_table: Any, layer_table: Any, points: Any, parameters: Any, outputs: Any
) -> None:
    """Fill in the outputs of a group's first cell, each lane of a pack being another network.

    Args:
        packs, integer_packs, cell_table, layer_table: as `mcstudy.training.loop.train` takes them.
        points: inputs × points scalars in the cell's precision, input by input.
        parameters: (networks, parameters) float64.
        outputs: (networks, points, outputs) float64, filled here.
    """
    memory, layers, table = pointer(packs), pointer(layer_table), pointer(points)
    cell = item(pointer(cell_table), FIRST)
    bottom, top = cell.first_layer, cell.first_layer + cell.layers
    first_layer, head = item(layers, bottom), item(layers, top - 1)
    networks, number, _ = outputs.shape
    fix_weights(memory, layers, cell)
    for first in range(0, networks, lane_count(memory)):
        for lane in range(lane_count(memory)):
            network = min(first + lane, networks - 1)
            for i in range(cell.count):
                put(memory, cell.parameters + i, lane, parameters[network, i])
        done = np.int64(0)
        while done < number:
            tile = min(cell.tile, number - done)
            fetch(memory, first_layer.source, table, number, done, tile, first_layer.inputs)
            noise = (FIRST, pointer(integer_packs), NOT_TRAINING)
            forward(memory, layers, bottom, top, tile, first_layer.source, tile, noise)
            for o in range(head.outputs):
                for s in range(tile):
                    for lane in range(min(lane_count(memory), networks - first)):
                        value = get(memory, head.after + o * tile + s, lane)
                        outputs[first + lane, done + s, o] = value
            done += tile
