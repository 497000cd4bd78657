"""Trials whose units lie in the lanes: where their numbers are, and how they get there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcstudy.kernels.lines import Lines
from mcstudy.training.passes import Grid, Network, Passes
from mcstudy.training.unit_shapes import Shape


class Trials(Passes):
    """Writes code for some trials side by side.

    A `Grid` has a row for each of these trials, of the packs that the units of a layer fill. Lanes of the last pack
    that have no unit hold some numbers or other, which go nowhere: they are never `single`, and only those are what
    the lanes of another layer are made of.

    `move` is for all trials of the pack; all else is for those that `begin` has chosen.
    """

    def __init__(self, network: Network, shape: Shape, code: Lines, numbers: Any, parameters: Any) -> None:
        super().__init__(network, code, numbers, parameters)
        self.shape, self._start = shape, parameters
        self.zero = code.number(0.0)
        self.first_lane: Any = None
        self.kept: list[Any] = []
        self._used: list[Any] = []
        behind = code.whole(code.item(numbers, code.integer(1 + 2 * len(network.layers))))
        self._all = code.index(parameters, behind, 1)
        self._work = self.code.plus(self._all, shape.lanes * shape.places["end"])

    def move(self, back: bool) -> None:
        """Turn the parameters of the pack, unit by unit, into those of its trials, trial by trial, or back."""
        shape, code, (one, two) = self.shape, self.code, self.shape.packs
        starts, layers, at = self.network.starts, self.network.layers, shape.places

        def layer(i: int, units: int, name: str, step: int, width: int) -> None:
            def row(first: Any, _: int) -> None:
                # The first layer lies by columns: an input's weights to all units, which is where rows end.
                source = code.index(self.code.plus(self._start, starts[i]), first, 1 if i == 0 else units)
                self._turn(source, step, units, code.index(self.code.plus(self._all, at[name]), first, width), back)

            code.loop(layers[i].inputs if i == 0 else layers[i].outputs, 1, row)

        layer(0, shape.first, "first", shape.inputs, one)
        layer(1, shape.first, "rows", 1, one)
        layer(2, shape.second, "head", 1, two)
        for i, name in ((0, "first_biases"), (1, "second_biases")):
            if layers[i].biased:
                source = self.code.plus(self._start, starts[i] + layers[i].weights)
                self._turn(source, 1, layers[i].outputs, self.code.plus(self._all, at[name]), back)
        if layers[2].biased:
            for o in range(shape.outputs):
                source = code.place(self.code.plus(self._start, starts[2] + layers[2].weights + o))
                places = [code.place(self.code.plus(target, at["head_biases"] + o)) for target in self._each()]
                if back:
                    code.store(source, 0, code.packed([code.load(place) for place in places]))
                else:
                    value = code.load(source)
                    for lane, place in enumerate(places):
                        code.store(place, 0, code.lane(value, lane))

    def _each(self) -> list[Any]:
        """Where each trial of the pack begins."""
        return [self.code.plus(self._all, lane * self.shape.places["end"]) for lane in range(self.shape.lanes)]

    def _turn(self, source: Any, step: int, units: int, target: Any, back: bool) -> None:
        """Move numbers of so many units between packs of trials and packs of units, of the trial at `target` and on."""
        code, lanes, apart = self.code, self.shape.lanes, self.shape.places["end"]

        def block(first: Any, number: int) -> None:
            mine = code.place(code.index(source, first, step * lanes))
            places = [code.place(self.code.plus(code.index(target, first, 1), lane * apart)) for lane in range(lanes)]
            if back:
                for unit, value in enumerate(code.turned([code.load(place) for place in places], number)):
                    code.store(mine, unit * step, value)
            else:
                found = code.turned([code.load(mine, unit * step) for unit in range(number)], lanes)
                for place, value in zip(places, found, strict=True):
                    code.store(place, 0, value)

        self.blocks(units, block)

    def blocks(self, units: int, block: Callable[[Any, int], None], done: int = 0) -> None:
        """The code of each pack of units but the first `done`: `block` is given its number and its units."""
        whole, rest = divmod(units, self.shape.lanes)
        self.code.loop(max(0, whole - done), 1, lambda first, _: block(self.code.plus(first, done), self.shape.lanes))
        if rest and done <= whole:
            block(self.code.integer(whole), rest)

    def begin(self, first: Any) -> None:
        """Begin with the trials from lane `first` on: by columns, their weights are there once more."""
        shape, code, (one, two) = self.shape, self.code, self.shape.packs
        self.first_lane = first
        self.kept = [
            code.index(self.code.plus(self._all, q * shape.places["end"]), first, shape.places["end"])
            for q in range(shape.beside)
        ]
        self._used = [self.code.plus(self._work, q * shape.working["end"]) for q in range(shape.beside)]
        for kept, used in zip(self.kept, self._used, strict=True):
            rows, columns = self.code.plus(kept, shape.places["rows"]), self.code.plus(used, shape.working["columns"])

            def block(i: Any, units: int, rows: Any = rows, columns: Any = columns) -> None:
                def square(j: Any, inputs: int) -> None:
                    source = code.place(code.index(code.index(rows, i, shape.lanes * one), j, 1))
                    target = code.place(code.index(code.index(columns, j, shape.lanes * two), i, 1))
                    turned = code.turned([code.load(source, unit * one) for unit in range(units)], inputs)
                    for k, value in enumerate(turned):
                        code.store(target, k * two, value)

                self.blocks(shape.by_columns, square)

            self.blocks(shape.second, block)
        # The first step has no update to make: -0 times 0 is what leaves all that it is added to as it is.
        minus = code.number(-0.0)
        self.put("values", 1, [[self.zero] * one for _ in self._used], one)
        self.put("errors", 1, [[minus] * two for _ in self._used], two)

    def packs(self, name: str, row: Any, width: int, part: range | None = None) -> Grid:
        """Of each trial, a part of a row, or all of it; rows have `width` packs."""
        code = self.code
        places = [code.place(at) for at in self._places(name, row, width)]
        return [[code.load(place, c) for c in (range(width) if part is None else part)] for place in places]

    def put(self, name: str, row: Any, values: Grid, width: int, part: range | None = None) -> None:
        """Store such a row, or such a part of it."""
        for at, mine in zip(self._places(name, row, width), values, strict=True):
            place = self.code.place(at)
            for c, value in zip(range(width) if part is None else part, mine, strict=True):
                self.code.store(place, c, value)

    def _places(self, name: str, row: Any, width: int) -> list[Any]:
        starts, places = (self.kept, self.shape.places)
        if name in self.shape.working:
            starts, places = self._used, self.shape.working
        row = self.code.integer(row) if isinstance(row, int) else row
        return [self.code.index(self.code.plus(start, places[name]), row, width) for start in starts]

    def single(self, name: str, row: Any, width: int, unit: Any) -> list[Any]:
        """The number of one unit in a row of each trial, repeated."""
        return [self.code.spread(at, unit) for at in self._places(name, row, width)]
