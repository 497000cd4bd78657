"""Values as a study writes them and as plain data: levels, matches, baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np

from mcstudy.errors import Fault, StudyError, path_text, shown
from mcstudy.spec.keys import Dotted, Key, find
from mcstudy.spec.parts import plain


@dataclass(frozen=True)
class Level:
    """One level of a varied key: as the file writes it, as plain data with defaults, and where it stands."""

    raw: Any
    value: Any
    path: str


DEEPEST = 32
"""Most tables and lists within each other; a study has a need of about ten."""


def normal_data(obj: Any, depth: int = 0) -> Any:
    """A copy made of dicts, lists and Python scalars; keys with None are left out, as TOML has no such value.

    Raises:
        RecursionError: more than `DEEPEST` tables and lists within each other.
    """
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(obj, Mapping):
        return {str(key): normal_data(value, depth + 1) for key, value in obj.items() if value is not None}
    if isinstance(obj, tuple | list):
        return [normal_data(value, depth + 1) for value in obj]
    if isinstance(obj, np.ndarray | np.generic):
        return obj.tolist()
    if isinstance(obj, PathLike):
        return fspath(obj)
    return obj


def too_deep() -> Fault:
    """The fault of a study whose tables and lists are nested beyond all need."""
    return Fault("$", None, f"lists or tables are nested too deeply; a study needs no more than {DEEPEST} levels")


def entries(raw: Mapping[str, Any], table: Dotted | None) -> Iterator[tuple[Key, Any, Any]]:
    """The key, the value as written and the validated value of everything a dotted table writes, in its order."""
    for written, value in raw.items():
        yield find(written), value, getattr(table, written.replace(".", "_dot_"))


def levels(raw: Mapping[str, Any], table: Dotted) -> dict[str, tuple[Level, ...]]:
    """The levels of every varied key, in the order of the file."""
    found = {}
    for (key, values, valid), written in zip(entries(raw, table), raw, strict=True):
        found[key.name] = tuple(
            Level(value, plain(checked), path_text(("vary", written, i)))
            for i, (value, checked) in enumerate(zip(values, valid, strict=True))
        )
    return found


def settings(raw: Mapping[str, Any], table: Dotted | None) -> dict[str, Any]:
    """What a dotted table sets or wants, as plain data by key name."""
    return {key.name: plain(valid) for key, _, valid in entries(raw, table)}


def fits(wanted: Any, value: Any) -> bool:
    """Whether a value is what a `match` wants: the same, or a part of that name."""
    if isinstance(wanted, str) and isinstance(value, dict):
        return bool(value.get("name") == wanted)
    return bool(wanted == value)


def find_baseline(
    raw: Mapping[str, Any], table: Dotted | None, varied: Mapping[str, tuple[Level, ...]], file: str | None
) -> dict[str, int]:
    """The position of the baseline's level of each varied key; 0 where the study names none.

    Raises:
        StudyError: a baseline that is not exactly one level of a varied key.
    """
    chosen = dict.fromkeys(varied, 0)
    faults = []
    for (key, value, valid), written in zip(entries(raw, table), raw, strict=True):
        wanted, path = plain(valid), path_text(("study", "baseline", written))
        if key.name not in varied:
            known = ", ".join(varied) or "none"
            faults.append(
                Fault(path, value, f'"{written}" is not varied, so no level of it can be the baseline; varied: {known}')
            )
            continue
        # A bare name may be one level as it is written, and stand for others as well.
        written_so = [i for i, level in enumerate(varied[key.name]) if level.raw == value]
        found = written_so or [i for i, level in enumerate(varied[key.name]) if fits(wanted, level.value)]
        if len(found) == 1:
            chosen[key.name] = found[0]
        else:
            what = f"is {len(found)} levels" if found else "is not a level"
            advice = "; write the one with its parameters" if found else ""
            listed = ", ".join(shown(level.raw) for level in varied[key.name])
            faults.append(Fault(path, value, f'{shown(value)} {what} of "{key.name}"{advice}; levels: {listed}'))
    if faults:
        raise StudyError(faults, file)
    return chosen
