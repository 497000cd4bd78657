"""Every task's inputs and targets against plain NumPy, and what is known of them besides."""

from __future__ import annotations

import math
from typing import Any

import loops
import numpy as np
import pytest
from cases_tasks import TASK_CASES
from naive_tasks import OWN_INPUTS, OWN_POINTS, own_inputs, points, targets

from mcstudy import jit
from mcstudy.catalog.tasks import TASKS
from mcstudy.catalog.tasks.maps import _cosine_and_sine
from mcstudy.kernels.pack import lane_view, pack_array

Settings = dict[str, Any]
FLOATS = [np.float32, np.float64]
TOLERANCE = {np.float32: 3e-6, np.float64: 2e-14}
"""Relative to the largest target of a task, or input that it makes, or to 1."""
WALKED = [*TASK_CASES, {"name": "dft", "n": 16}, {"name": "amplitude", "n": 11}, {"name": "parity", "n": 16}]

both = pytest.mark.parametrize("dtype", FLOATS)


def draw(count: int) -> np.ndarray:
    """Fixed standard normals."""
    return np.random.default_rng(5).standard_normal(count)


def task_of(case: Settings) -> Settings:
    """A case as a cell's settings have it, defaults filled in."""
    task = TASKS[case["name"]]
    parameters = task.defaults() | {key: value for key, value in case.items() if key != "name"}
    n_inputs, n_outputs = task.shape(parameters)
    return {"name": task.name, "parameters": parameters, "n_inputs": n_inputs, "n_outputs": n_outputs}


