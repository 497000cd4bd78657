"""The command line for tests: in this process, which is quick, or in one of its own, which is what users do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mcstudy import cli

TINY = """\
[study]
name = "tiny"
seed = 11
trials = 70

[task]
name = "relu"
batch = 8

[network]
hidden = [2]
init = "normal"

[train]
steps = 40

[converge]
loss = 0.05

[vary]
activation = ["relu", { name = "leaky_relu", negative_slope = 0.3 }]
optimizer = [{ name = "sgd", lr = 0.1 }, { name = "adam", lr = 0.03, betas = [0.8, 0.9] }]
"""


class Result(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


class Command:
    """Runs commands in this process, as ``python -m mcstudy`` would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capture = monkeypatch, capture

    def __call__(self, *arguments: object) -> Result:
        self._capture.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["mcstudy", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = self._capture.readouterr()
        return Result(int(caught.value.code or 0), out, err)


def process(*arguments: object, folder: Path, start: tuple[str, ...] = ("-m", "mcstudy"), **variables: str) -> Result:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def started(*arguments: object, folder: Path, stderr: Any = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own, where Ctrl-C reaches it even if it does not reach the tests."""
    return subprocess.Popen(
        [sys.executable, "-m", "mcstudy", *map(str, arguments)],
        cwd=folder,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )


def files(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder, by relative path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
