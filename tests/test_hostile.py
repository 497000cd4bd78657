"""Studies and tables as data from strangers: where they may lie, how large they may be, what they can put on a page."""

from __future__ import annotations

import os
import re
import time
from collections import namedtuple
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from bad_file import GOOD, ROWS, TABLE, changed
from commands import Command
from pyarrow import parquet

from mcstudy.errors import Fault, RunError, StudyError, printable
from mcstudy.plan import make_plan, tables
from mcstudy.report.document import Code, Document, Heading, Listing, Paragraph, Table
from mcstudy.report.render import csv, markdown, page
from mcstudy.spec import load

EVIL = "\x1b[2J\x1b]0;x\x07\r\x00\u202e\u2066\x9b\x7f"
Usage = namedtuple("Usage", "total used free")


def refused(place: Path, text: str, seconds: float = 5) -> str:
    """The message of the one fault of a study, which is told soon."""
    (place / "study.toml").write_text(text, encoding="utf-8")
    start = time.monotonic()
    with pytest.raises(StudyError) as caught:
        make_plan(load(place / "study.toml"))
    assert time.monotonic() - start < seconds
    assert len(str(caught.value)) < 60_000
    assert printable(str(caught.value), keep="\n") == str(caught.value)
    return caught.value.faults[0].message


# ------------------------------------------------------------------------------------------ where tables lie


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("/etc/passwd", "does not lie in the study's folder; tables are read from there and the folders below alone"),
        ("../data.csv", "does not lie in the study's folder"),
        ("sub/../../data.csv", "does not lie in the study's folder"),
        ("linked.csv", "does not lie in the study's folder"),
        ("folder/data.csv", "does not lie in the study's folder"),
        ("loop.csv", "cannot be read"),
        ("pipe.csv", "this is a device or a pipe, not a file"),
        ("sub", "this is a folder"),
        ("x" * 5000 + ".csv", "cannot be read"),
        ("a\\u0000.csv", "cannot be read"),
        ("none.csv", "there is no such file (looked for beside the study)"),
    ],
)
def test_tables_lie_beside_the_study(tmp_path: Path, written: str, words: str) -> None:
    place = tmp_path / "studies"
    (place / "sub").mkdir(parents=True)
    (tmp_path / "data.csv").write_bytes(ROWS)
    (place / "linked.csv").symlink_to(tmp_path / "data.csv")
    (place / "folder").symlink_to(tmp_path, target_is_directory=True)
    (place / "loop.csv").symlink_to(place / "loop.csv")
    os.mkfifo(place / "pipe.csv")
    assert words in refused(place, TABLE.replace("data.csv", written))


def test_a_table_below_the_study_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data.csv").write_bytes(ROWS)
    (tmp_path / "here.csv").symlink_to(tmp_path / "sub" / "data.csv")
    for name in ("sub/data.csv", "here.csv", "sub/../sub/data.csv"):
        (tmp_path / "study.toml").write_text(TABLE.replace("data.csv", name))
        assert len(make_plan(load(tmp_path / "study.toml")).cells) == 8


def test_large_tables_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "data.csv", "wb") as file:
        file.truncate(3 << 30)  # a hole: it takes no room
    message = refused(tmp_path, TABLE)
    assert "is a file of 3,072 MiB; .csv files of up to 256 MiB are read" in message and ".parquet" in message
    parquet.write_table(pa.table({"x": [0.0] * 300_000, "y": [1] * 300_000}), tmp_path / "data.parquet")
    assert (tmp_path / "data.parquet").stat().st_size < 10_000  # few bytes can stand for many rows
    monkeypatch.setattr(tables, "MOST_NUMBERS", 1 << 18)
    message = refused(tmp_path, TABLE.replace("data.csv", "data.parquet"))
    assert "has 300,000 rows or more in the 2 columns" in message and "up to 131,072 rows" in message
    monkeypatch.setattr(tables, "MOST_NUMBERS", 4)
    (tmp_path / "data.csv").write_bytes(ROWS)
    assert "there can be up to 2 rows" in refused(tmp_path, TABLE)
    monkeypatch.setattr(tables, "MOST_NUMBERS", 100)
    monkeypatch.setattr(tables, "MOST_READ", 10)
    assert "the tables of this study are too much together" in refused(tmp_path, TABLE)


