"""The rows of one cell in the tables that kernels read: its training, its criteria, its layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS, Distribution, Recipe
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.regularizers import REGULARIZERS
from mcstudy.catalog.schedules import SCHEDULES
from mcstudy.engine.plain import draws, is_plain, unit_shape
from mcstudy.kernels.layout import BINARY, CLASSES, HYPERPARAMETERS, LEAKY_RELU, OTHER, REAL, RELU
from mcstudy.plan import Cell, Layer
from mcstudy.training.diagnosis import note_count

TILE, TILE_BYTES = 8, 192 * 1024
"""Samples that pass through a network together, half as many where their values would take more bytes than that."""
ZERO = 0
"""Address of a pack that stays zero."""


class Memory:
    """Hands out addresses, from `size` on."""

    def __init__(self, size: int = 0) -> None:
        self.size = size

    def take(self, packs: int) -> int:
        """The address of so many packs that nobody has."""
        address = self.size
        self.size += packs
        return address


def numbers_of(part: Mapping[str, Any], count: int) -> list[float]:
    """The first parameters of a part that has only numbers, 0 where it has fewer."""
    values = [float(v) for k, v in part.items() if k != "name"]
    return (values + [0.0] * count)[:count]


def cell_room(cell: Cell) -> dict[str, int]:
    """How many packs a cell takes of each kind that it shares with no other, by the name of their address."""
    slots, count, last = OPTIMIZERS[cell.settings["train"]["optimizer"]["name"]].slots, cell.parameters, cell.layers[-1]
    shape = unit_shape(cell)
    return {
        "parameters": count,
        "slots": slots * count,
        "ones": last.inputs if last.fixed else 0,
        "final": count,
        "notes": note_count(len(cell.layers) - 1),
        "gradients": max(count, shape.room) if shape else count,
        "snapshot": (1 + slots) * count if _repeats(cell) else 0,
    }


def tile_of(cell: Cell, pack_bytes: int) -> tuple[int, int]:
    """Samples of a cell's tile, and how many packs it takes of the memory for tiles, which cells use in turn."""
    task = cell.settings["task"]
    units = task["n_inputs"] + sum((3 + layer.trained) * layer.outputs for layer in cell.layers) + task["n_outputs"]
    tile = TILE if TILE * units * pack_bytes <= TILE_BYTES else TILE // 2
    if cell.settings["train"]["backward"] == "after_update":
        tile = max(tile, int(task["batch"]))
    return tile, tile * units


def cell_row(
    cell: Cell,
    shapes: Sequence[dict[str, Any]],
    memory: Memory,
    layers: list[dict[str, Any]],
    axes: list[tuple[float, float, float]],
    numbers: list[float],
    pack_bytes: int,
) -> dict[str, Any]:
    """The row of a cell; rows of its layers, grid axes and numbers go to the lists.

    What is left open: the tile's addresses, and those of compiled loops.

    Args:
        cell: the cell.
        shapes: `layer_rows` of its network.
        memory: where it takes addresses.
        layers, axes, numbers: the lists.
        pack_bytes: of a pack.
    """
    settings = cell.settings
    training, init = settings["train"], settings["network"]["init"]
    optimizer = OPTIMIZERS[training["optimizer"]["name"]]
    hyper = optimizer.hyper(training["optimizer"])
    room = cell_room(cell)
    at = {name: memory.take(packs) for name, packs in room.items()}
    row: dict[str, Any] = {
        "first_layer": len(layers),
        "layers": len(shapes),
        "parameters": at["parameters"],
        "count": room["parameters"],
        "final": at["final"],
        "notes": at["notes"],
        "noted": room["notes"],
        "slots": at["slots"],
        "slot_count": optimizer.slots,
        "gradients": at["gradients"],
        "snapshot": at["snapshot"] if room["snapshot"] else -1,
        "grid": -1,
        "hyper": list(hyper) + [0.0] * (HYPERPARAMETERS - len(hyper)),
        "batch": settings["task"]["batch"],
        "tile": tile_of(cell, pack_bytes)[0],
        "steps": training["steps"],
        "every": settings["converge"]["every"],
        "bias_decay": training["bias_update"] == "decay",
        "after_update": training["backward"] == "after_update",
        "scaled": any(shape["scaled"] for shape in shapes),
        **_loss(settings),
        **_adjustments(training),
        **_criteria(settings, numbers),
        **_schedule(training, numbers),
    }
    row["fused"] = is_plain(cell) and not row["adjusted"] and not row["schedule_rows"]
    if init["name"] == "grid":
        row["grid"] = len(axes)
        axes.extend(_axes(init, cell.parameters))
    weights = at["parameters"]
    for layer, shape in zip(cell.layers, shapes, strict=True):
        layers.append(shape | _addresses(layer, at["ones"] if layer.fixed else weights))
        weights += layer.parameters
    return row


def _addresses(layer: Layer, weights: int) -> dict[str, int]:
    """Where a layer's parameters lie, given where its weights do."""
    biases = weights + layer.weights
    return {
        "weights": weights,
        "biases": biases if layer.biased else -1,
        "start": biases if layer.biased else ZERO,
        "trained": biases + layer.outputs * layer.biased if layer.trained else -1,
    }


