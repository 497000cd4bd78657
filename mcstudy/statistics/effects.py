"""What each key and each pair of keys does to the odds of converging: a factorial analysis of log odds.

The cells are a full factorial of the varied keys. The log odds of a cell of k converged trials of n are

    theta = log((k + 1/2) / (n - k + 1/2)),

J. B. S. Haldane, Ann. Hum. Genet. 20 (1956) 309, F. J. Anscombe, Biometrika 43 (1956) 461: finite at 0 and n, and less
biased than without the halves, so every cell has them. With sum-to-zero coding the main effect of a level is the mean
of theta over its cells minus the mean over all, the interaction of two levels of two keys the mean over the cells of
both minus both main effects and the mean over all.

All cells have the same trials, so they are correlated: with p = (k + 1/2)/(n + 1) the covariance of two cells' log odds
is that of the influences of the trials, (x - p)/(p (1 - p)), over n + 1, by the delta method. The halves are added as
draws that no cells share: to the variances p (1 - p) alone.

Measured coverage of the 95 % intervals (2 x 3 cells, correlations 0 to 0.6, 100 to 10,000 trials): 94 to 97 % where
each cell can expect two trials or more of either kind, 92 % where one cell can expect a single failure, 90 % where it
can expect a tenth of one, and nothing covers odds that the trials cannot show. There an effect is that of odds which
stop at 2n + 1 to 1; `few` counts those cells, and the report says so. Intervals that take correlated cells for
independent cover 98 to 99.5 %: they are needlessly wide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mcstudy.plan import TASK
from mcstudy.statistics.holm import holm

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Cell, Plan
    from mcstudy.statistics.tally import Tally

MOST_CELLS: Final = 1000
"""Cells of a factorial that is analysed; larger ones are searches, and their matrices take minutes."""
FEW: Final = 3
"""Trials of either kind that a cell should have; with fewer, the intervals of its log odds may be too narrow."""
_COLUMNS: Final = (
    *("kind", "task", "key", "level", "other_key", "other_level"),
    *("estimate", "se", "low", "high", "p", "noise", "mirror", "cells", "ends", "few", "trials"),
)
_CHUNK = 1 << 23
"""Numbers of a piece of the unpacked trials."""
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class LogOdds:
    """The log odds of some cells with their covariance.

    Attributes:
        values: (cells,) the empirical log odds.
        covariance: (cells, cells) theirs.
        converged: (cells,) how many trials did.
    """

    values: NDArray[np.float64]
    covariance: NDArray[np.float64]
    converged: NDArray[np.float64]


def joint_counts(bits: Sequence[NDArray[np.uint8]], trials: int) -> NDArray[np.float64]:
    """In how many of the first trials two cells both converged: (cells, cells), exact.

    Args:
        bits: of each cell, as `Tally.converged` has them.
        trials: how many.
    """
    counts = np.zeros((len(bits), len(bits)))
    size = max(8, _CHUNK // len(bits) // 8 * 8)
    for start in range(0, trials, size):
        some = min(size, trials - start)
        part = [np.unpackbits(packed[start // 8 : -(-(start + some) // 8)], count=some) for packed in bits]
        # Whole numbers below 2^24 are exact in single precision, whatever the order of the sums.
        rows = np.stack(part).astype(np.float32)
        counts += rows @ rows.T
    return counts


def log_odds(bits: Sequence[NDArray[np.uint8]], trials: int) -> LogOdds:
    """The log odds of cells of the same trials, and their covariance."""
    joint = joint_counts(bits, trials)
    converged = np.diag(joint)
    p, raw = (converged + 0.5) / (trials + 1), converged / trials
    spread = p * (1 - p)
    covariance = joint / trials - np.outer(raw, raw)
    covariance[np.diag_indices_from(covariance)] = spread
    covariance /= np.outer(spread, spread) * (trials + 1)
    return LogOdds(np.log((converged + 0.5) / (trials - converged + 0.5)), covariance, converged)


def effects(plan: Plan, known: Mapping[str, Tally]) -> pd.DataFrame:
    """Main effects and interactions of pairs of keys, and how much of the variation each explains, task by task.

    Intervals are pointwise 95 % (estimate ∓ 1.96 standard errors); p values of interactions are adjusted by Holm over
    all of a task's. The share of a key is that of its sum of squares in the sums of all keys, pairs and the rest
    (three keys and more), each less what noise alone is expected to add to it, and at least 0; its interval is by the
    delta method, with the variance of the noise's own sum of squares added (measured coverage: 93.5 % and
    more; 90 to 100 % of shares below 1 %).

    Args:
        plan: the cells.
        known: their tallies, by cell id; over the trials that all cells of a task have.

    Returns:
        The columns of ``effects.csv``:

        - kind ("main", "pair", "share"); task (its label, or empty for all cells);
        - key, level, other_key, other_level: of a share the keys alone, none for the rest;
        - estimate, se, low, high: of log odds, or of a share (without se);
        - p: of pairs, adjusted;
        - noise: of shares, the part of the raw variation that noise alone is expected to make;
        - mirror: of pairs, whether a key of two levels makes it the opposite of another row, so that it is no test of
          its own;
        - cells, ends, few: how many, in how many of them no trial or all of them converged, in how many fewer than
          `FEW` did or did not; trials: of each cell.

        Empty where fewer than two keys are varied, where the rates are all the same, where more than half of the cells
        are at such an end (what would be told is then how many trials there are), and for more than `MOST_CELLS`.
    """
    import pandas as pd

    rows = [row for task, keys, cells in _by_task(plan) for row in _analysed(task, keys, cells, known)]
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    # Products of matrices differ in their last digits from machine to machine.
    numbers = frame.select_dtypes("float").columns
    frame[numbers] = frame[numbers].round(10) + 0.0
    return frame


def _by_task(plan: Plan) -> Iterator[tuple[str, tuple[str, ...], list[Cell]]]:
    """The cells of each task with the keys that are varied among them."""
    tasks: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        tasks.setdefault(cell.labels.get(TASK, ""), []).append(cell)
    several = len(tasks) > 1
    for task, cells in tasks.items():
        varied = tuple(
            key for key in plan.keys if not (several and key == TASK) and len({cell.labels[key] for cell in cells}) > 1
        )
        yield task if several else "", varied, cells


def _analysed(
    task: str, keys: tuple[str, ...], cells: Sequence[Cell], known: Mapping[str, Tally]
) -> Iterator[dict[str, Any]]:
    levels = {key: list(dict.fromkeys(cell.labels[key] for cell in cells)) for key in keys}
    counts = [len(names) for names in levels.values()]
    trials = min(known[cell.id].trials for cell in cells)
    if len(keys) < 2 or len(cells) > MOST_CELLS or math.prod(counts) != len(cells):
        return
    order = list(itertools.product(*levels.values()))
    by_labels = {tuple(cell.labels[key] for key in keys): known[cell.id] for cell in cells}
    odds = log_odds([by_labels[labels].converged for labels in order], trials)
    done = odds.converged
    ends = int(np.sum((done == 0) | (done == trials)))
    if 2 * ends > len(cells) or np.ptp(odds.values) == 0:
        return
    few = int(np.sum((done < FEW) | (trials - done < FEW)))
    common = {"task": task, "cells": len(cells), "ends": ends, "few": few, "trials": trials}
    for position, key in enumerate(keys):
        for row in contrasts(odds, counts, (position,)):
            (level,) = row.pop("place")
            yield {"kind": "main", "key": key, "level": levels[key][level], **row, **common}
    family: list[dict[str, Any]] = []
    for pair in itertools.combinations(range(len(keys)), 2):
        for row in contrasts(odds, counts, pair):
            named = [(keys[at], levels[keys[at]][level]) for at, level in zip(pair, row.pop("place"), strict=True)]
            (key, name), (other, other_name) = named
            labels = {"key": key, "level": name, "other_key": other, "other_level": other_name}
            # Of two levels, what the one does the other undoes: the first one's test stands for both.
            first = levels[key][0] if len(levels[key]) == 2 else name
            other_first = levels[other][0] if len(levels[other]) == 2 else other_name
            test, mirror = (key, first, other, other_first), (first, other_first) != (name, other_name)
            family.append({"kind": "pair", **labels, **row, **common, "mirror": mirror, "test": test})
    alone = [row for row in family if not row["mirror"]]
    adjusted = holm(np.array([_two_sided(row["estimate"], row["se"]) for row in alone])).tolist()
    p = {row["test"]: value for row, value in zip(alone, adjusted, strict=True)}
    for row in family:
        yield row | {"p": p[row.pop("test")]}
    for row in shares(odds, counts):
        names = [keys[at] for at in row.pop("keys")]
        named_keys = dict(zip(("key", "other_key"), [*names, "", ""][:2], strict=True))
        yield {"kind": "share", **named_keys, **row, **common}


def _two_sided(estimate: float, error: float) -> float:
    return 2 * NormalDist().cdf(-abs(estimate) / error) if error > 0 else 1.0


def projection(counts: Sequence[int], which: Sequence[int]) -> NDArray[np.float64]:
    """The matrix that turns the values of a factorial's cells into the effect of some keys at each cell.

    Symmetric and idempotent; those of all sets of keys, the mean's included, add up to the identity.

    Args:
        counts: the levels of each key; the last one varies fastest.
        which: the positions of the keys.
    """
    made = np.ones((1, 1))
    for position, count in enumerate(counts):
        mean = np.full((count, count), 1 / count)
        made = np.kron(made, np.eye(count) - mean if position in which else mean)
    return made


def contrasts(odds: LogOdds, counts: Sequence[int], which: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The effects of some keys: of each combination of their levels, place, estimate, se, low and high."""
    matrix = projection(counts, which)
    shape = [count if position in which else 1 for position, count in enumerate(counts)]
    # The effect is the same in all cells of the same levels of these keys: the first of each has it.
    first = np.arange(math.prod(counts)).reshape(counts)[tuple(slice(0, size) for size in shape)].ravel()
    weights = matrix[first]
    estimate = weights @ odds.values
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", weights, odds.covariance, weights, optimize=True), 0))
    places = itertools.product(*(range(counts[position]) for position in which))
    for place, value, se in zip(places, estimate.tolist(), error.tolist(), strict=True):
        yield {"place": place, "estimate": value, "se": se, "low": value - _Z * se, "high": value + _Z * se}


