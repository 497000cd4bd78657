"""Kernels of a single small network: steps on one sample each, updated on the way back; see `training.passes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from mcstudy import jit
from mcstudy.kernels.layout import LEAKY_RELU, OTHER, RELU
from mcstudy.kernels.lines import Lines, lines
from mcstudy.training.passes import SEVERAL, Network, Passes

_SHORT = 30
"""Most parameters of a network whose steps are so short that four slices are needed to hide their latency, not two."""
_OTHERS = 10
"""Registers for what is neither a kept parameter nor a unit's value."""


def steps_loop(network: Network) -> Callable[..., None]:
    """The loop of `count` steps of plain gradient descent on one sample each, as `training.fused.fused_steps`.

    `numbers` is that of `Passes`. `again` must be the address of the parameters, too: were it known to be the same,
    the compiler would keep what the forward pass loads for the backward pass, in more registers than there are.
    Instead, as many parameters as there is room for stay in registers from step to step: what bounds such a loop is
    neither its multiplications nor its loads but its stores, of which a processor does less than one in a cycle.
    They are the first ones, which a step updates last and the next one needs first: from memory they come late.

    The forward pass of a slice comes before the backward pass of the slice before it. Each of these waits for the
    output of its own forward pass, and a processor does not look far enough ahead to find other work by itself.
    """
    beside = 4 if network.parameters <= _SHORT else 2

    def write(
        codes: Sequence[Lines],
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
        kept = _kept(network, len(codes))
        steps = [_Step(network, code, numbers, parameters, again, scale, rate, kept) for code in codes]

        def all_of_them(place: Any) -> None:
            sample = (inputs, targets), (x, y), columns, place
            steps[0].forward(*sample)
            for before, step in pairwise(steps):
                step.forward(*sample)
                before.backward()
            steps[-1].backward()

        codes[0].around(count, position, size, all_of_them)
        for step in steps:
            step.put_back()

    steps = lines(write, SEVERAL if network.slow else 1, beside)

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
        steps(memory, (numbers, inputs, targets, parameters, again, x, y, columns, position, size, count, scale, rate))

    return loop


def _kept(network: Network, slices: int) -> range:
    """The numbers of the parameters that stay in registers while as many slices train side by side."""
    values = max(layer.inputs + layer.outputs for layer in network.layers)
    free = 0 if network.slow else max(0, jit.register_count() - values - _OTHERS)
    return range(min(free // slices, network.parameters))


class _Step(Passes):
    """Writes a step on one sample: the passes, and the update on the way back."""

    def __init__(
        self,
        network: Network,
        code: Lines,
        numbers: Any,
        parameters: Any,
        again: Any,
        scale: Any,
        rate: Any,
        kept: range,
    ) -> None:
        super().__init__(network, code, numbers, parameters)
        self._again, self._scale, self._rate = code.place(again), scale, rate
        self._kept = {at: code.variable(code.load(self.parameters, at)) for at in kept}

    def put_back(self) -> None:
        """Put the parameters that are in registers into memory."""
        for at, variable in self._kept.items():
            self.code.store(self._again, at, self.code.get(variable))

    def parameter(self, at: int) -> Any:
        """Parameter number `at`, in the forward pass."""
        return self.code.get(self._kept[at]) if at in self._kept else super().parameter(at)

    def forward(self, tables: tuple[Any, Any], starts: tuple[Any, Any], columns: Any, position: Any) -> None:
        """The code of the step up to the outputs."""
        code = self.code
        places = code.index(starts[0], position, 1), code.index(starts[1], position, 1)
        self._sample = tables, places, columns, 1
        x, y = self.samples(*self._sample)
        values, slopes = [[row[0] for row in x]], []
        for i in range(len(self.network.layers)):
            f, slope = self.activated(i, self.sums(i, [[value] for value in values[-1]]))
            values.append([row[0] for row in f])
            slopes.append([row[0] for row in slope])
        self._values, self._slopes, self._targets = values, slopes, [row[0] for row in y]

    def backward(self) -> None:
        """The code of the rest of it."""
        layers, values, slopes = self.network.layers, self._values, self._slopes
        delta = self._output_delta(values[-1], slopes[-1], self._targets)
        # Loaded once more, the inputs take no registers in between.
        inputs = [row[0] for row in self.samples(*self._sample)[0]]
        for i in range(len(layers) - 1, 0, -1):
            below = []
            for k, value in enumerate(values[i]):
                below.append(self._bent(i - 1, self._update_from(i, k, value, delta), value, slopes[i - 1][k]))
                if i == 1:
                    self._update_unit(k, below[k], inputs)
            for j, d in enumerate(delta):
                self._update_bias(i, j, d)
            delta = below
        if len(layers) == 1:
            for j, d in enumerate(delta):
                self._update_unit(j, d, inputs)

    def _output_delta(self, outputs: Sequence[Any], slopes: Sequence[Any], targets: Sequence[Any]) -> list[Any]:
        rises = self.rises([[o] for o in outputs], [[y] for y in targets], self._scale)
        top = len(self.network.layers) - 1
        if self.network.mse and self.network.layers[top].kind != OTHER:
            return [self._by_sign(top, rise[0], f) for rise, f in zip(rises, outputs, strict=True)]
        found = zip(rises, outputs, slopes, strict=True)
        return [self.code.mul(rise[0], self._slope(top, f, slope)) for rise, f, slope in found]

    def _update_from(self, i: int, k: int, value: Any, delta: Sequence[Any]) -> Any:
        """Update the weights of layer `i` from unit `k`; returns dLoss/df(z) of that unit.

        Which is `back` by the weights before, or after, the update.
        """
        layer, start, code = self.network.layers[i], self.network.starts[i], self.code
        found = code.number(0.0)
        for j, d in enumerate(delta):
            at = start + j * layer.inputs + k
            old = self._old(at)
            new = code.fma(d, value, old)
            self._put(at, new)
            found = code.fma(new if self.network.after_update else old, d, found)
        return found

    def _update_unit(self, j: int, d: Any, inputs: Sequence[Any]) -> None:
        """Update the parameters of unit `j` of the first layer."""
        for k, value in enumerate(inputs):
            at = j * len(inputs) + k
            self._put(at, self.code.fma(d, value, self._old(at)))
        self._update_bias(0, j, d)

    def _update_bias(self, i: int, j: int, d: Any) -> None:
        layer, code = self.network.layers[i], self.code
        if layer.biased:
            at = self.network.starts[i] + layer.weights + j
            old = self._old(at)
            if self.network.bias_decay:
                self._put(at, code.where_tiny(old, old, code.fma(old, code.number(self._rate), old)))
            else:
                self._put(at, code.add(old, d))

    def _old(self, at: int) -> Any:
        return self.code.get(self._kept[at]) if at in self._kept else self.code.load(self._again, at)

    def _put(self, at: int, value: Any) -> None:
        if at in self._kept:
            self.code.set(self._kept[at], value)
        else:
            self.code.store(self._again, at, value)

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
