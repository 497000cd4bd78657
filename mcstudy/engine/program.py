"""From a group of cells to the tables that kernels read: what to train, on what, and where it lies in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS, Distribution
from mcstudy.catalog.inputs import INPUTS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.tasks import TASKS
from mcstudy.kernels.layout import CELL, FRESH, GROUP, HYPERPARAMETERS, LAYER, TABLE, TRIAL
from mcstudy.kernels.pack import pack_array
from mcstudy.plan import Cell, Table

TILE_BYTES = 24 * 1024
RING_BYTES = 128 * 1024
ZERO = 0
"""Address of a pack that stays zero."""


@dataclass(frozen=True)
class Program:
    """The tables of one group of cells (see `mcstudy.kernels.layout`) and the memory that a thread needs for them."""

    cells: tuple[Cell, ...]
    dtype: np.dtype
    lanes: int
    group_table: np.ndarray
    cell_table: np.ndarray
    layer_table: np.ndarray
    axes: np.ndarray
    tables: tuple[np.ndarray, np.ndarray]
    points: tuple[np.ndarray, np.ndarray]
    packs: int
    integer_packs: int
    scratch: int

    def memory(self) -> tuple[np.ndarray, np.ndarray]:
        """Fresh memory for one thread: packs of numbers, and packs of 32-bit integers."""
        return (
            pack_array(self.packs, self.dtype, self.lanes),
            pack_array(self.integer_packs, np.uint32, self.lanes),
        )

    @property
    def checks(self) -> list[int]:
        """Number of checks of each cell, step 0 included."""
        return [len(check_steps(cell)) for cell in self.cells]


class _Memory:
    """Hands out addresses."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, packs: int) -> int:
        address = self.size
        self.size += packs
        return address


def check_steps(cell: Cell) -> np.ndarray:
    """The steps at which a cell's trials are checked: 0, every `every` steps, and the last."""
    steps, every = cell.settings["train"]["steps"], cell.settings["converge"]["every"]
    inner = np.arange(0, steps, every)
    return np.append(inner, steps) if steps else np.zeros(1, np.int64)


def _position(catalog: Mapping[str, Any], name: str) -> int:
    return list(catalog).index(name)


def _numbers(part: Mapping[str, Any], count: int) -> list[float]:
    values = [float(v) for k, v in part.items() if k != "name"]
    return (values + [0.0] * count)[:count]


def build(cells: Sequence[Cell], tables: Mapping[str, Table]) -> Program:
    """The program of cells that share their data (equal `data_key`)."""
    task = cells[0].settings["task"]
    dtype = np.dtype(cells[0].settings["train"]["precision"])
    lanes = jit.pack_bytes() // dtype.itemsize
    memory = _Memory()
    memory.take(1)  # stays zero: layers without biases start from it
    group = np.zeros(1, GROUP)
    values: dict[str, Any] = {
        "seed": cells[0].settings["seed"],
        "inputs": task["n_inputs"],
        "outputs": task["n_outputs"],
        "task": _position(TASKS, task["name"]),
        "source": {"fresh": FRESH, "shared": TABLE, "trial": TRIAL}[task["samples"]],
        "shuffled": task["order"] == "shuffled" and task["samples"] != "fresh",
        "batch": task["batch"],
    }
    if task["parameters"] and task["name"] != "table":
        values["task_a"] = _numbers(task["parameters"], 1)[0]
    if task["input"] is not None:
        values["distribution"] = INPUTS[task["input"]["name"]].code
        values["input_a"], values["input_b"] = _numbers(task["input"], 2)
    for name, value in values.items():
        group[name] = value
    table, points = _shared_points(cells[0], group, tables, dtype)
    _place_data(group, memory, dtype.itemsize * lanes, task)
    layer_rows: list[dict[str, Any]] = []
    axes: list[tuple[float, float, float]] = []
    cell_rows = [_cell(cell, memory, layer_rows, axes, lanes * dtype.itemsize) for cell in cells]
    deepest = max(row["layers"] for row in cell_rows)
    scratch = memory.take(3 + deepest)
    _place_tiles(cell_rows, layer_rows, memory)
    return Program(
        cells=tuple(cells),
        dtype=dtype,
        lanes=lanes,
        group_table=group,
        cell_table=_records(cell_rows, CELL),
        layer_table=_records(layer_rows, LAYER),
        axes=np.array(axes, np.float64).reshape(-1, 3),
        tables=table,
        points=points,
        packs=memory.size,
        integer_packs=2 + (task["size"] if group["shuffled"][0] else 0),
        scratch=scratch,
    )


