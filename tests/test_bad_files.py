"""Every faulty study is refused with one fault at the right place, and several faults are told together."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bad_files import BAD_FILES, GOOD, ROWS, TABLE, BadFile

from mcstudy.errors import StudyError
from mcstudy.plan import make_plan
from mcstudy.spec import Study, load


def refusal(file: Path) -> StudyError:
    with pytest.raises(StudyError) as caught:
        make_plan(load(file))
    return caught.value


def test_the_good_files_are_good(tmp_path: Path) -> None:
    assert len(make_plan(load(BadFile("good", GOOD, "", ()).write(tmp_path))).cells) == 8
    assert len(make_plan(load(BadFile("good", TABLE, "", (), {"data.csv": ROWS}).write(tmp_path))).cells) == 8


def test_there_are_many_and_each_is_different() -> None:
    assert len({bad.name for bad in BAD_FILES}) == len(BAD_FILES) > 40


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_bad_file(bad: BadFile, tmp_path: Path) -> None:
    file = bad.write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    error = refusal(file)
    assert [fault.path for fault in error.faults] == [bad.path]
    message = error.faults[0].message
    for words in bad.words:
        assert words in message
    assert str(error) == f"{file}: {bad.path}: {message}"
    assert "\n" not in message
    assert len(message) < 600
    assert sorted(tmp_path.rglob("*")) == before


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(file: str, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    file = BadFile("unreadable", GOOD, "", ()).write(tmp_path)
    monkeypatch.setattr(sys.modules["mcstudy.spec.load"], "open", denied, raising=False)
    assert str(refusal(file)) == f"{file}: $: the file cannot be read: Permission denied"


def test_faults_are_told_together(tmp_path: Path) -> None:
    text = GOOD.replace("trials = 100", "trials = 0").replace("lr = 0.01", "lr = -1").replace('["relu"', '["reluu"')
    text = text.replace("hidden = [4]", 'hidden = [4, "5"]\nbais = true\ndropout = 1.5')
    error = refusal(BadFile("several", text, "", ()).write(tmp_path))
    assert {fault.path for fault in error.faults} == {
        "$.study.trials",
        "$.network.hidden[1]",
        "$.network.bais",
        "$.network.dropout",
        "$.vary.activation[0]",
        "$.vary.optimizer[0].lr",
    }
    lines = str(error).split("\n")
    assert len(lines) == len(error.faults)
    assert all(line.startswith(f"{tmp_path / 'study.toml'}: $.") for line in lines)


def test_faults_of_cells_are_told_together(tmp_path: Path) -> None:
    text = (
        GOOD.replace("batch = 10", 'batch = "all"\nsize = 20')
        + '\n[[where]]\nmatch = { init = "zeros" }\nset = { "train.steps" = 3 }\n'
    )
    error = refusal(BadFile("several", text, "", ()).write(tmp_path))
    assert [fault.path for fault in error.faults] == ["$.task.size", "$.task.batch", "$.where[0].match"]


def test_an_empty_file(tmp_path: Path) -> None:
    error = refusal(BadFile("empty", "", "", ()).write(tmp_path))
    assert [fault.path for fault in error.faults][:2] == ["$.study", "$.task.name"]


def test_every_missing_key_is_told() -> None:
    with pytest.raises(StudyError) as caught:
        Study.model_validate({"study": {"name": "a", "seed": 1, "trials": 1}})
    assert [fault.path for fault in caught.value.faults] == [
        "$.task.name",
        "$.task.batch",
        "$.network.hidden",
        "$.network.activation",
        "$.network.init",
        "$.train.optimizer",
        "$.train.steps",
        "$.converge.loss",
    ]
