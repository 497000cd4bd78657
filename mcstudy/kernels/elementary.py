"""Elementary functions of packs, float32 and float64: at most 2 ulp off where they are used, the same on every CPU.

Each is straight-line code: argument reduction by exact or fused steps, one or two polynomials, and `where` for the
special cases. There is no call to a mathematical library, no table, no branch. A NaN goes through every function,
results below the smallest normal number are rounded correctly, not flushed, and signed zeros keep their sign.

Both precisions run the same code; `pick` and the polynomials choose constants by the element type, at compile time.
The public functions are compiled once for each pack type, so that kernels that use them often compile quickly; LLVM
still inlines them. Their errors are measured, and bounded, in ``tests/test_elementary.py``.
"""

from __future__ import annotations

import math
from typing import Any

from mcstudy import jit
from mcstudy.kernels.pack import absolute, as_bits, as_float, copysign, fma, pick, where
from mcstudy.kernels.polynomials import (
    cos_turn_polynomial,
    erf_polynomial,
    erfc_polynomial,
    exp_polynomial,
    log_polynomial,
    sin_polynomial,
    sin_turn_polynomial,
    tanh_polynomial,
)

INF, NAN = math.inf, math.nan
LOG2_E = 1.4426950408889634
INVERSE_PI = 0.3183098861837907

# Added to a number far below it, these leave the nearest integer in the low bits: 1.5 * 2**(fraction bits).
ROUND_32, ROUND_64 = 12582912.0, 6755399441055744.0
# Cut sums: each float is the next bits of the constant, towards zero.
LN2_HIGH_32, LN2_LOW_32 = 0.693147123, 5.76999888e-08
LN2_HIGH_64, LN2_LOW_64 = 0.69314718055994529, 2.3190468138462996e-17
PI_1_32, PI_2_32, PI_3_32 = 3.1415925, 1.50995788e-07, 1.07806051e-14
PI_1_64, PI_2_64, PI_3_64 = 3.1415926535897931, 1.224646799147353e-16, 2.1657133478438278e-32
TAU_32, TAU_64 = 6.28318548, 6.283185307179586
# Bit patterns: 1, 1/2, the square root of 1/2, sign and exponent field, fraction field, 2**23 and 2**52.
ONE_32, ONE_64 = 0x3F800000, 0x3FF0000000000000
HALF_32, HALF_64 = 0x3F000000, 0x3FE0000000000000
ROOT_32, ROOT_64 = 0x3F3504F3, 0x3FE6A09E667F3BCD
EXPONENT_32, EXPONENT_64 = 0xFF800000, 0xFFF0000000000000
FRACTION_32, FRACTION_64 = 0x007FFFFF, 0x000FFFFFFFFFFFFF
UNIT_32, UNIT_64 = 0x4B000000, 0x4330000000000000


# ------------------------------------------------------------------------------------- exponential family


@jit.scalar
def _reduce(x: Any) -> Any:
    """`x` as n ln 2 + r, n the nearest integer: n in the low bits of an integer pack, n, and x - n * (ln 2, cut)."""
    rounder = pick(x, ROUND_32, ROUND_64)
    shifted = fma(x, LOG2_E, rounder)
    n = shifted - rounder
    return as_bits(shifted), n, fma(n, pick(x, -LN2_HIGH_32, -LN2_HIGH_64), x)


@jit.scalar
def _exp_fraction(n: Any, high: Any) -> Any:
    """exp(r), in [0.7, 1.42], of the reduced argument."""
    r = fma(n, pick(n, -LN2_LOW_32, -LN2_LOW_64), high)
    return fma(fma(exp_polynomial(r), r, 1.0), r, 1.0)


@jit.scalar
def _exp_normal(x: Any) -> Any:
    """exp(x) where it and 2**n are normal numbers; garbage elsewhere, but NaN of NaN."""
    bits, n, high = _reduce(x)
    return _exp_fraction(n, high) * as_float((bits << pick(bits, 23, 52)) + pick(bits, ONE_32, ONE_64))


@jit.routine
def exp(x: Any) -> Any:
    """e to the power x."""
    highest, lowest = pick(x, 89.0, 710.0), pick(x, -104.0, -746.0)
    x = where(x > highest, highest, x)
    x = where(x < lowest, lowest, x)
    bits, n, high = _reduce(x)
    # 2**n alone may not be representable: two factors, of which only the last product rounds
    one = pick(bits, ONE_32, ONE_64)
    whole = bits << pick(bits, 23, 52)
    half = (bits << pick(bits, 22, 51)) & pick(bits, EXPONENT_32, EXPONENT_64)
    return _exp_fraction(n, high) * as_float(half + one) * as_float(whole - half + one)


