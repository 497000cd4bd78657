"""What a study file may say, and how it is read."""

from __future__ import annotations

import copy
import json
import pickle
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_files import GOOD
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstudy.catalog.part import REQUIRED
from mcstudy.errors import Fault, StudyError, did_you_mean, path_text, shown
from mcstudy.plan import make_plan
from mcstudy.spec import KEYS, Study, load
from mcstudy.spec.catalogs import (
    ACTIVATIONS,
    INITS,
    INPUTS,
    LOSSES,
    NOUNS,
    OPTIMIZERS,
    REGULARIZERS,
    SCHEDULES,
    TASKS,
)
from mcstudy.template import new_study

DATA = tomllib.loads(GOOD)


def study(**tables: dict[str, Any]) -> Study:
    """The good study with keys of its tables replaced; None takes a key away."""
    data = copy.deepcopy(DATA)
    for table, keys in tables.items():
        data.setdefault(table, {}).update(keys)
    return Study.model_validate(data)


def faults(data: Any) -> dict[str, str]:
    with pytest.raises(StudyError) as caught:
        Study.model_validate(data)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_a_study_has_the_shape_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    file.write_text("\ufeff" + GOOD.replace("\n", "\r\n"), encoding="utf-8")
    loaded = load(file)
    assert (loaded.name, loaded.title, loaded.question, loaded.seed, loaded.trials) == ("good", "good", None, 7, 100)
    assert loaded.file == str(file)
    assert loaded.folder == tmp_path
    assert loaded.network.hidden == (4,)
    assert loaded.network.bias is True
    assert loaded.network.output.name == "linear"  # type: ignore[union-attr]
    assert loaded.train.precision == "float32"
    assert list(loaded.levels) == ["activation", "init", "optimizer"]
    assert loaded.levels["activation"][1].raw == {"name": "leaky_relu", "negative_slope": 0.3}
    assert loaded.data == DATA
    assert load(str(file)) == loaded
    with pytest.raises(ValueError, match="frozen"):
        loaded.study = loaded.study


def test_values_of_python_are_fine() -> None:
    data = copy.deepcopy(DATA)
    data["network"]["hidden"] = (np.int64(4), 3)
    data["converge"]["loss"] = np.float64(0.5)
    data["train"]["clip_norm"] = None
    data["vary"]["network.bias"] = np.array([True, False])
    made = Study.model_validate(data)
    assert made.network.hidden == (4, 3)
    assert made.data["vary"]["network.bias"] == [True, False]
    assert Study.model_validate(made) is made
    assert Study.model_validate_json(json.dumps(made.data)) == made
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("text", ["{", b"\xff", "[" * 100_000, ""], ids=["cut short", "not UTF-8", "too deep", "empty"])
def test_what_is_not_json_is_a_fault_of_the_study(text: str | bytes) -> None:
    with pytest.raises(StudyError) as caught:
        Study.model_validate_json(text)
    [fault] = caught.value.faults
    assert fault.path == "$"


def test_with_other_trials_and_seed() -> None:
    made = study()
    other = made.with_(trials=5, seed=9)
    assert (other.trials, other.seed, made.trials, made.seed) == (5, 9, 100, 7)
    assert made.with_() == made
    with pytest.raises(StudyError, match=r"^\$\.study\.trials: 0 is not"):
        made.with_(trials=0)


def test_baseline() -> None:
    assert study().baseline == {"activation": 0, "init": 0, "optimizer": 0}
    chosen = study(study={"baseline": {"activation": "leaky_relu", "optimizer": {"name": "adam", "lr": 0.001}}})
    assert chosen.baseline == {"activation": 1, "init": 0, "optimizer": 1}
    data = study(vary={"optimizer": [{"name": "sgd", "lr": 0.1}, {"name": "sgd", "lr": 0.2}]}).data
    data["study"]["baseline"] = {"optimizer": "sgd"}
    assert 'is 2 levels of "optimizer"; write the one with' in faults(data)["$.study.baseline.optimizer"]


def test_a_baseline_is_the_level_that_is_written_alike() -> None:
    """A name that is a level itself does not stand for the settings beside it."""
    slopes = [
        {"name": "leaky_relu", "negative_slope": 0.3},
        "leaky_relu",
        {"name": "leaky_relu", "negative_slope": 0.1},
    ]
    for i, level in enumerate(slopes):
        found = study(study={"baseline": {"activation": level}}, vary={"activation": slopes})
        assert found.baseline["activation"] == i


