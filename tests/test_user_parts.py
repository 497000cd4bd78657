"""Parts of users' files: they do what the same built-in parts do, belong to a cell's id, and their faults are told."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import Command, process
from packs import apply
from scipy.special import expit

import mcstudy
from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.dispatch import activation_addresses
from mcstudy.catalog.inits import INITS
from mcstudy.catalog.tasks import TASKS
from mcstudy.errors import StudyError
from mcstudy.plan import make_plan

Write = Callable[..., mcstudy.Study]

PARTS = '''\
from mcstudy.parts import Parameter, activation, fma, function, init, sigmoid, sqrt, tanh, task, where

@activation()
def my_tanh(z):
    t = tanh(z)
    return t, 1.0 - t * t

@activation()
def my_leaky(z):
    """max(z, 0.2 z)"""
    return where(z > 0.0, z, 0.2 * z), where(z > 0.0, 1.0, where(z <= 0.0, 0.2, z))

@function
def gate(z, beta):
    return sigmoid(beta * z)

@activation(beta=Parameter(1.0, gt=0, doc="steepness"))
def swish(z, beta):
    """z · sigmoid(beta · z)"""
    s = gate(z, beta)
    return z * s, s + beta * z * s * (1.0 - s)

@task(input={"name": "uniform", "low": -1, "high": 1})
def my_distance(x, y):
    return sqrt(fma(x, x, y * y))

@task(outputs=2, factor=1.0, shift=0.0)
def both(x, y, factor, shift):
    return factor * (x + y), x * y + shift

@task(labels="binary", input="normal")
def inside(x, y):
    return where((x * x + y * y < 1.0) & ~(x < 0.0), 1.0, 0.0)

@init(low=-1.0, high=1.0)
def my_uniform(u, fan_in, fan_out, low, high):
    return fma(u, high - low, low)

@init()
def my_glorot(u, fan_in, fan_out):
    c = sqrt(6.0 / (fan_in + fan_out))
    return fma(u, c - -c, -c)
'''

STUDY = """\
[study]
name = "own"
seed = 5
trials = 70
parts = ["mine.py"]

[task]
name = "distance"
batch = 8

[network]
hidden = [3]
activation = "tanh"
init = "uniform"

[train]
steps = 30
optimizer = { name = "adam", lr = 0.02 }

