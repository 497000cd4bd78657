"""Where the numbers of a network lie that is trained one trial after the other, and when that pays."""

from __future__ import annotations

from dataclasses import dataclass

MOST_BYTES, MOST_BYTES_PARTLY = 52 * 1024, 44 * 1024
"""Bytes of weights that a first-level cache of 48 KiB serves well, both copies counted: where all of them are kept
twice, and where only some are."""
MOST_TURNED = 8
"""Lanes of a pack up to which weights are turned in registers, where they are not kept twice."""
MOST_SUMS = 4
"""Packs of units whose sums are added up at a time while weights are turned."""
MOST_REGISTERS = 6
"""Sums of a layer, of trials that are trained side by side."""
LEAST_UNITS, LEAST_FILLED, LEAST_SQUARE = 30, 0.75, 0.7
"""Units of a layer, share of lanes with a unit, and units of the narrower layer over those of the wider one, from which
on this pays."""
MOST_INPUTS, MOST_OUTPUTS = 16, 4
"""Of networks whose code does not become long."""
LEAST_STEPS = 16
"""Steps in one go from which on it pays to turn rows of trials into rows of units."""


@dataclass(frozen=True)
class Shape:
    """A network of two hidden layers, and where its parameters lie while it is trained.

    Attributes:
        inputs, first, second, outputs: its numbers of values.
        lanes: of a pack, which is one register.
        item_bytes: of a number.
    """

    inputs: int
    first: int
    second: int
    outputs: int
    lanes: int
    item_bytes: int

    @property
    def packs(self) -> tuple[int, int]:
        """How many packs the units of each hidden layer fill."""
        return -(-self.first // self.lanes), -(-self.second // self.lanes)

    @property
    def pays(self) -> bool:
        """Whether one trial after the other is faster than all of a pack at once; measured."""
        units = min(self.first, self.second)
        filled = self.first * self.second / (self.packs[0] * self.packs[1] * self.lanes**2)
        square = units / max(self.first, self.second)
        small = self.inputs <= MOST_INPUTS and self.outputs <= MOST_OUTPUTS
        full = units >= LEAST_UNITS and filled >= LEAST_FILLED and square >= LEAST_SQUARE
        return small and full and (self.twice or (self.lanes <= MOST_TURNED and self._bytes <= MOST_BYTES_PARTLY))

    @property
    def _bytes(self) -> int:
        return self.packs[0] * self.packs[1] * self.lanes**2 * self.item_bytes

    @property
    def twice(self) -> bool:
        """Whether the cache has room for all weights between the hidden layers by rows and by columns."""
        return 2 * self._bytes <= MOST_BYTES

    @property
    def columns(self) -> int:
        """How many packs of units of the first layer, from the first on, have their weights by columns, too.

        It is told of shapes that pay.
        """
        if self.twice:
            return self.packs[0]
        return (MOST_BYTES_PARTLY - self._bytes) // (self._bytes // self.packs[0])

    @property
    def by_columns(self) -> int:
        """How many units that is."""
        return min(self.first, self.columns * self.lanes)

    @property
    def groups(self) -> list[range]:
        """Packs of the second layer whose sums are added up at a time."""
        packs = self.packs[1]
        size = packs if self.twice else MOST_SUMS
        return [range(start, min(start + size, packs)) for start in range(0, packs, size)]

    @property
    def beside(self) -> int:
        """Trials that are trained side by side, where the cache and the registers have room for two."""
        return 2 if 4 * self._bytes <= MOST_BYTES and 2 * max(self.packs) <= MOST_REGISTERS else 1

    @property
    def places(self) -> dict[str, int]:
        """Where what is kept of a trial lies, in packs: `rows` has the weights between the hidden layers."""
        one, two = self.packs
        sizes = {
            "first": self.inputs * one,
            "first_biases": one,
            "rows": self.second * one,
            "second_biases": two,
            "head": self.outputs * two,
            "head_biases": self.outputs,
        }
        return _laid_out(sizes)

    @property
    def working(self) -> dict[str, int]:
        """Where what a trial needs while it is trained lies; of `values` and `errors` those of two steps."""
        one, two = self.packs
        sizes = {
            "columns": self.by_columns * two,
            "values": 2 * one,
            "slopes": one,
            "errors": 2 * two,
            "upper": two,
            "outputs": self.outputs,
        }
        return _laid_out(sizes)

    @property
    def room(self) -> int:
        """Packs that training takes, for all trials of a pack."""
        return self.lanes * self.places["end"] + self.beside * self.working["end"]


def _laid_out(sizes: dict[str, int]) -> dict[str, int]:
    at, found = 0, {}
    for name, size in sizes.items():
        found[name] = at
        at += size
    return found | {"end": at}