@pytest.mark.parametrize(
    ("catalog", "key"),
    [
        (ACTIVATIONS, "activation"),
        (ACTIVATIONS, "network.output"),
        (INITS, "init"),
        (OPTIMIZERS, "optimizer"),
        (LOSSES, "train.loss"),
        (TASKS, "task.name"),
        (INPUTS, "task.input"),
        (SCHEDULES, "train.schedule"),
        (REGULARIZERS, "train.regularizer"),
    ],
)
def test_every_part_is_accepted_with_its_defaults(catalog: dict[str, Any], key: str) -> None:
    assert KEYS[key].catalog is not None
    values = {"number": 0.5, "numbers": [0.5], "integer": 3, "integers": [1], "text": "t", "texts": ["t"]}
    values["schedules"] = [{"name": "constant"}, {"name": "cosine"}]
    for part in catalog.values():
        needed = {name: values[p.kind] for name, p in part.parameters.items() if p.default is REQUIRED}
        if needed.get("high") == 0.5:
            needed["high"] = 1.5
        (level,) = study(vary={key: [{"name": part.name, **needed}]}).levels[key]
        assert level.value["name"] == part.name
        assert list(level.value) == ["name", *part.parameters]
        if needed:
            assert f"{part.name} needs" in str(faults({**DATA, "vary": {**DATA["vary"], key: [part.name]}}))
        else:
            assert study(vary={key: [part.name]}).levels[key][0].value == level.value


@pytest.mark.parametrize("kind", NOUNS)
@pytest.mark.parametrize("wrong", ["x", {}, [[]], float("nan"), -(10**400)], ids=str)
def test_every_parameter_refuses_what_it_is_not(wrong: Any, kind: str) -> None:
    [key] = [key.name for key in KEYS.values() if key.part is not None and key.part.noun == kind]
    for part in NOUNS[kind].values():
        for name, parameter in part.parameters.items():
            if parameter.kind in ("text", "texts") and wrong == "x":
                continue
            rate = {"lr": 1} if "lr" in part.parameters else {}
            found = faults({**DATA, "vary": {**DATA["vary"], key: [{"name": part.name, **rate, name: wrong}]}})
            inner = path_text(["vary", key, 0, name])
            assert any(path.startswith(inner) for path in found), (part.name, name, found)


def test_every_choice_and_gain_is_accepted() -> None:
    seen = 0
    for key, catalog in {"activation": ACTIVATIONS, "init": INITS, "task.name": TASKS}.items():
        for part in catalog.values():
            for name, parameter in part.parameters.items():
                for value in (*parameter.choices, *(["tanh", "leaky_relu", 0.5] if parameter.kind == "gain" else [])):
                    (level,) = study(vary={key: [{"name": part.name, name: value}]}).levels[key]
                    assert level.value[name] == value
                    seen += 1
    assert seen > 15


def test_integers_are_numbers_and_zero_has_one_sign() -> None:
    value = study(vary={"optimizer": [{"name": "sgd", "lr": 1, "momentum": -0.0}]}).levels["optimizer"][0].value
    assert repr(value["lr"]) == "1.0"
    assert repr(value["momentum"]) == "0.0"


def test_every_key_of_a_table_can_be_varied_matched_and_set() -> None:
    section = {"task", "network", "train", "converge"}
    assert {key.section for key in KEYS.values()} == section
    made = study(vary={"task.batch": [10, 20], "network.hidden": [[], [4, 4]], "train.precision": ["float64"]})
    assert list(made.levels)[3:] == ["task.batch", "network.hidden", "train.precision"]
    long = study(vary={"activation": None, "network.activation": ["relu"]})
    assert list(long.levels) == ["init", "optimizer", "activation"]
    assert long.levels["activation"][0].path == '$.vary."network.activation"[0]'


def test_json_schema() -> None:
    schema = Study.model_json_schema()
    text = json.dumps(schema)
    assert set(schema["properties"]) == {"study", "task", "network", "train", "converge", "vary", "where", "claim"}
    assert "network.bias" in schema["$defs"]["Vary"]["properties"]
    for name in (*ACTIVATIONS, *INITS, *OPTIMIZERS, *LOSSES, *TASKS, *SCHEDULES, *REGULARIZERS):
        assert f'"{name}"' in text
    assert schema["$defs"]["optimizer_sgd"]["required"] == ["name", "lr"]


def test_the_studies_that_are_shipped_are_good() -> None:
    for file in sorted(Path(__file__).parents[1].glob("studies/*.toml")):
        made = load(file)
        assert made.name == file.stem
        assert made.question
        make_plan(made)


def test_the_starter_study_is_good(tmp_path: Path) -> None:
    file = tmp_path / "first-study_1.toml"
    file.write_text(new_study("first-study_1"), encoding="utf-8")
    plan = make_plan(load(file))
    assert plan.study.name == "first-study_1"
    assert len(plan.cells) == 4
    assert plan.study.trials == 1000
    assert max(len(line) for line in new_study("x").splitlines()) <= 110


