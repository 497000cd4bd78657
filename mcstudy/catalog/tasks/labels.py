"""Tasks that ask for a class: 0 or 1 at one output, or one output per class with a 1 at the sample's.

Labels jump, so what decides them is plain arithmetic of the precision at hand: a sum or a product is one rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import Parameter, table
from mcstudy.catalog.tasks.task import Draw, Rows, Task, uniform
from mcstudy.kernels.elementary import ROUND_32, ROUND_64, sincos_turns
from mcstudy.kernels.pack import absolute, filled, fma, item, load, pick, store, where

MOST_BITS = 16


@jit.scalar
def _nearest(x: Any) -> Any:
    """The nearest integer, of two the even one; for |x| below 2^22 and 2^51."""
    rounder = pick(x, ROUND_32, ROUND_64)
    return (x + rounder) - rounder


@jit.scalar
def _store_label(memory: Any, out: Any, step: Any, outputs: Any, label: Any) -> None:
    """Put the number of a class at one output, or 1 at the output of that number and 0 at the others."""
    if outputs == 1:
        store(memory, out, label)
    else:
        for k in range(outputs):
            store(memory, out + k * step, where(label == k, filled(memory, 1.0), 0.0))


# ------------------------------------------------------------------------------------- functions of bits


@jit.scalar
def _parity(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    odd = filled(memory, 0.0)
    for k in range(inputs):
        odd = where(load(memory, at + k * step) > item(c, 0), 1.0 - odd, odd)
    _store_label(memory, out, step, outputs, odd)


@jit.scalar
def _majority(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    ahead = filled(memory, 0.0)
    for k in range(inputs):
        ahead = where(load(memory, at + k * step) > item(c, 0), ahead + 1.0, ahead - 1.0)
    _store_label(memory, out, step, outputs, where(ahead > 0.0, filled(memory, 1.0), 0.0))


def _middle(parameters: Mapping[str, Any], draw: Draw) -> list[float]:
    return [0.5 * parameters["low"] + 0.5 * parameters["high"]]


def _corners(parameters: Mapping[str, Any]) -> Rows:
    levels = parameters["low"], parameters["high"]
    return tuple(itertools.product(levels, repeat=parameters.get("n", 2)))


def _levels(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return uniform(parameters["low"], parameters["high"])


def _ordered(parameters: Mapping[str, Any]) -> str | None:
    low, high = parameters["low"], parameters["high"]
    return None if low < high else f"low must be below high; got low={low!r}, high={high!r}"


def _odd(parameters: Mapping[str, Any]) -> str | None:
    n = parameters["n"]
    return _ordered(parameters) if n % 2 else f"n must be odd, or there are ties; got n={n}"


# -------------------------------------------------------------------------------------- shapes of a plane


@jit.scalar
def _spirals(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    # constants: classes, turns, inner, width
    classes, inner = item(c, 0), item(c, 2)
    along, across = load(memory, at) * classes, load(memory, at + step) - 0.5
    arm = filled(memory, 0.0)
    for k in range(1, int(classes)):
        arm = where(along >= k, k, arm)
    t = along - arm
    turn = fma(t, item(c, 1), arm / classes)
    sine, cosine = sincos_turns(turn - _nearest(turn))
    radius = fma(t, 1.0 - inner, fma(across, item(c, 3), filled(memory, inner)))
    store(memory, at, radius * cosine)
    store(memory, at + step, radius * sine)
    _store_label(memory, out, step, outputs, arm)


@jit.scalar
def _two_moons(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    # constants: width
    along, across = load(memory, at) * 2.0, load(memory, at + step) - 0.5
    moon = where(along >= 1.0, filled(memory, 1.0), 0.0)
    sine, cosine = sincos_turns((along - moon) * 0.5)
    radius = fma(across, item(c, 0), filled(memory, 1.0))
    x, y = radius * cosine, radius * sine
    store(memory, at, where(moon > 0.0, 1.0 - x, x))
    store(memory, at + step, where(moon > 0.0, 0.5 - y, y))
    _store_label(memory, out, step, outputs, moon)


@jit.scalar
def _checkerboard(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    # constants: n
    total = filled(memory, 0.0)
    for k in range(2):
        cell = (load(memory, at + k * step) + 1.0) * (0.5 * item(c, 0))
        nearest = _nearest(cell)
        total = total + where(nearest > cell, nearest - 1.0, nearest)
    odd = absolute(total - 2.0 * _nearest(total * 0.5)) > 0.5
    _store_label(memory, out, step, outputs, where(odd, filled(memory, 1.0), 0.0))


def _one_hot(parameters: Mapping[str, Any]) -> bool:
    return bool(parameters["one_hot"]) or parameters.get("classes", 2) > 2


def _outputs(parameters: Mapping[str, Any]) -> int:
    return int(parameters.get("classes", 2)) if _one_hot(parameters) else 1


def _labels(parameters: Mapping[str, Any]) -> str:
    return "classes" if _one_hot(parameters) else "binary"


_TWO_LEVELS = {
    "low": Parameter(-1.0, doc="the input that stands for false"),
    "high": Parameter(1.0, doc="the input that stands for true"),
}
_ONE_HOT = {
    "one_hot": Parameter(False, "boolean", doc="an output per class, with a 1 at the sample's, in place of 0 and 1")
}
_BITS = (
    "Own points: all {0} rows of low and high, as a truth table, the last input changing fastest. "
    "Of other samples (task.size given, or samples other than shared; by default uniform from low to high) "
    "an input counts as true where it is above (low + high) / 2"
)
_CLASS = "with one_hot two outputs, (1, 0) for 0 and (0, 1) for 1"

_truth_table = partial(
    Task, outputs=_outputs, input=_levels, samples="shared", points=_corners, labels=_labels, constants=_middle
)
"""A task of inputs with two levels, which learns from its own points."""

LABELS: dict[str, Task] = table(
    _truth_table(
        "xor",
        f"y = 1 where one of x₀, x₁ is true and the other is not, else 0; {_CLASS}. {_BITS.format('4')}",
        "Minsky and Papert 1969; Rumelhart, Hinton, Williams 1986",
        _TWO_LEVELS | _ONE_HOT,
        _ordered,
        inputs=2,
        target=_parity,
    ),
    _truth_table(
        "parity",
        f"y = 1 where an odd number of the n inputs is true, else 0; {_CLASS}. {_BITS.format('2ⁿ')}",
        "Minsky and Papert 1969; Rumelhart, Hinton, Williams 1986; n = 2 is xor",
        {"n": Parameter(3, "integer", ge=1, le=MOST_BITS, doc="number of inputs")} | _TWO_LEVELS | _ONE_HOT,
        _ordered,
        inputs=lambda p: int(p["n"]),
        target=_parity,
    ),
    _truth_table(
        "majority",
        f"y = 1 where more than half of the n inputs are true, else 0; {_CLASS}. {_BITS.format('2ⁿ')}",
        "mcstudy; the counterpart of parity that one threshold unit can tell (Minsky and Papert 1969)",
        {"n": Parameter(3, "integer", ge=1, le=MOST_BITS, doc="number of inputs, odd")} | _TWO_LEVELS | _ONE_HOT,
        _odd,
        inputs=lambda p: int(p["n"]),
        target=_majority,
    ),
    Task(
        "spirals",
        "which of the arms k = 0, 1, … a point lies on: x = r (cos φ, sin φ), φ = 2π (turns · t + k / classes), "
        "r = inner + (1 − inner) · t + offset. k is uniform, t uniform in [0, 1) (so arms are denser towards their "
        "inner ends), offset uniform within ± width / 2. y = k of two classes; with one_hot, and always "
        "of more than two, an output per class with a 1 at number k",
        "after the two spirals of Lang and Witbrock 1988: theirs, mirrored and 6.5 times as large, are 97 points "
        "an arm of turns = 3, inner = 1/13, width = 0",
        {
            "classes": Parameter(2, "integer", ge=2, le=64, doc="number of arms"),
            "turns": Parameter(1.0, gt=0, le=64, doc="turns of an arm from its inner to its outer end, at radius 1"),
            "inner": Parameter(0.1, ge=0, lt=1, doc="radius of the inner ends; arms that start at 0 meet there"),
            "width": Parameter(0.0, ge=0, doc="width of an arm, across"),
        }
        | _ONE_HOT,
        inputs=2,
        outputs=_outputs,
        input=uniform(0.0, 1.0),
        own_inputs=True,
        labels=_labels,
        target=_spirals,
    ),
    Task(
        "two_moons",
        "which of two half circles a point lies on: y = 0 on r (cos θ, sin θ), y = 1 on (1 − r cos θ, ½ − r sin θ), "
        f"with θ uniform in [0, π) and r uniform within 1 ± width / 2; both equally often; {_CLASS}",
        "scikit-learn make_moons, whose noise is normal and in every direction instead",
        {"width": Parameter(0.0, ge=0, doc="width of a moon, across")} | _ONE_HOT,
        inputs=2,
        outputs=_outputs,
        input=uniform(0.0, 1.0),
        own_inputs=True,
        labels=_labels,
        target=_two_moons,
    ),
    Task(
        "checkerboard",
        "the colour of a point of a board of n × n cells on [−1, 1]²: y = 1 where ⌊(x₀ + 1) n / 2⌋ + ⌊(x₁ + 1) n / 2⌋ "
        f"is odd, else 0; the pattern goes on outside; {_CLASS}",
        "mcstudy; a common test of classifiers whose classes no line parts",
        {"n": Parameter(4, "integer", ge=1, le=1024, doc="cells a side")} | _ONE_HOT,
        inputs=2,
        outputs=_outputs,
        input=uniform(-1.0, 1.0),
        labels=_labels,
        target=_checkerboard,
    ),
)
