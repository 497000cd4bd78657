"""The run folder: ``trials/cell=ID/START-STOP-CHECKSUM.parquet``, ``histories/cell=ID.parquet``, ``run.json``.

Every file is whole or absent (`mcstudy.files`). The name of a shard tells its trials, and a checksum that it is what
was written (`mcstudy.store.parquet`). What a run finds damaged is renamed to ``NAME.damaged``, which no one reads.
``histories/cell=ID.npz`` holds samples, which are only a cache; ``summaries/`` is told of in
`mcstudy.store.summaries`. The Parquet library is imported where a file is touched: it costs 0.1 s.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcstudy import files, locks
from mcstudy.errors import RunError
from mcstudy.store.base import CHUNK, DamagedError, History, Rows, Store
from mcstudy.store.listing import Shard, merged, shards_in
from mcstudy.store.summaries import FolderSummaries

_SHARD = re.compile(r"^(\d+)-(\d+)(?:-[0-9a-f]{8})?\.parquet$")
_CELL = re.compile(r"^cell=(\w+)(\..+)?$")


class FolderStore(Store):
    """Keeps everything in a run folder. Reading needs no `open` and writes nothing.

    Several threads may write at once, each its own trials.
    """

    writers = 2

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.summaries: FolderSummaries = FolderSummaries(self.path / "summaries")
        self._lot: files.Lot | None = None

    @contextmanager
    def held(self) -> Iterator[str]:
        """As in `Store`; makes the folder."""
        try:
            files.make_folder(self.path)
            lock = locks.held(self.path)
            notice = lock.__enter__()
        except locks.BusyError as error:
            raise RunError(
                f"{self.path}: another run is writing to this folder ({error}); wait until it has ended, or give this "
                "one another folder with --out"
            ) from error
        except OSError as error:
            raise self._unusable(error) from error
        try:
            yield notice and f"{self.path}: {notice}"
        finally:
            lock.__exit__(None, None, None)

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
            folders = [self.path, self.path / "figures", histories, trials, *trials.iterdir()]
            folders += self.summaries.folders()
        except OSError as error:
            raise self._unusable(error) from error
        files.sweep(folders)

    @contextmanager
    def together(self) -> Iterator[None]:
        """As in `Store`."""
        self._lot = lot = files.Lot()
        try:
            yield
        finally:
            self._lot = None
            refused = lot.finish()
        if refused:
            raise self._refused(*refused[0]) from refused[0][1]

    def _unusable(self, error: OSError) -> RunError:
        return RunError(
            f"{self.path}: cannot be used as the output folder ({error.strerror or error}); "
            "another one can be given with --out"
        )

    def ranges(self, cell_id: str) -> list[tuple[int, int]]:
        """As in `Store`. Every file is read: it has to be what was written, with the rows that its name says.

        Raises:
            RunError: a file cannot be read, or is damaged.
        """
        sound, damaged = self.looked_into(cell_id)
        if damaged:
            raise damaged[0][1]
        return sound

    def looked_into(self, cell_id: str) -> tuple[list[tuple[int, int]], list[tuple[Shard, DamagedError]]]:
        """The trials of a cell whose files are what was written, as `ranges` has them, and the other files.

        Raises:
            RunError: a file cannot be read.
        """
        from mcstudy.store import parquet

        sound, damaged = [], []
        for shard in self._shards(cell_id):
            try:
                with parquet.open_shard(shard.source, shard.start, shard.stop):
                    sound.append(shard)
            except DamagedError as error:
                damaged.append((shard, error))
        return merged(sound), damaged

    def salvaged(self, shard: Shard) -> Rows | None:
        """What a damaged shard says its rows are; None where that cannot be read."""
        from mcstudy.store import parquet

        return parquet.salvaged(shard)

    def set_aside(self, cell_id: str) -> list[str]:
        """As in `Store`: damaged files get the end ``.damaged``."""
        from mcstudy.store import parquet

        told = []
        history = self._history(cell_id)
        checks: list[tuple[Path, Callable[[], object]]]
        checks = [(shard.source, partial(parquet.check, shard)) for shard in self._shards(cell_id)]
        checks.append((history, partial(parquet.read_history, history)))
        checks += [(shard.source, partial(self.summaries.read, shard)) for shard in self.summaries.shards(cell_id)]
        for path, check in checks:
            try:
                check()
            except DamagedError as error:
                try:
                    name = files.set_aside(path).name
                except OSError as refused:
                    raise RunError(f"{error.found}, and cannot be renamed ({refused.strerror or refused})") from refused
                told.append(f"{error.found}; it is set aside as {name}, and its trials are trained again")
        return told

    def cells(self) -> list[str]:
        """The ids of all cells of which something is stored, sorted."""
        return sorted({match[1] for match in (_CELL.match(path.name) for path in self.path.glob("*/cell=*")) if match})

    def size(self, cell_id: str) -> tuple[int, int]:
        """How many trials of a cell are stored, as its files are named, and the bytes of all its files."""
        trials = sum(stop - start for start, stop in Store.ranges(self, cell_id))
        trials += sum(shard.stop - shard.start for shard in self.summaries.shards(cell_id))
        found = [below for path in self._of(cell_id) for below in (path, *path.rglob("*"))]
        return trials, sum(path.stat().st_size for path in found if path.is_file())

    def remove(self, cell_id: str) -> None:
        """Removes everything of a cell.

        Raises:
            RunError: the folder does not let it.
        """
        try:
            for path in self._of(cell_id):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        except OSError as error:
            raise RunError(f"{error.filename or self.path}: cannot be removed ({error.strerror or error})") from error

    def _of(self, cell_id: str) -> list[Path]:
        """All files and folders of a cell."""
        found = ((path, _CELL.match(path.name)) for path in self.path.glob(f"*/cell={cell_id}*"))
        return [path for path, match in found if match and match[1] == cell_id]

    def where(self, cell_id: str) -> str:
        """As in `Store`."""
        return str(self._trials(cell_id))

    def _shards(self, cell_id: str) -> list[Shard]:
        return shards_in(self._trials(cell_id), _SHARD)

    def _load(self, shard: Shard, columns: Sequence[str] | None, start: int, stop: int) -> Iterator[Rows]:
        from mcstudy.store import parquet

        return parquet.read_rows(shard, columns, start, stop)

    def _save(self, cell_id: str, start: int, rows: Rows) -> None:
        from mcstudy.store import parquet

        self._write(*parquet.shard(self._trials(cell_id), rows, CHUNK))

    def _save_history(self, cell_id: str, steps: NDArray[Any], losses: NDArray[Any]) -> None:
        from mcstudy.store import parquet

        path = self._history(cell_id)
        self._write(path, parquet.history(path, steps, losses))

    def read_history(self, cell_id: str) -> History | None:
        """As in `Store`.

        Raises:
            RunError: the file is damaged.
        """
        from mcstudy.store import parquet

        return parquet.read_history(self._history(cell_id))

    def write_sample(self, cell_id: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """As in `Store`. It is not waited for: what a power cut leaves of it is found out by its checksums."""
        path = self._sample(cell_id)
        try:
            with files.replacing(path, safe=False) as temporary, open(temporary, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        except OSError as error:
            raise self._refused(path, error) from error

    def read_sample(self, cell_id: str) -> dict[str, NDArray[Any]] | None:
        """As in `Store`."""
        try:
            with np.load(self._sample(cell_id), allow_pickle=False) as file:
                return dict(file)
        except MemoryError:
            raise
        except Exception:  # a file that is damaged may raise anything: its head is read before its checksum
            return None

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """As in `Store`, as indented JSON.

        Raises:
            RunError: it cannot be written.
        """
        content = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        self._write(self.path / "run.json", content.encode())

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

    def _write(self, path: Path, content: bytes | memoryview) -> None:
        """Writes a file; what the disk says is a `RunError`, which says what to do."""
        to: files.Lot | ModuleType = self._lot or files
        try:
            if not path.parent.is_dir():
                for folder in reversed(path.parents):
                    if self.path in folder.parents:
                        # The output folder, made again, would hide that the trials before are gone, or their disk.
                        to.make_folder(folder, parents=False)
            with to.replacing(path) as temporary, open(temporary, "wb") as file:
                file.write(content)
        except OSError as error:
            raise self._refused(path, error) from error

    def _refused(self, path: Path, error: OSError) -> RunError:
        if not self.path.is_dir():
            return RunError(f"{self.path}: the output folder is gone; put it back, or run again to train everything")
        return RunError(
            f"{path}: cannot be written ({error.strerror or error}); what was stored before is safe, and when that "
            "is put right the same command goes on from there"
        )
