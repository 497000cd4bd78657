"""Machine code on disk is never run for another signature's, whatever several processes keep at the same time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from numba.core.caching import IndexDataCacheFile

from mcstudy import jit
from mcstudy.training.loop import train

CODE = {"float32": "the code for float32", "float64": "the code for float64"}


def seen_while_two_keep(kind: Any, folder: Path) -> list[tuple[str, str]]:
    """What readers find, by signature, while one process keeps its code between two steps of another that does."""
    first, reader = kind(str(folder), "loop", "stamp"), kind(str(folder), "loop", "stamp")
    seen = []

    def look() -> None:
        seen.extend((name, found) for name in CODE if (found := reader.load(name)) is not None)

    class Second(kind):  # type: ignore[misc]
        def _load_index(self) -> Any:
            before = super()._load_index()
            first.save("float64", CODE["float64"])
            return before

        def _save_index(self, overloads: Any) -> None:
            super()._save_index(overloads)
            look()

        def _save_data(self, name: str, data: Any) -> None:
            super()._save_data(name, data)
            look()

    Second(str(folder), "loop", "stamp").save("float32", CODE["float32"])
    look()
    assert reader.load("float32") == CODE["float32"]
    return seen


def test_no_process_runs_the_code_of_another_signature(tmp_path: Path) -> None:
    seen = seen_while_two_keep(jit._Kept, tmp_path)
    assert seen and all(CODE[name] == found for name, found in seen)


def test_with_files_that_are_numbered_one_would(tmp_path: Path) -> None:
    seen = seen_while_two_keep(IndexDataCacheFile, tmp_path)
    assert ("float32", CODE["float64"]) in seen


def test_a_lost_entry_is_kept_once_more(tmp_path: Path) -> None:
    files = jit._Kept(str(tmp_path), "loop", "stamp")
    for name in CODE:
        files.save(name, CODE[name])
    assert {name: files.load(name) for name in CODE} == CODE
    files._save_index({})
    assert files.load("float32") is None
    files.save("float32", CODE["float32"])
    assert files.load("float32") == CODE["float32"] and files.load("float64") is None
    assert len(list(tmp_path.glob("*.nbc"))) == 2


@pytest.mark.skipif(not jit._can_write(jit.kernel_cache()), reason="there is no folder for machine code")
def test_kernels_are_kept_that_way() -> None:
    assert type(train._cache._cache_file) is jit._Kept
