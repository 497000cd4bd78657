"""What an activation function is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcstudy.catalog.part import Part


@dataclass(frozen=True)
class Activation(Part):
    """A part with functions compiled for packs.

    Attributes:
        function: (z, a, b) gives the pair f(z), f'(z), which often share their work; a and b are the part's first two
            parameters that are numbers, 0 where it has fewer. Derivatives at kinks are PyTorch's.
        variants: further functions of the same kind, by the value of the part's parameter of kind "choice".
        by_parameter: (z, a, b) gives df/da. Then a is trained, starts at the part's first parameter, and is a pack.
        random: (z, u, a, b) gives f(z), f'(z) in training, with u a pack of uniforms in [0, 1); `function` is for
            evaluation.
        written: the compiled function of a user's file that `function` calls.
        homogeneous: whether f(c z) = c f(z) for c > 0, at checks.
        surrogate: whether its second value is not meant to be the derivative of the first.
    """

    function: Callable[..., Any] = lambda z, a, b: (z, z)
    variants: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    by_parameter: Callable[..., Any] | None = None
    random: Callable[..., Any] | None = None
    written: Callable[..., Any] | None = None
    homogeneous: bool = False
    surrogate: bool = False

    def function_for(self, settings: Mapping[str, Any]) -> Callable[..., Any]:
        """The function (z, a, b) that a study's settings of this part ask for."""
        for name, parameter in self.parameters.items():
            if parameter.kind == "choice":
                return self.variants.get(settings[name], self.function)
        return self.function

    def numbers(self, settings: Mapping[str, Any]) -> tuple[float, float]:
        """The numbers (a, b) that its functions take."""
        values = [float(settings[name]) for name, parameter in self.parameters.items() if parameter.kind == "number"]
        a, b, *_ = [*values, 0.0, 0.0]
        return a, b
