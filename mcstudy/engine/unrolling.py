"""Which cells train by kernels of their own network, and what those kernels are told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.activations.piecewise import PIECEWISE
from mcstudy.catalog.dispatch import activation_name
from mcstudy.catalog.losses import LOSSES
from mcstudy.engine.cost import trial_nanoseconds
from mcstudy.engine.plain import draws, unit_shape
from mcstudy.engine.rows import Layout
from mcstudy.kernels.layout import REAL, TABLE, TRIAL
from mcstudy.plan import Cell, Layer
from mcstudy.training.passes import Dense, Network
from mcstudy.training.unit_shapes import Shape
from mcstudy.training.unrolled import gradients_address, losses_address, steps_address, units_address

MOST_WEIGHTS, MOST_STEPS_WEIGHTS = 100, 320
"""Most weights of a network whose kernels are written out, for batches and losses and for steps on one sample each; the
general ones are as fast for larger ones, whose own code would be too long for a processor's cache. Of wide ones, some
have steps that take one trial after the other, see `training.unit_shapes`."""

WORTH_SECONDS, WORTH_WEIGHTS = 1.0, 80
"""Seconds of one core that the cost model must foresee, for kernels of their own to be compiled, and as many more for
so many weights: compiling takes half of that, and then half of the time is saved, or a third of large networks."""
WORTH_UNITS = 8.0
"""Likewise, for kernels that train a wide network one trial after the other: they take up to a second to compile, and a
thirtieth to a third of the time is saved."""
LOADED_SECONDS = 0.1
"""Likewise, for kernels to be used that an earlier run has left on disk: loading takes a tenth of that."""


_loaded: dict[tuple[str, str], int] = {}
"""The addresses of kernels that this process has, by their kind and name."""


class Unrolled:
    """Which cells train by kernels of their own, and whether these may have to be compiled.

    Args:
        compiled: ids of the cells that have them at any rate.
        loaded: ids of those that have them where their machine code is on disk.
        kinds: the kinds of cells, by id, where they are known.
    """

    def __init__(
        self, compiled: Iterable[str] = (), loaded: Iterable[str] = (), kinds: Mapping[str, str] | None = None
    ) -> None:
        self._compiled, self._loaded, self._kinds = frozenset(compiled), frozenset(loaded), kinds or {}
        self._addresses: dict[Hashable, dict[str, int]] = {}

    def wants(self, cell: Cell) -> bool:
        """Whether a cell may get such kernels."""
        return cell.id in self._compiled or cell.id in self._loaded

    def compiles(self, cell: Cell) -> bool:
        """Whether they may have to be compiled for a cell."""
        return cell.id in self._compiled

    def addresses(self, cell: Cell, ways: Hashable, find: Callable[[], dict[str, int]]) -> dict[str, int]:
        """What `find` gives, asked once for all cells of a kind that train in these ways."""
        key = self._kinds.get(cell.id) or _kind(cell), ways, self.compiles(cell)
        if key not in self._addresses:
            self._addresses[key] = find()
        return self._addresses[key]


def worth_unrolling(cells: Iterable[Cell], trials: Mapping[str, int]) -> Unrolled:
    """The cells for whose networks kernels of their own pay, given how many trials each is to have, by its id."""
    seconds: dict[str, float] = {}
    kinds = {cell.id: _kind(cell) for cell in cells}
    for cell in cells:
        cost = trial_nanoseconds([cell]) * 1e-9 * trials[cell.id]
        seconds[kinds[cell.id]] = seconds.get(kinds[cell.id], 0.0) + cost
    enough = {kinds[cell.id]: _enough(cell) for cell in cells}
    compiled = {cell for cell, kind in kinds.items() if seconds[kind] >= enough[kind]}
    return Unrolled(compiled, {cell for cell, kind in kinds.items() if seconds[kind] >= LOADED_SECONDS}, kinds)


def _enough(cell: Cell) -> float:
    return WORTH_UNITS if unit_shape(cell) else WORTH_SECONDS * (1 + _weights(cell) / WORTH_WEIGHTS)


def _weights(cell: Cell) -> int:
    return sum(layer.inputs * layer.outputs for layer in cell.layers)


def _kind(cell: Cell) -> str:
    """Cells of one kind share their kernels."""
    train, task = cell.settings["train"], cell.settings["task"]
    ways = train["loss"]["name"], train["precision"], train["bias_update"], train["backward"], task["batch"] == 1
    return repr((cell.layers, ways, unit_shape(cell)))


def unroll(layout: Layout, cell: Cell, row: dict[str, Any], unrolled: Unrolled) -> None:
    """Give a cell's row the addresses of its network's own kernels, where it is to have some, and their numbers.

    Kernels that were never used before are compiled here.
    """
    loss = LOSSES[cell.settings["train"]["loss"]["name"]]
    special = any(layer.trained or draws(layer) for layer in cell.layers)
    shape = unit_shape(cell) if row["fused"] else None
    if shape is not None and shape.lanes != layout.lanes:  # a register is not all of a pack
        shape = None
    most = MOST_STEPS_WEIGHTS if row["fused"] else MOST_WEIGHTS
    if loss.joint or special or (shape is None and _weights(cell) > most):
        return
    made = layout.layers[row["first_layer"] : row["first_layer"] + row["layers"]]
    row["unrolled_numbers"] = len(layout.numbers)
    layout.numbers.append(row["loss_a"])
    for layer in made:
        layout.numbers.extend((layer["a"], layer["b"]))
    if shape is not None:
        layout.numbers.append(row["gradients"] - row["parameters"])  # where its room begins
    group = layout.group[0]
    learned = bool(group["source"] == TABLE and not group["shuffled"] and not group["spread"])
    ways = row["fused"], row["labels"], learned, bool(group["source"] != TRIAL), layout.lanes, shape
    compiles = unrolled.compiles(cell)
    row |= unrolled.addresses(cell, ways, lambda: _addresses(cell, row, made, ways, layout.pack, compiles))


def _addresses(
    cell: Cell,
    row: Mapping[str, Any],
    made: Sequence[dict[str, Any]],
    ways: tuple[bool, int, bool, bool, int, Shape | None],
    pack: np.dtype,
    compiles: bool,
) -> dict[str, int]:
    """The addresses of a network's kernels; with `compiles`, also of those that are not on disk."""

    def address(kind: str, make: Callable[..., int], network: Network) -> int:
        name = _name(cell, network, pack)
        if (kind, name) not in _loaded:
            if not compiles and not any(jit.kernel_cache().glob(f"*/*.{kind}-{name}-*.nbi")):
                return 0
            _loaded[kind, name] = make(network, name, pack)
        return _loaded[kind, name]

    fused, labels, learned, evaluated, _, shape = ways
    found = {}
    if shape is not None:  # too wide for the others
        training = _network(cell, made, learned)
        return {"unrolled_steps": address("units", partial(units_address, shape), training)}
    if fused:
        training = _network(cell, made, learned, row["bias_decay"], row["after_update"])
        found["unrolled_steps"] = address("steps", steps_address, training)
    elif not row["after_update"]:
        training = _network(cell, made, learned)
        found["unrolled_gradients"] = address("gradients", gradients_address, training)
    if labels == REAL and _weights(cell) <= MOST_WEIGHTS:
        checked = _network(cell, made, evaluated)
        found["unrolled_losses"] = address("losses", losses_address, checked)
    return found


