"""The class of tasks.

A task's `target(memory, at, step, out, inputs, outputs, c, scratch)` is compiled code for one sample: it reads input k
at `at` + k · `step` of a pack array and writes target k at `out` + k · `step`. `inputs` and `outputs` are their
numbers, `c` is a pointer to the task's constants (float64), and `scratch` the address of as many packs as the task
asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcstudy.catalog.part import Part

Parameters = Mapping[str, Any]
Rows = tuple[tuple[float, ...], ...]
Draw = Callable[[int], np.ndarray]
Constants = Callable[[Parameters, Draw], Sequence[float]]

NORMAL = {"name": "normal", "mean": 0.0, "std": 1.0}


def uniform(low: float, high: float) -> dict[str, Any]:
    """The settings of a uniform input distribution."""
    return {"name": "uniform", "low": low, "high": high}


def numbers_of(parameters: Parameters, draw: Draw) -> list[float]:
    """The numeric parameters in order: booleans as 0 or 1, lists spread, texts left out."""
    found: list[float] = []
    for value in parameters.values():
        entries = value if isinstance(value, list | tuple) else [value]
        found += [float(entry) for entry in entries if not isinstance(entry, str)]
    return found


def _count(number: int | Callable[[Parameters], int], parameters: Parameters) -> int:
    return number(parameters) if callable(number) else number


@dataclass(frozen=True)
class Task(Part):
    """A part with a target function, and with what goes for a study that says nothing else.

    Attributes:
        inputs: number of inputs, or a function of the parameters; None for a table, whose columns decide.
        outputs: number of outputs, likewise.
        input: settings of the input distribution, or a function of the parameters; None where there is none.
        own_inputs: the inputs drawn are raw uniforms on [0, 1), which `target` replaces by the sample's own inputs; no
            other input distribution can be given.
        samples: where the samples come from.
        points: a function of the parameters that gives the task's own points, a row of inputs each.
        order: the order of the samples.
        labels: what targets mean: "real" numbers, "binary" (one output, 0 or 1) or "classes" (one output per class,
            of which one is 1 and the others 0); or a function of the parameters.
        constants: numbers for `target`, a function of the parameters and of `draw`. `draw(count)` gives standard
            normals (float64) that the study's seed and the task's `number` fix. It is called once at most.
        scratch: packs of memory that `target` needs for itself, a function of the parameters.
        target: compiled code for one sample.
    """

    inputs: int | Callable[[Parameters], int] | None = 1
    outputs: int | Callable[[Parameters], int] | None = 1
    input: Mapping[str, Any] | Callable[[Parameters], Mapping[str, Any]] | None = None
    own_inputs: bool = False
    samples: str = "fresh"
    points: Callable[[Parameters], Rows] | None = None
    order: str = "shuffled"
    labels: str | Callable[[Parameters], str] = "real"
    constants: Constants = numbers_of
    scratch: Callable[[Parameters], int] | None = None
    target: Callable[..., Any] | None = None

    def shape(self, parameters: Parameters) -> tuple[int, int]:
        """Numbers of inputs and outputs."""
        if self.inputs is None or self.outputs is None:
            return len(parameters["inputs"]), len(parameters["targets"])
        return _count(self.inputs, parameters), _count(self.outputs, parameters)

    def own_points(self, parameters: Parameters) -> Rows | None:
        """The task's own points, a row of inputs each; None where it has none."""
        return None if self.points is None else self.points(parameters)

    def own_input(self, parameters: Parameters) -> dict[str, Any] | None:
        """The settings of the input distribution that goes where a study names none."""
        found = self.input(parameters) if callable(self.input) else self.input
        return None if found is None else dict(found)

    def labels_for(self, parameters: Parameters) -> str:
        """What targets mean: "real", "binary" or "classes"."""
        return self.labels(parameters) if callable(self.labels) else self.labels

    def scratch_packs(self, parameters: Parameters) -> int:
        """Packs of memory that `target` needs for itself."""
        return 0 if self.scratch is None else self.scratch(parameters)
