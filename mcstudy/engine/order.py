"""The order in which a unit's trials are trained: of the smallest networks, those that start alike side by side.

A pack trains until the last of its trials has ended, and how long such a network takes is mostly decided by where it
starts. Sorted by the loss there, packs of the single ReLU waste a quarter of their lanes where they wasted more than
half. The order changes no result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mcstudy.engine.program import Program, alone
from mcstudy.plan import Cell

MOST_PARAMETERS = 8
"""Most parameters of a network whose trials are sorted; of larger ones, the loss at the start tells nothing."""
BLOCK_PACKS = 32
"""Packs whose trials are sorted at a time: when a run is stopped, what is not in a finished block is lost."""

Places = np.ndarray | slice
"""Positions in an array: int64, or a stretch of them."""


def is_sorted(cells: Sequence[Cell]) -> bool:
    """Whether trials of cells that train together are sorted."""
    return max(cell.parameters for cell in cells) <= MOST_PARAMETERS


def training_order(program: Program, numbers: np.ndarray, kept: int, memory: tuple[np.ndarray, np.ndarray]) -> Places:
    """The positions of a unit's trials in the order in which they are to be trained.

    Args:
        program: of the unit.
        numbers: the numbers of its trials.
        kept: how many of them, from the first, stay where they are: their histories are stored by position.
        memory: that the program trains in.
    """
    if not is_sorted(program.cells) or len(numbers) - kept <= program.lanes:
        return slice(None)
    order = np.arange(len(numbers))
    losses = _first_losses(program, numbers[kept:], memory)
    block = BLOCK_PACKS * program.lanes
    for start in range(0, len(losses), block):
        order[kept + start : kept + start + block] = kept + start + np.argsort(losses[start : start + block])
    return order


def in_sequence(order: Places, done: int) -> tuple[Places, int]:
    """Where the ends of the trials are, in sequence from the first to the last before a gap, and how many these are.

    Args:
        order: the trials' positions in the order of training.
        done: how many of them, in that order, have ended.
    """
    if isinstance(order, slice):
        return slice(0, done), done
    places = np.full(len(order), len(order))
    places[order[:done]] = np.arange(done)
    gaps = np.flatnonzero(places == len(order))
    whole = int(gaps[0]) if len(gaps) else len(order)
    return places[:whole], whole


def _first_losses(program: Program, numbers: np.ndarray, memory: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The loss of a unit's trials in its first cell before training."""
    start = alone(program, 0)
    table = start.cell_table.copy()
    table["steps"] = 0
    records = start.records(len(numbers))
    replace(start, cell_table=table).train(memory, numbers, records, np.zeros(1, np.int64))
    first: np.ndarray = records[2][0][0]
    return first
