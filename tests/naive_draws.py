"""Random numbers, initial parameters and samples of a trial, in plain NumPy. It imports nothing of mcstudy.

The first half of the reference; `naive` is the second.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

Settings = dict[str, Any]
Array = np.ndarray

WEIGHTS, DATA, ORDER, SHARED = 0, 1, 2, 5
LOW = 0xFFFFFFFF

# ---------------------------------------------------------------------------------------------- random numbers


def philox(counter: Array, key: tuple[int, int]) -> Array:
    """Philox4x32-7: counters of four 32-bit words, (..., 4), to as many random words (uint64 below 2^32)."""
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(7):
        left, right = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (right >> 32) ^ c1 ^ k0, right & LOW, (left >> 32) ^ c3 ^ k1, left & LOW
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return np.stack([c0, c1, c2, c3], axis=-1)


def words(seed: int, stream: int, trial: int, first: int, last: int) -> Array:
    """The 32-bit words numbered `first` ≤ i < `last` of a stream, four to a block."""
    block = np.arange(first // 4, -(-last // 4), dtype=np.uint64)
    counter = np.empty((len(block), 4), np.uint64)
    counter[:, 0] = block & LOW
    counter[:, 1] = (block >> 32) | (stream << 24)
    counter[:, 2] = trial & LOW
    counter[:, 3] = trial >> 32
    found = philox(counter, (seed & LOW, seed >> 32)).ravel()
    return found[first % 4 :][: last - first]


def pairs(seed: int, stream: int, trial: int, first: int, last: int) -> Array:
    """64-bit integers of two words each, the low one first."""
    halves = words(seed, stream, trial, 2 * first, 2 * last).reshape(-1, 2)
    return halves[:, 0] | halves[:, 1] << 32


def uniforms(seed: int, stream: int, trial: int, first: int, last: int, dtype: Any) -> Array:
    """Uniforms of a stream in [0, 1): as many leading bits of a word, or of two, as the precision has."""
    if dtype == np.float32:
        return ((words(seed, stream, trial, first, last) >> 8) * 2.0**-24).astype(dtype)
    return (pairs(seed, stream, trial, first, last) >> 11) * 2.0**-53


def normals(seed: int, stream: int, trial: int, first: int, last: int, dtype: Any) -> Array:
    """Standard normals of a stream: r sin φ and r cos φ in turn, r² = −2 log u (Box and Muller).

    The first of two numbers gives u in (0, 1], the second, read as signed, φ in half turns on either side of 0.
    """
    start, end = first - first % 2, last + last % 2
    if dtype == np.float32:
        bits = words(seed, stream, trial, start, end).astype(np.uint32).reshape(-1, 2)
        u = (bits[:, 0].astype(np.float32) * 2.0**-32 + np.float64(2.0**-33)).astype(np.float32)
        turn = bits[:, 1].view(np.int32).astype(np.float32) * 2.0**-32
    else:
        bits = pairs(seed, stream, trial, start, end).reshape(-1, 2)
        u = (bits[:, 0] >> 11) * 2.0**-53 + 2.0**-54
        turn = (bits[:, 1].view(np.int64) >> 11) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(u.astype(np.float64))), 2 * np.pi * turn.astype(np.float64)
    both = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1).ravel()
    return both[first - start :][: last - first].astype(dtype)


# ---------------------------------------------------------------------------------------------- the start


def layer_shapes(settings: Settings) -> list[tuple[int, int]]:
    """(fan-in, fan-out) of each layer."""
    task, hidden = settings["task"], settings["network"]["hidden"]
    return list(itertools.pairwise([task["n_inputs"], *hidden, task["n_outputs"]]))


def quantile(init: Settings, u: Array, fan_in: int, fan_out: int) -> Array:
    """The initial values at the probabilities u."""
    name = init["name"]
    if name in ("zeros", "constant"):
        return np.full(u.shape, init.get("value", 0.0))
    if name == "normal":
        return init["mean"] + init["std"] * ndtri(u)
    if name == "uniform":
        return init["low"] + (init["high"] - init["low"]) * u
    variance = init["gain"] ** 2 * {"he": 1 / fan_in, "glorot": 2 / (fan_in + fan_out)}[name.split("_")[0]]
    if name.endswith("uniform"):
        return math.sqrt(3 * variance) * (2 * u - 1)
    if not init["truncated"]:
        return math.sqrt(variance) * ndtri(u)
    inside = ndtr(2) - ndtr(-2)
    cut_variance = 1 - 2 * 2 * math.exp(-2) / math.sqrt(2 * math.pi) / inside
    return math.sqrt(variance / cut_variance) * ndtri(ndtr(-2) + inside * u)


def initial_parameters(settings: Settings, trial: int) -> Array:
    """All parameters, layer by layer: weights (out, in) row by row, then biases. Float64."""
    network, shapes = settings["network"], layer_shapes(settings)
    init = network["init"]
    if init["name"] == "grid":
        axes = [np.linspace(*axis) for axis in zip(init["low"], init["high"], init["points"], strict=True)]
        points = np.array(list(itertools.product(*axes)))
        return points[trial % len(points)]
    count = sum(n * m + m * network["bias"] for n, m in shapes)
    u = (pairs(settings["seed"], WEIGHTS, trial, 0, count) >> 12) * 2.0**-52 + 2.0**-53
    values = []
    for n, m in shapes:
        values.append(quantile(init, u[: n * m], n, m))
        u = u[n * m :]
        if network["bias"]:
            values.append(quantile(init["bias"], u[:m], n, m))
            u = u[m:]
    return np.concatenate(values)


# ---------------------------------------------------------------------------------------------- data

POINTS = {"addition": ((0.1, 0.2), (0.5, 0.3), (0.2, 0.4), (0.3, 0.7), (0.5, 0.5), (0.4, 0.3))}


def targets(task: Settings, x: Array) -> Array:
    """What a network should answer to inputs (samples, inputs)."""
    first, last = x[:, :1], x[:, -1:]
    match task["name"]:
        case "relu":
            return np.maximum(first, 0)
        case "abs":
            return np.abs(first)
        case "distance":
            return np.sqrt(first * first + last * last)
        case "addition":
            return first + last
        case "sine":
            return np.sin(task["parameters"]["frequency"] * first)
    raise ValueError(task["name"])


def inputs(settings: Settings, stream: int, trial: int, first: int, last: int) -> Array:
    """The inputs numbered `first` ≤ i < `last` of a stream, (samples, inputs), in the cell's precision."""
    task, dtype = settings["task"], np.dtype(settings["train"]["precision"]).type
    width, spread = task["n_inputs"], task["input"]
    numbers = settings["seed"], stream, trial, first * width, last * width, dtype
    if spread["name"] == "normal":
        x = normals(*numbers).astype(np.float64) * spread["std"] + spread["mean"]
    else:
        x = uniforms(*numbers).astype(np.float64) * (spread["high"] - spread["low"]) + spread["low"]
    return x.reshape(-1, width).astype(dtype)


