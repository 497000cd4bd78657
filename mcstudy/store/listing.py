"""The pieces that the trials of a cell lie in, and which of them a folder holds."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mcstudy.errors import RunError


class Shard(NamedTuple):
    """The trials [start, stop) of one cell, and where they lie: a file, or the rows themselves."""

    start: int
    stop: int
    source: Any


def merged(shards: Sequence[Shard]) -> list[tuple[int, int]]:
    """The trials of some shards as ranges [start, stop): sorted, merged, not overlapping."""
    found: list[tuple[int, int]] = []
    for start, stop, _ in sorted(shards, key=lambda shard: shard[:2]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def shards_in(folder: Path, pattern: re.Pattern[str]) -> list[Shard]:
    """The files of a folder whose names match, by the trials [start, stop) that the pattern's first two groups tell.

    Raises:
        RunError: the folder cannot be read; one that is not there holds none.
    """
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(f"{folder}: cannot be read ({error.strerror or error})") from error
    matches = (match for match in map(pattern.match, names) if match)
    return [Shard(int(match[1]), int(match[2]), folder / match[0]) for match in matches]
