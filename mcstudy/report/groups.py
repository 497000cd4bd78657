"""Which cells the report tells of together: those of one task, those of parts of one name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mcstudy import statistics
from mcstudy.plan import TASK
from mcstudy.report import words
from mcstudy.report.document import Text

if TYPE_CHECKING:
    import pandas as pd


def by_task(frame: pd.DataFrame, keys: tuple[str, ...]) -> Iterator[tuple[str | None, pd.DataFrame, tuple[str, ...]]]:
    """The cells of each task, because rates of different tasks are not worth averaging.

    Yields:
        The task's label, its rows of the frame and the other keys; all as it is, without a label, where there is one
        task alone.
    """
    if TASK not in keys or frame[TASK].nunique() < 2:
        yield None, frame, keys
        return
    for task, part in frame.groupby(TASK, sort=False):
        yield str(task), part, tuple(key for key in keys if key != TASK)


def families(frame: pd.DataFrame, key: str) -> list[list[dict[str, Any]]]:
    """The levels of a key of parts (rows of `mcstudy.statistics.marginals`), those of one name together, best first.

    Nothing where the key is no part's, or where its levels are mostly one for each name: then names tell no more than
    levels.
    """
    if key not in words.PARTS:
        return []
    found: dict[str, list[dict[str, Any]]] = {}
    for row in words.records(statistics.marginals(frame, (key,))):
        found.setdefault(row["level"].partition("(")[0], []).append(row)
    if len(found) < 2 or sum(map(len, found.values())) < 2 * len(found):
        return []
    return [sorted(rows, key=lambda row: -row["rate"]) for rows in found.values()]


def places(chosen: Sequence[tuple[str, ...]], every: Sequence[tuple[str, ...]], keys: Sequence[str]) -> list[Text]:
    """Where some cells are among all, in few words: levels that are wholly theirs, then pairs of levels and so on.

    Args:
        chosen: the labels of those cells, one for each key.
        every: the labels of all cells.
        keys: the keys of the labels.

    Returns:
        A text for each group of cells, and one for each cell that no group holds.
    """
    texts, wanted, left = list[Text](), set(chosen), set(chosen)
    for size in range(1, len(keys) + 1):
        for positions in itertools.combinations(range(len(keys)), size):
            groups: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
            for cell in every:
                groups.setdefault(tuple(cell[i] for i in positions), set()).add(cell)
            for labels, group in groups.items():
                if group <= wanted and group & left:
                    names = [keys[i] for i in positions]
                    texts.append(words.cell(dict(zip(names, labels, strict=True)), names))
                    left -= group
    return texts
