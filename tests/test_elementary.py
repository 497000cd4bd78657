"""Elementary functions of packs: accuracy, special values, and equal bytes on another CPU.

`python tests/test_elementary.py [count]` prints the largest errors on `count` points a range (default 200 000 for
float32, a tenth of it for float64), and the points where they occur.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest
import scipy.special

from mcstudy import jit
from mcstudy.kernels import elementary
from mcstudy.kernels.quantile import normal_quantile

sys.path.insert(0, str(Path(__file__).parent))
from packs import apply

INF, NAN = np.inf, np.nan
PRECISION = 110  # bits of the reference for float64


@jit.scalar
def sin_of_turns(t: Any) -> Any:
    return elementary.sincos_turns(t)[0]


@jit.scalar
def cos_of_turns(t: Any) -> Any:
    return elementary.sincos_turns(t)[1]


class Case(NamedTuple):
    """A function, its references, the ranges in which it is checked, and the errors allowed in ulp."""

    function: Callable[..., Any]
    double: Callable[[np.ndarray], np.ndarray]
    """Reference for float32 inputs, computed in float64."""
    exact: Callable[[mp.mpf], mp.mpf]
    """Reference for float64 inputs."""
    ranges: tuple[tuple[float, float], ...]
    bound: tuple[float, float]
    """Largest error in ulp for float32 and float64: just above what the exhaustive and the long runs found."""


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sin_turns(t: np.ndarray) -> np.ndarray:
    a = np.abs(t)
    return np.copysign(np.sin(2 * np.pi * np.minimum(a, 0.5 - a)), t)


def _cos_turns(t: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * (0.25 - np.abs(t)))


CASES = {
    "exp": Case(elementary.exp, np.exp, mp.exp, ((-746, 710), (-104, 89), (-1, 1)), (0.95, 0.95)),
    "expm1": Case(elementary.expm1, np.expm1, mp.expm1, ((-40, 710), (-20, 89), (-1.5, 1.5)), (1.6, 1.6)),
    "sigmoid": Case(
        elementary.sigmoid,
        scipy.special.expit,
        lambda x: 1 / (1 + mp.exp(-x)),
        ((-746, 40), (-104, 20), (-2, 2)),
        (1.75, 1.75),
    ),
    "tanh": Case(elementary.tanh, np.tanh, mp.tanh, ((-20, 20), (-2, 2)), (1.7, 1.7)),
    "log": Case(elementary.log, np.log, mp.log, ((0, 1e300), (0, 1e30), (0, 4), (0.9, 1.1)), (0.95, 0.95)),
    "log1p": Case(elementary.log1p, np.log1p, mp.log1p, ((-1, 1e30), (-1, 4), (-0.1, 0.1)), (1.5, 1.5)),
    "softplus": Case(
        elementary.softplus, _softplus, lambda x: mp.log1p(mp.exp(x)), ((-746, 40), (-104, 20), (-2, 2)), (1.95, 1.95)
    ),
    "sin": Case(elementary.sin, np.sin, mp.sin, ((-8192, 8192), (-20, 20), (-1, 1)), (1.8, 1.8)),
    "cos": Case(elementary.cos, np.cos, mp.cos, ((-8192, 8192), (-20, 20), (-1, 1)), (1.9, 1.8)),
    "sin_of_turns": Case(sin_of_turns, _sin_turns, lambda t: mp.sinpi(2 * t), ((-0.5, 0.5),), (1.1, 1)),
    "cos_of_turns": Case(cos_of_turns, _cos_turns, lambda t: mp.cospi(2 * t), ((-0.5, 0.5),), (1, 1)),
    "erf": Case(elementary.erf, scipy.special.erf, mp.erf, ((-6.5, 6.5), (-1.5, 1.5)), (1.1, 1.1)),
}
FLOATS = (np.float32, np.float64)
both = pytest.mark.parametrize("dtype", FLOATS)
each = pytest.mark.parametrize("name", CASES)


def points(case: Case, dtype: Any, count: int) -> np.ndarray:
    """Random points of each range, uniform and uniform in exponent, inside the widest range."""
    generator = np.random.default_rng(12)
    limits = np.finfo(dtype)
    found = [generator.uniform(low, high, count) for low, high in case.ranges if high < float(limits.max)]
    low, high = (f(bound) for f, bound in ((min, (r[0] for r in case.ranges)), (max, (r[1] for r in case.ranges))))
    magnitudes = 2.0 ** generator.uniform(np.log2(float(limits.smallest_subnormal)), np.log2(high), count)
    found += [magnitudes, -magnitudes]
    x = np.concatenate(found)
    return x[(x >= low) & (x <= min(high, float(limits.max)))].astype(dtype)


def exact(function: Callable[[mp.mpf], mp.mpf], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """References in `PRECISION` bits: the nearest float64, and the rest in units of its last place."""
    pairs = []
    with mp.workprec(PRECISION):
        for value in x.tolist():
            whole = function(mp.mpf(value))
            high = float(whole)
            finite = np.isfinite(high)
            pairs.append((high, float((whole - high) / float(_last_place(np.float64(high)))) if finite else 0.0))
    high, rest = np.array(pairs).T
    return high, rest


def _last_place(value: Any, dtype: Any = np.float64) -> Any:
    limits = np.finfo(dtype)
    _, exponent = np.frexp(np.maximum(np.abs(value), float(limits.tiny)))
    return np.ldexp(1.0, exponent - limits.nmant - 1)


def errors_in_ulp(found: np.ndarray, wanted: np.ndarray, rest: np.ndarray | float = 0.0) -> np.ndarray:
    """Distance to `wanted` and a rest in ulp, in ulp of the true value; 0 where both overflow or are nan."""
    with np.errstate(all="ignore"):
        same = (found == wanted.astype(found.dtype)) & ~np.isfinite(found) | np.isnan(found) & np.isnan(wanted)
        distance = (found.astype(np.float64) - wanted) / _last_place(wanted, found.dtype)
        return np.where(same, 0.0, np.abs(distance - rest))


def measured(case: Case, x: np.ndarray) -> np.ndarray:
    found = apply(case.function, x)
    if x.dtype == np.float32:
        with np.errstate(all="ignore"):
            return errors_in_ulp(found, np.asarray(case.double(x.astype(np.float64))))
    return errors_in_ulp(found, *exact(case.exact, x))


def quantile_errors(u: np.ndarray) -> np.ndarray:
    """Relative errors of `normal_quantile`, by one step of Newton's method from it, in units of 2**-53."""
    found = apply(normal_quantile, u)
    with mp.workprec(3 * PRECISION):
        pairs = zip(map(mp.mpf, u.tolist()), map(mp.mpf, found.tolist()), strict=True)
        return np.array([float(mp.fabs((mp.ncdf(x) - p) / mp.npdf(x) / x)) for p, x in pairs]) * 2.0**53


