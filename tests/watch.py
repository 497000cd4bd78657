"""Watches what this process writes, and how long it takes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_CHANGES = {"os.mkdir": 0, "os.remove": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1, "os.rmdir": 0}
_written: list[str] = []
_watching: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
        if writes and isinstance(path, str | bytes):
            _written.append(os.path.abspath(os.fsdecode(path)))
    elif event in _CHANGES and isinstance(arguments[_CHANGES[event]], str | bytes):
        _written.append(os.path.abspath(os.fsdecode(arguments[_CHANGES[event]])))
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn") and arguments[0] != "git":
        # Of all programs a run asks git alone, which state the study file is in.
        _written.append(f"{event} {arguments[0]}")


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The paths that are opened for writing, made, moved or removed meanwhile, and the processes that are started."""
    _written.clear()
    _watching.append(True)
    try:
        yield _written
    finally:
        _watching.clear()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """An exception that nothing catches after so many seconds."""

    def late(number: int, frame: Any) -> None:
        raise SystemError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
