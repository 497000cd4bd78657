"""What the trials of a run add up to, found while they are stored: nothing of them is read and unpacked again then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mcstudy.statistics.frames import Columns, loss_quantiles
from mcstudy.statistics.tally import Tally, has_points, tallies_and_digests
from mcstudy.store import Digest
from mcstudy.sums import Summary, summed_rows

if TYPE_CHECKING:
    from mcstudy.plan import Plan, Trials
    from mcstudy.store import Rows, Store


class Seen:
    """The watcher of a store for the cells of a plan.

    It knows the cells all of whose trials were written at once, and reads the others. It keeps no trials, but for the
    histories of a cell until its rows are written.

    Attributes:
        losses: what `loss_quantiles` finds, by the cell's id.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._asked = plan, plan.study.trials
        self._cells = {cell.id: cell for cell in plan.cells}
        self._histories: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
        self._found: dict[str, tuple[Summary, str]] = {}
        self.losses: dict[str, Columns] = {}

    def history(self, cell_id: str, steps: NDArray[Any], losses: NDArray[Any]) -> None:
        """A cell's history is stored; its rows are later than that."""
        self._histories[cell_id] = steps, losses

    def rows(self, cell_id: str, start: int, rows: Rows) -> None:
        """Rows of a cell are stored."""
        history = self._histories.pop(cell_id, None)
        if start or len(rows["trial"]) != self._asked:
            return
        cell, digest = self._cells[cell_id], Digest()
        digest.add(rows)
        self._found[cell_id] = summed_rows(rows, has_points(cell)), digest.hexdigest()
        if history is not None:
            self.losses[cell_id] = loss_quantiles(cell, *history, rows)

    def tallies_and_digests(self, store: Store, trials: Trials) -> tuple[dict[str, Tally], dict[str, str]]:
        """As `mcstudy.statistics.tallies_and_digests` has them."""
        return tallies_and_digests(self._plan, store, trials, self._found)
