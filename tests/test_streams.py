"""Random numbers: known answers, draws that depend on their address alone, and their distribution."""

from __future__ import annotations

import itertools
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from scipy import stats

from mcstudy import jit
from mcstudy.kernels import streams
from mcstudy.kernels.pack import lane_view, load, pack_array, store

sys.path.insert(0, str(Path(__file__).parent))
import naive_draws as naive
from packs import packed

COUNT = 10**6
SEED = 20240229
ALPHA = 1e-6
"""Level of every test of a distribution: with this seed they pass, and chance alone would let them."""

FLOATS = (np.float32, np.float64)
precision = pytest.mark.parametrize("dtype", FLOATS)
kind = pytest.mark.parametrize("draw", ["normal", "uniform"])


@numba.njit(error_model="numpy")
def _philox(key0, key1, counters, words):  # type: ignore[no-untyped-def]
    found = streams.philox(key0, key1, load(counters, 0), load(counters, 1), load(counters, 2), load(counters, 3))
    for i in range(4):
        store(words, i, found[i])


@numba.njit(error_model="numpy")
def _fill_normal(memory, at, first, last, seed, stream, trials):  # type: ignore[no-untyped-def]
    streams.fill_normal(memory, at, first, last, seed, stream, trials)


@numba.njit(error_model="numpy")
def _fill_uniform(memory, at, first, last, seed, stream, trials):  # type: ignore[no-untyped-def]
    streams.fill_uniform(memory, at, first, last, seed, stream, trials)


@numba.njit(error_model="numpy")
def _open_unit(low, high, out):  # type: ignore[no-untyped-def]
    store(out, 0, streams.open_unit(load(low, 0), load(high, 0)))


FILL = {"normal": _fill_normal, "uniform": _fill_uniform}
REFERENCE = {"normal": naive.normals, "uniform": naive.uniforms}


def drawn(
    draw: str, dtype: Any, first: int, last: int, stream: int = streams.DATA, trial: int = 0, seed: int = SEED
) -> np.ndarray:
    """The numbers `first` ≤ i < `last` of a stream for as many trials as a pack has, from `trial` on: (last - first,
    lanes). Packs around them are checked to stay untouched."""
    lanes = jit.pack_bytes() // np.dtype(dtype).itemsize
    trials = pack_array(2, np.uint32, lanes)
    numbers = [trial + lane for lane in range(lanes)]
    lane_view(trials)[:] = [[n & 0xFFFFFFFF for n in numbers], [n >> 32 for n in numbers]]
    memory = pack_array(last - first + 8, dtype, lanes)
    lane_view(memory)[:] = 7.5
    FILL[draw](memory, 4, first, last, seed, stream, trials)
    assert np.all(lane_view(memory)[:4] == 7.5)
    assert np.all(lane_view(memory)[4 + last - first :] == 7.5)
    return lane_view(memory)[4 : 4 + last - first].copy()


# ---------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "5f6fb709 0d893f64 4f121f81 4f730a48"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "5207ddc2 45165e59 4d8ee751 8c52f662"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "4dfccaba 190a87f0 c47362ba b6b5242a"),
    ],
)
def test_known_answers(counter: str, key: str, answer: str) -> None:
    """Lines `philox4x32 7` of `kat_vectors` in Random123 1.14."""
    counters, keys, expected = (
        np.array([int(w, 16) for w in text.split()], np.uint32) for text in (counter, key, answer)
    )
    lanes = jit.pack_bytes() // 4
    memory, words = pack_array(4, np.uint32, lanes), pack_array(4, np.uint32, lanes)
    lane_view(memory)[:] = counters[:, None]
    _philox(keys[0], keys[1], memory, words)
    assert np.array_equal(lane_view(words), np.repeat(expected[:, None], lanes, axis=1))
    assert np.array_equal(naive.philox(counters, (int(keys[0]), int(keys[1]))), expected)


