"""General kernels that few studies need: each is compiled when a study first does, and called through its address."""

from __future__ import annotations

from typing import Any

from mcstudy.kernels.calls import INTEGER, MEMORY, TABLE, WORDS, Loop, record, records
from mcstudy.kernels.layout import CELL, GROUP, LAYER
from mcstudy.training.data import shuffle
from mcstudy.training.fused import fused_steps
from mcstudy.training.scaling import scale_by_data

_STEPS = Loop(MEMORY, records(LAYER), record(CELL), *[INTEGER] * 6, TABLE, TABLE, INTEGER)
_SHUFFLE = Loop(MEMORY, WORDS, record(GROUP), INTEGER, TABLE, TABLE)
_SCALE = Loop(MEMORY, records(LAYER), record(CELL), *[INTEGER] * 5, WORDS, TABLE, TABLE)

take_fused_steps = _STEPS.call
"""(address, (memory, layers, cell, *samples, *tables, count)): `training.fused.fused_steps`."""

put_in_order = _SHUFFLE.call
"""(address, (memory, integers, group, number, *tables)): `training.data.shuffle`, with the trial numbers at the
beginning of the integers."""

scale = _SCALE.call
"""(address, (memory, layers, cell, *points, *arrays)): `training.scaling.scale_by_data`."""


def fused_steps_address(pack: Any) -> int:
    """The loop of `take_fused_steps`."""
    return _STEPS.address(
        "general-steps",
        lambda memory, layers, cell, packed, x, y, columns, position, size, inputs, targets, count: fused_steps(
            memory, layers, cell, (packed != 0, x, y, columns, position, size), (inputs, targets), count
        ),
        pack,
    )


def shuffle_address(pack: Any) -> int:
    """The loop of `put_in_order`."""
    return _SHUFFLE.address(
        "general-shuffle",
        lambda memory, integers, group, number, inputs, targets: shuffle(
            memory, integers, group, number, integers, inputs, targets
        ),
        pack,
    )


def scale_address(pack: Any) -> int:
    """The loop of `scale`."""
    return _SCALE.address(
        "general-scale",
        lambda memory, layers, cell, packed, x, y, columns, number, trials, inputs, targets: scale_by_data(
            memory, layers, cell, (packed != 0, x, y, columns, number, trials), (inputs, targets)
        ),
        pack,
    )
