"""mcstudy: how often does this small network learn, how fast, and when it fails, why?

    study = mcstudy.load("studies/relu.toml")
    results = mcstudy.run(study, trials=1000)
    results.rates

Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcstudy.api import Results, Trace, replay, run
    from mcstudy.errors import RunError, StudyError
    from mcstudy.plan import Cell, Plan, make_plan
    from mcstudy.spec import Study
    from mcstudy.spec.load import load

__version__ = "0.1.0"

_HOMES = {
    "load": "mcstudy.spec",
    "Study": "mcstudy.spec",
    "run": "mcstudy.api",
    "replay": "mcstudy.api",
    "Results": "mcstudy.api",
    "Trace": "mcstudy.api",
    "StudyError": "mcstudy.errors",
    "RunError": "mcstudy.errors",
    "make_plan": "mcstudy.plan",
    "Plan": "mcstudy.plan",
    "Cell": "mcstudy.plan",
}

__all__ = [
    "Cell",
    "Plan",
    "Results",
    "RunError",
    "Study",
    "StudyError",
    "Trace",
    "load",
    "make_plan",
    "replay",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mcstudy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
