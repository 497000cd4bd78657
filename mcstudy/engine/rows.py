"""Where everything of a group of cells lies in a thread's memory: the rows of the tables that kernels read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.inputs import INPUTS
from mcstudy.catalog.tasks import TASKS
from mcstudy.engine.cell_rows import Memory, cell_room, cell_row, layer_rows, numbers_of, tile_of
from mcstudy.kernels.gather import ROW_BYTES, row_columns, row_step
from mcstudy.kernels.layout import FRESH, GROUP, TABLE, TRIAL
from mcstudy.kernels.sorting import sort_room
from mcstudy.plan import Cell
from mcstudy.training.checks import SCRATCH
from mcstudy.training.diagnosis import scratch_count

RING_BYTES = 128 * 1024

MOST_PARAMETERS = 200
"""Networks of more parameters train in packs of one register. Larger packs hide latency and spread the cost of loops
where a network is small; the weights of a larger one would not fit the caches, and blocks of its sums fill registers.
"""


@dataclass(frozen=True)
class _Shared:
    """What belongs to all cells of a group.

    Attributes:
        group: the table of it.
        dtype, lanes: of the packs.
        memory: addresses that are taken.
        integer_packs: how many packs of integers there are.
        noise: packs of scratch memory that drawing takes.
        points: numbers of the samples that all trials share.
    """

    group: np.ndarray
    dtype: np.dtype
    lanes: int
    memory: Memory
    integer_packs: int
    noise: int
    points: int

    def bytes(self, packs: int) -> int:
        """Memory that a thread needs for so many packs in all, what all trials share included."""
        return self.lanes * (packs * self.dtype.itemsize + self.integer_packs * 4) + self.points * self.dtype.itemsize


@dataclass(frozen=True)
class Layout:
    """Rows of the tables of `mcstudy.kernels.layout` for a group of cells, and how many packs they address.

    `group` is that table; `cells` and `layers` hold its rows as dicts, `axes` the grid axes, `numbers` what the rows
    say lies there. The addresses of compiled loops, and what draws are needed for, are not in it yet.
    """

    group: np.ndarray
    cells: list[dict[str, Any]]
    layers: list[dict[str, Any]]
    axes: list[tuple[float, float, float]]
    numbers: list[float]
    dtype: np.dtype
    lanes: int
    packs: int
    integer_packs: int
    scratch: int

    @property
    def pack(self) -> np.dtype:
        """The dtype of a whole pack."""
        return np.dtype((self.dtype, self.lanes))


def pack_bytes(cells: Iterable[Cell]) -> int:
    """Bytes of the packs in which cells train. It never changes a result."""
    wide = max(cell.parameters for cell in cells) > MOST_PARAMETERS
    return min(jit.pack_bytes(), jit.register_bytes()) if wide else jit.pack_bytes()


def layout_bytes(cells: Iterable[Cell]) -> Iterator[int]:
    """The bytes of each cell's layout where it trains by itself, which is not made for that."""
    known: dict[Hashable, _Shared] = {}
    for cell in cells:
        lanes = _lanes([cell])
        if (cell.data_key, lanes) not in known:
            known[cell.data_key, lanes] = _shared(cell, lanes)
        shared = known[cell.data_key, lanes]
        tile = tile_of(cell, lanes * shared.dtype.itemsize)[1]
        packs = shared.memory.size + sum(cell_room(cell).values()) + tile + max(shared.noise, _scratch(cell))
        yield shared.bytes(packs)


def lay_out(cells: Sequence[Cell]) -> Layout:
    """The layout of cells that share their data."""
    lanes = _lanes(cells)
    shared = _shared(cells[0], lanes)
    memory, pack_size = shared.memory, lanes * shared.dtype.itemsize
    layers: list[dict[str, Any]] = []
    axes: list[tuple[float, float, float]] = []
    numbers: list[float] = []
    rows, last, shapes = [], None, []
    for cell in cells:
        network = cell.layers, cell.settings["network"]["init"]
        if network != last:  # that of the cell before is often the same
            last, shapes = network, layer_rows(*network)
        rows.append(cell_row(cell, shapes, memory, layers, axes, numbers, pack_size))
    scratch = memory.take(max(shared.noise, *map(_scratch, cells)))
    _place_tiles(rows, layers, memory, max(tile_of(cell, pack_size)[1] for cell in cells))
    group, integers = shared.group, shared.integer_packs
    return Layout(group, rows, layers, axes, numbers, shared.dtype, lanes, memory.size, integers, scratch)