def _records(rows: list[dict[str, Any]], dtype: np.dtype) -> np.ndarray:
    table = np.zeros(len(rows), dtype)
    for record, row in zip(table, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return table


def _shared_points(
    cell: Cell, group: np.ndarray, tables: Mapping[str, Table], dtype: np.dtype
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The training table and the evaluation points, as pairs of flat arrays (empty where trials have their own)."""
    from mcstudy.training import points

    task = cell.settings["task"]
    empty = (np.zeros(0, dtype), np.zeros(0, dtype))
    if task["samples"] == "trial":
        return empty, empty
    if task["samples"] == "fresh":
        spread = (int(group["distribution"][0]), float(group["input_a"][0]), float(group["input_b"][0]))
        inputs = points.evaluation_inputs(*spread, task["n_inputs"]).astype(dtype)
        return empty, (inputs.ravel(), points.targets_of(group, inputs, dtype).ravel())
    if task["data"] is not None:
        data = tables[task["data"]]
        inputs, targets = data.inputs.T.astype(dtype), data.targets.T.astype(dtype)
    elif task["input"] is None:
        inputs = np.array(TASKS[task["name"]].points, dtype).T
        targets = points.targets_of(group, inputs, dtype)
    else:
        inputs, targets = points.shared_set(group, task["size"], dtype)
    pair = (np.ascontiguousarray(inputs).ravel(), np.ascontiguousarray(targets).ravel())
    return pair, pair


def _place_data(group: np.ndarray, memory: _Memory, pack_bytes: int, task: Mapping[str, Any]) -> None:
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
        _stage(group, memory)
    elif not group["shuffled"][0] and size * width * pack_bytes <= RING_BYTES:
        group["spread"] = True
        group["ring"] = memory.take(size * width)
    if group["shuffled"][0]:
        group["ring"] = memory.take(size * width)
        group["keys"] = 2


def _stage(group: np.ndarray, memory: _Memory) -> None:
    if group["inputs"][0] > 1:
        group["staging"] = memory.take(int(group["size"][0] * group["inputs"][0]))


def _cell(
    cell: Cell, memory: _Memory, layers: list[dict[str, Any]], axes: list[tuple[float, float, float]], pack_bytes: int
) -> dict[str, Any]:
    settings = cell.settings
    network, training, task = settings["network"], settings["train"], settings["task"]
    widths = [task["n_inputs"], *network["hidden"], task["n_outputs"]]
    optimizer = OPTIMIZERS[training["optimizer"]["name"]]
    hyper = optimizer.hyper(training["optimizer"])
    biased = network["bias"]
    sizes = [n * m + (m if biased else 0) for n, m in zip(widths, widths[1:], strict=False)]
    count = sum(sizes)
    parameters = memory.take(count)
    slots = memory.take(optimizer.slots * count)
    row: dict[str, Any] = {
        "first_layer": len(layers),
        "layers": len(sizes),
        "parameters": parameters,
        "count": count,
        "slots": slots,
        "slot_count": optimizer.slots,
        "gradients": memory.take(count),
        "snapshot": memory.take((1 + optimizer.slots) * count) if _repeats(cell, optimizer.counts) else -1,
        "grid": -1,
        "optimizer": _position(OPTIMIZERS, optimizer.name),
        "hyper": list(hyper) + [0.0] * (HYPERPARAMETERS - len(hyper)),
        "loss": _position(LOSSES, training["loss"]["name"]),
        "loss_a": _numbers(training["loss"], 1)[0],
        "batch": task["batch"],
        "steps": training["steps"],
        "every": settings["converge"]["every"],
        "threshold": settings["converge"]["loss"],
        "bias_decay": training["bias_update"] == "decay",
        "after_update": training["backward"] == "after_update",
    }
    plain = training["optimizer"]
    row["fused"] = task["batch"] == 1 and plain["name"] == "sgd" and not (plain["momentum"] or plain["weight_decay"])
    units = sum(widths) + sum(widths[1:]) * 2 + task["n_outputs"]
    row["tile"] = max(4, min(32, TILE_BYTES // (units * pack_bytes)))
    if row["after_update"]:
        row["tile"] = max(row["tile"], task["batch"])
    init = network["init"]
    if init["name"] == "grid":
        row["grid"] = len(axes)
        axes.extend(_axes(init, count))
    at = parameters
    for n, m in zip(widths, widths[1:], strict=False):
        last = len(layers) - row["first_layer"] == len(sizes) - 1
        activation = network["output"] if last else network["activation"]
        weight = _distribution(init, n, m)
        bias = _distribution(init.get("bias", {"name": "zeros"}), n, m)
        a, b = _numbers(activation, 2)
        layers.append(
            {
                "inputs": n,
                "outputs": m,
                "weights": at,
                "biases": at + n * m if biased else -1,
                "start": at + n * m if biased else ZERO,
                "start_row": 1 if biased else 0,
                "zero": ZERO,
                "activation": _position(ACTIVATIONS, activation["name"]),
                "a": a,
                "b": b,
                "weight_init": weight.code,
                "weight_a": weight.a,
                "weight_b": weight.b,
                "bias_init": bias.code,
                "bias_a": bias.a,
                "bias_b": bias.b,
            }
        )
        at += n * m + (m if biased else 0)
    return row


def _distribution(init: Mapping[str, Any], fan_in: int, fan_out: int) -> Distribution:
    return INITS[init["name"]].distribution(init, fan_in, fan_out)


def _axes(init: Mapping[str, Any], count: int) -> list[tuple[float, float, float]]:
    def each(value: Any) -> list[Any]:
        values = list(value) if isinstance(value, list | tuple) else [value]
        return values * count if len(values) == 1 else values

    return list(zip(each(init["low"]), each(init["high"]), each(init["points"]), strict=True))


def _repeats(cell: Cell, counts: bool) -> bool:
    """Whether training repeats itself once parameters and optimizer state come back at a check.

    The samples of every stretch between checks must be the same, and no update may depend on the number of the step.
    """
    task, steps, every = cell.settings["task"], cell.settings["train"]["steps"], cell.settings["converge"]["every"]
    if counts or task["samples"] == "fresh" or task["order"] == "shuffled" or steps == 0:
        return False
    return bool(every % -(-task["size"] // task["batch"]) == 0 and steps % every == 0)


def _place_tiles(cells: list[dict[str, Any]], layers: list[dict[str, Any]], memory: _Memory) -> None:
    """Give each cell's tile its addresses. Cells train in turn, so all of them use the same memory."""
    start, end = memory.size, memory.size
    for cell in cells:
        own = _Memory()
        own.size = start
        tile = cell["tile"]
        rows = layers[cell["first_layer"] : cell["first_layer"] + cell["layers"]]
        source = own.take(rows[0]["inputs"] * tile)
        for row in rows:
            row["source"] = source
            row["slope"] = own.take(row["outputs"] * tile)
            row["after"] = own.take(row["outputs"] * tile)
            row["delta"] = own.take(row["outputs"] * tile)
            source = row["after"]
        cell["targets"] = own.take(rows[-1]["outputs"] * tile)
        end = max(end, own.size)
    memory.size = end
