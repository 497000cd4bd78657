"""Which cells train on the same draws."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from mcstudy.plan import Cell


def draws_while_training(cell: Cell) -> bool:
    """Whether samples are drawn or put in order during training, so that sharing them between cells saves work."""
    task = cell.settings["task"]
    return bool(task["samples"] == "fresh" or task["order"] == "shuffled")


def groups(cells: Iterable[Cell]) -> list[tuple[Cell, ...]]:
    """Cells by the draws they can share, in order of first appearance; cells with nothing to share stay alone."""
    by_key: dict[Hashable, list[Cell]] = {}
    for cell in cells:
        key = cell.data_key if draws_while_training(cell) else cell.id
        by_key.setdefault(key, []).append(cell)
    return [tuple(group) for group in by_key.values()]
