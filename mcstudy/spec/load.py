"""Reading a study file."""

from __future__ import annotations

import re
import tomllib
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from mcstudy.errors import Fault, StudyError, shown
from mcstudy.spec.model import Study


def load(path: str | PathLike[str]) -> Study:
    """The study of a TOML file.

    Raises:
        StudyError: the file cannot be read, is not TOML, or is not a study; with every fault.
    """
    file = fspath(path)
    return Study.model_validate(_toml(file), file=file)


def _toml(file: str) -> dict[str, Any]:
    text = _text(file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fault = _syntax_fault(str(error), text)
    except RecursionError:
        fault = Fault("$", None, "lists or tables are nested too deeply")
    except ValueError as error:  # a number of thousands of digits
        fault = Fault("$", None, f"a value cannot be read: {str(error).partition(';')[0]}")
    raise StudyError([fault], file)


def _text(file: str) -> str:
    try:
        if Path(file).is_dir():
            fault = Fault("$", None, "this is a folder; a study is a TOML file")
        else:
            return Path(file).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        fault = Fault("$", None, "there is no such file" + _nearby(file))
    except UnicodeDecodeError as error:
        fault = Fault("$", None, f"byte {error.start} is not UTF-8 text; a study is a TOML file, which is always UTF-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        fault = Fault("$", None, f"the file cannot be read: {reason}")
    raise StudyError([fault], file)


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
