"""Which files of trials a folder holds."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mcstudy.errors import RunError
from mcstudy.store.base import Shard


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
