"""Where everything of a group of cells lies in a thread's memory: the rows of the tables that kernels read."""

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
from mcstudy.kernels.layout import (
    FRESH,
    GROUP,
    HYPERPARAMETERS,
    LEAKY_RELU,
    OTHER,
    RELU,
    TABLE,
    TRIAL,
)
from mcstudy.plan import Cell

TILE_BYTES = 24 * 1024
RING_BYTES = 128 * 1024
ZERO = 0
"""Address of a pack that stays zero."""


@dataclass(frozen=True)
class Layout:
    """Rows of the tables of `mcstudy.kernels.layout` for a group of cells, and how many packs they address.

    `group` is that table; `cells` and `layers` hold its rows as dicts, `axes` the grid axes.
    """

    group: np.ndarray
    cells: list[dict[str, Any]]
    layers: list[dict[str, Any]]
    axes: list[tuple[float, float, float]]
    dtype: np.dtype
    lanes: int
    packs: int
    integer_packs: int
    scratch: int

    @property
    def bytes(self) -> int:
        """Memory that a thread needs for them, what all trials share included."""
        shared = int(self.group["size"][0] * (self.group["inputs"][0] + self.group["outputs"][0]))
        return self.lanes * (self.packs * self.dtype.itemsize + self.integer_packs * 4) + shared * self.dtype.itemsize


class _Memory:
    """Hands out addresses."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, packs: int) -> int:
        address = self.size
        self.size += packs
        return address


def _position(catalog: Mapping[str, Any], name: str) -> int:
    return list(catalog).index(name)


def _numbers(part: Mapping[str, Any], count: int) -> list[float]:
    values = [float(v) for k, v in part.items() if k != "name"]
    return (values + [0.0] * count)[:count]


def lay_out(cells: Sequence[Cell]) -> Layout:
    """The layout of cells that share their data."""
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
    pack_bytes = dtype.itemsize * lanes
    _place_data(group, memory, pack_bytes, task)
    layers: list[dict[str, Any]] = []
    axes: list[tuple[float, float, float]] = []
    rows = [_cell(cell, memory, layers, axes, pack_bytes) for cell in cells]
    scratch = memory.take(3 + max(row["layers"] for row in rows))
    _place_tiles(rows, layers, memory)
    integers = 2 + (task["size"] if group["shuffled"][0] else 0)
    return Layout(group, rows, layers, axes, dtype, lanes, memory.size, integers, scratch)


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
    widths = cell.widths
    optimizer = OPTIMIZERS[training["optimizer"]["name"]]
    hyper = optimizer.hyper(training["optimizer"])
    biased = network["bias"]
    count = cell.parameters
    parameters = memory.take(count)
    slots = memory.take(optimizer.slots * count)
    row: dict[str, Any] = {
        "first_layer": len(layers),
        "layers": len(widths) - 1,
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
        last = len(layers) - row["first_layer"] == len(widths) - 2
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
                "kind": _kind(activation),
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


def _kind(activation: Mapping[str, Any]) -> int:
    if activation["name"] == "leaky_relu" and activation["negative_slope"] >= 0:
        return LEAKY_RELU
    return RELU if activation["name"] == "relu" else OTHER


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
