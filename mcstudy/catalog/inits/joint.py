"""Initialisations that shape the weights of a layer together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mcstudy.catalog.inits.independent import INDEPENDENT
from mcstudy.catalog.inits.recipe import (
    BIAS,
    Distribution,
    Init,
    Recipe,
    constant,
    gain_of,
    gain_parameter,
    known_gain,
    normal,
)
from mcstudy.catalog.part import REQUIRED, OpenTable, Parameter, table
from mcstudy.kernels.layout import GRID, IDENTITY, ORTHOGONAL, RAI, SPARSE

RAI_SD = 0.6007
"""Lu et al.'s standard deviation, with which Beta(2, 1) entries keep the length of a signal through a ReLU layer."""


def _base(parameters: Mapping[str, Any], fan_in: int, fan_out: int) -> Recipe:
    base = parameters["init"]
    return INITS[base["name"]].recipe(base, fan_in, fan_out)


def _sparse(parameters: Mapping[str, Any], fan_in: int, fan_out: int) -> Recipe:
    zeros = math.ceil(parameters["sparsity"] * fan_out)
    return normal(0.0, parameters["std"])._replace(scheme=SPARSE, scheme_a=float(zeros))


def _rai(parameters: Mapping[str, Any], fan_in: int, fan_out: int) -> Recipe:
    return normal(0.0, RAI_SD / math.sqrt(fan_in))._replace(scheme=RAI)


def _first(name: str) -> dict[str, Parameter]:
    return {"init": Parameter({"name": name}, "base_init", doc="how the weights start before that")}


JOINT: dict[str, Init] = table(
    Init(
        "orthogonal",
        "gain · Q, Q uniform among all matrices with orthonormal columns, or rows where there are fewer rows (Haar "
        "measure): standard normals, orthonormalised by Gram and Schmidt",
        "Saxe et al. 2014; PyTorch torch.nn.init.orthogonal_, Keras Orthogonal",
        gain_parameter(1.0) | BIAS,
        check=known_gain,
        recipe=lambda p, i, o: normal(0.0, 1.0)._replace(scheme=ORTHOGONAL, scheme_a=gain_of(p)),
        as_bias=False,
    ),
    Init(
        "identity",
        "unit j starts as gain times input j: gain on the diagonal, 0 elsewhere",
        "PyTorch torch.nn.init.eye_ (gain 1), Keras Identity",
        {"gain": Parameter(1.0, doc="the weights on the diagonal")} | BIAS,
        recipe=lambda p, i, o: constant(0.0)._replace(scheme=IDENTITY, scheme_a=p["gain"]),
        as_bias=False,
    ),
    Init(
        "sparse",
        "N(0, std²), but ⌈sparsity · units⌉ of the weights that leave each input, drawn at random, are 0",
        "Martens 2010; PyTorch torch.nn.init.sparse_; Keras has none",
        {
            "sparsity": Parameter(REQUIRED, ge=0, le=1, doc="the share of zeros"),
            "std": Parameter(0.01, ge=0, doc="standard deviation of the others"),
        }
        | BIAS,
        recipe=_sparse,
        as_bias=False,
    ),
    Init(
        "rai",
        "weights and bias of a unit N(0, 0.6007² / fan_in), then one of them, drawn at random, Beta(2, 1) instead (the "
        "root of a uniform number); without biases one of the weights; in every layer",
        "Lu et al. 2019, Dying ReLU and Initialization: randomized asymmetric initialization",
        recipe=_rai,
        as_bias=False,
        as_base=False,
    ),
    Init(
        "lsuv",
        "init, then layer by layer, from the first to the output, weights / s: s is the standard deviation of W x over "
        "the layer's units and the evaluation points, x what the layers below make of them; biases are left out of W x "
        "(they start as bias says); a layer whose s is 0 or not finite stays as it is",
        "Mishkin and Matas 2016, All you need is a good init: layer-sequential unit-variance initialization",
        _first("orthogonal") | BIAS,
        recipe=lambda p, i, o: _base(p, i, o)._replace(scaled=True),
        as_bias=False,
        as_base=False,
    ),
    Init(
        "mirrored",
        "init, then in pairs of units the second starts with the negative weights of the first; an odd unit stays "
        "alone; biases start as bias says",
        "mcstudy; w₂ = −w₁, the start of concatenated ReLUs (Shang et al. 2016): while biases are 0, one of two "
        "mirrored ReLUs is on at any input",
        _first("he_normal") | BIAS,
        recipe=lambda p, i, o: _base(p, i, o)._replace(mirrored=True),
        as_bias=False,
        as_base=False,
    ),
    Init(
        "grid",
        "trial i starts on point i (modulo their number) of a grid over the parameters, the last one fastest",
        "mcstudy; for networks of one or two parameters, biases included",
        {
            "low": Parameter(REQUIRED, "numbers", length=(1, 2), doc="the first point of each parameter"),
            "high": Parameter(REQUIRED, "numbers", length=(1, 2), doc="the last point of each parameter"),
            "points": Parameter(REQUIRED, "integers", ge=1, length=(1, 2), doc="how many points each parameter has"),
        },
        recipe=lambda p, i, o: Recipe(Distribution(GRID)),
        as_bias=False,
        as_base=False,
    ),
)

INITS: OpenTable[Init] = OpenTable(INDEPENDENT | JOINT)
"""All of them."""
