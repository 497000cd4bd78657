"""Every part against PyTorch, Keras and optax, by the fixtures that ``reference/make_*.py`` wrote with them.

A part that none of the frameworks has stands in `NO_REFERENCE` with the reason, and only there.
"""

from __future__ import annotations

import csv
import functools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import loops
import numpy as np
import pytest

import mcstudy
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.inits import GAINS, INITS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.part import Part
from mcstudy.catalog.regularizers import REGULARIZERS
from mcstudy.catalog.schedules import SCHEDULES
from mcstudy.engine.program import build
from mcstudy.engine.threads import Unit, run_unit
from mcstudy.plan import make_plan

pytestmark = pytest.mark.usefixtures("usual_packs")

Settings = dict[str, Any]
FIXTURES = Path(__file__).parent / "reference"

NO_REFERENCE: dict[str, dict[str, str]] = {
    "activations": {},
    "losses": {},
    "optimizers": {"quickprop": "none of the frameworks has it; test_optimizers compares it with NumPy"},
    "schedules": {},
    "regularizers": {},
    "inits": {
        "rai": "only Lu et al. have published it; test_inits compares the exact distribution functions",
        "lsuv": "it depends on the data, and the frameworks have none; test_inits looks at the sums that it scales",
        "mirrored": "mcstudy's own; test_inits compares the rows",
        "grid": "mcstudy's own; test_against_naive compares its points",
    },
}
CATALOGS: dict[str, Mapping[str, Part]] = {
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "regularizers": REGULARIZERS,
    "inits": INITS,
}


@functools.cache
def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def records(name: str) -> list[Settings]:
    return list(fixture(name)["records"])


def label(record: Settings) -> str:
    """What a record is about, for the names of tests."""
    parts = [record[key] for key in ("part", "optimizer", "loss", "schedule", "regularizer") if key in record]
    clips = [f"{key}={record[key]}" for key in ("clip_value", "clip_norm") if key in record]
    words = [" ".join(str(value) for value in part.values()) for part in parts]
    return ", ".join([record.get("framework", record.get("source", "")), *words, *clips])


def each(name: str, of: Callable[[Settings], bool] = lambda record: True) -> Any:
    return pytest.mark.parametrize("record", [r for r in records(name) if of(r)], ids=label)


def referenced(catalog: str) -> set[str]:
    """Names of a catalog that some record is about."""
    match catalog:
        case "optimizers":
            return {record["optimizer"]["name"] for record in records("optimizers")}
        case "schedules" | "regularizers":
            return {record[catalog[:-1]]["name"] for record in records("optimizers") if catalog[:-1] in record}
    return {record["part"]["name"] for record in records(catalog)}


@pytest.mark.parametrize("catalog", CATALOGS)
def test_a_part_has_a_reference_or_says_why_not(catalog: str) -> None:
    without = set(NO_REFERENCE[catalog])
    assert not without & referenced(catalog)
    assert without | referenced(catalog) == set(CATALOGS[catalog])


# ---------------------------------------------------------------------------------------------- single functions

ROUNDINGS = 2e-15
"""A few roundings of numbers near 1: what is left of a small result that a framework makes of two near numbers."""

CANCELLED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gelu": lambda z: z < -4,  # 1 + tanh, where approximate = "tanh"
    "sigmoid": lambda z: z > 15,  # s (1 − s), the slope
    "tanh": lambda z: np.abs(z) > 4,  # 1 − f², the slope
    "tanh_shrink": lambda z: np.abs(z) < 1e-3,  # z − tanh z, and its slope as 1 − (1 − tanh²)
    "log_cosh": lambda result: np.abs(result) < 1e-4,  # e + log(1 + e^−2e) − log 2
    "binary_cross_entropy": lambda result: np.abs(result) < 1e-4,  # log of nearly 1; s − 1
    "softmax_cross_entropy": lambda result: np.abs(result) < 1e-4,  # likewise
}
"""Where the frameworks' own results are good to `ROUNDINGS` alone: for an activation by z, for a loss by the result."""


def close(found: Any, expected: Any, cancelled: Any = False) -> None:
    """Equal to 1e-12 of the result, or to `ROUNDINGS` where it is `cancelled`; infinite where it is."""
    found, expected = np.asarray(found), np.asarray(expected)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    limit = np.maximum(1e-12 * np.abs(expected), np.where(cancelled, ROUNDINGS, 0.0))[finite]
    found, expected = found[finite], expected[finite]
    wrong = ~(np.abs(found - expected) <= limit)
    assert not wrong.any(), list(zip(expected[wrong].tolist(), found[wrong].tolist(), strict=True))[:5]


def nowhere(values: np.ndarray) -> np.ndarray:
    return np.zeros(values.shape, bool)


def filled_in(part: Part, settings: Settings) -> Settings:
    return part.defaults() | settings


