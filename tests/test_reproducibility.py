"""A trial depends on its address alone: the seed, its cell and its number, and on nothing of how it is run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import walk
from cases import ACTIVATION_CASES
from commands import files, process

import mcstudy
import mcstudy.engine.run
from mcstudy import jit, listing
from mcstudy.again.trace import retrain
from mcstudy.engine.program import build
from mcstudy.engine.threads import Unit, run_unit
from mcstudy.engine.work import Work
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import Plan, make_plan
from mcstudy.spec import Study
from mcstudy.store import MemoryStore

SMALL: dict[str, Any] = {
    "study": {"name": "small", "seed": 41, "trials": 5000},
    "task": {"name": "relu", "batch": 4},
    "network": {"hidden": [2]},
    "train": {"steps": 20},
    "converge": {"loss": 0.02, "every": 5},
    "vary": {
        "activation": ["relu", "tanh"],
        "init": ["normal", "he_normal"],
        "optimizer": [{"name": "sgd", "lr": 0.1}, {"name": "adam", "lr": 0.05}],
    },
}


def study(**sections: Any) -> Study:
    """The small study with entries replaced, section by section."""
    return Study.model_validate(
        {name: SMALL.get(name, {}) | sections.get(name, {}) for name in SMALL.keys() | sections.keys()}
    )


def plan(**sections: Any) -> Plan:
    return make_plan(study(**sections))


NARROW_BYTES = jit.pack_bytes() // 4
"""Width of a pack, a quarter of this machine's."""

ALL = tuple(walk.parts() | walk.ways())
USUAL = {"float32": ALL, "float64": tuple(name for name in ALL if name != "wide")}
"""The walks of an ordinary run: wide networks have kernels of their own, which one precision tells of."""

FEW = ("extremes", "ways, sequential", "ways, units, shared")
"""Walks whose kernels compile soonest: every activation at both ends of its range, every way to take a step."""


