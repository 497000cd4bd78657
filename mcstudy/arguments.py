"""What arguments of the command line are made of."""

from __future__ import annotations

from collections.abc import Callable
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


def study_options(function: Callable[..., None]) -> Callable[..., None]:
    """A command about a study: its file, other trials and another seed than it names."""
    for option in (
        click.option("--seed", type=Whole(0, 2**63 - 1, "0 to 2^63-1"), help="Seed instead of the study's."),
        click.option(
            "--trials", type=Whole(1, 10**12, "1 to 10^12"), help="Trials per cell instead of the study's number."
        ),
        click.argument("study", metavar="STUDY.toml", type=FILE),
    ):
        function = option(function)
    return function


def run_options(function: Callable[..., None]) -> Callable[..., None]:
    """A command that trains: `study_options`, threads, the folder and silence."""
    for option in (
        click.option("--quiet", is_flag=True, help="No progress and no table."),
        click.option("--threads", type=Whole(1, 1024, "1 to 1024"), help="Worker threads; all cores by default."),
        click.option("--out", metavar="DIR", type=FILE, help="Run folder; reports/NAME by default."),
    ):
        function = option(function)
    return study_options(function)
