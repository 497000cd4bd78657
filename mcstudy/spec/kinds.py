"""The types of single values in a study file.

Every type carries the words that say what it takes. A message about a faulty value is always "<value> is not <words>",
so a type and its message cannot drift apart.

Types are strict: text is not a number, true is not an integer, but an integer is fine as a number. Numbers are
finite, and -0.0 becomes 0.0, so that equal settings have equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, PlainValidator, Strict, TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError

LARGEST_INT = 2**63 - 1
LARGEST_COUNT = 2**31 - 1  # steps are stored as int32


class Kind:
    """A pydantic type, used as ``Annotated[python_type, kind]``.

    The kind alone decides what is accepted: ``Annotated[int | None, integer()] = None`` tells a type checker that
    the value may be absent, and still refuses None where it is given.

    Attributes:
        words: what a value has to be, to follow "is not".
        choices: words for "did you mean".
        element: the kind of a list's elements.
    """

    def __init__(self, annotation: Any, words: str, choices: tuple[str, ...] = (), element: Any = None) -> None:
        self._annotation = annotation
        self.words = words
        self.choices = choices
        self.element = element

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(self._annotation)


def number(ge: float | None = None, gt: float | None = None, le: float | None = None, lt: float | None = None) -> Kind:
    """A finite number within bounds, kept as a float."""
    bounds = Field(ge=ge, gt=gt, le=le, lt=lt, allow_inf_nan=False)
    annotation = Annotated[float, Strict(), bounds, AfterValidator(_no_negative_zero)]
    return Kind(annotation, "a number" + _range(ge, gt, le, lt))


def _no_negative_zero(value: float) -> float:
    return value + 0.0


def integer(ge: float | None = None, gt: float | None = None, le: float | None = None, lt: float | None = None) -> Kind:
    """An integer within bounds and within 64 bits."""
    words = "an integer" + _range(ge, gt, le, lt)
    if ge is None and gt is None:
        ge = -LARGEST_INT
    if le is None and lt is None:
        le = LARGEST_INT
    return Kind(Annotated[int, Strict(), Field(ge=ge, gt=gt, le=le, lt=lt)], words)


def boolean() -> Kind:
    """True or false; neither 0 and 1 nor words."""
    return Kind(Annotated[bool, Strict()], "true or false")


def text(pattern: str | None = None, words: str = "text", shortest: int = 1) -> Kind:
    """Text of at least `shortest` characters."""
    return Kind(Annotated[str, Strict(), Field(min_length=shortest, pattern=pattern)], words)


def word(*choices: str) -> Kind:
    """One of a few words."""
    return Kind(Literal[choices], " or ".join(f'"{choice}"' for choice in choices), choices)


def listing(element: Any, words: str, shortest: int = 0, longest: int | None = None, bare: bool = False) -> Kind:
    """A list, kept as a tuple; `bare` takes a single value for a list of one. `element` is a kind or a type."""
    typed = Annotated[Any, element] if isinstance(element, Kind) else element
    annotation: Any = Annotated[tuple[typed, ...], Field(min_length=shortest, max_length=longest)]  # type: ignore[valid-type]
    if bare:
        annotation = Annotated[annotation, BeforeValidator(_listed, json_schema_input_type=annotation | typed)]
    return Kind(annotation, words, element=element)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, int | float | str) else value


def either(first: Kind, second: Kind, is_first: Callable[[Any], bool], words: str) -> Kind:
    """One of two kinds, told apart by `is_first`."""
    types: Any = Annotated[Any, first], Annotated[Any, second]
    adapters: list[TypeAdapter[Any]] = [TypeAdapter(one) for one in types]

    def check(value: Any) -> Any:
        return adapters[0 if is_first(value) else 1].validate_python(value)

    annotation = Annotated[Any, PlainValidator(check, json_schema_input_type=types[0] | types[1])]
    return Kind(annotation, words, first.choices + second.choices)


def refusal(words: str) -> PydanticCustomError:
    """The error for a value of the right type that is refused all the same; `words` is the whole message."""
    return PydanticCustomError("refused", "{words}", {"words": words})


def _range(ge: float | None, gt: float | None, le: float | None, lt: float | None) -> str:
    if ge is not None and le is not None:
        return f" from {_bound(ge)} to {_bound(le)}"
    parts = []
    if ge is not None:
        parts.append(f"of {_bound(ge)} or more")
    if gt is not None:
        parts.append(f"above {_bound(gt)}")
    if le is not None:
        parts.append(f"of at most {_bound(le)}")
    if lt is not None:
        parts.append(f"below {_bound(lt)}")
    return " " + " and ".join(parts) if parts else ""


def _bound(bound: float) -> str:
    for words, value in (("2^63-1", LARGEST_INT), ("2^31-1", LARGEST_COUNT), ("10^12", 10**12)):
        if bound == value:
            return words
    return f"{bound:g}"
