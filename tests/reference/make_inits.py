"""Write ``inits.json``: how the frameworks' initialisations are distributed (see `fixture` for how to run this).

Of each initialisation of a layer of 24 inputs and 36 units a million weights are drawn, in matrices of that shape, and
200 quantiles kept: quantile i is the one of (i + ½) / 200. Of those that draw nothing, the matrix is kept. Parts are
named as a study does; ``gain`` may be the name of an activation, as PyTorch's `calculate_gain` takes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import fixture
import keras
import numpy as np
import torch
from torch.nn import init

INPUTS, UNITS = 24, 36
DRAWS = 1_000_000
QUANTILES = 200
Settings = dict[str, Any]


def part(name: str, **parameters: Any) -> Settings:
    return {"name": name, **parameters}


def summary(values: np.ndarray) -> Settings:
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return {
        "draws": values.size,
        "mean": float(values.mean()),
        "std": float(values.std()),
        "least": float(values.min()),
        "most": float(values.max()),
        "quantiles": [float(f"{q:.9g}") for q in np.quantile(values, levels)],
    }


def torch_parts() -> list[tuple[Settings, Callable[[torch.Tensor], Any]]]:
    """Initialisations of ``torch.nn.init``."""

    def kaiming(function: Callable[..., Any], activation: str, mode: str = "fan_in") -> Callable[[torch.Tensor], Any]:
        slope = 0.01 if activation == "leaky_relu" else 0.0
        return lambda w: function(w, a=slope, mode=mode, nonlinearity=activation)

    return [
        (part("normal"), init.normal_),
        (part("normal", mean=0.3, std=0.5), lambda w: init.normal_(w, 0.3, 0.5)),
        (part("uniform", low=0.0, high=1.0), init.uniform_),
        (part("uniform", low=-0.2, high=2.0), lambda w: init.uniform_(w, -0.2, 2.0)),
        (part("truncated_normal"), init.trunc_normal_),
        (
            part("truncated_normal", mean=0.5, std=0.8, low=-0.25, high=3.0),
            lambda w: init.trunc_normal_(w, mean=0.5, std=0.8, a=-0.25, b=3.0),
        ),
        (
            part("truncated_normal", mean=0.0, std=1.0, low=1.0, high=2.5),
            lambda w: init.trunc_normal_(w, mean=0.0, std=1.0, a=1.0, b=2.5),
        ),
        (part("glorot_normal"), init.xavier_normal_),
        (part("glorot_normal", gain="tanh"), lambda w: init.xavier_normal_(w, gain=init.calculate_gain("tanh"))),
        (part("glorot_uniform"), init.xavier_uniform_),
        (part("glorot_uniform", gain=0.7), lambda w: init.xavier_uniform_(w, gain=0.7)),
        (part("he_normal"), kaiming(init.kaiming_normal_, "relu")),
        (part("he_normal", gain="leaky_relu", mode="fan_out"), kaiming(init.kaiming_normal_, "leaky_relu", "fan_out")),
        (part("he_normal", gain="selu"), kaiming(init.kaiming_normal_, "selu")),
        (part("he_uniform"), kaiming(init.kaiming_uniform_, "relu")),
        (part("he_uniform", gain="linear", mode="fan_out"), kaiming(init.kaiming_uniform_, "linear", "fan_out")),
        (part("orthogonal"), init.orthogonal_),
        (part("orthogonal", gain="tanh"), lambda w: init.orthogonal_(w, gain=init.calculate_gain("tanh"))),
    ]


def keras_parts() -> list[tuple[Settings, keras.initializers.Initializer]]:
    """Initializers of Keras; one called twice would give the same numbers."""
    inits = keras.initializers
    seed = keras.random.SeedGenerator(7)
    return [
        (part("normal", std=0.05), inits.RandomNormal(seed=seed)),
        (part("uniform", low=-0.05, high=0.05), inits.RandomUniform(seed=seed)),
        (part("truncated_normal", std=0.05, low=-0.1, high=0.1), inits.TruncatedNormal(seed=seed)),
        (
            part("truncated_normal", mean=1.0, std=0.5, low=0.0, high=2.0),
            inits.TruncatedNormal(mean=1.0, stddev=0.5, seed=seed),
        ),
        (part("lecun_normal", truncated=True), inits.LecunNormal(seed=seed)),
        (
            part("lecun_normal"),
            inits.VarianceScaling(1.0, mode="fan_in", distribution="untruncated_normal", seed=seed),
        ),
        (part("lecun_uniform"), inits.LecunUniform(seed=seed)),
        (part("glorot_normal", truncated=True), inits.GlorotNormal(seed=seed)),
        (part("glorot_uniform"), inits.GlorotUniform(seed=seed)),
        (part("he_normal", truncated=True), inits.HeNormal(seed=seed)),
        (
            part("he_normal", truncated=True, mode="fan_out"),
            inits.VarianceScaling(2.0, mode="fan_out", distribution="truncated_normal", seed=seed),
        ),
        (part("he_uniform"), inits.HeUniform(seed=seed)),
        (part("orthogonal", gain=1.5), inits.Orthogonal(gain=1.5, seed=seed)),
    ]


def matrices(make: Callable[[], np.ndarray]) -> np.ndarray:
    return np.array([make() for _ in range(math.ceil(DRAWS / (INPUTS * UNITS)))])


def torch_weights(fill: Callable[[torch.Tensor], Any]) -> np.ndarray:
    def make() -> np.ndarray:
        weights = torch.empty(UNITS, INPUTS)
        fill(weights)
        return weights.numpy()

    return matrices(make)


def layers() -> list[Settings]:
    """PyTorch's and Keras's layers as they are made."""
    made = [torch.nn.Linear(INPUTS, UNITS) for _ in range(math.ceil(DRAWS / (INPUTS * UNITS)))]
    weights = np.array([layer.weight.detach().numpy() for layer in made])
    biases = np.concatenate([torch.nn.Linear(INPUTS, UNITS).bias.detach().numpy() for _ in range(DRAWS // UNITS)])

    def dense() -> list[np.ndarray]:
        layer = keras.layers.Dense(UNITS)
        layer.build((None, INPUTS))
        return layer.get_weights()

    found = [dense() for _ in range(math.ceil(DRAWS / (INPUTS * UNITS)))]
    return [
        {"part": part("torch_default"), "source": "PyTorch", **summary(weights), "biases": summary(biases)},
        {
            "part": part("keras_default"),
            "source": "Keras",
            **summary(np.array([kernel for kernel, _ in found])),
            "biases": summary(np.array([bias for _, bias in found])),
        },
    ]


def sparse() -> list[Settings]:
    """Zeros in each column (of the weights that leave an input), and the others' distribution."""
    records = []
    for options in ({"sparsity": 0.3}, {"sparsity": 0.75, "std": 0.5}):
        weights = torch_weights(lambda w, options=options: init.sparse_(w, **options))
        zeros = np.unique((weights == 0).sum(axis=1))
        record = {"part": part("sparse", **options), "source": "PyTorch", "zeros": zeros.tolist()}
        records.append(record | summary(weights[weights != 0]))
    return records


