"""The errors that a user can cause, and how a faulty value is shown.

A `StudyError` carries every fault that was found, one line each. Nothing here imports the rest of the program.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 80  # characters of a value in a message; the path says where to find the rest


class Fault(NamedTuple):
    """One thing that is wrong with a study.

    Attributes:
        path: the key, as in ``$.vary.activation[2]`` or ``$.vary."network.bias"[0]``; a position for a file that
            cannot be read as TOML.
        value: what the study has there; None where something is missing.
        message: what is wrong and what would be accepted, the value included.
    """

    path: str
    value: Any
    message: str


class StudyError(ValueError):
    """A study that cannot be run, with all of its faults.

    Attributes:
        faults: every fault found.
        file: the study file, None for a study that was made in Python.
    """

    def __init__(self, faults: Iterable[Fault], file: str | None = None) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        self.file = file
        start = "" if file is None else f"{file}: "
        super().__init__("\n".join(f"{start}{fault.path}: {fault.message}" for fault in self.faults))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.faults, self.file))


class RunError(RuntimeError):
    """A run that cannot go on for a reason outside the study: an unwritable folder, trials that are not there."""


def path_text(items: Sequence[str | int]) -> str:
    """The path of a key: ``("vary", "network.bias", 0)`` is ``$.vary."network.bias"[0]``."""
    text = "$"
    for item in items:
        if isinstance(item, int):
            text += f"[{item}]"
        else:
            text += "." + (item if _BARE_KEY.fullmatch(item) else json.dumps(item, ensure_ascii=False))
    return text


def shown(value: Any) -> str:
    """A value as a study file would write it, shortened to one line of at most 80 characters."""
    text = _toml(value)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 4] + " ..."
    return text


def _toml(value: Any, depth: int = 0) -> str:
    if depth > 8:
        return "..."
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value[: 2 * _LONGEST], ensure_ascii=False)
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a number of more than 40 digits"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        pairs = (f"{_toml_key(key)} = {_toml(item, depth + 1)}" for key, item in list(value.items())[:_LONGEST])
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item, depth + 1) for item in value[:_LONGEST]) + "]"
    if value is None:
        return "null"
    return " ".join(str(value).split())


def _toml_key(key: Any) -> str:
    text = str(key)
    return text if _BARE_KEY.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def did_you_mean(word: Any, known: Iterable[str], words: str = "") -> str:
    """``; did you mean "relu"? Known: relu, elu`` for a near miss, else ``; known: relu, elu``.

    Args:
        word: what was written.
        known: what could have been meant.
        words: what to call the list of the known, as in "known"; without it there is no list.
    """
    known = list(known)
    listed = f"{words}: {', '.join(known)}" if words and known else ""
    close: list[str] = []
    by_lower = {name.lower(): name for name in known}
    if isinstance(word, str) and len(word) <= _LONGEST:
        close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{by_lower[close[0]]}"?' + (f" {listed[0].upper()}{listed[1:]}" if listed else "")
    return f"; {listed}" if listed else ""
