"""The cells of a study, in order, each with an id made of everything that decides its trials."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mcstudy.errors import Fault, StudyError, path_text
from mcstudy.plan.chosen import Chosen
from mcstudy.plan.claims import Selected, Selection, unmatched
from mcstudy.plan.labels import label
from mcstudy.plan.networks import Layer, network_layers
from mcstudy.plan.settings import decisive, make_settings, task_value
from mcstudy.plan.tables import Table, Tables
from mcstudy.spec import KEYS, Study
from mcstudy.spec.values import Level, fits, settings
from mcstudy.spec.whole import EXCLUSIVE

MOST_CELLS = 100_000
TASK = "task.name"
"""The key of tasks: rates of different tasks are neither averaged nor compared."""
MOST_WORK, LAYER_WORK = 5 * 10**8, 1000
"""Most of cells times characters of the file, and characters that count for a hidden layer: what planning takes."""

Trials = int | Mapping[str, int] | None
"""How many trials of each cell: one number for all, or a number by the cell's id; None for what the study asks for."""


@dataclass(frozen=True)
class Cell:
    """One combination of levels.

    Attributes:
        id: the letter c and 11 hex digits: a hash of the settings.
        index: its position in the plan.
        labels: the label of its level of each varied key, in the order of `[vary]`.
        settings: everything that decides its trials, as JSON-able data.
    """

    id: str
    index: int
    labels: dict[str, str]
    settings: dict[str, Any]

    @property
    def label(self) -> str:
        """All its labels; for messages."""
        return ", ".join(self.labels.values()) or "the only cell"

    def share(self, other: Cell) -> None:
        """Let another cell of the same task, network and precision have what follows from these."""
        other.__dict__.update(layers=self.layers, parameters=self.parameters, data_key=self.data_key)

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers of its network."""
        return network_layers(self.settings["task"], self.settings["network"])

    @cached_property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def data_key(self) -> str:
        """What cells must have in common to train on the same draws."""
        ways = self.settings["seed"], self.settings["train"]["precision"], self.settings["task"]
        return json.dumps(ways, sort_keys=True)

    @property
    def checks(self) -> int:
        """Number of checks of a trial that runs to its last step, step 0 included."""
        return -(-int(self.settings["train"]["steps"]) // int(self.settings["converge"]["every"])) + 1


@dataclass(frozen=True)
class Plan:
    """A study's cells; the last varied key varies fastest.

    Attributes:
        study: the study.
        cells: its cells, in order.
        keys: the varied keys, in order.
        tables: the data sets of the cells, by `settings["task"]["data"]`.
        claims: the cells that each claim of the study speaks of.
    """

    study: Study
    cells: tuple[Cell, ...]
    keys: tuple[str, ...]
    tables: dict[str, Table]
    claims: tuple[Selection, ...] = ()

    def counts(self, trials: Trials = None) -> dict[str, int]:
        """How many trials of each cell, by its id, in plan order."""
        if isinstance(trials, Mapping):
            return {cell.id: trials[cell.id] for cell in self.cells}
        return {cell.id: self.study.trials if trials is None else trials for cell in self.cells}


@dataclass
class _Block:
    """A `[[where]]`: what it wants and sets, by dotted key; how many cells it matched."""

    path: str
    raw: Any
    wanted: dict[str, Any]
    values: dict[str, Any]
    paths: dict[str, str]
    cells: int = 0


def make_plan(study: Study) -> Plan:
    """The cells of a study.

    Raises:
        StudyError: with every fault that shows in a cell: a key that is missing there, settings that do not go
            together, data that cannot be read; equal cells; a `[[where]]` or a `[[claim]]` that matches none.
    """
    varied = study.levels
    count = math.prod(map(len, varied.values()))
    if count > MOST_CELLS:
        raise StudyError(
            [Fault("$.vary", None, f"{count} cells are too many; there can be up to {MOST_CELLS}")], study.file
        )
    _check_work(study, varied, count)
    base, blocks, tables = _base(study), _blocks(study), Tables(None if study.file is None else study.folder)
    cells, faults, selected = [], _Faults(), Selected(study)
    combinations: list[tuple[Level, ...]] = list(itertools.product(*varied.values()))
    shown_levels = {
        key: [label(level.raw, KEYS[key].catalog, level.value) for level in levels] for key, levels in varied.items()
    }
    labels = itertools.product(*shown_levels.values())
    first: dict[tuple[int, ...], Cell] = {}
    texts: dict[int, str] = {}
    for index, (combination, names) in enumerate(zip(combinations, labels, strict=True)):
        chosen = _choose(base, dict(zip(varied, combination, strict=True)), blocks)
        shared = decisive(chosen)
        alike = first.get(shared)
        made = make_settings(chosen, study.seed, tables, alike.settings if alike else None)
        if study.study.diagnose:
            made["diagnose"] = study.study.diagnose
        cell = Cell(_id(made, texts), index, dict(zip(varied, names, strict=True)), made)
        if alike:
            alike.share(cell)
        elif not chosen.faults:
            first[shared] = cell
        faults.add(chosen.faults, cell)
        cells.append(cell)
        selected.look(index, chosen.values)
    found = [*faults.of(len(cells)), *_unmatched(blocks, shown_levels), *selected.faults(shown_levels)]
    if not found:
        found = list(_equal(cells, combinations))
    if found:
        raise StudyError(found, study.file)
    return Plan(study, tuple(cells), tuple(varied), tables.by_digest, selected.found)


def _check_work(study: Study, varied: Mapping[str, tuple[Level, ...]], cells: int) -> None:
    """Refuses what takes too long to plan: each cell is looked at by all of the file but the others' levels."""
    longest = {key: max(len(json.dumps(level.raw)) for level in levels) for key, levels in varied.items()}
    characters = len(json.dumps(study.without("vary") | {"vary": {}})) + sum(longest.values())
    layers = [level.value for level in varied.get("network.hidden", ())] + [study.network.hidden or ()]
    each = characters + LAYER_WORK * max(map(len, layers))
    if cells * each > MOST_WORK:
        message = (
            f"{cells:,} cells are too many for networks of up to {max(map(len, layers)):,} hidden layers and "
            f"{characters:,} characters that decide a cell; there can be up to {max(1, MOST_WORK // each):,} of such"
        )
        raise StudyError([Fault("$.vary", None, message)], study.file)


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _id(made: Mapping[str, Any], texts: dict[int, str]) -> str:
    """The id of settings; `texts` has those of tasks and networks, by identity, which cells share."""

    def text(name: str, value: Any) -> str:
        if name not in ("task", "network"):
            return _canonical(value)
        if id(value) not in texts:
            texts[id(value)] = _canonical(value)
        return texts[id(value)]

    canonical = ",".join(f'"{name}":{text(name, made[name])}' for name in sorted(made))
    return "c" + hashlib.sha256(f"{{{canonical}}}".encode()).hexdigest()[:11]