@pytest.mark.parametrize("content", [b"PAR1" * 9, b"PAR1\xff\xff\xff\x7fPAR1", os.urandom(0), b"\x80\x04.", b"x" * 99])
def test_broken_tables_are_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("data.csv", "data.parquet"):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path, TABLE.replace("data.csv", name))


def test_no_other_file_is_a_table(tmp_path: Path) -> None:
    for name in ("data.npy", "data.npz", "data.pkl", "data.csv.gz", "data.feather"):
        (tmp_path / name).write_bytes(ROWS)
        assert "is no kind of table; known: .csv, .parquet" in refused(tmp_path, TABLE.replace("data.csv", name))


def test_what_a_table_holds_is_shown_without_commands(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(f'x,y\n"{EVIL.replace(chr(13), "")}",1\n', encoding="utf-8")
    assert "\\u001b[2J" in refused(tmp_path, TABLE)
    (tmp_path / "data.csv").write_text(",".join(f"{EVIL[0]}{i}" for i in range(20_000)) + "\n", encoding="utf-8")
    message = refused(tmp_path, TABLE)
    assert "and 19,900 more" in message and len(message) < 2000


# ------------------------------------------------------------------------------------------ large numbers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * (3 << 20), "the file is too large; the largest study is one of 2 MiB"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "{b=" * 100_000, "nested too deeply"),
        ("a = " + "[" * 40 + "]" * 40, "nested too deeply; a study needs no more than 32 levels"),
        ("a." * 500_000 + "b = 1", "more than 50 names joined by dots"),
        ('"a\\"" . ' * 200_000 + "b = 1", "more than 50 names joined by dots"),
        ("[" + "a." * 500_000 + "b]", "more than 50 names joined by dots"),
        ("a" * 1_000_000, "not TOML"),
        ("a = " + "1" * 100_000, "a value cannot be read"),
        ("a = 0x" + "f" * 1_000_000, "missing; a study needs [study]"),
        (changed("trials = 100", "trials = 0x" + "f" * 1000), "a number of more than 40 digits is not an integer"),
        (changed('"good"', '"' + "a" * 101 + '"'), "a name of up to 100 letters"),
        (changed("[4]", "[" + "65536, " * 1001 + "]"), "a list of widths"),
        (changed("batch = 10", "batch = 10\nprobe = [" + ", ".join(map(str, range(100_000))) + "]"), "1 to 1000"),
        (changed("[4]", "[" + "1, " * 1000 + "]") + f'"train.steps" = {list(range(1, 100))}', "792 cells are too many"),
        (GOOD + "".join(f"key{i} = {i}\n" for i in range(20_000)), "key0"),
        (GOOD + '"train.steps" = ["x"' + ', "x"' * 30_000 + "]", '"x" is not an integer'),
        (GOOD + "\n[[claim]]" * 20_000, "missing"),
        (changed("[vary]", "[vary]\n" + '"' + "k" * 1_000_000 + '" = 1'), "is not a key that a cell can set"),
    ],
    ids=lambda value: None if len(value) > 100 else value[:30],
)  # fmt: skip
def test_what_is_too_large_is_refused_soon(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hidden = [4]", "hidden = [65536, 65536]", "GiB of memory"),
        ("batch = 10", "batch = 2147483647", "task.batch"),
        ('"fresh"', '"trial"\nsize = 2147483647\norder = "sequential"', "task.size"),
        ('"fresh"', '"shared"\nsize = 2147483647\norder = "sequential"', "task.size"),
        ("steps = 50", "steps = 2147483647\n[converge]\nevery = 1", "converge.every larger"),
    ],
)
@pytest.mark.parametrize("name", ["plan", "run"])
def test_cells_fit_into_memory(command: Command, place: Path, name: str, old: str, new: str, words: str) -> None:
    text = changed(old, new).replace("\n[converge]\nloss", "\nloss") if "[converge]" in new else changed(old, new)
    (place / "study.toml").write_text(text)
    done = command(name, "study.toml")
    assert done.status == 2 and "GiB of memory in every" in done.err and words in done.err
    assert os.listdir(place) == ["study.toml"]


