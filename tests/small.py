"""A study that trains in a blink, and what its rows have to be; for tests that run it very often."""

from __future__ import annotations

from typing import Any

import mcstudy
from mcstudy.engine.run import train
from mcstudy.plan import Plan
from mcstudy.store import FolderStore, MemoryStore

TEXT = """\
[study]
name = "small"
seed = 3
trials = 600

[task]
name = "relu"
batch = 4

[network]
hidden = [2]
init = "normal"

[train]
optimizer = { name = "sgd", lr = 0.1 }
steps = 30

[converge]
loss = 1e-3

[vary]
activation = ["relu", "tanh"]
"""
UNIT = 80
"""Trials of a work unit: 8 for each cell, the last one smaller."""


def expected(plan: Plan, trials: int) -> dict[str, Any]:
    """The digests of the rows and the bytes of the histories of an undisturbed run, by cell."""
    store = MemoryStore()
    train(plan, store, trials)
    return stored(plan, store, trials)


def stored(plan: Plan, store: MemoryStore | FolderStore, trials: int) -> dict[str, Any]:
    """The same of a store; as text."""
    found = {}
    for cell in plan.cells:
        history = store.read_history(cell.id)
        losses = "" if history is None else history[1].tobytes().hex()
        found[cell.id] = [store.digest(cell.id, trials), losses]
    return found


def make_small(text: str = TEXT) -> Plan:
    """The plan of such a study."""
    import tomllib

    return mcstudy.make_plan(mcstudy.Study.model_validate(tomllib.loads(text)))