def asked(task: Settings, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets by the kernels' own code, another sample in every lane."""
    part, inputs, outputs = TASKS[task["name"]], task["n_inputs"], task["n_outputs"]
    lanes = jit.pack_bytes() // x.itemsize
    samples = -(-len(x) // lanes)
    scratch = (inputs + outputs) * samples
    packs = pack_array(scratch + part.scratch_packs(task["parameters"]) + 1, x.dtype, lanes)
    view = lane_view(packs)
    view[:] = np.nan
    full = np.pad(x, ((0, samples * lanes - len(x)), (0, 0)), mode="edge")
    view[: inputs * samples] = full.reshape(samples, lanes, inputs).transpose(2, 0, 1).reshape(-1, lanes)
    numbers = np.array([*part.constants(task["parameters"], draw), np.nan])
    loops.fill_targets(part, packs, samples, inputs, outputs, numbers)
    assert np.isnan(view[-1]).all()
    columns = view[:scratch].reshape(inputs + outputs, samples * lanes)[:, : len(x)].T
    return columns[:, :inputs].copy(), columns[:, inputs:].copy()


def raw_inputs(task: Settings, dtype: Any, samples: int = 1000) -> np.ndarray:
    """Samples of a task's own distribution: raw uniforms for tasks that make their inputs."""
    spread = TASKS[task["name"]].own_input(task["parameters"])
    assert spread is not None
    generator = np.random.default_rng(11)
    shape = samples, task["n_inputs"]
    if spread["name"] == "normal":
        x = generator.normal(spread["mean"], spread["std"], shape)
    else:
        x = spread["low"] + (spread["high"] - spread["low"]) * generator.random(shape)
    return x.astype(dtype)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_case(name: str) -> None:
    if name != "table":
        given = [case for case in TASK_CASES if case["name"] == name]
        assert given
        for parameter, default in TASKS[name].defaults().items():
            assert any(case.get(parameter, default) != default for case in given), parameter


@both
@pytest.mark.parametrize("case", WALKED, ids=str)
def test_targets(case: Settings, dtype: Any) -> None:
    task = task_of(case)
    part, raw = TASKS[task["name"]], raw_inputs(task, dtype)
    if part.own_inputs:  # the float32 nearest to a uniform may be 1
        raw = np.minimum(raw, np.nextafter(dtype(1), dtype(0)))
        raw[:2] = np.array([[0, 0], [raw.max(), raw.max()]])
        raw[2, 0] = 1 - np.finfo(dtype).epsneg
    samples = [raw]
    if (own := points(task)) is not None:
        samples.append(own.astype(dtype))
    for x in samples:
        inputs, answers = asked(task, x)
        expected_inputs = own_inputs(task, x) if part.own_inputs else x
        expected = targets(task, x, draw)
        assert answers.shape == expected.shape == (len(x), task["n_outputs"])
        if part.labels_for(task["parameters"]) == "real":
            scale = max(1.0, float(np.abs(expected).max()))
            assert np.abs(answers - expected).max() <= TOLERANCE[dtype] * scale
        else:
            assert np.array_equal(answers, expected)
        if part.own_inputs:
            assert np.abs(inputs - expected_inputs).max() <= TOLERANCE[dtype]
        else:
            assert np.array_equal(inputs, expected_inputs)


@pytest.mark.parametrize("case", WALKED, ids=str)
def test_what_tasks_say_of_themselves(case: Settings) -> None:
    task = task_of(case)
    part, parameters = TASKS[task["name"]], task["parameters"]
    assert part.own_inputs == (part.name in OWN_INPUTS)
    own = part.own_points(parameters)
    assert (own is not None) == (part.name in OWN_POINTS) == (part.samples == "shared")
    if own is not None:
        assert np.array_equal(np.array(own), points(task))
    answers = asked(task, raw_inputs(task, np.float64))[1]
    labels = part.labels_for(parameters)
    if labels == "binary":
        assert task["n_outputs"] == 1 and set(np.unique(answers)) == {0, 1}
    elif labels == "classes":
        assert task["n_outputs"] > 1 and set(np.unique(answers)) == {0, 1}
        assert (answers.sum(axis=1) == 1).all()
        assert answers.any(axis=0).all()
    else:
        assert labels == "real" and np.isfinite(answers).all()


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_described(name: str) -> None:
    task = TASKS[name]
    assert task.formula and task.source
    if name == "table":
        parameters = task.defaults() | {"inputs": ["a", "b"], "targets": ["y"]}
        assert task.shape(parameters) == (2, 1)
        assert task.own_input(parameters) is None and task.own_points(parameters) is None and task.target is None
    else:
        assert task.own_input(task.defaults()) is not None


# ---------------------------------------------------------------------------------------------- labels


def own_answers(name: str, **parameters: Any) -> tuple[np.ndarray, np.ndarray]:
    """A task's own points and its targets."""
    task = task_of({"name": name, **parameters})
    x = np.array(TASKS[name].own_points(task["parameters"]))
    return x, asked(task, x)[1]


def test_truth_tables() -> None:
    x, y = own_answers("xor")
    assert x.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert y.ravel().tolist() == [0, 1, 1, 0]
    assert own_answers("xor", one_hot=True)[1].tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]
    x, y = own_answers("parity", low=0.0)
    assert x.tolist()[:3] == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert y.ravel().tolist() == [0, 1, 1, 0, 1, 0, 0, 1]
    assert own_answers("majority")[1].ravel().tolist() == [0, 0, 0, 1, 0, 1, 1, 1]
    for n in (1, 5, 16):
        y = own_answers("parity", n=n)[1]
        assert y.ravel().tolist() == [i.bit_count() % 2 for i in range(2**n)]
    y = own_answers("majority", n=9)[1]
    assert y.ravel().tolist() == [i.bit_count() > 4 for i in range(2**9)]


def test_bits_are_told_at_the_middle() -> None:
    x = np.array([[0.5, 0.9], [0.51, 0.1], [0.49, 0.51], [1e9, 1e9]])
    assert asked(task_of({"name": "xor", "low": 0.0}), x)[1].ravel().tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("name", "parameters", "wrong"),
    [
        ("majority", {"n": 4}, "n must be odd, or there are ties; got n=4"),
        ("majority", {"low": 2.0}, "low must be below high; got low=2.0, high=1.0"),
        ("xor", {"low": 1.0}, "low must be below high; got low=1.0, high=1.0"),
        ("parity", {"low": 0.0}, None),
        ("majority", {"n": 5}, None),
    ],
)
def test_combinations(name: str, parameters: Settings, wrong: str | None) -> None:
    task = TASKS[name]
    assert task.check is not None
    assert task.check(task.defaults() | parameters) == wrong


def test_checkerboard_colours() -> None:
    centres = (np.arange(4) + 0.5) / 2 - 1
    grid = np.array([[a, b] for a in centres for b in centres])
    colours = asked(task_of({"name": "checkerboard"}), grid)[1].reshape(4, 4)
    assert np.array_equal(colours, np.indices((4, 4)).sum(axis=0) % 2)
    outside = asked(task_of({"name": "checkerboard"}), grid - [3 * 0.5, 0])[1].reshape(4, 4)
    assert np.array_equal(outside, 1 - colours)
    for n, share in ((4, 1 / 2), (3, 4 / 9), (1, 0)):
        task = task_of({"name": "checkerboard", "n": n})
        y = asked(task, raw_inputs(task, np.float32, 40_000))[1]
        assert abs(y.mean() - share) < 0.01


