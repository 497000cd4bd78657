"""Eigenvalues of small symmetric matrices, with the same bytes on every machine (which LAPACK does not promise)."""

from __future__ import annotations

import math
from typing import Any

from mcstudy import jit

SWEEPS = 60
"""More than any matrix needs: convergence is quadratic, ten suffice for hundreds of rows."""


@jit.entry
def eigenvalues(matrix: Any, values: Any) -> None:
    """Fill `values` (n,) with the eigenvalues of a symmetric matrix (n, n) of float64, unsorted; the matrix is lost.

    Cyclic Jacobi rotations until nothing is left beside the diagonal that a sum with it would show; C. G. J. Jacobi,
    Crelle's Journal 30 (1846) 51, with the small-angle formulas of H. Rutishauser, Numer. Math. 9 (1966) 1.
    """
    n = matrix.shape[0]
    for _ in range(SWEEPS):
        moved = False
        for p in range(n - 1):
            for q in range(p + 1, n):
                off = matrix[p, q]
                a, b = matrix[p, p], matrix[q, q]
                if abs(a) + abs(off) == abs(a) and abs(b) + abs(off) == abs(b):
                    continue
                moved = True
                theta = (b - a) / (2.0 * off)
                t = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1.0))
                if theta < 0.0:
                    t = -t
                c = 1.0 / math.sqrt(t * t + 1.0)
                s = t * c
                matrix[p, p], matrix[q, q] = a - t * off, b + t * off
                matrix[p, q] = matrix[q, p] = 0.0
                for k in range(n):
                    if k != p and k != q:
                        x, y = matrix[k, p], matrix[k, q]
                        matrix[k, p] = matrix[p, k] = c * x - s * y
                        matrix[k, q] = matrix[q, k] = s * x + c * y
        if not moved:
            break
    for i in range(n):
        values[i] = matrix[i, i]
