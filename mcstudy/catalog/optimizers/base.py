"""What every optimizer is, and the parameters and functions that several share.

`prepare(h, step)` turns the hyperparameters (a tuple of numbers, in the order of the table) into those of step
number `step` = 1, 2, …; it runs once per step, in double precision. `update(p, g, s, t, u, h)` takes a parameter, its
gradient and up to three values of state (zero at the start) and returns the new parameter and state. Both tuples `h`
have `HYPERPARAMETERS` numbers. Numbers worked out of `h` alone inside `update` are in double precision too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import REQUIRED, Parameter, Part
from mcstudy.kernels.pack import where


@jit.scalar
def _as_given(h: Any, step: Any) -> Any:
    return h


@dataclass(frozen=True)
class Optimizer(Part):
    """A part with its state's size, `prepare`, `update`, and the value that state starts from.

    `counts` tells that updates depend on the number of the step beyond the first, so that an unchanged state does
    not prove that nothing will change. `hyper` flattens the parameters into at most `HYPERPARAMETERS` numbers, the
    learning rate first. `fading` tells whether the state is made of running means, which a gradient of 0 lets fade.
    `variant`, where given, tells for which parameters another function does the updates.
    """

    slots: int = 0
    counts: bool = False
    fading: bool = True
    prepare: Callable[..., Any] = _as_given
    update: Callable[..., Any] = lambda p, g, s, t, u, h: (p, s, t, u)
    variant: Callable[[Mapping[str, Any]], Callable[..., Any] | None] = lambda parameters: None

    def hyper(self, parameters: Mapping[str, Any]) -> tuple[float, ...]:
        """The part's numbers in the order of the table, lists spread out, booleans as 0 and 1."""
        flat: list[float] = []
        for name in self.parameters:
            value = parameters[name]
            flat.extend(map(float, value) if isinstance(value, list | tuple) else [float(value)])
        return tuple(flat)

    def update_for(self, parameters: Mapping[str, Any]) -> Callable[..., Any]:
        """The function that does the updates with these parameters."""
        return self.variant(parameters) or self.update


RATE = {"lr": Parameter(REQUIRED, gt=0, doc="learning rate")}
DECAY = {"weight_decay": Parameter(0.0, ge=0, doc="added to the gradient: weight_decay · p")}
EPS = {"eps": Parameter(1e-8, ge=0, doc="added to the divisor")}


def betas(second: float) -> dict[str, Parameter]:
    """The decay rates of two running means; 0.9 and `second` by default."""
    return {
        "betas": Parameter([0.9, second], "numbers", ge=0, lt=1, length=(2, 2), doc="decay rates of the running means")
    }


def decoupled(default: float) -> dict[str, Parameter]:
    """A weight decay that the gradient does not know of."""
    doc = "before each update p ← p − lr·weight_decay·p, apart from the gradient"
    return {"weight_decay": Parameter(default, ge=0, doc=doc)}


@jit.scalar
def sign(x: Any) -> Any:
    """1, -1, or x itself where it is 0 or nan."""
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, x))
