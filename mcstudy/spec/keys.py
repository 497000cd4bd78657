"""Every key of a study file that a cell can set, by its dotted name, and the tables that name keys that way.

The keys come from the models of the sections, so a key that is added there can be varied, matched and set at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from mcstudy.spec import kinds
from mcstudy.spec.catalogs import NOUNS, Catalog
from mcstudy.spec.parts import OneOf, match, plain
from mcstudy.spec.sections import Converge, Network, Strict, Task, Train

SECTIONS: Final[dict[str, type[Strict]]] = {"task": Task, "network": Network, "train": Train, "converge": Converge}
"""The sections whose keys decide what a cell is."""

SHORT: Final = {"activation": "network.activation", "init": "network.init", "optimizer": "train.optimizer"}
"""The short names that `[vary]`, `match` and `set` accept."""


@dataclass(frozen=True)
class Key:
    """One key of a study file.

    Attributes:
        name: the name that labels, plans and reports use: dotted, or one of the short names.
        section: the table it lives in, as in ``network``.
        field: its name there.
        default: its default as plain data; None where it has none of its own.
        info: pydantic's description of it.
    """

    name: str
    section: str
    field: str
    default: Any
    info: FieldInfo

    @property
    def dotted(self) -> str:
        """The full name, as in ``network.activation``."""
        return f"{self.section}.{self.field}"

    @property
    def part(self) -> OneOf | None:
        """The type of its value where that is a part."""
        found = [mark for mark in self.info.metadata if isinstance(mark, OneOf)]
        return found[0] if found else None

    @property
    def catalog(self) -> Catalog | None:
        """The catalog its value comes from, if any."""
        return NOUNS[self.part.noun] if self.part else None


def _keys() -> dict[str, Key]:
    short = {dotted: name for name, dotted in SHORT.items()}
    keys = {}
    for section, model in SECTIONS.items():
        defaults = model()
        for field, info in model.model_fields.items():
            name = short.get(f"{section}.{field}", f"{section}.{field}")
            keys[name] = Key(name, section, field, plain(getattr(defaults, field)), info)
    return keys


KEYS: Final = _keys()
"""Every key a cell can set, by its name in labels, in the order of the sections."""


def find(written: str) -> Key:
    """The key that a study file writes, by its short or its dotted name."""
    return KEYS[written] if written in KEYS else KEYS[next(s for s, dotted in SHORT.items() if dotted == written)]


class Dotted(Strict):
    """A table whose keys are dotted names of other keys; a key that is not written is None."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name in type(self).model_fields:
            if name in self.model_fields_set:
                yield name.replace("_dot_", "."), getattr(self, name)


def _level(key: Key) -> Any:
    return Annotated[(key.info.annotation, *key.info.metadata)] if key.info.metadata else key.info.annotation


def _levels(key: Key) -> Any:
    words = f'a list of at least one level of "{key.name}"'
    return Annotated[Any, kinds.listing(_level(key), words, shortest=1)]


def _matched(key: Key) -> Any:
    return Annotated[Any, match(key.part.noun)] if key.part else _level(key)


def _dotted_model(name: str, doc: str, type_of: Any) -> type[Dotted]:
    fields: dict[str, Any] = {}
    for key in KEYS.values():
        for written in dict.fromkeys((key.name, key.dotted)):
            about = Field(None, alias=written, description=key.info.description)
            fields[written.replace(".", "_dot_")] = (type_of(key), about)
    return create_model(name, __base__=Dotted, __doc__=doc, **fields)


Vary = _dotted_model("Vary", "Lists of levels; every combination is a cell, the last key varies fastest.", _levels)
Match = _dotted_model("Match", "What a cell has to be: a name matches all settings of a part.", _matched)
Set = _dotted_model("Set", "Settings for the cells that match.", _level)
