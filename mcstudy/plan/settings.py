"""From the values a study gives for one cell to the settings that decide its trials."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np

from mcstudy.catalog.tasks import TASKS
from mcstudy.errors import Fault, shown
from mcstudy.plan.chosen import Chosen
from mcstudy.plan.networks import network_layers
from mcstudy.plan.probe import probe_points
from mcstudy.plan.tables import Table, TableError, Tables
from mcstudy.plan.together import check_together
from mcstudy.spec import KEYS
from mcstudy.spec.kinds import LARGEST_COUNT
from mcstudy.spec.whole import ONE_OF, REQUIRED, missing_fault

ARITHMETIC: Final = 4
"""The version of the arithmetic: a change of any result's bytes counts it up, so that old trials are not mixed in."""

LARGEST_SHUFFLE: Final = 65536
"""The most points that can be shuffled."""

_DECISIVE: Final = (
    "train.precision",
    *(key.dotted for key in KEYS.values() if key.section in ("task", "network")),
)
"""The keys that a cell's task and network are made of."""


def task_value(values: Mapping[str, Any], name: str) -> Any:
    """The value of a key of a cell, the task's own where the study gives none."""
    value = values.get(name)
    section, _, key = name.partition(".")
    if value is None and section == "task" and key in ("input", "samples", "order") and "task.name" in values:
        named = values["task.name"]
        part = TASKS[named["name"]]
        return part.own_input(named) if key == "input" else getattr(part, key)
    return value


def decisive(chosen: Chosen) -> tuple[int, ...]:
    """What cells of the same task and network have in common: the identities of all values that decide on these.

    They are told apart for as long as the values exist.
    """
    return tuple(id(chosen.get(name)) for name in _DECISIVE)