@kind
@precision
@pytest.mark.parametrize(
    ("first", "trial", "seed"),
    [
        (0, 0, 0),
        (1, 5, 1),
        (2**32 - 3, 2**32 - 2, 2**32 - 1),
        (2**34 - 1, 2**32, 2**32),
        (2**40 + 7, 10**12 - 64, 2**63 - 1),
        (2**50 + 1, 2**62, 2**33 + 1),
    ],
)
def test_numbers_of_an_address_are_those_of_the_reference(
    draw: str, dtype: Any, first: int, trial: int, seed: int
) -> None:
    for stream in (streams.WEIGHTS, streams.DATA, streams.SHARED):
        found = drawn(draw, dtype, first, first + 37, stream, trial, seed)
        for lane in (0, 1, found.shape[1] - 1):
            expected = REFERENCE[draw](seed, int(stream), trial + lane, first, first + 37, dtype)
            if draw == "uniform":
                assert np.array_equal(found[:, lane], expected)
            else:
                rounding = 8 * np.finfo(dtype).eps
                np.testing.assert_allclose(found[:, lane], expected, rtol=rounding, atol=rounding)


def test_streams_have_different_numbers() -> None:
    names = ("WEIGHTS", "DATA", "ORDER", "DROPOUT", "NOISE", "SHARED", "SLOPES", "TASK")
    numbers = {name: getattr(streams, name) for name in names}
    assert len(set(numbers.values())) == len(names)
    assert all(numbers[name] == getattr(naive, name) for name in names)


@kind
@precision
def test_any_range_is_a_slice_of_a_larger_one(draw: str, dtype: Any) -> None:
    whole = drawn(draw, dtype, 0, 41)
    for first, last in itertools.combinations_with_replacement(range(41), 2):
        assert np.array_equal(drawn(draw, dtype, first, last), whole[first:last])


@kind
@precision
def test_trials_keep_their_numbers_in_any_lane(draw: str, dtype: Any) -> None:
    base = 2**32 - 3
    whole = drawn(draw, dtype, 3, 20, trial=base)
    for shift in (1, 2, 5):
        assert np.array_equal(drawn(draw, dtype, 3, 20, trial=base + shift)[:, :-shift], whole[:, shift:])


@kind
@precision
def test_every_part_of_an_address_matters(draw: str, dtype: Any) -> None:
    """No number occurs at two addresses: other seeds, streams, trials and indices, in their low and high bits."""
    seeds = (0, 1, 2**31, 2**32, 2**62)
    trials = (0, 2**20, 2**31, 2**32, 2**33, 2**62)
    firsts = (0, 2**20, 2**33, 2**34, 2**40)
    blocks = [drawn(draw, dtype, 0, 8, trial=1000, seed=seed).ravel() for seed in seeds]
    blocks += [drawn(draw, dtype, 0, 8, trial=trial).ravel() for trial in trials]
    blocks += [drawn(draw, dtype, first, first + 8, trial=2000).ravel() for first in firsts]
    blocks += [drawn(draw, dtype, 0, 8, stream, trial=3000).ravel() for stream in range(8)]
    numbers = np.concatenate(blocks)
    repeats = numbers.size - len(np.unique(numbers))
    # float32 uniforms have 2^24 values, of which some must coincide; a lost bit would repeat a whole block
    assert repeats <= (20 if dtype == np.float32 else 0)


def test_open_unit_is_symmetric_and_never_0_or_1() -> None:
    lanes = jit.pack_bytes() // 8
    ends = np.array([0, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF], np.uint32)
    low, high = (np.array(w, np.uint32) for w in zip(*itertools.product(ends, ends), strict=True))
    found = np.concatenate([_units(low[i : i + lanes], high[i : i + lanes]) for i in range(0, len(low), lanes)])
    assert 0 < found.min() == 1 - found.max() == 2.0**-53
    words = low.astype(np.uint64) | high.astype(np.uint64) << 32
    assert np.array_equal(found, (words >> 12) * 2.0**-52 + 2.0**-53)
    assert np.array_equal(_units(~low[:lanes], ~high[:lanes]), 1 - _units(low[:lanes], high[:lanes]))


