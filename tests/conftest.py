"""What several tests share: a fixed hypothesis profile, an empty folder to work in, the command line."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from commands import Command

hypothesis.settings.register_profile("mcstudy", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("mcstudy")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line, run in this process."""
    return Command(monkeypatch, capfd)
