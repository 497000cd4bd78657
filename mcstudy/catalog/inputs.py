"""Distributions of a task's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcstudy.catalog.part import REQUIRED, Parameter, Part, table
from mcstudy.kernels.layout import NORMAL, UNIFORM


@dataclass(frozen=True)
class Input(Part):
    """A part whose code in `mcstudy.kernels.layout` is `code`; its two parameters are numbers."""

    code: int = 0


def _ordered(parameters: Mapping[str, Any]) -> str | None:
    low, high = parameters["low"], parameters["high"]
    return None if low < high else f"low must be below high; got low={low!r}, high={high!r}"


INPUTS: dict[str, Input] = table(
    Input(
        "normal",
        "N(mean, std²), coordinates independent",
        "mcstudy",
        {"mean": Parameter(0.0, doc="mean"), "std": Parameter(1.0, gt=0, doc="standard deviation")},
        code=NORMAL,
    ),
    Input(
        "uniform",
        "U(low, high), coordinates independent",
        "mcstudy",
        {"low": Parameter(REQUIRED, doc="lower end"), "high": Parameter(REQUIRED, doc="upper end")},
        check=_ordered,
        code=UNIFORM,
    ),
)