@cache
def native(precision: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The digests of walks that are made as users make them."""
    with TemporaryDirectory() as folder:
        return walk.all_digests(Path(folder), precision, names)


def other(folder: Path, precision: str, names: tuple[str, ...], width: int = 0, **variables: str) -> dict[str, Any]:
    """What a process says of walks, in packs of so many bytes where it is told."""
    start = (str(Path(__file__).with_name("walk.py")),)
    result = process(folder, precision, width, *names, folder=folder, start=start, **variables)
    assert result.status == 0, result.err
    return dict(json.loads(result.out))


@pytest.fixture(scope="module")
def usual() -> dict[str, str]:
    """The digests of the small study."""
    return walk.digests(plan(), 5000)


# ------------------------------------------------------------------------------------------------------- how it is run


@pytest.mark.parametrize("threads, unit", [(1, None), (3, None), (2, 64), (1, 4096), (2, 4096), (2, 100), (3, 1)])
def test_threads_and_units_change_nothing(threads: int, unit: int | None, usual: dict[str, str]) -> None:
    trials = 5000 if unit != 1 else 300
    expected = usual if trials == 5000 else walk.digests(plan(), trials)
    assert walk.digests(plan(), trials, threads, unit) == expected


@pytest.mark.parametrize(
    "threads, unit, precision, names",
    [
        (1, 33, "float32", USUAL["float32"]),
        (3, 7, "float64", USUAL["float64"]),
        pytest.param(1, 33, "float64", ALL, marks=pytest.mark.slow),
        pytest.param(3, 7, "float32", ALL, marks=pytest.mark.slow),
    ],
    ids=["1-33-float32", "3-7-float64", "1-33-float64", "3-7-float32"],
)
def test_threads_and_units_change_nothing_anywhere(
    threads: int, unit: int, precision: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    expected = native(precision, names)
    assert len(expected) == len(names)
    assert walk.all_digests(tmp_path, precision, names, threads=threads, unit_trials=unit) == expected


def test_the_walk_uses_every_part_and_meets_every_outcome(tmp_path: Path) -> None:
    seen: set[tuple[str, str]] = set()
    met: set[str] = set()
    points: set[str] = set()
    for name, walked in walk.studies(tmp_path, ["float32"]).items():
        for cell in make_plan(walked).cells:
            seen |= set(_parts(cell.settings))
        if name.startswith(("optimizers", "extremes", "ways")):
            met |= set(mcstudy.run(walked).trials["outcome"])
        if name.startswith("points"):
            points |= set(mcstudy.run(walked).trials["point"])
    catalogs = listing.catalogs()
    assert seen >= {(kind, name) for kind, catalog in catalogs.items() for name in catalog}
    assert met == set(OUTCOMES)
    assert points >= {"unknown", "flat", "saddle"}


def test_digests_see_every_column() -> None:
    walked = plan(study={"diagnose": "hessian"}, network={"hidden": [2, 2]})
    cell, store = walked.cells[0].id, MemoryStore()
    mcstudy.engine.run.train(walked, store, 70)
    rows = store.rows(cell, np.arange(70))
    assert {"point", "hessian_min", "loss_best", "gradient_norm", "constant", "dead_units_start_2"} <= rows.keys()
    digests = {store.digest(cell, 70)}
    for name in rows.keys() - {"trial"}:
        changed = rows[name].copy()
        changed[69] = 1 - changed[69] if rows[name].dtype.kind != "f" else np.nextafter(changed[69], np.inf)
        if rows[name].dtype.kind == "f" and np.isnan(changed[69]):
            changed[69] = 0
        other = MemoryStore()
        other.write(cell, 0, rows | {name: changed})
        digests.add(other.digest(cell, 70))
    assert len(digests) == len(rows)


def _parts(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and name of each part that a cell uses, those inside others too."""
    task, network, train = settings["task"], settings["network"], settings["train"]
    yield "tasks", task["name"]
    for kind, part in [
        ("inputs", task["input"]),
        ("activations", network["activation"]),
        ("inits", network["init"]),
        ("inits", network["init"].get("bias")),
        ("optimizers", train["optimizer"]),
        ("losses", train["loss"]),
        ("schedules", train["schedule"]),
        ("regularizers", train["regularizer"]),
    ]:
        if part is not None:
            yield kind, part["name"]


def test_the_walk_gives_every_setting_several_values(tmp_path: Path) -> None:
    values: dict[str, set[str]] = {}
    for walked in walk.studies(tmp_path).values():
        for cell in make_plan(walked).cells:
            for section in ("task", "network", "train", "converge"):
                for key, value in cell.settings[section].items():
                    values.setdefault(f"{section}.{key}", set()).add(json.dumps(value))
    assert [key for key, found in values.items() if len(found) < 2] == []


def test_hash_seeds_and_locales_change_nothing(tmp_path: Path) -> None:
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import test_reproducibility as t, walk; "
        "print(json.dumps(walk.digests(t.plan(), 100)))"
    )
    here = os.path.dirname(__file__)
    assert os.environ.get("PYTHONHASHSEED") != "7"
    result = process(here, folder=tmp_path, start=("-c", code), PYTHONHASHSEED="7", LC_ALL="de_DE.UTF-8")
    assert result.status == 0, result.err
    assert json.loads(result.out) == walk.digests(plan(), 100)


def test_units_cover_what_is_missing_once_and_are_made_as_they_are_needed() -> None:
    ranges = {cell.id: [(0, 10), (64, 65), (100, 1000 + 100 * cell.index)] for cell in plan().cells}
    covered: dict[str, list[int]] = {cell: [] for cell in ranges}
    for program, first, last, _ in Work(plan().cells, {}, ranges, 2, 64):
        assert first < last and first // 64 == (last - 1) // 64
        for cell in program.cells:
            covered[cell.id].extend(range(first, last))
    assert covered == {cell: [i for a, b in ranges[cell] for i in range(a, b)] for cell in ranges}
    endless = Work(plan().cells, {}, {cell.id: [(0, 10**12)] for cell in plan().cells}, 2)
    assert next(endless).first == 0


# ------------------------------------------------------------------------------------------------------ prefix-stable


def test_the_first_trials_of_a_longer_run_are_those_of_a_shorter_one() -> None:
    store = MemoryStore()
    mcstudy.engine.run.train(plan(), store, 5000)
    assert {cell.id: store.digest(cell.id, 1000) for cell in plan().cells} == walk.digests(plan(), 1000)


