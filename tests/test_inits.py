"""Where parameters start: the distribution of every initialisation, and what holds of the weights of a layer together.

Starts are drawn by the kernels' own entry, many trials at once; numbers are those of the reference in `naive_inits`.
"""

from __future__ import annotations

import copy
import itertools
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special, stats

import mcstudy
from mcstudy import jit
from mcstudy.again.trace import retrain
from mcstudy.catalog.inits import INITS
from mcstudy.catalog.inits.normal import normal_stretch
from mcstudy.catalog.inits.recipe import GAINS, known_gain
from mcstudy.catalog.part import REQUIRED
from mcstudy.engine import cell_rows, measure
from mcstudy.engine.program import Program, build
from mcstudy.plan import Cell, make_plan

sys.path.insert(0, str(Path(__file__).parent))
import naive
import naive_draws
from cases_inits import BIAS_CASES, GRID_CASES, INIT_CASES, part
from naive_inits import independent, scale_by_data

SEED = 20240229
LEVEL = 1e-4
"""Of every test of a distribution: with this seed they pass, and chance alone would let nearly all of them."""

pytestmark = pytest.mark.usefixtures("usual_packs")

WIDE = [40, 25]
"""Hidden units where weights are pooled: the middle layer has a thousand."""

EPSILON = {"float32": 1e-6, "float64": 1e-13}
both = pytest.mark.parametrize("precision", EPSILON)
either = pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
"""The same, of which one will do where most of the time is compiling."""


# ---------------------------------------------------------------------------------------------- starts


def study_of(init: Mapping[str, Any], precision: str, hidden: list[int], bias: bool = True) -> mcstudy.Study:
    """A network of two inputs and one output that starts so, and does not train."""
    return mcstudy.Study.model_validate(
        {
            "study": {"name": "inits", "seed": SEED, "trials": 1},
            "task": {"name": "distance", "samples": "fresh", "batch": 1},
            "network": {"hidden": hidden, "activation": "tanh", "init": init, "bias": bias},
            "train": {"optimizer": part("sgd", lr=0.1), "steps": 0, "precision": precision},
            "converge": {"loss": 1e-9},
        }
    )


def cell_of(init: Mapping[str, Any], precision: str, hidden: list[int], bias: bool = True) -> Cell:
    [cell] = make_plan(study_of(init, precision, hidden, bias)).cells
    return cell


def starts_of(program: Program, trials: int, first: int = 0) -> np.ndarray:
    """The parameters of so many trials, from number `first` on: (trials, parameters)."""
    return measure.starts(program, np.arange(first, first + trials))


def starts(
    init: Mapping[str, Any],
    trials: int,
    hidden: list[int],
    precision: str = "float64",
    bias: bool = True,
    first: int = 0,
) -> np.ndarray:
    return starts_of(build([cell_of(init, precision, hidden, bias)], {}), trials, first)


def layers(found: np.ndarray, hidden: list[int], bias: bool = True) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each layer, weights (trials, out, in) and biases (trials, out or 0)."""
    parts, at = [], 0
    for n, m in itertools.pairwise([2, *hidden, 1]):
        weights = found[:, at : at + n * m].reshape(-1, m, n)
        at += n * m
        parts.append((weights, found[:, at : at + m * bias]))
        at += m * bias
    return parts


def settings_of(init: Mapping[str, Any]) -> dict[str, Any]:
    """An init with its defaults filled in."""
    return copy.deepcopy(cell_of(init, "float64", [3]).settings["network"]["init"])


# ---------------------------------------------------------------------------------------------- distributions


def ks_pvalue(numbers: np.ndarray, distribution: Any) -> float:
    """Of Kolmogorov and Smirnov's test, in its limit of many numbers."""
    below = distribution.cdf(np.sort(numbers))
    steps = np.arange(numbers.size + 1) / numbers.size
    gap = max(np.max(steps[1:] - below), np.max(below - steps[:-1]))
    return float(special.kolmogorov(math.sqrt(numbers.size) * gap))


def fits(numbers: np.ndarray, distribution: Any) -> bool:
    """Whether independent numbers have a distribution: mean, variance, and Kolmogorov and Smirnov's test."""
    flat = numbers.ravel()
    centred = flat - distribution.mean()
    powers = np.stack([centred, centred**2])
    deviations = (powers.mean(axis=1) - [0, distribution.var()]) / (powers.std(axis=1) / math.sqrt(flat.size))
    if np.any(2 * stats.norm.sf(np.abs(deviations)) < LEVEL):
        return False
    return ks_pvalue(flat, distribution) >= LEVEL


