"""What is measured, and what is aimed at: one literal table of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Tables = dict[str, Any]

ADDITION: Tables = {"name": "addition", "samples": "shared", "order": "sequential", "batch": 1}
DISTANCE: Tables = {"name": "distance", "input": {"name": "uniform", "low": -1, "high": 1}, "samples": "trial"}
POINTS_256: Tables = {**DISTANCE, "size": 256, "batch": 32}
FRESH: Tables = {"name": "relu", "input": "normal", "samples": "fresh", "batch": 1000}

NORMAL: Tables = {"name": "normal", "bias": "normal"}
SINGLE: Tables = {"hidden": [], "bias": False, "output": "activation"}
THREE: Tables = {"hidden": [3], "activation": "relu", "output": "linear", "init": "he_normal"}


def adding(activation: str) -> Tables:
    """The 2-4-4-1 network with its activation on the output too."""
    return {"hidden": [4, 4], "activation": activation, "output": "activation", "init": NORMAL}


def sgd(rate: float) -> Tables:
    """Plain gradient descent."""
    return {"name": "sgd", "lr": rate}


class Workload(NamedTuple):
    """One training that both sides do.

    Attributes:
        name: a letter, as the goals have it, and what tells it from others of that letter.
        what: in words.
        study: the tables `task`, `network`, `train` and perhaps `vary` of the study.
        few: steps after which every parameter is compared with each peer's.
        dense: whether products of matrices are most of its work, so that a share of the peak means something.
    """

    name: str
    what: str
    study: Tables
    few: int
    dense: bool = True


def wide(width: int, batch: int, steps: int) -> Tables:
    """2-n-n-1 on 32 points of each trial's own, in a fixed order."""
    return {
        "task": {**DISTANCE, "size": 32, "batch": batch, "order": "sequential"},
        "network": {"hidden": [width, width], "activation": "relu", "output": "linear", "init": "he_normal"},
        "train": {"optimizer": sgd(0.001), "steps": steps},
    }


WORKLOADS = (
    Workload(
        "A",
        "2-4-4-1 relu, one sample a step, SGD",
        {"task": ADDITION, "network": adding("relu"), "train": {"optimizer": sgd(0.01), "steps": 30_000}},
        few=24,
    ),
    Workload(
        "B",
        "2-4-4-1 tanh, one sample a step, SGD",
        {"task": ADDITION, "network": adding("tanh"), "train": {"optimizer": sgd(0.1), "steps": 30_000}},
        few=24,
    ),
    Workload(
        "C",
        "2-3-1 relu, 256 points a trial shuffled each pass, batch 32, Adam",
        {"task": POINTS_256, "network": THREE, "train": {"optimizer": {"name": "adam", "lr": 0.01}, "steps": 800}},
        few=24,
    ),
    Workload(
        "C ordered",
        "the same, the points in a fixed order",
        {
            "task": {**POINTS_256, "order": "sequential"},
            "network": THREE,
            "train": {"optimizer": {"name": "adam", "lr": 0.01}, "steps": 800},
        },
        few=24,
    ),
    Workload(
        "D",
        "single relu, 1000 fresh normals a step, SGD",
        {
            "task": FRESH,
            "network": {**SINGLE, "activation": "relu", "init": "normal"},
            "train": {"optimizer": sgd(0.01), "steps": 200},
        },
        few=10,
        dense=False,
    ),
    Workload(
        "D 12 cells",
        "the same in 12 cells over the same data: normal, uniform, He, Glorot; SGD with two rates, Adam",
        {
            "task": FRESH,
            "network": {**SINGLE, "activation": "relu"},
            "train": {"steps": 200},
            "vary": {
                "init": ["normal", "uniform", "he_normal", "glorot_uniform"],
                "optimizer": [sgd(0.01), sgd(0.1), {"name": "adam", "lr": 0.01}],
            },
        },
        few=10,
        dense=False,
    ),
    Workload(
        "D 12 mixed",
        "12 other cells: relu, leaky relu, tanh; normal, uniform; SGD, Adam",
        {
            "task": FRESH,
            "network": SINGLE,
            "train": {"steps": 200},
            "vary": {
                "activation": ["relu", {"name": "leaky_relu", "negative_slope": 0.3}, "tanh"],
                "init": ["normal", "uniform"],
                "optimizer": [sgd(0.01), {"name": "adam", "lr": 0.01}],
            },
        },
        few=10,
        dense=False,
    ),
    Workload("E 16, batch 1", "2-16-16-1 relu, one sample a step, SGD", wide(16, 1, 2560), few=32),
    Workload("E 16, batch 32", "2-16-16-1 relu, batch 32, SGD", wide(16, 32, 160), few=8),
    Workload("E 64, batch 1", "2-64-64-1 relu, one sample a step, SGD", wide(64, 1, 1280), few=32),
    Workload("E 64, batch 32", "2-64-64-1 relu, batch 32, SGD", wide(64, 32, 80), few=8),
)
"""Every workload; its letter is the first of its name."""

