"""The normal distribution function, to the last digit: where cuts of a normal lie on the scale of probabilities.

`math.erf` is the C library's and not the same on every machine. Python's decimals are: each operation, `exp` and
`sqrt` included, is correctly rounded to the digits asked for.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from functools import cache

_DIGITS = 60
_DENSITY_AT_0 = Decimal("0.39894228040143267793994605993438186847585863116493465766592583")
"""1 / √(2π), to 62 digits."""
_FAR, _DEPTH = 4, 250
"""Where the continued fraction takes over, and its terms: nearer to 0 it is slower, and there the series does."""


def _below(x: Decimal) -> Decimal:
    """Φ(x) for x ≤ 0, to more than 40 significant digits."""
    density = _DENSITY_AT_0 * (-x * x / 2).exp()
    if x < -_FAR:
        # Laplace's continued fraction of Mills's ratio: 1 / (t + 1 / (t + 2 / (t + 3 / (t + …
        rest = -x
        for k in range(_DEPTH, 0, -1):
            rest = -x + k / rest
        return density / rest
    # ½ + φ(x) (x + x³ / 3 + x⁵ / (3 · 5) + …), Marsaglia, "Evaluating the normal distribution", JSS 11 (4), 2004
    term = total = x
    k = 1
    while abs(term) > Decimal("1e-50"):
        k += 2
        term = term * x * x / k
        total += term
    return Decimal("0.5") + density * total


@cache
def normal_stretch(low: float, high: float) -> tuple[float, float]:
    """The stretch of probabilities between two cuts of a standard normal, correctly rounded.

    Returns:
        Φ(low) and Φ(high) − Φ(low): the second is no difference of rounded numbers, so it is right for cuts that lie
        close together, or both far out on the left, too.
    """
    with localcontext(Context(prec=_DIGITS)):
        left, right = Decimal(low), Decimal(high)
        below_left = _below(left) if left <= 0 else 1 - _below(-left)
        below_right = _below(right) if right <= 0 else 1 - _below(-right)
        return float(below_left), float(below_right - below_left)
