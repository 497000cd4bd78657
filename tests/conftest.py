"""What several tests share: a fixed hypothesis profile, an empty folder to work in, the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from commands import Command, process

from mcstudy import jit

NARROW_BYTES = jit.pack_bytes() // 4
"""Width of a pack, a quarter of this machine's."""

Elsewhere = Mapping[str, "Future[Any]"]
"""What the walk of `walk.py` says in processes of another kind: "generic" and "narrow"."""

hypothesis.settings.register_profile("mcstudy", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("mcstudy")


@pytest.fixture(scope="session", autouse=True)
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Walks in other processes, begun before the first test: most of their time is compiling, on another core."""
    begun: dict[str, Future[Any]] = {}
    with ThreadPoolExecutor(1) as pool:
        script = (str(Path(__file__).with_name("walk.py")),)
        wanted = {item.name for item in request.session.items if item.path.stem == "test_reproducibility"}
        if wanted:
            a = tmp_path_factory.mktemp("generic")
            begun["generic"] = pool.submit(
                process, a, folder=a, start=script, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES=""
            )
        if "test_narrower_packs_change_nothing" in wanted:
            b = tmp_path_factory.mktemp("narrow")
            begun["narrow"] = pool.submit(process, b, NARROW_BYTES, folder=b, start=script)
        yield begun
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line, run in this process."""
    return Command(monkeypatch, capfd)
