"""Kernels of a single small network: steps on one sample each, updated on the way back; see `training.passes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mcstudy.kernels.layout import LEAKY_RELU, OTHER, RELU
from mcstudy.kernels.lines import Lines, lines
from mcstudy.training.passes import SEVERAL, Network, Passes


def steps_loop(network: Network) -> Callable[..., None]:
    """The loop of `count` steps of plain gradient descent on one sample each, as `training.fused.fused_steps`.

    `numbers` is that of `Passes`. `again` must be the address of the parameters, too: were it known to be the same,
    the compiler would keep what the forward pass loads for the backward pass, in more registers than there are.
    """

    def write(
        code: Lines,
        numbers: Any,
        inputs: Any,
        targets: Any,
        parameters: Any,
        again: Any,
        x: Any,
        y: Any,
        columns: Any,
        scale: Any,
        rate: Any,
    ) -> None:
        _Step(network, code, numbers, parameters, again, scale, rate).write((inputs, targets), (x, y), columns)

    step = lines(write, SEVERAL if network.slow else 1)

    def loop(
        memory: Any,
        numbers: Any,
        inputs: Any,
        targets: Any,
        parameters: Any,
        again: Any,
        x: Any,
        y: Any,
        columns: Any,
        position: Any,
        size: Any,
        count: Any,
        scale: Any,
        rate: Any,
    ) -> None:
        for _ in range(count):
            at = x + position, y + position
            step(memory, (numbers, inputs, targets, parameters, again, at[0], at[1], columns, scale, rate))
            position += 1
            if position == size:
                position = 0

    return loop


class _Step(Passes):
    """Writes a step on one sample: the passes, and the update on the way back."""

    def __init__(
        self, network: Network, code: Lines, numbers: Any, parameters: Any, again: Any, scale: Any, rate: Any
    ) -> None:
        super().__init__(network, code, numbers, parameters)
        self._again, self._scale, self._rate = code.place(again), scale, rate

    def write(self, tables: tuple[Any, Any], places: tuple[Any, Any], columns: Any) -> None:
        """The code of the step."""
        layers = self.network.layers
        x, y = self.samples(tables, places, columns, 1)
        values, slopes = [[row[0] for row in x]], []
        for i in range(len(layers)):
            f, slope = self.activated(i, self.sums(i, [[value] for value in values[-1]]))
            values.append([row[0] for row in f])
            slopes.append([row[0] for row in slope])
        delta = self._output_delta(values[-1], slopes[-1], [row[0] for row in y])
        for i in range(len(layers) - 1, -1, -1):
            below = self._update(i, values[i], delta)
            if i > 0:
                delta = [self._bent(i - 1, *three) for three in zip(below, values[i], slopes[i - 1], strict=True)]

    def _output_delta(self, outputs: Sequence[Any], slopes: Sequence[Any], targets: Sequence[Any]) -> list[Any]:
        rises = self.rises([[o] for o in outputs], [[y] for y in targets], self._scale)
        top = len(self.network.layers) - 1
        if self.network.mse and self.network.layers[top].kind != OTHER:
            return [self._by_sign(top, rise[0], f) for rise, f in zip(rises, outputs, strict=True)]
        found = zip(rises, outputs, slopes, strict=True)
        return [self.code.mul(rise[0], self._slope(top, f, slope)) for rise, f, slope in found]

    def _update(self, i: int, inputs: Sequence[Any], delta: Sequence[Any]) -> list[Any]:
        """Update the parameters of layer `i`; returns what `back` does, by the weights before, or after, the update."""
        layer, start, code, place = self.network.layers[i], self.network.starts[i], self.code, self._again
        found = [code.number(0.0)] * layer.inputs
        for j, d in enumerate(delta):
            for k in range(layer.inputs):
                at = start + j * layer.inputs + k
                old = code.load(place, at)
                new = code.fma(d, inputs[k], old)
                code.store(place, at, new)
                if i > 0:
                    found[k] = code.fma(new if self.network.after_update else old, d, found[k])
        for j, d in enumerate(delta):
            if layer.biased:
                at = start + layer.weights + j
                bias = code.load(place, at)
                decayed = code.fma(bias, code.number(self._rate), bias) if self.network.bias_decay else None
                code.store(place, at, decayed or code.add(bias, d))
        return found

    def _bent(self, i: int, value: Any, f: Any, slope: Any) -> Any:
        """dLoss/dz of a unit of hidden layer `i` from dLoss/df(z), as `training.fused` has it."""
        kind = self.network.layers[i].kind
        if self.network.after_update or kind == OTHER:
            return self.code.mul(value, self._slope(i, f, slope))
        if kind == RELU:
            return self.code.where_positive(f, value, self.code.number(0.0))
        return self._by_sign(i, value, f)

    def _slope(self, i: int, f: Any, slope: Any) -> Any:
        kind = self.network.layers[i].kind
        return slope if kind == OTHER else self._by_sign(i, self.code.number(1.0), f)

    def _by_sign(self, i: int, value: Any, f: Any) -> Any:
        """`training.network.times_slope`."""
        assert self.network.layers[i].kind in (RELU, LEAKY_RELU)
        bend = self.code.number(self.number(1 + 2 * i)[1])
        return self.code.where_positive(f, value, self.code.mul(value, bend))
