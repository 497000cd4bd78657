"""What an initialisation is: a recipe for the parameters of a layer, made of its fan-in and fan-out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from mcstudy.catalog.inits.normal import normal_stretch
from mcstudy.catalog.part import Parameter, Part
from mcstudy.kernels.layout import CONSTANT, FLAT, NONE, QUANTILE

TRUNCATED_SD = 0.87962566103423978
"""Standard deviation of a standard normal cut at ±2, to 17 digits, as in Keras and JAX."""

GAINS: Final[Mapping[str, float]] = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "leaky_relu": math.sqrt(2.0 / (1.0 + 0.01 * 0.01)),
    "selu": 0.75,
}
"""Gains by the name of an activation: PyTorch's `torch.nn.init.calculate_gain`, `leaky_relu` with its slope 0.01."""


class Distribution(NamedTuple):
    """A distribution of `mcstudy.kernels.layout` and its parameters, each drawn from one uniform number u.

    CONSTANT: a. FLAT: a + (b − a) u. QUANTILE: a + b Φ⁻¹(c + d u), so a normal N(a, b²), whole or a stretch of it.
    GRID: the grid point of the trial's number. CUSTOM: what the init `own`, a key, of a user's file makes of u.
    """

    code: int
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    own: str = ""


class Recipe(NamedTuple):
    """How the weights of a layer start: each from a distribution, then what is done to them together.

    Attributes:
        distribution: of each weight.
        scheme: one of NONE, ORTHOGONAL, IDENTITY, SPARSE and RAI of `mcstudy.kernels.layout`.
        scheme_a: its number: the gain (ORTHOGONAL, IDENTITY) or the zeros of a column (SPARSE).
        mirrored: whether the second row of each pair becomes the negative of the first.
        scaled: whether the weights are scaled by the data (LSUV).
    """

    distribution: Distribution
    scheme: int = NONE
    scheme_a: float = 0.0
    mirrored: bool = False
    scaled: bool = False


Maker = Callable[[Mapping[str, Any], int, int], Recipe]


def _zeros(parameters: Mapping[str, Any], fan_in: int, fan_out: int) -> Recipe:
    return constant(0.0)


@dataclass(frozen=True)
class Init(Part):
    """A part with `recipe(parameters, fan_in, fan_out)`.

    `as_bias` says whether biases may start so, each by itself and with the fans of its layer; `as_base` whether
    `lsuv` and `mirrored` may begin with it. `draw`, of a user's file alone, is compiled code: (arguments) gives a tuple
    of one pack; arguments are a uniform u on (0, 1), a pack of float64, then fan-in, fan-out and the distribution's a
    to d.
    """

    recipe: Maker = _zeros
    as_bias: bool = True
    as_base: bool = True
    draw: Callable[..., Any] | None = None


def constant(value: float) -> Recipe:
    """All weights equal."""
    return Recipe(Distribution(CONSTANT, value))


def flat(low: float, high: float) -> Recipe:
    """U(low, high)."""
    return Recipe(Distribution(FLAT, low, high))


def normal(mean: float, std: float) -> Recipe:
    """N(mean, std²)."""
    return Recipe(Distribution(QUANTILE, mean, std))


def between(mean: float, std: float, low: float, high: float) -> Recipe:
    """N(mean, std²) under the condition that it lies between `low` and `high`."""
    left, right = (low - mean) / std, (high - mean) / std
    if left + right > 0:
        # Probabilities near 1 are coarser than those near 0, so the longer tail is taken on the left and mirrored.
        start, length = normal_stretch(-right, -left)
        return Recipe(Distribution(QUANTILE, mean, -std, start + length, -length))
    return Recipe(Distribution(QUANTILE, mean, std, *normal_stretch(left, right)))


def of_variance(std: float, truncated: bool) -> Recipe:
    """A normal around 0 with this standard deviation, whole or cut at two standard deviations of the whole one."""
    std = std / TRUNCATED_SD if truncated else std
    return Recipe(Distribution(QUANTILE, 0.0, std, *normal_stretch(-2.0, 2.0))) if truncated else normal(0.0, std)


def gain_of(parameters: Mapping[str, Any]) -> float:
    """The part's gain, by number or by name."""
    gain = parameters["gain"]
    return GAINS[gain] if isinstance(gain, str) else float(gain)


def known_gain(parameters: Mapping[str, Any]) -> str | None:
    """A check: what is wrong with the name of a gain."""
    gain = parameters["gain"]
    if not isinstance(gain, str) or gain in GAINS:
        return None
    names = ", ".join(f'"{name}"' for name in GAINS)
    return f'gain "{gain}" is neither a number above 0 nor a name with a gain: {names}'


BIAS: Final = {"bias": Parameter({"name": "zeros"}, "init", doc="the initialisation of the biases")}


def gain_parameter(default: float) -> dict[str, Parameter]:
    """The parameter `gain`."""
    words = "a number, or an activation: linear and sigmoid 1, tanh 5/3, relu √2, leaky_relu √(2 / (1 + 0.01²)), selu ¾"
    return {"gain": Parameter(default, "gain", gt=0, doc=words)}
