"""Fit the polynomials of `mcstudy.kernels.polynomials`: prints their tables (half a minute, needs mpmath).

Each function is approximated as a fixed part plus a factor times a polynomial, and the polynomial is chosen to
minimise the largest *relative* error of the whole: a weighted minimax fit by Remez exchange on a fine Chebyshev
grid, in 60 digits. Coefficients are then rounded to the target precision one at a time, the lowest power first,
and the others fitted again, so that later coefficients make good the rounding of earlier ones.

    python tests/reference/fit_polynomials.py [name ...]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import mpmath as mp
import numpy as np

mp.mp.dps = 60
SINGLE, DOUBLE = 24, 53
LN2, PI = mp.log(2), mp.pi
Numbers = Sequence[mp.mpf]


class Fit(NamedTuple):
    """``target(x)`` as a polynomial of `variable` (x or x**2), its error counted in units of `weight`."""

    target: Callable[[mp.mpf], mp.mpf]
    weight: Callable[[mp.mpf], mp.mpf]
    """How much of a relative error of the whole function an error of the polynomial is."""
    low: mp.mpf
    high: mp.mpf
    terms: tuple[int, int]
    """Number of coefficients for float32 and for float64."""
    even: bool = False
    """Whether it is a polynomial in x**2; the interval then starts at 0."""


def rounded(value: mp.mpf, bits: int) -> mp.mpf:
    """The nearest float32 (bits = 24) or float64 (bits = 53)."""
    return mp.mpf(float(np.float32(float(value)))) if bits == SINGLE else mp.mpf(float(value))


def split(value: mp.mpf, bits: int, parts: int) -> list[mp.mpf]:
    """`value` as a sum of floats of the given precision, each cut off towards zero."""
    found = []
    for _ in range(parts):
        _, exponent = mp.frexp(value)
        unit = mp.ldexp(1, int(exponent) - bits)
        found.append(mp.floor(value / unit) * unit)
        value -= found[-1]
    return found


def _extrema(errors: Sequence[mp.mpf], count: int) -> list[int]:
    """Indices of `count` grid points with the largest errors of alternating sign."""
    runs: list[int] = []
    for i, error in enumerate(errors):
        if runs and (error > 0) == (errors[runs[-1]] > 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > count:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    return runs


def _errors(
    xs: Numbers, target: Numbers, weight: Numbers, powers: Sequence[int], coefficients: Numbers
) -> list[mp.mpf]:
    return [
        w * (t - sum((c * x**p for c, p in zip(coefficients, powers, strict=True)), mp.mpf(0)))
        for x, t, w in zip(xs, target, weight, strict=True)
    ]


def _worst(xs: Numbers, target: Numbers, weight: Numbers, powers: Sequence[int], coefficients: Numbers) -> mp.mpf:
    return max(abs(e) for e in _errors(xs, target, weight, powers, coefficients))


def remez(xs: Numbers, target: Numbers, weight: Numbers, powers: Sequence[int]) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients of `powers` with the least maximum of ``weight * (target - polynomial)`` on the grid, and it."""
    count = len(powers)
    points = [round((len(xs) - 1) * (1 - np.cos(np.pi * (i + 0.5) / (count + 1))) / 2) for i in range(count + 1)]
    solution: list[mp.mpf] = []
    worst = mp.inf
    for _ in range(30):
        matrix = mp.matrix(count + 1, count + 1)
        right = mp.matrix(count + 1, 1)
        for row, i in enumerate(points):
            for column, power in enumerate(powers):
                matrix[row, column] = xs[i] ** power
            matrix[row, count] = (-1) ** row / weight[i]
            right[row] = target[i]
        solved = mp.lu_solve(matrix, right)
        solution = [solved[i] for i in range(count)]
        errors = _errors(xs, target, weight, powers, solution)
        worst = max(abs(e) for e in errors)
        found = _extrema(errors, count + 1)
        if worst <= abs(solved[count]) * mp.mpf("1.001") or len(found) < count + 1:
            break
        points = found
    return solution, worst


