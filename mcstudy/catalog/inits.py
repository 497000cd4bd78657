"""Initialisations: from a layer's fan-in and fan-out to the distribution of its weights.

Every distribution is drawn by inversion from one uniform number per parameter, so trial i starts on the same side of
every symmetric distribution: cells with different initialisations are compared in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mcstudy.catalog.part import REQUIRED, Parameter, Part, table
from mcstudy.kernels.layout import CONSTANT, FLAT, GAUSSIAN, GRID, TRUNCATED

TRUNCATED_SD = 0.87962566103423978
"""Standard deviation of a standard normal cut at ±2, to 17 digits, as in Keras and JAX."""


class Distribution(NamedTuple):
    """A distribution of `mcstudy.kernels.layout` and its two parameters."""

    code: int
    a: float = 0.0
    b: float = 0.0


@dataclass(frozen=True)
class Init(Part):
    """A part with `distribution(parameters, fan_in, fan_out)`."""

    distribution: Callable[[Mapping[str, Any], int, int], Distribution] = lambda p, fan_in, fan_out: Distribution(0)


def _normal(std: float, truncated: bool) -> Distribution:
    return Distribution(TRUNCATED, 0.0, std / TRUNCATED_SD) if truncated else Distribution(GAUSSIAN, 0.0, std)


def _flat(bound: float) -> Distribution:
    return Distribution(FLAT, -bound, bound)


def _ordered(parameters: Mapping[str, Any]) -> str | None:
    low, high = parameters["low"], parameters["high"]
    return None if low <= high else f"low must not exceed high; got low={low!r}, high={high!r}"


_BIAS = {"bias": Parameter({"name": "zeros"}, "init", doc="the initialisation of the biases")}
_ROOT2 = math.sqrt(2.0)
_CUT = Parameter(False, "boolean", doc="cut at two standard deviations and rescaled, as Keras does")
_HE = "He et al. 2015; PyTorch torch.nn.init.kaiming_{0}_, Keras he_{0} (whose normal is truncated)"
_GLOROT = "Glorot and Bengio 2010; PyTorch torch.nn.init.xavier_{0}_, Keras glorot_{0} (whose normal is truncated)"

INITS: dict[str, Init] = table(
    Init("zeros", "0", "PyTorch torch.nn.init.zeros_", _BIAS, distribution=lambda p, i, o: Distribution(CONSTANT)),
    Init(
        "constant",
        "value",
        "PyTorch torch.nn.init.constant_",
        {"value": Parameter(REQUIRED)} | _BIAS,
        distribution=lambda p, i, o: Distribution(CONSTANT, p["value"]),
    ),
    Init(
        "normal",
        "N(mean, std²)",
        "PyTorch torch.nn.init.normal_",
        {"mean": Parameter(0.0), "std": Parameter(1.0, ge=0)} | _BIAS,
        distribution=lambda p, i, o: Distribution(GAUSSIAN, p["mean"], p["std"]),
    ),
    Init(
        "uniform",
        "U(low, high)",
        "PyTorch torch.nn.init.uniform_, here about 0 by default",
        {"low": Parameter(-1.0), "high": Parameter(1.0)} | _BIAS,
        check=_ordered,
        distribution=lambda p, i, o: Distribution(FLAT, p["low"], p["high"]),
    ),
    Init(
        "he_normal",
        "N(0, gain² / fan_in)",
        _HE.format("normal"),
        {"gain": Parameter(_ROOT2, gt=0), "truncated": _CUT} | _BIAS,
        distribution=lambda p, i, o: _normal(p["gain"] / math.sqrt(i), p["truncated"]),
    ),
    Init(
        "he_uniform",
        "U(−c, c), c = gain · √(3 / fan_in)",
        _HE.format("uniform"),
        {"gain": Parameter(_ROOT2, gt=0)} | _BIAS,
        distribution=lambda p, i, o: _flat(p["gain"] * math.sqrt(3.0 / i)),
    ),
    Init(
        "glorot_normal",
        "N(0, gain² · 2 / (fan_in + fan_out))",
        _GLOROT.format("normal"),
        {"gain": Parameter(1.0, gt=0), "truncated": _CUT} | _BIAS,
        distribution=lambda p, i, o: _normal(p["gain"] * math.sqrt(2.0 / (i + o)), p["truncated"]),
    ),
    Init(
        "glorot_uniform",
        "U(−c, c), c = gain · √(6 / (fan_in + fan_out))",
        _GLOROT.format("uniform"),
        {"gain": Parameter(1.0, gt=0)} | _BIAS,
        distribution=lambda p, i, o: _flat(p["gain"] * math.sqrt(6.0 / (i + o))),
    ),
    Init(
        "grid",
        "trial i starts on point i (modulo their number) of a grid over the parameters, the last one fastest",
        "mcstudy; for networks of one or two parameters, biases included",
        {
            "low": Parameter(REQUIRED, "numbers", length=(1, 2)),
            "high": Parameter(REQUIRED, "numbers", length=(1, 2)),
            "points": Parameter(REQUIRED, "integers", ge=1, length=(1, 2)),
        },
        distribution=lambda p, i, o: Distribution(GRID),
    ),
)