def quantile_points(count: int) -> np.ndarray:
    generator = np.random.default_rng(13)
    small = 2.0 ** generator.uniform(-1070, -1, count)
    centre = generator.uniform(-1, 1, count) * 2.0 ** generator.uniform(-50, -1, count)
    u = np.concatenate([small, 1 - small[small > 2.0**-53], 0.5 + centre, generator.uniform(1e-9, 1, count)])
    return u[u != 0.5]


@each
@both
def test_accuracy(name: str, dtype: Any) -> None:
    case = CASES[name]
    x = points(case, dtype, 20_000 if dtype == np.float32 else 300)
    errors = measured(case, x)
    worst = int(np.argmax(errors))
    assert errors[worst] <= case.bound[FLOATS.index(dtype)], (x[worst], errors[worst])


def _all_floats(stride: int) -> Iterator[np.ndarray]:
    block = 2**20 * stride
    for start in range(0, 2**32, block):
        patterns = np.arange(start + start // block % stride, start + block, stride, dtype=np.uint64)
        yield patterns.astype(np.uint32).view(np.float32)


@pytest.mark.slow
@each
def test_accuracy_for_every_float32(name: str) -> None:
    case = CASES[name]
    if name in ("sin", "cos", "sin_of_turns", "cos_of_turns"):
        low, high = case.ranges[0]
    else:
        low, high = -INF, INF
    for x in _all_floats(int(os.environ.get("MCSTUDY_TEST_STRIDE", "32"))):
        inside = x[~(x < low) & ~(x > high)]
        if inside.size:
            errors = measured(case, inside)
            assert not np.isnan(errors).any()
            assert errors.max() <= case.bound[0], inside[np.argmax(errors)]


@pytest.mark.slow
@each
def test_accuracy_for_many_float64(name: str) -> None:
    assert measured(CASES[name], points(CASES[name], np.float64, 20_000)).max() <= CASES[name].bound[1]


def test_normal_quantile_has_full_relative_accuracy() -> None:
    assert quantile_errors(quantile_points(300)).max() < 16


def test_normal_quantile_at_its_ends() -> None:
    u = np.array([0.0, 1.0, 0.5, NAN, -0.1, 1.1, 5e-324])
    found = apply(normal_quantile, u)
    assert np.array_equal(found[:6], [-INF, INF, 0.0, NAN, NAN, NAN], equal_nan=True)
    assert found[6] == pytest.approx(-38.4674056172732)
    x = np.linspace(0.001, 0.499, 999)
    assert np.allclose(apply(normal_quantile, x), -apply(normal_quantile, 1 - x), rtol=1e-12)


SPECIAL = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e4, INF), (-1e4, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e4, INF), (-1e4, -1.0), (1e-40, 1e-40)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (1e4, 1.0), (-1e4, 0.0)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e4, 1.0), (-1e30, -1.0), (1e-40, 1e-40)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-1e-40, NAN), (-INF, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-1.5, NAN), (INF, INF), (-INF, NAN), (1e-40, 1e-40)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e4, 1e4), (-1e4, 0.0)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (1e-40, 1e-40)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)],
    "sin_of_turns": [(0.0, 0.0), (-0.0, -0.0), (0.5, 0.0), (-0.5, -0.0), (0.25, 1.0), (-0.25, -1.0)],
    "cos_of_turns": [(0.0, 1.0), (-0.0, 1.0), (0.25, 0.0), (-0.25, 0.0), (0.5, -1.0), (-0.5, -1.0)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (30.0, 1.0)],
}