def _base(study: Study) -> Chosen:
    """What the tables of the file give to every cell, defaults included."""
    values = {key.dotted: key.default for key in KEYS.values() if key.default is not None}
    paths = {}
    for key in KEYS.values():
        if study.gives(key):
            values[key.dotted] = study.value_of(key)
            paths[key.dotted] = path_text((key.section, key.field))
    return Chosen(values, paths)


def _blocks(study: Study) -> list[_Block]:
    blocks = []
    for i, (raw, where) in enumerate(zip(study.without("vary").get("where", []), study.where, strict=True)):
        values = {KEYS[name].dotted: value for name, value in settings(raw["set"], where.set).items()}
        paths = {dotted: path_text(("where", i, "set", w)) for dotted, w in zip(values, raw["set"], strict=True)}
        wanted = {KEYS[name].dotted: value for name, value in settings(raw["match"], where.match).items()}
        blocks.append(_Block(path_text(("where", i, "match")), raw["match"], wanted, values, paths))
    return blocks


def _choose(base: Chosen, levels: Mapping[str, Level], blocks: Iterable[_Block]) -> Chosen:
    """What a cell is given: the tables, then its levels, then the blocks that match those, the last one winning."""
    values, paths = dict(base.values), dict(base.paths)

    def give(dotted: str, value: Any, path: str) -> None:
        values.pop(EXCLUSIVE.get(dotted, ""), None)
        values[dotted], paths[dotted] = value, path

    for name, level in levels.items():
        give(KEYS[name].dotted, level.value, level.path)
    matching = [b for b in blocks if all(fits(wanted, task_value(values, key)) for key, wanted in b.wanted.items())]
    for block in matching:
        block.cells += 1
        for dotted, value in block.values.items():
            give(dotted, value, block.paths[dotted])
    return Chosen(values, paths)


class _Faults:
    """The faults of cells; one that many cells share is told once."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], list[Cell]] = {}
        self._values: dict[tuple[str, str], Any] = {}

    def add(self, faults: Iterable[Fault], cell: Cell) -> None:
        for fault in faults:
            key = fault.path, fault.message
            self._cells.setdefault(key, []).append(cell)
            self._values[key] = fault.value

    def of(self, count: int) -> Iterator[Fault]:
        """The faults; those of only some of the cells say which."""
        for (path, message), cells in self._cells.items():
            others = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
            which = "" if len(cells) == count else f" (cell {cells[0].label}{others})"
            yield Fault(path, self._values[path, message], message + which)


def _unmatched(blocks: Iterable[_Block], labels: Mapping[str, list[str]]) -> Iterator[Fault]:
    for block in blocks:
        if block.cells == 0:
            yield Fault(block.path, block.raw, unmatched(block.raw, list(block.wanted), labels))


def _quoted(label: str) -> str:
    """A label in quotes, unless it brings its own."""
    return label if '"' in label else f'"{label}"'


def _equal(cells: Iterable[Cell], combinations: list[tuple[Level, ...]]) -> Iterator[Fault]:
    """One fault per path; two cells that differ in one key are told at its level."""
    first: dict[str, Cell] = {}
    paths: set[str] = set()
    for cell in cells:
        other = first.setdefault(cell.id, cell)
        if other is cell:
            continue
        pairs = zip(combinations[other.index], combinations[cell.index], strict=True)
        differing = [level for level_of_other, level in pairs if level is not level_of_other]
        path, value = (differing[0].path, differing[0].raw) if len(differing) == 1 else ("$.vary", None)
        if path not in paths:
            paths.add(path)
            both = " and ".join(f"{_quoted(one.label)} (cell {one.index + 1})" for one in (other, cell))
            yield Fault(path, value, f"equal cells: {both} have the same settings; leave one of them out")
