"""What the parameters and units of a network are called, layers counted from 1, units and inputs from 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mcstudy.plan import Layer


class Stretch(NamedTuple):
    """Neighbouring parameters of one kind: "weight" (rows × columns of them), "bias" or "slope", of layer `layer`."""

    layer: int
    kind: str
    first: int
    rows: int
    columns: int

    @property
    def stop(self) -> int:
        """The number after that of the last parameter."""
        return self.first + self.rows * self.columns


def stretches(layers: Sequence[Layer]) -> list[Stretch]:
    """The parameters of a network in their order: of each layer the weights, row by row, biases, a trained slope."""
    found: list[Stretch] = []
    first = 0
    for number, layer in enumerate(layers, 1):
        shapes = {"weight": (layer.outputs, layer.inputs), "bias": (layer.outputs, 1), "slope": (1, 1)}
        here = {"weight": not layer.fixed, "bias": layer.biased, "slope": bool(layer.trained)}
        for kind, (rows, columns) in shapes.items():
            if here[kind]:
                found.append(Stretch(number, kind, first, rows, columns))
                first = found[-1].stop
    return found


def parameter_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """``layer1.weight[0,1]`` (unit 0, input 1), ``layer1.bias[0]``, ``layer1.slope``, in the order of parameters."""
    names = []
    for layer, kind, _, rows, columns in stretches(layers):
        for row in range(rows):
            if kind == "weight":
                names += [f"layer{layer}.weight[{row},{column}]" for column in range(columns)]
            else:
                names.append(f"layer{layer}.{kind}" + (f"[{row}]" if kind == "bias" else ""))
    return tuple(names)


def watched_units(layers: Sequence[Layer]) -> dict[str, int]:
    """The hidden units, and output units that have an activation: ``layer1.unit[0]``; their number among all units."""
    found, number = {}, 0
    for i, layer in enumerate(layers, 1):
        for unit in range(layer.outputs):
            if i < len(layers) or layer.activation["name"] != "linear":
                found[f"layer{i}.unit[{unit}]"] = number
            number += 1
    return found
