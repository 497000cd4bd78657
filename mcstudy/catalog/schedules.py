"""Learning-rate schedules: the factor of the learning rate in each step.

Steps count from n = 0; PyTorch steps a scheduler once a batch to give the same. A schedule is lowered to rows of
`SCHEDULE_ROW` numbers (code, a, b, first, last): a row is active in steps first ≤ n < last, and counts k = n − first.
The factor of a step is the product over its active rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mcstudy import jit
from mcstudy.catalog.part import REQUIRED, Parameter, Part, table
from mcstudy.kernels.pack import item
from mcstudy.kernels.scalars import half_wave, power

SCHEDULE_ROW = 5
"""Numbers of a row."""

LINE, POWER, WAVE = 0.0, 1.0, 2.0
"""Codes of rows: a + b·k; a^⌊k/b⌋; b + (1 − b)·(1 + cos(π·k/a))/2."""

Row = tuple[float, float, float, float, float]


class Span(NamedTuple):
    """The steps first ≤ n < last of a piece, the learning rate, and the number of steps up to the piece's end."""

    first: float
    last: float
    lr: float
    steps: int


@dataclass(frozen=True)
class Schedule(Part):
    """A part with `lower(parameters, span)`, its rows over a span of steps."""

    lower: Callable[[Mapping[str, Any], Span], list[Row]] = lambda p, span: []

    def rows(self, settings: Mapping[str, Any], lr: float, steps: int) -> list[Row]:
        """The schedule's rows.

        Args:
            settings: the parameters; those that a nested schedule leaves out take their defaults.
            lr: the optimizer's learning rate.
            steps: all steps of the training.
        """
        return self.over(settings, Span(0.0, math.inf, lr, steps))

    def over(self, settings: Mapping[str, Any], span: Span) -> list[Row]:
        """The schedule's rows, counted from the beginning of `span` and cut to it."""
        return [row for row in self.lower(self.defaults() | dict(settings), span) if row[3] < row[4]]