[converge]
loss = 1e-3
"""

HEAD = "from mcstudy.parts import activation, exp, init, sqrt, task, where\n\n"
ACTIVATION = f"{HEAD}@activation()\ndef odd(z):\n"


@pytest.fixture
def write(place: Path) -> Write:
    """Writes a study and its file of parts into the current folder, and loads it."""

    def written(vary: str = "", parts: str = PARTS, study: str = STUDY) -> mcstudy.Study:
        Path("mine.py").write_text(parts, encoding="utf-8")
        Path("study.toml").write_text(f"{study}\n[vary]\n{vary}" if vary else study, encoding="utf-8")
        return mcstudy.load("study.toml")

    return written


def rows(study: mcstudy.Study) -> list[pd.DataFrame]:
    """The rows of each cell."""
    trials = mcstudy.run(study, threads=1).trials
    return [rows.drop(columns="cell").reset_index(drop=True) for _, rows in trials.groupby("cell", observed=True)]


PAIRS = {
    "activation": ('"my_tanh"', '"tanh"'),
    "activation, kinked": ('"my_leaky"', '{ name = "leaky_relu", negative_slope = 0.2 }'),
    "task.name": ('"my_distance"', '"distance"'),
    "init": ('"my_uniform"', '"uniform"'),
    "init, with parameters": ('{ name = "my_uniform", high = 0.5 }', '{ name = "uniform", high = 0.5 }'),
    "init, of fans": ('"my_glorot"', '"glorot_uniform"'),
    "init, of biases": ('{ name = "zeros", bias = "my_uniform" }', '{ name = "zeros", bias = "uniform" }'),
    "init, as a base": ('{ name = "mirrored", init = "my_uniform" }', '{ name = "mirrored", init = "uniform" }'),
    "network.output": ('"my_tanh"', '"tanh"'),
}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_copy_of_a_built_in_part_trains_alike(write: Write, name: str, precision: str) -> None:
    key, (own, built_in) = name.partition(",")[0], PAIRS[name]
    study = STUDY.replace("steps = 30", f'steps = 30\nprecision = "{precision}"')
    first, second = rows(write(f'"{key}" = [{own}, {built_in}]', study=study))
    pd.testing.assert_frame_equal(first, second)


def test_several_targets_and_parameters(write: Write) -> None:
    study = STUDY.replace('"distance"', '{ name = "both", factor = 2, shift = 0.5 }').replace("steps = 30", "steps = 0")
    study = study.replace('init = "uniform"', 'init = "zeros"').replace("batch = 8", 'batch = 8\ninput = "normal"')
    [cell] = make_plan(write(study=study)).cells
    assert (cell.settings["task"]["n_inputs"], cell.settings["task"]["n_outputs"]) == (2, 2)
    from mcstudy.kernels.layout import NORMAL
    from mcstudy.training.points import evaluation_inputs

    x, y = evaluation_inputs(NORMAL, 0.0, 1.0, 2)
    loss = np.mean([(2 * (x + y)) ** 2, (x * y + 0.5) ** 2])
    [found] = rows(write(study=study))
    np.testing.assert_allclose(found["loss_first"], loss, rtol=1e-5)


def test_labels_count_for_the_accuracy(write: Write) -> None:
    study = STUDY.replace('"distance"', '"inside"').replace("loss = 1e-3", "accuracy = 0.5")
    [cell] = make_plan(write(study=study)).cells
    assert cell.settings["task"]["labels"] == "binary"
    assert cell.settings["task"]["input"] == {"name": "normal", "mean": 0.0, "std": 1.0}
    [found] = rows(write(study=study))
    assert set(found["outcome"]) >= {"converged"}


def test_a_function_with_a_helper_is_its_formula(write: Write) -> None:
    study = write('activation = [{ name = "swish", beta = 2 }]')
    [cell] = make_plan(study).cells
    z = np.linspace(-6, 6, 101)
    f, slope = apply(_with_numbers(ACTIVATIONS[cell.settings["network"]["activation"]["name"]].function), z, pair=True)
    s = expit(2 * z)
    np.testing.assert_allclose(f, z * s, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(slope, s + 2 * z * s * (1 - s), rtol=1e-12, atol=1e-15)


def _with_numbers(function: Any) -> Any:
    @jit.scalar
    def of_one(z: Any) -> Any:
        return function(z, 2.0, 0.0)

    return of_one


def test_names_are_short_for_people_and_long_in_settings(write: Write) -> None:
    study = write(
        'activation = ["my_tanh", { name = "swish", beta = 2 }, "relu"]\n'
        'init = [{ name = "my_uniform", bias = "my_glorot" }]\n'
        '[[where]]\nmatch = { activation = "swish" }\nset = { "train.steps" = 7, "task.name" = "my_distance" }\n',
        study=STUDY.replace("trials = 70", 'trials = 70\nbaseline = { activation = "swish" }'),
    )
    plan = make_plan(study)
    assert [cell.labels["activation"] for cell in plan.cells] == ["my_tanh", "swish(beta=2)", "relu"]
    assert {cell.labels["init"] for cell in plan.cells} == {"my_uniform(bias=my_glorot)"}
    names = [cell.settings["network"]["activation"]["name"] for cell in plan.cells]
    assert re.fullmatch("my_tanh@[0-9a-f]{12}", names[0])
    assert re.fullmatch("swish@[0-9a-f]{12}", names[1])
    assert names[2] == "relu"
    assert [cell.settings["train"]["steps"] for cell in plan.cells] == [30, 7, 30]
    assert study.baseline == {"activation": 1, "init": 0}
    assert not any("@" in name for table in (ACTIVATIONS, INITS, TASKS) for name in table)
    again = pickle.loads(pickle.dumps(study))
    assert [cell.id for cell in make_plan(again).cells] == [cell.id for cell in plan.cells]


def test_the_text_of_the_file_belongs_to_the_ids_of_its_cells_alone(write: Write) -> None:
    vary = 'activation = ["my_tanh", "tanh"]'
    before, after = make_plan(write(vary)).cells, make_plan(write(vary, PARTS + "# a remark\n")).cells
    assert before[0].id != after[0].id
    assert before[1].id == after[1].id
    assert [cell.id for cell in make_plan(write(vary)).cells] == [cell.id for cell in before]


UNDRAWN = """
import pandas
from mcstudy import api, cli
api.write_report = lambda *arguments, **options: pandas.DataFrame()
cli.main()
"""
"""The command line, without reports: drawing takes most of the time of so short a run."""


@pytest.mark.slow
def test_code_is_kept_and_versions_are_not_confused(place: Path) -> None:
    """Two versions in turns, each in a process of its own; the second round compiles nothing."""
    Path("study.toml").write_text(STUDY + '\n[vary]\nactivation = ["leak"]\n', encoding="utf-8")
    text = "@activation()\ndef leak(z):\n    return where(z > 0.0, z, {0} * z), where(z > 0.0, 1.0, {0})\n"
    digests: list[str] = []
    kept: list[int] = []
    for run, slope in enumerate((0.1, 0.3, 0.1, 0.3)):
        Path("mine.py").write_text(HEAD + text.format(slope), encoding="utf-8")
        result = process("run", "study.toml", "--quiet", "--out", f"out{run}", folder=place, start=("-c", UNDRAWN))
        assert result.status == 0, result.err
        [digest] = json.loads(Path(f"out{run}/run.json").read_text(encoding="utf-8"))["digest"].values()
        digests.append(digest)
        kept.append(sum(1 for file in jit.kernel_cache().rglob("*leak@*") if file.suffix == ".nbc"))
    assert digests[0] == digests[2] != digests[1] == digests[3]
    assert kept[1] == kept[2] == kept[3]
    assert not (place / "__pycache__").exists()


def test_commands_tell_of_the_code_they_load(write: Write, command: Command, plain: None) -> None:
    write('activation = ["my_tanh", "tanh"]', PARTS + "# as nowhere else\n")
    from mcstudy.spec import own

    own._loaded.clear()
    assert command("plan", "study.toml").err == "loading code from mine.py\n"
    own._loaded.clear()
    ran = command("run", "study.toml", "--quiet")
    assert (ran.status, ran.err) == (0, "loading code from mine.py\n")
    text = Path("reports/own/report.md").read_text(encoding="utf-8")
    assert "`my_tanh`" in text
    assert "@" not in text
    assert command("report", "reports/own").status == 0
    assert Path("reports/own/report.md").read_text(encoding="utf-8") == text
    Path("mine.py").write_text(PARTS, encoding="utf-8")
    changed = command("report", "reports/own")
    assert changed.status == 2
    assert "mine.py: has changed since the trials were trained" in changed.err
    Path("mine.py").unlink()
    gone = command("report", "reports/own")
    assert gone.status == 2
    assert "mine.py: there is no such file" in gone.err


def test_a_part_that_cannot_be_exported_has_the_name_that_the_study_says(
    write: Write, command: Command, undrawn: None
) -> None:
    study = write('activation = ["my_tanh"]')
    results = mcstudy.run(study, out="run")
    found = command("replay", "run", "--cell", results.rates.cell[0], "--trial", 0, "--export", "numpy")
    assert found.status == 2 and 'to NumPy: the activation "my_tanh" has no counterpart there' in found.err


def test_replay(write: Write) -> None:
    study = write('activation = ["my_tanh"]\ninit = ["my_uniform"]')
    results = mcstudy.run(study, threads=1)
    trace = mcstudy.replay(study, results.rates.cell[0], 17)
    assert trace.loss[0] == results.trials.loss_first[17]
    assert trace.loss[-1] == results.trials.loss_last[17]


LOADING = {
    "syntax": (f"{ACTIVATION}    return (z, z\n", "mine.py, line 5: not Python: '(' was never closed"),
    "no text": ("\0", "mine.py: not Python"),
    "exception": ("x = 1\ny = x / 0\n", "mine.py, line 2: ZeroDivisionError: division by zero"),
    "exit": ("import sys\n\nsys.exit(3)\n", "mine.py, line 3: SystemExit: 3"),
    "unknown import": ("from mcstudy.parts import tahn\n", "mine.py, line 1: ImportError: cannot import name 'tahn'"),
    "nothing": ("x = 1\n", "mine.py: makes no part"),
    "built in": (ACTIVATION.replace("odd", "relu") + "    return z, z\n", 'the activation "relu" is there already'),
    "word": (ACTIVATION.replace("odd", "sum") + "    return z, z\n", 'the activation "sum" is there already'),
    "twice": (2 * f"{ACTIVATION}    return z, z\n", 'the activation "odd" is made twice'),
    "no brackets": (ACTIVATION.replace("()", "") + "    return z, z\n", "mine.py, line 3: TypeError"),
    "no z": (ACTIVATION.replace("(z)", "()") + "    return 1, 1\n", "mine.py, line 3: odd has to take z"),
    "not a parameter": (ACTIVATION.replace("(z)", "(z, a)") + "    return z, z\n", "its arguments are z, a"),
    "not an argument": (ACTIVATION.replace("()", "(a=1.0)") + "    return z, z\n", "the last arguments of odd have to"),
    "not a number": (
        ACTIVATION.replace("()", "(a='1')").replace("(z)", "(z, a)") + "    return z, z\n",
        "a = '1' is not a number",
    ),
    "three numbers": (
        ACTIVATION.replace("()", "(a=1, b=1, c=1)").replace("(z)", "(z, a, b, c)") + "    return z, z\n",
        "odd has 3 parameters, and 2 are the most",
    ),
    "reserved": (
        ACTIVATION.replace("()", "(copy=1)").replace("(z)", "(z, copy)") + "    return z, z\n",
        "cannot have a parameter called copy",
    ),
    "input": (f"{HEAD}@task(input='gamma')\ndef odd(x):\n    return x\n", "input = 'gamma' is not a distribution"),
    "bounds": (
        f"{HEAD}@task(input={{'name': 'uniform', 'low': 1, 'high': 0}})\ndef odd(x):\n    return x\n",
        "low must be below high",
    ),
    "labels": (f"{HEAD}@task(labels='colour')\ndef odd(x):\n    return x\n", "labels = 'colour' is not one of"),
    "classes": (f"{HEAD}@task(labels='classes')\ndef odd(x):\n    return x\n", "does not go with outputs = 1"),
    "fans": (f"{HEAD}@init()\ndef odd(u):\n    return u\n", "odd has to take u, fan_in and fan_out"),
}


@pytest.mark.parametrize("name", LOADING)
def test_a_file_that_cannot_be_loaded(write: Write, command: Command, name: str) -> None:
    text, words = LOADING[name]
    with pytest.raises(StudyError) as caught:
        write(parts=text)
    [fault] = caught.value.faults
    assert fault.path == "$.study.parts[0]"
    assert fault.message.startswith("mine.py")
    assert words in fault.message
    assert "\n" not in fault.message
    before = sorted(Path().rglob("*"))
    told = command("run", "study.toml")
    assert (told.status, told.out) == (2, "")
    assert "Traceback" not in told.err
    assert sorted(Path().rglob("*")) == before


COMPILING = {
    "one value": ("    return z\n", 3, "it has to return 2 numbers, separated by commas, and returns one"),
    "three values": ("    return z, z, z\n", 3, "and returns 3 values"),
    "no value": ("    z * z\n", 3, "and returns nothing"),
    "a condition": ("    return z, z > 0.0\n", 3, "not all of them numbers"),
    "unknown function": ("    a = z\n    return swich(a), z\n", 6, "NameError: name 'swich' is not defined"),
    "power": ("    a = z\n    return a ** 2, 2.0 * a\n", 6, "z * z stands for z ** 2"),
    "if": ("    a = z\n    if a > 0.0:\n        return a, z\n    return z, z\n", 6, "write where(condition, a, b)"),
    "and": ("    return where(z > 0.0 and z < 1.0, z, 0.0), z\n", 5, "&, | and ~"),
    "library": ("    return z, abs(z)\n", 5, "functions that work here come from mcstudy.parts"),
    "number alone": ("    return z, sqrt(2.0)\n", 5, "sqrt(number) is not possible"),
    "number within": ("    return z, exp(2.0)\n", 5, "exp does not take what it is given here"),
    "text": ("    return z, exp('a')\n", 5, "exp does not take what it is given here"),
    "wrong slope": ("    return z * z, z\n", 3, "not the derivative of the first: at z = "),
}


@pytest.mark.parametrize("name", COMPILING)
def test_a_function_that_cannot_be_compiled(write: Write, command: Command, name: str) -> None:
    body, line, words = COMPILING[name]
    study = write('activation = ["odd"]', ACTIVATION + body)
    before = sorted(Path().rglob("*"))
    assert command("plan", "study.toml").status == 0
    with pytest.raises(StudyError) as caught:
        mcstudy.run(study, out="out")
    [fault] = caught.value.faults
    assert fault.path == "$.study.parts"
    assert fault.message.startswith(f"mine.py, line {line}, in odd: ")
    assert words in fault.message
    told = command("run", "study.toml")
    assert (told.status, told.out) == (2, "")
    assert "Traceback" not in told.err
    assert str(caught.value) in told.err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("task", "@task(outputs=2)\ndef odd(x, y):\n    return x\n", "it has to return 2 numbers"),
        (
            "task",
            "@task()\ndef odd(x, y):\n    return x > y\n",
            "returns a condition (write where(condition, 1.0, 0.0)",
        ),
        (
            "init",
            "@init()\ndef odd(u, fan_in, fan_out):\n    return u, u\n",
            "it has to return one number, and returns 2",
        ),
    ],
)
def test_other_functions_that_cannot_be_compiled(write: Write, kind: str, text: str, words: str) -> None:
    study = write(f'"{"task.name" if kind == "task" else "init"}" = ["odd"]', HEAD + text)
    with pytest.raises(StudyError, match=r"mine\.py, line 3, in odd: ") as caught:
        mcstudy.run(study)
    assert words in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_derivative_of_a_built_in_activation_is_called_wrong(dtype: type) -> None:
    from mcstudy.training.slopes import wrong_slope

    for part in ACTIVATIONS.values():
        settings = {name: value or 0.5 for name, value in part.defaults().items()}
        if part.by_parameter is None:
            address, _ = activation_addresses(part, settings, dtype)
            assert wrong_slope(address, part.numbers(settings), dtype) is None, part.name


def test_a_derivative_that_is_meant_to_be_another_one(write: Write) -> None:
    parts = ACTIVATION.replace("()", "(surrogate=True)") + "    return where(z > 0.0, 1.0, 0.0), exp(-z * z)\n"
    assert len(rows(write('activation = ["odd"]', parts))) == 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("../mine.py", "does not lie in the study's folder"),
        ("sub/../../mine.py", "does not lie in the study's folder"),
        ("linked.py", "does not lie in the study's folder"),
        ("mine.txt", "its name has to end in .py"),
        ("nowhere.py", "nowhere.py: there is no such file (looked for beside the study)"),
        ("folder.py", "folder.py: this is a folder"),
    ],
)
def test_code_comes_from_the_folder_of_the_study_alone(place: Path, written: str, words: str) -> None:
    (place / "mine.py").write_text("raise RuntimeError('was run')\n", encoding="utf-8")
    folder = place / "studies"
    (folder / "folder.py").mkdir(parents=True)
    (folder / "sub").mkdir()
    (folder / "linked.py").symlink_to(place / "mine.py")
    (folder / "study.toml").write_text(STUDY.replace("mine.py", written), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        mcstudy.load(folder / "study.toml")
    [fault] = caught.value.faults
    assert fault.path == "$.study.parts[0]"
    assert words in fault.message


def test_an_absolute_path_is_refused(place: Path) -> None:
    (place / "mine.py").write_text(PARTS, encoding="utf-8")
    data = {"study": {"name": "a", "seed": 1, "trials": 1, "parts": [str(place / "mine.py")]}}
    with pytest.raises(StudyError, match="does not lie in the study's folder"):
        mcstudy.Study.model_validate(data)


def test_two_files(write: Write) -> None:
    Path("sub").mkdir()
    Path("sub/more.py").write_text(ACTIVATION + "    return z, where(z == z, 1.0, z)\n", encoding="utf-8")
    study = STUDY.replace('["mine.py"]', '["mine.py", "sub/more.py"]')
    assert len(make_plan(write('activation = ["odd", "swish"]', study=study)).cells) == 2
    Path("sub/more.py").write_text(ACTIVATION.replace("odd", "swish") + "    return z, z\n", encoding="utf-8")
    for text, words in ((study, 'the activation "swish" is made twice'), (study.replace("sub/more", "mine"), "twice")):
        with pytest.raises(StudyError, match=words) as caught:
            write(study=text)
        assert [fault.path for fault in caught.value.faults] == ["$.study.parts[1]"]


def test_faults_name_what_a_user_made(write: Write) -> None:
    with pytest.raises(StudyError) as caught:
        write(
            'activation = ["swich", { name = "swish", beta = -1 }, { name = "swish", gamma = 1 }]\n'
            'init = [{ name = "my_uniform", bias = { name = "my_uniform", low = "a" } }]'
        )
    told = {fault.path: fault.message for fault in caught.value.faults}
    assert 'did you mean "swish"? Known: relu, ' in told["$.vary.activation[0]"]
    assert told["$.vary.activation[1].beta"] == "-1 is not a number above 0"
    assert told["$.vary.activation[2].gamma"] == 'swish has no parameter "gamma"; its parameters: beta'
    assert told["$.vary.init[0].bias.low"].startswith('"a" is not a number')
    assert len(told) == 4


def test_from_python_files_lie_in_the_current_folder(write: Write) -> None:
    data = write('activation = ["my_tanh"]').data
    assert mcstudy.Study.model_validate(data).part_files.keys() == {"mine.py"}
    assert mcstudy.Study.model_validate(data | {"study": {**data["study"], "parts": []}, "vary": {}}).part_files == {}