def assert_fits(numbers: np.ndarray, distribution: Any) -> None:
    """They fit, and with a scale that is 1 % larger they would not."""
    assert fits(numbers, distribution)
    assert not fits(distribution.mean() + 1.01 * (numbers - distribution.mean()), distribution)


OWN_TESTS = {"orthogonal", "identity", "sparse", "rai", "lsuv", "mirrored", "grid"}
"""Initialisations that shape the weights of a layer together."""

INDEPENDENT = [case for case in INIT_CASES if case["name"] not in OWN_TESTS]


def test_every_init_has_a_case() -> None:
    for kind, cases in {"weights": INIT_CASES + GRID_CASES, "biases": BIAS_CASES}.items():
        wanted = {name for name, init in INITS.items() if kind == "weights" or init.as_bias}
        assert {case["name"] for case in cases} == wanted
    assert {case["name"] for case in INDEPENDENT} | OWN_TESTS == set(INITS)


WITHOUT_BIAS = {str({**case, "bias": None}): case for case in INDEPENDENT}.values()


@pytest.mark.parametrize("case", WITHOUT_BIAS, ids=str)
def test_weights_have_their_distribution(case: dict[str, Any]) -> None:
    weights = layers(starts(case, 400, WIDE), WIDE)[1][0]
    distribution = independent(settings_of(case), 40, 25)
    if isinstance(distribution, float):
        assert np.all(weights == distribution)
        return
    flat = weights.ravel()
    assert_fits(flat, distribution)
    centre = distribution.mean()
    assert ks_pvalue(centre + 1.02 * (flat - centre), distribution) < LEVEL
    # neighbours, in a row and in a column, and trials are independent
    z = weights - centre
    for a, b in ((z[:, :, 1:], z[:, :, :-1]), (z[:, 1:], z[:, :-1]), (z[1:], z[:-1])):
        r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert 2 * stats.norm.sf(abs(r) * math.sqrt(a.size)) > LEVEL


@pytest.mark.parametrize("case", BIAS_CASES, ids=str)
def test_biases_have_their_distribution(case: dict[str, Any]) -> None:
    hidden = [400]
    found = starts(part("glorot_uniform", bias=case), 1024, hidden)
    biases = layers(found, hidden)[0][1]
    distribution = independent(settings_of(part("zeros", bias=case))["bias"], 2, 400)
    if isinstance(distribution, float):
        assert np.all(biases == distribution)
    else:
        assert_fits(biases, distribution)


def test_cuts_hold() -> None:
    for low, high in ((1.0, 1.5), (-9.0, -8.5), (30.0, 30.5), (0.0, 40.0), (-0.25, 1000.0)):
        found = starts(part("truncated_normal", low=low, high=high), 256, WIDE)
        weights = layers(found, WIDE)[1][0]
        rounding = 1e-15 * max(1.0, abs(low))
        assert low - rounding <= weights.min() <= weights.max() <= high + rounding
        assert ks_pvalue(weights.ravel(), stats.truncnorm(low, high)) >= LEVEL


# ---------------------------------------------------------------------------------------------- addresses


def test_float32_starts_are_the_rounded_starts_of_float64() -> None:
    for case in INIT_CASES:
        if case["name"] in ("orthogonal", "lsuv") or "orthogonal" in str(case):
            continue  # their sums are taken in the cell's precision
        for bias in (True, False):
            double = starts(case, 70, [5, 4], "float64", bias)
            assert np.array_equal(starts(case, 70, [5, 4], "float32", bias), double.astype(np.float32)), case


@pytest.mark.parametrize("bias", [True, False])
def test_starts_are_those_of_the_reference(bias: bool) -> None:
    for case in INIT_CASES:
        if case["name"] != "lsuv":
            settings = cell_of(case, "float64", [5, 4], bias).settings
            found = starts(case, 3, [5, 4], bias=bias, first=2**33)
            for row, trial in zip(found, range(2**33, 2**33 + 3), strict=True):
                expected = naive_draws.initial_parameters(settings, trial)
                np.testing.assert_allclose(row, expected, rtol=1e-11, atol=1e-13, err_msg=str(case))


