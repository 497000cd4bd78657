"""How the parameters of a layer start, in plain NumPy and SciPy. It imports nothing of mcstudy."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import ndtri

Settings = dict[str, Any]
Array = np.ndarray

norm, uniform, truncnorm = map(cache, (stats.norm, stats.uniform, stats.truncnorm))
"""Distributions, which SciPy takes a millisecond to make."""

GAINS = {
    "linear": 1,
    "sigmoid": 1,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
}


def variance(init: Settings, fan_in: int, fan_out: int) -> float:
    """Of the weights of an init that is made of the fans."""
    name = init["name"].split("_")[0]
    if name == "torch":
        return 1 / (3 * fan_in)
    fan = {"lecun": fan_in, "glorot": (fan_in + fan_out) / 2, "keras": (fan_in + fan_out) / 2, "he": fan_in}[name]
    if init.get("mode") == "fan_out":
        fan = fan_out
    gain = init.get("gain", 1.0)
    return GAINS.get(gain, gain) ** 2 / fan


def independent(init: Settings, fan_in: int, fan_out: int) -> Any:
    """The distribution of each parameter by itself, one of `scipy.stats`; a number where there is nothing to draw."""
    match init["name"]:
        case "zeros" | "ones" | "constant":
            return {"zeros": 0.0, "ones": 1.0}.get(init["name"], init.get("value"))
        case "normal":
            return norm(init["mean"], init["std"]) if init["std"] else init["mean"]
        case "uniform":
            return uniform(init["low"], init["high"] - init["low"])
        case "truncated_normal":
            mean, std = init["mean"], init["std"]
            return truncnorm((init["low"] - mean) / std, (init["high"] - mean) / std, mean, std)
    std = math.sqrt(variance(init, fan_in, fan_out))
    if "normal" not in init["name"]:
        return uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std)
    return truncnorm(-2, 2, 0, std / truncnorm(-2, 2).std()) if init["truncated"] else norm(0, std)


def drawn(init: Settings, u: Array, fan_in: int, fan_out: int) -> Array:
    """The parameters at the probabilities u."""
    distribution = independent(init, fan_in, fan_out)
    if isinstance(distribution, float):
        return np.full(u.shape, distribution)
    return np.asarray(distribution.ppf(u))


def haar(normals: Array) -> Array:
    """The factor Q of normals = Q R with the diagonal of R positive; of the transpose where there are fewer rows."""
    tall = normals if normals.shape[0] >= normals.shape[1] else normals.T
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return q if tall is normals else q.T


def layer_weights(init: Settings, u: Array, further: Callable[[int], Array]) -> Array:
    """The weights (out, in) of a layer at the probabilities u, of that shape.

    `further(i)` are the two further uniforms of parameter i of the layer.
    """
    fan_out, fan_in = u.shape
    match init["name"]:
        case "orthogonal":
            return GAINS.get(init["gain"], init["gain"]) * haar(ndtri(u))
        case "identity":
            return init["gain"] * np.eye(fan_out, fan_in)
        case "lsuv":
            return layer_weights(init["init"], u, further)
        case "mirrored":
            weights = layer_weights(init["init"], u, further)
            pairs = fan_out // 2 * 2
            weights[1:pairs:2] = -weights[:pairs:2]
            return weights
        case "sparse":
            weights = init["std"] * ndtri(u)
            for column in range(fan_in):
                left = math.ceil(init["sparsity"] * fan_out)
                for row in range(fan_out):
                    if further(row * fan_in + column)[0] * (fan_out - row) < left:
                        weights[row, column] = 0
                        left -= 1
            return weights
    return drawn(init, u, fan_in, fan_out)


def layer_parameters(
    init: Settings, u: Array, further: Callable[[int], Array], fan_in: int, fan_out: int, biased: bool
) -> Array:
    """All parameters of a layer, weights (out, in) row by row and then biases, before any scaling by the data.

    Args:
        init: with its parameters.
        u: their uniforms, in the same order.
        further: the two further uniforms of parameter i of the layer.
        fan_in: inputs.
        fan_out: units.
        biased: whether they have biases.
    """
    weight_u, bias_u = u[: fan_in * fan_out].reshape(fan_out, fan_in), u[fan_in * fan_out :]
    if init["name"] == "rai":
        columns = np.column_stack([weight_u, bias_u]) if biased else weight_u
        rows = 0.6007 / math.sqrt(fan_in) * ndtri(columns)
        for j, row in enumerate(rows):
            place, beta = further(j * fan_in)
            row[int(place * len(row))] = math.sqrt(beta)
        return np.concatenate([rows[:, :fan_in].ravel(), rows[:, fan_in:].ravel()])
    weights = layer_weights(init, weight_u, further)
    return np.append(weights, drawn(init["bias"], bias_u, fan_in, fan_out) if biased else [])


def scale_by_data(network: Any, x: Array) -> None:
    """Scale the weights of a `naive.Network` so that the sums of each layer over inputs x have variance 1 (LSUV)."""
    for i, weights in enumerate(network.weights):
        sd = np.std(network.forward(x)[0][i].astype(np.float64) @ weights.T)
        if network.trained[i] and 0 < sd < np.inf:
            weights /= sd
