"""A study as a frozen pydantic model, shaped as its TOML file."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError

from mcstudy.errors import Fault, StudyError
from mcstudy.spec import kinds
from mcstudy.spec.claims import Claim
from mcstudy.spec.faults import translated
from mcstudy.spec.keys import Key, Match, Set, Vary
from mcstudy.spec.own import load_parts
from mcstudy.spec.parts import own_parts, plain
from mcstudy.spec.sections import Converge, Network, Strict, Task, Train, Until
from mcstudy.spec.values import Level, find_baseline, levels, normal_data, too_deep
from mcstudy.spec.whole import whole_faults


class Header(Strict):
    """`[study]`: what holds for all cells."""

    name: Annotated[str, kinds.text(r"^[A-Za-z0-9_-]{1,100}$", "a name of up to 100 letters, digits, - and _")] = Field(
        description="Also the report's folder."
    )
    title: Annotated[str | None, kinds.text(shortest=0)] = Field(
        default=None, description="The report's title; the name by default."
    )
    question: Annotated[str | None, kinds.text(shortest=0)] = Field(
        default=None, description="What the study asks, in a paragraph."
    )
    seed: Annotated[int, kinds.integer(ge=0, le=kinds.LARGEST_INT)] = Field(description="The seed of all draws.")
    trials: Annotated[int, kinds.integer(ge=1, le=10**12)] = Field(description="Trials per cell.")
    parts: Annotated[tuple[str, ...], kinds.listing(kinds.text(), "a list of Python files beside the study")] = Field(
        default=(), description="Python files with parts of your own."
    )
    keep: Annotated[str, kinds.word("trials", "summary")] = Field(
        default="trials", description="Whether a row per trial is kept."
    )
    baseline: Match | None = Field(default=None, description="The levels that others are compared with.")  # type: ignore[valid-type]
    diagnose: Annotated[str | None, kinds.word("hessian")] = Field(
        default=None,
        description="hessian: find out for each stuck trial whether it sits at a flat region, a saddle or a minimum.",
    )
    until: Until | None = Field(default=None, description="Stop a cell before all of its trials.")


class Where(Strict):
    """`[[where]]`: settings for the cells that match every key of `match`.

    What counts is what the tables and the levels give a cell (the task's own input and samples included), not what
    other blocks set. Where several blocks match, the last one wins.
    """

    match: Match = Field(description="What a cell has to be.")  # type: ignore[valid-type]
    set: Set = Field(description="What is set in these cells.")  # type: ignore[valid-type]


class Study(Strict):
    """A study: one frozen model per table of its file.

    Make one with `Study.model_validate` or `mcstudy.spec.load`; both raise `StudyError` with every fault they find.
    What only shows in a cell (a batch larger than the data, equal cells) is `mcstudy.plan.make_plan`'s to say.
    """

    study: Header
    task: Task = Field(default_factory=Task)
    network: Network = Field(default_factory=Network)
    train: Train = Field(default_factory=Train)
    converge: Converge = Field(default_factory=Converge)
    vary: Vary = Field(default_factory=Vary)  # type: ignore[valid-type]
    where: Annotated[tuple[Where, ...], kinds.listing(Where, "a list of tables, [[where]]")] = ()
    claim: Annotated[tuple[Claim, ...], kinds.listing(Claim, "a list of tables, [[claim]]")] = ()

    _data: dict[str, Any] = PrivateAttr(default_factory=dict)
    _file: str | None = PrivateAttr(default=None)
    _part_files: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def model_validate(cls, obj: Any, *, file: str | None = None, **options: Any) -> Self:
        """The study of a dict shaped as the file.

        Args:
            obj: tables as dicts; tuples and NumPy scalars are fine too. None stands for a key that is not given.
            file: the study file, for messages and for files that the study names relative to it.
            options: pydantic's.

        Raises:
            StudyError: with every fault; of a file of parts that cannot be loaded alone, for without it the names in
                the study mean nothing.
        """
        if isinstance(obj, cls):
            return obj
        try:
            data = normal_data(obj)
        except RecursionError:
            raise StudyError([too_deep()], file) from None
        faults, study = [], None
        own = load_parts(data, file)
        with own_parts(own.parts):
            try:
                study = super().model_validate(data, **options)
            except ValidationError as error:
                faults = translated(error, cls, data)
            faults = whole_faults(data, faults)
        if study is None or faults:
            raise StudyError(faults, file)
        study._data, study._file, study._part_files = data, file, own.files
        study.baseline  # noqa: B018  raises where it names no level
        return study

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """The study of a JSON text shaped as the file; as `model_validate`."""
        try:
            obj = json.loads(json_data)
        except RecursionError:
            raise StudyError([too_deep()], options.get("file")) from None
        except ValueError as error:
            raise StudyError([Fault("$", None, f"not JSON: {error}")], options.get("file")) from error
        return cls.model_validate(obj, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._data, self._file)

    @property
    def name(self) -> str:
        """The study's name, which is the report's folder too."""
        return self.study.name

    @property
    def title(self) -> str:
        """The title; the name where the file gives none."""
        return self.study.title or self.study.name

    @property
    def question(self) -> str | None:
        """What the study asks, in the words of its author."""
        return self.study.question

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self.study.seed

    @property
    def trials(self) -> int:
        """Trials per cell."""
        return self.study.trials

    @property
    def file(self) -> str | None:
        """The study file; None for a study made in Python."""
        return self._file

    @property
    def folder(self) -> Path:
        """Where files that the study names are looked for: beside the study file, else the current folder."""
        return Path() if self._file is None else Path(self._file).parent

    @property
    def part_files(self) -> dict[str, str]:
        """The files of `study.parts`, as it writes them, each with the SHA-256 of its content when it was loaded."""
        return dict(self._part_files)

    @property
    def data(self) -> dict[str, Any]:
        """The study as its file writes it, as a dict of its own: `Study.model_validate` makes the same study of it."""
        return copy.deepcopy(self._data)

    def without(self, section: str) -> dict[str, Any]:
        """`data` but for one section, which is not copied: levels may be many."""
        return copy.deepcopy({name: written for name, written in self._data.items() if name != section})

    def value_of(self, key: Key) -> Any:
        """The value of a key in its own table, as plain data with defaults."""
        return plain(getattr(getattr(self, key.section), key.field))

    def gives(self, key: Key) -> bool:
        """Whether the file gives a key in its own table."""
        return key.field in self._data.get(key.section, {})

    @property
    def levels(self) -> dict[str, tuple[Level, ...]]:
        """The levels of every varied key (short names for the three), in the order of the file."""
        return levels(self._data.get("vary", {}), self.vary)

    @property
    def baseline(self) -> dict[str, int]:
        """The position of the level of each varied key that others are compared with; the first by default."""
        return find_baseline(self._data["study"].get("baseline", {}), self.study.baseline, self.levels, self._file)

    def with_(self, trials: int | None = None, seed: int | None = None) -> Self:
        """The same study with another number of trials or another seed.

        Raises:
            StudyError: a number that the file could not have either.
        """
        given = {key: value for key, value in {"trials": trials, "seed": seed}.items() if value is not None}
        if not given:
            return self
        data = self.data
        data["study"].update(given)
        return type(self).model_validate(data, file=self._file)


def _again(data: dict[str, Any], file: str | None) -> Study:
    """A pickled study."""
    return Study.model_validate(data, file=file)


def check_study(study: object, taker: str) -> None:
    """Make sure that what a function takes is a study.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(study, Study):
        text = "load a file with mcstudy.load, make one with mcstudy.Study.model_validate"
        raise TypeError(f"{taker} takes a Study: {text}")