def test_wide_networks_start_as_in_usual_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    sections = copy.deepcopy(study_of("normal", "float32", WIDE).data)
    del sections["network"]["init"]
    plan = make_plan(mcstudy.Study.model_validate(sections | {"vary": {"init": INIT_CASES[8::10]}}))
    found = []
    for most in (0, 10**9):  # the network counts as wide, or does not
        monkeypatch.setattr("mcstudy.engine.rows.MOST_PARAMETERS", most)
        found.append([retrain(cell, {}, trial).parameters for cell in plan.cells for trial in (0, 63, 2**32 + 5)])
    assert len(found[0]) == 18
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.slow
def test_lanes_and_their_number_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, first, cases = [5, 4], 2**32 - 20, INIT_CASES
    programs = [build([cell_of(case, "float64", hidden)], {}) for case in cases]
    whole = [starts_of(program, 70, first) for program in programs]
    width = jit.pack_bytes() // 4
    monkeypatch.setattr(jit, "pack_bytes", lambda: width)
    for case, expected in zip(cases, whole, strict=True):
        assert np.array_equal(starts(case, 65, hidden, first=first + 5), expected[5:]), case


# ---------------------------------------------------------------------------------------------- whole layers


def gram(weights: np.ndarray) -> np.ndarray:
    """The products of the columns of each matrix, of its rows where there are fewer."""
    tall = weights if weights.shape[1] >= weights.shape[2] else weights.transpose(0, 2, 1)
    return np.asarray(np.einsum("tik,til->tkl", tall, tall, dtype=np.float64))


@both
@pytest.mark.parametrize("gain", [1.0, "relu"])
def test_orthogonal_is_orthogonal(precision: str, gain: Any) -> None:
    hidden = [7, 7, 3, 16]
    square = GAINS.get(gain, gain) ** 2
    for weights, _ in layers(starts(part("orthogonal", gain=gain), 20_000, hidden, precision), hidden):
        products = gram(weights)
        assert np.abs(products - square * np.eye(products.shape[1])).max() < EPSILON[precision]


def test_orthogonal_is_orthogonal_in_wide_layers() -> None:
    for precision, most in EPSILON.items():
        weights = layers(starts(part("orthogonal"), 40, [50, 50], precision), [50, 50])[1][0]
        assert np.abs(gram(weights) - np.eye(50)).max() < most


def test_orthogonal_has_haar_measure() -> None:
    """An entry of a matrix whose columns have n numbers: its square is Beta(1/2, (n − 1) / 2), whichever entry."""
    hidden, trials = [5, 5, 3], 400_000
    found = layers(starts(part("orthogonal"), trials, hidden), hidden)
    for i, n in ((0, 5), (1, 5), (2, 5)):
        entry = stats.beta((n - 1) / 2, (n - 1) / 2, -1, 2)
        for place in ((0, 0), (-1, -1), (0, -1), (1, 0)):
            assert_fits(found[i][0][:, place[0], place[1]], entry)
    signs = found[3][0][:, 0, 0] > 0  # a single row: any direction
    square = found[1][0]
    trace = np.trace(square, axis1=1, axis2=2)  # of orthogonal matrices: mean 0, variance 1, fourth moment 3
    for values, mean in ((trace, 0), (trace**2, 1), (trace**4, 3), (np.linalg.det(square), 0), (signs, 0.5)):
        assert abs(np.mean(values) - mean) < 4 * np.std(values) / math.sqrt(trials)
    skew = trace - 0.01  # the control
    assert abs(np.mean(skew)) > 4 * np.std(skew) / math.sqrt(trials)


@both
def test_identity(precision: str) -> None:
    for gain in (1.0, -0.75):
        for weights, biases in layers(starts(part("identity", gain=gain), 70, [5, 3], precision), [5, 3]):
            assert np.all(weights == gain * np.eye(*weights.shape[1:]))
            assert np.all(biases == 0)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.3, 0.75, 1.0])
def test_sparse_has_its_zeros_in_every_column(sparsity: float) -> None:
    found = starts(part("sparse", sparsity=sparsity, std=0.5, bias="normal"), 2048, WIDE)
    for weights, biases in layers(found, WIDE):
        zeros = math.ceil(sparsity * weights.shape[1])
        assert np.all(np.sum(weights == 0, axis=1) == zeros)
        assert np.all(biases != 0)
    zero = layers(found, WIDE)[1][0] == 0
    count, share = zero.shape[0] * 40, zeros_share(sparsity, 25)
    if 0 < share < 1:
        # every row as often, and every two rows
        spread = math.sqrt(count * share * (1 - share))
        assert np.all(np.abs(zero.sum(axis=(0, 2)) - count * share) < 5 * spread)
        wanted = share * (25 * share - 1) / 24
        joint = np.sum(zero[:, 3] & zero[:, 17])
        assert abs(joint - count * wanted) < 5 * math.sqrt(count * max(wanted, 1e-4))
        assert np.corrcoef(zero[:, :, 0].ravel(), zero[:, :, 1].ravel())[0, 1] < 0.03
    if share < 1:
        assert_fits(layers(found, WIDE)[1][0][~zero], stats.norm(0, 0.5))


