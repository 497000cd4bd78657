"""What several tests share: a fixed hypothesis profile, an empty folder to work in, the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import pandas as pd
import pytest
from commands import Command, Result, process

from mcstudy import jit, statistics
from mcstudy.plan import Plan
from mcstudy.store.base import Store

NARROW_BYTES = jit.pack_bytes() // 4
"""Width of a pack, a quarter of this machine's."""

hypothesis.settings.register_profile("mcstudy", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("mcstudy")


class Elsewhere:
    """What the walk of `walk.py` says in other processes.

    "native" is like this one, "narrow" has narrower packs, "float32" and "float64" walk on another processor.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def walk(self, kind: str, *arguments: object, **variables: str) -> None:
        """Walk in a process of its own, and leave what it said."""
        place = self._folder / kind
        place.mkdir()
        said = process(place, *arguments, folder=place, start=(str(Path(__file__).with_name("walk.py")),), **variables)
        (place / "said.part").write_text(json.dumps(said))
        (place / "said.part").replace(place / "said.json")

    def result(self, kind: str) -> Result:
        """What a walk said, once it has."""
        said = self._folder / kind / "said.json"
        until = time.monotonic() + 600
        while not said.exists() and time.monotonic() < until:
            time.sleep(0.2)
        return Result(*json.loads(said.read_text()))


FIRST = ("house", "spec", "bad_files", "listing", "plan", "statistics", "store", "studies", "streams", "elementary")
SECOND = ("cli", "verify", "interrupt", "replay", "report", "surfaces", "closeups", "diagnosis", "exact", "published")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need no kernel come first, then those of few parts, while the walk in another process compiles."""
    order = {f"test_{name}": number for number, name in enumerate(FIRST + SECOND)}
    order["test_reproducibility"] = len(order) + 1
    items.sort(key=lambda item: order.get(item.path.stem, len(order) - 1))


@pytest.fixture(scope="session", autouse=True)
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Walks in other processes, begun before the first test: most of their time is compiling.

    The first of them compiles what this process then finds in the cache.
    """
    walks = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    wanted = {item.name for item in request.session.items if item.path.stem == "test_reproducibility"}
    with ThreadPoolExecutor(1) as pool:
        if wanted:
            pool.submit(walks.walk, "native")
        for precision in ("float32", "float64"):
            if f"test_another_processor_changes_nothing[{precision}]" in wanted:
                pool.submit(walks.walk, precision, precision, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
        if "test_narrower_packs_change_nothing" in wanted:
            pool.submit(walks.walk, "narrow", "", NARROW_BYTES)
        yield walks
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write no report: drawing takes most of the time of a short one, and many tests ask for its trials alone."""

    def rates(plan: Plan, store: Store, folder: Path, record: object, trials: int, tallies: object) -> pd.DataFrame:
        return statistics.rates(plan, store, trials)

    monkeypatch.setattr("mcstudy.api.write_report", rates)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line, run in this process."""
    return Command(monkeypatch, capfd)
