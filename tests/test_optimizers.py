"""Every optimizer, schedule and regularizer by itself, against the reference in NumPy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mpmath
import numba
import numpy as np
import pytest

from mcstudy import jit
from mcstudy.catalog.optimizers import OPTIMIZERS, Optimizer
from mcstudy.catalog.part import Part
from mcstudy.catalog.regularizers import REGULARIZERS, add_penalty
from mcstudy.catalog.schedules import SCHEDULES, factor
from mcstudy.kernels.layout import HYPERPARAMETERS
from mcstudy.kernels.pack import lane_view, pack_array, pointer
from mcstudy.kernels.scalars import exp_below, half_wave, power

sys.path.insert(0, str(Path(__file__).parent))
import loops
import naive_optimizers as naive
from cases_optimizers import OPTIMIZER_CASES, REGULARIZER_CASES, SCHEDULE_CASES
from packs import packed

STEPS, NUMBERS = 200, 96
TOLERANCE = {"float32": 5e-5, "float64": 5e-12}
"""Of parameters relative to the largest, after all steps."""
WIDE = {"quickprop": 100.0, "ftrl": 30.0}
"""Factors of the tolerance: steps that grow with errors, and differences of powers."""

both = pytest.mark.parametrize("precision", TOLERANCE)
CASES: dict[str, tuple[Mapping[str, Part], list[dict[str, Any]]]] = {
    "optimizers": (OPTIMIZERS, OPTIMIZER_CASES),
    "schedules": (SCHEDULES, SCHEDULE_CASES),
    "regularizers": (REGULARIZERS, REGULARIZER_CASES),
}


def label(case: Mapping[str, Any]) -> str:
    return "-".join(str(value) for value in case.values() if not isinstance(value, list))


def full(table: Mapping[str, Part], case: Mapping[str, Any]) -> dict[str, Any]:
    """A case with defaults filled in."""
    return table[case["name"]].defaults() | dict(case)


@pytest.mark.parametrize("kind", CASES)
def test_every_part_has_a_case(kind: str) -> None:
    table, cases = CASES[kind]
    for name, entry in table.items():
        given = [case for case in cases if case["name"] == name]
        assert given, f"{name} has no case"
        for parameter, default in entry.defaults().items():
            assert any(case.get(parameter, default) != default for case in given), f"{name}: {parameter}"
    for case in cases:
        entry = table[case["name"]]
        assert set(case) - {"name"} <= set(entry.parameters)
        assert entry.check is None or entry.check(full(table, case)) is None


# ---------------------------------------------------------------------------------------------- optimizers


class Run:
    """An optimizer's parameters and state, which `steps` moves on."""

    def __init__(self, settings: Mapping[str, Any], start: np.ndarray) -> None:
        optimizer: Optimizer = OPTIMIZERS[settings["name"]]
        hyper = optimizer.hyper(settings)
        assert len(hyper) <= HYPERPARAMETERS and hyper[0] == settings["lr"]
        self.hyper = (*hyper, *[0.0] * (HYPERPARAMETERS - len(hyper)))
        self.part, self.settings, self.size, self.n = optimizer, settings, start.size, 0
        self.packs = lane_view(packed(start))
        self.state = np.zeros((3 * len(self.packs), self.packs.shape[1]), start.dtype)

    def steps(self, gradients: np.ndarray) -> np.ndarray:
        """The parameters after a step for each row of `gradients`."""
        rows = [lane_view(packed(row)) for row in gradients]
        parts = [self.packs, *rows, self.state]
        packs = pack_array(sum(map(len, parts)), gradients.dtype, self.packs.shape[1])
        memory = lane_view(packs)
        memory[:] = np.concatenate(parts)
        loops.update(self.part, self.settings, self.hyper, packs, self.n, len(rows))
        self.n += len(rows)
        self.packs, self.state = memory[: len(self.packs)].copy(), memory[-len(self.state) :].copy()
        unused = self.state[self.part.slots * len(self.packs) :]
        assert not unused.any(), "state beyond the slots"
        return self.packs.reshape(-1)[: self.size].copy()


def random_steps(precision: str) -> tuple[np.ndarray, np.ndarray]:
    """Parameters, and gradients of sizes from 1e-4 to 10; some are always 0, or for many steps."""
    draw = np.random.default_rng(5)
    sizes = np.logspace(-4, 1, NUMBERS)
    gradients = (draw.normal(size=(STEPS, NUMBERS)) + draw.normal(size=NUMBERS)) * sizes
    gradients[:, ::16] = 0
    gradients[20:60, 1::16] = 0
    return draw.normal(size=NUMBERS).astype(precision), gradients.astype(precision)


@both
@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=label)
def test_optimizer(case: dict[str, Any], precision: str) -> None:
    settings = full(OPTIMIZERS, case)
    start, gradients = random_steps(precision)
    expected = start.astype(float)
    state = [np.zeros(NUMBERS) for _ in range(3)]
    with np.errstate(under="ignore"):
        for n, g in enumerate(gradients.astype(float), start=1):
            naive.update(settings, expected, g, state, n)
    found = Run(settings, start).steps(gradients)
    gap = np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 1e-2 * np.abs(expected).max()))
    assert gap <= TOLERANCE[precision] * WIDE.get(case["name"], 1.0)