def zeros_share(sparsity: float, rows: int) -> float:
    return math.ceil(sparsity * rows) / rows


@pytest.mark.parametrize("bias", [True, False])
def test_rai_has_one_beta_entry_in_each_row(bias: bool) -> None:
    found = layers(starts(part("rai"), 8192, WIDE, bias=bias), WIDE, bias)
    for (weights, biases), n in zip(found, (2, 40, 25), strict=True):
        std = 0.6007 / math.sqrt(n)
        plain = starts(part("normal", std=std, bias=part("normal", std=std)), 8192, WIDE, bias=bias)
        [(plain_weights, plain_biases)] = [p for p in layers(plain, WIDE, bias) if p[0].shape == weights.shape]
        rows, plain_rows = (
            np.concatenate([w, b[:, :, None]], axis=2) if bias else w
            for w, b in ((weights, biases), (plain_weights, plain_biases))
        )
        replaced = np.abs(rows - plain_rows) > 1e-12
        assert np.all(replaced.sum(axis=2) == 1)
        often = replaced.sum(axis=(0, 1))
        assert stats.chisquare(often).pvalue > LEVEL
        if rows[replaced].size > 10**5:
            assert_fits(rows[replaced], stats.beta(2, 1))
            assert_fits(rows[~replaced][: 2 * 10**6], stats.norm(0, std))


@both
def test_mirrored_pairs(precision: str) -> None:
    hidden = [5, 4]
    for base in ("he_normal", "orthogonal", part("sparse", sparsity=0.4)):
        found = layers(starts(part("mirrored", init=base, bias="normal"), 70, hidden, precision), hidden)
        named = {"name": base} if isinstance(base, str) else base
        plain = layers(starts({**named, "bias": "normal"}, 70, hidden, precision), hidden)
        for (weights, biases), (before, biases_before) in zip(found, plain, strict=True):
            pairs = weights.shape[1] // 2
            assert np.array_equal(weights[:, 1 : 2 * pairs : 2], -weights[:, : 2 * pairs : 2])
            assert np.array_equal(weights[:, ::2], before[:, ::2])
            assert np.array_equal(biases, biases_before)


def test_framework_defaults() -> None:
    for n, (weights, biases) in zip((2, 40, 25), layers(starts("torch_default", 2048, WIDE), WIDE), strict=True):
        bound = 1 / math.sqrt(n)
        for numbers in (weights, biases):
            assert np.abs(numbers).max() <= bound
            assert np.abs(numbers).max() > bound * (1 - 20 / numbers.size)
            assert ks_pvalue(numbers.ravel(), stats.uniform(-bound, 2 * bound)) >= LEVEL
    keras = starts("keras_default", 70, WIDE)
    assert np.array_equal(keras, starts("glorot_uniform", 70, WIDE))
    assert all(np.all(biases == 0) for _, biases in layers(keras, WIDE))


# ---------------------------------------------------------------------------------------------- scaling by the data


def scaled(init: Mapping[str, Any], precision: str, hidden: list[int]) -> tuple[Cell, np.ndarray, np.ndarray]:
    """A cell, and the parameters of a few trials before scaling and as training begins: (trials, parameters)."""
    study = study_of(init, precision, hidden)
    [cell] = make_plan(study).cells
    init = cell.settings["network"]["init"]
    after = [mcstudy.replay(study, cell.id, trial).parameters[0] for trial in range(4)]
    plain = {"bias": init["bias"]} | init["init"] if init["name"] == "lsuv" else init
    return cell, starts(plain, 4, hidden, precision), np.array(after)


