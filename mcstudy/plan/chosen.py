"""What a study gives for one cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcstudy.errors import Fault


@dataclass
class Chosen:
    """What a study gives for one cell, and what is wrong with it.

    Attributes:
        values: plain data by dotted key; a key that nothing gives is not there.
        paths: where in the file each value stands.
        faults: filled while the settings are made.
    """

    values: Mapping[str, Any]
    paths: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """The value of a key, None where nothing gives it."""
        return self.values.get(name)

    def refuse(self, name: str, message: str, inner: str = "") -> None:
        """Notes what is wrong with a key."""
        path = self.paths.get(name, f"$.{name}") + inner
        self.faults.append(Fault(path, self.values.get(name), message))
