"""Other processes that draw figures while this one goes on, and `main`, which runs in them.

Each is asked through a pipe for one figure after the other, and answers with the bytes that would be drawn here. None
of them is needed: where one cannot be started, or is lost, its figures are drawn here.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcstudy.figures import Drawn

MOST, LEAST_CELLS = 3, 8
"""Processes at the most, and cells of a study that has any: of fewer, all is drawn by the time that a process has
imported what it needs."""

MEMORY = 2 << 30
"""Bytes of the machine's memory for each of them, which takes a sixth of that."""

_READY = b"mcstudy draws\n"
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from mcstudy.drawers import main; main()"


def fitting(threads: int | None = None) -> int:
    """How many fit beside this process: one for each further core, or thread where a number is given, and `MEMORY`."""
    from mcstudy.engine.program import memory_bytes
    from mcstudy.engine.threads import available_threads

    others, memory = (threads or available_threads()) - 1, memory_bytes()
    return others if memory is None else min(others, memory // MEMORY)


class Drawers:
    """Processes that draw, for a block; they end with it, whether they are done or not.

    What goes wrong in them is not told: their figures are then drawn by whoever asked, who meets what is wrong with a
    figure there.

    Args:
        count: how many, at most `MOST`; with 0 everything is drawn by whoever asks.
        cells: of the study.
    """

    def __init__(self, count: int = 0, cells: int = 0) -> None:
        self._count = min(count, MOST) if cells >= LEAST_CELLS else 0
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock, self._ended = threading.Lock(), False
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        # Each thread begins a process of its own, and speaks with no other.
        self._pool, self._own = ThreadPoolExecutor(max(1, self._count)), threading.local()

    def __enter__(self) -> Drawers:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended = True
        for process in self._processes:
            process.kill()
        self._pool.shutdown(cancel_futures=True)
        for process in self._processes:
            with suppress(OSError), process:  # what was half sent is not wanted any more
                pass
        if self._folder is not None:
            self._folder.cleanup()

    def start(self) -> None:
        """Have the processes import what they need, which takes a second or two."""
        with suppress(RuntimeError):  # the system has no thread to give
            for _ in range(self._count):
                self._pool.submit(self._process)

    def ask(self, figure: str, frame: Any, keys: Sequence[str], anytime: bool) -> Future[Drawn] | None:
        """Ask for one of `mcstudy.figures.FIGURES`, by its name; for the rest see `mcstudy.figures.draw`."""
        if self._count:
            with suppress(RuntimeError):
                return self._pool.submit(self._drawn, (figure, frame, tuple(keys), anytime))
        return None

    def take(self, asked: Future[Drawn] | None) -> Drawn | None:
        """What was asked for; None if it has to be drawn here: nobody has begun with it, or a process was lost.

        One that has begun is waited for.
        """
        if asked is None or asked.cancel():
            return None
        return asked.result() if asked.exception() is None else None

    def _process(self) -> subprocess.Popen[bytes]:
        """The process of this thread.

        Raises:
            OSError: there is none.
        """
        if not hasattr(self._own, "process"):
            self._own.process = None
            self._own.process = self._begin()
        if self._own.process is None:
            raise OSError("a process that draws was lost")
        process: subprocess.Popen[bytes] = self._own.process
        return process

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise OSError("nothing is to be drawn any more")
            # matplotlib has files there where it can keep none, and a process that is killed removes nothing.
            self._folder = self._folder or tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # A terminal's Ctrl-C is for this process, which ends the others.
                start_new_session=True,
                env=os.environ | {"TMPDIR": self._folder.name},
            )
            self._processes.append(process)
        assert process.stdout is not None
        # Whatever starts with Python may print before.
        if not any(line.endswith(_READY) for line in process.stdout):
            raise OSError("a process that draws was lost")
        return process

    def _drawn(self, question: tuple[Any, ...]) -> Drawn:
        process = self._process()
        message = pickle.dumps(question)
        # Whatever interrupts the two, they would not understand each other any more.
        self._own.process = None
        assert process.stdin is not None
        process.stdin.write(message)
        process.stdin.flush()
        assert process.stdout is not None
        drawn: Drawn = pickle.load(process.stdout)
        self._own.process = process
        return drawn


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Draw what is asked for, until nobody is left to ask."""
    from mcstudy.figures import FIGURES, draw
    from mcstudy.figures.canvas import prepare

    gc.disable()  # to look through what is being imported would take a tenth of the time
    prepare()
    gc.freeze()
    gc.enable()
    answers.write(_READY)
    while True:
        answers.flush()
        figure, frame, keys, anytime = pickle.load(questions)
        pickle.dump(draw(FIGURES[figure], frame, keys, anytime), answers)


def main() -> None:
    """What the other process runs. Faults have no words here: who asked draws the figure and meets them there."""
    faults = suppress(Exception, KeyboardInterrupt)
    with faults, os.fdopen(os.dup(0), "rb") as questions, os.fdopen(os.dup(1), "wb") as answers:
        # What anything prints is no answer.
        os.dup2(2, 1)
        serve(questions, answers)