@each
@both
def test_special_values(name: str, dtype: Any) -> None:
    inputs, wanted = (np.array(column, dtype) for column in zip(*SPECIAL[name], strict=True))
    found = apply(CASES[name].function, inputs)
    assert np.array_equal(found, wanted, equal_nan=True), found
    numbers = ~np.isnan(wanted)
    assert np.array_equal(np.signbit(found[numbers]), np.signbit(wanted[numbers])), found


@each
@both
def test_every_nan_stays_nan(name: str, dtype: Any) -> None:
    bits, width = (np.uint32, 23) if dtype == np.float32 else (np.uint64, 52)
    exponent = int(np.array(INF, dtype).view(bits))
    patterns = np.random.default_rng(5).integers(1, 2**width, 4096, dtype=bits) | bits(exponent)
    x = np.concatenate([patterns, patterns | bits(1 << (8 * np.dtype(dtype).itemsize - 1))]).view(dtype)
    assert np.isnan(x).all()
    assert np.isnan(apply(CASES[name].function, x)).all()


@both
def test_exp_rounds_into_denormals(dtype: Any) -> None:
    tiny = np.finfo(dtype)
    x = np.linspace(-103.0 if dtype == np.float32 else -745.0, np.log(float(tiny.tiny)), 500).astype(dtype)
    found = apply(elementary.exp, x)
    wanted = exact(mp.exp, x.astype(np.float64))[0]
    assert np.abs(found.astype(np.float64) - wanted).max() <= float(tiny.smallest_subnormal)
    assert (found > 0).all() and (found[:-1] < tiny.tiny).all()


@both
def test_sin_and_cos_of_huge_angles_stay_bounded(dtype: Any) -> None:
    x = np.geomspace(1e4, float(np.finfo(dtype).max) / 4, 10_000).astype(dtype)
    for function in (elementary.sin, elementary.cos):
        for sign in (1, -1):
            assert (np.abs(apply(function, sign * x)) <= 1).all()


@both
def test_pairs_are_the_single_functions(dtype: Any) -> None:
    x = np.linspace(-30, 30, 1001).astype(dtype)
    sine, cosine = apply(elementary.sincos, x, pair=True)
    assert np.array_equal(sine, apply(elementary.sin, x))
    assert np.array_equal(cosine, apply(elementary.cos, x))
    t = np.linspace(-0.5, 0.5, 20_001).astype(dtype)
    sine, cosine = apply(elementary.sincos_turns, t, pair=True)
    assert np.abs(sine).max() <= 1 and np.abs(cosine).max() <= 1
    assert np.allclose(sine * sine + cosine * cosine, 1, rtol=4 * np.finfo(dtype).eps)


@both
def test_the_logarithm_of_normal_numbers_is_the_logarithm(dtype: Any) -> None:
    x = np.exp2(np.random.default_rng(5).uniform(-126, 127, 10**5)).astype(dtype)
    x = np.concatenate([x, np.array([1, 0.5, 2**0.5, 0.5**0.5, np.finfo(dtype).tiny, np.finfo(dtype).max], dtype)])
    assert np.array_equal(apply(elementary.log_normal, x), apply(elementary.log, x))


def digests(names: list[str], count: int) -> dict[str, str]:
    """SHA-256 of the results of functions on `count` points a range, nan spelt alike, for each precision."""
    found = {}
    for name in names:
        for dtype in FLOATS:
            x = np.concatenate([points(CASES[name], dtype, count), [0.0, -0.0, INF, -INF, NAN]]).astype(dtype)
            y = apply(CASES[name].function, x)
            y[np.isnan(y)] = NAN
            found[f"{name} {np.dtype(dtype).name}"] = hashlib.sha256(y.tobytes()).hexdigest()
    u = quantile_points(count)
    found["normal_quantile"] = hashlib.sha256(apply(normal_quantile, u).tobytes()).hexdigest()
    return found


def test_equal_bytes_without_any_cpu_feature() -> None:
    environment = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parent)]),
    }
    code = "import test_elementary as t; [print(k, v) for k, v in t.digests(list(t.CASES), 500).items()]"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    other = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert other == digests(list(CASES), 500)


def _print_largest_errors(count: int) -> None:
    for name, case in CASES.items():
        for dtype in FLOATS:
            x = points(case, dtype, count if dtype == np.float32 else count // 10)
            errors = measured(case, x)
            worst = int(np.argmax(errors))
            print(f"{name:14} {np.dtype(dtype).name} {errors[worst]:6.3f} ulp at {x[worst]!r} of {x.size}", flush=True)
    u = quantile_points(max(count // 100, 100))
    errors = quantile_errors(u)
    print(f"normal_quantile {errors.max():.2f} x 2**-53 at {u[np.argmax(errors)]!r}")


if __name__ == "__main__":
    _print_largest_errors(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
