"""The local levels of `mcstudy.statistics.bands`: at which every order statistic stays within its bounds at once.

Of n uniform numbers, the i-th smallest has the distribution Beta(i, n + 1 - i). All n of them lie between its quantiles
at e / 2 and 1 - e / 2 with probability 0.95 for the level e that is printed here. The probability is exact: the counts
of the numbers below each bound are those of a Poisson process of n points, taken from bound to bound with what crosses
one removed (A. Moscovich, B. Nadler, Stat. Probab. Lett. 123 (2017) 177). Run it to see the table:

    python tests/reference/make_local_levels.py
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import optimize, signal, special, stats

LEVEL = 0.95
SIZES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


def coverage(local: float, n: int) -> float:
    """The probability that all of n ordered uniform numbers lie within their bounds of a local level."""
    i = np.arange(1, n + 1)
    low, high = (special.betaincinv(i, n + 1 - i, q) for q in (local / 2, 1 - local / 2))
    times = np.concatenate([low, high])
    order = np.argsort(times, kind="stable")
    # At low[i] fewer than i numbers may lie below; at high[i] at least i have to.
    least, most, now = 0, 0, 0.0
    chance = np.ones(1)
    lost = 0.0
    for place in order:
        rate = n * (times[place] - now)
        now = times[place]
        jumps = np.arange(int(rate + 12 * np.sqrt(rate) + 25))
        kernel = stats.poisson.pmf(jumps, rate) if rate > 1e-3 else np.exp(-rate) * rate ** jumps[:6] / FACTORIALS
        chance = (signal.fftconvolve if len(kernel) > 200 < len(chance) else np.convolve)(chance, kernel)
        if place < n:
            most = place
            chance = chance[: most - least + 1]
        else:
            chance = chance[place - n + 1 - least :]
            least = place - n + 1
        total = chance.sum()
        lost += np.log(total)
        chance = chance / total
        keep = np.flatnonzero(chance > 1e-25)
        chance = chance[: keep[-1] + 1]
    # All n numbers below 1, and no more.
    rest = stats.poisson.pmf(n - least - np.arange(len(chance)), n * (1 - now))
    return float(np.exp(lost + np.log((chance * rest).sum()) - stats.poisson.logpmf(n, n)))


FACTORIALS = special.factorial(np.arange(6))


def local_level(n: int) -> float:
    """The local level at which all n hold at once with probability `LEVEL`."""
    if n == 1:
        return 1 - LEVEL
    first = 1 - LEVEL if n < 10 else -np.log(LEVEL) / (2 * np.log(np.log(n)) * np.log(n))
    ends = np.log(first / 16), np.log(min(1 - LEVEL, first * 4))
    return float(np.exp(optimize.brentq(lambda x: coverage(np.exp(x), n) - LEVEL, *ends, xtol=1e-5)))


if __name__ == "__main__":
    for size in map(int, sys.argv[1:]) if len(sys.argv) > 1 else SIZES:
        print(f"    {size}: {local_level(size):.6f},", flush=True)