def test_spirals_are_balanced_and_turned_copies_of_each_other() -> None:
    for classes in (2, 3, 5):
        task = task_of({"name": "spirals", "classes": classes, "turns": 1.5, "one_hot": True})
        t, across = (np.arange(500) + 0.5) / 500, np.linspace(0, 0.99, 500)
        arms = []
        for k in range(classes):
            x, y = asked(task, np.stack([(k + t) / classes, across], axis=1))
            assert (y.argmax(axis=1) == k).all()
            arms.append(x[:, 0] + 1j * x[:, 1])
        assert np.allclose(np.abs(arms[0]), 0.1 + 0.9 * t, atol=1e-12)
        for k, arm in enumerate(arms):
            assert np.allclose(arm / arms[0], np.exp(2j * np.pi * k / classes), atol=1e-10)
        turns = np.unwrap(np.angle(arms[0]))
        assert math.isclose(turns[-1] - turns[0], 2 * np.pi * 1.5 * (t[-1] - t[0]), rel_tol=1e-9)
        drawn = asked(task, raw_inputs(task, np.float64, 30_000))[1]
        assert np.abs(drawn.mean(axis=0) - 1 / classes).max() < 0.015


def test_spirals_of_lang_and_witbrock() -> None:
    i = np.arange(97)
    angle, radius = i * np.pi / 16, 6.5 * (104 - i) / 104
    theirs = radius * np.exp(1j * angle) / 6.5
    task = task_of({"name": "spirals", "turns": 3.0, "inner": 1 / 13})
    t = np.minimum((96 - i) / 96, 1 - 1e-15)
    x = asked(task, np.stack([t / 2, np.full(97, 0.5)], axis=1))[0]
    assert np.allclose(x[:, 0] - 1j * x[:, 1], theirs, atol=1e-12)


def test_two_moons_lie_where_scikit_learn_puts_them() -> None:
    theta = np.linspace(0, np.pi, 64, endpoint=False)
    outer = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    inner = np.stack([1 - np.cos(theta), 1 - np.sin(theta) - 0.5], axis=1)
    u = np.stack([np.arange(128) / 128, np.full(128, 0.5)], axis=1)
    x, y = asked(task_of({"name": "two_moons", "width": 0.4}), u)
    assert np.allclose(x, np.concatenate([outer, inner]), atol=1e-14)
    assert y.ravel().tolist() == [0] * 64 + [1] * 64
    u[:, 1] = np.random.default_rng(1).random(128)
    x = asked(task_of({"name": "two_moons", "width": 0.4}), u)[0]
    radius = np.hypot(*(x - np.repeat([[0, 0], [1, 0.5]], 64, axis=0)).T)
    assert np.allclose(radius, 1 + 0.4 * (u[:, 1] - 0.5), atol=1e-14)


# ---------------------------------------------------------------------------------------------- maps


@pytest.mark.parametrize("n", [1, 2, 3, 8, 12, 100, 256])
def test_dft_is_numpys(n: int) -> None:
    x = np.random.default_rng(n).standard_normal((40, n))
    spectrum = np.fft.fft(x)
    y = asked(task_of({"name": "dft", "n": n}), x)[1]
    assert np.abs(y - np.concatenate([spectrum.real, spectrum.imag], axis=1)).max() <= 1e-12 * max(1, n / 8)
    y = asked(task_of({"name": "amplitude", "n": n}), x)[1]
    assert np.abs(y - np.abs(spectrum)).max() <= 1e-12 * max(1, n / 8)


def test_cosine_and_sine_of_parts_of_a_turn_are_correctly_rounded() -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        for n in (1, 4, 7, 12, 64, 255, 256):
            for k in range(n):
                angle = 2 * mpmath.mpf(k) / n
                assert _cosine_and_sine(k, n) == (float(mpmath.cospi(angle)), float(mpmath.sinpi(angle)))


def test_fir_is_a_convolution() -> None:
    task = task_of({"name": "fir", "taps": 5})
    signal = np.random.default_rng(3).standard_normal(60)
    windows = np.lib.stride_tricks.sliding_window_view(signal, 5)[:, ::-1].copy()
    filtered = np.convolve(signal, TASKS["fir"].constants(task["parameters"], draw), mode="valid")
    assert np.allclose(asked(task, windows)[1].ravel(), filtered, atol=1e-13)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_teachers_answers_are_of_order_one(activation: str) -> None:
    part = TASKS["teacher"]
    parameters = part.defaults() | {"hidden": [64, 64], "inputs": 8, "activation": activation}
    task = {"name": "teacher", "parameters": parameters, "n_inputs": 8, "n_outputs": 200}
    parameters["outputs"] = 200
    y = asked(task, raw_inputs(task, np.float32))[1]
    assert 0.2 < (y**2).mean() < 3
    assert 0.02 < y.var(axis=0).mean() < 3


def test_polynomials() -> None:
    x = np.linspace(-2, 2, 101)[:, None]
    assert np.array_equal(asked(task_of({"name": "polynomial"}), x)[1], x * x)
    task = task_of({"name": "polynomial", "coefficients": [1, 0, -3]})
    assert np.allclose(asked(task, x)[1], 1 - 3 * x * x, atol=1e-14)
