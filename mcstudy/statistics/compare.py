"""Which levels differ: every pair of them, trial by trial."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.plan import TASK
from mcstudy.statistics.holm import holm
from mcstudy.statistics.pairs import Converged, Differences, adjusted, equivalence, interval
from mcstudy.statistics.signs import sign_flip

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Cell, Plan
    from mcstudy.statistics.tally import Tally

MARGIN: Final = 0.02
"""Rates that differ by less count as equivalent, where a study says nothing else."""
LEVEL: Final = 0.05
"""What an adjusted p value has to be below."""
MOST_PAIRS: Final = 5000
"""Most pairs of levels of one key; a key with more is compared with its baseline alone."""
MOST_CONTEXTS: Final = 20_000
"""Most rows of one key's single contexts; a key with more has none."""
VERDICTS: Final = {
    "differ": "shown to differ",
    "differ slightly": "shown to differ, and shown to differ by less than the margin",
    "mixed": "shown to differ by less than the margin on average, though single contexts are shown to differ by more",
    "equivalent": "shown to differ by less than the margin",
    "undecided": "not shown to differ, nor to be equivalent",
}
"""What a comparison can come to, each with what it means."""


@dataclass(frozen=True)
class Method:
    """How pairs are judged: functions of `Differences`, each with a value for each pair.

    Attributes:
        interval: the lower and upper ends of the 95 % interval of the difference.
        p: p values of no difference.
        equivalence: p values of a difference of at least the margin.
        tests: what the tests are called, of single cells and of averages over contexts; without the second, averages
            are not judged.
    """

    interval: Callable[[Differences], tuple[NDArray[Any], NDArray[Any]]]
    p: Callable[[Differences], NDArray[Any]]
    equivalence: Callable[[Differences, float], NDArray[Any]]
    tests: tuple[str, str | None] = ("McNemar", "sign flip")


def difference_p(pairs: Differences) -> NDArray[np.float64]:
    """p values of no difference: McNemar's exact ones of single cells; of averages, the larger one of two.

    The sign-flip test alone asks whether the two levels could be exchanged. An average can be 0 though rare trials are
    won in all contexts at once and others are lost in one, and then it finds a difference too often; the interval alone
    does where few trials differ. So both have to show it, and no p value contradicts its interval.
    """
    from scipy.special import ndtr

    p = sign_flip(pairs.counts)
    if pairs.contexts == 1:
        return p
    estimate, error = adjusted(pairs)
    larger: NDArray[np.float64] = np.maximum(p, 2 * ndtr(-np.abs(estimate) / error))
    return larger


FIXED: Final = Method(interval, difference_p, equivalence)
"""For numbers of trials that were fixed beforehand; not valid where trials stop when the result shows."""


def comparisons(plan: Plan, known: Mapping[str, Tally], method: Method = FIXED) -> pd.DataFrame:
    """Pairs of levels of each varied key, with differences of rates, tests and verdicts; of each task by itself.

    The families, over each of which p values are adjusted by Holm's method:

    - baseline: each level with the baseline's level, over all contexts (the combinations of the other keys' levels,
      with equal weights; one context where no other key is varied);
    - levels: all other pairs of levels, likewise; none of a key of more than `MOST_PAIRS` pairs;
    - contexts: each level with the baseline's in every single context, where there are several; none of a key of more
      than `MOST_CONTEXTS` rows.

    Args:
        plan: the cells; its study says the baseline, and the margin in ``study.until.decided`` (`MARGIN` otherwise).
        known: the tally of each cell by its id. Cells of different numbers of trials are compared over the trials that
            they share.
        method: how pairs are judged.

    Returns:
        The columns of ``comparisons.csv``: family, key, level, other (the baseline's, in its family), the label of
        every other key for single contexts (empty otherwise, but for the task's where tasks are varied), contexts (how
        many), trials, rate, other_rate (over these trials), difference (level minus other) with its 95 % interval
        (difference_low, difference_high; each by itself, not adjusted), both, only, other_only, neither (trials by
        which of two cells converged; missing for averages over contexts), test (its name), p (McNemar's exact test,
        for averages `difference_p`), p_holm, p_equivalence (two one-sided tests at the margin),
        p_equivalence_holm, margin, variance_ratio (`Differences.variance_ratio`), verdict (of `VERDICTS`). Empty for
        a single cell. Where the method cannot judge averages, single contexts make up the baseline's family. Each
        family has an error probability of 5 % of its own. p values are rounded to four significant digits.
    """
    import pandas as pd

    keys = [key for key, levels in plan.study.levels.items() if len(levels) > 1]
    converged = Converged([known[c.id].converged for c in plan.cells], [known[c.id].trials for c in plan.cells])
    frames = [frame for key in keys for frame in _of_key(plan, converged, key, method)]
    if not frames:
        return pd.DataFrame(columns=_columns(plan.keys))
    frame = pd.concat(frames, ignore_index=True)
    frame["margin"] = margin_of(plan)
    order = pd.Categorical(frame["family"], ["baseline", "levels", "contexts"])
    frame = frame.iloc[np.argsort(order.codes, kind="stable")].reset_index(drop=True)
    judge(frame, frame["family"])
    _mix(frame, TASK if TASK in plan.keys else "key")
    return frame[_columns(plan.keys)]


def _mix(frame: pd.DataFrame, task: str) -> None:
    """Marks levels that are level with the baseline's on average alone; those of each task by themselves."""
    single = frame[(frame["family"] == "contexts") & (frame["verdict"] == "differ")]
    differing = set(single[["key", "level", task]].itertuples(index=False, name=None))
    for row in frame.index[frame["family"] == "baseline"]:
        same = frame.at[row, "verdict"] in ("equivalent", "differ slightly")
        if same and tuple(frame.loc[row, ["key", "level", task]]) in differing:
            frame.at[row, "verdict"] = "mixed"


