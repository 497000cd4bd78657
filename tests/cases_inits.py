"""Initialisations as a study may name them, for tests that walk the catalog: each parameter is off its default once."""

from __future__ import annotations

from typing import Any


def part(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, **parameters}


BIAS_CASES = [
    part("zeros"),
    part("ones"),
    part("constant", value=0.3),
    part("normal", mean=0.1, std=0.2),
    part("uniform", low=0.0, high=0.5),
    part("truncated_normal", mean=-0.2, std=0.4, low=-0.5, high=1.5),
    part("lecun_normal", truncated=True),
    part("lecun_uniform"),
    part("glorot_normal", gain=0.9, truncated=True),
    part("glorot_uniform", gain=0.5),
    part("he_normal", gain=0.5, mode="fan_out", truncated=True),
    part("he_uniform", gain=0.4, mode="fan_out"),
    part("torch_default"),
]
INIT_CASES = [
    part("zeros", bias="normal"),
    part("ones", bias="normal"),
    part("constant", value=-0.4, bias="uniform"),
    part("normal"),
    part("normal", mean=0.3, std=0.5, bias="glorot_normal"),
    part("normal", std=0.0, bias="he_normal"),
    part("uniform"),
    part("uniform", low=-0.2, high=2.0, bias="uniform"),
    part("truncated_normal", bias="truncated_normal"),
    part("truncated_normal", mean=0.5, std=2.0, low=-1.0, high=1.25),
    part("truncated_normal", std=0.25, low=1.0, high=1.5),
    part("truncated_normal", mean=1.0, low=-7.0, high=1.5),
    part("lecun_normal", bias="ones"),
    part("lecun_normal", truncated=True, bias="lecun_normal"),
    part("lecun_uniform"),
    part("lecun_uniform", bias="lecun_uniform"),
    part("glorot_normal"),
    part("glorot_normal", gain=1.5, truncated=True, bias="normal"),
    part("glorot_normal", gain="sigmoid"),
    part("glorot_uniform"),
    *[part("glorot_uniform", gain=2.0, bias=bias) for bias in BIAS_CASES],
    part("glorot_uniform", gain="tanh"),
    part("he_normal"),
    part("he_normal", gain=1.1, truncated=True, bias="he_uniform"),
    part("he_normal", gain="leaky_relu", mode="fan_out"),
    part("he_uniform"),
    part("he_uniform", gain=0.7, bias="glorot_uniform"),
    part("he_uniform", gain="selu", mode="fan_out"),
    part("torch_default"),
    part("torch_default", bias="zeros"),
    part("keras_default"),
    part("keras_default", bias="torch_default"),
    part("orthogonal"),
    part("orthogonal", gain="relu", bias="normal"),
    part("identity"),
    part("identity", gain=-0.7, bias="normal"),
    part("sparse", sparsity=0.3),
    part("sparse", sparsity=0.75, std=0.5, bias="uniform"),
    part("sparse", sparsity=0.0, std=0.5),
    part("sparse", sparsity=1.0, bias="normal"),
    part("rai"),
    part("lsuv"),
    part("lsuv", init="he_uniform", bias="normal"),
    part("lsuv", init=part("sparse", sparsity=0.4), bias="normal"),
    part("lsuv", init="zeros", bias="normal"),
    part("mirrored"),
    part("mirrored", init="uniform", bias="normal"),
    part("mirrored", init=part("orthogonal", gain="tanh")),
]
GRID_CASES = [
    part("grid", low=-3.0, high=3.0, points=[3, 4]),
    part("grid", low=[-1.0, 0.5], high=[2.0, 0.5], points=[5, 1]),
]
