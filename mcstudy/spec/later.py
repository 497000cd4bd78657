"""What a study file may say one day, but this version cannot do.

Such settings are refused, never ignored. A feature that arrives deletes its line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple


class Later(NamedTuple):
    """A key whose value is refused where `refused` says so."""

    key: str
    refused: Callable[[Any], bool]


def _any(value: Any) -> bool:
    return True


LATER: Final[tuple[Later, ...]] = ()
"""The settings that are valid but not supported yet."""

UNSUPPORTED: Final = frozenset(later.key for later in LATER if later.refused is _any)
"""The keys of which no value is supported yet."""