@jit.routine
def expm1(x: Any) -> Any:
    """exp(x) - 1, relatively accurate near 0."""
    highest, lowest = pick(x, 89.0, 710.0), pick(x, -20.0, -40.0)
    y = where(x > highest, highest, x)
    y = where(y < lowest, lowest, y)
    bits, n, high = _reduce(y)
    low = n * pick(x, -LN2_LOW_32, -LN2_LOW_64)
    r = high + low
    rest = fma(r * r, exp_polynomial(r), low)
    # half of 2**n, because 2**n overflows before the result does
    half = as_float((bits << pick(bits, 23, 52)) + pick(bits, HALF_32, HALF_64))
    y = fma(half, rest, fma(half, high, half - 0.5))
    return where(absolute(x) < pick(x, 2.0**-26, 2.0**-55), x, y + y)


@jit.routine
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), relatively accurate for x far below 0 too."""
    z = exp(-absolute(x))
    # with q = z / (1 + z), the result is z - z q or 1 - q: that damps the errors of sum and quotient
    first = where(x < 0.0, z, 1.0)
    return fma(-first, z / (z + 1.0), first)


@jit.routine
def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    a = absolute(x)
    doubled, highest = a + a, pick(x, 18.5, 39.0)
    z = _exp_normal(where(doubled > highest, highest, doubled))
    large = 1.0 - 2.0 / (z + 1.0)
    square = a * a
    small = fma(a * square, tanh_polynomial(square), a)
    return copysign(where(a < 0.55, small, large), x)


# ------------------------------------------------------------------------------------------- logarithms


@jit.scalar
def _log_reduced(e: Any, f: Any) -> Any:
    """e ln 2 + log(1 + f), for an integer e and f from sqrt(1/2) - 1 to sqrt(2) - 1."""
    rest = fma(f * f, log_polynomial(f), e * pick(e, LN2_LOW_32, LN2_LOW_64))
    return fma(e, pick(e, LN2_HIGH_32, LN2_HIGH_64), f + rest)


@jit.scalar
def _exponent(bits: Any) -> Any:
    """The biased exponent field of positive floats, as a float."""
    return as_float((bits >> pick(bits, 23, 52)) | pick(bits, UNIT_32, UNIT_64))


@jit.scalar
def _fraction(bits: Any) -> Any:
    """What `_from_root` has left in the fraction field: a float from sqrt(1/2) to sqrt(2), less 1."""
    return as_float((bits & pick(bits, FRACTION_32, FRACTION_64)) + pick(bits, ROOT_32, ROOT_64)) - 1.0


@jit.scalar
def _from_root(x: Any) -> Any:
    """The bits of x, moved so that the exponent field counts from sqrt(1/2) instead of 1."""
    bits = as_bits(x)
    return bits + pick(bits, ONE_32 - ROOT_32, ONE_64 - ROOT_64)


@jit.routine
def log(x: Any) -> Any:
    """Natural logarithm; -inf of 0, nan below."""
    tiny = x < pick(x, 2.0**-126, 2.0**-1022)
    bits = _from_root(where(tiny, x * pick(x, 2.0**25, 2.0**54), x))
    bias = where(tiny, pick(x, 2.0**23 + 127 + 25, 2.0**52 + 1023 + 54), pick(x, 2.0**23 + 127, 2.0**52 + 1023))
    y = _log_reduced(_exponent(bits) - bias, _fraction(bits))
    y = where(x < INF, y, x)
    return where(x > 0.0, y, where(x == 0.0, -INF, pick(x, NAN, NAN)))


@jit.routine
def log_normal(x: Any) -> Any:
    """What `log` gives, for positive normal numbers alone."""
    bits = _from_root(x)
    return _log_reduced(_exponent(bits) - pick(x, 2.0**23 + 127, 2.0**52 + 1023), _fraction(bits))


@jit.routine
def log1p(x: Any) -> Any:
    """log(1 + x), relatively accurate near 0; -inf of -1, nan below."""
    bits = _from_root(x + 1.0)
    e = _exponent(bits) - pick(x, 2.0**23 + 127, 2.0**52 + 1023)
    # (1 + x) / 2**e - 1 without the rounding of 1 + x; where 2**-e would be too small, that rounding is harmless
    scale = as_float(pick(bits, 2 * ONE_32, 2 * ONE_64) - (bits & pick(bits, EXPONENT_32, EXPONENT_64)))
    f = where(x < pick(x, 2.0**60, 2.0**120), fma(x, scale, scale - 1.0), _fraction(bits))
    y = copysign(_log_reduced(e, f), x)
    y = where(x < INF, y, x)
    return where(x > -1.0, y, where(x == -1.0, -INF, pick(x, NAN, NAN)))


@jit.routine
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), as max(x, 0) + log1p(exp(-|x|))."""
    z = exp(-absolute(x))
    over = z > 0.41421356
    f = where(over, fma(z, 0.5, -0.5), z)
    e = where(over, pick(x, 1.0, 1.0), 0.0)
    return where(x > 0.0, x, 0.0) + where(x != x, x, _log_reduced(e, f))


