"""Kernels of a single network, compiled for its sizes and activations.

They do what the general kernels of `steps`, `network` and `checks` do, operation by operation and in the same order,
so results have the same bytes; but sums stay in registers, and activations are part of the code. In those of a small
network no loop is left within a sample, and parameters lie at fixed addresses. A pack is trained slice by slice: a
slice is a register, and the slices of a pack are independent, so a processor works on several of them at a time. For
wide networks see `training.unrolled_units`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcstudy.kernels.layout import LEAKY_RELU, OTHER, RELU
from mcstudy.kernels.lines import Lines

Grid = list[list[Any]]
"""A value for each unit of a layer and each sample that passes through the network at the same time; in
`training.unit_trials`, for each trial and each pack of a layer's units."""


SEVERAL = 4
"""Registers of a part where activations take their time, so that one hides the latency of the next."""


@dataclass(frozen=True)
class Dense:
    """A layer as its code needs it.

    Attributes:
        inputs, outputs: its numbers of values.
        biased, fixed: whether it has biases; whether its weights are all 1, and are no parameters.
        activation: (z, a, b) gives the pair f(z), f'(z).
        kind: one of OTHER, RELU, LEAKY_RELU of `mcstudy.kernels.layout`.
        slow: whether the activation takes more than a few operations.
    """

    inputs: int
    outputs: int
    biased: bool
    fixed: bool
    activation: Callable[..., Any]
    kind: int
    slow: bool

    @property
    def weights(self) -> int:
        """How many of them are parameters."""
        return 0 if self.fixed else self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """How many it has."""
        return self.weights + (self.outputs if self.biased else 0)


@dataclass(frozen=True)
class Network:
    """A network, its loss, and how it is trained, as far as these decide on the code.

    Attributes:
        layers: from the first to the output.
        value, gradient: (o, y, a) gives the loss of an output o against its target y, and the derivative by o.
        mse: whether that is the mean squared error.
        table: whether samples are numbers that all trials share, not packs.
        bias_decay, after_update: the two variants of training.
    """

    layers: tuple[Dense, ...]
    value: Callable[..., Any]
    gradient: Callable[..., Any]
    mse: bool
    table: bool
    bias_decay: bool
    after_update: bool

    @property
    def slow(self) -> bool:
        """Whether the activation of any layer is."""
        return any(layer.slow for layer in self.layers)

    @property
    def parameters(self) -> int:
        """How many it has."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def starts(self) -> list[int]:
        """Where each layer's parameters start among all."""
        sizes = [layer.parameters for layer in self.layers]
        return [sum(sizes[:i]) for i in range(len(sizes))]


class Passes:
    """Writes the passes of a few samples through a network, for one slice.

    `numbers` has the loss's parameter, then two of each layer's activation (then what `training.unit_trials` needs).
    """

    def __init__(self, network: Network, code: Lines, numbers: Any, parameters: Any) -> None:
        self.network, self.code = network, code
        self._numbers = [code.item(numbers, code.integer(i)) for i in range(1 + 2 * len(network.layers))]
        self.parameters = code.place(parameters)
        self._one = code.number(1.0)

    def number(self, index: int) -> tuple[str, Any]:
        """A number that a function of a part takes."""
        return "float64", self._numbers[index]

    def parameter(self, at: int) -> Any:
        """Parameter number `at`."""
        return self.code.load(self.parameters, at)

    def samples(self, tables: tuple[Any, Any], places: tuple[Any, Any], columns: Any, count: int) -> tuple[Grid, Grid]:
        """Inputs and targets of `count` samples that lie side by side, from places in packs or in tables on."""
        widths = self.network.layers[0].inputs, self.network.layers[-1].outputs
        first, last = (
            [[self._value(table, place, columns, k, s) for s in range(count)] for k in range(width)]
            for table, place, width in zip(tables, places, widths, strict=True)
        )
        return first, last

    def _value(self, table: Any, place: Any, columns: Any, column: int, sample: int) -> Any:
        code = self.code
        at = code.index(code.index(place, columns, column), code.integer(sample), 1)
        return code.repeated(code.item(table, at)) if self.network.table else code.load(code.place(at))

    def sums(self, i: int, inputs: Grid) -> Grid:
        """z = W x + b of layer `i`."""
        layer, start, code = self.network.layers[i], self.network.starts[i], self.code
        zero = code.number(0.0)
        z = []
        for j in range(layer.outputs):
            bias = self.parameter(start + layer.weights + j) if layer.biased else zero
            z.append([bias] * len(inputs[0]))
        for k in range(layer.inputs):
            for j in range(layer.outputs):
                w = self._one if layer.fixed else self.parameter(start + j * layer.inputs + k)
                z[j] = [code.fma(w, x, total) for x, total in zip(inputs[k], z[j], strict=True)]
        return z

    def activated(self, i: int, z: Grid) -> tuple[Grid, Grid]:
        """f(z) and f'(z) of layer `i`."""
        function = self.network.layers[i].activation

        def both(z, a, b):  # type: ignore[no-untyped-def]
            return function(z, a, b)

        a, b = self.number(1 + 2 * i), self.number(2 + 2 * i)
        pairs = [[self.code.call(both, value, a, b, results=2) for value in row] for row in z]
        return [[pair[0] for pair in row] for row in pairs], [[pair[1] for pair in row] for row in pairs]

    def rises(self, outputs: Grid, targets: Grid, scale: Any) -> Grid:
        """`scale` times the derivative of the loss by each output."""
        gradient, code = self.network.gradient, self.code

        def rise(o, y, a, scale):  # type: ignore[no-untyped-def]
            return gradient(o, y, a) * scale

        a, by = self.number(0), ("float64", scale)
        return [
            [code.call(rise, o, y, a, by) for o, y in zip(row, goal, strict=True)]
            for row, goal in zip(outputs, targets, strict=True)
        ]

    def back(self, i: int, delta: Grid, weight: Callable[[int, int], Any]) -> Grid:
        """dLoss/df(z) of layer `i` - 1 from dLoss/dz of layer `i`; `weight` gives that from unit k to unit j."""
        layer, code = self.network.layers[i], self.code
        zero = code.number(0.0)
        found = [[zero] * len(delta[0]) for _ in range(layer.inputs)]
        for j in range(layer.outputs):
            for k in range(layer.inputs):
                w = weight(j, k)
                found[k] = [code.fma(w, d, total) for d, total in zip(delta[j], found[k], strict=True)]
        return found

    def times(self, left: Grid, right: Grid) -> Grid:
        """The products of two grids, value by value."""
        return [[self.code.mul(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]

    def output_delta(
        self, outputs: Sequence[Any], slopes: Sequence[Any], targets: Sequence[Any], scale: Any
    ) -> list[Any]:
        """`scale` · dLoss/dz of the outputs of one sample, as `training.fused` has it."""
        rises = self.rises([[o] for o in outputs], [[y] for y in targets], scale)
        top = len(self.network.layers) - 1
        if self.network.mse and self.network.layers[top].kind != OTHER:
            return [self._by_sign(top, rise[0], f) for rise, f in zip(rises, outputs, strict=True)]
        found = zip(rises, outputs, slopes, strict=True)
        return [self.code.mul(rise[0], self._slope(top, f, slope)) for rise, f, slope in found]

    def bent(self, i: int, value: Any, f: Any, slope: Any) -> Any:
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
