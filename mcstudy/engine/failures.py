"""What is told of a worker that failed."""

from __future__ import annotations

import os
import traceback

from mcstudy.errors import RunError


def failed(error: BaseException) -> RunError:
    """What a worker raised, with the line where."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""
    told = RunError(
        f"a worker thread failed ({type(error).__name__}{where}: {error}); what was finished is stored, and the same "
        "command goes on from there; should it fail again, it is a fault of mcstudy, and worth telling"
    )
    told.__cause__ = error
    return told
