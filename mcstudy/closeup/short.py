"""Short names of parameters, for the axes of figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcstudy.plan import Layer


def short_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """``w`` and ``b`` of a single unit; ``w1[0]``, ``b2`` of networks, in the order of the parameters.

    Layers are counted from 1 and left out where there is one; units and inputs are counted from 0, and left out where
    there is one: ``w1[2]`` belongs to unit 2 of layer 1 or to its input 2, ``w1[2,0]`` to unit 2 and input 0.
    """
    names: list[str] = []
    for number, layer in enumerate(layers, 1):
        where = str(number) if len(layers) > 1 else ""
        units, inputs = range(layer.outputs), range(layer.inputs)
        if not layer.fixed:
            names += [_name("w" + where, unit, layer.outputs, i, layer.inputs) for unit in units for i in inputs]
        if layer.biased:
            names += [_name("b" + where, unit, layer.outputs, 0, 1) for unit in units]
        if layer.trained:
            names.append("a" + where)
    return tuple(names)


def _name(stem: str, unit: int, units: int, column: int, columns: int) -> str:
    places = [str(unit)] * (units > 1) + [str(column)] * (columns > 1)
    return stem + (f"[{','.join(places)}]" if places else "")
