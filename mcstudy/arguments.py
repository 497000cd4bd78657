"""What arguments of the command line are made of."""

from __future__ import annotations

from typing import Any

import click


class Whole(click.ParamType):  # type: ignore[type-arg]
    """A whole number within bounds, which `shown` gives as text; 20_000 and 1e6 are fine."""

    name = "N"

    def __init__(self, low: int, high: int, shown: str) -> None:
        self._low, self._high, self._shown = low, high, shown

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number."""
        text = str(value).strip()
        try:
            number = int(text) if text.lstrip("+-").replace("_", "").isdigit() else float(text)
            if number == int(number) and self._low <= number <= self._high:
                return int(number)
        except (ValueError, OverflowError):
            pass
        self.fail(f"{text} is not a whole number from {self._shown}")


class File(click.ParamType):  # type: ignore[type-arg]
    """A path that is not empty: a shell variable that is not set must not mean the current folder."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The path."""
        if not value:
            self.fail("the path is empty")
        return str(value)


FILE = File()