@pytest.mark.parametrize(
    ("trials", "steps", "free", "words"),
    [
        (10**12, 50, 1 << 40, "GiB are there (free at"),
        (10**6, 50, 1 << 20, "and 1.0 MiB are there (free at"),
        (10**9, 2**31 - 1, 1 << 60, "and 10 are the most; up to"),
    ],
)
def test_runs_fit_on_the_disk_and_into_a_life(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch, trials: int, steps: int, free: int, words: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(1 << 62, 0, free))
    (place / "study.toml").write_text(changed("steps = 50", f"steps = {steps}"))
    done = command("run", "study.toml", "--trials", trials)
    assert done.status == 2 and "$.study.trials" in done.err and words in done.err
    assert os.listdir(place) == ["study.toml"]


# ------------------------------------------------------------------------------------------ what is shown


def test_messages_and_tables_hold_no_commands(command: Command, place: Path) -> None:
    title = "".join(f"\\u{ord(character):04x}" for character in EVIL)
    (place / "study.toml").write_text(changed("seed = 7", f'seed = 7\ntitle = "{title}"'))
    done = command("plan", "study.toml")
    assert done.status == 0 and done.out.startswith("\\u001b[2J\\u001b]0;x\\u0007\\u000d\\u0000\\u202e\\u2066")
    name = f"{EVIL.replace(chr(0), '')}.toml"
    assert "\x1b" not in command("plan", name).err
    assert str(RunError(EVIL)) == printable(EVIL) == str(RunError(printable(EVIL)))
    assert str(StudyError([Fault("$." + EVIL, None, EVIL * 1000)], EVIL)).isprintable()
    assert str(StudyError([Fault("$", None, "x")] * 99)).endswith("\nand 69 more faults")
    assert printable("naïve 日本語 👩\u200d🔬 café") == "naïve 日本語 👩\u200d🔬 café"


def test_pages_hold_no_markup_of_others() -> None:
    evil = f"</code></title><script>alert(1)</script><img src=x onerror=y> ![a](b) [c](d) \"'`|{EVIL}"
    blocks = (Heading(2, evil), Paragraph((evil, Code(evil))), Table((evil,), (((evil,),),)), Listing(f"x ```\n{evil}"))
    html = page(Document(evil, blocks), {evil: evil})
    assert not re.search(r"<(script|img)", html)
    assert "default-src 'none'" in html
    text = markdown(Document(evil, blocks))
    outside = markdown(Document(evil, (Heading(2, evil), Paragraph((evil,)), Table((evil,), (((evil,),),)))))
    assert not re.search(r"<(script|img|/)|(?<!\\)\[|(?<!\\)`", outside)
    for made in (html, text):
        assert printable(made, keep="\n") == made
    assert text.rstrip().endswith("````")


def test_csv_holds_no_formulas() -> None:
    frame = pd.DataFrame({"a": ["=1+1", "+x", "-1.5", "@y", " =z", "relu", EVIL], "b": range(-3, 4), "c": [None] * 7})
    lines = csv(frame).splitlines()
    assert lines[1:7] == ["'=1+1,-3,", "'+x,-2,", "-1.5,-1,", "'@y,0,", "' =z,1,", "relu,2,"]
    assert lines[7].startswith("\\u001b[2J") and len(lines) == 8


def test_the_command_of_a_report_is_one_command(command: Command, place: Path, undrawn: None) -> None:
    from mcstudy.report.build import _again

    (place / "x; rm y.toml").write_text(GOOD)
    listing, _ = _again(make_plan(load("x; rm y.toml")), 5)
    assert isinstance(listing, Listing) and "run 'x; rm y.toml' --trials 5" in listing.text


def test_code_is_a_file_of_the_folder_and_told_of(command: Command, place: Path) -> None:
    os.mkfifo(place / "pipe.py")
    (place / "large.py").write_bytes(b"#" * (2 << 20))
    for name, words in (("pipe.py", "a device or a pipe"), ("large.py", "is too large"), ("/etc/x.py", "not lie in")):
        assert words in refused(place, changed("seed = 7", f'seed = 7\nparts = ["{name}"]'))