def make_settings(chosen: Chosen, seed: int, tables: Tables, alike: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything that decides a cell's trials, defaults filled in, as JSON-able data; faults go to `chosen`.

    The result is of no use where there are faults. Its task and network are those of `alike`, the settings of a cell
    that is `decisive` in the same values, where there is one.
    """
    for name in REQUIRED:
        if name not in chosen.values:
            chosen.faults.append(missing_fault(name))
    for names in ONE_OF:
        if not any(name in chosen.values for name in names):
            chosen.faults.append(missing_fault(*names))
    if chosen.faults:
        return {}
    task = alike["task"] if alike else _task(chosen, tables)
    if chosen.faults:
        return {}
    steps = _steps(chosen, task)
    made = {
        "arithmetic": ARITHMETIC,
        "seed": seed,
        "task": task,
        "network": alike["network"] if alike else _network(chosen, task),
        "train": {
            "optimizer": chosen.get("train.optimizer"),
            "loss": chosen.get("train.loss"),
            "steps": steps,
            "precision": chosen.get("train.precision"),
            "schedule": chosen.get("train.schedule"),
            "clip_value": chosen.get("train.clip_value"),
            "clip_norm": chosen.get("train.clip_norm"),
            "regularizer": chosen.get("train.regularizer"),
            "bias_update": chosen.get("train.bias_update"),
            "backward": chosen.get("train.backward"),
        },
        "converge": {
            "loss": chosen.get("converge.loss"),
            "accuracy": chosen.get("converge.accuracy"),
            "weights": chosen.get("converge.weights"),
            "every": chosen.get("converge.every") or max(1, steps // 100),
        },
    }
    if not chosen.faults:
        check_together(chosen, made)
    return made


def _task(chosen: Chosen, tables: Tables) -> dict[str, Any]:
    named = chosen.get("task.name")
    part = TASKS[named["name"]]
    parameters = {name: value for name, value in named.items() if name != "name"}
    samples = task_value(chosen.values, "task.samples")
    size = chosen.get("task.size")
    digest, own = None, None
    if part.inputs is None:
        table = _table(chosen, tables, parameters)
        if table is None:
            return {}
        own, digest = len(table.inputs), table.digest
        _fits(chosen, table, parameters)
        n_inputs, n_outputs = len(parameters["inputs"]), len(parameters["targets"])
        labels = table.labels
        del parameters["file"]  # the contents decide, wherever they lie
        if samples != "shared":
            chosen.refuse("task.samples", f'{shown(samples)} does not go with a table, whose rows are "shared"')
        if size is not None:
            chosen.refuse("task.size", f"{size} does not go with a table, which has its {own} rows; leave size out")
    else:
        n_inputs, n_outputs = part.shape(parameters)
        labels = part.labels_for(parameters)
        if samples == "shared" and size is None:
            own = _own_points(named["name"], json.dumps(parameters))
    if part.own_inputs and "task.input" in chosen.values:
        why = f'does not go with "{part.name}", which makes its inputs itself; leave input out'
        chosen.refuse("task.input", f"{shown(chosen.get('task.input'))} {why}")
    if own is not None and "task.input" in chosen.values:
        whose = (
            "a table" if digest is not None else f'"{part.name}" with its own {own} points (give size to draw others)'
        )
        chosen.refuse("task.input", f"{shown(chosen.get('task.input'))} does not go with {whose}; leave input out")
    size = own if own is not None else _size(chosen, samples, size)
    batch = _batch(chosen, samples, size)
    order = task_value(chosen.values, "task.order") or "shuffled"
    if samples == "fresh" or batch == size:
        order = "sequential"  # nothing repeats, or a pass is one step: the order cannot matter
    elif order == "shuffled" and size is not None and size > LARGEST_SHUFFLE:
        limit = f"points can be shuffled up to {LARGEST_SHUFFLE}, and here are {size}"
        chosen.refuse("task.order", f'"shuffled" is too large: {limit}; write order = "sequential"')
    probe = probe_points(chosen, n_inputs)
    made = {
        "name": part.key,
        "parameters": parameters,
        "input": None if own is not None else task_value(chosen.values, "task.input"),
        "samples": samples,
        "size": size,
        "batch": batch,
        "order": order,
        "noise": chosen.get("task.noise"),
        "data": digest,
        "n_inputs": n_inputs,
        "n_outputs": n_outputs,
        "labels": labels,
    }
    # Left out where it is not given, so that the ids of cells are what they were before there were probes.
    return made if probe is None else made | {"probe": probe}


@lru_cache(maxsize=256)
def _own_points(task: str, parameters: str) -> int | None:
    """How many points a task has of its own; they may be many to make, and cells many to ask."""
    points = TASKS[task].own_points(json.loads(parameters))
    return None if points is None else len(points)


def _table(chosen: Chosen, tables: Tables, parameters: Mapping[str, Any]) -> Table | None:
    try:
        return tables.read(parameters)
    except TableError as error:
        for fault in error.faults:
            path = f"{chosen.paths['task.name']}.{fault.parameter}"
            chosen.faults.append(Fault(path, fault.value, fault.message))
        return None


def _fits(chosen: Chosen, table: Table, parameters: Mapping[str, Any]) -> None:
    """Refuses numbers that the cell's precision cannot hold."""
    precision = chosen.get("train.precision")
    largest = float(np.finfo(precision).max)
    if table.largest <= largest:
        return
    for names, values in ((parameters["inputs"], table.inputs), (parameters["targets"], table.targets)):
        rows, columns = np.nonzero(np.abs(values) > largest)
        if len(rows):
            value = values[rows[0], columns[0]]
            where = f'column "{names[columns[0]]}", row {rows[0] + 1}'
            message = f'{where}: {value} is too large for {precision}; scale the data or write precision = "float64"'
            chosen.refuse("task.name", message, ".file")


def _size(chosen: Chosen, samples: str, size: int | None) -> int | None:
    if samples == "fresh":
        if size is not None:
            why = 'does not go with samples = "fresh", which draws a new batch for each step'
            chosen.refuse("task.size", f'{size} {why}; leave size out, or write samples = "trial" or "shared"')
        return None
    if size is None:
        chosen.refuse("task.size", f'missing; samples = "{samples}" needs size, how many points are drawn')
    return size


def _batch(chosen: Chosen, samples: str, size: int | None) -> Any:
    batch = chosen.get("task.batch")
    if batch == "all":
        if samples == "fresh":
            chosen.refuse("task.batch", '"all" does not go with samples = "fresh", which has no set; give a number')
        return size
    if samples != "fresh" and size is not None and batch > size:
        known = "the one point there is" if size == 1 else f"the {size} points there are"
        chosen.refuse("task.batch", f'{batch} is more than {known}; give up to {size}, or "all"')
    return batch


def _steps(chosen: Chosen, task: Mapping[str, Any]) -> int:
    epochs = chosen.get("train.epochs")
    if epochs is None:
        return int(chosen.get("train.steps"))
    if task["samples"] == "fresh":
        why = 'does not go with samples = "fresh", which has no set to pass over'
        chosen.refuse("train.epochs", f"{epochs} {why}; give steps instead")
        return 0
    steps = epochs * math.ceil(task["size"] / task["batch"])
    if steps > LARGEST_COUNT:
        chosen.refuse("train.epochs", f"{epochs} epochs are {steps} steps; there can be up to {LARGEST_COUNT}")
    return int(steps)


def _network(chosen: Chosen, task: Mapping[str, Any]) -> dict[str, Any]:
    hidden, bias = chosen.get("network.hidden"), chosen.get("network.bias")
    activation, output = chosen.get("network.activation"), chosen.get("network.output")
    made = {
        "hidden": hidden,
        "bias": bias,
        "activation": activation,
        "output": activation if output["name"] == "activation" else output,
        "dropout": _dropout(chosen, len(hidden)),
    }
    if output["name"] == "sum":
        if not hidden:
            why = '"sum" adds the last hidden units, and hidden = [] has none'
            chosen.refuse("network.output", f'{why}; give widths, or "linear"')
        if task["n_outputs"] != 1:
            why = f'"sum" gives one output, and "{TASKS[task["name"]].name}" has {task["n_outputs"]}'
            chosen.refuse("network.output", f'{why}; give "linear", "activation" or an activation')
    return made | {"init": _init(chosen, sum(layer.parameters for layer in network_layers(task, made)))}


def _dropout(chosen: Chosen, layers: int) -> list[float]:
    """One rate for each hidden layer."""
    rates = chosen.get("network.dropout")
    if not isinstance(rates, list):
        return [rates] * layers
    if len(rates) != layers:
        why = f"is not a list of {layers}, a rate for each hidden layer; give one number to drop alike in all"
        chosen.refuse("network.dropout", f"{shown(rates)} {why}")
        return [0.0] * layers
    return rates


def _init(chosen: Chosen, count: int) -> dict[str, Any]:
    """The initialiser; a grid with one entry of each parameter per axis."""
    init = dict(chosen.get("network.init"))
    if init["name"] != "grid":
        return init
    axes = len(init["points"])
    if axes != count:
        why = f"has {axes} entries, and the network {count} parameters, biases included; a grid needs as many (1 or 2)"
        chosen.refuse("network.init", f"{shown(init['points'])} {why}", ".points")
    for name in ("low", "high"):
        if len(init[name]) not in (1, axes):
            why = f"is not a number, or a list as long as points, {shown(init['points'])}"
            chosen.refuse("network.init", f"{shown(init[name])} {why}", f".{name}")
        if len(init[name]) == 1:
            init[name] = init[name] * axes
    return init
