"""A study file that changes: what is trained, what is reported, what no cell of it needs any more."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import small
from commands import Command, files

import mcstudy.plan
from mcstudy import manifest
from mcstudy.again import folder as again
from mcstudy.engine.run import train
from mcstudy.plan import settings
from mcstudy.store import FolderStore


@pytest.fixture
def trained(place: Path, command: Command, undrawn: None) -> Path:
    """A place where the small study was run."""
    (place / "small.toml").write_text(small.TEXT)
    assert command("run", "small.toml").status == 0
    return place


def shards(place: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(place / "reports/small").items() if name.startswith("trials/")}


def cells(text: str) -> list[str]:
    return [cell.id for cell in small.make_small(text).cells]


WIDER = small.TEXT.replace('["relu", "tanh"]', '["tanh", "elu", "relu"]')
NARROWER = small.TEXT.replace('["relu", "tanh"]', '["tanh"]')
OTHER = small.TEXT.replace("lr = 0.1", "lr = 0.2")


def test_extend_widen_and_narrow(trained: Path, command: Command) -> None:
    before = shards(trained)
    result = command("run", "small.toml", "--trials", 1000)
    assert result.status == 0 and "1,200 of 2,000 trials are stored; training the other 800" in result.err
    extended = shards(trained)
    assert before.items() <= extended.items()
    (trained / "small.toml").write_text(WIDER)
    result = command("run", "small.toml", "--trials", 1000)
    assert "2,000 of 3,000 trials are stored; training the other 1,000" in result.err
    widened = shards(trained)
    assert extended.items() <= widened.items()
    (trained / "small.toml").write_text(NARROWER)
    result = command("run", "small.toml")
    assert "all 600 trials are stored; nothing to train" in result.err
    assert [line.split()[0] for line in result.out.splitlines()[:-2]] == ["activation", "tanh"]
    record = json.loads((trained / "reports/small/run.json").read_text())
    assert [cell["id"] for cell in record["cells"]] == cells(NARROWER) == list(record["digest"])
    assert shards(trained) == widened
    (trained / "small.toml").write_text(small.TEXT)
    assert "nothing to train" in command("run", "small.toml").err
    plan = small.make_small()
    assert small.stored(plan, FolderStore(trained / "reports/small"), 600).keys() == small.expected(plan, 600).keys()
    for cell, (digest, _) in small.expected(plan, 600).items():
        assert FolderStore(trained / "reports/small").digest(cell, 600) == digest


def test_cells_of_a_changed_study_are_listed_and_removed(
    trained: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained / "reports/small"
    old, new = cells(small.TEXT), cells(OTHER)
    assert "no longer named" not in command("plan", "small.toml").out
    (trained / "small.toml").write_text(OTHER)
    assert "training" not in command("plan", "small.toml").err
    assert command("run", "small.toml").status == 0
    whole = files(folder)
    size = sum(len(content) for name, content in whole.items() if any(cell in name for cell in old))
    listed = ", ".join(sorted(old))
    said = f"no longer named by the study: 2 cells with 1,200 trials in reports/small, {size / 1000:.1f} kB ({listed})"
    assert command("plan", "small.toml").out.splitlines()[-1] == f"{said}; --prune removes them"
    # Without a terminal nothing is removed unless it was agreed to.
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    result = command("plan", "small.toml", "--prune")
    assert result.status == 2 and "--yes" in result.err and files(folder) == whole
    for answer, word in (("n", "nothing is removed"), ("", "nothing is removed"), ("y", "removed 2 cells")):
        monkeypatch.setattr(sys, "stdin", Terminal([answer]))
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: sys.stdin.readline())
        result = command("plan", "small.toml", "--prune")
        assert result.status == 0 and result.out.splitlines()[-2:] == [said, word], result
        assert (files(folder) == whole) == (answer != "y")
    left = files(folder)
    assert left == {name: content for name, content in whole.items() if not any(cell in name for cell in old)}
    assert not any((folder / "trials" / f"cell={cell}").exists() for cell in old)
    assert command("plan", "small.toml", "--prune").out.splitlines()[-1] == "nothing is removed"
    assert "nothing to train" in command("run", "small.toml").err
    (trained / "small.toml").write_text(small.TEXT)
    assert command("plan", "small.toml", "--prune", "--yes").out.splitlines()[-1] == "removed 2 cells"
    assert not any(cell in name for cell in new for name in files(folder))
    assert "training the other" not in command("run", "small.toml").err


class Terminal:
    """A terminal at which somebody types."""

    def __init__(self, answers: list[str]) -> None:
        self._answers = answers

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._answers.pop(0)


def test_trials_of_another_arithmetic_are_not_mixed_in(
    trained: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained / "reports/small"
    record = json.loads((folder / "run.json").read_text())
    before, old = shards(trained), cells(small.TEXT)
    with monkeypatch.context() as patch:
        for module in (mcstudy.plan, settings, manifest, again):
            patch.setattr(module, "ARITHMETIC", record["arithmetic"] + 1)
        new = cells(small.TEXT)
        assert not set(old) & set(new)
        result = command("verify", "reports/small")
        assert result.status == 2 and "trained with version" in result.err and "cannot be trained again" in result.err
        assert command("report", "reports/small").status == 0  # of the old cells, which the record names
        result = command("run", "small.toml")
        assert result.status == 0 and "of 1,200 trials are stored" not in result.err
        renewed = json.loads((folder / "run.json").read_text())
        assert renewed["arithmetic"] == record["arithmetic"] + 1 and renewed["trained"] == 1200
        assert [cell["id"] for cell in renewed["cells"]] == new
        assert before.items() <= shards(trained).items()
        assert "2 cells with 1,200 trials in reports/small" in command("plan", "small.toml").out


def test_a_record_that_says_another_arithmetic_vouches_for_nothing(trained: Path, command: Command) -> None:
    path = trained / "reports/small/run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"arithmetic": record["arithmetic"] - 1, "cpu": "another"}))
    assert command("verify", "reports/small").status == 2
    assert "nothing to train" in command("run", "small.toml").err
    again = json.loads(path.read_text())
    assert again["arithmetic"] == record["arithmetic"] and again["cpu"] == record["cpu"]
    assert again["digest"] == record["digest"]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("units", [(1, 600), (7, 333), (256, 13)])
def test_units_of_odd_sizes_join(precision: str, units: tuple[int, int], tmp_path: Path) -> None:
    plan = small.make_small(small.TEXT.replace("steps = 30", f'steps = 30\nprecision = "{precision}"'))
    store = FolderStore(tmp_path)
    store.open()
    for trials, unit in zip((1, 211, 215, 600), (*units, *units), strict=True):
        train(plan, store, trials, 2, unit_trials=unit)
    assert small.stored(plan, store, 600) == small.expected(plan, 600)
    kind = store.read(plan.cells[0].id, 600)["loss_last"].dtype
    assert str(kind) == precision