def test_more_activations_leave_other_cells_untouched(tmp_path: Path, undrawn: None) -> None:
    first = mcstudy.run(study(), trials=300, out=tmp_path)
    trials = files(tmp_path / "trials") | files(tmp_path / "histories")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").rglob("*.parquet")}
    more = study(vary={"activation": ["elu", "relu", "selu", "tanh"]})
    second = mcstudy.run(more, trials=300, out=tmp_path)
    assert (first.trained, second.trained) == (8 * 300, 8 * 300)
    after = files(tmp_path / "trials") | files(tmp_path / "histories")
    assert len(after) == 2 * len(trials)
    assert {name: after[name] for name in trials} == trials
    assert {path: path.stat().st_mtime_ns for path in times} == times
    both = second.rates.set_index("cell").loc[first.rates["cell"]].reset_index()
    assert both[first.rates.columns].equals(first.rates)


def test_other_levels_and_another_order_change_no_row() -> None:
    base = walk.digests(plan(), 200)
    turned = plan(
        vary={
            "optimizer": [
                {"name": "adam", "lr": 0.05, "eps": 1e-8},
                {"name": "sgd", "lr": 0.1},
                {"name": "sgd", "lr": 1},
            ],
            "network.bias": [False, True],
            "init": ["he_normal", "zeros", "normal"],
            "activation": ["tanh", {"name": "relu"}],
        }
    )
    found = walk.digests(turned, 200)
    assert len(found) == 36
    assert {cell: found[cell] for cell in base} == base


def test_a_cell_trains_alone_as_in_company() -> None:
    keys = {
        "train.precision": ["float32", "float64"],
        "task.batch": [4, 7],
        "task.input": ["normal", {"name": "uniform", "low": -1, "high": 2}],
        "train.steps": [0, 20, 7],
        "converge.every": [3, 20],
    }
    company = plan(vary=SMALL["vary"] | keys, converge={"loss": 0.05})
    together = walk.digests(company, 70)
    assert len(together) == 8 * 48
    for cell in company.cells[::3]:
        alone = Plan(company.study, (cell,), company.keys, {})
        assert walk.digests(alone, 70) == {cell.id: together[cell.id]}


def test_name_title_and_trials_are_not_part_of_a_cell_and_the_seed_is() -> None:
    cells = [cell.id for cell in plan().cells]
    assert [cell.id for cell in plan(study={"name": "x", "title": "y", "trials": 3}).cells] == cells
    assert set(cells).isdisjoint(cell.id for cell in plan(study={"seed": 42}).cells)
    digests = walk.digests(plan(study={"seed": 42}), 100)
    assert set(digests.values()).isdisjoint(walk.digests(plan(), 100).values())


# ---------------------------------------------------------------------------------------------- common random numbers


def test_a_trial_starts_the_same_whatever_the_activation() -> None:
    walked = study(vary={"activation": ACTIVATION_CASES, "init": ["normal"]}, network={"hidden": [2]})
    cells = make_plan(walked).cells[::2]
    assert len(cells) == len(ACTIVATION_CASES)
    for trial in (0, 63, 64, 1000):
        starts = []
        for cell in cells:
            first = retrain(cell, {}, trial).parameters[0]
            own = cell.settings["network"]["activation"]
            if own["name"] == "prelu":  # a trained slope after the first layer's 2 weights and 2 biases
                assert first[4] == np.float32(own["init"])
                first = np.delete(first, 4)
            starts.append(first)
        assert np.ptp(starts, axis=0).max() == 0 and np.ptp(starts[0]) > 0


SYMMETRIC: list[Any] = [
    "normal",
    "uniform",
    "truncated_normal",
    "lecun_normal",
    "lecun_uniform",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "torch_default",
    "keras_default",
    {"name": "he_normal", "truncated": True, "mode": "fan_out"},
    {"name": "normal", "std": 0.01},
]


def test_a_trial_starts_on_the_same_side_of_all_symmetric_distributions() -> None:
    walked = study(vary={"activation": ["relu"], "init": SYMMETRIC}, network={"hidden": [5, 4], "bias": False})
    cells = make_plan(walked).cells
    signs = set()
    for trial in range(20):
        starts = [np.sign(retrain(cell, {}, trial).parameters[0]) for cell in cells]
        assert np.ptp(starts, axis=0).max() == 0
        signs.add(tuple(starts[0]))
    assert len(signs) == 20


