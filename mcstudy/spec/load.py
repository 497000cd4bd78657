"""Reading a study file."""

from __future__ import annotations

import re
import tomllib
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from mcstudy.errors import Fault, StudyError, shown
from mcstudy.spec.model import Study
from mcstudy.spec.values import too_deep

MOST_BYTES = 2 << 20
"""The largest study file."""

_MOST_DOTS = 50
_DOTTED = re.compile(
    rf"""(?<![A-Za-z0-9_-])(?:(?>[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*+\.[ \t]*+){{{_MOST_DOTS}}}"""
)
"""A key of very many parts: to read one takes time with the square of their number."""


def load(path: str | PathLike[str]) -> Study:
    """The study of a TOML file.

    Raises:
        StudyError: the file cannot be read, is not TOML, or is not a study; with every fault.
    """
    file = fspath(path)
    return Study.model_validate(_toml(file), file=file)


def _toml(file: str) -> dict[str, Any]:
    text = _text(file)
    if found := _DOTTED.search(text):
        line = text.count("\n", 0, found.start()) + 1
        fault = Fault(f"line {line}", found[0], f"{shown(found[0])}: more than {_MOST_DOTS} names joined by dots")
        raise StudyError([fault], file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fault = _syntax_fault(str(error), text)
    except RecursionError:
        fault = too_deep()
    except ValueError as error:  # a number of thousands of digits
        fault = Fault("$", None, f"a value cannot be read: {str(error).partition(';')[0]}")
    raise StudyError([fault], file)


def _text(file: str) -> str:
    try:
        if Path(file).is_dir():
            fault = Fault("$", None, "this is a folder; a study is a TOML file")
        else:
            content = _content(file)
            if len(content) <= MOST_BYTES:
                return content.decode("utf-8-sig")
            largest = f"the largest study is one of {MOST_BYTES >> 20} MiB"
            fault = Fault("$", None, f"the file is too large; {largest}; data belong in a table beside it")
    except FileNotFoundError:
        fault = Fault("$", None, "there is no such file" + _nearby(file))
    except UnicodeDecodeError as error:
        fault = Fault("$", None, f"byte {error.start} is not UTF-8 text; a study is a TOML file, which is always UTF-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        fault = Fault("$", None, f"the file cannot be read: {reason}")
    raise StudyError([fault], file)


def _content(file: str) -> bytes:
    """The file, or as much of it as tells that it is too large."""
    with open(file, "rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _nearby(file: str) -> str:
    """The same path with `.toml`, where that exists."""
    other = file + ".toml"
    return f'; did you mean "{other}"?' if Path(other).is_file() else ""


def _syntax_fault(message: str, text: str) -> Fault:
    """The position that tomllib writes into its message, which only Python 3.14 gives apart."""
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if found is None:
        return Fault("$", None, f"not TOML: {message}")
    lines = text.splitlines() or [""]
    line, column = (found[1], found[2]) if found[1] else (str(len(lines)), str(len(lines[-1]) + 1))
    written = lines[int(line) - 1].strip() if int(line) <= len(lines) else ""
    return Fault(f"line {line}, column {column}", written, f"not TOML: {message[: found.start()]}: {shown(written)}")
