"""The digest of a cell's rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import CODES

DIGEST_LAYOUT = (
    "SHA-256 of a cell's rows, from trial 0 on, in order; each row packed little-endian, without gaps, its columns in "
    "the order of the files: trial int64; "
    + "; ".join(f"{name} uint8, its place in ({', '.join(words)}), from 0" for name, words in CODES.items())
    + "; steps, step_best and all columns of units int32; all others in the cell's precision ("
    "IEEE 754, float32 or float64; NaN is 0x7fc00000 or 0x7ff8000000000000)"
)
"""How anyone computes the digest of a cell's rows again."""


class Digest:
    """The SHA-256 of a cell's rows, as `DIGEST_LAYOUT` says."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Adds the rows of the next trials, all columns."""
        layout = np.dtype([(name, values.dtype.newbyteorder("<")) for name, values in rows.items()])
        packed = np.empty(len(rows["trial"]), layout)
        for name, values in rows.items():
            packed[name] = values
        self._sum.update(packed.data)

    def hexdigest(self) -> str:
        """What it is, of the rows so far."""
        return self._sum.hexdigest()
