"""The first trials of a few cells, looked at closely: what figures of single trials draw.

`CLOSEUPS` is the one table of what is looked at: a name, and the function that makes it of a `Look`. What it makes has
`cells`, the ids of the cells it shows (none where it does not apply), and `of`, how many cells it might have shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
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

__all__ = ["CLOSEUPS", "Closeup", "Look", "Looking", "Sample", "Writing"]

CLOSEUPS: Final[dict[str, Callable[[Look], Closeup]]] = {
    "starts": starts,
    "landscapes": landscapes,
    "basins": basins,
    "paths": paths,
    "surfaces": surfaces,
    "weights": weights,
    "probes": probes,
}


class Looking:
    """Makes closeups on a thread of its own, in a block; who asks for one waits until it is there.

    A block that fails, or Ctrl-C, ends the training of samples.

    Args:
        look: what they start from. No other thread may use it.
        made: closeups by name, and what makes them.
    """

    def __init__(self, look: Look, made: Mapping[str, Callable[[Look], Closeup]] = CLOSEUPS) -> None:
        self._look, self._made = look, made
        self._begun: dict[str, Future[Closeup]] = {}

    def __enter__(self) -> Looking:
        self._pool = ThreadPoolExecutor(1)
        self._begun = {name: self._pool.submit(make, self._look) for name, make in self._made.items()}
        return self

    def __getitem__(self, name: str) -> Closeup:
        return self._begun[name].result()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._look.stop[0] = 1
        self._pool.shutdown(cancel_futures=kind is not None)
