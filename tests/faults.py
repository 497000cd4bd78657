"""Faults of a disk: every operation on files below a folder is counted, and a chosen one fails."""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
CALLS = ("open", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "listdir", "scandir", "write", "ftruncate")


class Disk:
    """Counts what is done below a folder; the operations from `first` to `last` fail.

    Attributes:
        done: the operations, as their names and the names of the files.
    """

    def __init__(self, root: Path, first: int, last: int, number: int) -> None:
        self._root, self._first, self._last, self._number = str(root), first, last, number
        self._names: dict[int, str] = {}
        self.done: list[str] = []

    def _at(self, what: str, path: Any) -> bool:
        """Count an operation; whether it is to fail."""
        name = self._names.get(path) if isinstance(path, int) else os.path.abspath(os.fspath(path))
        if name is None or not str(name).startswith(self._root):
            return False
        self.done.append(f"{what} {os.path.relpath(str(name), self._root)}")
        return self._first <= len(self.done) - 1 < self._last

    def _fail(self, path: Any) -> OSError:
        named = () if isinstance(path, int) else (str(path),)
        return OSError(self._number, os.strerror(self._number), *named)

    def call(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """A function of `os` that may fail."""

        def called(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            if self._at(name, path):
                raise self._fail(path)
            if name == "fsync" and path in self._names:
                return None  # no test cuts the power, and true ones are slow
            found = real(path, *arguments, **options)
            if name == "open":
                self._names[found] = os.path.abspath(os.fspath(path))
            return found

        return called

    def open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """The builtin that may fail, and whose files may."""

        def called(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, int) or not os.path.abspath(os.fspath(path)).startswith(self._root):
                return real(path, *arguments, **options)
            if self._at("open", path):
                raise self._fail(path)
            return File(self, path, real(path, *arguments, **options))

        return called

    def access(self, what: str, path: Any, full: Callable[[], Any], part: Callable[[], Any]) -> Any:
        """Read or write; where it is to fail, half of it has happened."""
        if self._at(what, path):
            part()
            raise self._fail(path)
        return full()


class File:
    """An open file of such a disk."""

    def __init__(self, disk: Disk, path: Any, file: Any) -> None:
        self._disk, self._path, self._file = disk, path, file

    def write(self, content: Any) -> Any:
        return self._disk.access(
            "write",
            self._path,
            lambda: self._file.write(content),
            lambda: self._file.write(content[: len(content) // 2]),
        )

    def read(self, *size: int) -> Any:
        return self._disk.access("read", self._path, lambda: self._file.read(*size), lambda: None)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def faulty(root: Path, first: int = 0, last: int = 0, number: int = errno.EIO) -> Iterator[Disk]:
    """The operations [first, last) below a folder fail with an error; none by default."""
    disk = Disk(root.absolute(), first, last, number)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, disk.call(name, getattr(os, name)))
        opened = disk.open(io.open)
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        yield disk
