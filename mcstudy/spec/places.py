"""Where the files lie that a study names: in its folder or below, wherever links lead."""

from __future__ import annotations

import stat
from pathlib import Path

from mcstudy.errors import shown


class BadPlace(Exception):
    """Why a file that a study names is not opened; the text is a message."""


def beside(name: str, folder: Path | None, noun: str) -> Path:
    """The path of a regular file in a folder or below.

    A study is data that may come from anyone: it reads nothing outside its folder, no device and no pipe.

    Args:
        name: as the study writes it.
        folder: the study's; None for a study that a program made, which may name any file.
        noun: what the file holds, as in "tables".

    Raises:
        BadPlace: it lies elsewhere, is not there, or is no regular file.
    """
    path = (folder or Path()) / name
    try:
        if folder is not None and not path.resolve().is_relative_to(folder.resolve()):
            raise BadPlace(
                f"{shown(name)} does not lie in the study's folder; {noun} are read from there and the folders below "
                "alone, so put the file (not a link to it) there"
            )
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise BadPlace(f"{path}: there is no such file (looked for beside the study)") from None
    except (OSError, RuntimeError, ValueError) as error:  # a name that is too long, a loop of links, a NUL
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BadPlace(f"{shown(name)} cannot be read: {reason}") from error
    if stat.S_ISDIR(mode):
        raise BadPlace(f"{path}: this is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise BadPlace(f"{path}: this is a device or a pipe, not a file")
    return path
