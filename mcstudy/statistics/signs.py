"""The exact test of paired differences: the distribution of their sum when the sign of each is a fair coin's."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SMALLEST: Final = 1e-7
"""p values below this are approximated where differences are averages over contexts."""
_FAR = 6.5
"""Standard deviations beyond which p is less than 2 exp(-z²/2) (Hoeffding's bound) and surely below `SMALLEST`."""
_CHUNK = 1 << 20
"""Numbers of transforms that are held at once."""
_LARGEST = 1 << 23
"""Most cosines that a transform may take; beyond, p values are approximated."""


def sign_flip(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Two-sided p values of the sign-flip test: the sum of the differences against all flips of their signs.

    For differences of -1, 0 and 1 this is McNemar's exact test (Psychometrika 12 (1947) 153: the binomial test of the
    differing trials). In general (R. A. Fisher, The Design of Experiments (1935), section 21) the sum is distributed as
    the convolution of binomials, one for each magnitude k, whose characteristic function is the product of
    cos(k t)^m_k; it is inverted by a Fourier transform, right to 1e-13. p values below `SMALLEST`, and those of
    hundreds of contexts whose sum has too many values, are Lugannani and Rice's saddlepoint approximation instead
    (Adv. Appl. Prob. 12 (1980) 475; for a lattice: H. E. Daniels, Int. Stat. Rev. 55 (1987) 37): mostly right to a
    hundredth of their value, in the far tail off by up to a third of it. Not mid-p values, which are smaller and do not
    keep their level.

    The hypothesis is that the two sides could be exchanged in any trial. It is no test of a mean of zero where large
    differences lie to one side and small ones to the other, unless many trials differ; `compare.difference_p` adds one.

    Args:
        counts: (rows, 2C + 1) how many trials have the difference -C … C.

    Returns:
        (rows,) p values; 1 where no trial differs.
    """
    from scipy.special import bdtr

    size = counts.shape[1] // 2
    up, down = counts[:, size + 1 :].astype(np.int64), counts[:, :size][:, ::-1].astype(np.int64)
    if size == 1:
        fewer, all_ = np.minimum(up, down)[:, 0], (up + down)[:, 0]
        return np.asarray(np.minimum(2 * bdtr(fewer.astype(np.float64), all_, 0.5), 1.0))
    differing = up + down
    weights = np.arange(1, size + 1)
    total = np.abs((up - down) @ weights)
    most = differing @ weights
    spread = np.sqrt(differing @ weights**2)
    p = np.ones(len(counts))
    far = (total > 0) & (total >= _FAR * spread)
    todo = np.flatnonzero((total > 0) & ~far)
    # Sums beyond 13 standard deviations have no mass that could fold back.
    lengths = np.minimum(2 * most, 26 * spread).astype(np.int64) + 2
    powers = 1 << np.ceil(np.log2(np.maximum(lengths, 2))).astype(np.int64)
    large = todo[size * powers[todo] > 2 * _LARGEST]
    if len(large):
        p[large] = _approximate(differing[large], total[large])
        todo = np.setdiff1d(todo, large)
    for length in np.unique(powers[todo]):
        alike = todo[powers[todo] == length]
        logs, negative = _cosines(size, int(length))
        step = max(1, _CHUNK // int(length))
        for start in range(0, len(alike), step):
            rows = alike[start : start + step]
            p[rows] = _inverted(differing[rows], total[rows], logs, negative)
    far |= (total > 0) & (p < SMALLEST)
    if far.any():
        p[far] = _approximate(differing[far], total[far])
    certain = far & (total == most)
    p[certain] = 2.0 ** (1.0 - differing[certain].sum(axis=1))
    return np.minimum(p, 1.0)


def _cosines(size: int, length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(C, length / 2 + 1) log |cos(k t)| at the frequencies of a transform, and whether it is negative."""
    turns = np.outer(np.arange(1, size + 1), np.arange(length // 2 + 1)) % length
    values = np.cos(2 * math.pi * turns / length)
    return np.log(np.maximum(np.abs(values), 1e-300)), (values < 0).astype(np.float64)


def _inverted(
    differing: NDArray[np.int64], total: NDArray[np.int64], logs: NDArray[np.float64], negative: NDArray[np.float64]
) -> NDArray[np.float64]:
    """P(|sum| >= total)."""
    odd = (differing % 2).astype(np.float64)
    signs = 1.0 - 2.0 * ((odd @ negative) % 2)
    masses = np.fft.irfft(np.exp(differing.astype(np.float64) @ logs) * signs, axis=1)
    half = masses[:, : logs.shape[1]]
    half[:, 1:-1] *= 2
    beyond = np.arange(half.shape[1]) >= total[:, None]
    return np.asarray(np.maximum(np.sum(half, axis=1, where=beyond), 0.0))


def _approximate(differing: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    """2 P(sum >= total) by the saddlepoint of the cumulant function, the sum of m_k log cosh(k s)."""
    from scipy.special import ndtr

    weights = np.arange(1.0, differing.shape[1] + 1)
    # Half a step of the lattice below: sums differ by twice what divides all differences.
    step = np.array([math.gcd(*(np.flatnonzero(row) + 1).tolist()) for row in differing], np.float64)
    sums = total - step
    low, high = np.zeros(len(sums)), np.full(len(sums), 40.0)
    for _ in range(70):
        s = (low + high) / 2
        below = np.sum(differing * weights * np.tanh(weights * s[:, None]), axis=1) < sums
        low, high = np.where(below, s, low), np.where(below, high, s)
    angle = weights * s[:, None]
    cumulant = np.sum(differing * (angle + np.log1p(np.exp(-2 * angle)) - math.log(2)), axis=1)
    curvature = np.sum(differing * weights**2 / np.cosh(np.minimum(angle, 300)) ** 2, axis=1)
    w = np.sqrt(np.maximum(2 * (s * sums - cumulant), 0))
    u = np.sinh(np.minimum(s * step, 300)) / step * np.sqrt(curvature)
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = ndtr(-w) + np.exp(-(w**2) / 2) / math.sqrt(2 * math.pi) * (1 / u - 1 / w)
    # At the mean the formula is 0 by 0, and its limit the normal one.
    normal = ndtr(-sums / np.sqrt(differing @ weights**2))
    return np.asarray(2 * np.clip(np.where(w < 1e-3, normal, np.nan_to_num(tail)), 0, 1))