@both
@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=label)
def test_nan_and_infinite_gradients_stay_faults(case: dict[str, Any], precision: str) -> None:
    start, gradients = random_steps(precision)
    gradients[5, 0], gradients[7, 1] = np.nan, np.inf
    found = Run(full(OPTIMIZERS, case), start).steps(gradients[:40])
    assert np.isnan(found[0])
    assert np.all(np.isfinite(found[2:]))


@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=label)
def test_single_precision_holds_late_in_training(case: dict[str, Any]) -> None:
    start, gradients = random_steps("float32")
    runs = [Run(full(OPTIMIZERS, case), start.astype(precision)) for precision in TOLERANCE]
    for run in runs:
        run.n = 1_000_000
    single, double = (
        run.steps(gradients[:50].astype(precision)) for run, precision in zip(runs, TOLERANCE, strict=True)
    )
    assert np.all(np.abs(single - double) <= 1e-3 * np.maximum(np.abs(double), 1))


def test_variants_are_chosen_by_parameters() -> None:
    for name, switch in [("rmsprop", {"eps_inside": True}), ("ftrl", {"learning_rate_power": -0.4})]:
        optimizer = OPTIMIZERS[name]
        assert optimizer.update_for(optimizer.defaults()) is optimizer.update
        assert optimizer.update_for(optimizer.defaults() | switch) is not optimizer.update


@both
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in ("rprop", "quickprop")])
def test_a_rate_of_zero_leaves_parameters(name: str, precision: str) -> None:
    # those two have steps that know no rate; a momentum that is left over is multiplied by it
    start, gradients = random_steps(precision)
    run = Run(full(OPTIMIZERS, {"name": name, "lr": 0.1}), start)
    before = run.steps(gradients[:3]).copy()
    run.hyper = (0.0, *run.hyper[1:])
    np.testing.assert_array_equal(run.steps(gradients[3:10]), before)


@pytest.mark.parametrize(
    ("name", "parameters", "text"),
    [
        ("sgd", {"nesterov": True}, "nesterov needs a momentum above 0 and no dampening"),
        ("rprop", {"etas": [1.2, 0.5]}, "etas must be a number between 0 and 1 and one above 1; got 1.2 and 0.5"),
        ("rprop", {"step_sizes": [2.0, 1.0]}, "the first of step_sizes must not exceed the second; got 2.0 and 1.0"),
    ],
)
def test_what_does_not_go_together(name: str, parameters: dict[str, Any], text: str) -> None:
    part = OPTIMIZERS[name]
    assert part.check is not None
    assert part.check(part.defaults() | parameters) == text


# ---------------------------------------------------------------------------------------------- schedules


@numba.njit(error_model="numpy")
def _factors(rows, first, count, steps, out):  # type: ignore[no-untyped-def]
    numbers = pointer(rows)
    for i in range(steps.size):
        out[i] = factor(numbers, first, count, steps[i])


def factors(settings: Mapping[str, Any], lr: float, steps: int, at: np.ndarray) -> np.ndarray:
    """The kernel's factors in steps `at`; the rows lie behind another's, as they do in a program."""
    rows = SCHEDULES[settings["name"]].rows(settings, lr, steps)
    assert all(len(row) == 5 and all(isinstance(x, float) for x in row) for row in rows)
    table = np.array([(9.0, 9.0, 9.0, 0.0, np.inf), *rows])
    out = np.full(at.size, np.nan)
    _factors(table.ravel(), 1, len(rows), at, out)
    return out


@pytest.mark.parametrize("case", SCHEDULE_CASES, ids=label)
@pytest.mark.parametrize("steps", [1, 90, 300])
def test_schedule(case: dict[str, Any], steps: int) -> None:
    lr = 0.05
    at = np.array([*range(500), 10_000, 10_001], np.int64)
    expected = [naive.factor(case, int(n), lr, steps) for n in at]
    np.testing.assert_allclose(factors(case, lr, steps, at), expected, rtol=2e-12, atol=1e-15)


def test_schedules_at_large_steps() -> None:
    at = np.array([0, 10**6, 2 * 10**6, 10**9, 3 * 10**9, 10**12], np.int64)
    wave = factors({"name": "cosine", "T_max": 10**9}, 0.1, 1, at)
    np.testing.assert_allclose(wave, (1 + np.cos(np.pi * (at % (2 * 10**9)) / 10**9)) / 2, atol=1e-14)
    assert wave[3] == wave[4] == 0.0
    slow = factors({"name": "exponential", "gamma": 1 - 1e-9}, 0.1, 1, at)
    assert np.all(np.diff(slow) <= 0) and abs(slow[3] / np.exp(10**9 * np.log1p(-1e-9)) - 1) < 1e-6
    assert factors({"name": "exponential", "gamma": 0.5}, 0.1, 1, at)[-1] == 0.0