SWEEP = (3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Hidden widths n of 2-n-n-1, whose share of the peak is measured."""

BIAS_DECAY: Tables = {"task": ADDITION, "network": adding("relu"), "train": {"optimizer": sgd(0.01), "steps": 20_000}}
"""A training whose biases shrink by a hundredth in a step with `bias_update = "decay"`: below 2⁻⁹⁵ after 6600 steps."""


class Goal(NamedTuple):
    """A number that a measured value is held against: at least it, or at most it."""

    value: float
    least: bool = True

    def met(self, value: float) -> bool:
        """Whether a value reaches the goal."""
        return value >= self.value if self.least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.value:g}"


JAX = "JAX"
"""The peer that the goals of speed are meant for."""

SPEED_GOALS = {"A": 30, "B": 15, "C": 20, "C ordered": 20, "D": 5, "D 12 cells": 25, "D 12 mixed": 25, "E": 8}
"""Times JAX, by the name of the workload or its letter."""
PEAK_GOALS = {"A": 50, "E": 35}
"""Percent of the peak, likewise."""
SWEEP_GOAL = Goal(25)
DOUBLE_GOAL = Goal(2.2, least=False)
THREADS_GOAL = Goal(1.9)
COMPILE_GOAL = Goal(20, least=False)
OVERHEAD_GOAL = Goal(0.5, least=False)
IMPORT_GOAL = Goal(0.3, least=False)


def goal_of(goals: dict[str, int], name: str) -> Goal | None:
    """The goal of a workload, None where there is none."""
    value = goals.get(name, goals.get(name.split()[0]))
    return None if value is None else Goal(value)


def workload(name: str) -> Workload:
    """The workload of this name."""
    return next(each for each in WORKLOADS if each.name == name)


def flops(widths: Sequence[int]) -> int:
    """What one sample costs a dense network: 6 Σ n_i n_(i+1) − 2 n_0 n_1.

    Two for each weight in the forward pass, two in its gradient with the update, two to pass the error on, which the
    first layer need not do. Nothing else counts: activations, biases, losses and optimizers are not what a peak of
    multiplications and additions could be reached by.
    """
    return 6 * sum(n * m for n, m in zip(widths, widths[1:], strict=False)) - 2 * widths[0] * widths[1]


def endless(tables: Tables, trials: int, precision: str = "float32") -> Tables:
    """The study of these tables in which no trial stops before its last step.

    No trial has a loss of zero at the one check within the training, and that is out of step with the passes over the
    data, so that no state can be told to be that of a pass before. A single ReLU does reach zero, so there is no such
    check where batches are fresh; its states do not come back anyway.
    """
    steps = tables["train"]["steps"]
    every = steps if tables["task"]["samples"] == "fresh" else max(1, steps - max(1, steps // 7))
    return {
        "study": {"name": "benchmark", "seed": 1, "trials": trials},
        **tables,
        "train": {**tables["train"], "precision": precision},
        "converge": {"loss": 0.0, "every": every},
    }