def _units(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    lanes = jit.pack_bytes() // 8
    out = pack_array(1, np.float64, lanes)
    _open_unit(packed(low, lanes), packed(high, lanes), out)
    return lane_view(out)[0, : len(low)].copy()


# ---------------------------------------------------------------------------------------------- distributions


@cache
def sample(draw: str, dtype: Any, stream: int = streams.DATA) -> np.ndarray:
    """About a million numbers, (indices, trials)."""
    lanes = jit.pack_bytes() // np.dtype(dtype).itemsize
    return drawn(draw, dtype, 0, COUNT // lanes, stream).astype(np.float64)


DISTRIBUTION = {"normal": stats.norm, "uniform": stats.uniform}
MOMENTS = {"normal": (0, 1, 0, 3), "uniform": (0, 1 / 12, 0, 1 / 80)}
"""Central moments, first to fourth."""


def fits(draw: str, numbers: np.ndarray) -> bool:
    """Whether numbers have the distribution that they should: four moments, and Kolmogorov and Smirnov's test."""
    flat = numbers.ravel()
    centred = flat - DISTRIBUTION[draw].mean()
    powers = np.stack([centred, centred**2, centred**3, centred**4])
    deviations = (powers.mean(axis=1) - MOMENTS[draw]) / (powers.std(axis=1) / np.sqrt(flat.size))
    if np.any(2 * stats.norm.sf(np.abs(deviations)) < ALPHA):
        return False
    return bool(stats.kstest(flat, DISTRIBUTION[draw].cdf).pvalue >= ALPHA)


@kind
@precision
def test_distribution(draw: str, dtype: Any) -> None:
    numbers = sample(draw, dtype)
    assert fits(draw, numbers)
    assert fits(draw, numbers[::2])
    assert fits(draw, numbers[1::2])


@kind
@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
def test_a_slightly_wrong_distribution_is_refused(draw: str, dtype: Any) -> None:
    numbers = sample(draw, dtype)
    spread = numbers - DISTRIBUTION[draw].mean()
    assert not fits(draw, numbers + 0.005 * spread)
    assert not fits(draw, numbers + 0.01 * spread.std())
    assert not fits(draw, numbers + 0.01 * np.where(np.abs(spread) < spread.std(), spread, -0.5 * spread))


@kind
@precision
def test_numbers_are_uncorrelated(draw: str, dtype: Any) -> None:
    """Neighbours, neighbouring trials, and streams; the numbers and their squares, for pairs share a radius."""
    base, other = sample(draw, dtype), sample(draw, dtype, streams.WEIGHTS)
    for function in (lambda x: x, lambda x: (x - x.mean()) ** 2):
        x, y = function(base), function(other)
        even = len(x) // 2 * 2
        pairs = [(x[:-lag], x[lag:]) for lag in (1, 2, 3, 4, 5, 8, 64)]
        pairs += [(x[0:even:2], x[1:even:2]), (x[:, :-1], x[:, 1:]), (x[1:, :-1], x[:-1, 1:]), (x, y), (x[1:], y[:-1])]
        assert all(correlated_by_chance(a, b) for a, b in pairs)
        assert not correlated_by_chance(x, x + 100 * y)  # correlated by 0.01, which is ten standard errors


def correlated_by_chance(a: np.ndarray, b: np.ndarray) -> bool:
    r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
    return bool(2 * stats.norm.sf(abs(r) * np.sqrt(a.size)) > ALPHA)


@precision
def test_normals_reach_far_into_their_tails(dtype: Any) -> None:
    numbers = sample("normal", dtype).ravel()
    for bound in (3.0, 4.0):
        beyond = int(np.sum(np.abs(numbers) > bound))
        assert stats.binomtest(beyond, numbers.size, 2 * stats.norm.sf(bound)).pvalue > 1e-4
    assert 4.5 < np.abs(numbers).max() < 6.8
