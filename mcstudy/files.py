"""Files that are either whole or not there.

A file is written under a temporary name in its own folder, synced, renamed over its final name, and the folder is
synced too, so neither a kill nor a power cut leaves half a file under a name that anyone reads.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TEMPORARY = re.compile(r"^\..+\.(\d+)-\d+\.tmp$")
_active: set[Path] = set()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it becomes `path` when the block ends, and is removed when the block fails.

    Raises:
        OSError: the folder does not take the file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    _active.add(temporary)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    finally:
        _active.discard(temporary)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes the whole file or leaves what was there."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes the whole file as UTF-8 with ``\\n`` line ends, or leaves what was there."""
    write_bytes(path, content.encode())


def make_folder(path: Path) -> None:
    """Makes a folder and its parents, and syncs the parent that names it."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        _sync(path.parent)


def try_writing(folder: Path) -> None:
    """Finds out whether the folder takes files.

    Raises:
        OSError: it does not.
    """
    probe = folder / f".probe.{os.getpid()}-{threading.get_ident()}.tmp"
    probe.touch()
    probe.unlink()


def sweep(folders: Iterable[Path]) -> None:
    """Removes the temporary files of processes that are gone; those of a living process are being written."""
    for folder in folders:
        with suppress(OSError):
            for entry in os.scandir(folder):
                match = _TEMPORARY.match(entry.name)
                if match and Path(entry.path) not in _active and not _alive(int(match[1])):
                    with suppress(OSError):
                        os.unlink(entry.path)


def _alive(process: int) -> bool:
    # This process knows its own files (`_active`); one of its number that it does not know is an older process's.
    if process == os.getpid():
        return False
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync(path: Path) -> None:
    if os.name == "nt":  # where neither folders nor files open for reading can be synced
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
