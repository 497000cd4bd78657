"""Pydantic types made from the catalogs: one frozen model per part, one discriminated union per catalog.

`OneOf` is the type of a part in a study file. It takes a bare name for the part's defaults, or a table with `name`
and parameters, and it tells the translation of faults which names and parameters exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from mcstudy.catalog.inits import GAINS
from mcstudy.catalog.part import REQUIRED, Parameter, Part
from mcstudy.catalog.schedules import SIMPLE
from mcstudy.spec import kinds
from mcstudy.spec.catalogs import NOUNS, Catalog


class PartSettings(BaseModel):
    """A part as a study names it: `name` and every parameter, defaults filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    part: ClassVar[Part]

    name: str

    @model_validator(mode="after")
    def _combination(self) -> PartSettings:
        """Applies the catalog's check of the parameters together."""
        if self.part.check is not None:
            settings = plain(self)
            del settings["name"]
            wrong = self.part.check(settings)
            if wrong is not None:
                raise kinds.refusal(f"{self.name}: {wrong}")
        return self


def plain(value: Any) -> Any:
    """A validated value as JSON-able data: models and parts as dicts (in the catalog's order), tuples as lists."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


_own: ContextVar[Mapping[str, Mapping[str, Part]]] = ContextVar("own", default={})  # noqa: B039  never changed


@contextmanager
def own_parts(parts: Mapping[str, Mapping[str, Part]]) -> Iterator[None]:
    """Within the block, studies may name these parts of users' files too: by noun and name."""
    token = _own.set(parts)
    try:
        yield
    finally:
        _own.reset(token)


class Form:
    """The models of the parts that may stand somewhere, made when they are needed.

    Args:
        noun: the word for an entry of the catalog.
        role: where they may stand; models are named by it.
        parts: the catalog's parts by name.
        fits: which of them may stand there.
        without: leaves out one parameter.
    """

    def __init__(
        self,
        noun: str,
        role: str,
        parts: Catalog,
        fits: Callable[[Any], bool] = lambda part: True,
        without: str | None = None,
    ) -> None:
        self._noun, self._role, self._fits, self._without = noun, role, fits, without
        self._parts = {name: part for name, part in parts.items() if fits(part)}
        self._models: dict[str, type[PartSettings]] = {}

    @property
    def parts(self) -> dict[str, Part]:
        """The parts by the name that a study writes, with those of users' files that the study at hand may name."""
        own = _own.get().get({"output": "activation"}.get(self._noun, self._noun), {})
        return self._parts | {name: part for name, part in own.items() if self._fits(part)}

    def model(self, part: Part) -> type[PartSettings]:
        """The model of one of them."""
        if part.key not in self._models:
            # One takes half a millisecond, there are 173, and a study names a few.
            self._models[part.key] = _part_model(self._role, part, self._without)
        return self._models[part.key]


class OneOf:
    """The pydantic type of one part of a catalog; used as ``Annotated[PartSettings, part("activation")]``.

    Attributes:
        noun: the word for an entry, as in "is not an activation".
        match: whether a bare name stands for every setting of the part (and stays a bare name), as in
            `[[where]]`'s `match`.
    """

    def __init__(self, noun: str, form: Form, match: bool = False) -> None:
        self.noun = noun
        self.match = match
        self._form = form

    @property
    def models(self) -> dict[str, type[PartSettings]]:
        """The part models by the name that a study writes."""
        return {name: self._form.model(part) for name, part in self._form.parts.items()}

    @property
    def nouns(self) -> str:
        """The noun with its article."""
        return ("an " if self.noun[0] in "aeiou" else "a ") + self.noun

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        choices = {name: model.__pydantic_core_schema__ for name, model in self.models.items()}
        union = handler(core_schema.tagged_union_schema(choices, discriminator="name"))
        names = [name for name in choices if self.match or not self._required(name)]
        return {"anyOf": [{"enum": names}, union]} if names else union

    def _required(self, name: str) -> bool:
        return any(field.is_required() for key, field in self.models[name].model_fields.items() if key != "name")

    def _validated(self, value: Any) -> Any:
        table = {"name": value} if isinstance(value, str) else value
        if isinstance(table, PartSettings):
            table = plain(table)
        name = table.get("name") if isinstance(table, Mapping) else None
        part = self._form.parts.get(name) if isinstance(name, str) else None
        if part is None:
            raise PydanticCustomError("not_a_part", "is not {nouns}", {"nouns": self.nouns})
        if self.match and isinstance(value, str):
            return part.key
        return _settings(self._form.model(part), table)


