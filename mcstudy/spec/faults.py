"""From pydantic's errors to faults that a user can act on: the key's path, the value, what would be accepted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mcstudy.errors import Fault, did_you_mean, path_text, shown
from mcstudy.spec.keys import KEYS, SECTIONS, SHORT, Dotted, Key
from mcstudy.spec.kinds import Kind
from mcstudy.spec.parts import OneOf, PartSettings

MOST_FAULTS = 1000
"""Most faults that are looked at of each kind."""

_NUMBERS = ("a number", "an integer")
_WHOLE_STUDY = ("study", "seed", "trials", "parts", "keep", "baseline", "until")


@dataclass
class _Place:
    """Where an error stands: its path in the file, the type there, and the table that holds it."""

    path: list[str | int] = field(default_factory=list)
    type: Any = None
    table: type[BaseModel] | None = None


def translated(error: ValidationError, model: type[BaseModel], data: Any) -> list[Fault]:
    """One fault per path of a validation error; of very many, the first thousand."""
    faults: dict[tuple[str | int, ...], Fault] = {}
    above: set[tuple[str | int, ...]] = set()
    for line in error.errors(include_url=False):
        place = _place(model, line["loc"])
        path = tuple(place.path)
        value = None if line["type"] == "missing" else _value(data, place.path, line["input"])
        if path not in faults and len(faults) < MOST_FAULTS:
            faults[path] = Fault(path_text(path), value, _message(line, place, value))
        above.update(path[:i] for i in range(len(path)))
    # A list with faulty elements counts as short: the faults of the elements say it better.
    return [fault for path, fault in faults.items() if path not in above]


def _place(model: type[BaseModel], loc: Sequence[str | int]) -> _Place:
    """Follows an error's location through the types; the tags of unions are no part of the path."""
    place = _Place(type=model)
    for item in loc:
        here = place.type
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {info.alias or name: info for name, info in here.model_fields.items()}
            place.table, place.type = here, _field_type(fields.get(str(item)))
        elif isinstance(here, OneOf):
            place.type = here.models.get(str(item))
            continue
        elif isinstance(here, Kind) and here.element is not None:
            place.type = _inner(here.element)
        place.path.append(item)
    return place


def _field_type(info: FieldInfo | None) -> Any:
    if info is None:
        return None
    marks = [mark for mark in info.metadata if isinstance(mark, Kind | OneOf)]
    return marks[0] if marks else _inner(info.annotation)


def _inner(annotation: Any) -> Any:
    """The kind, the union of parts or the model that an annotation stands for."""
    if isinstance(annotation, Kind | OneOf):
        return annotation
    if get_origin(annotation) is Annotated:
        marks = [mark for mark in get_args(annotation)[1:] if isinstance(mark, Kind | OneOf)]
        return marks[0] if marks else _inner(get_args(annotation)[0])
    models = [arg for arg in get_args(annotation) if isinstance(arg, type) and issubclass(arg, BaseModel)]
    return models[0] if models else annotation


def _value(data: Any, path: Iterable[str | int], otherwise: Any) -> Any:
    try:
        for item in path:
            data = data[item]
    except (KeyError, IndexError, TypeError):
        return otherwise
    return data


def _message(line: Mapping[str, Any], place: _Place, value: Any) -> str:
    match line["type"]:
        case "extra_forbidden":
            return _unknown(place, value)
        case "missing":
            return _missing(place)
        case "refused":
            return str(line["msg"])
    if isinstance(place.type, OneOf):
        return _part_message(place.type, value)
    if isinstance(place.type, Kind):
        return f"{shown(value)} is not {place.type.words}" + _hint(place.type, value)
    needed = ", ".join(f"{name} = ..." for name in _needed(place.type))
    return f"{shown(value)} is not a table" + (f"; write {{ {needed} }}" if needed and len(place.path) > 1 else "")


def _needed(model: Any) -> list[str]:
    """The keys that a table of this type cannot do without."""
    fields = getattr(model, "model_fields", {})
    return [info.alias or name for name, info in fields.items() if info.is_required()]