def fixed() -> list[Settings]:
    """Initialisations that draw nothing."""
    empty = torch.empty(UNITS, INPUTS)
    kernel = np.asarray(keras.initializers.Identity(gain=0.5)((INPUTS, UNITS))).T
    made: list[tuple[Settings, str, Any]] = [
        (part("zeros"), "PyTorch", init.zeros_(empty.clone())),
        (part("ones"), "PyTorch", init.ones_(empty.clone())),
        (part("constant", value=-0.4), "PyTorch", init.constant_(empty.clone(), -0.4)),
        (part("identity"), "PyTorch", init.eye_(empty.clone())),
        (part("identity", gain=0.5), "Keras", kernel),
    ]
    return [{"part": settings, "source": source, "matrix": matrix.tolist()} for settings, source, matrix in made]


def main() -> None:
    torch.manual_seed(8)
    keras.utils.set_random_seed(9)
    records = fixed()
    for settings, fill in torch_parts():
        records.append({"part": settings, "source": "PyTorch", **summary(torch_weights(fill))})
    for settings, initializer in keras_parts():
        weights = matrices(lambda f=initializer: np.asarray(f((INPUTS, UNITS), dtype="float64")).T)
        records.append({"part": settings, "source": "Keras", **summary(weights)})
    records += layers() + sparse()
    gains = {name: float(init.calculate_gain(name)) for name in ("linear", "sigmoid", "tanh", "relu", "selu")}
    gains["leaky_relu"] = init.calculate_gain("leaky_relu", 0.01)
    fixture.write("inits", {"inputs": INPUTS, "units": UNITS, "gains": gains}, records)


if __name__ == "__main__":
    main()
