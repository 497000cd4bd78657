"""What several tests share: a fixed hypothesis profile, an empty folder to work in, the command line, the workers."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:  # the process that only hands out tests to others is not to wait for all of this
    import pandas as pd
    from commands import Command

    from mcstudy.figures import Drawing, Drawn
    from mcstudy.plan import Plan
    from mcstudy.store.base import Store

hypothesis.settings.register_profile("mcstudy", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("mcstudy")

WORKERS = 4
"""At the most: each compiles and imports for itself, and there is little left to share out."""

FIRST = (
    *("reproducibility float64", "reproducibility float32", "measure", "unrolled", "gradients", "exact", "elementary"),
    *("times", "faults", "verify", "report", "against_naive", "cli", "kills", "user_parts", "replay", "published"),
    *("pairs_statistics", "inits", "interrupt", "options_against_naive", "mutated", "sequences", "interactions"),
    *("closeups", "streams", "until", "claims", "summary", "hostile", "axes", "spec", "packs", "surfaces", "pairs"),
)
"""What takes longest, slow tests included. The first three compile most of what the others find in the cache."""


QUICKER = {
    "OPENBLAS_NUM_THREADS": "1",  # threads of threads wait for each other: a tenth of all
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
"""Of the environment of the workers, which read it when they start.

Memory that is given back to the system comes back as pages of zeros that have to be made. A worker that keeps it needs
a seventh of the pages, and half of the system's time, in tests of large arrays.
"""


def unit(nodeid: str) -> str:
    """What one worker runs: the tests of a file, or those of one precision where each compiles kernels of its own."""
    file, _, test = nodeid.partition("::")
    name = Path(file).stem.removeprefix("test_")
    known = [precision for precision in ("float32", "float64") if precision in test]
    return " ".join([name, *known]) if name == "reproducibility" else name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long units come first, so that no worker waits long for another at the end."""
    order = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(unit(item.nodeid), len(order)))


def pytest_configure() -> None:
    """Signals are heard, also in the background, and garbage is looked for seldom.

    It takes a fifth of collecting the tests, and a tenth of compiling.
    """
    # A shell lets what it runs in the background ignore these, and tests send them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    gc.set_threshold(100_000, 20, 20)


def pytest_collection_finish() -> None:
    """The tests themselves are no garbage, and so many that looking through them again and again took a 20th of all."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """All of the tests run in several processes, where pytest-xdist is there and nobody says otherwise."""
    option = config.option
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if everything and not hasattr(config, "workerinput") and getattr(option, "numprocesses", 0) is None:
        option.numprocesses, option.maxprocesses = "auto", option.maxprocesses or WORKERS
        for name, value in QUICKER.items():
            os.environ.setdefault(name, value)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Units in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write no report: drawing takes most of the time of a short one, and many tests ask for its trials alone."""
    from mcstudy import statistics

    def rates(plan: Plan, store: Store, folder: Path, record: object, trials: int, *_: Any, **__: Any) -> pd.DataFrame:
        return statistics.rates(plan, store, trials)

    monkeypatch.setattr("mcstudy.api.write_report", rates)
    monkeypatch.setattr("mcstudy.drawers.MOST", 0)


def sketches(patch: pytest.MonkeyPatch) -> None:
    """Has reports show what a figure would draw in place of the figure, as no PNG, of every figure that has data."""
    from mcstudy.figures import draw
    from mcstudy.figures.layout import Page

    def pages(frame: Any, keys: Sequence[str]) -> Iterator[Page]:
        if hasattr(frame, "empty"):
            yield Page(frame.to_csv(), frozenset(frame.get("cell", ())))
        else:
            yield Page(repr(frame.cells), frozenset(frame.cells))

    def sketch(drawing: Drawing, *arguments: Any) -> Drawn:
        return draw(replace(drawing, pages=pages), *arguments)

    patch.setattr("mcstudy.drawers.MOST", 0)
    patch.setattr("mcstudy.report.draw", sketch)
    patch.setattr("mcstudy.figures.png", str.encode)
    patch.setattr("mcstudy.figures.theme", nullcontext)


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have all but their figures, which take most of the time: for tests of what else is in the folder."""
    sketches(monkeypatch)


@pytest.fixture
def unpictured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replays draw nothing, which takes most of their time: for tests of what else they tell and write."""
    monkeypatch.setattr("mcstudy.again.record.pictures", lambda cell, trace: {})


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made and not saved, which takes half of the time: for tests of what is on them."""
    monkeypatch.setattr("mcstudy.figures.png", lambda figure: b"\x89PNG")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have neither figures nor a look at single trials: for tests of what they tell of all trials."""
    monkeypatch.setattr("mcstudy.report.FIGURES", {})
    monkeypatch.setattr("mcstudy.report.CLOSEUPS", {})


@pytest.fixture
def usual_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide networks train in the packs of others: it changes no result, and all of that is compiled."""
    monkeypatch.setattr("mcstudy.engine.rows.MOST_PARAMETERS", 10**9)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line, run in this process."""
    from commands import Command

    return Command(monkeypatch, capfd)