def _network(
    cell: Cell, made: Sequence[dict[str, Any]], table: bool, bias_decay: bool = False, after_update: bool = False
) -> Network:
    loss = LOSSES[cell.settings["train"]["loss"]["name"]]
    layers = tuple(_dense(layer, row["kind"]) for layer, row in zip(cell.layers, made, strict=True))
    return Network(layers, loss.value, loss.gradient, loss.name == "mse", table, bias_decay, after_update)


def _dense(layer: Layer, kind: int) -> Dense:
    name = layer.activation["name"]
    function = ACTIVATIONS[name].function_for(layer.activation)
    return Dense(layer.inputs, layer.outputs, layer.biased, layer.fixed, function, kind, name not in PIECEWISE)


def _name(cell: Cell, network: Network, pack: np.dtype) -> str:
    """What tells a network's code for packs of a kind from all other; a digest where that is long."""
    layers = "-".join(
        f"{layer.inputs}{'b' * layer.biased}{'f' * layer.fixed}-"
        f"{activation_name(ACTIVATIONS[layer.activation['name']], layer.activation)}{dense.kind}"
        for layer, dense in zip(cell.layers, network.layers, strict=True)
    )
    ways = "t" * network.table + "d" * network.bias_decay + "a" * network.after_update
    name = f"{layers}-{network.layers[-1].outputs}-{LOSSES[cell.settings['train']['loss']['name']].key}-{ways}"
    name += f"-{pack.base.itemsize}x{pack.shape[0]}"
    return name if len(name) <= 80 else hashlib.sha256(name.encode()).hexdigest()[:32]
