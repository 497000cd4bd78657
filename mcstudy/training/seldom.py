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

    def loop(
        memory: Any,
        layers: Any,
        cell: Any,
        packed: Any,
        x: Any,
        y: Any,
        columns: Any,
        position: Any,
        size: Any,
        inputs: Any,
        targets: Any,
        count: Any,
    ) -> None:
        samples = (packed != 0, x, y, columns, position, size)
        fused_steps(memory, layers, cell, samples, (inputs, targets), count)

    return _STEPS.address("general-steps", loop, pack)


def shuffle_address(pack: Any) -> int:
    """The loop of `put_in_order`."""

    def loop(memory: Any, integers: Any, group: Any, number: Any, inputs: Any, targets: Any) -> None:
        shuffle(memory, integers, group, number, integers, inputs, targets)

    return _SHUFFLE.address("general-shuffle", loop, pack)


def scale_address(pack: Any) -> int:
    """The loop of `scale`."""

    def loop(
        memory: Any,
        layers: Any,
        cell: Any,
        packed: Any,
        x: Any,
        y: Any,
        columns: Any,
        number: Any,
        trials: Any,
        inputs: Any,
        targets: Any,
    ) -> None:
        points = (packed != 0, x, y, columns, number, trials)
        scale_by_data(memory, layers, cell, points, (inputs, targets))

    return _SCALE.address("general-scale", loop, pack)