def _missing(place: _Place) -> str:
    """The message of a key that has to be there."""
    key, wanted, above = place.path[-1], place.type, place.path[:-1]
    if isinstance(wanted, Kind):
        accepted = wanted.words
    elif isinstance(wanted, OneOf):
        accepted = wanted.nouns
    else:
        needed = ", ".join(_needed(wanted))
        accepted = f"a table with {needed}" if needed else "a table"
    if not above:
        return f"missing; a study needs [{key}], {accepted}"
    if place.table is not None and issubclass(place.table, PartSettings):
        table = place.table.part.name
    elif isinstance(above[-1], int):
        table = f"[[{above[-2]}]]" if isinstance(above[-2], str) else f"each entry of {above[-3]}"
    else:
        table = f"[{above[-1]}]" if len(above) == 1 else str(above[-1])
    return f"missing; {table} needs {key}, {accepted}"


def _part_message(wanted: OneOf, value: Any) -> str:
    """Why a value is no part of a catalog."""
    if isinstance(value, Mapping):
        if "name" not in value:
            why = f"{shown(value)} has no name; write {{ name = ..., and its parameters }}"
            return why + did_you_mean(None, wanted.models, "known")
        value = value["name"]
    if not isinstance(value, str):
        why = f"{shown(value)} is not {wanted.nouns}: a name, or a table with a name and parameters"
        return why + did_you_mean(None, wanted.models, "known")
    return f"{shown(value)} is not {wanted.nouns}{did_you_mean(value, wanted.models, 'known')}"


def _hint(kind: Kind, value: Any) -> str:
    if kind.choices:
        return did_you_mean(value, kind.choices)
    if kind.element is not None and isinstance(value, str | int | float) and not isinstance(value, bool):
        numbers = isinstance(kind.element, Kind) and kind.element.words.startswith(_NUMBERS)
        return f"; write [{shown(value)}]" if numbers != isinstance(value, str) else ""
    if isinstance(value, float) and math.isinf(value):
        return "; it has to be finite"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 and kind.words.startswith("an integer"):
        return f"; write {shown(int(value))}"
    if isinstance(value, str) and kind.words.startswith(_NUMBERS):
        try:
            float(value)
        except ValueError:
            return ""
        return "; write it without quotes"
    return ""


def _unknown(place: _Place, value: Any) -> str:
    """The message of a key that does not exist, with the nearest that does."""
    key, table = str(place.path[-1]), place.table
    assert table is not None
    names = [info.alias or name for name, info in table.model_fields.items()]
    if issubclass(table, PartSettings):
        own = [name for name in names if name != "name"]
        listed = did_you_mean(key, own, "its parameters") or "; it has no parameters"
        return f"{table.part.name} has no parameter {shown(key)}{listed}"
    if issubclass(table, Dotted):
        return _unknown_dotted(key, value)
    homes = [section for section, model in SECTIONS.items() if key in model.model_fields]
    if homes:
        return f"unknown key {shown(key)}; it belongs in [{homes[0]}]"
    return f"unknown key {shown(key)}{did_you_mean(key, names, 'known')}"


def _unknown_dotted(key: str, value: Any) -> str:
    section, _, rest = key.partition(".")
    if section in _WHOLE_STUDY:
        return f"{shown(key)} holds for the whole study and cannot differ between cells"
    if key in SECTIONS and isinstance(value, Mapping):
        inner = f'"{key}.{next(iter(value), "key")}"'
        return f"keys of other tables are written with their dotted name in quotes, as in {inner}"
    for known in KEYS.values():
        if known.part is not None and _is_parameter(key, known):
            whole = f'whole settings of "{known.name}" instead: {{ name = ..., {key.rpartition(".")[2]} = ... }}'
            return f"{shown(key)} is a parameter, not a key; give {whole}"
    last = [f'"{one.name}"' for one in KEYS.values() if one.field == (rest or section)]
    meant = f"; did you mean {' or '.join(last)}?" if last else did_you_mean(key, [*KEYS, *SHORT.values()])
    return f"{shown(key)} is not a key that a cell can set" + (meant or did_you_mean(None, KEYS, "known"))


def _is_parameter(key: str, of: Key) -> bool:
    """Whether a dotted name goes on below a part's key, or is the bare name of a parameter of such a part."""
    if key.startswith((of.dotted + ".", of.name + ".")):
        return True
    models = of.part.models.values() if of.part else ()
    return any(key in model.model_fields and key not in ("name", "bias") for model in models)
