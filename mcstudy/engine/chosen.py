"""Work units for trials that are picked out one by one: they share packs, whatever their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mcstudy.engine.cost import trial_nanoseconds
from mcstudy.engine.program import build
from mcstudy.engine.sharing import groups
from mcstudy.engine.work import UNIT_SECONDS, Unit, lots, whole_packs
from mcstudy.plan import Cell, Table


def chosen_units(
    cells: Sequence[Cell], tables: Mapping[str, Table], chosen: Mapping[str, np.ndarray]
) -> Iterator[Unit]:
    """Work units for the `chosen` trials of each cell, by its id; numbers that ascend.

    Cells that share their draws share a unit where the same trials of them are chosen, as when all are.
    """
    for group in groups(cells):
        alike: dict[bytes, list[Cell]] = {}
        for cell in group:
            if len(chosen[cell.id]):
                alike.setdefault(chosen[cell.id].tobytes(), []).append(cell)
        for members in alike.values():
            trials = chosen[members[0].id]
            for part in lots(members):
                program = build(part, tables)
                size = whole_packs(program, trial_nanoseconds(program.cells) * 1e-9, UNIT_SECONDS)
                for start in range(0, len(trials), size):
                    piece = trials[start : start + size]
                    yield Unit(program, int(piece[0]), int(piece[-1]) + 1, piece)