@jit.routine
def factor(rows: Any, first_row: Any, count: Any, n: Any) -> Any:
    """The factor of the learning rate in step `n` = 0, 1, …, by `count` rows from number `first_row`.

    `rows` points to float64 numbers, `SCHEDULE_ROW` a row.
    """
    product = 1.0
    for row in range(first_row, first_row + count):
        at = row * SCHEDULE_ROW
        code, a, b = item(rows, at), item(rows, at + 1), item(rows, at + 2)
        if item(rows, at + 3) <= n and n < item(rows, at + 4):
            k = np.int64(n) - np.int64(item(rows, at + 3))
            if code == LINE:
                product *= a + b * k
            elif code == POWER:
                product *= power(a, k // np.int64(b))
            else:
                product *= b + (1.0 - b) * half_wave(k, np.int64(a))
    return product


def _linear(p: Mapping[str, Any], span: Span) -> list[Row]:
    start, end, length = p["start_factor"], p["end_factor"], p["total_iters"]
    turn = min(span.first + length, span.last)
    return [(LINE, start, (end - start) / length, span.first, turn), (LINE, end, 0.0, turn, span.last)]


def _cosine(p: Mapping[str, Any], span: Span) -> list[Row]:
    length = p["T_max"] if p["T_max"] is not None else max(span.steps - int(span.first), 1)
    return [(WAVE, float(length), p["eta_min"] / span.lr, span.first, span.last)]


def _sequential(p: Mapping[str, Any], span: Span) -> list[Row]:
    bounds = [span.first, *(span.first + m for m in p["milestones"]), span.last]
    rows: list[Row] = []
    for piece, first, last in zip(p["schedules"], bounds[:-1], bounds[1:], strict=True):
        within = Span(float(first), float(last), span.lr, int(min(last, span.steps)))
        rows += SCHEDULES[piece["name"]].over(piece, within)
    return rows


def _chained(p: Mapping[str, Any], span: Span) -> list[Row]:
    return [row for piece in p["schedules"] for row in SCHEDULES[piece["name"]].over(piece, span)]


def _simple(parameters: Mapping[str, Any]) -> str | None:
    for piece in parameters["schedules"]:
        if piece["name"] not in SIMPLE:
            return f"schedules may be any of {', '.join(SIMPLE)}; {piece['name']} does not nest"
    return None


def _milestones(parameters: Mapping[str, Any]) -> str | None:
    milestones, pieces = parameters["milestones"], len(parameters["schedules"])
    if len(milestones) != pieces - 1:
        return f"{pieces} schedules need {pieces - 1} milestones between them; got {len(milestones)}"
    if any(a >= b for a, b in pairwise(milestones)):
        return f"milestones must ascend; got {milestones!r}"
    return _simple(parameters)


_TORCH = "PyTorch torch.optim.lr_scheduler.{}"
_MOST = 16
_PIECES = Parameter(REQUIRED, "schedules", length=(2, _MOST), doc="schedules other than sequential and chained")

SIMPLE: dict[str, Schedule] = table(
    Schedule(
        "constant",
        "1",
        "the optimizer's lr throughout. PyTorch's ConstantLR is a linear of equal factors that gives way to constant "
        "at the milestone of a sequential",
    ),
    Schedule(
        "step",
        "gamma^⌊n/step_size⌋",
        _TORCH.format("StepLR") + "; Keras ExponentialDecay with staircase=True",
        {
            "step_size": Parameter(REQUIRED, "integer", ge=1, doc="steps from one drop to the next"),
            "gamma": Parameter(0.1, gt=0, doc="factor of each drop"),
        },
        lower=lambda p, span: [(POWER, p["gamma"], float(p["step_size"]), span.first, span.last)],
    ),
    Schedule(
        "exponential",
        "gamma^n",
        _TORCH.format("ExponentialLR") + "; Keras ExponentialDecay with decay_rate=gamma, decay_steps=1",
        {"gamma": Parameter(REQUIRED, gt=0, doc="factor of each step")},
        lower=lambda p, span: [(POWER, p["gamma"], 1.0, span.first, span.last)],
    ),
    Schedule(
        "cosine",
        "(eta_min + (lr − eta_min)·(1 + cos(π·n/T_max))/2) / lr; it rises again after T_max, with period 2·T_max. "
        "T_max not given: from the beginning to the end of training, in a sequential to the next milestone",
        _TORCH.format("CosineAnnealingLR")
        + ", its closed form (Loshchilov and Hutter 2017). Keras CosineDecay: alpha is eta_min/lr, decay_steps is "
        "T_max, and from there it stays at eta_min: a constant, or a linear of equal factors, after a milestone",
        {
            "T_max": Parameter(None, "integer", ge=1, doc="steps from the largest rate to the smallest"),
            "eta_min": Parameter(0.0, ge=0, doc="smallest learning rate (a rate, not a factor)"),
        },
        lower=_cosine,
    ),
    Schedule(
        "linear",
        "start_factor + (end_factor − start_factor)·min(n, total_iters)/total_iters: a warm-up, or a decay",
        _TORCH.format("LinearLR") + "; Keras PolynomialDecay with power=1 is a decay from start_factor=1",
        {
            "start_factor": Parameter(1 / 3, gt=0, le=1, doc="factor of the first step"),
            "end_factor": Parameter(1.0, ge=0, le=1, doc="factor from step total_iters on"),
            "total_iters": Parameter(5, "integer", ge=1, doc="steps from one to the other"),
        },
        lower=_linear,
    ),
)

SCHEDULES: dict[str, Schedule] = SIMPLE | table(
    Schedule(
        "sequential",
        "schedule i from milestone i − 1 (the first from 0) to milestone i, counted from where it starts",
        _TORCH.format("SequentialLR"),
        {
            "schedules": _PIECES,
            "milestones": Parameter(
                REQUIRED, "integers", ge=1, length=(1, _MOST - 1), doc="first steps of all schedules but the first"
            ),
        },
        check=_milestones,
        lower=_sequential,
    ),
    Schedule(
        "chained",
        "the product of the schedules' factors",
        _TORCH.format("ChainedScheduler") + "; PyTorch chains recursions, which are this product up to the first "
        "T_max of a cosine whose eta_min is 0, and nothing of the kind beyond",
        {"schedules": _PIECES},
        check=_simple,
        lower=_chained,
    ),
)
