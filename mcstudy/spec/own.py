"""Loading the files of `study.parts`: Python code beside the study, the only code that a study can bring along."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any, NamedTuple

from mcstudy.catalog.own import CATALOGS, PartMistake, loading
from mcstudy.catalog.part import Part
from mcstudy.errors import Fault, StudyError, path_text, printable, shown
from mcstudy.spec.catalogs import OUTPUTS
from mcstudy.spec.parts import PartSettings
from mcstudy.spec.places import BadPlace, beside

MOST_BYTES = 1 << 20
"""The largest file of parts."""

ORIGIN_DIGITS = 12
"""Hex digits of a file's digest that go into the names of its parts in settings."""

announce: Callable[[str], None] = lambda file: None  # noqa: E731
"""Is told the path of each file before its code runs; the command line puts its own function here."""

_loaded: dict[str, list[tuple[str, Part]]] = {}
"""The parts of each file that was loaded, by the digest of its content: the same text is not run again."""


class Own(NamedTuple):
    """What the files of a study brought: parts by noun and name, and the digest of each file."""

    parts: dict[str, dict[str, Part]]
    files: dict[str, str]


class _Faulty(Exception):
    """Why a file of parts cannot be used."""


class _Text(SourceLoader):
    """Runs a text that was read already, so that what runs is what was hashed; leaves no byte code beside it."""

    def __init__(self, file: str, content: bytes) -> None:
        self._file, self._content = file, content

    def get_filename(self, fullname: str) -> str:
        """The path that error messages name."""
        return self._file

    def get_data(self, path: str | bytes) -> bytes:
        """The text."""
        return self._content


def load_parts(data: Any, file: str | None) -> Own:
    """Load the files that a study names, and add their parts to the catalogs.

    Args:
        data: the study as written; any shape. What is no list of texts is left to the study's own check.
        file: the study file; the files lie in its folder or below, without it in the current folder.

    Raises:
        StudyError: with a fault for every file that cannot be used.
    """
    header = data.get("study") if isinstance(data, Mapping) else None
    written = header.get("parts") if isinstance(header, Mapping) else None
    own = Own({noun: {} for noun in CATALOGS}, {})
    if not isinstance(written, list) or not all(isinstance(name, str) and name for name in written):
        return own
    faults = []
    for i, name in enumerate(written):
        try:
            if name in own.files:
                raise _Faulty(f"{shown(name)} is named twice")
            path = _path(name, Path() if file is None else Path(file).parent)
            content = _content(path)
            own.files[name] = sha256(content).hexdigest()
            for noun, part in _parts(path, content, own.files[name]):
                _check_name(noun, part, own, path)
                own.parts[noun][part.name] = part
        except _Faulty as error:
            faults.append(Fault(path_text(("study", "parts", i)), name, str(error)))
    if faults:
        raise StudyError(faults, file)
    for noun, parts in own.parts.items():
        for part in parts.values():
            CATALOGS[noun].add(part)
    return own


def _path(name: str, folder: Path) -> Path:
    """The path of a file that a study may load."""
    if not name.endswith(".py"):
        raise _Faulty(f"{shown(name)} is not a Python file; its name has to end in .py")
    if Path(name).is_absolute():
        raise _Faulty(f"{shown(name)} does not lie in the study's folder as it is written; give the path from there")
    try:
        return beside(name, folder, "files of code")
    except BadPlace as error:
        raise _Faulty(str(error)) from error


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise _Faulty(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise _Faulty(f"{path}: is too large; a file of parts has up to {MOST_BYTES >> 20} MiB")
    return content


def _parts(path: Path, content: bytes, digest: str) -> list[tuple[str, Part]]:
    """The parts that a file makes, each with its noun, in its order."""
    if digest not in _loaded:
        announce(printable(str(path)))
        found = _run(str(path), content, digest[:ORIGIN_DIGITS])
        if not found:
            raise _Faulty(f"{path}: makes no part; mark functions with activation, task or init of mcstudy.parts")
        _loaded[digest] = found
    return _loaded[digest]


def _run(file: str, content: bytes, origin: str) -> list[tuple[str, Part]]:
    """Run a file.

    Its module is named by the digest: the compiler names machine code by module and function, and that of two versions
    of a file must not be confused.
    """
    if b"\0" in content:  # CPython below 3.11.4 does not call this an error of syntax
        raise _Faulty(f"{file}: not Python: it has null bytes")
    name = f"mcstudy_parts_{origin}"
    loader = _Text(file, content)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        with loading(origin) as begun:
            loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[name]
        where = file if error.lineno is None else f"{file}, line {error.lineno}"
        raise _Faulty(f"{where}: not Python: {error.msg}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of whatever kind: the file may try to end the program
        del sys.modules[name]
        kind = "" if isinstance(error, PartMistake) else f"{type(error).__name__}: "
        line = max(_lines(error, file), default=None, key=lambda found: found[0])
        where = file if line is None else f"{file}, line {line[1]}"
        raise _Faulty(f"{where}: {kind}{' '.join(str(error).split())}") from error
    return begun.found


def _lines(error: BaseException, file: str) -> Iterator[tuple[int, int]]:
    """The lines of a file that an exception came through, each with its depth."""
    trace, depth = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            yield depth, trace.tb_lineno
        trace, depth = trace.tb_next, depth + 1


def _check_name(noun: str, part: Part, own: Own, path: Path) -> None:
    known = OUTPUTS if noun == "activation" else CATALOGS[noun]
    what = f"the {noun} {shown(part.name)}"
    if part.name in known:
        raise _Faulty(f"{path}: {what} is there already, built in; give yours another name")
    for name in part.parameters:
        if name.startswith("_") or hasattr(PartSettings, name):
            raise _Faulty(f"{path}: {what} cannot have a parameter called {name}; choose another word")
    if part.name in own.parts[noun]:
        raise _Faulty(f"{path}: {what} is made twice; give one of them another name")
