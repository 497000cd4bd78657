"""Random numbers, initial parameters and samples of a trial, in plain NumPy. It imports nothing of mcstudy.

The first half of the reference; `naive` is the second.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import naive_tasks
import numpy as np
from naive_inits import layer_parameters
from scipy.special import ndtri
from scipy.stats import qmc

Settings = dict[str, Any]
Array = np.ndarray

WEIGHTS, DATA, ORDER, DROPOUT, NOISE, SHARED, SLOPES, TASK = range(8)
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


def words(seed: int, stream: int, trial: int, first: int, last: int, layer: int = 0) -> Array:
    """The 32-bit words numbered `first` ≤ i < `last` of a stream, four to a block."""
    block = np.arange(first // 4, -(-last // 4), dtype=np.uint64)
    counter = np.empty((len(block), 4), np.uint64)
    counter[:, 0] = block & LOW
    counter[:, 1] = (block >> 32) | (stream << 24)
    counter[:, 2] = trial & LOW
    counter[:, 3] = trial >> 32 | layer << 16
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


def open_uniforms(seed: int, stream: int, trial: int, first: int, last: int) -> Array:
    """Uniforms of a stream on the odd multiples of 2^-53."""
    return (pairs(seed, stream, trial, first, last) >> 12) * 2.0**-52 + 2.0**-53


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


def unit_uniforms(seed: int, stream: int, trial: int, layer: int, numbers: Array, units: int) -> Array:
    """Uniforms of 24 bits in [0, 1), (samples, units), for the units of a layer and the samples of these numbers."""
    drawn = [words(seed, stream, trial, n * 65536, n * 65536 + units, layer) for n in numbers.tolist()]
    return (np.array(drawn) >> 8) * 2.0**-24


# ---------------------------------------------------------------------------------------------- the start


def layer_shapes(settings: Settings) -> list[tuple[int, int]]:
    """(fan-in, fan-out) of each layer."""
    task, hidden = settings["task"], settings["network"]["hidden"]
    return list(itertools.pairwise([task["n_inputs"], *hidden, task["n_outputs"]]))


def initial_parameters(settings: Settings, trial: int) -> Array:
    """All parameters, layer by layer: weights (out, in) row by row, biases, a trained slope of the activation.

    Float64, not scaled by the data.
    """
    network, shapes = settings["network"], layer_shapes(settings)
    init = network["init"]
    if init["name"] == "grid":
        axes = [np.linspace(*axis) for axis in zip(init["low"], init["high"], init["points"], strict=True)]
        points = np.array(list(itertools.product(*axes)))
        return points[trial % len(points)]
    values: list[Array] = []
    first = 0
    for n, m in shapes:
        last = first + n * m + m * network["bias"]
        u = open_uniforms(settings["seed"], WEIGHTS, trial, first, last)

        def further(i: int, first: int = first) -> Array:
            """The two further uniforms of parameter i of the layer: those of block 2^40 + its number."""
            at = 2 * (2**40 + first + i)
            return open_uniforms(settings["seed"], WEIGHTS, trial, at, at + 2)

        output = len(values) == len(shapes) - 1
        if output and network["output"]["name"] == "sum":
            break
        part = network["output"] if output else network["activation"]
        own = [part["init"]] if part["name"] == "prelu" else []
        values.append(np.append(layer_parameters(init, u, further, n, m, network["bias"]), own))
        first = last
    return np.concatenate(values)


# ---------------------------------------------------------------------------------------------- data


def targets(settings: Settings, x: Array) -> tuple[Array, Array]:
    """The points that inputs drawn, (samples, inputs), stand for, and what a network should answer there."""
    task = settings["task"]

    def draw(count: int) -> Array:
        return normals(settings["seed"], TASK, task["parameters"].get("number", 0), 0, count, np.float64)

    points = naive_tasks.own_inputs(task, x) if task["name"] in naive_tasks.OWN_INPUTS else x
    return points.astype(x.dtype), naive_tasks.targets(task, x, draw).astype(x.dtype)


def noisy(settings: Settings, trial: int, first: int, y: Array) -> Array:
    """The targets y (samples, outputs) of the samples numbered `first` …, with noise: what training sees."""
    task = settings["task"]
    if not task["noise"]:
        return y
    drawn = normals(settings["seed"], NOISE, trial, first * y.shape[1], first * y.shape[1] + y.size, y.dtype)
    return (y + task["noise"] * drawn.reshape(y.shape).astype(np.float64)).astype(y.dtype)


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
        x = naive_tasks.points(task).astype(dtype)
    else:
        x = inputs(settings, SHARED, 0, 0, task["size"])
    return targets(settings, x)


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
    return targets(settings, x)


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
    if samples is not None:
        x, y = samples[0], noisy(settings, trial if task["samples"] == "trial" else 0, 0, samples[1])
    for number in itertools.count():
        if samples is None:
            drawn = targets(settings, inputs(settings, DATA, trial, number * size, (number + 1) * size))
            yield drawn[0], noisy(settings, trial, number * size, drawn[1])
            continue
        chosen = order(settings, trial, number)
        for start in range(0, len(chosen), size):
            batch = chosen[start : start + size]
            yield x[batch], y[batch]
