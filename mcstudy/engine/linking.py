"""What a layout needs compiled code for: the addresses of the parts' loops, and a task's random constants."""

from __future__ import annotations

from collections.abc import Sequence

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.dispatch import activation_addresses, loss_addresses, target_address, update_address
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.tasks import TASKS
from mcstudy.engine.rows import Layout
from mcstudy.plan import Cell


def link(layout: Layout, cells: Sequence[Cell]) -> None:
    """Fill in the addresses of the loops that the cells of a layout use, and the constants of their task.

    Loops that were never used before are compiled here.
    """
    task, seed, dtype = cells[0].settings["task"], cells[0].settings["seed"], layout.dtype
    part = TASKS[task["name"]]
    layout.group["task"] = target_address(part, dtype)
    layout.group["constants"] = len(layout.numbers)
    if part.target is not None:
        from mcstudy.training.points import task_normals

        number = task["parameters"].get("number", 0)
        layout.numbers.extend(part.constants(task["parameters"], lambda count: task_normals(seed, number, count)))
    for cell, row in zip(cells, layout.cells, strict=True):
        training = cell.settings["train"]
        optimizer = OPTIMIZERS[training["optimizer"]["name"]]
        row["optimizer"] = update_address(optimizer, training["optimizer"], dtype)
        loss = LOSSES[training["loss"]["name"]]
        row["loss_value"], row["loss_gradient"] = loss_addresses(loss, dtype)
        for number, layer in enumerate(cell.layers):
            made = layout.layers[row["first_layer"] + number]
            activation = ACTIVATIONS[layer.activation["name"]]
            made["activation"], made["random"] = activation_addresses(activation, layer.activation, dtype)
