"""A store that writes nothing to disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from mcstudy.errors import RunError
from mcstudy.store.base import CHUNK, History, Rows, Store
from mcstudy.store.listing import Shard
from mcstudy.store.summaries import MemorySummaries


class MemoryStore(Store):
    """Keeps everything in memory: the arrays as they are written, which nobody may change then."""

    def __init__(self) -> None:
        self.summaries = MemorySummaries()
        self._rows: dict[str, list[Shard]] = {}
        self._histories: dict[str, History] = {}
        self._samples: dict[str, dict[str, NDArray[Any]]] = {}
        self._manifest: dict[str, Any] | None = None

    def open(self) -> None:
        """As in `Store`; there is nothing to do."""

    def where(self, cell_id: str) -> str:
        """As in `Store`."""
        return f"cell {cell_id} in memory"

    def _shards(self, cell_id: str) -> list[Shard]:
        return list(self._rows.get(cell_id, ()))

    def _load(self, shard: Shard, columns: Sequence[str] | None, start: int, stop: int) -> Iterator[Rows]:
        rows: Rows = shard.source
        if missing := [name for name in columns or () if name not in rows]:
            raise RunError(f"no column {missing[0]!r} is stored; there are {', '.join(rows)}")
        for low in range(start - shard.start, stop - shard.start, CHUNK):
            piece = slice(low, min(low + CHUNK, stop - shard.start))
            yield {name: rows[name][piece] for name in columns or rows}

    def _save(self, cell_id: str, start: int, rows: Rows) -> None:
        self._rows.setdefault(cell_id, []).append(Shard(start, start + len(rows["trial"]), rows))

    def _save_history(self, cell_id: str, steps: NDArray[Any], losses: NDArray[Any]) -> None:
        self._histories[cell_id] = (steps, losses)

    def read_history(self, cell_id: str) -> History | None:
        return self._histories.get(cell_id)

    def write_sample(self, cell_id: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """As in `Store`."""
        self._samples[cell_id] = dict(arrays)

    def read_sample(self, cell_id: str) -> dict[str, NDArray[Any]] | None:
        """As in `Store`."""
        return self._samples.get(cell_id)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = json.loads(json.dumps(manifest))

    def read_manifest(self) -> dict[str, Any] | None:
        return self._manifest
