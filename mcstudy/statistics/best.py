"""Which cell or level is best, and which others may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcstudy.statistics.compare import FIXED, Method, columns_of, judge, level_groups, margin_of
from mcstudy.statistics.pairs import Converged
from mcstudy.statistics.tally import CONVERGED

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan
    from mcstudy.statistics.tally import Tally


def best(
    plan: Plan,
    known: Mapping[str, Tally],
    key: str | None = None,
    cells: Sequence[int] | None = None,
    highest: bool = True,
    method: Method = FIXED,
) -> pd.DataFrame:
    """The best of some cells, or of a key's levels over all contexts, and how each of the others compares with it.

    Those of the verdicts equivalent and undecided are not shown to be worse: with them, the best of the trials is a set
    that has the truly best one with 95 % confidence (in the sense of J. C. Hsu's multiple comparisons with the best,
    Ann. Stat. 12 (1984) 1136; here by exact paired tests of each against the best, adjusted by Holm's method, where his
    are for normal means). That the best was picked from the same trials is allowed for by adjusting over all others.

    Args:
        plan: the cells.
        known: the tally of each cell by its id.
        key: the varied key whose levels are compared, by default the cells.
        cells: positions of the cells that are compared, by default all of the plan; not with a key.
        highest: whether the highest rate is best, or the lowest.
        method: how pairs are judged.

    Returns:
        A row for each cell or level in plan order: cell and the label of each varied key, or level; contexts, trials,
        rate; best (whether it is it: the first one of those with that rate), best_rate; difference (from the best; 0 to
        -1 where that is the highest), difference_low, difference_high, p, p_holm, p_equivalence, p_equivalence_holm,
        variance_ratio, verdict: of `mcstudy.statistics.VERDICTS`, "best" for itself (whose interval is 0).
    """
    import pandas as pd

    if key is None:
        chosen = [plan.cells[i] for i in (range(len(plan.cells)) if cells is None else cells)]
        names: dict[str, Any] = {"cell": [cell.id for cell in chosen]}
        names |= {name: [cell.labels[name] for cell in chosen] for name in plan.keys}
        groups = np.arange(len(chosen))[:, None]
    else:
        chosen = list(plan.cells)
        labels, groups = level_groups(plan, key)
        names = {"level": labels}
    tallies = [known[cell.id] for cell in chosen]
    rates = np.array([tally.outcomes[CONVERGED] / tally.trials for tally in tallies])[groups].mean(axis=1)
    top = int(np.argmax(rates) if highest else np.argmin(rates))
    converged = Converged([tally.converged for tally in tallies], [tally.trials for tally in tallies])
    side = np.arange(len(groups))
    pairs = converged.groups(list(groups), side, np.full(len(groups), top))
    frame = pd.DataFrame(names | columns_of(pairs, margin_of(plan), method))
    frame = frame.rename(columns={"other_rate": "best_rate"}).drop(columns=["both", "only", "other_only", "neither"])
    frame["best"] = side == top
    rest = frame[~frame["best"]].copy()
    judge(rest)
    for name in ("p_holm", "p_equivalence_holm", "verdict"):
        frame[name] = rest[name]
    frame.loc[top, ["p_holm", "p_equivalence_holm"]] = 1.0, 0.0
    frame.loc[top, ["difference_low", "difference_high"]] = 0.0
    frame.loc[top, "verdict"] = "best"
    order = ["contexts", "trials", "rate", "best", "best_rate", "difference", "difference_low", "difference_high"]
    tests = ["p", "p_holm", "p_equivalence", "p_equivalence_holm", "variance_ratio", "verdict"]
    return frame[[*names, *order, *tests]]
