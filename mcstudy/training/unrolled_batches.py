"""Kernels of a single small network: gradients of batches, and losses of points; see `training.passes`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcstudy.kernels.lines import Lines, lines
from mcstudy.training.passes import SEVERAL, Dense, Grid, Network, Passes

_FEW = 4
"""Most parameters of a network so small that a processor waits for one sum before it adds the next sample's."""
_WHOLE = 20
"""Most parameters whose gradients stay in registers from sample to sample."""
_TOGETHER = 4
"""Samples that pass through larger networks together, so that what is in memory is loaded and stored once for them."""


def gradients_loop(network: Network) -> Callable[..., None]:
    """The loop that puts `scale` times the gradient of a batch's loss at `gradients`, as `steps.sum_gradients`."""
    several = network.slow or network.parameters <= _FEW
    together, registers = (1, SEVERAL) if several else (1 if network.parameters <= _WHOLE else _TOGETHER, 1)

    def write(
        code: Lines,
        numbers: Any,
        inputs: Any,
        targets: Any,
        parameters: Any,
        gradients: Any,
        x: Any,
        y: Any,
        columns: Any,
        batch: Any,
        scale: Any,
    ) -> None:
        passes = _Batch(network, code, numbers, parameters)

        def some(first: Any, number: int) -> None:
            places = code.index(x, first, 1), code.index(y, first, 1)
            passes.write((inputs, targets), places, columns, number, scale)

        code.stretches(batch, together, some)
        passes.store(code.place(gradients))

    batch_gradients = lines(write, registers)

    def loop(
        memory: Any,
        numbers: Any,
        inputs: Any,
        targets: Any,
        parameters: Any,
        gradients: Any,
        x: Any,
        y: Any,
        columns: Any,
        batch: Any,
        scale: Any,
    ) -> None:
        batch_gradients(memory, (numbers, inputs, targets, parameters, gradients, x, y, columns, batch, scale))

    return loop


class _Batch(Passes):
    """Writes the gradient of a few samples of a batch; sums are variables."""

    def __init__(self, network: Network, code: Lines, numbers: Any, parameters: Any) -> None:
        super().__init__(network, code, numbers, parameters)
        zero = code.number(0.0)
        self._totals = [code.variable(zero) for layer in network.layers for _ in range(layer.parameters)]

    def write(self, tables: tuple[Any, Any], places: Any, columns: Any, count: int, scale: Any) -> None:
        """Add the gradient of `count` samples."""
        network = self.network
        x, y = self.samples(tables, places, columns, count)
        values, slopes = [x], []
        for i in range(len(network.layers)):
            f, slope = self.activated(i, self.sums(i, values[-1]))
            values.append(f)
            slopes.append(slope)
        delta = self.times(self.rises(values[-1], y, scale), slopes[-1])
        for i in range(len(network.layers) - 1, -1, -1):
            layer, start = network.layers[i], network.starts[i]

            def weight(j: int, k: int, layer: Dense = layer, start: int = start) -> Any:
                return self._one if layer.fixed else self.parameter(start + j * layer.inputs + k)

            below = self.back(i, delta, weight) if i > 0 else []
            self._add(i, values[i], delta)
            if i > 0:
                delta = self.times(below, slopes[i - 1])

    def _add(self, i: int, inputs: Grid, delta: Grid) -> None:
        layer, start, code = self.network.layers[i], self.network.starts[i], self.code
        for j in range(layer.outputs):
            for k in range(0 if layer.fixed else layer.inputs):
                total = self._totals[start + j * layer.inputs + k]
                grown = code.get(total)
                for d, value in zip(delta[j], inputs[k], strict=True):
                    grown = code.fma(d, value, grown)
                code.set(total, grown)
            if layer.biased:
                total = self._totals[start + layer.weights + j]
                grown = code.get(total)
                for d in delta[j]:
                    grown = code.add(grown, d)
                code.set(total, grown)

    def store(self, place: Any) -> None:
        """Put the sums at a place."""
        for number, total in enumerate(self._totals):
            self.code.store(place, number, self.code.get(total))


def losses_loop(network: Network, add: Callable[..., Any]) -> Callable[..., None]:
    """The loop that adds the losses of `count` points at `total`, as `catalog.dispatch.add_loss` does.

    `add(total, lost, loss)` gives the sum with a loss added, and what rounding has lost so far.
    """

    together, registers = (1, SEVERAL) if network.slow else (_TOGETHER, 1)

    def write(
        code: Lines,
        numbers: Any,
        inputs: Any,
        targets: Any,
        parameters: Any,
        x: Any,
        y: Any,
        columns: Any,
        count: Any,
        total: Any,
    ) -> None:
        passes = _Losses(network, code, numbers, parameters, add)

        def some(first: Any, number: int) -> None:
            passes.write((inputs, targets), (code.index(x, first, 1), code.index(y, first, 1)), columns, number)

        code.stretches(count, together, some)
        passes.store(code.place(total))

    losses = lines(write, registers)

    def loop(
        memory: Any,
        numbers: Any,
        inputs: Any,
        targets: Any,
        parameters: Any,
        x: Any,
        y: Any,
        columns: Any,
        count: Any,
        total: Any,
    ) -> None:
        losses(memory, (numbers, inputs, targets, parameters, x, y, columns, count, total))

    return loop


class _Losses(Passes):
    """Writes the losses of a few points."""

    def __init__(self, network: Network, code: Lines, numbers: Any, parameters: Any, add: Callable[..., Any]) -> None:
        super().__init__(network, code, numbers, parameters)
        self._total, self._lost = code.variable(code.number(0.0)), code.variable(code.number(0.0))
        self._plus = add

    def write(self, tables: tuple[Any, Any], places: Any, columns: Any, count: int) -> None:
        """Add the losses of `count` points."""
        value, plus, code = self.network.value, self._plus, self.code

        def added(total, lost, o, y, a):  # type: ignore[no-untyped-def]
            return plus(total, lost, value(o, y, a))

        x, y = self.samples(tables, places, columns, count)
        for i in range(len(self.network.layers)):
            x, _ = self.activated(i, self.sums(i, x))
        total, lost = code.get(self._total), code.get(self._lost)
        for s in range(count):
            for outputs, goals in zip(x, y, strict=True):
                total, lost = code.call(added, total, lost, outputs[s], goals[s], self.number(0), results=2)
        code.set(self._total, total)
        code.set(self._lost, lost)

    def store(self, place: Any) -> None:
        """Put the sum and what is lost at a place."""
        self.code.store(place, 0, self.code.get(self._total))
        self.code.store(place, 1, self.code.get(self._lost))
