"""The command line: what it prints, writes and returns, for good input and for bad."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bad_files import BAD_FILES, GOOD, ROWS, TABLE, BadFile
from commands import TINY, Command, Result, files, process
from conftest import sketches

import mcstudy
from mcstudy import listing
from mcstudy.outcomes import CODES, OUTCOMES

HEAVY = {"numba", "pandas", "pyarrow", "scipy", "matplotlib", "seaborn", "pydantic", "numpy", "jinja2", "tqdm"}
SLOW = {"pandas", "pyarrow", "scipy.linalg", "scipy.special", "scipy.stats", "matplotlib", "seaborn", "jinja2"}


def refused(result: Result, *words: str) -> None:
    """The command refused its input with a message of these words."""
    assert result.status == 2
    assert result.out == ""
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.toml and its run; not to be changed."""
    place = tmp_path_factory.mktemp("finished")
    (place / "tiny.toml").write_text(TINY)
    # With the machine code at hand, the run is too short for more than one shard of each cell.
    mcstudy.run(mcstudy.load(place / "tiny.toml"), trials=1)
    result = process("run", "tiny.toml", folder=place)
    assert result.status == 0, result.err
    (place / "printed").write_text(result.out)
    return place


@pytest.fixture(scope="module")
def outlined(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with sketches for figures; not to be changed."""
    place = tmp_path_factory.mktemp("outlined")
    shutil.copytree(finished, place, dirs_exist_ok=True)
    (place / "printed").unlink()
    with pytest.MonkeyPatch.context() as patch:
        sketches(patch)
        patch.chdir(place)
        mcstudy.run(mcstudy.load("tiny.toml"), out="reports/tiny")
    return place


@pytest.fixture
def ran(outlined: Path, place: Path, sketched: None) -> Path:
    """A copy of a finished run, in the current folder."""
    shutil.copytree(outlined, place, dirs_exist_ok=True)
    return place


# ---------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused(bad: BadFile, place: Path, command: Command) -> None:
    file = bad.write(place).relative_to(place)
    before = files(place)
    for name in ("run", "plan"):
        result = command(name, file)
        refused(result, *bad.words)
        assert result.err.startswith(f"{file}: {bad.path}: ")
        assert len(result.err.splitlines()) == 1
    assert files(place) == before
    assert not (place / "reports").exists()


@pytest.mark.parametrize("bad", BAD_FILES[:: len(BAD_FILES) // 2], ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_by_a_process(bad: BadFile, place: Path) -> None:
    file = bad.write(place).relative_to(place)
    before = files(place)
    result = process("run", file, folder=place)
    refused(result, f"{file}: {bad.path}: ", *bad.words)
    assert files(place) == before


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--trials", "0"], ["--trials", "0 is not", "1 to 10^12"]),
        (["--trials", "-3"], ["--trials", "-3 is not", "1 to 10^12"]),
        (["--trials", "1.5"], ["--trials", "1.5 is not", "whole number"]),
        (["--trials", "abc"], ["--trials", "abc is not", "whole number"]),
        (["--trials", "nan"], ["--trials", "nan is not"]),
        (["--trials", "inf"], ["--trials", "inf is not"]),
        (["--trials", "1e13"], ["--trials", "1e13 is not"]),
        (["--trials"], ["--trials", "requires an argument"]),
        (["--seed", "-1"], ["--seed", "-1 is not", "0 to 2^63-1"]),
        (["--seed", str(2**63)], ["--seed", f"{2**63} is not"]),
        (["--seed", "x"], ["--seed", "x is not"]),
        (["--threads", "0"], ["--threads", "0 is not", "1 to 1024"]),
        (["--threads", "-1"], ["--threads", "-1 is not"]),
        (["--out", ""], ["--out", "empty"]),
        (["--thread", "2"], ["No such option", "--threads"]),
        (["more.toml"], ["unexpected extra argument", "more.toml"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_bad_option_is_refused(arguments: list[str], words: list[str], place: Path, command: Command) -> None:
    (place / "good.toml").write_text(GOOD)
    refused(command("run", "good.toml", *arguments), *words)
    assert list(files(place)) == ["good.toml"]


@pytest.mark.parametrize("number, meant", [("2e1", 20), ("2_0", 20), ("20.0", 20)])
def test_numbers_are_read_as_people_write_them(number: str, meant: int, place: Path, command: Command) -> None:
    (place / "good.toml").write_text(GOOD)
    assert f"x {meant} trials = {8 * meant} trainings" in command("plan", "good.toml", "--trials", number).out


def test_large_seeds_keep_their_last_digit(place: Path, command: Command) -> None:
    (place / "good.toml").write_text(GOOD)
    even, odd = (command("plan", "good.toml", "--seed", 2**63 - k).out for k in (2, 1))
    assert even != odd


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run"], ["Missing argument", "STUDY.toml"]),
        (["run", ""], ["STUDY.toml", "empty"]),
        (["run", "nowhere.toml"], ["nowhere.toml: $: there is no such file"]),
        (["run", "good"], ["good: $: there is no such file", 'did you mean "good.toml"?']),
        (["run", "."], [".: $: this is a folder"]),
        (["run", "good.toml/x"], ["good.toml/x: $: ", "Not a directory"]),
        (["plan"], ["Missing argument"]),
        (["rnu", "good.toml"], ["No such command 'rnu'"]),
        (["list", "activation"], ["'activation' is not one of", "activations"]),
        (["report"], ["Missing argument", "DIR"]),
        (["report", ""], ["DIR", "empty"]),
        (["report", "nowhere"], ["nowhere: there is no such folder"]),
        (["report", "good.toml"], ["good.toml: there is no such folder"]),
        (["report", "."], [".: the trials are not here", "python -m mcstudy run STUDY.toml --out ."]),
        (["new"], ["Missing argument", "NAME"]),
        (["new", "good"], ["good.toml: is already there", "nothing is overwritten"]),
        (["new", "a/b"], ['"a/b" is not a name of up to 100 letters, digits, - and _']),
        (["new", 101 * "a"], ["is not a name of up to 100 letters, digits, - and _"]),
        (["new", "../b"], ["is not a name"]),
        (["new", "a b"], ["is not a name"]),
        (["new", ""], ["is not a name"]),
        (["new", "good.toml"], ["is not a name"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_bad_argument_is_refused(arguments: list[str], words: list[str], place: Path, command: Command) -> None:
    (place / "good.toml").write_text(GOOD)
    refused(command(*arguments), *words)
    assert files(place) == {"good.toml": GOOD.encode()}


@pytest.mark.parametrize("out", ["good.toml", "good.toml/below", "/proc/mcstudy"])
def test_an_output_folder_that_cannot_be_written_is_refused(out: str, place: Path, command: Command) -> None:
    (place / "good.toml").write_text(GOOD)
    refused(command("run", "good.toml", "--out", out), f"{out}: cannot be used as the output folder", "--out")
    assert files(place) == {"good.toml": GOOD.encode()}


def test_an_output_folder_that_is_full_is_told(ran: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(contents: Mapping[Path, bytes]) -> None:
        raise OSError(28, "No space left on device", str(next(iter(contents))))

    monkeypatch.setattr("mcstudy.files.write_together", full)
    refused(command("report", "reports/tiny"), "cannot be written (No space left on device)")


def test_several_faults_are_told_at_once(place: Path, command: Command) -> None:
    (place / "good.toml").write_text(GOOD.replace("seed = 7", "sede = 7").replace("lr = 0.01", "lr = -1"))
    result = command("run", "good.toml")
    refused(result)
    assert [line.split(": ")[1] for line in result.err.splitlines()] == [
        "$.study.seed",
        "$.study.sede",
        "$.vary.optimizer[0].lr",
    ]


# ------------------------------------------------------------------------------------------------- help, list, new


@pytest.mark.parametrize("name", ["", "run", "plan", "report", "replay", "verify", "list", "new"])
def test_help(name: str, command: Command) -> None:
    result = command(*name.split(), "--help")
    assert result.status == 0 and result.err == ""
    assert "Usage: python -m mcstudy" in result.out or "Usage: mcstudy" in result.out
    assert "..." not in result.out.replace("[ARGS]...", "")
    assert command(*name.split(), "-h").out == result.out


def test_every_command_is_in_the_help_and_in_the_readme(command: Command) -> None:
    names = ["check", "list", "new", "plan", "replay", "report", "run", "verify"]
    listed = command("--help").out.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in listed if line.strip()] == names
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    if readme.strip():
        for name in names:
            assert f"mcstudy {name}" in readme


def test_version(command: Command) -> None:
    assert command("--version").out == f"mcstudy, version {mcstudy.__version__}\n"


@pytest.mark.parametrize("kind", [None, *listing.KINDS])
def test_list(kind: str | None, command: Command) -> None:
    arguments = ["list"] if kind is None else ["list", kind]
    text, parts = command(*arguments), json.loads(command(*arguments, "--json").out)
    assert text.status == 0
    known = listing.catalogs()
    wanted = [part for name in known if kind in (None, name) for part in known[name].values()]
    assert [part["name"] for part in parts] == [part.name for part in wanted]
    for found, part in zip(parts, wanted, strict=True):
        assert {"name", "parameters", "source"} <= set(found)
        assert list(found["parameters"]) == list(part.parameters)
        assert found["source"] and found["source"] in text.out
        assert f"\n  {part.name}" in text.out
        for name in part.parameters:
            assert name in text.out


def test_list_gives_defaults_and_null_where_there_is_none(command: Command) -> None:
    listed = json.loads(command("list", "--json").out)
    found = {part["name"]: part["parameters"] for part in reversed(listed)}  # of parts of one name, the first
    assert found["leaky_relu"] == {"negative_slope": 0.01}
    adam = {"lr": None, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0, "epsilon_hat": False}
    assert found["adam"] == adam
    assert found["gelu"] == {"approximate": "none"}
    assert found["sequential"] == {"schedules": None, "milestones": None}
    assert found["lsuv"] == {"init": {"name": "orthogonal"}, "bias": {"name": "zeros"}}
    assert found["constant"] == {"value": None, "bias": {"name": "zeros"}}
    assert found["selu"] == {}
    (constant,) = (part for part in json.loads(command("list", "inits", "--json").out) if part["name"] == "constant")
    assert constant["parameters"] == {"value": None, "bias": {"name": "zeros"}} and constant["required"] == ["value"]
    (cosine,) = (part for part in json.loads(command("list", "schedules", "--json").out) if part["name"] == "cosine")
    assert cosine["parameters"]["T_max"] is None and cosine["required"] == []


@pytest.mark.parametrize("kind", [None, "losses"])
def test_list_as_a_page(kind: str | None, command: Command) -> None:
    arguments = ["list", "--markdown"] if kind is None else ["list", kind, "--markdown"]
    assert command(*arguments).out == listing.markdown(listing.KINDS if kind is None else (kind,))
    refused = command(*arguments, "--json")
    assert refused.status == 2 and "choose one" in refused.err


def test_new_writes_a_study_that_runs(place: Path, command: Command) -> None:
    result = command("new", "my-first_1")
    assert result.status == 0 and "my-first_1.toml" in result.out
    assert list(files(place)) == ["my-first_1.toml"]
    study = mcstudy.load("my-first_1.toml")
    assert study.name == "my-first_1"
    assert command("plan", "my-first_1.toml").status == 0
    assert mcstudy.run(study, trials=5).rates["trials"].eq(5).all()


# --------------------------------------------------------------------------------------------------------- plan, run


def test_plan_shows_everything_and_does_nothing(place: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: Any, **options: Any) -> None:
        raise AssertionError("plan trains")

    monkeypatch.setattr("mcstudy.engine.run.train", never)
    (place / "good.toml").write_text(GOOD)
    result = command("plan", "good.toml")
    assert result.status == 0 and result.err == ""
    assert "8 cells x 100 trials = 800 trainings" in result.out
    assert "about " in result.out
    lines = result.out.splitlines()
    cells = mcstudy.make_plan(mcstudy.load("good.toml")).cells
    for cell, line in zip(cells, lines[-8:], strict=True):
        assert line.startswith(cell.id)
        assert all(label in line for label in cell.labels.values())
        assert line.split()[-1] == "0"
    assert list(files(place)) == ["good.toml"]


def test_plan_tells_what_is_stored(ran: Path, command: Command) -> None:
    before = files(ran)
    result = command("plan", "tiny.toml", "--trials", "100")
    assert "4 cells x 100 trials = 400 trainings, 280 of them stored in reports/tiny" in result.out
    assert [line.split()[-1] for line in result.out.splitlines()[-4:]] == ["70"] * 4
    assert "40 of them stored" in command("plan", "tiny.toml", "--trials", "10").out
    assert "stored in" not in command("plan", "tiny.toml", "--out", "elsewhere").out
    assert files(ran) == before


def test_run_writes_the_files_of_a_run_folder(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == {"tiny.toml", "printed", "reports"}
    assert [path.name for path in (finished / "reports").iterdir()] == ["tiny"]
    folder = finished / "reports" / "tiny"
    found = set(files(folder))
    figures = {name for name in found if name.startswith("figures/")}
    cells = [cell.id for cell in mcstudy.make_plan(mcstudy.load(finished / "tiny.toml")).cells]
    trials = {name for name in found if name.startswith("trials/")}
    assert figures and all(name.endswith(".png") for name in figures)
    assert {name.split("/")[1] for name in trials} == {f"cell={cell}" for cell in cells}
    assert all(name.endswith(".parquet") for name in trials)
    histories = {f"histories/cell={cell}.parquet" for cell in cells}
    samples = {f"histories/cell={cell}.npz" for cell in cells}
    tables = {"rates.csv", "comparisons.csv", "effects.csv", "times.csv"}
    assert found - figures - trials - samples == {"report.md", "report.html", "run.json"} | tables | histories


def test_run_prints_the_rates_and_where_the_report_is(finished: Path) -> None:
    lines = (finished / "printed").read_text().splitlines()
    assert lines[-1] == "report: reports/tiny/report.md"
    rates = pd.read_csv(finished / "reports" / "tiny" / "rates.csv")
    header = "activation optimizer converged 95 % interval steps diverged dead stuck unfinished"
    assert " ".join(lines[0].split()) == header
    for line, row in zip(lines[1:5], rates.to_dict("records"), strict=True):
        assert line.startswith(row["activation"]) and row["optimizer"] in line
        assert [int(word) for word in line.split()[-4:]] == [row[outcome] for outcome in OUTCOMES[1:]]


def test_rates_are_those_of_the_trials(finished: Path) -> None:
    folder = finished / "reports" / "tiny"
    rates = pd.read_csv(folder / "rates.csv")
    plan = mcstudy.make_plan(mcstudy.load(finished / "tiny.toml"))
    assert list(rates["cell"]) == [cell.id for cell in plan.cells]
    for row, cell in zip(rates.to_dict("records"), plan.cells, strict=True):
        assert {key: row[key] for key in plan.keys} == cell.labels
        trials = pd.read_parquet(folder / "trials" / f"cell={cell.id}").sort_values("trial")
        assert list(trials["trial"]) == list(range(70)) and row["trials"] == 70
        assert {outcome: row[outcome] for outcome in OUTCOMES} == {o: (trials["outcome"] == o).sum() for o in OUTCOMES}
        assert row["rate"] == pytest.approx(row["converged"] / 70)
        assert row["rate_low"] < row["rate"] < row["rate_high"] or row["converged"] in (0, 70)


def test_the_record_of_a_run(finished: Path) -> None:
    folder = finished / "reports" / "tiny"
    record = json.loads((folder / "run.json").read_text())
    assert record["study"]["study"] == {"name": "tiny", "seed": 11, "trials": 70}
    assert record["trained"] == 280 and record["trials"] == 70
    assert Path(record["file"]).samefile(finished / "tiny.toml")
    assert record["versions"]["mcstudy"] == mcstudy.__version__
    assert record["command"] == "python -m mcstudy run tiny.toml"
    told = [f"{name} uint8, its place in ({', '.join(words)}), from 0" for name, words in CODES.items()]
    for words in ("trial int64", *told, "columns of units int32", "little-endian"):
        assert words in record["digest_layout"]
    assert record["training_seconds"] > 0 and record["cpu"] and len(record["kernel_hash"]) == 64
    for cell in record["cells"]:
        trials = pd.read_parquet(folder / "trials" / f"cell={cell['id']}").sort_values("trial")
        assert {"outcome", "constant", "step_best", "linear_units", "gradient_norm"} <= set(trials.columns)
        digest = hashlib.sha256()
        for row in trials.to_dict("records"):
            for name, value in row.items():
                digest.update(packed(name, value))
        assert record["digest"][cell["id"]] == digest.hexdigest()


def packed(name: str, value: Any) -> bytes:
    """A value of a row as the layout of digests says, of a cell in float32."""
    if name in CODES:
        return struct.pack("<B", CODES[name].index(value))
    if name in ("steps", "step_best") or "_units" in name:
        return struct.pack("<i", value)
    return struct.pack("<q" if name == "trial" else "<f", value)


def test_a_second_run_trains_nothing_and_changes_nothing(ran: Path, command: Command) -> None:
    before = files(ran)
    shards = {path: path.stat().st_mtime_ns for path in (ran / "reports/tiny/trials").rglob("*")}
    result = command("run", "tiny.toml")
    assert result.status == 0
    assert result.err == "mcstudy: all 280 trials are stored; nothing to train\n"
    assert "report: reports/tiny/report.md" in result.out
    assert files(ran) == before
    assert shards == {path: path.stat().st_mtime_ns for path in (ran / "reports/tiny/trials").rglob("*")}


def shard(folder: Path) -> Path:
    """A shard of the first cell."""
    cell = mcstudy.make_plan(mcstudy.load(folder / "tiny.toml")).cells[0]
    (found,) = (folder / "reports/tiny/trials" / f"cell={cell.id}").glob("*.parquet")
    return found


@pytest.mark.parametrize("old", [False, True])
def test_a_bit_that_flips_is_found_and_healed(old: bool, ran: Path, command: Command, undrawn: None) -> None:
    import pyarrow.parquet as pq

    file = shard(ran)
    if old:
        file = file.rename(file.with_name(file.name[:27] + ".parquet"))
    before = files(ran)
    group = pq.read_metadata(file).row_group(0)
    [column] = [c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "loss_last"]
    content = bytearray(file.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 9] ^= 4
    file.write_bytes(content)
    name = file.relative_to(ran).as_posix()
    cell, damaged = file.parent.name[5:], files(ran)
    replay = ["replay", "reports/tiny", "--cell", cell, "--trial", 3]
    says = f"{name}: is damaged (", "running the study again sets it aside and trains its"
    for arguments in (["report", "reports/tiny"], replay):
        refused(command(*arguments), *says)
    found = command("verify", "reports/tiny", "--sample", 300)
    assert found.status == 1 and all(words in found.err for words in says)
    assert files(ran) == damaged
    result = command("run", "tiny.toml", "--quiet")
    assert result.status == 0
    assert f"mcstudy: {name}: is damaged (" in result.err and f"set aside as {file.name}.damaged, and" in result.err
    after = files(ran)
    assert after.pop(f"{name}.damaged") == bytes(content)
    records = [json.loads(found.pop("reports/tiny/run.json")) for found in (before, after)]
    assert records[0]["digest"] == records[1]["digest"] and records[1]["trained"] == 70
    if old:
        del before[name]
        assert after.pop(f"reports/tiny/trials/{file.parent.name}/{shard(ran).name}")
    assert after == before
    assert command("verify", "reports/tiny", "--sample", 300).status == 0
    assert "damaged" not in command("run", "tiny.toml").err


@pytest.mark.parametrize("trials", [70, 50, 90])
def test_rows_that_were_altered_are_not_certified_again(
    trials: int, ran: Path, command: Command, undrawn: None
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = shard(ran)
    file = file.rename(file.with_name(file.name[:27] + ".parquet"))  # as older versions wrote it, without a checksum
    record = (ran / "reports/tiny/run.json").read_bytes()
    table = pq.ParquetFile(file).read()
    losses = table.column("loss_last").to_numpy().copy()
    losses[60] += 1
    pq.write_table(table.set_column(4, "loss_last", pa.array(losses)), file)  # whole, with other numbers
    result = command("run", "tiny.toml", "--trials", trials)
    assert result.status == 2 and "Traceback" not in result.err
    folder = file.parent
    assert f"{folder.relative_to(ran)}: the rows of cell {folder.name[5:]} (" in result.err
    assert "move this folder away and run again" in result.err
    assert (ran / "reports/tiny/run.json").read_bytes() == record
    shutil.rmtree(folder)
    assert command("run", "tiny.toml", "--trials", trials).status == 0
    assert command("run", "tiny.toml").status == 0
    digest = json.loads((ran / "reports/tiny/run.json").read_bytes())["digest"]
    assert digest == json.loads(record)["digest"]


def test_histories_that_were_lost_come_back(ran: Path, command: Command) -> None:
    before = files(ran)
    shutil.rmtree(ran / "reports/tiny/histories")
    result = command("run", "tiny.toml")
    assert result.status == 0 and "nothing to train" not in result.err
    after = files(ran)
    assert after.keys() == before.keys()
    for name in ("reports/tiny/run.json", "reports/tiny/report.html"):
        before.pop(name), after.pop(name)
    assert after == before
    history = next((ran / "reports/tiny/histories").glob("*.parquet"))
    whole = history.read_bytes()
    history.write_bytes(whole[:-9])
    refused(command("report", "reports/tiny"), f"{history.relative_to(ran)}: is damaged", "running the study again")
    result = command("run", "tiny.toml")
    assert result.status == 0 and f"set aside as {history.name}.damaged" in result.err
    assert history.read_bytes() == whole
    assert history.with_name(f"{history.name}.damaged").read_bytes() == whole[:-9]


UNUSABLE = ["", "[1]", "{", "{}", "[" * 99999, '{"study": 3}', "null", '"x"', "\x00"]
CHANGED = {"study": [1], "trials": "many", "cells": "c", "versions": [2], "digest": None, "file": 5}


@pytest.mark.slow
@pytest.mark.parametrize("content", [*UNUSABLE, *CHANGED], ids=lambda text: text[:9])
def test_a_record_that_is_of_no_use_is_written_anew(content: str, ran: Path, command: Command) -> None:
    before = files(ran)
    path = ran / "reports/tiny/run.json"
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {content: CHANGED[content]}) if content in CHANGED else content)
    again = "`python -m mcstudy run STUDY.toml --out reports/tiny` writes it anew"
    refused(command("report", "reports/tiny"), "reports/tiny/run.json: ", again)
    result = command("run", "tiny.toml")
    assert result.status == 0 and "nothing to train" in result.err
    after = files(ran)
    assert json.loads(after["reports/tiny/run.json"])["digest"] == record["digest"]
    drawn = [name for name in before if not name.endswith(("run.json", "report.html"))]
    assert {name: after[name] for name in drawn} == {name: before[name] for name in drawn}
    assert command("report", "reports/tiny").status == 0


def test_report_draws_the_same_bytes_again(
    finished: Path, place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, place / "ran")
    before = files(place)
    shutil.rmtree(place / "ran/reports/tiny/figures")
    for name in ("report.md", "report.html", "rates.csv"):
        (place / "ran/reports/tiny" / name).unlink()
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    result = command("report", place / "ran/reports/tiny")
    assert result.status == 0 and f"report: {place}/ran/reports/tiny/report.md" in result.out
    assert files(place) == before


def test_fewer_trials_than_are_stored(ran: Path, command: Command) -> None:
    before = files(ran)
    result = command("run", "tiny.toml", "--trials", "50")
    assert result.status == 0 and "nothing to train" in result.err
    rates = pd.read_csv("reports/tiny/rates.csv")
    assert rates["trials"].eq(50).all() and rates[list(OUTCOMES)].sum(axis=1).eq(50).all()
    for row in rates.to_dict("records"):
        first = pd.read_parquet(f"reports/tiny/trials/cell={row['cell']}").query("trial < 50")
        assert row["converged"] == (first["outcome"] == "converged").sum()
    kept = [name for name in before if name.split("/")[2:3] in (["trials"], ["histories"])]
    assert kept and all(files(ran)[name] == before[name] for name in kept)
    report = files(ran)
    assert command("report", "reports/tiny").status == 0
    assert files(ran) == report
    assert json.loads(report["reports/tiny/run.json"])["trained"] == 280
    assert command("run", "tiny.toml").status == 0
    after = files(ran)
    records = [json.loads(found.pop("reports/tiny/run.json")) for found in (before, after)]
    assert after == before
    assert records[0] | {"file": None} == records[1] | {"file": None}


def test_more_trials_than_are_stored(ran: Path, command: Command) -> None:
    before = files(ran)
    result = command("run", "tiny.toml", "--trials", "100")
    assert result.status == 0
    assert "280 of 400 trials are stored; training the other 120" in result.err
    after = files(ran)
    shards = [name for name in before if "/trials/" in name]
    assert shards and all(after[name] == before[name] for name in shards)
    record = json.loads(after["reports/tiny/run.json"])
    assert record["trained"] == 120
    whole = mcstudy.run(mcstudy.load("tiny.toml"), trials=100, out="whole")
    assert record["digest"] == json.loads(files(ran)["whole/run.json"])["digest"]
    for name in ("rates.csv", "report.md"):
        assert after[f"reports/tiny/{name}"] == files(ran)[f"whole/{name}"]
    assert whole.trained == 400


def test_a_new_title_is_reported_without_training(ran: Path, command: Command) -> None:
    (ran / "tiny.toml").write_text(TINY.replace("seed = 11", 'title = "A small thing"\nseed = 11'))
    assert "nothing to train" in command("run", "tiny.toml").err
    first = (ran / "reports/tiny/report.md").read_text()
    assert first.startswith("# A small thing\n")
    assert command("report", "reports/tiny").status == 0
    assert (ran / "reports/tiny/report.md").read_text() == first


def test_run_with_another_seed_and_folder_and_without_words(place: Path, command: Command, sketched: None) -> None:
    (place / "tiny.toml").write_text(TINY)
    result = command("run", "tiny.toml", "--seed", "12", "--trials", "5", "--threads", "1", "--quiet", "--out", "a b/c")
    assert result == (0, "report: a b/c/report.md\n", "")
    record = json.loads((place / "a b/c/run.json").read_text())
    assert record["study"]["study"]["seed"] == 12 and record["threads"] == 1
    assert "--seed 12" in (place / "a b/c/report.md").read_text()
    assert not (place / "reports").exists()


def test_a_report_needs_its_trials_but_not_its_data(place: Path, command: Command, sketched: None) -> None:
    (place / "good.toml").write_text(TABLE)
    (place / "data.csv").write_bytes(ROWS)
    assert command("run", "good.toml", "--trials", "5", "--out", "out").status == 0
    (place / "data.csv").unlink()
    before = files(place)
    assert command("report", "out").status == 0
    after = files(place)
    # Single trials cannot be looked at without it; what is stored of all of them is there as before.
    lost = {name for name in before if name not in after}
    assert lost and all(
        name.startswith(tuple(f"out/figures/{kind}" for kind in ("paths", "landscapes", "starts", "probes")))
        for name in lost
    )
    written = {"out/report.md", "out/report.html"}
    assert {name: content for name, content in before.items() if name not in lost | written} == {
        name: content for name, content in after.items() if name not in written
    }
    (place / "out" / "run.json").rename(place / "kept")
    refused(command("report", "out"), "out: the run has not ended", "python -m mcstudy run STUDY.toml --out out")
    (place / "out" / "run.json").write_text("{}")
    refused(command("report", "out"), "out/run.json: is not the record of a run")
    (place / "out" / "run.json").write_text("{")
    refused(command("report", "out"), "out/run.json: cannot be read")
    (place / "kept").replace(place / "out" / "run.json")
    shutil.rmtree(place / "out" / "trials")
    refused(command("report", "out"), "out: the trials are not here", "python -m mcstudy run STUDY.toml --out out")


# ----------------------------------------------------------------------------------------------- processes of their own


def imported(folder: Path, code: str) -> set[str]:
    """The heavy packages that are imported when `code` is run."""
    show = "\n".join([code, "import json, sys", f"print(json.dumps(sorted({HEAVY | SLOW!r} & set(sys.modules))))"])
    result = process(folder=folder, start=("-c", show))
    assert result.status == 0, result.err
    return set(json.loads(result.out.splitlines()[-1]))


def test_importing_the_package_imports_nothing_heavy(place: Path) -> None:
    assert imported(place, "import mcstudy") == set()
    assert imported(place, "import mcstudy.cli") == set()


@pytest.mark.parametrize("name, file", [("plan", "good.toml"), ("run", "bad.toml")])
def test_quick_answers_import_nothing_slow(name: str, file: str, place: Path) -> None:
    (place / "good.toml").write_text(GOOD)
    (place / "bad.toml").write_text(GOOD.replace('"relu", {', '"reluu", {'))
    code = f"import sys\nfrom mcstudy.cli import main\nsys.argv[1:] = [{name!r}, {file!r}]\n"
    found = imported(place, code + "try:\n    main()\nexcept SystemExit:\n    pass")
    assert found & SLOW == set()


def test_the_script_is_the_module(place: Path) -> None:
    (place / "bad.toml").write_text("[study")
    script = Path(sys.executable).with_name("mcstudy")
    done = subprocess.run([script, "run", "bad.toml"], cwd=place, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == process("run", "bad.toml", folder=place)
    assert "bad.toml: line 1" in done.stderr


@pytest.mark.parametrize("reader, read", [("head -c 1", "["), ("true", "")])
def test_a_reader_that_leaves_early_is_no_error(place: Path, reader: str, read: str) -> None:
    command = f'"{sys.executable}" -m mcstudy list --json | {reader}'
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, read, "")


def test_an_output_that_is_closed_is_no_error(place: Path) -> None:
    command = f'"{sys.executable}" -m mcstudy list --json >&-'
    done = subprocess.run(["bash", "-c", command], cwd=place, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")
