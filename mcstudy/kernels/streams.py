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
from mcstudy.kernels.elementary import log_normal, sincos_turns
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
_WORD = 0xFFFFFFFF
ROUNDS = 7


@jit.scalar
def philox(key0: Any, key1: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> Any:
    """Philox4x32-7 of four counter packs (uint32) under two key words (uint32 numbers): four packs of words."""
    return _rounds(ROUNDS, key0, key1, c0, c1, c2, c3)


@jit.scalar
def _rounds(rounds: Any, key0: Any, key1: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> Any:
    for _ in range(rounds):
        high0, high1 = multiply_high(c0, _MULTIPLIER_0), multiply_high(c2, _MULTIPLIER_1)
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, c2 * _MULTIPLIER_1, high0 ^ c3 ^ key1, c0 * _MULTIPLIER_0
        key0, key1 = np.uint32(key0 + _WEYL_0), np.uint32(key1 + _WEYL_1)
    return c0, c1, c2, c3


@jit.scalar
def _wide_rounds(rounds: Any, key0: Any, key1: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> Any:
    """`_rounds` of packs of uint64, whose high halves may be anything."""
    for _ in range(rounds):
        product0, product1 = (c0 & _WORD) * _MULTIPLIER_0, (c2 & _WORD) * _MULTIPLIER_1
        c0, c1, c2, c3 = (product1 >> 32) ^ c1 ^ key0, product1, (product0 >> 32) ^ c3 ^ key1, product0
        key0, key1 = np.uint32(key0 + _WEYL_0), np.uint32(key1 + _WEYL_1)
    return c0, c1, c2, c3


@jit.scalar
def _first_round(seed: Any, stream: Any, block: Any) -> Any:
    """What is the same in all lanes of the first round: the keys after it, what its two exclusive ors take, and a
    product. The rest of that round is the same for all blocks, so a compiler moves it out of a loop over them."""
    key0, key1 = np.uint32(seed & 0xFFFFFFFF), np.uint32((seed >> 32) & 0xFFFFFFFF)
    product = np.uint64(block & 0xFFFFFFFF) * np.uint64(_MULTIPLIER_0)
    upper = np.uint32(((block >> 32) & 0xFFFFFF) | (stream << 24))
    mixed0, mixed1 = np.uint32(upper ^ key0), np.uint32(np.uint32(product >> np.uint64(32)) ^ key1)
    low = np.uint32(product & np.uint64(_WORD))
    return np.uint32(key0 + _WEYL_0), np.uint32(key1 + _WEYL_1), mixed0, mixed1, low


@jit.scalar
def words(seed: Any, stream: Any, trials: Any, block: Any) -> Any:
    """Block number `block` (0 … 2^56−1) of a stream: four packs of 32-bit words.

    `trials` is a pack array of two packs: the low and the high words of the lanes' trial numbers.
    """
    return _words(seed, stream, load(trials, 0), load(trials, 1), block)


@jit.scalar
def _words(seed: Any, stream: Any, low: Any, high: Any, block: Any) -> Any:
    """Philox4x32-7 of (block; its upper bits and the stream; low; high)."""
    key0, key1, mixed0, mixed1, product = _first_round(seed, stream, block)
    c0, c1 = multiply_high(low, _MULTIPLIER_1) ^ mixed0, low * _MULTIPLIER_1
    return _rounds(ROUNDS - 1, key0, key1, c0, c1, high ^ mixed1, filled(low, product))


@jit.scalar
def _wide_words(seed: Any, stream: Any, low: Any, high: Any, block: Any) -> Any:
    """`_words`, with trial numbers and words in packs of uint64; the high halves of the words may be anything."""
    key0, key1, mixed0, mixed1, product = _first_round(seed, stream, block)
    other = low * _MULTIPLIER_1
    return _wide_rounds(ROUNDS - 1, key0, key1, (other >> 32) ^ mixed0, other, high ^ mixed1, filled(low, product))


@jit.scalar
def _pair(low: Any, high: Any) -> Any:
    """64 bits of two words in the low halves of packs of uint64."""
    return (low & _WORD) | (high << 32)


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
    radius = sqrt(-2.0 * log_normal(fma(to_float(a), 2.0**-32, 2.0**-33)))
    sine, cosine = sincos_turns(to_float(to_signed(b)) * 2.0**-32)
    return radius * sine, radius * cosine


@jit.scalar
def _normals64(a: Any, b: Any) -> Any:
    radius = sqrt(-2.0 * log_normal(fma(to_float(to_signed(a >> 11)), 2.0**-53, 2.0**-54)))
    sine, cosine = sincos_turns(to_float(to_signed(b) >> 11) * 2.0**-53)
    return radius * sine, radius * cosine


@jit.scalar
def _store_two(memory: Any, at: Any, index: Any, first: Any, last: Any, a: Any, b: Any) -> None:
    """Put the numbers `index` and `index` + 1 in their places, if these are from `first` to `last`."""
    i = at + index - first
    if first <= index:
        store(memory, i, a)
    if index + 1 < last:
        store(memory, i + 1, b)


@jit.scalar
def _store_four(memory: Any, at: Any, index: Any, first: Any, last: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Likewise the four numbers from `index` on."""
    i = at + index - first
    if first <= index and index + 4 <= last:
        store(memory, i, a)
        store(memory, i + 1, b)
        store(memory, i + 2, c)
        store(memory, i + 3, d)
    else:
        if first <= index < last:
            store(memory, i, a)
        if first <= index + 1 < last:
            store(memory, i + 1, b)
        if first <= index + 2 < last:
            store(memory, i + 2, c)
        if first <= index + 3 < last:
            store(memory, i + 3, d)


@jit.routine
def _uniforms32(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    low, high = load(trials, 0), load(trials, 1)
    for block in range(first // 4, (last + 3) // 4):
        w0, w1, w2, w3 = _words(seed, stream, low, high, block)
        a, b, c, d = _unit32(w0), _unit32(w1), _unit32(w2), _unit32(w3)
        _store_four(memory, at, 4 * block, first, last, a, b, c, d)


@jit.routine
def _uniforms64(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    low, high = widen(load(trials, 0)), widen(load(trials, 1))
    for block in range(first // 2, (last + 1) // 2):
        w0, w1, w2, w3 = _wide_words(seed, stream, low, high, block)
        a, b = _unit64(_pair(w0, w1)), _unit64(_pair(w2, w3))
        _store_two(memory, at, 2 * block, first, last, a, b)


@jit.routine
def _fill_normals32(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    low, high = load(trials, 0), load(trials, 1)
    for block in range(first // 4, (last + 3) // 4):
        w0, w1, w2, w3 = _words(seed, stream, low, high, block)
        a, b = _normals32(w0, w1)
        c, d = _normals32(w2, w3)
        _store_four(memory, at, 4 * block, first, last, a, b, c, d)


@jit.routine
def _fill_normals64(memory: Any, at: Any, first: Any, last: Any, seed: Any, stream: Any, trials: Any) -> None:
    low, high = widen(load(trials, 0)), widen(load(trials, 1))
    for block in range(first // 2, (last + 1) // 2):
        w0, w1, w2, w3 = _wide_words(seed, stream, low, high, block)
        a, b = _normals64(_pair(w0, w1), _pair(w2, w3))
        _store_two(memory, at, 2 * block, first, last, a, b)


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
    return fma(to_float(to_signed(_pair(widen(low), widen(high)) >> 12)), 2.0**-52, 2.0**-53)
