"""`verify`: stored trials trained again are the same to the byte, and a byte that is not is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import TINY, Command

import mcstudy
import mcstudy.outcomes
from mcstudy.again.folder import open_run
from mcstudy.again.verify import choose, differences, verify
from mcstudy.plan import make_plan
from mcstudy.store import FolderStore

STUDIES = sorted((Path(__file__).parents[1] / "studies").glob("*.toml"))


def short(path: Path, steps: int, trials: int) -> mcstudy.Study:
    """A shipped study of fewer steps and trials."""
    study = mcstudy.load(path)
    data = json.loads(json.dumps(study.data))
    data["study"]["trials"] = trials
    for settings in (data["train"], *(block["set"] for block in data.get("where", []))):
        for name in ("steps", "epochs", "train.steps", "train.epochs"):
            if settings.pop(name, None) is not None:
                settings["train.steps" if "." in name else "steps"] = steps
    return mcstudy.Study.model_validate(data, file=study.file)


@pytest.fixture
def folder(place: Path, command: Command, undrawn: None) -> Path:
    (place / "tiny.toml").write_text(TINY)
    assert command("run", "tiny.toml", "--quiet").status == 0
    return Path("reports/tiny")


def change(folder: Path, cell: str, trial: int, column: str, alter: Callable[[Any], Any]) -> None:
    """Write a cell's only shard again, with another value in one place."""
    store = FolderStore(folder)
    [(start, stop)] = store.ranges(cell)
    rows = {name: values.copy() for name, values in store.rows(cell, np.arange(start, stop)).items()}
    rows[column][trial - start] = alter(rows[column][trial - start])
    [shard] = (folder / "trials" / f"cell={cell}").iterdir()
    shard.unlink()
    store.write(cell, start, rows)


