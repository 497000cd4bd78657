"""What git knows of a study file: the commit that is checked out, and whether files beside the study differ from it.

A folder may come from anyone, and the configuration in it can make git run commands (filters, hooks, monitors). So git
only reads what a commit names, from this machine alone, and the files are hashed here.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never")
_QUIET = {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
_SECONDS = 5.0
_LARGEST = 100_000_000
"""Bytes of a file beyond which only its presence is looked at."""


def state(folder: Path) -> dict[str, Any] | None:
    """`commit` (hex), and `changed`: the files of the commit directly in `folder` that are now others, or gone.

    None where there is no git, or no repository with a commit. Line ends alone change nothing. Never fails.
    """
    commit = _ask(folder, "rev-parse", "--verify", "HEAD")
    listed = _ask(folder, "ls-tree", "-z", "HEAD", "./") if commit else None
    if commit is None or listed is None:
        return None
    changed = []
    for entry in filter(None, listed.split("\0")):
        about, _, name = entry.partition("\t")
        mode, kind, digest = about.split()
        if kind == "blob" and mode != "120000" and not _is_blob(folder / os.path.basename(name), digest):
            changed.append(os.path.basename(name))
    return {"commit": commit.strip(), "changed": sorted(changed)}


def _ask(folder: Path, *words: str) -> str | None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *_SAFE, *words],
            cwd=folder,
            env=variables | _QUIET,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None


def _is_blob(path: Path, digest: str) -> bool:
    """Whether a file has the content of a blob, as it is or with the line ends of git."""
    try:
        if path.stat().st_size > _LARGEST:
            return True
        content = path.read_bytes()
    except OSError:
        return False
    for form in (content, content.replace(b"\r\n", b"\n")):
        made = hashlib.new("sha1" if len(digest) == 40 else "sha256", usedforsecurity=False)
        made.update(b"blob %d\0" % len(form) + form)
        if made.hexdigest() == digest:
            return True
    return False
