"""Adjusting p values for how many there are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[Any]:
    """Holm's step-down adjustment: the family-wise error rate is kept whatever the dependence of the tests.

    S. Holm, Scand. J. Stat. 6 (1979) 65. Not Bonferroni's, which is never sharper, and not Hochberg's or Benjamini and
    Hochberg's, which ask for assumptions on the dependence or keep a weaker promise.

    Args:
        p: (k,) p values of a family of tests.

    Returns:
        (k,) adjusted p values: what is below 0.05 is rejected with at most 5 % probability of any false rejection.
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return adjusted