def test_a_thousand_trials_of_the_shipped_studies(place: Path, command: Command, undrawn: None) -> None:
    sample = -(-1000 // len(STUDIES))
    for path in STUDIES:
        study = short(path, steps=30, trials=70)
        mcstudy.run(study, out=study.name)
        found = command("verify", study.name, "--sample", sample)
        assert found.status == 0, found.err
        assert found.out.startswith(f"trained {sample} stored rows of ")
        assert found.out.endswith(" cells again: every byte of every column is the same\n")


@pytest.mark.slow
def test_a_thousand_trials_at_full_length(place: Path, undrawn: None) -> None:
    for path in STUDIES:
        study = mcstudy.load(path).with_(trials=64)
        mcstudy.run(study, out=study.name)
        run = open_run(study.name)
        verdict = verify(run, 1000)
        assert (verdict.rows, verdict.different) == (min(1000, 64 * len(run.plan.cells)), 0)


@pytest.mark.parametrize("sample", [1, 7, 279, 280, 100_000])
def test_any_number_of_trials(folder: Path, sample: int) -> None:
    verdict = verify(open_run(str(folder)), sample)
    assert (verdict.rows, verdict.different, verdict.first) == (min(sample, 280), 0, None)


def one_bit(value: Any) -> Any:
    """The neighbour of a float."""
    return np.nextafter(value, np.inf, dtype=value.dtype)


@pytest.mark.parametrize(
    "column, alter",
    [
        ("loss_last", one_bit),
        ("loss_first", one_bit),
        ("outcome", lambda code: (code + 1) % 5),
        ("steps", lambda steps: steps - 1),
        ("dead_units", lambda count: count + 1),
        ("constant", lambda code: (code + 1) % 5),
    ],
)
def test_a_changed_value_is_found(folder: Path, command: Command, column: str, alter: Callable[[Any], Any]) -> None:
    cell = make_plan(mcstudy.load("tiny.toml")).cells[2]
    change(folder, cell.id, 41, column, alter)
    rows = FolderStore(folder).rows(cell.id, np.array([41]))
    found = command("verify", folder)
    assert found.status == 1 and found.out == ""
    value = rows[column][0]
    stored = mcstudy.outcomes.CODES[column][value] if column in mcstudy.outcomes.CODES else str(value)
    start = f"{folder}: of 280 stored rows of 4 cells, 1 differs from what training gives; the first: "
    where = f"cell {cell.id} ({cell.label}), trial 41, {column}: stored {stored}, computed "
    assert found.err.startswith(start + where) and not found.err.endswith(f"computed {stored}\n")


def test_the_sign_of_a_zero_is_a_byte(folder: Path) -> None:
    cell = make_plan(mcstudy.load("tiny.toml")).cells[0]
    rows = FolderStore(folder).rows(cell.id, np.arange(3))
    rows["loss_last"][1] = 0.0
    assert differences(cell, rows, rows) == []
    other = rows | {"loss_last": np.where(np.arange(3) == 1, np.float32(-0.0), rows["loss_last"])}
    assert differences(cell, other, rows) == [(cell, 1, "loss_last", "-0.0", "0.0")]


def test_the_first_difference_is_that_of_the_plan(folder: Path) -> None:
    cells = make_plan(mcstudy.load("tiny.toml")).cells
    for cell, trial in ((cells[3], 0), (cells[1], 69), (cells[1], 64)):
        change(folder, cell.id, trial, "loss_last", one_bit)
    verdict = verify(open_run(str(folder)), 280)
    assert verdict.different == 3
    assert verdict.first is not None and (verdict.first.cell.id, verdict.first.trial) == (cells[1].id, 64)


def test_a_file_that_somebody_has_written_again(folder: Path, command: Command) -> None:
    cell = make_plan(mcstudy.load("tiny.toml")).cells[1]
    [file] = (folder / "trials" / f"cell={cell.id}").iterdir()
    content, frame = file.read_bytes(), pd.read_parquet(file)
    stored = str(one_bit(frame["loss_last"].to_numpy()[68]))
    frame.loc[68, "loss_last"] = np.float32(stored)
    frame.to_parquet(file, index=False)
    found = command("verify", folder, "--sample", 5)
    assert found.status == 1 and found.out == ""
    lines = found.err.splitlines()
    assert lines[-2].startswith(f"{file}: is damaged (its checksum is another); running the study again sets it aside")
    where = f"the first: cell {cell.id} ({cell.label}), trial 68, loss_last: stored {stored}, computed "
    assert lines[-1].startswith(f"{folder}: of 75 stored rows of 4 cells, 1 differs from what training gives; {where}")
    file.write_bytes(content[:-20])
    found = command("verify", folder)
    assert found.status == 1 and found.out == "" and f"{file}: is damaged (" in found.err
    text = f"{folder}: what can be read, 210 stored rows of 3 cells, is what training gives"
    assert found.err.splitlines()[-1] == text
    for other in (folder / "trials").rglob("*.parquet"):
        other.write_bytes(b"")
    found = command("verify", folder)
    assert found.status == 1 and found.err.splitlines()[-1] == f"{folder}: nothing of it can be read"


def test_a_column_that_training_does_not_give(folder: Path, command: Command) -> None:
    cell = make_plan(mcstudy.load("tiny.toml")).cells[0]
    store = FolderStore(folder)
    rows = dict(store.rows(cell.id, np.arange(70)))
    [shard] = (folder / "trials" / f"cell={cell.id}").iterdir()
    shard.unlink()
    store.write(cell.id, 0, rows | {"colour": np.zeros(70)})
    found = command("verify", folder)
    assert found.status == 1 and "trial 0, colour: stored 0.0, computed no such column" in found.err


def test_the_sample_is_the_same_until_another_is_asked_for() -> None:
    ranges = {"a": [(0, 100), (200, 300)], "b": [(5, 6)], "c": [], "d": [(10**12, 10**12 + 700)]}
    every = {cell: [i for first, last in known for i in range(first, last)] for cell, known in ranges.items()}
    for sample in (1, 10, 450, 451, 900, 901, 5000):
        chosen = choose(ranges, sample, 3)
        assert sum(map(len, chosen.values())) == min(sample, 901)
        for cell, trials in chosen.items():
            assert trials.dtype == np.int64 and np.all(np.diff(trials) > 0) and set(trials.tolist()) <= set(every[cell])
        again = choose(ranges, sample, 3)
        assert all(np.array_equal(chosen[cell], again[cell]) for cell in ranges)
    few, other = choose(ranges, 10, 3), choose(ranges, 10, 4)
    assert any(not np.array_equal(few[cell], other[cell]) for cell in ranges)


def test_the_sample_favours_no_trial() -> None:
    counts = np.zeros(60)
    for seed in range(2000):
        chosen = choose({"a": [(0, 20)], "b": [(0, 30), (40, 50)]}, 6, seed)
        counts[chosen["a"]] += 1
        b = chosen["b"]
        counts[np.where(b < 30, b + 20, b + 10)] += 1
    assert abs(counts - 200).max() < 5 * np.sqrt(200)


def test_what_cannot_be_verified(folder: Path, command: Command) -> None:
    def says(text: str, *arguments: object) -> None:
        found = command("verify", *arguments)
        assert (found.status, found.out) == (2, "") and text in found.err, found

    says("nowhere: there is no such folder", "nowhere")
    says("0 is not a whole number from 1 to 10^12", folder, "--sample", 0)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"arithmetic": 1}))
    says("these trials were trained with version 1 of the arithmetic", folder)
    (folder / "run.json").unlink()
    says("the run has not ended (there is no run.json)", folder)
    (folder / "run.json").write_text(json.dumps(record))
    for shard in (folder / "trials").rglob("*.parquet"):
        shard.unlink()
    says("the trials are not here (trials/ has none of this run's cells)", folder)
    for cell in (folder / "trials").iterdir():
        cell.rmdir()
    (folder / "trials").rmdir()
    says("the trials are not here (there is no trials/)", folder)
