"""A workload in numbers that any library understands: networks, starts and data as NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import mcstudy
from mcstudy.engine.measure import losses, starts
from mcstudy.engine.program import Program, build
from mcstudy.engine.sharing import groups
from mcstudy.engine.single import samples_of
from mcstudy.engine.threads import Unit, run_unit
from mcstudy.engine.unrolling import Unrolled
from mcstudy.plan import Cell, Plan, make_plan

from .workloads import Tables, endless

Array = NDArray[Any]
Network = list[tuple[Array, Array | None]]
"""Weights (trials, outputs, inputs) and biases (trials, outputs) of each layer; None where it has no biases."""

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0).sum(-1),
    "addition": lambda x: x.sum(-1),
    "distance": lambda x: np.sqrt((x * x).sum(-1)),
}
"""What is to be learned, by task: of inputs (…, inputs), targets (…)."""

POINTS = np.array([[0.1, 0.2], [0.5, 0.3], [0.2, 0.4], [0.3, 0.7], [0.5, 0.5], [0.4, 0.3]], np.float32)
"""The points that all trials share, where they do."""

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
"""Of Adam."""


@dataclass(frozen=True)
class Work:
    """What one cell computes; all losses are mean squared errors.

    Attributes:
        widths: of the layers, inputs first.
        activations: (name, slope) of each layer; the slope is that of a leaky relu.
        biased: whether there are biases.
        optimizer: "sgd" or "adam", the latter with `BETA1`, `BETA2` and `EPS`.
        rate: the learning rate.
        task, source: what is learned, and from which points: "shared", "trial" or "fresh".
        size, batch: points of a pass, 0 where they are fresh, and points of a step.
        shuffled: whether each pass has an order of its own.
        steps: of a training.
    """

    widths: tuple[int, ...]
    activations: tuple[tuple[str, float], ...]
    biased: bool
    optimizer: str
    rate: float
    task: str
    source: str
    size: int
    batch: int
    shuffled: bool
    steps: int

    @property
    def pass_steps(self) -> int:
        """Steps of a pass over the points; 1 where they are fresh."""
        return -(-self.size // self.batch) if self.size else 1


class Samples(NamedTuple):
    """What trials train on in each step: inputs (trials, steps, batch, inputs), targets (trials, steps, batch)."""

    inputs: Array
    targets: Array


def work_of(cell: Cell) -> Work:
    """The work of a cell."""
    task, optimizer, layers = cell.settings["task"], cell.settings["train"]["optimizer"], cell.layers
    activations = [layer.activation for layer in layers]
    return Work(
        widths=(layers[0].inputs, *(layer.outputs for layer in layers)),
        activations=tuple((each["name"], float(each.get("negative_slope", 0))) for each in activations),
        biased=layers[0].biased,
        optimizer=optimizer["name"],
        rate=float(optimizer["lr"]),
        task=task["name"],
        source=task["samples"],
        size=int(task["size"] or 0),
        batch=int(task["batch"]),
        shuffled=task["order"] == "shuffled" and task["samples"] != "fresh",
        steps=int(cell.settings["train"]["steps"]),
    )


def split(work: Work, parameters: Array) -> Network:
    """Parameters (trials, all), layer by layer with weights first, as a network."""
    network: Network = []
    at, trials = 0, len(parameters)
    for n, m in zip(work.widths, work.widths[1:], strict=False):
        weights = parameters[:, at : at + n * m].reshape(trials, m, n)
        at += n * m
        network.append((weights, parameters[:, at : at + m] if work.biased else None))
        at += m * work.biased
    return network


def joined(network: Sequence[tuple[Any, ...]]) -> Array:
    """A network of any library's arrays as parameters (trials, all)."""
    parts = [np.asarray(part) for layer in network for part in layer if part is not None]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def batches(work: Work, points: tuple[Any, Any], shuffled: Callable[[], tuple[Any, Any]]) -> Callable[[int], Any]:
    """A function that gives the inputs (trials, inputs, batch) and targets (trials, batch) of a step, in any library.

    Args:
        work: says which samples make a batch.
        points: inputs (trials, inputs, size) and targets (trials, size) of every trial, in their order.
        shuffled: the same in an order of each trial's own, another one at each call.
    """
    now = points

    def batch(step: int) -> tuple[Any, Any]:
        nonlocal now
        at = step % work.pass_steps * work.batch
        if work.shuffled and at == 0:
            now = shuffled()
        return now[0][:, :, at : at + work.batch], now[1][:, at : at + work.batch]

    return batch


class Ours:
    """mcstudy's side of a workload: a study, and single steps to compare with.

    Args:
        tables: of the workload.
        trials: of the study that is timed.
        precision: "float32" or "float64".
    """

    def __init__(self, tables: Tables, trials: int, precision: str = "float32") -> None:
        self.study = mcstudy.Study.model_validate(endless(tables, trials, precision))
        self._tables = tables

    @cached_property
    def plan(self) -> Plan:
        """The plan of the study."""
        return make_plan(self.study)

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """The work of each cell."""
        return tuple(work_of(cell) for cell in self.plan.cells)

    def compile(self) -> None:
        """Have the kernels that a long study of these cells would compile, for the short runs that are timed."""
        for cells in groups(self.plan.cells):
            build(cells, self.plan.tables, Unrolled({cell.id for cell in cells}))

    def run(self, threads: int | None = None) -> None:
        """Train all of it.

        Raises:
            RuntimeError: a trial ended before its last step.
        """
        results = mcstudy.run(self.study, threads=threads)
        if results.trained != self.study.trials * len(self.plan.cells):
            raise RuntimeError("not every trial was trained")

    def program(self, cell: int) -> Program:
        """The program of one cell alone."""
        return build([self.plan.cells[cell]], self.plan.tables)

    def starts(self, cell: int, trials: int) -> Array:
        """The parameters (trials, all) that the first trials of a cell start from."""
        return starts(self.program(cell), np.arange(trials))

    def samples(self, trials: int, steps: int) -> Samples:
        """What the first trials of every cell are trained on."""
        program, work = self.program(0), self.works[0]
        inputs = np.empty((trials, steps, work.batch, work.widths[0]), np.float32)
        targets = np.empty((trials, steps, work.batch), np.float32)
        for trial in range(trials):
            known = samples_of(program, trial, steps)
            x, y = known.inputs, known.targets[:, 0]
            if known.orders is not None:
                x, y = x[known.orders.ravel()], y[known.orders.ravel()]
            rows = np.arange(steps * work.batch) % len(x)
            inputs[trial] = x[rows].reshape(inputs.shape[1:])
            targets[trial] = y[rows].reshape(targets.shape[1:])
        return Samples(inputs, targets)

    def ends(self, cell: int, trials: int, steps: int) -> Array:
        """The parameters (trials, all) of a cell's first trials after so many steps."""
        tables = {**self._tables, "train": {**self._tables["train"], "steps": steps}}
        short = Ours(tables, trials)
        program = short.program(cell)
        [result] = run_unit(Unit(program, 0, trials), program.memory(), np.zeros(1, np.int64), traced=True)
        return result.trace[:, -1]

    def losses(self, cell: int, parameters: Array) -> Array:
        """The evaluation loss of each row of parameters; where trials have own points, on points that are new to it."""
        return losses(self.program(cell), np.arange(len(parameters)) + 10**6, parameters)
