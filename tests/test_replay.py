"""`replay`: one trial again, with its trace, its figures, and scripts that repeat it elsewhere."""

from __future__ import annotations

import csv
import io
import json
import runpy
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import naive
import naive_draws
import numpy as np
import pytest
from agreement import study as small_study
from cases import part
from commands import TINY, Command
from test_verify import STUDIES, change, one_bit, short

import mcstudy
from mcstudy import export
from mcstudy.engine.program import build
from mcstudy.engine.single import samples_of
from mcstudy.export.script import TOLERANCE
from mcstudy.plan import make_plan
from mcstudy.store import FolderStore

EXPORTS = json.loads((Path(__file__).parent / "reference" / "exports.json").read_text(encoding="utf-8"))
PNG = b"\x89PNG\r\n"


@pytest.fixture
def folder(place: Path, command: Command, undrawn: None) -> Path:
    (place / "tiny.toml").write_text(TINY)
    assert command("run", "tiny.toml", "--quiet").status == 0
    return Path("reports/tiny")


def cells(study: mcstudy.Study | None = None) -> Any:
    return make_plan(study or mcstudy.load("tiny.toml")).cells


# ---------------------------------------------------------------------------------------------- from Python


def test_a_trace_names_what_it_holds() -> None:
    study = small_study("float64", {}, network={"hidden": [2], "activation": "prelu", "output": "activation"})
    trace = mcstudy.replay(study, cells(study)[0].id, 3)
    assert trace.names == (
        *("layer1.weight[0,0]", "layer1.weight[1,0]", "layer1.bias[0]", "layer1.bias[1]", "layer1.slope"),
        *("layer2.weight[0,0]", "layer2.weight[0,1]", "layer2.bias[0]", "layer2.slope"),
    )
    assert trace.units == ("layer1.unit[0]", "layer1.unit[1]", "layer2.unit[0]")
    assert trace.parameters.shape == (len(trace.steps), len(trace.names))
    assert trace.activity.shape == (len(trace.steps), len(trace.units))
    linear = small_study("float64", {}, network={"output": "sum"})
    trace = mcstudy.replay(linear, cells(linear)[0].id, 3)
    assert trace.units == ("layer1.unit[0]", "layer1.unit[1]", "layer1.unit[2]")
    assert len(trace.names) == trace.parameters.shape[1] == 6