@pytest.mark.parametrize("name", ["", "a b", "../a", "a\n", "é", "a.toml"])
def test_the_starter_study_has_the_name_of_a_study(name: str) -> None:
    with pytest.raises(StudyError, match="letters, digits"):
        new_study(name)


def test_paths_and_values_are_shown_as_toml() -> None:
    assert path_text(["vary", "network.bias", 0, "a b"]) == '$.vary."network.bias"[0]."a b"'
    assert (
        shown({"name": "sgd", "a b": [1, 0.5, True, "x\n", None]})
        == '{ name = "sgd", "a b" = [1, 0.5, true, "x\\n", null] }'
    )
    assert len(shown("x" * 1000)) == 80
    assert len(shown(list(range(1000)))) == 80
    assert len(shown(10**5000)) < 80
    assert did_you_mean("RELU", ["relu", "elu"], "known") == '; did you mean "relu"? Known: relu, elu'
    assert did_you_mean(3, ["relu"], "known") == "; known: relu"
    error = pickle.loads(pickle.dumps(StudyError([Fault("$.a", 1, "wrong"), Fault("$.b", 2, "too")], "f.toml")))
    assert str(error) == "f.toml: $.a: wrong\nf.toml: $.b: too"


RICH = {
    "study": {"name": "a", "title": "b", "question": "c", "seed": 1, "trials": 2, "baseline": {"activation": "elu"}},
    "task": {
        "name": "sine",
        "input": {"name": "uniform", "low": -1, "high": 1},
        "samples": "trial",
        "size": 8,
        "batch": 4,
        "noise": 0.1,
    },
    "network": {"hidden": [2, 2], "bias": True, "output": "tanh", "dropout": [0.1, 0], "activation": "selu"},
    "train": {
        "loss": "mse",
        "steps": 5,
        "precision": "float64",
        "bias_update": "decay",
        "backward": "after_update",
        "schedule": {
            "name": "sequential",
            "schedules": ["constant", {"name": "step", "step_size": 2}],
            "milestones": [3],
        },
        "clip_value": 1.0,
        "regularizer": {"name": "l1_l2", "l2": 0.5},
    },
    "converge": {"loss": 0.1, "every": 2, "weights": {"target": [0.5] * 13, "within": 0.1}},
    "vary": {
        "activation": ["relu", {"name": "elu", "alpha": 0.5}],
        "init": [
            {"name": "he_normal", "gain": "relu", "truncated": True, "bias": {"name": "constant", "value": 1}},
            {"name": "lsuv", "init": {"name": "sparse", "sparsity": 0.5}},
        ],
        "optimizer": [{"name": "adam", "lr": 0.1, "betas": [0.9, 0.99]}],
        "task.order": ["sequential", "shuffled"],
    },
    "where": [{"match": {"activation": "relu"}, "set": {"train.epochs": 3}}],
    "claim": [
        {"where": {"activation": "relu"}, "rate": 0.5, "trials": 50, "within": 0.1, "source": "a paper"},
        {"where": {}, "outcome": "dead", "at_least": 0.1, "at_most": 0.2, "source": "a paper"},
        {"order": [{"activation": "relu"}, {"activation": {"name": "elu", "alpha": 0.5}}], "source": "a paper"},
    ],
}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside."""
    found = []
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            found += places(value[key])
    return found


_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, "relu", "sgd"])
)
_json = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "lr", "match", "set", "steps", "relu", "train.steps"]) | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def test_the_rich_study_is_good() -> None:
    assert len(make_plan(Study.model_validate(RICH)).cells) == 8


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_whatever_is_changed_is_either_good_or_a_study_error(data: st.DataObject) -> None:
    changed = copy.deepcopy(RICH)
    for _ in range(data.draw(st.integers(1, 3))):
        where = places(changed)
        container, key = where[data.draw(st.integers(0, len(where) - 1))]
        action = data.draw(st.sampled_from(["delete", "replace", "replace", "add"]))
        if action == "delete":
            del container[key]
        elif action == "replace":
            container[key] = data.draw(_json)
        elif isinstance(container, dict):
            container[data.draw(st.text(max_size=6) | st.sampled_from(list(KEYS)))] = data.draw(_json)
        else:
            container.append(data.draw(_json))
    try:
        make_plan(Study.model_validate(changed))
    except StudyError as error:
        assert error.faults
        assert all(re.match(r"\$", fault.path) and fault.message for fault in error.faults)


@given(_json)
def test_whatever_is_no_study_is_a_study_error(value: Any) -> None:
    with pytest.raises(StudyError):
        Study.model_validate(value)
