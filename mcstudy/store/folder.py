"""The run folder: ``trials/cell=ID/START-STOP.parquet``, ``histories/cell=ID.parquet``, ``run.json``.

Every file is whole or absent (`mcstudy.files`). The name of a shard tells its trials, so finding what is missing reads
no more than footers. ``histories/cell=ID.npz`` holds samples, which are only a cache. The Parquet library is imported
where a file is touched: it costs 0.1 s.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy import files
from mcstudy.errors import RunError
from mcstudy.store.base import CHUNK, History, Rows, Shard, Store

_SHARD = re.compile(r"^(\d+)-(\d+)\.parquet$")


class FolderStore(Store):
    """Keeps everything in a run folder. Reading needs no `open` and writes nothing.

    Several threads may write at once, each its own trials.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def open(self) -> None:
        """Makes the folders, tries to write, and removes what a killed process left half written.

        Raises:
            RunError: the folder cannot be written to.
        """
        trials, histories = self.path / "trials", self.path / "histories"
        try:
            files.make_folder(trials)
            files.make_folder(histories)
            files.try_writing(trials)
            folders = [self.path, histories, trials, *trials.iterdir()]
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be used as the output folder ({error.strerror or error}); "
                "another one can be given with --out"
            ) from error
        files.sweep(folders)

    def ranges(self, cell_id: str) -> list[tuple[int, int]]:
        """As in `Store`. Every file's footer is read: it has to hold the rows that the file's name says.

        Raises:
            RunError: a file is damaged.
        """
        from mcstudy.store import parquet

        for start, stop, path in self._shards(cell_id):
            parquet.open_shard(path, start, stop).close()
        return super().ranges(cell_id)

    def where(self, cell_id: str) -> str:
        """As in `Store`."""
        return str(self._trials(cell_id))

    def _shards(self, cell_id: str) -> list[Shard]:
        folder = self._trials(cell_id)
        try:
            names = sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise RunError(f"{folder}: cannot be read ({error.strerror or error})") from error
        matches = (match for match in map(_SHARD.match, names) if match)
        return [Shard(int(match[1]), int(match[2]), folder / match[0]) for match in matches]

    def _load(self, shard: Shard, columns: Sequence[str] | None, start: int, stop: int) -> Iterator[Rows]:
        from mcstudy.store import parquet

        return parquet.read_rows(shard, columns, start, stop)

    def _save(self, cell_id: str, start: int, rows: Rows) -> None:
        from mcstudy.store import parquet

        stop = start + len(rows["trial"])
        path = self._trials(cell_id) / f"{start:013d}-{stop:013d}.parquet"
        with _writing(path) as temporary:
            parquet.write_rows(temporary, rows, CHUNK)

    def _save_history(self, cell_id: str, steps: NDArray[Any], losses: NDArray[Any]) -> None:
        from mcstudy.store import parquet

        with _writing(self._history(cell_id)) as temporary:
            parquet.write_history(temporary, steps, losses)

    def read_history(self, cell_id: str) -> History | None:
        """As in `Store`.

        Raises:
            RunError: the file is damaged.
        """
        from mcstudy.store import parquet

        return parquet.read_history(self._history(cell_id))

    def write_sample(self, cell_id: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """As in `Store`."""
        with _writing(self._sample(cell_id)) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def read_sample(self, cell_id: str) -> dict[str, NDArray[Any]] | None:
        """As in `Store`."""
        try:
            with np.load(self._sample(cell_id), allow_pickle=False) as file:
                return dict(file)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """As in `Store`, as indented JSON.

        Raises:
            RunError: it cannot be written.
        """
        content = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        with _writing(self.path / "run.json") as temporary:
            temporary.write_text(content, encoding="utf-8")

    def read_manifest(self) -> dict[str, Any] | None:
        """As in `Store`.

        Raises:
            RunError: the file is damaged.
        """
        path = self.path / "run.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            why = getattr(error, "strerror", None) or error
            raise RunError(f"{path}: cannot be read ({why}); {self._again()}") from error
        if not isinstance(manifest, dict):
            raise RunError(f"{path}: is not the record of a run; {self._again()}")
        return manifest

    def _again(self) -> str:
        return f"`python -m mcstudy run STUDY.toml --out {shlex.quote(str(self.path))}` writes it anew"

    def _trials(self, cell_id: str) -> Path:
        return self.path / "trials" / f"cell={cell_id}"

    def _history(self, cell_id: str) -> Path:
        return self.path / "histories" / f"cell={cell_id}.parquet"

    def _sample(self, cell_id: str) -> Path:
        return self.path / "histories" / f"cell={cell_id}.npz"


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """A temporary path that becomes `path`; what the disk says is a `RunError`."""
    try:
        files.make_folder(path.parent)
        with files.replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
