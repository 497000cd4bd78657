"""Functions of single numbers in double precision, the same on every machine: sums, products and quotients alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit

LOG2_E = 1.4426950408889634
# ln 2 in two parts, as in fdlibm: a product of the first with an integer below 2**20 is exact
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
HALF_PI = 1.5707963267948966


@jit.routine
def power(base: Any, exponent: Any) -> Any:
    """`base` to a whole power, 0 or more; its relative error is about `exponent` roundings."""
    # exp and log of the C library are not the same everywhere; products are.
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@jit.routine
def exp_below(x: Any) -> Any:
    """e to the power `x` ≤ 0, to 2 ulp; 0 where that is below the normal numbers."""
    if x < -708.0:
        return 0.0
    n = np.int64(0.5 - x * LOG2_E)
    r = (x + n * LN2_HIGH) + n * LN2_LOW
    value = 1.0
    for k in range(14, 0, -1):
        value = 1.0 + value * r / k
    return value * power(0.5, n)


@jit.routine
def half_wave(n: Any, length: Any) -> Any:
    """(1 + cos(π n / length)) / 2 of whole numbers n ≥ 0 and length ≥ 1, to 3 ulp; exactly 0 and 1 at its ends."""
    n = n % (2 * length)
    if n > length:
        n = 2 * length - n
    # the square of cos(π/2 · n/length), by the sine of the nearer end
    angle = HALF_PI * (min(n, length - n) / length)
    square = angle * angle
    sine = 1.0
    for k in range(18, 0, -2):
        sine = 1.0 - sine * square / (k * (k + 1))
    sine *= angle
    return 1.0 - sine * sine if n <= length - n else sine * sine
