"""What is known of a run: versions, machine, seed, command, and the commit of the study, whatever git is told to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import small
from commands import Command

from mcstudy import git, jit, manifest

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")


def run_git(folder: Path, *words: str) -> str:
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    variables = os.environ | dict.fromkeys(names, "x") | {"GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(["git", *words], cwd=folder, env=variables, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(place: Path) -> Path:
    """A repository with a study in a folder of it."""
    run_git(place, "init", "-q")
    folder = place / "of studies"
    folder.mkdir()
    (folder / "small.toml").write_text(small.TEXT)
    (folder / "ä table.csv").write_bytes(b"x,y\n1,2\n")
    (place / "elsewhere.txt").write_text("x")
    run_git(place, "add", "-A")
    run_git(place, "commit", "-qm", "first")
    return folder


@needs_git
def test_the_commit_and_what_differs_from_it(repository: Path) -> None:
    commit = run_git(repository, "rev-parse", "HEAD").strip()
    assert git.state(repository) == {"commit": commit, "changed": []}
    (repository.parent / "elsewhere.txt").write_text("y")  # another folder, and files that git does not know
    (repository / "new.txt").write_text("z")
    (repository / "ä table.csv").write_bytes(b"x,y\r\n1,2\r\n")  # as git for Windows writes it
    assert git.state(repository) == {"commit": commit, "changed": []}
    (repository / "small.toml").write_text(small.TEXT + "\n")
    assert git.state(repository) == {"commit": commit, "changed": ["small.toml"]}
    (repository / "ä table.csv").unlink()
    assert git.state(repository) == {"commit": commit, "changed": ["small.toml", "ä table.csv"]}


@needs_git
def test_nothing_that_a_repository_says_is_run(repository: Path) -> None:
    ran = repository / "ran"
    script = repository.parent / "script"
    script.write_text(f"#!/bin/sh\ntouch '{ran}'\ncat\n")
    script.chmod(0o755)
    (repository.parent / ".gitattributes").write_text("* filter=own diff=own\n")
    for key in ("core.fsmonitor", "filter.own.clean", "filter.own.smudge", "diff.own.textconv", "core.pager"):
        run_git(repository, "config", key, str(script))
    for name in ("post-index-change", "post-checkout", "pre-commit"):
        shutil.copy(script, repository.parent / ".git/hooks" / name)
    (repository / "small.toml").write_text(small.TEXT + "\n")
    assert (git.state(repository) or {})["changed"] == ["small.toml"]
    assert not ran.exists()
    run_git(repository, "status")  # which does run them: the trap is set
    assert ran.exists()


def test_no_git_is_no_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git.state(place) is None
    assert git.state(place / "missing") is None
    if shutil.which("git"):
        run_git(place, "init", "-q")
        assert git.state(place) is None  # no commit yet
    monkeypatch.setenv("PATH", str(place))
    assert git.state(place) is None
    (place / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (place / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/bin:/usr/bin")
    monkeypatch.setattr(git, "_SECONDS", 0.2)
    assert git.state(place) is None


@needs_git
def test_the_record_says_how_it_came_about(repository: Path, command: Command, undrawn: None) -> None:
    (repository / "small.toml").write_text(small.TEXT.replace("seed = 3", "seed = 4"))
    assert command("run", "of studies/small.toml", "--seed", 9, "--quiet").status == 0
    record = json.loads((repository.parent / "reports/small/run.json").read_text())
    commit = run_git(repository, "rev-parse", "HEAD").strip()
    assert record["git"] == {"commit": commit, "changed": ["small.toml"]}
    shown = manifest.provenance(record) or {}
    assert shown["git"] == f"{commit}, with changes in small.toml"
    assert shown["kernels"] == jit.kernel_hash() and shown["seed"] == 9
    assert shown["command"] == "python -m mcstudy run 'of studies/small.toml' --seed 9 --quiet"
    assert "numba " in shown["versions"] and "mcstudy " in shown["versions"] and shown["processor"]
    # A run that trains nothing keeps what is known of the training.
    run_git(repository, "commit", "-qam", "second")
    assert command("run", "of studies/small.toml", "--seed", 9, "--trials", 500).status == 0
    again = json.loads((repository.parent / "reports/small/run.json").read_text())
    assert again["trials"] == 500 and again["git"] == record["git"]
    for old in ({}, {"git": None}):
        assert "git" not in (manifest.provenance({"study": {}} | old) or {})