def test_pieces_begin_at_their_milestones() -> None:
    pieces = [{"name": "linear", "start_factor": 0.5, "total_iters": 4}, {"name": "exponential", "gamma": 0.5}]
    settings = {"name": "sequential", "schedules": pieces, "milestones": [2]}
    assert list(factors(settings, 0.1, 10, np.arange(5))) == [0.5, 0.625, 1.0, 0.5, 0.25]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"milestones": [5, 6]}, "2 schedules need 1 milestones between them; got 2"),
        ({"schedules": ["constant"] * 3, "milestones": [5, 5]}, "milestones must ascend; got [5, 5]"),
        ({"schedules": ["constant", "chained"]}, "chained does not nest"),
    ],
)
def test_faults_of_combinations(parameters: dict[str, Any], text: str) -> None:
    settings: dict[str, Any] = {"schedules": ["constant", "step"], "milestones": [5], **parameters}
    settings["schedules"] = [{"name": name} for name in settings["schedules"]]
    check = SCHEDULES["sequential"].check
    assert check is not None and text in str(check(settings))
    if "chained" in text:
        assert text in str(SCHEDULES["chained"].check(settings))  # type: ignore[misc]


# ---------------------------------------------------------------------------------------------- scalars


@numba.njit(error_model="numpy")
def _scalars(x, k, length):  # type: ignore[no-untyped-def]
    return exp_below(x), half_wave(k, length), power(0.999, k)


def test_functions_of_single_numbers() -> None:
    draw = np.random.default_rng(6)
    for exponent in [0.0, -1e-300, -1e-17, -0.34, -0.35, -707.9, *-(10 ** draw.uniform(-3, 2.8, 400))]:
        length = int(10 ** draw.uniform(0, 9))
        k = int(draw.integers(0, 3 * length))
        found = _scalars(exponent, k, length)
        with mpmath.workdps(40):
            wave = mpmath.cos(mpmath.pi * mpmath.mpf(k) / (2 * length)) ** 2
            assert abs(found[0] / mpmath.exp(mpmath.mpf(exponent)) - 1) < 5e-16
            assert abs(found[1] - wave) < 1e-15 * wave + 1e-30
            exact = mpmath.mpf(0.999) ** k
            assert abs(found[2] - exact) <= (2 + k) * 2e-16 * exact + 1e-300
    assert _scalars(-708.5, 0, 1)[:2] == (0.0, 1.0)
    assert _scalars(-1e300, 3, 3)[:2] == (0.0, 0.0)


# ---------------------------------------------------------------------------------------------- regularizers


@numba.njit(error_model="numpy")
def _penalise(packs, gradients, inputs, outputs, l1, l2, repulsion):  # type: ignore[no-untyped-def]
    add_penalty(pointer(packs), 0, gradients, inputs, outputs, l1, l2, repulsion)


@both
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 1), (4, 3)])
@pytest.mark.parametrize("case", REGULARIZER_CASES, ids=label)
def test_regularizer(case: dict[str, Any], shape: tuple[int, int], precision: str) -> None:
    settings, draw = full(REGULARIZERS, case), np.random.default_rng(3)
    count = shape[0] * shape[1]
    packs = pack_array(2 * count, precision, jit.pack_bytes() // np.dtype(precision).itemsize)
    view = lane_view(packs)
    view[:] = draw.normal(size=view.shape)
    view[0, 0], view[0, 1] = 0.0, -0.0
    before = view[count:].astype(float)
    _penalise(packs, count, shape[1], shape[0], *REGULARIZERS[case["name"]].strengths(settings))
    added = view[count:] - before
    for lane in range(view.shape[1]):
        weights = view[:count, lane].reshape(shape).astype(float)
        expected = naive.penalty_gradient(settings, weights)
        np.testing.assert_allclose(added[:, lane], expected.ravel(), atol=1e-6 if precision == "float32" else 1e-14)


@pytest.mark.parametrize("case", REGULARIZER_CASES, ids=label)
def test_regularizer_is_the_derivative_of_its_penalty(case: dict[str, Any]) -> None:
    settings, draw, small = full(REGULARIZERS, case), np.random.default_rng(4), 1e-5
    weights = draw.normal(size=(4, 3))
    gradient = naive.penalty_gradient(settings, weights)
    for i in np.ndindex(weights.shape):
        shift = np.zeros_like(weights)
        shift[i] = small
        rise = naive.penalty(settings, weights + shift) - naive.penalty(settings, weights - shift)
        assert rise / (2 * small) == pytest.approx(gradient[i], abs=1e-8)


def test_nan_goes_through_regularizers() -> None:
    for name, part in REGULARIZERS.items():
        packs = pack_array(8, np.float64, 4)
        lane_view(packs)[0, 2] = np.nan
        _penalise(packs, 4, 2, 2, *part.strengths(part.defaults()))
        found = np.isnan(lane_view(packs)[4:])
        assert found[:, 2].any() and not found[:, [0, 1, 3]].any(), name
