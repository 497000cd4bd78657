"""Kernels of a single wide network: steps on one sample each, of one trial after the other, units in the lanes.

The weights of a pack of trials lie in the second-level cache, and what that gives bounds their steps. Those of one
trial fit the first. Sums keep their order: a pass meets inputs, or units, in turn, while the sums of all units of the
other side stay in registers. So weights between hidden layers are kept twice, by rows for the way back and by columns
for the way forth, and both are updated by the same multiply-adds.

Each of three stretches of a step waits for the chain of its sums, four cycles a multiply-add: the way forth, the sum of
an output, and the way back. Updates that nothing waits for are made in between. The rows are updated while the next
step sums up its output. Every other column is updated on the way back, the others on the next way forth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcstudy.kernels.layout import OTHER
from mcstudy.kernels.lines import Lines, lines
from mcstudy.training.passes import Grid, Network
from mcstudy.training.unit_shapes import Shape
from mcstudy.training.unit_trials import Trials
from mcstudy.training.unrolled_steps import Given, loop_of


def unit_steps_loop(network: Network, shape: Shape) -> Callable[..., None]:
    """As `training.unrolled_steps.steps_loop`; `numbers` ends in how far behind the parameters there is `room`."""

    def write(code: Lines, *values: Any) -> None:
        given = Given(*values)
        trials = _Steps(network, shape, code, given.numbers, given.parameters)
        trials.move(back=False)

        def some(first: Any, number: int) -> None:
            trials.begin(first)

            def step(place: Any, number: Any) -> None:
                trials.step(given, place, number)

            code.around(given.count, given.position, given.size, step)
            trials.end(given.count)

        code.loop(shape.lanes, shape.beside, some)
        trials.move(back=True)

    return loop_of(lines(write))


class _Steps(Trials):
    """Writes the steps of trials side by side."""

    def end(self, count: Any) -> None:
        """Make the update that the last step has left to the next one, of the rows alone."""
        last = self.code.odd(self.code.plus(count, -1))
        values = self.packs("values", last, self.shape.packs[0])
        self.code.loop(self.shape.second, 1, lambda i, _: self._update_row(i, last, values))

    def _plus(self, factors: list[Any], values: Grid, totals: Grid) -> Grid:
        """``totals + factor * values`` of each trial, whose factor is one number."""
        code = self.code
        return [
            [code.fma(value, factor, total) for value, total in zip(row, sums, strict=True)]
            for factor, row, sums in zip(factors, values, totals, strict=True)
        ]

    def _update_row(self, i: Any, step: Any, values: Grid) -> None:
        """Update the weights to unit `i` of the second layer by its error in `step` and the values of the first."""
        one, two = self.shape.packs
        self.put("rows", i, self._plus(self.single("errors", step, two, i), values, self.packs("rows", i, one)))

    def _update_column(self, j: Any, values: list[Any], errors: Grid) -> Grid:
        """Update the weights from a unit of the first layer, and return them."""
        found = self._plus(values, errors, self.packs("columns", j, self.shape.packs[1]))
        self.put("columns", j, found)
        return found

    def _variables(self, values: Grid) -> Grid:
        return [[self.code.variable(value) for value in row] for row in values]

    def _values_of(self, variables: Grid) -> Grid:
        return [[self.code.get(variable) for variable in row] for row in variables]

    def _set(self, variables: Grid, values: Grid) -> None:
        for row, found in zip(variables, values, strict=True):
            for variable, value in zip(row, found, strict=True):
                self.code.set(variable, value)

    def _biases(self, i: int, name: str, width: int) -> Grid:
        if self.network.layers[i].biased:
            return self.packs(name, 0, width)
        return [[self.zero] * width for _ in self.kept]

    def _raise_biases(self, i: int, name: str, errors: Grid) -> None:
        if self.network.layers[i].biased:
            before = self.packs(name, 0, len(errors[0]))
            both = zip(before, errors, strict=True)
            self.put(name, 0, [[self.code.add(b, d) for b, d in zip(*row, strict=True)] for row in both])

    def step(self, given: Given, position: Any, number: Any) -> None:
        """The code of step `number` on the sample at a position."""
        code, (one, two) = self.code, self.shape.packs
        now, before = code.odd(number), code.odd(code.plus(number, 1))
        x = self._columns(given.inputs, code.index(given.x, position, 1), given.columns, self.shape.inputs)
        y = self._columns(given.targets, code.index(given.y, position, 1), given.columns, self.shape.outputs)
        z = self._biases(0, "first_biases", one)
        for k, value in enumerate(x):
            z = self._plus(value, self.packs("first", k, one), z)
        h, slopes = self.activated(0, z)
        self.put("values", now, h)
        if self.network.layers[0].kind == OTHER:
            self.put("slopes", 0, slopes)
        upper, upper_slopes = self._forth(now, before)
        self.put("upper", 0, upper)
        outputs = self._outputs(before)
        f, head_slopes = self.activated(2, outputs)
        rises = [
            self.output_delta(row, slope, [value[q] for value in y], given.scale)
            for q, (row, slope) in enumerate(zip(f, head_slopes, strict=True))
        ]
        errors = [[self.zero] * two for _ in self.kept]
        for o in range(self.shape.outputs):
            rise, weights = [row[o] for row in rises], self.packs("head", o, two)
            errors = self._plus(rise, weights, errors)
            self.put("head", o, self._plus(rise, upper, weights))
        errors = self._bent(1, errors, upper, upper_slopes)
        self.put("errors", now, errors)
        self._raise_biases(2, "head_biases", rises)
        self._raise_biases(1, "second_biases", errors)
        below = self._back(now, errors)
        h = self.packs("values", now, one)
        slopes = self.packs("slopes", 0, one) if self.network.layers[0].kind == OTHER else h
        below = self._bent(0, below, h, slopes)
        for k, value in enumerate(x):
            self.put("first", k, self._plus(value, below, self.packs("first", k, one)))
        self._raise_biases(0, "first_biases", below)

    def _bent(self, i: int, values: Grid, f: Grid, slopes: Grid) -> Grid:
        rows = zip(values, f, slopes, strict=True)
        return [[self.bent(i, *each) for each in zip(*row, strict=True)] for row in rows]

    def _columns(self, table: Any, place: Any, columns: Any, width: int) -> list[list[Any]]:
        """The inputs or the targets of a sample, each a number for each trial."""
        code = self.code
        places = [code.index(place, columns, k) for k in range(width)]
        if self.network.table:
            return [[code.repeated(code.item(table, at))] * len(self.kept) for at in places]
        return [[code.spread(at, code.plus(self.first_lane, q)) for q in range(len(self.kept))] for at in places]

    def _forth(self, now: Any, before: Any) -> tuple[Grid, Grid]:
        """Values and slopes of the second layer."""
        code, (one, two) = self.code, self.shape.packs
        errors = self.packs("errors", before, two)
        sums = self._variables(self._biases(1, "second_biases", two))

        def some(first: Any, number: int) -> None:
            for u in range(number):
                j = code.plus(first, u)
                if u == 0:
                    weights = self._update_column(j, self.single("values", before, one, j), errors)
                else:
                    weights = self.packs("columns", j, two)
                self._set(sums, self._plus(self.single("values", now, one, j), weights, self._values_of(sums)))

        code.loop(self.shape.first, 2, some)
        return self.activated(1, self._values_of(sums))

    def _outputs(self, before: Any) -> Grid:
        """The sums of the outputs, each in all lanes of a pack."""
        code, shape, (one, two) = self.code, self.shape, self.shape.packs
        values = self.packs("values", before, one)
        sums = self._variables(self._biases(2, "head_biases", shape.outputs))

        def some(first: Any, number: int) -> None:
            for u in range(number):
                i = code.plus(first, u)
                weights = [self.single("head", o, two, i) for o in range(shape.outputs)]
                turned = [list(row) for row in zip(*weights, strict=True)]
                self._set(sums, self._plus(self.single("upper", 0, two, i), turned, self._values_of(sums)))
                # Last to first, as the way back has left them in the cache.
                self._update_row(code.index(code.integer(shape.second - 1), i, -1), before, values)

        code.loop(shape.second, 2, some)
        return self._values_of(sums)

    def _back(self, now: Any, errors: Grid) -> Grid:
        """dLoss/df(z) of the first layer."""
        code, shape, (one, two) = self.code, self.shape, self.shape.packs
        sums = self._variables([[self.zero] * one for _ in self.kept])

        def row(i: Any) -> None:
            found = self._plus(self.single("errors", now, two, i), self.packs("rows", i, one), self._values_of(sums))
            self._set(sums, found)

        def column(j: Any) -> None:
            self._update_column(j, self.single("values", now, one, j), errors)

        def both(first: Any, number: int) -> None:
            row(first)
            if number > 1:
                row(code.plus(first, 1))
                column(code.plus(first, 1))

        common = min(shape.first, shape.second)
        code.loop(common, 2, both)
        code.loop(shape.second - common, 1, lambda i, _: row(code.plus(i, common)))
        pairs = common // 2
        code.loop(shape.first // 2 - pairs, 1, lambda t, _: column(code.index(code.integer(2 * pairs + 1), t, 2)))
        return self._values_of(sums)
