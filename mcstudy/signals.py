"""Signals that ask a program to stop: all of them end it as Ctrl-C does, with what is done kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

_ALSO = ("SIGTERM", "SIGHUP")
"""Of a cluster or a system that shuts down, and of a terminal that is gone."""


class Stopped(KeyboardInterrupt):
    """A signal other than that of Ctrl-C came."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def listening() -> Iterator[None]:
    """Signals raise `Stopped` while the block lasts; what was ignored stays ignored, as by `nohup`."""
    before: dict[int, Any] = {}
    with suppress(ValueError):  # not in the main thread, which alone gets them
        for number in (getattr(signal, name) for name in _ALSO if hasattr(signal, name)):
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Let Ctrl-C, and what else asks to stop, wait until the block has ended."""
    came: list[int] = []
    before: dict[int, Any] = {}
    try:
        with suppress(ValueError):  # not in the main thread, which alone is interrupted
            for number in _all():
                if callable(signal.getsignal(number)):
                    before[number] = signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def ignore() -> None:
    """From now on nothing interrupts: the program is about to end."""
    for number in _all():
        signal.signal(number, signal.SIG_IGN)


def status(error: BaseException) -> int:
    """The exit status of a program that was stopped: 128 and the number of the signal, 130 for Ctrl-C."""
    cause = error.__cause__ or error
    return 128 + (cause.number if isinstance(cause, Stopped) else signal.SIGINT)


def _all() -> list[int]:
    return [getattr(signal, name) for name in ("SIGINT", *_ALSO) if hasattr(signal, name)]


def _stop(number: int, frame: object) -> NoReturn:
    raise Stopped(number)
