"""The catalogs a study file can name parts of, each with the word that messages use for one of its entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS
from mcstudy.catalog.inputs import INPUTS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.part import Part
from mcstudy.catalog.regularizers import REGULARIZERS
from mcstudy.catalog.schedules import SCHEDULES
from mcstudy.catalog.tasks import TASKS

Catalog = Mapping[str, Any]
"""Parts by name."""


class _Outputs(dict[str, Any]):
    """What an output can be; users' activations are found among the activations."""

    def __missing__(self, key: str) -> Any:
        return ACTIVATIONS[key]


OUTPUTS: Final[Catalog] = _Outputs(
    {
        "linear": ACTIVATIONS["linear"],
        "activation": Part("activation", "the hidden units' activation", ""),
        "sum": Part("sum", "the last hidden units, added", ""),
        **ACTIVATIONS,
    }
)
"""What `network.output` accepts: any activation, and two words that only make sense there."""

NOUNS: Final[Mapping[str, Catalog]] = {
    "activation": ACTIVATIONS,
    "init": INITS,
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "task": TASKS,
    "input": INPUTS,
    "output": OUTPUTS,
    "schedule": SCHEDULES,
    "regularizer": REGULARIZERS,
}
"""The catalogs by the singular word for an entry."""
