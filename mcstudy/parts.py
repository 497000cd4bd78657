"""Parts of your own: what a Python file beside a study imports.

A study names the file, ``[study] parts = ["my_parts.py"]``, and then its parts like any others::

    from mcstudy.parts import activation, init, log, sigmoid, sqrt, task, where

    @activation(beta=1.0)                       # parameters with their defaults: numbers, two at most
    def swish(z, beta):
        "z · sigmoid(beta · z)"
        s = sigmoid(beta * z)
        return z * s, s + beta * z * s * (1.0 - s)       # f(z), and its derivative

    @task(input={"name": "uniform", "low": -1, "high": 1}, labels="binary")
    def ring(x, y):                             # the inputs, then parameters; several targets: return a, b
        "1 in a ring around the origin"
        r = sqrt(x * x + y * y)
        return where((r > 0.4) & (r < 0.8), 1.0, 0.0)

    @init(scale=1.0)
    def laplace(u, fan_in, fan_out, scale):     # u: uniform between 0 and 1, one for each weight
        "Laplace(0, scale / √fan_in)"
        tail = log(where(u < 0.5, 2.0 * u, 2.0 - 2.0 * u))
        return where(u < 0.5, tail, -tail) * scale / sqrt(fan_in)

The functions are compiled, for many trials at once: every argument holds a number for each trial. So they are plain
formulas: + - * /, comparisons, and the functions of this module, which give the same bits on every machine, as those of
`math` and NumPy do not. In place of ``if`` stands ``where(condition, a, b)``, in place of ``and``, ``or`` and ``not``
stand ``&``, ``|`` and ``~`` with brackets around each comparison. A function that other ones call is marked with
`function`. Numbers at the top of the file are fine; what it imports besides this module is not watched, so a part must
not depend on it.

The text of the file is part of what a cell is: after any change its trials are trained anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from mcstudy import jit
from mcstudy.catalog.own import add_activation, add_init, add_task
from mcstudy.catalog.part import REQUIRED, Parameter
from mcstudy.kernels.elementary import cos, erf, exp, expm1, log, log1p, sigmoid, sin, softplus, tanh
from mcstudy.kernels.pack import absolute, copysign, fma, sqrt, where

__all__ = [
    "REQUIRED",
    "Parameter",
    "absolute",
    "activation",
    "copysign",
    "cos",
    "erf",
    "exp",
    "expm1",
    "fma",
    "function",
    "init",
    "log",
    "log1p",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "tanh",
    "task",
    "where",
]

F = TypeVar("F", bound=Callable[..., Any])


def activation(*, surrogate: bool = False, **parameters: Any) -> Callable[[F], F]:
    """An activation: a function (z, parameters) that returns f(z) and its derivative f'(z).

    Args:
        surrogate: whether the second value is meant to be something else than the derivative, which is refused
            otherwise.
        parameters: numbers, two at most, each with its default, or a `Parameter` with bounds and a text.
    """
    return lambda function: add_activation(function, parameters, surrogate)


def task(
    *, outputs: int = 1, input: Any = "normal", samples: str = "fresh", labels: str = "real", **parameters: Any
) -> Callable[[F], F]:
    """A task: a function (inputs, parameters) that returns the target, or the targets separated by commas.

    Args:
        outputs: number of targets.
        input: the distribution of the inputs where a study names none, as ``task.input`` has it.
        samples: where the samples come from if the study does not say: "fresh", "trial" or "shared".
        labels: what the targets are: "real" numbers, "binary" (0 or 1), "signs" (−1 or 1) or "classes" (one output per
            class, of which one is 1 and the others 0).
        parameters: numbers, each with its default, or a `Parameter`.
    """
    return lambda function: add_task(function, parameters, outputs, input, samples, labels)


def init(**parameters: Any) -> Callable[[F], F]:
    """An initialisation: a function (u, fan_in, fan_out, parameters) that returns a weight, or a bias.

    u is uniform between 0 and 1, never 0 or 1, another one for each weight: the function is the inverse of the
    distribution's cumulative function. It works in double precision.

    Args:
        parameters: numbers, four at most, each with its default, or a `Parameter`.
    """
    return lambda function: add_init(function, parameters)


def function(helper: F) -> F:
    """A function of your own that parts of the same file call."""
    return jit.scalar(helper)
