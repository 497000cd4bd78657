"""Files that are either whole or not there.

A file is written under a temporary name in its own folder, synced, renamed over its final name, and the folder is
synced too, so neither a kill nor a power cut leaves half a file under a name that anyone reads. Those of a `Lot` are
synced all at once, and renamed then.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

_TEMPORARY = re.compile(r"^\..+\.(?:([0-9a-f]{6})-)?(\d+)-\d+\.tmp$")
_OLD_SECONDS = 86_400.0
"""A temporary file of another machine, whose processes cannot be asked, is left alone for so long."""
_UNSYNCED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)
"""What file systems that cannot sync a folder answer."""
_SYNCING = 16
"""Files that a disk is asked for at once."""

_active: set[Path] = set()


@contextmanager
def replacing(path: Path, safe: bool = True) -> Iterator[Path]:
    """A temporary path to write to; it becomes `path` when the block ends, and is removed when the block fails.

    With `safe` unset nobody waits for the disk: a power cut may leave anything in the file, but a kill does not.

    Raises:
        OSError: the folder does not take the file.
    """
    with _temporarily(path) as temporary:
        yield temporary
        if safe:
            _sync(temporary)
        os.replace(temporary, path)
        if safe:
            sync_folder(path.parent)
    _active.discard(temporary)


@contextmanager
def _temporarily(path: Path) -> Iterator[Path]:
    """A temporary path for `path`, which is active from now on; a block that fails removes it."""
    temporary = _temporary(path)
    _active.add(temporary)
    try:
        yield temporary
    except BaseException:
        _remove(temporary)
        raise


def _remove(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
    _active.discard(temporary)


class Lot:
    """Files that are made safe together: a disk is soon done with many, but takes long for one after the other.

    Several threads may add to it.
    """

    def __init__(self) -> None:
        self._written: list[tuple[Path, Path]] = []
        self._folders: set[Path] = set()

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """As the function of this name; but it becomes `path` when the lot is finished.

        Raises:
            OSError: the folder does not take the file.
        """
        with _temporarily(path) as temporary:
            yield temporary
        self._written.append((temporary, path))

    def make_folder(self, path: Path, parents: bool = True) -> None:
        """As the function of this name; the parent is synced when the lot is finished."""
        if not path.is_dir():
            path.mkdir(parents=parents, exist_ok=True)
            self._folders.add(path.parent)

    def finish(self) -> list[tuple[Path, OSError]]:
        """Makes safe what there is, all that the disk takes of it; returns the files that it does not, and why."""
        refused: list[tuple[Path, OSError]] = []

        def tried(work: Callable[[], None], path: Path) -> bool:
            try:
                work()
            except OSError as error:
                refused.append((path, error))
                return False
            return True

        try:
            with ThreadPoolExecutor(_SYNCING) as pool:
                synced = list(pool.map(lambda pair: tried(partial(_sync, pair[0]), pair[1]), self._written))
                pairs = [pair for pair, safe in zip(self._written, synced, strict=True) if safe]
                pairs = [(t, path) for t, path in pairs if tried(partial(os.replace, t, path), path)]
                folders = sorted(self._folders | {path.parent for _, path in pairs})
                list(pool.map(lambda folder: tried(partial(sync_folder, folder), folder), folders))
        finally:
            for temporary, _ in self._written:
                _remove(temporary)
            self._written, self._folders = [], set()
        return refused


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes the whole file or leaves what was there."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Writes files, each of them whole or not; a fault leaves what was there of some or all.

    Raises:
        OSError: of the first that the folder does not take; `filename` says which.
    """
    lot = Lot()
    try:
        for path, content in contents.items():
            with lot.replacing(path) as temporary:
                temporary.write_bytes(content)
    finally:
        refused = lot.finish()
    for path, error in refused:
        raise OSError(error.errno, error.strerror, str(path)) from error


def make_folder(path: Path, parents: bool = True) -> None:
    """Makes a folder, and its parents unless they have to be there, and syncs the parent that names it."""
    if not path.is_dir():
        path.mkdir(parents=parents, exist_ok=True)
        sync_folder(path.parent)


def try_writing(folder: Path) -> None:
    """Finds out whether the folder takes files, and renames one over another.

    Raises:
        OSError: it does not.
    """
    probe = folder / ".probe"
    for _ in range(2):
        write_bytes(probe, b"probe")
    probe.unlink()


def set_aside(path: Path) -> Path:
    """Renames a file that is damaged to a free name beside it, ``NAME.damaged``, and returns that.

    Raises:
        OSError: the folder does not let it.
    """
    target, number = path.with_name(f"{path.name}.damaged"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{number}")
    os.rename(path, target)
    sync_folder(path.parent)
    return target


def sweep(folders: Iterable[Path]) -> None:
    """Removes the temporary files of processes that are gone; those of a living process are being written."""
    for folder in folders:
        with suppress(OSError):
            for entry in os.scandir(folder):
                match = _TEMPORARY.match(entry.name)
                if match and Path(entry.path) not in _active and _left(entry, match[1], int(match[2])):
                    with suppress(OSError):
                        os.unlink(entry.path)


def machine() -> str:
    """Six hex digits that tell this machine from others that see the same folders."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def alive(process: int) -> bool:
    """Whether this machine has a process of this number."""
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sync_folder(path: Path) -> None:
    """Syncs the names in a folder, where the file system can.

    Raises:
        OSError: they are not safe.
    """
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in _UNSYNCED:
            raise


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{machine()}-{os.getpid()}-{threading.get_ident()}.tmp")


def _left(entry: os.DirEntry[str], host: str | None, process: int) -> bool:
    """Whether who wrote a temporary file is gone."""
    if host not in (None, machine()):
        # The two times are the file system's, whatever this machine's clock says.
        probe = _temporary(Path(entry.path).with_name("now"))
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        return now - entry.stat().st_mtime > _OLD_SECONDS
    # This process knows its own files (`_active`); one of its number that it does not know is an older process's.
    return process == os.getpid() or not alive(process)


def _sync(path: Path) -> None:
    if os.name == "nt":  # where neither folders nor files open for reading can be synced
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
