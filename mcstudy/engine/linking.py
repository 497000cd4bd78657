"""What a layout needs compiled code for: the addresses of the parts' loops, and a task's random constants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mcstudy.catalog.activations import ACTIVATIONS, Activation
from mcstudy.catalog.dispatch import (
    activation_addresses,
    draw_address,
    loss_addresses,
    target_address,
    update_address,
)
from mcstudy.catalog.inits import INITS, Distribution
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.tasks import TASKS
from mcstudy.engine.cell_rows import starts
from mcstudy.engine.rows import Layout
from mcstudy.engine.unrolling import Unrolled, unroll
from mcstudy.errors import Fault, StudyError
from mcstudy.kernels.users import UnusableFunction
from mcstudy.plan import Cell, Layer
from mcstudy.training.seldom import fused_steps_address, scale_address, shuffle_address


def link(layout: Layout, cells: Sequence[Cell], unrolled: Unrolled | None = None) -> None:
    """Fill in the addresses of the loops that the cells of a layout use, and the constants of their task.

    Loops that were never used before are compiled here. Cells that are `unrolled` get kernels of their own, where
    that pays.

    Raises:
        StudyError: a function of a user's file cannot be compiled.
    """
    with _faults_told():
        task, seed, pack = cells[0].settings["task"], cells[0].settings["seed"], layout.pack
        part = TASKS[task["name"]]
        layout.group["task"] = target_address(part, pack)
        if layout.group["shuffled"][0]:
            layout.group["shuffle"] = shuffle_address(pack)
        layout.group["constants"] = len(layout.numbers)
        if part.target is not None:
            from mcstudy.training.points import task_normals

            number = task["parameters"].get("number", 0)
            layout.numbers.extend(part.constants(task["parameters"], lambda count: task_normals(seed, number, count)))
        last: Any = None
        addresses: list[dict[str, int]] = []  # of the cell before, whose network is often the same
        losses: dict[str, tuple[int, int]] = {}
        for cell, row in zip(cells, layout.cells, strict=True):
            training = cell.settings["train"]
            optimizer, loss = OPTIMIZERS[training["optimizer"]["name"]], training["loss"]["name"]
            row["optimizer"] = update_address(optimizer, training["optimizer"], pack)
            if loss not in losses:
                losses[loss] = loss_addresses(LOSSES[loss], pack)
            row["loss_value"], row["loss_gradient"] = losses[loss]
            own, init = layout.layers[row["first_layer"] :][: row["layers"]], cell.settings["network"]["init"]
            network = cell.layers, init
            if network != last:
                last, addresses = network, [_layer_addresses(layer, init, pack) for layer in cell.layers]
            for made, found in zip(own, addresses, strict=True):
                made |= found
            if unrolled is not None and unrolled.wants(cell):
                unroll(layout, cell, row, unrolled)
            if row["fused"] and not row.get("unrolled_steps"):
                row["fused_loop"] = fused_steps_address(pack)
            if row["scaled"]:
                row["scale"] = scale_address(pack)


def _layer_addresses(layer: Layer, init: Mapping[str, Any], pack: np.dtype) -> dict[str, int]:
    """The addresses in a layer's row."""
    usual, random = activation_addresses(ACTIVATIONS[layer.activation["name"]], layer.activation, pack)
    recipe, bias = starts(layer, init)
    return {
        "activation": usual,
        "random": random,
        "weight_loop": _draw_address(recipe.distribution, pack),
        "bias_loop": _draw_address(bias, pack),
    }


def compile_own(cells: Iterable[Cell], file: str | None = None) -> None:
    """Compile and try what the cells use of users' files, so that faults show before anything is written or trained.

    Args:
        cells: the cells.
        file: the study file, for the message.

    Raises:
        StudyError: a function of a user's file cannot be compiled, or a derivative is wrong.
    """
    with _faults_told(file):
        checks: dict[Any, tuple[Activation, int]] = {}
        last: Any = None
        for cell in cells:
            task, init = TASKS[cell.settings["task"]["name"]], cell.settings["network"]["init"]
            used = task, cell.layers, init, cell.settings["train"]["precision"]
            if used == last:
                continue
            last, dtype = used, np.dtype(used[-1])
            if task.origin:
                target_address(task, dtype)
            for layer in cell.layers:
                activation = ACTIVATIONS[layer.activation["name"]]
                if activation.origin:
                    address, _ = activation_addresses(activation, layer.activation, dtype)
                    checks[activation.key, activation.numbers(layer.activation), dtype] = activation, address
                recipe, bias = starts(layer, init)
                _draw_address(recipe.distribution, dtype)
                _draw_address(bias, dtype)
        for (_, numbers, dtype), (activation, address) in checks.items():
            _check_slope(activation, address, numbers, dtype)


def _check_slope(activation: Activation, address: int, numbers: tuple[float, float], dtype: Any) -> None:
    """Refuse a derivative that is none: a wrong one would make every rate wrong without a word."""
    if activation.surrogate:
        return
    from mcstudy.training.slopes import wrong_slope

    if wrong := wrong_slope(address, numbers, dtype):
        why = (
            f"its second value is not the derivative of the first: at z = {wrong.z:.6g} it is {wrong.given:.6g}, and "
            f"the values rise by {wrong.found:.6g}; if that is meant, write @activation(surrogate=True, ...)"
        )
        raise UnusableFunction(activation.written, why)


def _draw_address(distribution: Distribution, dtype: Any) -> int:
    return draw_address(INITS[distribution.own], dtype) if distribution.own else 0


@contextmanager
def _faults_told(file: str | None = None) -> Iterator[None]:
    try:
        yield
    except UnusableFunction as error:
        raise StudyError([Fault("$.study.parts", None, error.text)], file) from error