@pytest.mark.parametrize(
    "task",
    [
        part("sine", samples="trial", size=20),
        part("distance", samples="trial", size=70, batch=8),
        part("addition", samples="shared", size=None, batch=2),
        part("relu", samples="fresh", size=None, batch=8),
    ],
    ids=lambda task: task["name"],
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_activity_is_the_share_of_points_with_a_slope(task: dict[str, Any], precision: str) -> None:
    network = {"hidden": [4, 3], "output": "activation"}
    vary = {"activation": ["relu", "hard_tanh", part("leaky_relu", negative_slope=0.0)]}
    study = small_study(precision, vary, task=task, network=network | {"activation": None}, train={"steps": 400})
    for cell in cells(study):
        trace = mcstudy.replay(study, cell.id, 2**33 + 7)
        fresh = task.get("samples") == "fresh"
        settings = cell.settings
        points = naive_draws.quantile_points(settings) if fresh else naive_draws.sample_set(settings, trace.trial, None)
        expected = []
        for parameters in trace.parameters:
            slopes = naive.Network(settings, parameters.copy()).forward(points[0])[2]
            expected.append(np.concatenate([(slope != 0).mean(axis=0) for slope in slopes]))
        assert np.abs(trace.activity - np.array(expected)).max() <= 1.5 / len(points[0])  # a point may be at the kink
        hidden = trace.activity[-1][[".unit" in name and "layer3" not in name for name in trace.units]]
        assert trace.row["dead_units"] == np.sum(hidden == 0)


@pytest.mark.parametrize("record", EXPORTS["records"], ids=lambda record: f"{record['framework']}: {record['cell']}")
def test_the_frameworks_have_the_same_losses(record: dict[str, Any]) -> None:
    """What scripts exported for PyTorch, Keras and NumPy computed when `make_exports` ran them."""
    study = mcstudy.Study.model_validate(record["study"])
    trace = mcstudy.replay(study, cells(study)[0].id, record["trial"])
    assert trace.steps.tolist() == record["steps"]
    np.testing.assert_allclose(trace.loss, record["loss"], rtol=TOLERANCE, atol=0)


def test_the_fixture_is_as_large_as_it_says() -> None:
    frameworks = [record["framework"] for record in EXPORTS["records"]]
    assert [frameworks.count(name) for name in export.FRAMEWORKS] == [20, 5, 5]
    assert {record["cell"].partition(":")[0] for record in EXPORTS["records"]} <= {path.stem for path in STUDIES}
    moved = np.array(EXPORTS["records"][0]["loss"]) * (1 + 2e-8)
    assert not np.allclose(moved, EXPORTS["records"][0]["loss"], rtol=TOLERANCE, atol=0)


def test_a_near_miss_of_a_cell() -> None:
    study = small_study("float64", {})
    known = cells(study)[0].id
    with pytest.raises(mcstudy.StudyError, match=f'did you mean "{known}"\\? The cells are {known}'):
        mcstudy.replay(study, known[:-1], 0)


# ---------------------------------------------------------------------------------------------- the command


@pytest.mark.slow
def test_replays_of_the_shipped_studies_are_their_rows(
    place: Path, command: Command, undrawn: None, unpictured: None
) -> None:
    for path in STUDIES:
        study = short(path, steps=30, trials=40)
        mcstudy.run(study, out=study.name)
        for cell in cells(study)[3::23]:
            found = command("replay", study.name, "--cell", cell.id, "--trial", 7 + cell.index % 30)
            assert found.status == 0 and found.out.endswith("every byte of its stored row is the same\n"), found


def test_what_a_replay_writes(folder: Path, command: Command) -> None:
    cell = cells()[1]
    found = command("replay", folder, "--cell", cell.id, "--trial", 17)
    written = folder / "replays" / f"{cell.id}-17"
    assert found.status == 0 and str(written) in found.out
    assert sorted(path.name for path in written.iterdir()) == [
        "activity.png",
        "loss.png",
        "parameters.png",
        "trace.csv",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in written.glob("*.png"))
    trace = mcstudy.replay(mcstudy.load("tiny.toml"), cell.id, 17)
    rows = list(csv.reader(io.StringIO((written / "trace.csv").read_text())))
    assert rows[0] == ["step", "loss", *trace.names, "layer1.active[0]", "layer1.active[1]"]
    values = np.array(rows[1:])
    assert np.array_equal(values[:, 0].astype(int), trace.steps)
    assert np.array_equal(values[:, 1].astype(np.float32), trace.loss)
    assert np.array_equal(values[:, 2:-2].astype(np.float32), trace.parameters)
    assert np.array_equal(values[:, -2:].astype(float), trace.activity)
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    assert command("replay", folder, "--cell", cell.id, "--trial", 17, "--out", "elsewhere").status == 0
    assert {path.name: path.read_bytes() for path in Path("elsewhere").iterdir()} == before


@pytest.mark.parametrize(
    "sections",
    [
        {"network": {"hidden": [70, 3]}},
        {"network": {"hidden": [4, 4, 4, 4, 4, 4, 4, 4]}},
        {"network": {"hidden": []}, "train": {"steps": 0}},
        {"train": {"optimizer": part("sgd", lr=1e9)}},
    ],
    ids=["wide", "deep", "no steps", "diverged"],
)
def test_figures_of_any_trial(
    sections: dict[str, Any], place: Path, command: Command, undrawn: None, usual_packs: None
) -> None:
    study = small_study("float32", {}, **sections)
    mcstudy.run(study, out="run")
    found = command("replay", "run", "--cell", cells(study)[0].id, "--trial", 1, "--out", "out")
    assert found.status == 0
    assert all(path.read_bytes().startswith(PNG) for path in Path("out").glob("*.png"))


def test_another_row_is_told(folder: Path, command: Command, unpictured: None) -> None:
    cell = cells()[0]
    change(folder, cell.id, 12, "loss_last", one_bit)
    stored = FolderStore(folder).rows(cell.id, np.array([12]))["loss_last"][0]
    found = command("replay", folder, "--cell", cell.id, "--trial", 12)
    assert found.status == 1
    first, a, b = found.err.splitlines()
    assert first == f"{folder}: the stored row is not the one that training gives"
    assert a.startswith("stored:   trial 12, outcome ") and f"loss_last {stored!s}," in a
    assert b.startswith("computed: trial 12, outcome ") and f"loss_last {stored!s}," not in b
    assert command("replay", folder, "--cell", cell.id, "--trial", 13).status == 0


BUMP = "from mcstudy.parts import activation, exp\n\n@activation()\ndef bump(z):\n    e = exp(-z * z)\n"
BESIDE = {
    "table": (
        "data.csv",
        "a,y\n1,2\n0,1\n2,4\n3,7\n",
        ('name = "relu"\n', 'name = { name = "table", file = "data.csv", inputs = ["a"], targets = ["y"] }\n'),
        ("batch = 8", "batch = 2"),
    ),
    "parts": (
        "mine.py",
        BUMP + "    return e, -2.0 * z * e\n",
        ("seed = 11", 'seed = 11\nparts = ["mine.py"]'),
        ('["relu"', '["bump"'),
    ),
}
"""A file that a study needs beside it, and what the study then says."""


@pytest.mark.parametrize("name", BESIDE)
def test_a_study_that_moved_is_found_again_after_a_run(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch, command: Command, undrawn: None
) -> None:
    file, content, *changes = BESIDE[name]
    text = TINY
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (place / "before").mkdir()
    monkeypatch.chdir(place / "before")
    Path("tiny.toml").write_text(text)
    Path(file).write_text(content)
    assert command("run", "tiny.toml", "--quiet").status == 0
    (place / "before").rename(place / "after")
    monkeypatch.chdir(place / "after")
    lost = command("verify", "reports/tiny", "--sample", 5)
    assert lost.status == 2
    assert "there is no such file" in lost.err
    assert "the study was" in lost.err and "`python -m mcstudy run STUDY.toml --out reports/tiny`" in lost.err
    before = json.loads(Path("reports/tiny/run.json").read_text())
    assert command("run", "tiny.toml", "--quiet").status == 0
    assert command("verify", "reports/tiny", "--sample", 5).status == 0
    after = json.loads(Path("reports/tiny/run.json").read_text())
    assert {key for key in before if before[key] != after[key]} <= {"file", "command"}
    Path(file).unlink()
    broken = command("verify", "reports/tiny", "--sample", 5)
    assert "there is no such file" in broken.err and "the study was" not in broken.err


def test_a_table_is_read_again(place: Path, command: Command, undrawn: None, unpictured: None) -> None:
    (place / "data.csv").write_text("a,b,y\n1,2,3\n0,1,1\n2,2,4\n")
    text = TINY.replace('name = "relu"\nbatch = 8', 'batch = 2\n[task.name]\nname = "table"\nfile = "data.csv"\n')
    text = text.replace('"data.csv"\n', '"data.csv"\ninputs = ["a", "b"]\ntargets = ["y"]\n')
    (place / "tiny.toml").write_text(text)
    assert command("run", "tiny.toml", "--quiet").status == 0
    folder, cell = Path("reports/tiny"), cells()[0].id
    assert command("replay", folder, "--cell", cell, "--trial", 3).status == 0
    assert command("verify", folder, "--sample", 20).status == 0
    (place / "data.csv").write_text("a,b,y\n1,2,3\n0,1,1\n2,2,5\n")
    for arguments in (("replay", folder, "--cell", cell, "--trial", 3), ("verify", folder)):
        found = command(*arguments)
        assert found.status == 2 and "are not those of this run; they have changed" in found.err
    (place / "data.csv").unlink()
    found = command("verify", folder)
    assert found.status == 2 and "there is no such file" in found.err


def test_what_cannot_be_replayed(folder: Path, command: Command, unpictured: None) -> None:
    cell = cells()[0]

    def says(text: str, *arguments: object) -> None:
        found = command("replay", *arguments)
        assert (found.status, found.out) == (2, "") and text in found.err, found
        assert not (folder / "replays").exists()

    says(
        f'no cell of this run has the id "{cell.id[:-1]}"; did you mean "{cell.id}"?',
        folder,
        "--cell",
        cell.id[:-1],
        "--trial",
        0,
    )
    says(f'has the id "zzz"; it has {cell.id}, ', folder, "--cell", "zzz", "--trial", 0)
    says(
        f"trial 70 of cell {cell.id} ({cell.label}) is not stored; 0 to 69 are",
        folder,
        "--cell",
        cell.id,
        "--trial",
        70,
    )
    says("-1 is not a whole number from 0 to 10^12-1", folder, "--cell", cell.id, "--trial", -1)
    says("Missing option '--cell'", folder, "--trial", 0)
    says("'jax' is not one of 'torch', 'keras', 'numpy'", folder, "--cell", cell.id, "--trial", 0, "--export", "jax")
    says("nowhere: there is no such folder", "nowhere", "--cell", cell.id, "--trial", 0)
    Path("file").write_text("")
    says("file: cannot be written", folder, "--cell", cell.id, "--trial", 0, "--out", "file")
    (folder / "run.json").unlink()
    says("the run has not ended", folder, "--cell", cell.id, "--trial", 0)
    (folder / "trials").rename("away")
    says("the trials are not here (there is no trials/)", folder, "--cell", cell.id, "--trial", 0)


# ---------------------------------------------------------------------------------------------- scripts

ADAM = part("adam", lr=0.02)
PIECES = [part("linear", start_factor=0.5, total_iters=4), part("cosine"), part("step", step_size=3, gamma=0.9)]
EXPORTED: dict[str, dict[str, Any]] = {
    "defaults": {},
    "addition as it was": {
        "task": part("addition", samples="shared", size=None, batch=1, order="sequential"),
        "network": {"hidden": [4, 4], "output": "activation"},
        "train": {"bias_update": "decay", "backward": "after_update"},
    },
    "noise": {"task": {"noise": 0.3, "batch": "all"}},
    "fresh": {"task": part("distance", samples="fresh", size=None, batch=5, noise=0.1)},
    "sums": {"network": {"output": "sum", "bias": False}, "train": {"optimizer": ADAM}},
    "limits": {"train": {"clip_value": 0.2, "clip_norm": 0.3, "regularizer": "l1_l2"}},
    "schedule": {"train": {"schedule": part("sequential", schedules=PIECES, milestones=[6, 17]), "optimizer": ADAM}},
    "product": {"train": {"schedule": part("chained", schedules=PIECES), "bias_update": "decay"}},
}


def run_script(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True, check=False)


def run_here(path: Path) -> tuple[int, str]:
    """The script run in this process, which is quicker: its status and what it prints. Warnings are errors there."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as ended:
        warnings.simplefilter("error")
        runpy.run_path(str(path), run_name="__main__")
    return int(ended.value.code or 0), printed.getvalue()


@pytest.mark.parametrize("name", EXPORTED)
def test_the_script_in_numpy_repeats_the_trial(
    name: str, place: Path, command: Command, undrawn: None, unpictured: None
) -> None:
    study = small_study("float64", {}, **EXPORTED[name])
    mcstudy.run(study, out="run")
    cell = cells(study)[0].id
    found = command("replay", "run", "--cell", cell, "--trial", 2, "--export", "numpy", "--out", "out")
    assert found.status == 0 and f"script: {Path('out') / 'trial_numpy.py'}" in found.out
    done = run_script(Path("out/trial_numpy.py"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    trace = mcstudy.replay(study, cell, 2)
    assert [int(line.split()[0]) for line in lines[1:-1]] == trace.steps.tolist()
    assert np.array_equal([float(line.split()[2]) for line in lines[1:-1]], trace.loss)
    assert float(lines[-1].rpartition(" ")[2]) < TOLERANCE


def each_numpy() -> list[Any]:
    from cases import CASES

    found = []
    for kind, word, key in (("activations", "activation", "network"), ("optimizers", "optimizer", "train")):
        cases = {
            case["name"]: case for case in CASES[kind][1] if case["name"] in export.FRAMEWORKS["numpy"].table[word]
        }
        found += [pytest.param({key: {word: case}}, id=name) for name, case in cases.items()]
    return found


@pytest.mark.parametrize("sections", each_numpy())
def test_every_word_of_the_numpy_table(sections: dict[str, Any], place: Path, command: Command) -> None:
    """What the script does is compared with what was recorded."""
    study = small_study("float64", {}, **sections)
    plan = make_plan(study)
    trace = mcstudy.replay(study, plan.cells[0].id, 1)
    files = export.write(plan.cells[0], {}, 1, trace.steps, trace.loss, trace.parameters[0], "numpy", "Trial 1")
    for name, content in files.items():
        (place / name).write_bytes(content)
    status, printed = run_here(place / "trial_numpy.py")
    assert status == 0, printed


def test_a_script_that_is_wrong_says_so(place: Path, command: Command, undrawn: None, unpictured: None) -> None:
    study = small_study("float64", {})
    mcstudy.run(study, out="run")
    command("replay", "run", "--cell", cells(study)[0].id, "--trial", 2, "--export", "numpy", "--out", "out")
    script = Path("out/trial_numpy.py")
    script.write_text(script.read_text().replace("lr = 0.03", "lr = 0.0300001"))
    assert run_script(script).returncode == 1
    status, printed = run_here(script)
    assert status == 1 and float(printed.rpartition(" ")[2]) > TOLERANCE


@pytest.mark.parametrize("framework", export.FRAMEWORKS)
def test_scripts_are_python(framework: str, place: Path) -> None:
    for name, sections in EXPORTED.items():
        study = small_study("float64", {}, **sections)
        cell = cells(study)[0]
        trace = mcstudy.replay(study, cell.id, 0)
        try:
            files = export.write(cell, {}, 0, trace.steps, trace.loss, trace.parameters[0], framework, "Trial 0")
        except mcstudy.RunError as error:
            assert framework != "numpy" and "cannot be exported to" in str(error), name
            continue
        compile(next(iter(files.values())), name, "exec")


@pytest.mark.parametrize(
    "framework, sections, text",
    [
        (
            "torch",
            {"train": {"optimizer": part("quickprop", lr=0.1)}},
            'train.optimizer "quickprop" has no counterpart',
        ),
        ("torch", {"train": {"backward": "after_update"}}, 'train.backward "after_update" is not what autograd does'),
        ("torch", {"network": {"dropout": 0.1}}, "network.dropout = 0.1 (layer 1): its random draws"),
        ("torch", {"network": {"activation": "rrelu"}}, 'the activation "rrelu" has no counterpart'),
        ("torch", {"train": {"optimizer": part("adam", lr=0.1, epsilon_hat=True)}}, "epsilon_hat = true, and PyTorch"),
        ("keras", {"train": {"optimizer": part("adam", lr=0.1)}}, "epsilon_hat = false, and Keras has only true"),
        ("keras", {"train": {"clip_norm": 0.1}}, "train.clip_norm: its global_clipnorm lacks"),
        ("keras", {"train": {"regularizer": "repulsion"}}, 'train.regularizer "repulsion" has no counterpart'),
        ("numpy", {"network": {"activation": "prelu"}}, 'the activation "prelu" has no counterpart'),
    ],
)
def test_what_a_framework_cannot_do_is_refused(
    framework: str, sections: dict[str, Any], text: str, place: Path, command: Command, undrawn: None
) -> None:
    study = small_study("float64", {}, **sections)
    mcstudy.run(study, out="run")
    cell = cells(study)[0].id
    found = command("replay", "run", "--cell", cell, "--trial", 0, "--export", framework)
    assert (found.status, found.out) == (2, "") and text in found.err, found.err
    assert f"cell {cell} (the only cell) cannot be exported to {export.FRAMEWORKS[framework].title}: " in found.err
    assert not Path("run/replays").exists()


def test_samples_too_many_for_a_script_are_refused(
    place: Path, command: Command, undrawn: None, unpictured: None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(export, "MOST_BYTES", 1000)
    study = small_study("float64", {}, task=part("relu", samples="fresh", size=None, batch=50))
    mcstudy.run(study, out="run")
    found = command("replay", "run", "--cell", cells(study)[0].id, "--trial", 0, "--export", "torch")
    assert found.status == 2 and "and 0 MB is the most; a study of fewer train.steps" in found.err


@pytest.mark.parametrize("name", ["defaults", "noise", "fresh", "addition as it was"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_samples_are_those_of_the_trial(name: str, precision: str) -> None:
    study = small_study(precision, {}, **{key: EXPORTED[name][key] for key in ("task",) if key in EXPORTED[name]})
    [cell] = cells(study)
    task = cell.settings["task"]
    samples = samples_of(build([cell], {}), 5, 30)
    own = None if task["samples"] == "fresh" else naive_draws.sample_set(cell.settings, 5, None)
    batches = naive_draws.batches(cell.settings, 5, own)
    passes = 1 if own is None else -(-task["size"] // task["batch"])
    for n in range(30):
        x, y = next(batches)
        if own is None:
            chosen = np.arange(n * task["batch"], (n + 1) * task["batch"])
        else:
            order = np.arange(task["size"]) if samples.orders is None else samples.orders[n // passes]
            chosen = order[n % passes * task["batch"] :][: len(x)]
        near = {"rtol": 0, "atol": 1e-6 if precision == "float32" else 1e-13}
        np.testing.assert_allclose(samples.inputs[chosen], x, **near)
        np.testing.assert_allclose(samples.targets[chosen], y, **near)