# ------------------------------------------------------------------------------------------ trigonometry


@jit.scalar
def _sine(r: Any) -> Any:
    """Sine of r, which is cut to [-1.572, 1.572]; it keeps the sign of zero."""
    a = absolute(r)
    a = where(a > 1.572, 1.572, a)
    square = a * a
    y = fma(a * square, sin_polynomial(square), a)
    return copysign(where(y > 1.0, 1.0, y), r)


@jit.scalar
def _less_multiple_of_pi(x: Any, n: Any) -> Any:
    """x - n pi, with pi in three parts; the first step is exact and the others lose at most a rounding error."""
    r = fma(n, pick(x, -PI_1_32, -PI_1_64), x)
    r = fma(n, pick(x, -PI_2_32, -PI_2_64), r)
    return fma(n, pick(x, -PI_3_32, -PI_3_64), r)


@jit.scalar
def _flip_if_odd(y: Any, shifted: Any) -> Any:
    """y, negated where the integer in the low bits of `shifted` is odd."""
    bits = as_bits(shifted)
    return as_float(as_bits(y) ^ (bits << pick(bits, 31, 63)))


@jit.routine
def sin(x: Any) -> Any:
    """Sine; 2 ulp up to |x| = 8192, from there less and less accurate but within [-1, 1]; nan of infinities."""
    rounder = pick(x, ROUND_32, ROUND_64)
    shifted = fma(x, INVERSE_PI, rounder)
    return _flip_if_odd(_sine(_less_multiple_of_pi(x, shifted - rounder)), shifted)


@jit.routine
def cos(x: Any) -> Any:
    """Cosine; accurate as `sin` is."""
    a = absolute(x)
    rounder = pick(x, ROUND_32, ROUND_64)
    shifted = fma(a, INVERSE_PI, -0.5) + rounder
    # cos(x) = sin(pi/2 - x), and sin turns its sign at every pi
    return _flip_if_odd(_sine(-_less_multiple_of_pi(a, shifted - rounder + 0.5)), shifted)


@jit.scalar
def sincos(x: Any) -> Any:
    """The pair of `sin` and `cos`."""
    return sin(x), cos(x)


@jit.routine
def sincos_turns(t: Any) -> Any:
    """The pair of sin(2 pi t) and cos(2 pi t), for t from -1/2 to 1/2."""
    a = absolute(t)
    rest = 0.5 - a
    quarter = where(a > rest, rest, a)
    rest = 0.25 - quarter
    steep = quarter > rest
    eighth = where(steep, rest, quarter)
    square = eighth * eighth
    sine = fma(eighth, pick(t, TAU_32, TAU_64), eighth * sin_turn_polynomial(square))
    cosine = fma(square, cos_turn_polynomial(square), 1.0)
    return copysign(where(steep, cosine, sine), t), copysign(where(steep, sine, cosine), 0.25 - a)


# -------------------------------------------------------------------------------------------------- erf


@jit.routine
def erf(x: Any) -> Any:
    """Error function. The shape, 1 - exp(polynomial) away from 0, is Norbert Juffa's."""
    a = absolute(x)
    highest = pick(x, 4.0, 6.0)
    cut = where(a > highest, highest, a)
    large = 1.0 - _exp_normal(fma(-cut, erfc_polynomial(cut), -cut))
    small = fma(a, erf_polynomial(a * a), a)
    return copysign(where(a < pick(x, 0.92, 1.0), small, large), x)
