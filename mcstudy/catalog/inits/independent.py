"""Initialisations that draw each weight by itself: by inversion, from one uniform number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mcstudy.catalog.inits.recipe import (
    BIAS,
    GAINS,
    Init,
    between,
    constant,
    flat,
    gain_of,
    gain_parameter,
    known_gain,
    normal,
    of_variance,
)
from mcstudy.catalog.part import REQUIRED, Parameter, table

LEAST_PROBABILITY = 1e-300
"""Of a truncated normal, between its cuts: they may lie 37 standard deviations out."""


def _symmetric(bound: float) -> Any:
    return flat(-bound, bound)


def _fan(parameters: Mapping[str, Any], fan_in: int, fan_out: int) -> int:
    return fan_in if parameters["mode"] == "fan_in" else fan_out


def _ordered(parameters: Mapping[str, Any]) -> str | None:
    low, high = parameters["low"], parameters["high"]
    return None if low <= high else f"low must not exceed high; got low={low!r}, high={high!r}"


def _cuts(parameters: Mapping[str, Any]) -> str | None:
    mean, std, low, high = (parameters[name] for name in ("mean", "std", "low", "high"))
    if not low < high:
        return f"low must be below high; got low={low!r}, high={high!r}"
    if abs(between(mean, std, low, high).distribution.d) < LEAST_PROBABILITY:
        return (
            f"hardly any of a normal with mean={mean!r}, std={std!r} lies between low={low!r} and high={high!r}; "
            "37 standard deviations from the mean are the most"
        )
    return None


_CUT = {
    "truncated": Parameter(
        False,
        "boolean",
        doc="cut at two standard deviations, widened so that the variance stays, as in Keras",
    )
}
_MODE = {
    "mode": Parameter(
        "fan_in",
        "choice",
        choices=("fan_in", "fan_out"),
        doc="which fan the variance is divided by: fan_in keeps it on the way forward, fan_out on the way back",
    )
}
_ALIKE = "PyTorch's is a plain normal, Keras's and JAX's are truncated: say truncated = true for theirs"
_OF_VARIANCE = "; truncated: N(0, s²) between −2 s and 2 s, s chosen so that the variance is the same"

INDEPENDENT: dict[str, Init] = table(
    Init("zeros", "0", "PyTorch torch.nn.init.zeros_, Keras Zeros", BIAS, recipe=lambda p, i, o: constant(0.0)),
    Init("ones", "1", "PyTorch torch.nn.init.ones_, Keras Ones", BIAS, recipe=lambda p, i, o: constant(1.0)),
    Init(
        "constant",
        "value",
        "PyTorch torch.nn.init.constant_, Keras Constant",
        {"value": Parameter(REQUIRED, doc="the value of all")} | BIAS,
        recipe=lambda p, i, o: constant(p["value"]),
    ),
    Init(
        "normal",
        "N(mean, std²)",
        "PyTorch torch.nn.init.normal_, Keras RandomNormal (where std is 0.05 by default)",
        {"mean": Parameter(0.0, doc="mean"), "std": Parameter(1.0, ge=0, doc="standard deviation")} | BIAS,
        recipe=lambda p, i, o: normal(p["mean"], p["std"]),
    ),
    Init(
        "uniform",
        "U(low, high)",
        "PyTorch torch.nn.init.uniform_ (0 to 1 by default), Keras RandomUniform (−0.05 to 0.05); here about 0",
        {"low": Parameter(-1.0, doc="lower end"), "high": Parameter(1.0, doc="upper end")} | BIAS,
        check=_ordered,
        recipe=lambda p, i, o: flat(p["low"], p["high"]),
    ),
    Init(
        "truncated_normal",
        "N(mean, std²) where it lies between low and high, which are values, not multiples of std; the variance is "
        "smaller than std²",
        "PyTorch torch.nn.init.trunc_normal_ (a = low, b = high); Keras TruncatedNormal cuts at mean ± 2 std, so there "
        "low and high move with mean and std",
        {
            "mean": Parameter(0.0, doc="mean before the cuts"),
            "std": Parameter(1.0, gt=0, doc="standard deviation before the cuts"),
            "low": Parameter(-2.0, doc="the lower cut"),
            "high": Parameter(2.0, doc="the upper cut"),
        }
        | BIAS,
        check=_cuts,
        recipe=lambda p, i, o: between(p["mean"], p["std"], p["low"], p["high"]),
    ),
    Init(
        "lecun_normal",
        "N(0, 1 / fan_in)" + _OF_VARIANCE,
        "LeCun et al. 1998, Klambauer et al. 2017; Keras LecunNormal and JAX lecun_normal, which are truncated: say "
        "truncated = true for theirs; PyTorch has none",
        _CUT | BIAS,
        recipe=lambda p, i, o: of_variance(1.0 / math.sqrt(i), p["truncated"]),
    ),
    Init(
        "lecun_uniform",
        "U(−c, c), c = √(3 / fan_in)",
        "LeCun et al. 1998; Keras LecunUniform; PyTorch has none",
        BIAS,
        recipe=lambda p, i, o: _symmetric(math.sqrt(3.0 / i)),
    ),
    Init(
        "glorot_normal",
        "N(0, gain² · 2 / (fan_in + fan_out))" + _OF_VARIANCE,
        f"Glorot and Bengio 2010; PyTorch torch.nn.init.xavier_normal_, Keras GlorotNormal. {_ALIKE}",
        gain_parameter(1.0) | _CUT | BIAS,
        check=known_gain,
        recipe=lambda p, i, o: of_variance(gain_of(p) * math.sqrt(2.0 / (i + o)), p["truncated"]),
    ),
    Init(
        "glorot_uniform",
        "U(−c, c), c = gain · √(6 / (fan_in + fan_out))",
        "Glorot and Bengio 2010; PyTorch torch.nn.init.xavier_uniform_, Keras GlorotUniform",
        gain_parameter(1.0) | BIAS,
        check=known_gain,
        recipe=lambda p, i, o: _symmetric(gain_of(p) * math.sqrt(6.0 / (i + o))),
    ),
    Init(
        "he_normal",
        "N(0, gain² / fan), fan = fan_in or fan_out as mode says" + _OF_VARIANCE,
        "He et al. 2015; PyTorch torch.nn.init.kaiming_normal_ (nonlinearity gives its gain, √2 by default), Keras "
        f"HeNormal (fan_in, gain √2). {_ALIKE}",
        gain_parameter(GAINS["relu"]) | _MODE | _CUT | BIAS,
        check=known_gain,
        recipe=lambda p, i, o: of_variance(gain_of(p) / math.sqrt(_fan(p, i, o)), p["truncated"]),
    ),
    Init(
        "he_uniform",
        "U(−c, c), c = gain · √(3 / fan), fan = fan_in or fan_out as mode says",
        "He et al. 2015; PyTorch torch.nn.init.kaiming_uniform_ (nonlinearity gives its gain, √2 by default), Keras "
        "HeUniform (fan_in, gain √2)",
        gain_parameter(GAINS["relu"]) | _MODE | BIAS,
        check=known_gain,
        recipe=lambda p, i, o: _symmetric(gain_of(p) * math.sqrt(3.0 / _fan(p, i, o))),
    ),
    Init(
        "torch_default",
        "weights and biases U(−c, c), c = 1 / √fan_in",
        "PyTorch torch.nn.Linear as it is made; its kaiming_uniform_(a = √5) is this",
        {"bias": Parameter({"name": "torch_default"}, "init", doc=BIAS["bias"].doc)},
        recipe=lambda p, i, o: _symmetric(1.0 / math.sqrt(i)),
    ),
    Init(
        "keras_default",
        "U(−c, c), c = √(6 / (fan_in + fan_out)), and zero biases: glorot_uniform",
        "Keras Dense as it is made",
        BIAS,
        recipe=lambda p, i, o: _symmetric(math.sqrt(6.0 / (i + o))),
        as_bias=False,
    ),
)
