"""Shipped studies with changes that nobody would make: planned or refused, soon, without a traceback."""

from __future__ import annotations

import random
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Command, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutate import broken, mutated, places, toml
from watch import at_most, watched

from mcstudy import jit

STUDIES = Path(__file__).parent.parent / "studies"
FILES = sorted(STUDIES.rglob("*.toml"))
TEXTS = [file.read_text(encoding="utf-8") for file in FILES]
DATA = [tomllib.loads(text) for text in TEXTS]

SECONDS = 15
"""Most time of one; nearly all take hundredths."""

CHANCE = st.randoms(use_true_random=False)
NO_CHECKS = {"suppress_health_check": list(HealthCheck)}
LARGE = {"steps": 20, "epochs": 2, "every": 5, "size": 50, "batch": 10, "n": 8}


@pytest.fixture
def studies(place: Path) -> Path:
    """A folder with all that lies beside the shipped studies."""
    for file in STUDIES.rglob("*"):
        if file.suffix in (".py", ".csv"):
            shutil.copy(file, place)
    return place


def checked(command: Command, place: Path, content: bytes, name: str, *more: str) -> Result:
    """Give a study to a command, and see that it ends as it should."""
    (place / "study.toml").write_bytes(content)
    with watched() as written, at_most(SECONDS):
        result = command(name, "study.toml", *more)
    allowed = (str(place / "reports"), str(jit.kernel_cache().parent), "/dev/null", "subprocess.Popen uname")
    assert [path for path in written if not path.startswith(allowed)] == []
    assert result.status in (0, 2), result.err
    assert "Traceback" not in result.err and "pydantic" not in result.err
    assert (result.status == 2) == bool(result.err.replace("loading code from own_parts.py\n", ""))
    assert len(result.err) < 60_000
    assert all(character == "\n" or ord(character) >= 32 for character in result.out + result.err)
    assert not set(result.out + result.err) & set("\x7f\x9b\u202e\u2066\u2028")
    if name == "plan":
        assert written == [] and not (place / "reports").exists()
    return result


def changed(chance: random.Random) -> bytes:
    """A study with a few changes."""
    at = chance.randrange(len(DATA))
    if chance.random() < 0.2:
        return broken(TEXTS[at], chance)
    return toml(mutated(DATA[at], DATA, chance, chance.choice((1, 1, 1, 2, 4)))).encode()


def plans(examples: int) -> Callable[[Path, Command], None]:
    @settings(max_examples=examples, **NO_CHECKS)
    @given(chance=CHANCE)
    def each(studies: Path, command: Command, chance: random.Random) -> None:
        checked(command, studies, changed(chance), "plan")

    return each  # type: ignore[return-value]


def small(data: dict[str, Any]) -> dict[str, Any]:
    """A study cut down such that it trains in no time, where its numbers are numbers at all."""
    for holder, key in list(places(data)):
        limit = LARGE.get(str(key).rpartition(".")[2])
        value = holder[key]
        if limit is not None and isinstance(value, int) and not isinstance(value, bool):
            holder[key] = min(value, limit)
    return data


def simple(data: dict[str, Any]) -> dict[str, Any]:
    """A study with two levels of each key and no more than it needs."""
    kept = {name: dict(table) for name, table in data.items() if isinstance(table, dict)}
    kept["study"].pop("baseline", None)
    kept["vary"] = {key: levels[:2] for key, levels in kept.get("vary", {}).items()}
    return kept


def runs(examples: int, names: tuple[str, ...]) -> Callable[[Path, Command], None]:
    chosen = [simple(DATA[i]) for i, file in enumerate(FILES) if file.stem in names]

    @settings(max_examples=examples, **NO_CHECKS)
    @given(chance=CHANCE)
    def each(studies: Path, command: Command, chance: random.Random) -> None:
        shutil.rmtree(studies / "reports", ignore_errors=True)
        data = small(mutated(chance.choice(chosen), chosen, chance, 1))
        done = checked(command, studies, toml(data).encode(), "run", "--trials", "3", "--threads", "1", "--quiet")
        assert (studies / "reports").exists() == (done.status == 0), done.err

    return each  # type: ignore[return-value]


test_300_changed_studies_are_planned_or_refused = plans(300)
test_1500_changed_studies_are_planned_or_refused = pytest.mark.slow(plans(1500))


test_a_changed_study_runs_or_is_refused = pytest.mark.usefixtures("undrawn")(runs(40, ("relu", "xor")))


def test_the_unchanged_ones_are_planned(studies: Path, command: Command) -> None:
    for text in TEXTS:
        assert checked(command, studies, text.encode(), "plan").status == 0
    for data in DATA:
        assert checked(command, studies, toml(data).encode(), "plan").status == 0


def test_one_that_writes_elsewhere_is_seen(place: Path) -> None:
    with watched() as written:
        (place / "x").write_text("")
        (place / "y").mkdir()
    assert written == [str(place / "x"), str(place / "y")]