def fit(job: Fit, bits: int, grid: int = 400) -> tuple[list[mp.mpf], mp.mpf, mp.mpf]:
    """Rounded coefficients, lowest power first, the largest relative error with them, and before rounding."""
    terms = job.terms[0 if bits == SINGLE else 1]
    angles = [mp.pi * (i + mp.mpf(1) / 2) / grid for i in range(grid)]
    points = [(job.low + job.high) / 2 - (job.high - job.low) / 2 * mp.cos(a) for a in angles]
    points = [x for x in points if abs(x) > mp.mpf("1e-6")]
    xs = [x * x for x in points] if job.even else points
    rest = [job.target(x) for x in points]
    weight = [abs(job.weight(x)) for x in points]
    coefficients, exact = remez(xs, rest, weight, range(terms))
    done: list[mp.mpf] = []
    for power in range(terms):
        done.append(rounded(coefficients[0], bits))
        rest = [t - done[-1] * x**power for t, x in zip(rest, xs, strict=True)]
        coefficients = coefficients[1:]
        if coefficients:
            powers = range(power + 1, terms)
            again, error = remez(xs, rest, weight, powers)
            if error < _worst(xs, rest, weight, powers, coefficients):
                coefficients = again
    return done, _worst(xs, rest, weight, (), ()), exact


def _tau(bits: int) -> mp.mpf:
    return rounded(2 * PI, bits)


def _jobs(bits: int) -> dict[str, Fit]:
    half_ln2 = LN2 / 2 * mp.mpf("1.001")
    root = mp.sqrt(mp.mpf(1) / 2)
    log_from = mp.mpf("0.92") if bits == SINGLE else mp.mpf(1)
    return {
        # exp(r) = 1 + r + r^2 p(r), and expm1(r) alike
        "EXP": Fit(lambda r: (mp.expm1(r) - r) / r**2, lambda r: r**2 / mp.expm1(r), -half_ln2, half_ln2, (5, 10)),
        # log(1 + f) = f + f^2 (-1/2 + f p(f))
        "LOG": Fit(
            lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, lambda f: f**3 / mp.log1p(f), root - 1, 2 * root - 1, (8, 19)
        ),
        # tanh(x) = x + x^3 p(x^2)
        "TANH": Fit(
            lambda x: (mp.tanh(x) - x) / x**3, lambda x: x**3 / mp.tanh(x), mp.mpf(0), mp.mpf("0.55"), (5, 10), True
        ),
        # sin(r) = r + r^3 p(r^2)
        "SIN": Fit(
            lambda r: (mp.sin(r) - r) / r**3, lambda r: r**3 / mp.sin(r), mp.mpf(0), mp.mpf("1.572"), (4, 8), True
        ),
        # sin(2 pi t) = t (tau + p(t^2)) with tau = 2 pi rounded, cos(2 pi t) = 1 + t^2 p(t^2)
        "SIN_TURN": Fit(
            lambda t: mp.sin(2 * PI * t) / t - _tau(bits),
            lambda t: t / mp.sin(2 * PI * t),
            mp.mpf(0),
            mp.mpf(1) / 8,
            (4, 7),
            True,
        ),
        "COS_TURN": Fit(
            lambda t: (mp.cos(2 * PI * t) - 1) / t**2,
            lambda t: t**2 / mp.cos(2 * PI * t),
            mp.mpf(0),
            mp.mpf(1) / 8,
            (4, 7),
            True,
        ),
        # erf(x) = x + x p(x^2)
        "ERF": Fit(lambda x: mp.erf(x) / x - 1, lambda x: x / mp.erf(x), mp.mpf(0), log_from, (6, 12), True),
        # erfc(x) = exp(-(x + x p(x)))
        "LOG_ERFC": Fit(
            lambda x: -mp.log(mp.erfc(x)) / x - 1,
            lambda x: x * mp.erfc(x) / mp.erf(x),
            log_from,
            mp.mpf(4) if bits == SINGLE else mp.mpf(6),
            (7, 18),
        ),
    }


def main(names: Sequence[str]) -> None:
    for bits in (SINGLE, DOUBLE):
        digits = 9 if bits == SINGLE else 17
        print(f"# float{32 if bits == SINGLE else 64}")
        for name, job in _jobs(bits).items():
            if names and name not in names:
                continue
            coefficients, error, exact = fit(job, bits)
            found = f"error {mp.nstr(error, 3)} = {mp.nstr(error * mp.mpf(2) ** bits, 3)} x 2**-{bits}"
            print(f"{name} on [{mp.nstr(job.low, 5)}, {mp.nstr(job.high, 5)}]: {found}")
            print(f"    ({mp.nstr(exact, 3)} before rounding)")
            print("   ", ", ".join(f"{float(c):.{digits}g}" for c in coefficients))
        for name, value in (("ln 2", LN2), ("pi", PI)):
            print(name, ", ".join(f"{float(c):.{digits}g}" for c in split(value, bits, 3)))


if __name__ == "__main__":
    main(sys.argv[1:])
