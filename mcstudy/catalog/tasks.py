"""Tasks: what a network should learn, and where the task is asked by default.

`target(memory, at, step, out, a)` reads input k of one sample at `at` + k · `step` of a pack array and writes target k
at `out` + k · `step`; `a` is the task's parameter (0 where it has none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import REQUIRED, Parameter, Part, table
from mcstudy.kernels.elementary import sin
from mcstudy.kernels.pack import absolute, fma, load, sqrt, store, where


@dataclass(frozen=True)
class Task(Part):
    """A part with the number of its inputs and outputs (None: as the table's columns), the input distribution and
    samples taken where a study names none, the task's own points, and its target function."""

    n_inputs: int | None = 1
    n_outputs: int | None = 1
    input: Mapping[str, Any] | None = None
    samples: str = "fresh"
    points: tuple[tuple[float, ...], ...] | None = None
    order: str = "shuffled"
    target: Callable[..., Any] = lambda memory, at, step, out, a: None


def _uniform(low: float, high: float) -> dict[str, Any]:
    return {"name": "uniform", "low": low, "high": high}


_NORMAL = {"name": "normal", "mean": 0.0, "std": 1.0}


@jit.scalar
def _relu(memory: Any, at: Any, step: Any, out: Any, a: Any) -> None:
    x = load(memory, at)
    store(memory, out, where(x > 0.0, x, 0.0))


@jit.scalar
def _abs(memory: Any, at: Any, step: Any, out: Any, a: Any) -> None:
    store(memory, out, absolute(load(memory, at)))


@jit.scalar
def _distance(memory: Any, at: Any, step: Any, out: Any, a: Any) -> None:
    x, y = load(memory, at), load(memory, at + step)
    store(memory, out, sqrt(fma(x, x, y * y)))


@jit.scalar
def _addition(memory: Any, at: Any, step: Any, out: Any, a: Any) -> None:
    store(memory, out, load(memory, at) + load(memory, at + step))


@jit.scalar
def _sine(memory: Any, at: Any, step: Any, out: Any, frequency: Any) -> None:
    store(memory, out, sin(load(memory, at) * frequency))


@jit.scalar
def _table(memory: Any, at: Any, step: Any, out: Any, a: Any) -> None:
    store(memory, out, 0.0)  # never called: the targets are in the file


TASKS: dict[str, Task] = table(
    Task("relu", "y = max(0, x)", "a single ReLU learning a ReLU", input=_NORMAL, target=_relu),
    Task("abs", "y = |x|", "Lu, Shin, Su, Karniadakis 2019", input=_uniform(-(7.0**0.5), 7.0**0.5), target=_abs),
    Task(
        "distance",
        "y = √(x₀² + x₁²)",
        "three ReLUs and a cone",
        n_inputs=2,
        input=_uniform(-1.0, 1.0),
        target=_distance,
    ),
    Task(
        "addition",
        "y = x₀ + x₁",
        "a 2-4-4-1 network that adds",
        n_inputs=2,
        input=_uniform(0.0, 1.0),
        samples="shared",
        points=((0.1, 0.2), (0.5, 0.3), (0.2, 0.4), (0.3, 0.7), (0.5, 0.5), (0.4, 0.3)),
        target=_addition,
    ),
    Task(
        "sine",
        "y = sin(frequency · x)",
        "a common first regression",
        {"frequency": Parameter(1.0)},
        input=_uniform(-3.141592653589793, 3.141592653589793),
        target=_sine,
    ),
    Task(
        "table",
        "the columns of a CSV or Parquet file",
        "the user's data",
        {
            "file": Parameter(REQUIRED, "text"),
            "inputs": Parameter(REQUIRED, "texts", length=(1, 4096)),
            "targets": Parameter(REQUIRED, "texts", length=(1, 4096)),
        },
        n_inputs=None,
        n_outputs=None,
        samples="shared",
        target=_table,
    ),
)
