"""SIGKILL at any moment, as often as it likes: the rows of the run that is then finished are those of any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import process

SCRIPT = str(Path(__file__).with_name("killed.py"))


@pytest.mark.parametrize("runs", [8, pytest.param(80, marks=pytest.mark.slow)])
def test_runs_that_are_killed_end_as_undisturbed_ones(runs: int, tmp_path: Path) -> None:
    result = process(tmp_path, runs, folder=tmp_path, start=(SCRIPT,))
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert len(found) == runs
    assert all(run["same"] for run in found), found
    assert [run["left"] for run in found] == [[]] * runs
    # Kills came, and not all of them before anything was stored.
    assert sum(run["kills"] for run in found) >= runs
    assert sum(0 < run["most"] < 1200 for run in found) >= max(1, runs // 20)
    cut, aside = (sum(run[name] for run in found) for name in ("cut", "aside"))
    assert 0 < aside <= cut
