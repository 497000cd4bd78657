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
_MOST_FAULTS, _MOST_MESSAGE, _MOST_PATH = 30, 1500, 300
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Controls (the first character of terminal commands among them), marks that turn the direction of text, characters
without width, halves of pairs. Those that join letters (U+200C, U+200D) are left: some languages need them."""


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
    """A study that cannot be run, with all of its faults; its text tells the first 30, safe to print.

    Attributes:
        faults: every fault found.
        file: the study file, None for a study that was made in Python.
    """

    def __init__(self, faults: Iterable[Fault], file: str | None = None) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        self.file = file
        start = "" if file is None else f"{file}: "
        lines = [
            printable(f"{start}{clipped(fault.path, _MOST_PATH)}: {clipped(fault.message, _MOST_MESSAGE)}")
            for fault in self.faults[:_MOST_FAULTS]
        ]
        if len(self.faults) > _MOST_FAULTS:
            lines.append(printable(f"{start}and {len(self.faults) - _MOST_FAULTS:,} more faults"))
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.faults, self.file))


class RunError(RuntimeError):
    """A run that cannot go on for a reason outside the study: an unwritable folder, trials that are not there.

    Its text is safe to print.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, keep="\n"))


def printable(text: str, keep: str = "") -> str:
    """A text with everything that a terminal or a page would not show as it stands written out, as in ``\\u001b``.

    What strangers write (titles, file names, entries of tables) cannot move the cursor, colour or hide a line, or turn
    its direction. `keep` holds characters that are left all the same.
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _written_out(ord(found[0])), text)


def _written_out(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clipped(text: str, most: int) -> str:
    """A text of at most `most` characters, the last of which tell where more was."""
    return text if len(text) <= most else text[: most - 4] + " ..."


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
    return printable(clipped(_toml(value), _LONGEST))


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