def _lanes(cells: Sequence[Cell]) -> int:
    return pack_bytes(cells) // int(np.dtype(cells[0].settings["train"]["precision"]).itemsize)


def _shared(cell: Cell, lanes: int) -> _Shared:
    """The start of a layout: what belongs to all cells with the data of one."""
    task = cell.settings["task"]
    dtype = np.dtype(cell.settings["train"]["precision"])
    memory = Memory()
    memory.take(1)  # stays zero: layers without biases start from it
    group = np.zeros(1, GROUP)
    task_scratch = TASKS[task["name"]].scratch_packs(task["parameters"])
    values: dict[str, Any] = {
        "seed": cell.settings["seed"],
        "inputs": task["n_inputs"],
        "outputs": task["n_outputs"],
        "source": {"fresh": FRESH, "shared": TABLE, "trial": TRIAL}[task["samples"]],
        "shuffled": task["order"] == "shuffled" and task["samples"] != "fresh",
        "batch": task["batch"],
        "noise": task["noise"],
        "scratch": memory.take(task_scratch),
        "scratch_packs": task_scratch,
    }
    if task["input"] is not None:
        values["distribution"] = INPUTS[task["input"]["name"]].code
        values["input_a"], values["input_b"] = numbers_of(task["input"], 2)
    for name, value in values.items():
        group[name] = value
    _place_data(group, memory, dtype, lanes, task)
    noise = int(group["size"][0]) * task["n_outputs"] if task["noise"] and task["samples"] != "shared" else 0
    integers = 2 + (sort_room(task["size"]) if group["shuffled"][0] else 0)
    points = int(group["size"][0]) * (task["n_inputs"] + task["n_outputs"])
    return _Shared(group, dtype, lanes, memory, integers, noise, points)


def _scratch(cell: Cell) -> int:
    """Packs that checks need."""
    return max(SCRATCH, scratch_count([layer.outputs for layer in cell.layers]))


def _place_data(group: np.ndarray, memory: Memory, dtype: np.dtype, lanes: int, task: Mapping[str, Any]) -> None:
    pack_bytes = dtype.itemsize * lanes
    width = task["n_inputs"] + task["n_outputs"]
    batch = task["batch"]
    if task["samples"] == "fresh":
        passes = max(1, RING_BYTES // (batch * width * pack_bytes))
        group["size"], group["pass_steps"] = passes * batch, passes
        group["ring"] = memory.take(passes * batch * width)
        _stage(group, memory)
        return
    size = task["size"]
    group["size"], group["pass_steps"] = size, -(-size // batch)
    if task["samples"] == "trial":
        group["base"] = memory.take(size * width)
        group["ring"] = group["base"]
        group["clean"] = group["base"] + size * task["n_inputs"]
        if task["noise"]:
            group["clean"] = memory.take(size * task["n_outputs"])
        _stage(group, memory)
    elif not group["shuffled"][0] and size * width * pack_bytes <= RING_BYTES:
        group["spread"] = True
        group["ring"] = memory.take(size * width)
    if group["shuffled"][0]:
        group["ring"] = memory.take(size * width)
        sets = lanes if task["samples"] == "trial" else 1
        group["row_step"] = row_step(size)
        rows = -(-width // row_columns(dtype)) * sets * row_step(size)
        group["rows"] = memory.take(-(-rows * ROW_BYTES // pack_bytes))
        group["keys"] = 2


def _stage(group: np.ndarray, memory: Memory) -> None:
    if group["inputs"][0] > 1:
        group["staging"] = memory.take(int(group["size"][0] * group["inputs"][0]))


def _place_tiles(cells: list[dict[str, Any]], layers: list[dict[str, Any]], memory: Memory, packs: int) -> None:
    """Give each cell's tile its addresses. Cells train in turn, so all of them use the same memory."""
    start = memory.take(packs)
    for cell in cells:
        own = Memory(start)
        tile = cell["tile"]
        rows = layers[cell["first_layer"] : cell["first_layer"] + cell["layers"]]
        source = own.take(rows[0]["inputs"] * tile)
        for row in rows:
            row["source"] = source
            row["slope"] = own.take(row["outputs"] * tile)
            row["after"] = own.take(row["outputs"] * tile)
            row["delta"] = own.take(row["outputs"] * tile)
            row["extra"] = own.take(row["outputs"] * tile if row["trained"] >= 0 else 0)
            source = row["after"]
        cell["targets"] = own.take(rows[-1]["outputs"] * tile)
