"""Regularizers: penalties on the weights of each layer, never on biases, whose derivative joins the gradient.

All of them are sums of three terms, so a cell has three numbers and kernels one function for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mcstudy import jit
from mcstudy.catalog.part import Parameter, Part, table
from mcstudy.kernels.pack import filled, fma, load, store, where


class Strengths(NamedTuple):
    """Factors of Σ|w|, of Σw², and of the squared scalar products of different units' weights."""

    l1: float = 0.0
    l2: float = 0.0
    repulsion: float = 0.0


@dataclass(frozen=True)
class Regularizer(Part):
    """A part whose parameters are strengths; `repulses` says that `factor` is the strength of the repulsion."""

    repulses: bool = False

    def strengths(self, settings: Mapping[str, Any]) -> Strengths:
        """The three factors; those that the part does not have are 0."""
        if self.repulses:
            return Strengths(repulsion=float(settings["factor"]))
        return Strengths(float(settings.get("l1", 0.0)), float(settings.get("l2", 0.0)))


@jit.scalar
def _repel(memory: Any, weights: Any, gradients: Any, inputs: Any, outputs: Any, factor: Any) -> None:
    # each pair of units stands twice in the sum, and its square gives another 2
    for i in range(outputs):
        for j in range(i + 1, outputs):
            a, b = weights + i * inputs, weights + j * inputs
            product = filled(memory, 0.0)
            for k in range(inputs):
                product = fma(load(memory, a + k), load(memory, b + k), product)
            product = product * (4.0 * factor)
            a_to, b_to = gradients + i * inputs, gradients + j * inputs
            for k in range(inputs):
                store(memory, a_to + k, fma(product, load(memory, b + k), load(memory, a_to + k)))
                store(memory, b_to + k, fma(product, load(memory, a + k), load(memory, b_to + k)))


@jit.routine
def add_penalty(
    memory: Any, weights: Any, gradients: Any, inputs: Any, outputs: Any, l1: Any, l2: Any, repulsion: Any
) -> None:
    """Add the derivative of the penalty on one layer's weights to their gradients.

    `weights` and `gradients` are addresses of `outputs` × `inputs` packs, row by row; the others are `Strengths`.
    """
    if l1 > 0.0 or l2 > 0.0:
        for i in range(inputs * outputs):
            w = load(memory, weights + i)
            g = fma(w, 2.0 * l2, load(memory, gradients + i))
            store(memory, gradients + i, g + where(w > 0.0, l1, where(w < 0.0, -l1, w * 0.0)))
    if repulsion > 0.0:
        _repel(memory, weights, gradients, inputs, outputs, repulsion)


_KERAS = "Keras keras.regularizers.{}, as a kernel_regularizer of every layer"

REGULARIZERS: dict[str, Regularizer] = table(
    Regularizer(
        "l1",
        "l1·Σ|w| over the weights of all layers; its derivative at 0 is 0",
        _KERAS.format("L1") + ". PyTorch: a term of one's own in the loss",
        {"l1": Parameter(0.01, ge=0, doc="strength")},
    ),
    Regularizer(
        "l2",
        "l2·Σw² over the weights of all layers",
        _KERAS.format("L2") + ". PyTorch: weight_decay=2·l2 of the optimizer, which takes in biases as well",
        {"l2": Parameter(0.01, ge=0, doc="strength")},
    ),
    Regularizer(
        "l1_l2",
        "l1·Σ|w| + l2·Σw² over the weights of all layers",
        _KERAS.format("L1L2") + " (whose class takes 0 for both by default)",
        {"l1": Parameter(0.01, ge=0, doc="strength of Σ|w|"), "l2": Parameter(0.01, ge=0, doc="strength of Σw²")},
    ),
    Regularizer(
        "repulsion",
        "factor·‖WWᵀ − diag(WWᵀ)‖² = factor·Σ (wᵢ·wⱼ)² over i ≠ j, wᵢ the incoming weights of unit i, summed over the "
        "hidden layers",
        "mcstudy: soft orthogonality (Brock et al. 2017) that leaves lengths alone. Keras OrthogonalRegularizer "
        "takes |cos| of the angles, averaged over pairs",
        {"factor": Parameter(0.01, ge=0, doc="strength")},
        repulses=True,
    ),
)
