"""The rows of one cell in the tables that kernels read: its training, its criteria, its layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS, Distribution, Recipe
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.regularizers import REGULARIZERS
from mcstudy.catalog.schedules import SCHEDULES
from mcstudy.kernels.layout import BINARY, CLASSES, HYPERPARAMETERS, LEAKY_RELU, OTHER, REAL, RELU
from mcstudy.plan import Cell, Layer
from mcstudy.training.diagnosis import note_count

TILE, TILE_BYTES = 8, 192 * 1024
"""Samples that pass through a network together, half as many where their values would take more bytes than that."""
ZERO = 0
"""Address of a pack that stays zero."""


class Memory:
    """Hands out addresses."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, packs: int) -> int:
        """The address of so many packs that nobody has."""
        address = self.size
        self.size += packs
        return address


def numbers_of(part: Mapping[str, Any], count: int) -> list[float]:
    """The first parameters of a part that has only numbers, 0 where it has fewer."""
    values = [float(v) for k, v in part.items() if k != "name"]
    return (values + [0.0] * count)[:count]


def cell_row(
    cell: Cell,
    memory: Memory,
    layers: list[dict[str, Any]],
    axes: list[tuple[float, float, float]],
    numbers: list[float],
    pack_bytes: int,
) -> dict[str, Any]:
    """The row of a cell; rows of its layers, grid axes and numbers go to the lists.

    What is left open: the tile's addresses, and those of compiled loops.
    """
    settings = cell.settings
    training, task, init = settings["train"], settings["task"], settings["network"]["init"]
    own = cell.layers
    optimizer = OPTIMIZERS[training["optimizer"]["name"]]
    hyper = optimizer.hyper(training["optimizer"])
    count = cell.parameters
    parameters = memory.take(count)
    slots = memory.take(optimizer.slots * count)
    ones = memory.take(own[-1].inputs if own[-1].fixed else 0)
    row: dict[str, Any] = {
        "first_layer": len(layers),
        "layers": len(own),
        "parameters": parameters,
        "count": count,
        "final": memory.take(count),
        "notes": memory.take(note_count(len(own) - 1)),
        "noted": note_count(len(own) - 1),
        "slots": slots,
        "slot_count": optimizer.slots,
        "gradients": memory.take(count),
        "snapshot": memory.take((1 + optimizer.slots) * count) if _repeats(cell, optimizer.counts) else -1,
        "grid": -1,
        "hyper": list(hyper) + [0.0] * (HYPERPARAMETERS - len(hyper)),
        "batch": task["batch"],
        "steps": training["steps"],
        "every": settings["converge"]["every"],
        "bias_decay": training["bias_update"] == "decay",
        "after_update": training["backward"] == "after_update",
        **_loss(settings),
        **_adjustments(training),
        **_criteria(settings, numbers),
        **_schedule(training, numbers),
    }
    row["fused"] = _fused(cell) and not row["adjusted"] and not row["schedule_rows"]
    units = task["n_inputs"] + sum((3 + layer.trained) * layer.outputs for layer in own) + task["n_outputs"]
    row["tile"] = TILE if TILE * units * pack_bytes <= TILE_BYTES else TILE // 2
    if row["after_update"]:
        row["tile"] = max(row["tile"], task["batch"])
    if init["name"] == "grid":
        row["grid"] = len(axes)
        axes.extend(_axes(init, count))
    at = parameters
    for number, layer in enumerate(own):
        layers.append(_layer(layer, number, ones if layer.fixed else at, init))
        at += layer.parameters
    row["scaled"] = any(made["scaled"] for made in layers[row["first_layer"] :])
    return row


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


def _fused(cell: Cell) -> bool:
    """Whether a step is plain gradient descent on one sample, which has a faster way of its own."""
    optimizer = cell.settings["train"]["optimizer"]
    plain = optimizer["name"] == "sgd" and not (optimizer["momentum"] or optimizer["weight_decay"])
    return bool(plain and cell.settings["task"]["batch"] == 1 and not any(map(_special, cell.layers)))


def draws(layer: Layer) -> bool:
    """Whether a layer draws numbers in training: units that are left out, or random slopes."""
    return bool(layer.dropout or ACTIVATIONS[layer.activation["name"]].random)


def _special(layer: Layer) -> bool:
    return bool(layer.fixed or layer.trained or draws(layer))


def _layer(layer: Layer, number: int, weights: int, init: Mapping[str, Any]) -> dict[str, Any]:
    activation = ACTIVATIONS[layer.activation["name"]]
    a, b = activation.numbers(layer.activation)
    after = weights + layer.weights
    trained = after + (layer.outputs if layer.biased else 0)
    recipe, bias = starts(layer, init)
    row: dict[str, Any] = {
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "weights": weights,
        "biases": after if layer.biased else -1,
        "start": after if layer.biased else ZERO,
        "start_row": 1 if layer.biased else 0,
        "zero": ZERO,
        "number": number,
        "fixed": layer.fixed,
        "kind": _kind(layer.activation),
        "a": a,
        "b": b,
        "trained": trained if layer.trained else -1,
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


def _kind(activation: Mapping[str, Any]) -> int:
    if activation["name"] == "leaky_relu" and activation["negative_slope"] >= 0:
        return LEAKY_RELU
    return RELU if activation["name"] == "relu" else OTHER


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
    if any(map(draws, cell.layers)) or cell.settings["train"]["schedule"] is not None:
        return False
    return bool(every % -(-task["size"] // task["batch"]) == 0 and steps % every == 0)