def _loss(settings: Mapping[str, Any]) -> dict[str, Any]:
    named = settings["train"]["loss"]
    loss = LOSSES[named["name"]]
    return {
        "loss_a": numbers_of(named, 1)[0],
        "loss_terms": 1 if loss.joint else settings["task"]["n_outputs"],
        "mse": loss.name == "mse",
    }


def _adjustments(training: Mapping[str, Any]) -> dict[str, Any]:
    """What changes a gradient before the update."""
    named = training["regularizer"]
    l1, l2, repulsion = REGULARIZERS[named["name"]].strengths(named) if named else (0.0, 0.0, 0.0)
    found = {
        "l1": l1,
        "l2": l2,
        "repulsion": repulsion,
        "clip_value": training["clip_value"] or 0.0,
        "clip_norm": training["clip_norm"] or 0.0,
    }
    return found | {"adjusted": any(found.values())}


def _criteria(settings: Mapping[str, Any], numbers: list[float]) -> dict[str, Any]:
    converge, labels = settings["converge"], settings["task"]["labels"]
    found: dict[str, Any] = {
        "threshold": math.inf if converge["loss"] is None else converge["loss"],
        "labels": REAL,
        "goal": -1,
    }
    if converge["accuracy"] is not None:
        logits = LOSSES[settings["train"]["loss"]["name"]].logits
        found["accuracy"] = converge["accuracy"]
        found["labels"] = CLASSES if labels == "classes" else BINARY
        found["middle"] = 0.0 if labels == "signs" else 0.5
        found["cut"] = 0.0 if labels == "signs" or logits else 0.5
    if converge["weights"] is not None:
        found["goal"], found["within"] = len(numbers), converge["weights"]["within"]
        numbers.extend(converge["weights"]["target"])
    return found


def _schedule(training: Mapping[str, Any], numbers: list[float]) -> dict[str, Any]:
    named = training["schedule"]
    if named is None:
        return {"schedule": 0, "schedule_rows": 0}
    rows = SCHEDULES[named["name"]].rows(named, training["optimizer"]["lr"], training["steps"])
    found = {"schedule": len(numbers), "schedule_rows": len(rows)}
    for row in rows:
        numbers.extend(row)
    return found


def layer_rows(network: Sequence[Layer], init: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a network's layers but for all addresses: the same in all cells that have the network."""
    return [_layer(layer, number, init) for number, layer in enumerate(network)]


def _layer(layer: Layer, number: int, init: Mapping[str, Any]) -> dict[str, Any]:
    activation = ACTIVATIONS[layer.activation["name"]]
    a, b = activation.numbers(layer.activation)
    recipe, bias = starts(layer, init)
    row: dict[str, Any] = {
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "start_row": 1 if layer.biased else 0,
        "zero": ZERO,
        "number": number,
        "fixed": layer.fixed,
        "kind": _kind(layer),
        "a": a,
        "b": b,
        "trained_start": a,
        "dropout": layer.dropout,
        "scheme": recipe.scheme,
        "scheme_a": recipe.scheme_a,
        "mirrored": recipe.mirrored,
        "scaled": recipe.scaled and not layer.fixed,
    }
    for kind, distribution in (("weight", recipe.distribution), ("bias", bias)):
        row[f"{kind}_init"] = distribution.code
        for letter in "abcd":
            row[f"{kind}_{letter}"] = getattr(distribution, letter)
    return row


def starts(layer: Layer, init: Mapping[str, Any]) -> tuple[Recipe, Distribution]:
    """How the weights of a layer start, and how its biases do."""
    recipe = INITS[init["name"]].recipe(init, layer.inputs, layer.outputs)
    bias = recipe.distribution  # where the initialisation has no such parameter
    if "bias" in init:
        bias = INITS[init["bias"]["name"]].recipe(init["bias"], layer.inputs, layer.outputs).distribution
    return recipe, bias


def _kind(layer: Layer) -> int:
    activation = layer.activation
    if layer.dropout:
        return OTHER  # its slopes cannot be told from its values
    if activation["name"] == "leaky_relu" and activation["negative_slope"] >= 0:
        return LEAKY_RELU
    return RELU if activation["name"] == "relu" else OTHER


def _axes(init: Mapping[str, Any], count: int) -> list[tuple[float, float, float]]:
    def each(value: Any) -> list[Any]:
        values = list(value) if isinstance(value, list | tuple) else [value]
        return values * count if len(values) == 1 else values

    return list(zip(each(init["low"]), each(init["high"]), each(init["points"]), strict=True))


def _repeats(cell: Cell) -> bool:
    """Whether training repeats itself once parameters and optimizer state come back at a check.

    The samples of every stretch between checks must be the same, and no update may depend on the number of the step.
    """
    task, steps, every = cell.settings["task"], cell.settings["train"]["steps"], cell.settings["converge"]["every"]
    counts = OPTIMIZERS[cell.settings["train"]["optimizer"]["name"]].counts
    if counts or task["samples"] == "fresh" or task["order"] == "shuffled" or steps == 0:
        return False
    if any(map(draws, cell.layers)) or cell.settings["train"]["schedule"] is not None:
        return False
    return bool(every % -(-task["size"] // task["batch"]) == 0 and steps % every == 0)
