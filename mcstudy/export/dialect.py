"""What a framework is to the exporter: a table of its words for mcstudy's parts, and the code around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mcstudy.errors import RunError, shown
from mcstudy.plan import Cell

Part = Mapping[str, Any]
Words = Mapping[str, Mapping[str, str]]

SETTINGS = {
    "activation": "the activation",
    "loss": "train.loss",
    "optimizer": "train.optimizer",
    "regularizer": "train.regularizer",
    "schedule": "train.schedule",
}
"""What messages call the kinds of parts."""


class Body(NamedTuple):
    """The code of a script that is the framework's own, in lines.

    `imports` come first; `setup` makes the network and the optimizer from `start`, `x`, `y`, `points` and `answers`;
    `step` is the body of ``step(n)``, which trains on ``batch(n)``; `evaluate` gives the loss at the points.
    """

    imports: Sequence[str]
    setup: Sequence[str]
    step: Sequence[str]
    evaluate: str


@dataclass(frozen=True)
class Dialect:
    """A framework.

    Attributes:
        title: its name.
        needs: the packages that a script needs.
        table: code by kind of part and by name, with the part's parameters in braces.
        only: by the part's name, values of parameters without which the code would be another's.
        body: (dialect, cell) to the script's own code.
    """

    title: str
    needs: str
    table: Words
    only: Mapping[str, Mapping[str, Any]]
    body: Callable[[Dialect, Cell], Body]

    def lines(self, cell: Cell) -> Body:
        """The code that is the framework's own.

        Raises:
            RunError: it cannot do something that the cell does.
        """
        for number, layer in enumerate(cell.layers, 1):
            if layer.dropout:
                self.refuse(cell, f"network.dropout = {layer.dropout} (layer {number}): its random draws are mcstudy's")
        return self.body(self, cell)

    def code(self, cell: Cell, kind: str, part: Part) -> str:
        """The code of a part.

        Raises:
            RunError: the framework has none, or none with these parameters.
        """
        name = part["name"]
        if name not in self.table[kind]:
            written = name.partition("@")[0]  # a user's part has the digest of its file behind its name
            self.refuse(cell, f"{SETTINGS[kind]} {shown(written)} has no counterpart there")
        for parameter, value in self.only.get(name, {}).items():
            if part[parameter] != value:
                why = f"{parameter} = {shown(part[parameter])}, and {self.title} has only {shown(value)}"
                self.refuse(cell, f"{SETTINGS[kind]} {shown(name)} with {why}")
        return filled(self.table[kind][name], part)

    def refuse(self, cell: Cell, why: str) -> None:
        """Say that a cell cannot be exported.

        Raises:
            RunError: always.
        """
        raise RunError(f"cell {cell.id} ({cell.label}) cannot be exported to {self.title}: {why}")


def filled(code: str, part: Part) -> str:
    """Code with a part's parameters in the place of its braces, as Python writes them."""
    values = {name: repr(tuple(v) if isinstance(v, list) else v) for name, v in part.items() if name != "name"}
    return code.format(**values)


def penalised(cell: Cell) -> Part | None:
    """The cell's regularizer, if any."""
    found: Part | None = cell.settings["train"]["regularizer"]
    return found
