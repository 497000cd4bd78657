"""Random numbers as pure functions of (seed, stream, trial, index), one trial per lane.

The generator is Philox4x32 with 7 rounds, the fewest that its authors found Crush-resistant (Salmon, Moraes, Dror,
Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11). Key: the 64-bit seed. Counter, low word first:
block number (32 bits); its upper 24 bits and 8 bits of stream; trial (64 bits). Threefry4x32 with 12 or 13 rounds,
its peer, took 0.10 to 0.11 ns a word where this takes 0.09 (one core, AVX-512, 64 lanes).

A block gives four 32-bit words. In float32 a word is a uniform number and a pair of words two normals; in float64
a pair is a uniform and four words are two normals.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.kernels.elementary import log, sincos_turns
from mcstudy.kernels.pack import (
    filled,
    fma,
    load,
    multiply_high,
    rounded_to,
    sqrt,
    store,
    to_float,
    to_signed,
    widen,
)
from mcstudy.kernels.switch import by_precision

# Not literals, of which each would make a variant of the functions that take a stream.
WEIGHTS, DATA, ORDER, DROPOUT, NOISE, SHARED, SLOPES, TASK = map(np.int64, range(8))
"""Streams: initial weights; inputs of a trial; order of the samples; dropout masks; target noise; the data set
that all trials of a study share (drawn as trial 0); random slopes of activations; a task's own random numbers."""

UNITS = 65536
"""The most units of a layer, whose draws for one sample lie side by side in a stream."""

_MULTIPLIER_0, _MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
_WEYL_0, _WEYL_1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
ROUNDS = 7


