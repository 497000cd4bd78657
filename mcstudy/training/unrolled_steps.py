"""Kernels of a single small network: steps on one sample each, updated on the way back; see `training.passes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from mcstudy import jit
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

    def write(codes: Sequence[Lines], *values: Any) -> None:
        given = Given(*values)
        kept = _kept(network, len(codes))
        steps = [_Step(network, code, given, kept) for code in codes]

        def all_of_them(place: Any, number: Any) -> None:
            sample = (given.inputs, given.targets), (given.x, given.y), given.columns, place
            steps[0].forward(*sample)
            for before, step in pairwise(steps):
                step.forward(*sample)
                before.backward()
            steps[-1].backward()

        codes[0].around(given.count, given.position, given.size, all_of_them)
        for step in steps:
            step.put_back()

    return loop_of(lines(write, SEVERAL if network.slow else 1, beside))


class Given(NamedTuple):
    """What the code of steps is given, as `training.unrolled.take_steps` has it."""

    numbers: Any
    inputs: Any
    targets: Any
    parameters: Any
    again: Any
    x: Any
    y: Any
    columns: Any
    position: Any
    size: Any
    count: Any
    scale: Any
    rate: Any


def loop_of(steps: Any) -> Callable[..., None]:
    """A loop for `training.unrolled.take_steps` from a function that `lines` has made."""

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

    def __init__(self, network: Network, code: Lines, given: Given, kept: range) -> None:
        super().__init__(network, code, given.numbers, given.parameters)
        self._again, self._scale, self._rate = code.place(given.again), given.scale, given.rate
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
        delta = self.output_delta(values[-1], slopes[-1], self._targets, self._scale)
        # Loaded once more, the inputs take no registers in between.
        inputs = [row[0] for row in self.samples(*self._sample)[0]]
        for i in range(len(layers) - 1, 0, -1):
            below = []
            for k, value in enumerate(values[i]):
                below.append(self.bent(i - 1, self._update_from(i, k, value, delta), value, slopes[i - 1][k]))
                if i == 1:
                    self._update_unit(k, below[k], inputs)
            for j, d in enumerate(delta):
                self._update_bias(i, j, d)
            delta = below
        if len(layers) == 1:
            for j, d in enumerate(delta):
                self._update_unit(j, d, inputs)

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
