"""The study file: what it may say, and every message about what it may not.

`load` reads a file, `Study.model_validate` a dict; both raise `mcstudy.errors.StudyError` with every fault.
"""

from __future__ import annotations

from mcstudy.spec.keys import KEYS, Key
from mcstudy.spec.load import load
from mcstudy.spec.model import Study, check_study

__all__ = ["KEYS", "Key", "Study", "check_study", "load"]