@each("activations")
def test_activations_are_those_of_the_frameworks(record: Settings) -> None:
    activation = ACTIVATIONS[record["part"]["name"]]
    settings = filled_in(activation, record["part"])
    z = np.array(fixture("activations")["z"])
    f, slope, by_parameter = loops.activation(activation, settings, z)
    cancelled = CANCELLED.get(activation.name, nowhere)(z)
    close(f, record["f"], cancelled)
    close(slope, record["slope"], cancelled)
    assert (activation.by_parameter is not None) == ("by_parameter" in record)
    if "by_parameter" in record:
        close(by_parameter, record["by_parameter"])


@each("losses", lambda record: not isinstance(record["outputs"][0], list))
def test_losses_of_an_output_are_those_of_the_frameworks(record: Settings) -> None:
    loss = LOSSES[record["part"]["name"]]
    settings = filled_in(loss, record["part"])
    [a] = [settings[name] for name in loss.parameters] or [0.0]
    o, y, value, gradient = (np.array(record[key]) for key in ("outputs", "targets", "value", "gradient"))
    cancelled = CANCELLED.get(loss.name, nowhere)
    each_alone = o.reshape(-1, 1), y.reshape(-1, 1)
    close(loops.losses(loss, a, *each_alone).reshape(o.shape), value, cancelled(value))
    if loss.name == "hinge":
        # On the kink Keras takes half the slope, as JAX shares out a maximum between equals. Ours is that of max(0, z)
        # as an activation: none.
        kink = o * np.where(y == 0, -1, y) == 1
        assert kink.any() and np.all(np.abs(gradient[kink]) == 0.5)
        gradient[kink] = 0.0
    close(loops.loss_slopes(loss, a, *each_alone).reshape(o.shape), gradient, cancelled(gradient))


@each("losses", lambda record: isinstance(record["outputs"][0], list))
def test_losses_of_a_sample_are_those_of_the_frameworks(record: Settings) -> None:
    loss = LOSSES[record["part"]["name"]]
    o, y = np.array(record["outputs"]), np.array(record["targets"])
    cancelled = CANCELLED.get(loss.name, nowhere)
    value, gradient = np.array(record["value"]), np.array(record["gradient"])
    close(loops.losses(loss, 0.0, o, y), value, cancelled(value))
    close(loops.loss_slopes(loss, 0.0, o, y, 0.25) * 4, gradient, cancelled(gradient))


# ---------------------------------------------------------------------------------------------- training

SEED, STD = 5, 0.5
"""Of the start that the scripts have in writing."""