def _settings(model: type[PartSettings], table: Any) -> PartSettings:
    """The settings of a part; the place of a fault has the part's name, as within a union."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        lines = [
            InitErrorDetails(
                type=PydanticCustomError(line["type"], "{words}", {"words": line["msg"]})
                if line["type"] in ("refused", "not_a_part")
                else line["type"],
                loc=(model.part.name, *line["loc"]),
                input=line["input"],
                ctx=line.get("ctx", {}),
            )
            for line in error.errors()
        ]
        raise ValidationError.from_exception_data(model.part.name, lines) from error


def _part_model(noun: str, part: Part, without: str | None) -> type[PartSettings]:
    fields: dict[str, Any] = {"name": (Annotated[Literal[part.name], AfterValidator(lambda name: part.key)], ...)}
    for name, parameter in part.parameters.items():
        if name != without:
            fields[name] = (Annotated[Any, _parameter_kind(parameter)], _parameter_field(parameter))
    model = create_model(f"{noun}_{part.name}", __base__=PartSettings, **fields)
    model.part = part
    model.__doc__ = part.formula
    return model


def _parameter_field(parameter: Parameter) -> Any:
    if parameter.default is REQUIRED:
        return Field(description=parameter.doc)
    default: Any = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    return Field(default=default, validate_default=not parameter.optional, description=parameter.doc)


def _parameter_kind(parameter: Parameter) -> Any:
    bounds = {"ge": parameter.ge, "gt": parameter.gt, "le": parameter.le, "lt": parameter.lt}
    match parameter.kind:
        case "number":
            return kinds.number(**bounds)
        case "integer":
            return kinds.integer(**bounds)
        case "boolean":
            return kinds.boolean()
        case "text":
            return kinds.text()
        case "choice":
            return kinds.word(*parameter.choices)
        case "gain":
            return _GAIN
        case "init":
            return _BIAS_INIT
        case "base_init":
            return _BASE_INIT
        case "schedules":
            shortest, longest = parameter.length or (1, None)
            words = "a list of schedules" if longest is None else f"a list of {shortest} to {longest} schedules"
            return kinds.listing(_SIMPLE_SCHEDULE, words, shortest, longest)
    shortest, longest = parameter.length or (1, None)
    element = {"numbers": kinds.number, "integers": kinds.integer}.get(parameter.kind)
    noun = parameter.kind if element else "texts"
    words = f"a list of {noun}"
    if longest is not None:
        count = str(shortest) if shortest == longest else f"{shortest} to {longest}"
        words = f"a list of {count} {noun}"
    return kinds.listing(element(**bounds) if element else kinds.text(), words, shortest, longest, bare=shortest <= 1)


_GAIN = kinds.either(
    kinds.number(gt=0),
    kinds.word(*GAINS),
    lambda value: not isinstance(value, str),
    "a number above 0 or an activation's name: " + ", ".join(GAINS),
)

_BIAS_INIT = OneOf("init for biases", Form("init", "bias", NOUNS["init"], lambda part: part.as_bias, without="bias"))
"""The type of the biases' initialiser: any that draws each number by itself, without biases of its own."""

_BASE_INIT = OneOf("init to build on", Form("init", "base", NOUNS["init"], lambda part: part.as_base, without="bias"))
"""The type of an initialiser that another one builds on."""

_SIMPLE_SCHEDULE = OneOf("schedule that can stand within another", Form("schedule", "simple", SIMPLE))
"""The type of a schedule within another."""

_FORMS = {noun: Form(noun, noun, catalog) for noun, catalog in NOUNS.items()}


def part(noun: str) -> OneOf:
    """The type of one part, by its noun."""
    return OneOf(noun, _FORMS[noun])


def match(noun: str) -> OneOf:
    """The type of what a `match` says of a part: a bare name for all its settings, or a table for one."""
    return OneOf(noun, _FORMS[noun], match=True)