@either
@pytest.mark.parametrize("init", [part("lsuv"), part("lsuv", init="he_uniform", bias="normal")], ids=str)
def test_lsuv_gives_every_layer_sums_of_unit_variance(precision: str, init: dict[str, Any]) -> None:
    hidden = [6, 2, 9]
    cell, before, after = scaled(init, precision, hidden)
    x, _ = naive_draws.quantile_points(cell.settings)
    for trial, (old, new) in enumerate(zip(before, after, strict=True)):
        network, earlier = naive.Network(cell.settings, new), naive.Network(cell.settings, old)
        values = network.forward(x)[0]
        for i, weights in enumerate(network.weights):
            sums = values[i].astype(np.float64) @ weights.T.astype(np.float64)
            assert abs(np.var(sums) - 1) < 10 * EPSILON[precision]
            ratio = weights / earlier.weights[i]
            assert np.allclose(ratio, ratio[0, 0], rtol=10 * EPSILON[precision]) and ratio[0, 0] > 0
            assert np.array_equal(network.biases[i], earlier.biases[i])
        again = naive.Network(cell.settings, naive_draws.initial_parameters(cell.settings, trial).astype(precision))
        scale_by_data(again, x)
        assert np.allclose(new, again.parameters, rtol=0, atol=100 * EPSILON[precision])


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over the evaluation points run in an order that does not know how many pass through at once."""
    init = part("lsuv", init="he_uniform", bias="normal")
    _, _, expected = scaled(init, "float64", [6, 2, 9])
    monkeypatch.setattr(cell_rows, "TILE_BYTES", 1 << 20)
    assert np.array_equal(scaled(init, "float64", [6, 2, 9])[2], expected)


@both
def test_what_cannot_be_scaled_stays(precision: str) -> None:
    for init in (part("lsuv", init="zeros", bias="normal"), part("lsuv", init="zeros"), part("orthogonal")):
        _, before, after = scaled(init, precision, [4])
        assert np.array_equal(before, after)
    if precision == "float64":
        _, before, after = scaled(part("lsuv", init=part("normal", std=1e200)), precision, [4])
        assert np.array_equal(before, after)  # the variance overflows
    else:
        _, before, after = scaled(part("lsuv", init=part("normal", std=1e30)), precision, [4])
        assert np.all(np.abs(after) < 100) and np.all(np.abs(before[:, :8]) > 1e20)


# ---------------------------------------------------------------------------------------------- recipes


def test_normal_stretch_is_right_to_the_last_digit() -> None:
    rng = np.random.default_rng(7)
    ends = [(-2.0, 2.0), (-4.0, -4.0 + 1e-9), (-37.0, -36.5), (-40.0, 3.0), (-300.0, 5.0)]
    ends += [(low, low + 10 ** rng.uniform(-9, 1)) for low in rng.uniform(-37, 5, 100)]
    with mpmath.workdps(60):
        for low, high in ends:
            below = [mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2 for x in (low, high)]
            assert normal_stretch(low, high) == (float(below[0]), float(below[1] - below[0]))
    assert normal_stretch(-1e200, 0.0) == (0, 0.5) and normal_stretch(-1e300, 1e300) == (0, 1)


def test_gains_are_numbers_or_names() -> None:
    assert known_gain({"gain": 2.0}) is None
    assert all(known_gain({"gain": name}) is None for name in GAINS)
    for name in ("gelu", "Tanh", ""):
        wrong = known_gain({"gain": name})
        assert wrong is not None and all(f'"{known}"' in wrong for known in GAINS)
    with_gain = [init for init in INITS.values() if any(p.kind == "gain" for p in init.parameters.values())]
    assert all(init.check is known_gain for init in with_gain) and len(with_gain) == 5
    assert [GAINS[name] for name in ("linear", "sigmoid", "tanh", "selu")] == [1, 1, 5 / 3, 0.75]
    assert GAINS["relu"] ** 2 == pytest.approx(2, abs=1e-15)
    assert GAINS["leaky_relu"] == pytest.approx(math.sqrt(2 / 1.0001), abs=1e-15)


def test_truncated_normals_without_room_are_refused() -> None:
    check = INITS["truncated_normal"].check
    assert check is not None
    defaults: dict[str, Any] = {"mean": 0.0, "std": 1.0, "low": -2.0, "high": 2.0}
    assert check(defaults) is None
    assert check({**defaults, "low": 30.0, "high": 30.1}) is None
    for ends in ({"low": 1.0, "high": 1.0}, {"low": 2.0, "high": -2.0}, {"low": 50.0, "high": 51.0}, {"mean": 99.0}):
        wrong = check({**defaults, **ends})
        assert wrong is not None and "low" in wrong


def test_every_part_says_what_it_is() -> None:
    for name, init in INITS.items():
        assert init.formula and init.source, name
        needed = [p for p, parameter in init.parameters.items() if parameter.default is REQUIRED]
        assert not init.as_bias or not needed or name == "constant"
