"""Any cells of a study compared trial by trial, for the sentences of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mcstudy.statistics.compare import FIXED, Method, columns_of, judge, margin_of
from mcstudy.statistics.pairs import Converged

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan
    from mcstudy.statistics.tally import Tally

Side = Sequence[str]
"""The ids of a cell, or of several whose mean rate counts."""


@dataclass(frozen=True)
class Judge:
    """Compares cells of one study.

    Attributes:
        places: the position of each cell among those of `converged`, by its id.
        converged: which trials of each converged.
        margin: differences of less than this count as none.
        method: how pairs are judged.
    """

    places: Mapping[str, int]
    converged: Converged
    margin: float
    method: Method = FIXED

    @classmethod
    def of(cls, plan: Plan, known: Mapping[str, Tally], method: Method = FIXED) -> Judge:
        """The judge of a plan's cells, by their tallies."""
        tallies = [known[cell.id] for cell in plan.cells]
        converged = Converged([tally.converged for tally in tallies], [tally.trials for tally in tallies])
        return cls({cell.id: cell.index for cell in plan.cells}, converged, margin_of(plan), method)

    def pairs(self, sides: Sequence[Side], others: Sequence[Side]) -> pd.DataFrame:
        """Each side compared with the other of its pair; p values are adjusted over all of these pairs.

        Args:
            sides: cells, or groups of equally many cells, in the same order of contexts.
            others: as many.

        Returns:
            contexts, trials, rate, other_rate, difference, difference_low, difference_high, p, p_holm, verdict and the
            other columns of `mcstudy.statistics.comparisons`, a row for each pair.
        """
        import pandas as pd

        names = list(dict.fromkeys(tuple(side) for side in (*sides, *others)))
        groups = [np.array([self.places[cell] for cell in name]) for name in names]
        place = {name: position for position, name in enumerate(names)}
        first, second = (np.array([place[tuple(side)] for side in part], np.int64) for part in (sides, others))
        found = self.converged.groups(groups, first, second)
        frame = pd.DataFrame(columns_of(found, self.margin, self.method))
        judge(frame)
        return frame

    def verdicts(self, sides: Sequence[Side], others: Sequence[Side]) -> list[str]:
        """What `pairs` comes to, of `mcstudy.statistics.VERDICTS`; nothing for no pairs."""
        return [str(verdict) for verdict in self.pairs(sides, others)["verdict"]] if sides else []


DIFFERENT = ("differ", "differ slightly")
"""The verdicts that there is a difference."""