def sample_set(settings: Settings, trial: int, table: tuple[Array, Array] | None) -> tuple[Array, Array]:
    """The samples that a trial learns from again and again."""
    task, dtype = settings["task"], np.dtype(settings["train"]["precision"]).type
    if table is not None:
        return table[0].astype(dtype), table[1].astype(dtype)
    if task["samples"] == "trial":
        x = inputs(settings, DATA, trial, 0, task["size"])
    elif task["input"] is None:
        x = np.array(POINTS[task["name"]], dtype)
    else:
        x = inputs(settings, SHARED, 0, 0, task["size"])
    return x, targets(task, x)


def quantile_points(settings: Settings) -> tuple[Array, Array]:
    """512 evaluation points without randomness, for fresh samples."""
    task, dtype = settings["task"], np.dtype(settings["train"]["precision"]).type
    width, spread = task["n_inputs"], task["input"]
    u = ((np.arange(512) + 0.5) / 512)[:, None]
    if width > 1:
        u = qmc.Sobol(width, scramble=False).random(512) + 0.5 / 512
    if spread["name"] == "normal":
        x = (spread["mean"] + spread["std"] * ndtri(u)).astype(dtype)
    else:
        x = (spread["low"] + (spread["high"] - spread["low"]) * u).astype(dtype)
    return x, targets(task, x)


def order(settings: Settings, trial: int, number: int) -> Array:
    """The order of the samples in pass `number`: random words sorted, their low bits replaced by the sample."""
    size = settings["task"]["size"]
    if settings["task"]["order"] == "sequential":
        return np.arange(size)
    drawn = words(settings["seed"], ORDER, trial, number * size, (number + 1) * size)
    return np.argsort(drawn >> (size - 1).bit_length(), kind="stable")


def batches(settings: Settings, trial: int, samples: tuple[Array, Array] | None) -> Iterator[tuple[Array, Array]]:
    """The batches of steps 0, 1, …; the last one of a pass may be short. `samples` is None for fresh ones."""
    task = settings["task"]
    size = task["batch"]
    for number in itertools.count():
        if samples is None:
            x = inputs(settings, DATA, trial, number * size, (number + 1) * size)
            yield x, targets(task, x)
            continue
        chosen = order(settings, trial, number)
        for start in range(0, len(chosen), size):
            batch = chosen[start : start + size]
            yield samples[0][batch], samples[1][batch]
