"""Kernels of a single wide network: steps on one sample each, of one trial after the other, units in the lanes.

The weights of a pack of trials lie in the second-level cache, and what that gives bounds their steps. Those of one
trial fit the first. Sums keep their order: a pass meets inputs, or units, in turn, while the sums of all units of the
other side stay in registers. So weights between hidden layers are kept twice, by rows for the way back and by columns
for the way forth, and both are updated by the same multiply-adds. Where the cache has room for them once, and for some
of them twice, the others are turned in registers on the way forth, square by square, when they are updated.

Each of three stretches of a step waits for the chain of its sums, four cycles a multiply-add: the way forth, the sum of
an output, and the way back. Updates that nothing waits for are made in between. Rows of weights that are kept by
columns, too, are updated while the next step sums up its output. Every other column is updated on the way back, the
others on the next way forth; where some weights are turned, all columns are updated on the next way forth, and so are
the rows that are turned.
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
        """Update the weights to unit `i` of the second layer by its error in `step`.

        They are those from the first packs of units, whose values in that step are given.
        """
        (one, two), part = self.shape.packs, range(len(values[0]))
        rows = self.packs("rows", i, one, part)
        self.put("rows", i, self._plus(self.single("errors", step, two, i), values, rows), one, part)

    def _update_column(self, j: Any, values: list[Any], errors: Grid, packs: range) -> Grid:
        """Update the weights from a unit of the first layer to some packs of the second, and return them."""
        two = self.shape.packs[1]
        found = self._plus(values, errors, self.packs("columns", j, two, packs))
        self.put("columns", j, found, two, packs)
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
            found = [[self.code.add(b, d) for b, d in zip(*row, strict=True)] for row in both]
            self.put(name, 0, found, len(errors[0]))

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
        self.put("values", now, h, one)
        if self.network.layers[0].kind == OTHER:
            self.put("slopes", 0, slopes, one)
        upper, upper_slopes, outputs = self._upper(now, before)
        f, head_slopes = self.activated(2, outputs)
        rises = [
            self.output_delta(row, slope, [value[q] for value in y], given.scale)
            for q, (row, slope) in enumerate(zip(f, head_slopes, strict=True))
        ]
        errors = [[self.zero] * two for _ in self.kept]
        for o in range(self.shape.outputs):
            rise, weights = [row[o] for row in rises], self.packs("head", o, two)
            errors = self._plus(rise, weights, errors)
            self.put("head", o, self._plus(rise, upper, weights), two)
        errors = self._bent(1, errors, upper, upper_slopes)
        self.put("errors", now, errors, two)
        self._raise_biases(2, "head_biases", rises)
        self._raise_biases(1, "second_biases", errors)
        below = self._back(now, errors)
        h = self.packs("values", now, one)
        slopes = self.packs("slopes", 0, one) if self.network.layers[0].kind == OTHER else h
        below = self._bent(0, below, h, slopes)
        for k, value in enumerate(x):
            self.put("first", k, self._plus(value, below, self.packs("first", k, one)), one)
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

    def _upper(self, now: Any, before: Any) -> tuple[Grid, Grid, Grid]:
        """Values and slopes of the second layer, and the sums of the outputs, each in all lanes of a pack."""
        shape, two = self.shape, self.shape.packs[1]
        biases = self._biases(1, "second_biases", two)
        outputs = self._biases(2, "head_biases", shape.outputs)
        upper: tuple[Grid, Grid] = [[] for _ in self.kept], [[] for _ in self.kept]
        for packs in shape.groups:
            sums = self._variables([row[packs.start : packs.stop] for row in biases])
            self._add_columns(sums, packs, now, before)
            self._add_squares(sums, packs, now, before)
            found = self.activated(1, self._values_of(sums))
            for rows, more in zip(upper, found, strict=True):
                for row, values in zip(rows, more, strict=True):
                    row.extend(values)
            self.put("upper", 0, found[0], two, packs)
            units = range(packs.start * shape.lanes, min(packs.stop * shape.lanes, shape.second))
            outputs = self._outputs(outputs, units, before)
            if packs.stop < two and not shape.columns:
                # Nobody reads it. Without it, and without updates of rows, the compiler would add up all groups first.
                self.put("outputs", 0, outputs, shape.outputs)
        return *upper, outputs

    def _add_columns(self, sums: Grid, packs: range, now: Any, before: Any) -> None:
        """Add to some sums of the second layer what comes from units whose weights are there by columns."""
        code, shape, (one, two) = self.code, self.shape, self.shape.packs
        errors = self.packs("errors", before, two, packs)

        def some(first: Any, number: int) -> None:
            for u in range(number):
                j = code.plus(first, u)
                if u == 0 or not shape.twice:
                    weights = self._update_column(j, self.single("values", before, one, j), errors, packs)
                else:
                    weights = self.packs("columns", j, two, packs)
                self._set(sums, self._plus(self.single("values", now, one, j), weights, self._values_of(sums)))

        code.loop(shape.by_columns, 2, some)

    def _add_squares(self, sums: Grid, packs: range, now: Any, before: Any) -> None:
        """Add what comes from the other units: their weights are updated by rows, and turned."""
        code, shape, (one, two) = self.code, self.shape, self.shape.packs

        def some(pack: Any, number: int) -> None:
            units = [code.index(code.integer(u), pack, shape.lanes) for u in range(number)]
            values = [self.single("values", now, one, unit) for unit in units]
            earlier = self.packs("values", code.index(pack, before, one), 1)
            for c, p in enumerate(packs):
                rows = []
                for i in range(p * shape.lanes, min((p + 1) * shape.lanes, shape.second)):
                    at = code.index(pack, code.integer(i), one)
                    error = self.single("errors", before, two, code.integer(i))
                    rows.append(self._plus(error, earlier, self.packs("rows", at, 1)))
                    self.put("rows", at, rows[-1], 1)
                turned = [code.turned([row[q][0] for row in rows], number) for q in range(len(self.kept))]
                mine = [[row[c]] for row in sums]
                for u, value in enumerate(values):
                    weights = [[each[u]] for each in turned]
                    self._set(mine, self._plus(value, weights, self._values_of(mine)))

        self.blocks(shape.first, some, shape.columns)

    def _outputs(self, totals: Grid, units: range, before: Any) -> Grid:
        """Add to the sums of the outputs what comes from some units.

        Meanwhile as many rows are updated, as far as they are kept by columns, too.
        """
        code, shape, (one, two) = self.code, self.shape, self.shape.packs
        values = self.packs("values", before, one, range(shape.columns))
        sums = self._variables(totals)

        def some(first: Any, number: int) -> None:
            for u in range(number):
                i = code.plus(first, units.start + u)
                weights = [self.single("head", o, two, i) for o in range(shape.outputs)]
                turned = [list(row) for row in zip(*weights, strict=True)]
                self._set(sums, self._plus(self.single("upper", 0, two, i), turned, self._values_of(sums)))
                # Last to first, as the way back has left them in the cache.
                self._update_row(code.index(code.integer(shape.second - 1), i, -1), before, values)

        code.loop(len(units), 2, some)
        return self._values_of(sums)

    def _back(self, now: Any, errors: Grid) -> Grid:
        """dLoss/df(z) of the first layer; where all weights are kept twice, every other column is updated."""
        code, shape, (one, two) = self.code, self.shape, self.shape.packs
        sums = self._variables([[self.zero] * one for _ in self.kept])

        def row(i: Any) -> None:
            found = self._plus(self.single("errors", now, two, i), self.packs("rows", i, one), self._values_of(sums))
            self._set(sums, found)

        def column(j: Any) -> None:
            self._update_column(j, self.single("values", now, one, j), errors, range(two))

        def both(first: Any, number: int) -> None:
            for u in range(number):
                row(code.plus(first, u))
            if number > 1 and shape.twice:
                column(code.plus(first, 1))

        common = min(shape.first, shape.second)
        code.loop(common, 2, both)
        code.loop(shape.second - common, 1, lambda i, _: row(code.plus(i, common)))
        pairs = common // 2
        left = shape.first // 2 - pairs if shape.twice else 0
        code.loop(left, 1, lambda t, _: column(code.index(code.integer(2 * pairs + 1), t, 2)))
        return self._values_of(sums)
