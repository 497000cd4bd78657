"""What every catalog entry is made of: a name, parameters with defaults and bounds, a formula, a source.

A catalog file ends in one literal table of parts; nothing else has to change when a part is added. This module
knows nothing of kernels, so reading a study file costs no compiler import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar


class _Required:
    """The default of a parameter that a study has to give."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


Kind = Literal[
    "number",
    "integer",
    "boolean",
    "numbers",
    "integers",
    "text",
    "texts",
    "choice",
    "gain",
    "init",
    "base_init",
    "schedules",
]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a part.

    `kind` is what a study file may write: ``"number"`` (an integer is taken as a float), ``"integer"``,
    ``"boolean"``, ``"numbers"``, ``"integers"`` or ``"texts"`` (a list of `length` entries), ``"text"``,
    ``"choice"`` (one of the texts `choices`), ``"gain"`` (a number above 0, or the name of an activation, for
    PyTorch's ``calculate_gain``), ``"init"`` (an initialiser that may start biases), ``"base_init"`` (one that others
    build on) or ``"schedules"`` (a list of simple schedules). Bounds apply to every number of a list. Where `optional`,
    the default is None and stands for what `doc` says.
    """

    default: Any = REQUIRED
    kind: Kind = "number"
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    length: tuple[int, int] | None = None
    doc: str = ""
    choices: tuple[str, ...] = ()

    @property
    def optional(self) -> bool:
        """Whether a study may leave it out without a value taking its place."""
        return self.default is None


P = TypeVar("P", bound="Part")


@dataclass(frozen=True)
class Part:
    """A named entry of a catalog.

    `check`, where given, receives the parameters with defaults filled in and returns what is wrong with their
    combination, or None. `origin` is a digest of the user's file that a part comes from.
    """

    name: str
    formula: str
    source: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], str | None] | None = None
    origin: str = ""

    @property
    def key(self) -> str:
        """What settings and compiled code know it by: its name, and the digest of the user's file it comes from."""
        return f"{self.name}@{self.origin}" if self.origin else self.name

    def defaults(self) -> dict[str, Any]:
        """Parameter defaults by name; None where a study has to give the value."""
        return {
            name: None if parameter.default is REQUIRED else parameter.default
            for name, parameter in self.parameters.items()
        }


class OpenTable(dict[str, P]):
    """A catalog that takes parts of users' files too, under their `key`.

    Those are found by it, but are not among what is listed, counted or walked: another study may know nothing of them.
    """

    def __init__(self, parts: Mapping[str, P]) -> None:
        super().__init__(parts)
        self._own: dict[str, P] = {}

    def __missing__(self, key: str) -> P:
        return self._own[key]

    def add(self, part: P) -> None:
        """Take a part of a user's file; one of the same file and name may be there already."""
        self._own.setdefault(part.key, part)


def table(*parts: Any) -> dict[str, Any]:
    """The literal table of a catalog file, by name, in the order written.

    Raises:
        ValueError: two parts share a name.
    """
    by_name = {part.name: part for part in parts}
    if len(by_name) != len(parts):
        raise ValueError("two parts of one catalog share a name")
    return by_name
