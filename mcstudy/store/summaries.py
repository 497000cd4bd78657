"""Where summaries lie: the sums of some trials of a cell, as bytes, where no row is kept for each.

``summaries/cell=ID/START-STOP.sum``: the SHA-256 of the rest (32 bytes), then the rest. No file is changed once it is
written; files may overlap.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from pathlib import Path

from mcstudy import files
from mcstudy.errors import RunError
from mcstudy.store.base import DamagedError
from mcstudy.store.listing import Shard, shards_in

_SHARD = re.compile(r"^(\d+)-(\d+)\.sum$")
_CHECK = hashlib.sha256().digest_size


class Summaries(ABC):
    """The summaries of a store."""

    @abstractmethod
    def shards(self, cell_id: str) -> list[Shard]:
        """The summaries of a cell by the trials [start, stop) that they tell of, in any order."""

    @abstractmethod
    def read(self, shard: Shard) -> bytes:
        """A summary as it was written.

        Raises:
            RunError: it cannot be read, or is damaged.
        """

    @abstractmethod
    def write(self, cell_id: str, start: int, stop: int, content: bytes) -> None:
        """Keeps the summary of the trials [start, stop).

        Raises:
            RunError: it cannot be written.
        """

    def damaged(self, shard: Shard, why: str) -> RunError:
        """What is said of a summary that is not what was written."""
        return DamagedError(shard.source, why)


class MemorySummaries(Summaries):
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Shard]] = {}

    def shards(self, cell_id: str) -> list[Shard]:
        """As in `Summaries`."""
        return list(self._kept.get(cell_id, ()))

    def read(self, shard: Shard) -> bytes:
        """As in `Summaries`."""
        content: bytes = shard.source
        return content

    def write(self, cell_id: str, start: int, stop: int, content: bytes) -> None:
        """As in `Summaries`."""
        self._kept.setdefault(cell_id, []).append(Shard(start, stop, content))

    def damaged(self, shard: Shard, why: str) -> RunError:
        """As in `Summaries`."""
        return DamagedError(f"a summary of trials {shard.start} to {shard.stop} in memory", why)


class FolderSummaries(Summaries):
    """Keeps them in a folder, which is made when the first one is written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def folders(self) -> list[Path]:
        """The folders that there are."""
        return list(self._path.glob("cell=*"))

    def of(self, cell_id: str) -> Path:
        """The folder of a cell."""
        return self._path / f"cell={cell_id}"

    def shards(self, cell_id: str) -> list[Shard]:
        """As in `Summaries`.

        Raises:
            RunError: the folder cannot be read.
        """
        return shards_in(self.of(cell_id), _SHARD)

    def read(self, shard: Shard) -> bytes:
        """As in `Summaries`."""
        try:
            content = Path(shard.source).read_bytes()
        except OSError as error:
            raise RunError(f"{shard.source}: cannot be read ({error.strerror or error})") from error
        if hashlib.sha256(content[_CHECK:]).digest() != content[:_CHECK]:
            raise self.damaged(shard, "another checksum")
        return content[_CHECK:]

    def write(self, cell_id: str, start: int, stop: int, content: bytes) -> None:
        """As in `Summaries`."""
        path = self.of(cell_id) / f"{start:013d}-{stop:013d}.sum"
        try:
            for folder in (path.parent.parent, path.parent):
                files.make_folder(folder, parents=False)
            files.write_bytes(path, hashlib.sha256(content).digest() + content)
        except OSError as error:
            raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