def margin_of(plan: Plan) -> float:
    """Differences of less than this count as none."""
    until = plan.study.study.until
    return MARGIN if until is None or until.decided is None else float(until.decided)


def judge(frame: pd.DataFrame, families: pd.Series | None = None) -> None:
    """Adds the adjusted p values and the verdicts to a frame with p, p_equivalence."""
    groups = [frame.index] if families is None else list(frame.groupby(families, sort=False).groups.values())
    for name in ("p", "p_equivalence"):
        frame[f"{name}_holm"] = math.nan
        for rows in groups:
            frame.loc[rows, f"{name}_holm"] = holm(frame.loc[rows, name])
    differ, equal = frame["p_holm"] < LEVEL, frame["p_equivalence_holm"] < LEVEL
    frame["verdict"] = np.select(
        [differ & equal, differ, equal], ["differ slightly", "differ", "equivalent"], "undecided"
    )


def columns_of(pairs: Differences, margin: float, method: Method) -> dict[str, Any]:
    """The columns of a frame of pairs that are functions of the pairs alone."""
    import pandas as pd

    low, high = method.interval(pairs)
    down, same, up = pairs.counts[:, 0], pairs.counts[:, 1], pairs.counts[:, -1]
    single = pairs.contexts == 1
    cells = {"both": pairs.both, "only": up, "other_only": down, "neither": same - pairs.both}
    return {
        "contexts": pairs.contexts,
        "trials": pairs.trials,
        "rate": pairs.rate,
        "other_rate": pairs.other_rate,
        "difference": pairs.difference,
        "difference_low": low,
        "difference_high": high,
        **{name: pd.array(counts if single else [None] * len(counts), "Int64") for name, counts in cells.items()},
        "test": method.tests[pairs.contexts > 1] or method.tests[0],
        "p": _rounded(method.p(pairs)),
        "p_equivalence": _rounded(method.equivalence(pairs, margin)),
        "variance_ratio": pairs.variance_ratio,
    }


def _columns(keys: Sequence[str]) -> list[str]:
    return [
        *("family", "key", "level", "other", *keys, "contexts", "trials", "rate", "other_rate"),
        *("difference", "difference_low", "difference_high", "both", "only", "other_only", "neither"),
        *("test", "p", "p_holm", "p_equivalence", "p_equivalence_holm", "margin", "variance_ratio", "verdict"),
    ]


def level_groups(plan: Plan, key: str) -> tuple[list[str], NDArray[np.int64]]:
    """The labels of a key's levels, and the positions of their cells: a row per level, in the same contexts."""
    shape = [len(levels) for levels in plan.study.levels.values()]
    axis = plan.keys.index(key)
    groups = np.moveaxis(np.arange(len(plan.cells)).reshape(shape), axis, 0).reshape(shape[axis], -1)
    return [plan.cells[group[0]].labels[key] for group in groups], groups


def _tasks(plan: Plan, key: str) -> Iterator[tuple[str, list[str], NDArray[np.int64]]]:
    """`level_groups` of each task by itself, with its label; of all together, without one, where no task is varied."""
    names, groups = level_groups(plan, key)
    if TASK not in plan.keys:
        yield "", names, groups
    elif key != TASK:
        tasks = np.array([plan.cells[cell].labels[TASK] for cell in groups[0]])
        for task in dict.fromkeys(tasks.tolist()):
            yield task, names, groups[:, tasks == task]


def _of_key(plan: Plan, converged: Converged, key: str, method: Method) -> Iterator[pd.DataFrame]:
    base, margin = plan.study.baseline.get(key, 0), margin_of(plan)
    for task, names, groups in _tasks(plan, key):
        others = np.array([level for level in range(len(names)) if level != base])

        def rows(
            family: str,
            side: NDArray[Any],
            other: NDArray[Any],
            pairs: Differences,
            cells: Sequence[Cell] = (),
            names: Sequence[str] = names,
            task: str = task,
        ) -> pd.DataFrame:
            import pandas as pd

            labels: dict[str, Any] = {"family": family, "key": key}
            labels |= {"level": [names[i] for i in side], "other": [names[i] for i in other]}
            for name in plan.keys:
                labels[name] = [cell.labels[name] for cell in cells] if cells and name != key else ""
            labels |= {TASK: task} if task else {}
            return pd.DataFrame(labels | columns_of(pairs, margin, method))

        contexts = groups.shape[1]
        against = np.full(len(others), base)
        averaged = contexts == 1 or method.tests[1] is not None
        if averaged:
            yield rows("baseline", others, against, converged.groups(list(groups), others, against))
        found = [pair for pair in itertools.combinations(range(len(names)), 2) if base not in pair]
        if averaged and found and len(found) <= MOST_PAIRS:
            side, other = np.array(found).T[::-1]
            yield rows("levels", side, other, converged.groups(list(groups), side, other))
        if contexts > 1 and contexts * len(others) <= MOST_CONTEXTS:
            side, other = np.repeat(others, contexts), np.full(len(others) * contexts, base)
            cells = groups[others].ravel()
            pairs = converged.cells(cells, np.tile(groups[base], len(others)))
            yield rows("contexts" if averaged else "baseline", side, other, pairs, [plan.cells[i] for i in cells])


def _rounded(p: NDArray[Any]) -> NDArray[np.float64]:
    """Four significant digits: the last ones may differ among machines."""
    return np.array([float(f"{value:.3e}") for value in p])