def problem(record: Settings, folder: Path) -> mcstudy.Study:
    """The training of a record, every step of it a check."""
    data = fixture("optimizers")
    with open(folder / "points.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([data["columns"], *data["points"]])
    keys = ("schedule", "clip_value", "clip_norm", "regularizer", "loss")
    train = {key: record[key] for key in keys if key in record}
    task = {"name": "table", "file": str(folder / "points.csv"), "inputs": ["a", "b"], "targets": record["targets"]}
    return mcstudy.Study.model_validate(
        {
            "study": {"name": "frameworks", "seed": SEED, "trials": 1},
            "task": {"name": task, "samples": "shared", "batch": "all"},
            "network": {
                "hidden": [3],
                "activation": "tanh",
                "init": {"name": "normal", "std": STD, "bias": "normal"},
            },
            "train": {
                "optimizer": record["optimizer"],
                "steps": data["steps"][-1],
                "precision": "float64",
                **train,
            },
            "converge": {"loss": 0.0, "every": 1},
        }
    )


def errors(record: Settings, folder: Path) -> np.ndarray:
    """How far the parameters are from the framework's at the steps that are stored, in units of the largest."""
    study = problem(record, folder)
    trace = mcstudy.replay(study, make_plan(study).cells[0].id, 0)
    data = fixture("optimizers")
    np.testing.assert_array_equal(trace.parameters[0], data["starts"][str(len(record["targets"]))])
    found, expected = trace.parameters[data["steps"]], np.array(record["parameters"])
    return np.abs(found - expected).max(axis=1) / np.abs(expected).max(axis=1)


@each("optimizers")
def test_training_is_that_of_the_frameworks(record: Settings, tmp_path: Path) -> None:
    assert np.all(errors(record, tmp_path) <= 1e-10)


VARIANTS = ("eps_inside", "eps_outside", "epsilon_hat", "momentum_decay")
"""Parameters that choose between the frameworks."""


@each("optimizers", lambda record: any(name in record["optimizer"] for name in VARIANTS))
def test_the_variant_of_another_framework_is_told_apart(record: Settings, tmp_path: Path) -> None:
    other = {key: value for key, value in record["optimizer"].items() if key not in VARIANTS}
    assert errors(record | {"optimizer": other}, tmp_path)[-1] > 1e-9


# ---------------------------------------------------------------------------------------------- starts

DRAWS = 1_000_000


def starts(part: Settings, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """At least `DRAWS` starting weights (trials, units, inputs) of a layer, and the biases (trials, units)."""
    inputs, units = fixture("inits")["inputs"], fixture("inits")["units"]
    names = [f"x{i}" for i in range(inputs)]
    (folder / "points.csv").write_text(",".join([*names, "y"]) + "\n" + ",".join(["1"] * (inputs + 1)) + "\n")
    task = {"name": "table", "file": str(folder / "points.csv"), "inputs": names, "targets": ["y"]}
    trials = math.ceil(DRAWS / (inputs * units))
    study = mcstudy.Study.model_validate(
        {
            "study": {"name": "starts", "seed": SEED, "trials": trials},
            "task": {"name": task, "samples": "shared", "batch": "all"},
            "network": {"hidden": [units], "activation": "tanh", "init": part},
            "train": {"optimizer": {"name": "sgd", "lr": 0.1}, "steps": 0, "precision": "float64"},
            "converge": {"loss": 0.0},
        }
    )
    plan = make_plan(study)
    program = build(plan.cells, plan.tables)
    [result] = run_unit(Unit(program, 0, trials), program.memory(), np.zeros(1, np.int64), traced=True)
    layer = result.trace[:, 0, : units * (inputs + 1)]
    return layer[:, : units * inputs].reshape(trials, units, inputs), layer[:, units * inputs :]


def agree(draws: np.ndarray, summary: Settings) -> bool:
    """Whether two samples have one distribution: Kolmogorov and Smirnov's test, at the framework's 200 quantiles.

    The level is 1e-4. Where the distribution ends sharply, the ends agree too.
    """
    if len(set(summary["quantiles"])) == 1:
        return bool(np.all(draws == summary["quantiles"][0]))
    levels = (np.arange(len(summary["quantiles"])) + 0.5) / len(summary["quantiles"])
    below = np.searchsorted(np.sort(draws, axis=None), summary["quantiles"], side="right") / draws.size
    limit = math.sqrt(-math.log(0.5e-4) / 2 * (1 / draws.size + 1 / summary["draws"]))
    if np.abs(below - levels).max() > limit:
        return False
    error = math.sqrt(1 / draws.size + 1 / summary["draws"]) * summary["std"]
    return bool(abs(draws.mean() - summary["mean"]) <= 5 * error and abs(draws.std() - summary["std"]) <= 5 * error)


@each("inits", lambda record: "quantiles" in record)
def test_starts_are_distributed_as_the_frameworks_start(record: Settings, tmp_path: Path) -> None:
    weights, biases = starts(record["part"], tmp_path)
    drawn = weights[weights != 0] if "zeros" in record else weights
    assert agree(drawn, record)
    assert not agree(drawn * 1.02, record)
    bounds, width = (record["least"], record["most"]), np.ptp(record["quantiles"])
    if any(word in json.dumps(record["part"]) for word in ("uniform", "truncated", "default")):
        np.testing.assert_allclose((drawn.min(), drawn.max()), bounds, rtol=0, atol=1e-3 * width)
    if "biases" in record:
        assert agree(biases, record["biases"])
        assert not agree(biases * 1.05 + 1e-9, record["biases"])
    else:
        assert not biases.any()


@each("inits", lambda record: "matrix" in record)
def test_starts_without_draws_are_those_of_the_frameworks(record: Settings, tmp_path: Path) -> None:
    weights, biases = starts(record["part"], tmp_path)
    assert np.all(weights == np.array(record["matrix"])) and not biases.any()


@each("inits", lambda record: "zeros" in record)
def test_sparse_starts_have_the_zeros_of_the_framework(record: Settings, tmp_path: Path) -> None:
    zeros = starts(record["part"], tmp_path)[0] == 0
    assert np.unique(zeros.sum(axis=1)).tolist() == record["zeros"]
    share = record["zeros"][0] / zeros.shape[1]
    spread = math.sqrt(share * (1 - share) / len(zeros))
    assert np.abs(zeros.mean(axis=0) - share).max() <= 5 * spread  # none of the 864 places is favoured


@each("inits", lambda record: record["part"]["name"] == "orthogonal")
def test_orthogonal_starts_favour_no_sign(record: Settings, tmp_path: Path) -> None:
    """A QR decomposition alone would give entries of one sign on the diagonal."""
    weights = starts(record["part"], tmp_path)[0]
    limit = 5 * record["std"] / math.sqrt(len(weights))
    assert np.abs(weights.mean(axis=0)).max() <= limit
    assert np.abs((weights * np.sign(weights[:, :1, :1])).mean(axis=0)).max() > limit


def test_gains_are_those_of_the_framework() -> None:
    assert fixture("inits")["gains"] == GAINS
