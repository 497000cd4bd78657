"""The cells of a study: their order, labels, settings and ids."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_files import GOOD

from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import INITS
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.schedules import SCHEDULES
from mcstudy.errors import StudyError
from mcstudy.plan import ARITHMETIC, Plan, label, make_plan
from mcstudy.spec import Study, load

DATA = tomllib.loads(GOOD)
SGD = {"name": "sgd", "lr": 0.01}


def plan(where: list[dict[str, Any]] | None = None, **tables: dict[str, Any]) -> Plan:
    """The plan of the good study with keys of its tables replaced; None takes a key away."""
    data = copy.deepcopy(DATA) | {"where": where or []}
    for table, keys in tables.items():
        data.setdefault(table, {}).update(keys)
    return make_plan(Study.model_validate(data))


def one(where: list[dict[str, Any]] | None = None, **tables: dict[str, Any]) -> dict[str, Any]:
    """The settings of a plan of one cell."""
    vary = {"activation": ["relu"], "init": ["normal"], "optimizer": [SGD]} | tables.pop("vary", {})
    (cell,) = plan(where, vary=vary, **tables).cells
    return cell.settings


def refused(where: list[dict[str, Any]] | None = None, **tables: dict[str, Any]) -> list[str]:
    with pytest.raises(StudyError) as caught:
        plan(where, **tables)
    return [f"{fault.path}: {fault.message}" for fault in caught.value.faults]


def test_the_last_key_varies_fastest() -> None:
    made = plan(vary={"network.bias": [False, True]})
    assert made.keys == ("activation", "init", "optimizer", "network.bias")
    assert [cell.index for cell in made.cells] == list(range(16))
    assert list(made.cells[0].labels.items()) == [
        ("activation", "relu"),
        ("init", "normal"),
        ("optimizer", "sgd(lr=0.01)"),
        ("network.bias", "false"),
    ]
    assert [list(cell.labels.values())[2:] for cell in made.cells[:4]] == [
        ["sgd(lr=0.01)", "false"],
        ["sgd(lr=0.01)", "true"],
        ["adam(lr=0.001)", "false"],
        ["adam(lr=0.001)", "true"],
    ]
    assert len({cell.id for cell in made.cells}) == 16


def test_labels() -> None:
    assert label("relu", ACTIVATIONS) == label({"name": "relu"}, ACTIVATIONS) == "relu"
    assert label({"negative_slope": 0.3, "name": "leaky_relu"}, ACTIVATIONS) == "leaky_relu(negative_slope=0.3)"
    assert label({"name": "adam", "betas": [0.9, 0.99], "lr": 1e-3}, OPTIMIZERS) == "adam(lr=0.001, betas=(0.9, 0.99))"
    assert label({"name": "sgd", "nesterov": True, "lr": 1}, OPTIMIZERS) == "sgd(lr=1, nesterov=True)"
    biased = {"name": "he_normal", "bias": {"name": "constant", "value": 0.1}}
    assert label(biased, INITS) == "he_normal(bias=constant(value=0.1))"
    assert label({"name": "he_normal", "bias": "normal"}, INITS) == "he_normal(bias=normal)"
    pieces = [{"name": "step", "step_size": 3}, "cosine"]
    both = {"name": "sequential", "milestones": [9], "schedules": pieces}
    assert label(both, SCHEDULES) == "sequential(schedules=[step(step_size=3), cosine], milestones=(9,))"
    scaled = {"name": "lsuv", "init": {"name": "he_normal", "gain": "relu"}}
    assert label(scaled, INITS) == "lsuv(init=he_normal(gain='relu'))"
    shown = [label(value) for value in ([4, 4], True, 4000, 0.01, 1, "float64", [], 1e-7)]
    assert shown == ["[4, 4]", "true", "4000", "0.01", "1", '"float64"', "[]", "1e-07"]
    made = plan(
        vary={"task.input": ["normal", {"name": "uniform", "low": -1, "high": 1}], "train.precision": ["float64"]}
    )
    assert made.cells[-1].labels["task.input"] == "uniform(low=-1, high=1)"
    assert made.cells[-1].labels["train.precision"] == '"float64"'


def test_settings_are_complete_and_stand_for_the_id() -> None:
    settings = one()
    assert settings == {
        "arithmetic": ARITHMETIC,
        "seed": 7,
        "task": {
            "name": "relu",
            "parameters": {},
            "input": {"name": "normal", "mean": 0.0, "std": 1.0},
            "samples": "fresh",
            "size": None,
            "batch": 10,
            "order": "sequential",
            "noise": 0.0,
            "data": None,
            "n_inputs": 1,
            "n_outputs": 1,
            "labels": "real",
        },
        "network": {
            "hidden": [4],
            "bias": True,
            "activation": {"name": "relu"},
            "init": {"name": "normal", "mean": 0.0, "std": 1.0, "bias": {"name": "zeros"}},
            "output": {"name": "linear"},
            "dropout": [0.0],
        },
        "train": {
            "optimizer": {
                "name": "sgd",
                "lr": 0.01,
                "momentum": 0.0,
                "dampening": 0.0,
                "weight_decay": 0.0,
                "nesterov": False,
            },
            "loss": {"name": "mse"},
            "steps": 50,
            "precision": "float32",
            "schedule": None,
            "clip_value": None,
            "clip_norm": None,
            "regularizer": None,
            "bias_update": "gradient",
            "backward": "exact",
        },
        "converge": {"loss": 0.001, "accuracy": None, "weights": None, "every": 1},
    }
    cell = plan().cells[0]
    assert cell.settings == settings
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    assert cell.id == "c" + hashlib.sha256(canonical.encode()).hexdigest()[:11]
    assert cell.id == "c53eab3d1f0f"  # changes only with the arithmetic or the shape of the settings


def test_a_diagnosis_that_is_asked_for_is_part_of_the_id() -> None:
    """Its trials have more columns; those of other studies keep their ids."""
    asked = plan(study={"diagnose": "hessian"}).cells[0]
    assert asked.settings == plan().cells[0].settings | {"diagnose": "hessian"} and asked.id != plan().cells[0].id
    with pytest.raises(StudyError, match="hessian"):
        plan(study={"diagnose": "hessians"})


def test_ids_are_the_same_in_another_process() -> None:
    program = (
        "from mcstudy.plan import make_plan; from mcstudy.spec import Study; "
        f"print(*[cell.id for cell in make_plan(Study.model_validate({DATA!r})).cells])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.split() == [cell.id for cell in plan().cells]


def test_cells_share_the_task_and_the_network_and_nothing_else() -> None:
    adam = {"name": "adam", "lr": 0.01}
    blocks = [{"match": {"optimizer": "adam"}, "set": {"network.bias": False}}]
    levels: dict[str, list[Any]] = {
        "activation": ["relu", "tanh"],
        "init": ["normal"],
        "optimizer": [SGD, adam],
        "task.batch": [2, 3],
        "train.precision": ["float32", "float64"],
    }
    made = plan(blocks, vary=levels)
    assert len({cell.id for cell in made.cells}) == 16
    for cell, values in zip(made.cells, itertools.product(*levels.values()), strict=True):
        _, _, optimizer, batch, precision = values
        assert cell.settings["task"]["batch"] == batch and cell.settings["train"]["precision"] == precision
        assert cell.settings["network"]["bias"] is (optimizer is SGD)
        alone = {name: [value] for name, value in zip(levels, values, strict=True)}
        [other] = plan(blocks if optimizer is adam else None, vary=alone).cells
        found = cell.id, cell.settings, cell.layers, cell.parameters, cell.data_key
        assert found == (other.id, other.settings, other.layers, other.parameters, other.data_key)
    first, second = plan(
        vary=levels | {"activation": ["relu"], "task.batch": [2], "train.precision": ["float32"]}
    ).cells
    assert first.settings["task"] is second.settings["task"] and first.layers is second.layers


def test_what_does_not_decide_results_is_no_part_of_the_id() -> None:
    ids = [cell.id for cell in plan().cells]
    other = {"name": "other", "title": "t", "question": "q", "trials": 5, "baseline": {"init": "he_normal"}}
    assert [cell.id for cell in plan(study=other).cells] == ids
    assert [cell.id for cell in plan(vary={"init": ["normal"]}).cells] == [ids[i] for i in (0, 1, 4, 5)]
    assert [
        cell.id for cell in plan(vary={"init": [{"name": "normal", "mean": 0, "std": 1}, "he_normal"]}).cells
    ] == ids
    assert not set(ids) & {cell.id for cell in plan(study={"seed": 8}).cells}
    assert [cell.id for cell in plan(train={"loss": {"name": "mse"}, "precision": "float32"}).cells] == ids


def test_a_level_replaces_what_its_table_gives() -> None:
    assert one(network={"bias": True, "activation": "tanh"}, vary={"network.bias": [False]})["network"]["bias"] is False
    task = {"samples": "shared", "size": 10}
    assert one(task=task, vary={"train.epochs": [2]})["train"]["steps"] == 2


def test_no_vary_is_one_cell() -> None:
    data = copy.deepcopy(DATA)
    levels = data.pop("vary")
    data["network"] |= {"activation": "relu", "init": "normal"}
    data["train"]["optimizer"] = levels["optimizer"][0]
    made = make_plan(Study.model_validate(data))
    assert made.keys == ()
    assert [cell.labels for cell in made.cells] == [{}]
    assert made.cells[0].id == plan().cells[0].id


def test_where_matches_names_settings_and_other_keys() -> None:
    leaky = {"name": "leaky_relu", "negative_slope": 0.3}
    vary = {"activation": ["relu", "leaky_relu", leaky], "optimizer": [SGD], "init": ["normal"], "task.batch": [1, 2]}

    def set_in(match: dict[str, Any]) -> list[int]:
        made = plan([{"match": match, "set": {"train.steps": 99}}], vary=vary)
        return [cell.index for cell in made.cells if cell.settings["train"]["steps"] == 99]

    assert set_in({"activation": "leaky_relu"}) == [2, 3, 4, 5]
    assert set_in({"network.activation": {"name": "leaky_relu"}}) == [2, 3]
    assert set_in({"activation": {"name": "leaky_relu", "negative_slope": 0.01}}) == [2, 3]
    assert set_in({"activation": leaky, "task.batch": 2}) == [5]
    assert set_in({"task.batch": 1}) == [0, 2, 4]
    assert set_in({}) == [0, 1, 2, 3, 4, 5]
    assert set_in({"network.hidden": [4], "train.precision": "float32"}) == [0, 1, 2, 3, 4, 5]
    assert set_in({"task.input": "normal", "task.samples": "fresh", "task.name": "relu", "optimizer": "sgd"}) == list(
        range(6)
    )


def test_later_blocks_win_and_do_not_see_what_earlier_ones_set() -> None:
    blocks = [
        {"match": {"activation": "relu"}, "set": {"train.steps": 60, "converge.every": 7}},
        {"match": {"init": "normal"}, "set": {"train.steps": 70}},
        {"match": {"train.steps": 50}, "set": {"converge.loss": 0.5}},
    ]
    made = plan(blocks)
    assert [c.settings["train"]["steps"] for c in made.cells] == [70, 70, 60, 60, 70, 70, 50, 50]
    assert [c.settings["converge"]["every"] for c in made.cells] == [7, 7, 7, 7, 1, 1, 1, 1]
    assert {c.settings["converge"]["loss"] for c in made.cells} == {0.5}


def test_steps_and_epochs_replace_each_other() -> None:
    task = {"samples": "trial", "size": 10, "batch": 4}
    assert one(task=task, train={"steps": None, "epochs": 5})["train"]["steps"] == 15
    block = [{"match": {"init": "normal"}, "set": {"train.epochs": 2}}]
    assert one(block, task=task)["train"]["steps"] == 6
    block = [{"match": {"init": "normal"}, "set": {"train.steps": 2}}]
    assert one(block, task=task, train={"steps": None, "epochs": 5})["train"]["steps"] == 2
    assert one(train={"steps": 0})["converge"]["every"] == 1
    assert one(train={"steps": 1234})["converge"]["every"] == 12


def test_a_key_may_be_given_by_blocks_alone() -> None:
    blocks = [
        {"match": {"activation": "relu"}, "set": {"train.steps": 1}},
        {"match": {"activation": "leaky_relu"}, "set": {"train.steps": 2}},
    ]
    made = plan(blocks, train={"steps": None})
    assert [cell.settings["train"]["steps"] for cell in made.cells] == [1] * 4 + [2] * 4
    (message,) = refused(blocks[:1], train={"steps": None})
    assert message.startswith("$.train.steps: missing; give steps or epochs in [train]")
    assert message.endswith("(cell leaky_relu(negative_slope=0.3), normal, sgd(lr=0.01) and 3 more)")


def test_points() -> None:
    own = one(task={"name": "addition", "samples": None, "batch": 1})["task"]
    assert (own["samples"], own["size"], own["input"], own["order"], own["n_inputs"]) == (
        "shared",
        6,
        None,
        "shuffled",
        2,
    )
    full = one(task={"name": "addition", "samples": None, "batch": "all"})["task"]
    assert (full["batch"], full["order"]) == (6, "sequential")
    drawn = one(task={"name": "addition", "samples": "shared", "size": 100, "batch": 1})["task"]
    assert (drawn["size"], drawn["input"]["name"]) == (100, "uniform")
    trial = one(
        task={
            "samples": "trial",
            "size": 8,
            "batch": 3,
            "order": "sequential",
            "input": {"name": "uniform", "low": 0, "high": 1},
        }
    )
    assert trial["task"]["input"] == {"name": "uniform", "low": 0.0, "high": 1.0}
    assert one(task={"samples": "trial", "size": 70000, "batch": 70000})["task"]["order"] == "sequential"


def test_the_output_unit() -> None:
    assert one(network={"output": "activation"})["network"]["output"] == {"name": "relu"}
    assert one(network={"output": {"name": "activation"}})["network"]["output"] == {"name": "relu"}
    assert one(network={"output": "tanh"})["network"]["output"] == {"name": "tanh"}
    elu = {"name": "elu", "alpha": 2}
    assert one(network={"output": elu})["network"]["output"] == {"name": "elu", "alpha": 2.0}


def layers_of(**tables: dict[str, Any]) -> list[tuple[int, int, int, bool, float]]:
    """Of each layer of the only cell: weights, biases, trained slopes, whether it is fixed, dropout."""
    vary = {"activation": ["relu"], "init": ["normal"], "optimizer": [SGD]} | tables.pop("vary", {})
    (cell,) = plan(vary=vary, **tables).cells
    layers = cell.layers
    assert cell.parameters == sum(layer.parameters for layer in layers)
    return [
        (layer.weights, layer.parameters - layer.weights - layer.trained, layer.trained, layer.fixed, layer.dropout)
        for layer in layers
    ]


def test_layers_count_their_parameters() -> None:
    assert layers_of(network={"hidden": [4, 3]}) == [(4, 4, 0, False, 0), (12, 3, 0, False, 0), (3, 1, 0, False, 0)]
    assert layers_of(network={"bias": False}) == [(4, 0, 0, False, 0), (4, 0, 0, False, 0)]
    dropped = layers_of(network={"hidden": [4, 3], "dropout": [0.5, 0.1], "bias": False})
    assert dropped == [(4, 0, 0, False, 0.5), (12, 0, 0, False, 0.1), (3, 0, 0, False, 0)]
    trained = {"activation": ["prelu"]}
    assert layers_of(vary=trained) == [(4, 4, 1, False, 0), (4, 1, 0, False, 0)]
    assert layers_of(vary=trained, network={"output": "activation"}) == [(4, 4, 1, False, 0), (4, 1, 1, False, 0)]
    assert layers_of(vary=trained, network={"output": "sum"}) == [(4, 4, 1, False, 0), (0, 0, 0, True, 0)]


def test_dropout_is_a_rate_for_each_hidden_layer() -> None:
    assert one(network={"hidden": [4, 3], "dropout": 0.1})["network"]["dropout"] == [0.1, 0.1]
    assert one(network={"hidden": [4, 3], "dropout": [0, 0.1]})["network"]["dropout"] == [0.0, 0.1]
    assert one(network={"hidden": [], "dropout": 0.1})["network"]["dropout"] == []


def test_training_options_are_part_of_the_settings() -> None:
    before = one()
    regularizer = {"name": "l1_l2", "l1": 0.01, "l2": 0.01}
    options = {"schedule": "cosine", "clip_value": 1, "clip_norm": 2, "regularizer": regularizer}
    made = one(train=options)["train"]
    assert made["schedule"] == {"name": "cosine", "T_max": None, "eta_min": 0.0}
    assert (made["clip_value"], made["clip_norm"], made["regularizer"]) == (1.0, 2.0, regularizer)
    pieces = {"name": "sequential", "schedules": ["constant", {"name": "step", "step_size": 3}], "milestones": [5]}
    assert one(train={"schedule": pieces})["train"]["schedule"] == {
        "name": "sequential",
        "schedules": [{"name": "constant"}, {"name": "step", "step_size": 3, "gamma": 0.1}],
        "milestones": [5],
    }
    ids = {plan(train={name: value}).cells[0].id for name, value in options.items()}
    assert len(ids | {plan().cells[0].id}) == 5
    assert one() == before


def test_criteria() -> None:
    goal = {"target": [0] * 13, "within": 0.1}
    made = one(converge={"loss": None, "weights": goal})["converge"]
    assert made == {"loss": None, "accuracy": None, "weights": {"target": [0.0] * 13, "within": 0.1}, "every": 1}
    xor = {"name": "xor", "samples": None, "batch": "all"}
    made = one(task=xor, converge={"accuracy": 1})
    assert made["converge"] == {"loss": 0.001, "accuracy": 1.0, "weights": None, "every": 1}
    assert (made["task"]["labels"], made["task"]["size"], made["task"]["input"]) == ("binary", 4, None)


def test_tasks_tell_their_shape_and_labels() -> None:
    def told(named: Any, **task: Any) -> tuple[Any, ...]:
        made = one(task={"name": named, "samples": None, "batch": 2} | task)["task"]
        return made["n_inputs"], made["n_outputs"], made["labels"], made["samples"], made["size"]

    assert told({"name": "parity", "n": 5}) == (5, 1, "binary", "shared", 32)
    assert told({"name": "parity", "n": 5, "one_hot": True}, size=9) == (5, 2, "classes", "shared", 9)
    assert told({"name": "spirals", "classes": 4}) == (2, 4, "classes", "fresh", None)
    assert told({"name": "dft", "n": 3}) == (3, 6, "real", "fresh", None)
    assert told({"name": "teacher", "inputs": 4, "outputs": 3}, samples="trial", size=7) == (4, 3, "real", "trial", 7)
    spirals = one(task={"name": "spirals", "samples": "trial", "size": 7, "batch": 2})["task"]
    assert spirals["input"] == {"name": "uniform", "low": 0.0, "high": 1.0}


def test_a_grid_has_an_axis_per_parameter() -> None:
    grid = {"name": "grid", "low": -3, "high": 3, "points": 200}
    network = {"hidden": [], "bias": False}
    assert one(network=network, vary={"init": [grid]})["network"]["init"] == {
        "name": "grid",
        "low": [-3.0],
        "high": [3.0],
        "points": [200],
    }
    square = {"name": "grid", "low": -3, "high": [3, 4], "points": [200, 100]}
    made = one(network={"hidden": []}, vary={"init": [square]})["network"]["init"]
    assert (made["low"], made["high"], made["points"]) == ([-3.0, -3.0], [3.0, 4.0], [200, 100])
    (message,) = refused(network={"hidden": []}, vary={"init": [square], "network.bias": [True, False]})
    assert message.startswith("$.vary.init[0].points: [200, 100] has 2 entries")
    assert "the network 1 parameters" in message
    assert "(cell relu, " in message


def test_equal_cells_are_told_once_a_level() -> None:
    lines = refused(vary={"activation": ["relu", "tanh", {"name": "relu"}, "relu"]})
    assert [line.partition(":")[0] for line in lines] == ["$.vary.activation[2]", "$.vary.activation[3]"]
    assert '"relu, normal, sgd(lr=0.01)" (cell 1) and "relu, normal, sgd(lr=0.01)" (cell 9)' in lines[0]
    assert refused(vary={"optimizer": [{"name": "sgd", "lr": 1}, {"name": "sgd", "lr": 1.0}]})


def table_study(folder: Path, name: str, **task: Any) -> Study:
    data = copy.deepcopy(DATA)
    data["task"] = {
        "name": {"name": "table", "file": name, "inputs": ["a", "b"], "targets": ["y"]},
        "batch": "all",
    } | task
    file = folder / "study.json"
    return Study.model_validate(data, file=str(file))


def test_tables_of_csv_and_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"y": [1, 2, 3], "a": [0.5, -1e-3, 7.0], "note": ["x", "", "z"], "b": [1.25, 2.0, 3.0]}
    parquet.write_table(pa.table(columns), tmp_path / "d.parquet")
    (tmp_path / "d.CSV").write_text('y,a,note,b\n1,0.5,x,1.25\n2,-1e-3,"", 2\n\n3,7,"z, z",3.0\n')
    plans = [make_plan(table_study(tmp_path, name)) for name in ("d.parquet", "d.CSV")]
    task = plans[0].cells[0].settings["task"]
    assert task["parameters"] == {"inputs": ["a", "b"], "targets": ["y"]}
    assert (task["samples"], task["size"], task["batch"], task["input"]) == ("shared", 3, 3, None)
    assert (task["n_inputs"], task["n_outputs"]) == (2, 1)
    for made in plans:
        assert list(made.tables) == [task["data"]]
        table = made.tables[task["data"]]
        np.testing.assert_array_equal(table.inputs, [[0.5, 1.25], [-1e-3, 2], [7, 3]])
        np.testing.assert_array_equal(table.targets, [[1], [2], [3]])
        assert table.inputs.dtype == table.targets.dtype == np.float64
        assert not table.inputs.flags.writeable
    assert [c.id for c in plans[0].cells] == [c.id for c in plans[1].cells]
    (tmp_path / "e.csv").write_text("y,a,b\n1,0.5,1.25\n2,-1e-3,2\n3,7,3.0001\n")
    assert make_plan(table_study(tmp_path, "e.csv")).cells[0].id != plans[0].cells[0].id


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        ("1,0\n0,1\n", "classes"),
        ("0.25,0.75\n1,0\n", "shares"),
        ("1,1\n0,1\n", "binary"),
        ("-1,1\n1,1\n", "signs"),
        ("2,-1\n0,1\n", "real"),
        ("0.5,0.4999\n0,1\n", "real"),
    ],
)
def test_the_targets_of_a_table_tell_their_labels(tmp_path: Path, rows: str, labels: str) -> None:
    lines = ["a,b,y,z", *(f"{i},{-i},{row}" for i, row in enumerate(rows.splitlines()))]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    data = copy.deepcopy(table_study(tmp_path, "d.csv").data)
    data["task"]["name"]["targets"] = ["y", "z"]
    study = Study.model_validate(data, file=str(tmp_path / "study.json"))
    assert make_plan(study).cells[0].settings["task"]["labels"] == labels
    soft = study.data | {"train": study.data["train"] | {"loss": "softmax_cross_entropy"}}
    if labels in ("classes", "shares"):
        assert make_plan(Study.model_validate(soft, file=study.file))
    else:
        with pytest.raises(StudyError, match="softmax_cross_entropy"):
            make_plan(Study.model_validate(soft, file=study.file))


def test_faulty_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"y": ["1", "2"], "a": [None, 1.0], "b": [1.0, float("inf")]}
    parquet.write_table(pa.table(columns), tmp_path / "d.parquet")
    with pytest.raises(StudyError) as caught:
        make_plan(table_study(tmp_path, "d.parquet"))
    assert [fault.message.partition("d.parquet: ")[2] for fault in caught.value.faults] == [
        'column "a", data row 1: null is not a finite number',
        'column "b", data row 2: inf is not a finite number',
        'column "y" holds string, not numbers',
    ]


def test_a_hundred_cells_are_planned_at_once(tmp_path: Path) -> None:
    rates = ", ".join(f'{{ name = "sgd", lr = {0.01 * (i + 1)} }}' for i in range(25))
    text = GOOD.replace(
        'optimizer = [{ name = "sgd", lr = 0.01 }, { name = "adam", lr = 0.001 }]', f"optimizer = [{rates}]"
    )
    file = tmp_path / "study.toml"
    file.write_text(text)
    started = time.perf_counter()
    assert len(make_plan(load(file)).cells) == 100
    assert time.perf_counter() - started < 0.3


def test_many_cells_can_be_planned() -> None:
    made = plan(vary={"task.batch": list(range(1, 2501))})
    assert len(made.cells) == 20_000
