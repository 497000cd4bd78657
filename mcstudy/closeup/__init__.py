"""The first trials of a few cells, looked at closely: what figures of single trials draw.

`CLOSEUPS` is the one table of what is looked at: a name, and the function that makes it of a `Look`. What it makes has
`cells`, the ids of the cells it shows (none where it does not apply), and `of`, how many cells it might have shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mcstudy.closeup.basins import basins
from mcstudy.closeup.landscapes import landscapes
from mcstudy.closeup.look import Closeup, Look
from mcstudy.closeup.paths import paths
from mcstudy.closeup.probes import probes
from mcstudy.closeup.sample import Sample, Writing
from mcstudy.closeup.starts import starts
from mcstudy.closeup.surfaces import surfaces
from mcstudy.closeup.weights import weights

__all__ = ["CLOSEUPS", "Closeup", "Look", "Sample", "Writing"]

CLOSEUPS: Final[dict[str, Callable[[Look], Closeup]]] = {
    "starts": starts,
    "landscapes": landscapes,
    "basins": basins,
    "paths": paths,
    "surfaces": surfaces,
    "weights": weights,
    "probes": probes,
}