def shares(odds: LogOdds, counts: Sequence[int]) -> list[dict[str, Any]]:
    """What part of the variation of the log odds the keys, the pairs and the rest explain, noise taken off.

    Returns:
        keys (positions; none for the rest, of three keys and more), estimate, low, high, noise.
    """
    every = range(len(counts))
    sets: list[tuple[int, ...]] = [(position,) for position in every]
    sets += itertools.combinations(every, 2)
    matrices = [projection(counts, which) for which in sets]
    total = np.eye(math.prod(counts)) - projection(counts, ())
    if len(counts) > 2:
        sets.append(())
        matrices.append(total - sum(matrices))
    parts = [matrix @ odds.values for matrix in matrices]
    squares = np.array([float(part @ part) for part in parts])
    noise = np.array([float(np.sum(matrix * odds.covariance)) for matrix in matrices])
    sums = np.maximum(squares - noise, 0)
    whole = float(sums.sum())
    if whole == 0 or noise.sum() >= squares.sum():
        return []
    overall = [part for part, left in zip(parts, sums, strict=True) if left > 0]
    rows = []
    for which, matrix, part, left in zip(sets, matrices, parts, sums, strict=True):
        share = float(left) / whole
        squared = matrix @ odds.covariance
        gradient = 2 * (part * (left > 0) - share * np.sum(overall, axis=0)) / whole
        # The variance of a quadratic form has a second term, which is all that is left of it near a share of 0.
        second = 2 * float(np.sum(squared * squared.T)) / whole**2
        error = math.sqrt(max(float(gradient @ odds.covariance @ gradient), 0) + second)
        low, high = max(0.0, share - _Z * error), min(1.0, share + _Z * error)
        of = float(noise.sum() / squares.sum())
        rows.append({"keys": which, "estimate": share, "low": low, "high": high, "noise": of})
    return rows
