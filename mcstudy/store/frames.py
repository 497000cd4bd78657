"""Rows as a frame of pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcstudy.outcomes import CODES

if TYPE_CHECKING:
    import pandas as pd


def frame_of(rows: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """The columns as they are, words as categories."""
    import pandas as pd

    columns: dict[str, Any] = dict(rows)
    for name, words in CODES.items():
        if name in rows:
            kind = pd.CategoricalDtype(list(words))
            columns[name] = pd.Categorical.from_codes(rows[name].astype(np.int8), dtype=kind)
    return pd.DataFrame(columns, copy=False)