@jit.scalar
def philox(key0: Any, key1: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> Any:
    """Philox4x32-7 of four counter packs (uint32) under two key words (uint32 numbers): four packs of words."""
    for _ in range(ROUNDS):
        high0 = multiply_high(c0, _MULTIPLIER_0)
        low0 = c0 * _MULTIPLIER_0
        high1 = multiply_high(c2, _MULTIPLIER_1)
        low1 = c2 * _MULTIPLIER_1
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0
        key0, key1 = np.uint32(key0 + _WEYL_0), np.uint32(key1 + _WEYL_1)
    return c0, c1, c2, c3


@jit.scalar
def words(seed: Any, stream: Any, trials: Any, block: Any) -> Any:
    """Block number `block` (0 … 2^56−1) of a stream: four packs of 32-bit words.

    `trials` is a pack array of two packs: the low and the high words of the lanes' trial numbers.
    """
    return _words(seed, stream, load(trials, 0), load(trials, 1), block)


@jit.scalar
def _words(seed: Any, stream: Any, low: Any, high: Any, block: Any) -> Any:
    c0 = filled(low, np.uint32(block & 0xFFFFFFFF))
    c1 = filled(low, np.uint32(((block >> 32) & 0xFFFFFF) | (stream << 24)))
    return philox(np.uint32(seed & 0xFFFFFFFF), np.uint32((seed >> 32) & 0xFFFFFFFF), c0, c1, low, high)


@jit.scalar
def _pair(low: Any, high: Any) -> Any:
    return widen(low) | (widen(high) << 32)


@jit.scalar
def _unit32(word: Any) -> Any:
    """Uniform on the multiples of 2^-24 in [0, 1)."""
    return to_float(to_signed(word >> 8)) * 2.0**-24


@jit.scalar
def _unit64(bits: Any) -> Any:
    """Uniform on the multiples of 2^-53 in [0, 1)."""
    return to_float(to_signed(bits >> 11)) * 2.0**-53


@jit.scalar
def _normals32(a: Any, b: Any) -> Any:
    """Two standard normals of two words (Box and Muller 1958). All 32 bits of `a` count, so |x| reaches 6.7."""
    radius = sqrt(-2.0 * log(fma(to_float(a), 2.0**-32, 2.0**-33)))
    sine, cosine = sincos_turns(to_float(to_signed(b)) * 2.0**-32)
    return radius * sine, radius * cosine


@jit.scalar
def _normals64(a: Any, b: Any) -> Any:
    radius = sqrt(-2.0 * log(fma(to_float(to_signed(a >> 11)), 2.0**-53, 2.0**-54)))
    sine, cosine = sincos_turns(to_float(to_signed(b) >> 11) * 2.0**-53)
    return radius * sine, radius * cosine


@jit.scalar
def _store_between(memory: Any, at: Any, index: Any, first: Any, last: Any, value: Any) -> None:
    if first <= index < last:
        store(memory, at + index - first, value)


@jit.routine
def _uniforms32(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    for block in range(first // 4, (last + 3) // 4):
        w0, w1, w2, w3 = words(seed, stream, trials, block)
        _store_between(memory, at, 4 * block, first, last, _unit32(w0))
        _store_between(memory, at, 4 * block + 1, first, last, _unit32(w1))
        _store_between(memory, at, 4 * block + 2, first, last, _unit32(w2))
        _store_between(memory, at, 4 * block + 3, first, last, _unit32(w3))


@jit.routine
def _uniforms64(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    for block in range(first // 2, (last + 1) // 2):
        w0, w1, w2, w3 = words(seed, stream, trials, block)
        _store_between(memory, at, 2 * block, first, last, _unit64(_pair(w0, w1)))
        _store_between(memory, at, 2 * block + 1, first, last, _unit64(_pair(w2, w3)))


@jit.routine
def _fill_normals32(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    for block in range(first // 4, (last + 3) // 4):
        w0, w1, w2, w3 = words(seed, stream, trials, block)
        n0, n1 = _normals32(w0, w1)
        n2, n3 = _normals32(w2, w3)
        _store_between(memory, at, 4 * block, first, last, n0)
        _store_between(memory, at, 4 * block + 1, first, last, n1)
        _store_between(memory, at, 4 * block + 2, first, last, n2)
        _store_between(memory, at, 4 * block + 3, first, last, n3)


@jit.routine
def _fill_normals64(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    for block in range(first // 2, (last + 1) // 2):
        w0, w1, w2, w3 = words(seed, stream, trials, block)
        n0, n1 = _normals64(_pair(w0, w1), _pair(w2, w3))
        _store_between(memory, at, 2 * block, first, last, n0)
        _store_between(memory, at, 2 * block + 1, first, last, n1)


_fill_uniform = by_precision(_uniforms32, _uniforms64)
_fill_normal = by_precision(_fill_normals32, _fill_normals64)


@jit.routine
def fill_uniform(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    """Put the uniforms numbered `first` ≤ i < `last` of a stream at `at` … of `memory`, in [0, 1)."""
    _fill_uniform((memory, at, first, last, seed, stream, trials))


@jit.routine
def fill_normal(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    """Put the standard normals numbered `first` ≤ i < `last` of a stream at `at` … of `memory`."""
    _fill_normal((memory, at, first, last, seed, stream, trials))


@jit.routine
def fill_units(
    memory: Any, at: Any, units: Any, samples: Any, sample: Any, layer: Any, seed: Any, stream: Any, trials: Any
) -> None:
    """Put a uniform in [0, 1), of 24 bits, for each unit of a layer and each of `samples` samples from number
    `sample` on at `at` …, unit by unit.

    The layer's number goes into the upper half of the trial number's high word, which trials below 2^48 leave free.
    """
    low, high = load(trials, 0), load(trials, 1) | np.uint32(layer << 16)
    for s in range(samples):
        for first in range(0, units, 4):
            w0, w1, w2, w3 = _words(seed, stream, low, high, ((sample + s) * UNITS + first) // 4)
            for j in range(min(4, units - first)):
                word = w0 if j == 0 else w1 if j == 1 else w2 if j == 2 else w3
                uniform = to_float(to_signed(widen(word >> 8))) * 2.0**-24
                store(memory, at + (first + j) * samples + s, rounded_to(memory, uniform))


@jit.scalar
def open_unit(low: Any, high: Any) -> Any:
    """Uniform float64 on the odd multiples of 2^-53, so never 0 or 1 and symmetric about ½."""
    return fma(to_float(to_signed(_pair(low, high) >> 12)), 2.0**-52, 2.0**-53)
