"""What the suite asks of a peer: another way to train the same networks."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Protocol

from .work import Array, Samples, Work

Run = Callable[[], Array]
"""Trains, and returns the parameters (trials, all) of the first cell in the end."""


class Peer(Protocol):
    """Another way to train the same networks.

    Attributes:
        name: as tables show it.
        packages: what has to be installed, by the names that are imported.
        one: whether it trains one network at a time.
    """

    name: str
    packages: tuple[str, ...]
    one: bool

    def takes(self, works: Sequence[Work]) -> bool:
        """Whether it is a peer in these cells, which share their data."""

    def steps(self, work: Work) -> int | None:
        """The steps of a training that is timed; None where any number of them costs the same a step."""

    def ways(self, works: Sequence[Work]) -> Sequence[str]:
        """Ways to write it; the one that measures best is taken."""

    def ends(self, works: Sequence[Work], way: str, starts: Sequence[Array], samples: Samples) -> list[Array]:
        """Parameters (trials, all) of each cell after training on given samples from given starts."""

    def runner(self, works: Sequence[Work], way: str, starts: Sequence[Array], steps: int) -> Run:
        """A function that trains all cells from given starts, (trials, all) each, on data that it draws itself."""


def missing(peer: Peer) -> list[str]:
    """The packages that are not installed."""
    return [name for name in peer.packages if importlib.util.find_spec(name) is None]
