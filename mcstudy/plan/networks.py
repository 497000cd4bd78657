"""The layers of a cell's network, as everything that has to do with its parameters counts them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcstudy.catalog.activations import ACTIVATIONS

LINEAR = {"name": "linear"}


class Layer(NamedTuple):
    """A layer of a dense network.

    Attributes:
        inputs, outputs: its numbers of values.
        biased: whether its units have biases.
        activation: a part's settings.
        trained: parameters of its activation, which come after the biases.
        fixed: whether its weights are all 1, and are no parameters (an output that adds the hidden units up).
        dropout: the share of its units that is left out when training.
    """

    inputs: int
    outputs: int
    biased: bool
    activation: Mapping[str, Any]
    trained: int
    fixed: bool
    dropout: float

    @property
    def weights(self) -> int:
        """Number of weights that are trained."""
        return 0 if self.fixed else self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return self.weights + (self.outputs if self.biased else 0) + self.trained


def network_layers(task: Mapping[str, Any], network: Mapping[str, Any]) -> list[Layer]:
    """The layers of the network of a cell's settings, the output layer last."""
    sums = network["output"]["name"] == "sum"
    widths = [task["n_inputs"], *network["hidden"], task["n_outputs"]]
    output = LINEAR if sums else network["output"]
    activations = [*[network["activation"]] * len(network["hidden"]), output]
    dropout = [*network["dropout"], 0.0]
    made = []
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        fixed = sums and i == len(network["hidden"])
        trained = int(ACTIVATIONS[activations[i]["name"]].by_parameter is not None)
        made.append(Layer(before, after, network["bias"] and not fixed, activations[i], trained, fixed, dropout[i]))
    return made
