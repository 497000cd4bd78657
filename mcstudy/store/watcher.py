"""Who is shown what a store has taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from mcstudy.store.base import Rows


class Watcher(Protocol):
    """Gets what a store has taken, from the thread that wrote it."""

    def rows(self, cell_id: str, start: int, rows: Rows) -> None:
        """The trials from `start` on, as a reader would get them."""

    def history(self, cell_id: str, steps: NDArray[Any], losses: NDArray[Any]) -> None:
        """A history, as a reader would get it."""
