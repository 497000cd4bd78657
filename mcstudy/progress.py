"""How a run's progress is shown: a bar on a terminal, else a plain line now and then. All of it goes to stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from mcstudy.engine.run import Progress

if TYPE_CHECKING:
    from tqdm import tqdm

LINE_SECONDS = 15.0


class Quiet(Progress):
    """Shows nothing but what is to be known."""

    def note(self, line: str) -> None:
        """Tell it."""
        self._tell(line)

    @staticmethod
    def _tell(line: str) -> None:
        print(f"mcstudy: {line}", file=sys.stderr, flush=True)


class Shown(Quiet):
    """Shows rate and time left."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._total = self._done = self._early = 0
        self._start = self._told = 0.0
        self._most = ""

    def start(self, rows: int, total: int, early: bool = False) -> None:
        """`rows` of `total` trials are to be trained; with `early`, at the most."""
        if rows == 0:
            self._tell(f"all {total:,} trials are stored; nothing to train")
            return
        from mcstudy import jit

        self._most = "at most " if early else ""
        if rows < total:
            which = f"at most {rows:,} others" if early else f"the other {rows:,}"
            self._tell(f"{total - rows:,} of {total:,} trials are stored; training {which}")
        elif early:
            self._tell(f"at most {rows:,} trials; each cell stops as study.until says")
        if not any(jit.kernel_cache().rglob("*.nbc")):
            self._tell("compiling the kernels: once per version and precision, about 15 s")
        self._total, self._done = rows, 0
        self._start = self._told = time.monotonic()
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=rows, unit=" trials", unit_scale=True, smoothing=0.1, dynamic_ncols=True)

    def expect(self, rows: int) -> None:
        """No more than `rows` are to be trained now."""
        self._total = max(rows, self._done, 1)
        if self._bar is not None:
            self._bar.total = self._total

    def advance(self, rows: int) -> None:
        """`rows` more trials are trained."""
        if self._done == 0:  # what came before was compiling and the first unit, and says nothing about the rate
            self._start, self._early = time.monotonic(), rows
        self._done += rows
        if self._bar is not None:
            self._bar.update(rows)

    def idle(self) -> None:
        """Keeps the clock going."""
        now = time.monotonic()
        if self._bar is not None:
            self._bar.refresh()
        elif now - self._told >= LINE_SECONDS:
            self._told = now
            rate = (self._done - self._early) / max(now - self._start, 1e-3)
            left = f"{self._most}{_clock((self._total - self._done) / rate)} left" if rate else ""
            pace = f", {rate:,.0f} trials/s, {left}" if rate else ""
            self._tell(f"{100 * self._done / self._total:.0f} % of {self._total:,} trials{pace}")

    def finish(self) -> None:
        """Training has ended."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
