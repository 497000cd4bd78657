"""One run to a folder: a lock that dies with the process that holds it.

The lock is the system's, on the file ``.lock`` of the folder, so whatever ends a process frees it: a file that a killed
process left is taken over as if it were not there. Where the file system has no locks (some of clusters), a file that
names its process does, and the next run on the same machine asks after that process; one of another machine cannot be
asked, and as two runs of one study write the same rows, it is told of and does not stand in the way.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mcstudy import files, signals

LOCK, HOLDER = ".lock", ".lock-holder"
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_FAR = 1 << 30
"""Where Windows locks a byte: what it locks cannot be read, and the holder's name is to be read."""


_ATTEMPTS = 20
"""Times that a lock without the system's help is tried for, while others come and go."""


class BusyError(Exception):
    """Another process holds the lock; the message says which."""


@contextmanager
def held(folder: Path) -> Iterator[str]:
    """Hold the lock of a folder; gives a line on a process of another machine that may be at work there, else "".

    Raises:
        BusyError: another run holds it.
        OSError: the folder takes no files.
    """
    path = folder / LOCK
    descriptor = _locked(path)
    if descriptor is None:
        with _named(folder / HOLDER) as notice:
            yield notice
        return
    file = os.fdopen(descriptor, "r+b", buffering=0)  # closed when it is forgotten, too
    try:
        with suppress(OSError):  # a full disk
            file.truncate(0)
            file.write(json.dumps(_myself()).encode())
        yield ""
    finally:
        with signals.deferred():
            with suppress(OSError):  # Windows removes no open file
                os.unlink(path)
            file.close()


def _locked(path: Path) -> int | None:
    """The descriptor of the file, locked; None where the file system has no locks."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            if _is(path, descriptor):
                return descriptor
        except OSError as error:
            os.close(descriptor)
            if error.errno in _BUSY:
                raise BusyError(_who(_said(path))) from None
            with suppress(OSError):
                os.unlink(path)
            return None
        os.close(descriptor)  # who had it has removed it in between


def _lock(descriptor: int) -> None:
    """Lock a file at once or not at all.

    Raises:
        OSError: another has locked it (`_BUSY`), or there are no locks here.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is(path: Path, descriptor: int) -> bool:
    """Whether a path names an open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def _named(path: Path) -> Iterator[str]:
    """Hold a file that names this process, after any that names one that is gone."""
    notice = ""
    mine = path.with_name(f"{path.name}.{files.machine()}-{os.getpid()}-{threading.get_ident()}")
    mine.write_text(json.dumps(_myself()))
    try:
        for _ in range(_ATTEMPTS):
            if _linked(mine, path):
                break
            holder = _said(path)
            if _at_work(holder):
                raise BusyError(_who(holder))
            if holder.get("machine") not in (None, files.machine()):
                notice = f"perhaps also {_who(holder)} is at work here; the rows of both are the same"
            if path.exists():
                _take_away(path, holder, mine)
        else:
            raise BusyError("another process")
    finally:
        mine.unlink(missing_ok=True)
    try:
        yield notice
    finally:
        if _said(path) == _myself():
            with suppress(OSError):
                os.unlink(path)


def _take_away(path: Path, holder: dict[str, Any], mine: Path) -> None:
    """Remove the file of a holder that is gone, unless another has taken its place meanwhile."""
    aside = mine.with_name(f"{mine.name}.gone")
    with suppress(FileNotFoundError):
        os.rename(path, aside)
        if _said(aside) != holder:
            _linked(aside, path)
        aside.unlink(missing_ok=True)


def _linked(mine: Path, path: Path) -> bool:
    """Give a file a second name, whole and at once; False where there is one of that name."""
    try:
        os.link(mine, path)
    except FileExistsError:
        return False
    except OSError:  # no links either
        if path.exists():
            return False
        os.replace(mine, path)
    return True


def _myself() -> dict[str, Any]:
    return {"process": os.getpid(), "began": _began(os.getpid()), "machine": files.machine(), "host": platform.node()}


def _said(path: Path) -> dict[str, Any]:
    """What the holder wrote of itself; nothing where it has not yet, or could not."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and isinstance(said.get("process"), int) else {}


def _who(holder: dict[str, Any]) -> str:
    return f"process {holder['process']} on {holder.get('host')}" if holder else "another process"


def _at_work(holder: dict[str, Any]) -> bool:
    """Whether a process of this machine lives, and is the one that wrote its name: numbers are used again."""
    if holder.get("machine") != files.machine() or not files.alive(holder["process"]):
        return False
    return bool(holder.get("began") == _began(holder["process"]))


def _began(process: int) -> str:
    """Which start of the machine and when after it a process began, "" where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{boot} {fields[19]}"