def test_a_trial_has_the_same_data_whatever_the_network() -> None:
    # with all parameters zero the output is zero, and the loss is the mean square of the trial's own targets
    own = {"task": {"samples": "trial", "size": 9, "batch": 3}, "network": {"output": "linear"}}
    shapes = {"network.hidden": [[], [3], [4, 2]], "activation": ["relu", "tanh"], "init": ["zeros"]}
    walked = study(**own, vary=shapes)
    first = mcstudy.run(walked, trials=100).trials.pivot(index="trial", columns="cell", values="loss_first")
    assert first.shape == (100, 12) and first[first.columns[0]].nunique() == 100
    assert np.ptp(first.to_numpy(), axis=1).max() == 0


@pytest.mark.parametrize("samples", [{}, {"samples": "trial", "size": 9, "batch": 3}], ids=["fresh", "shuffled"])
def test_a_trial_has_the_same_samples_in_the_same_order_whatever_the_network(samples: dict[str, Any]) -> None:
    # with all weights zero and relu units, nothing but the output's bias learns, from the targets alone
    shapes = {"network.hidden": [[3], [4, 2], [1]], "activation": ["relu"], "init": ["zeros"]}
    walked = study(task=samples, vary=shapes, network={"output": "linear"}, converge={"loss": 0.0, "every": 1})
    cells = make_plan(walked).cells
    for trial in (0, 99):
        for optimizer in range(2):
            ends = [retrain(cell, {}, trial).parameters[:, -1] for cell in cells[3 * optimizer :][:3]]
            assert len(ends) == 3 and np.unique(ends[0]).size == len(ends[0]) == 21
            assert np.ptp(ends, axis=0).max() == 0


# ------------------------------------------------------------------------------------------------------------ replays


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_replay_is_the_trial(precision: str) -> None:
    walked = study(train={"precision": precision})
    rows = mcstudy.run(walked, trials=400).trials.set_index(["cell", "trial"])
    for cell in make_plan(walked).cells:
        for trial in (0, 1, 63, 64, 399):
            row, trace = rows.loc[(cell.id, trial)], mcstudy.replay(walked, cell.id, trial)
            assert trace.outcome == row["outcome"]
            assert trace.loss.dtype == trace.parameters.dtype == np.dtype(precision)
            assert (trace.loss[0], trace.loss[-1]) == (row["loss_first"], row["loss_last"])
            assert trace.steps[-1] == row["steps"] and len(trace.steps) == len(trace.loss) == len(trace.parameters)


@pytest.mark.parametrize("first", [2**32 - 2, 10**12 - 6, 2**31 - 3])
def test_trials_of_large_numbers(first: int) -> None:
    cell = plan().cells[0]
    program = build([cell], {})
    [result] = run_unit(Unit(program, first, first + 5), program.memory(), np.zeros(1, np.int64))
    assert list(result.rows["trial"]) == list(range(first, first + 5))
    assert len(set(result.rows["loss_first"])) == 5
    for i in range(5):
        trace = mcstudy.replay(study(), cell.id, first + i)
        assert (trace.trial, trace.loss[0], trace.loss[-1]) == (
            first + i,
            result.rows["loss_first"][i],
            result.rows["loss_last"][i],
        )
    low = mcstudy.replay(study(), cell.id, first % 2**32).loss[0]
    assert first < 2**32 or low != result.rows["loss_first"][0]


def test_replays_that_cannot_be() -> None:
    with pytest.raises(mcstudy.StudyError, match='no cell has the id "c0"; the cells are c'):
        mcstudy.replay(study(), "c0", 1)
    with pytest.raises(ValueError, match="trials are numbered from 0"):
        mcstudy.replay(study(), plan().cells[0].id, -1)
    with pytest.raises(TypeError):
        mcstudy.replay(study(), plan().cells[0].id, 1.7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="replay takes a Study"):
        mcstudy.replay(Path("study.toml"), plan().cells[0].id, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "precision, names",
    [
        ("float64", FEW),
        pytest.param("float32", ALL, marks=pytest.mark.slow),
        pytest.param("float64", ALL, marks=pytest.mark.slow),
    ],
    ids=["float64-few", "float32", "float64"],
)
def test_another_processor_changes_nothing(precision: str, names: tuple[str, ...], tmp_path: Path) -> None:
    found = other(tmp_path, precision, names, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert found == {"pack": 16, "digests": native(precision, names)}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_narrower_packs_change_nothing(precision: str, tmp_path: Path) -> None:
    found = other(tmp_path, precision, ALL, NARROW_BYTES)
    assert found == {"pack": NARROW_BYTES, "digests": native(precision, ALL)}
