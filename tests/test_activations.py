"""Every activation and every loss against its definition in NumPy, and its derivative against differences."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.part import Part

sys.path.insert(0, str(Path(__file__).parent))
import loops
import naive_activations
import naive_losses
from cases_activations import ACTIVATION_CASES, KINKS, LOSS_CASES, LOSS_EDGES, label
from packs import apply

Array = np.ndarray
FLOATS = (np.float32, np.float64)
MAGNITUDES = [0.0, 1e-30, 1e-8, 0.5, 3.0, 6.0, 20.0, 100.0]
GRID = [sign * z for z in MAGNITUDES for sign in (1, -1)] + list(np.linspace(-8, 8, 161))
RELATIVE = {np.float32: 3e-6, np.float64: 1e-12}
CANCELS = {"gelu": 8, "tanh": 2, "sigmoid": 1, "sine": 300, "snake": 300, "gaussian": 4, "mish": 2, "silu": 2}
"""Further absolute errors, in units of rounding, by name: 1 + erf z and 1 − tanh² z cancel, as they do in PyTorch, and
the angle of a sine at ±100 is rounded before."""

cases = pytest.mark.parametrize("case", ACTIVATION_CASES, ids=label)
loss_cases = pytest.mark.parametrize("case", LOSS_CASES, ids=label)
both = pytest.mark.parametrize("dtype", FLOATS)


def found(case: dict[str, Any], z: Array, u: Array | None = None) -> tuple[Array, Array]:
    """f(z) and f'(z) of a part of the catalog; in training if there are draws u."""
    f, slope, _ = loops.activation(ACTIVATIONS[case["name"]], case, z, u)
    return f, slope


def rounded(case: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """A part with its numbers as kernels of that precision have them."""
    return {k: float(dtype(v)) if isinstance(v, float) else v for k, v in case.items()}


def kinks(case: dict[str, Any]) -> list[float]:
    return KINKS[case["name"]](case) if case["name"] in KINKS else []


def points(case: dict[str, Any], dtype: Any) -> Array:
    """The grid, each kink, and its neighbours."""
    near = [np.nextafter(dtype(z), dtype(z + side)) for z in kinks(case) for side in (-1, 0, 1)]
    return np.array(GRID + near).astype(dtype)


def assert_close(result: Iterable[Array], wanted: Iterable[Array], name: str, dtype: Any) -> None:
    absolute = CANCELS.get(name, 0) * float(np.finfo(dtype).eps) + float(np.finfo(dtype).tiny)
    for one, other in zip(result, wanted, strict=True):
        with np.errstate(over="ignore"):
            nearest = other.astype(dtype).astype(np.float64)
        np.testing.assert_allclose(one.astype(np.float64), nearest, rtol=RELATIVE[dtype], atol=absolute)


def difference(function: Callable[[float], Any], step: float) -> Any:
    """The derivative at 0, to fourth order."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


def _parameters_met(table: dict[str, Any], walked: list[dict[str, Any]]) -> None:
    assert list(dict.fromkeys(case["name"] for case in walked)) == list(table)
    for case in walked:
        assert list(case) == ["name", *table[case["name"]].parameters]
    for part in table.values():
        own = [case for case in walked if case["name"] == part.name]
        for name, parameter in part.parameters.items():
            assert any(case[name] != parameter.default for case in own), (part.name, name)


def test_every_part_has_a_case_and_every_parameter_another_value() -> None:
    _parameters_met(ACTIVATIONS, ACTIVATION_CASES)
    _parameters_met(LOSSES, LOSS_CASES)
    assert KINKS.keys() <= ACTIVATIONS.keys()
    assert LOSS_EDGES.keys() <= LOSSES.keys()


@pytest.mark.parametrize("part", [*ACTIVATIONS.values(), *LOSSES.values()], ids=lambda part: part.name)
def test_every_part_says_what_it_is(part: Part) -> None:
    assert part.formula and part.source
    for parameter in part.parameters.values():
        assert parameter.kind != "choice" or parameter.default in parameter.choices


# ---------------------------------------------------------------------------------------------- activations


@cases
@both
def test_values_and_derivatives(case: dict[str, Any], dtype: Any) -> None:
    z = points(case, dtype)
    wanted = naive_activations.activation(rounded(case, dtype), z.astype(np.float64))
    assert_close(found(case, z), wanted, case["name"], dtype)


@cases
def test_derivatives_are_those_of_the_values(case: dict[str, Any]) -> None:
    step = 2.0**-9
    z = np.linspace(-8, 8, 801) + 1e-3
    z = z[[min((abs(x - kink) for kink in kinks(case)), default=1.0) > 3 * step for x in z]]
    wanted = difference(lambda h: found(case, z + h)[0], step)
    size = 1 + np.abs(found(case, z)[0])
    assert np.max(np.abs(found(case, z)[1] - wanted) / size) < 1e-8


@cases
@both
def test_nan_goes_through_and_nothing_else_becomes_nan(case: dict[str, Any], dtype: Any) -> None:
    assert np.isnan(found(case, np.full(3, np.nan, dtype))[0]).all()
    far = np.array([s * z for z in (200.0, 1e4, 1e18, float(np.finfo(dtype).max) / 4) for s in (1, -1)], dtype)
    assert not np.isnan(found(case, far)).any()
    if case["name"] in ("sine", "snake"):
        return  # without a limit at infinity
    infinite = np.array([np.inf, -np.inf], dtype)
    f, slope = found(case, infinite)
    assert_close((f, slope), naive_activations.activation(rounded(case, dtype), infinite), case["name"], dtype)
    assert not np.isnan(f).any() and not np.isnan(slope).any()


@both
def test_the_trained_slope(dtype: Any) -> None:
    [part] = [part for part in ACTIVATIONS.values() if part.by_parameter is not None]
    ends = np.array([-np.inf, np.inf], dtype)
    for z, slopes in ((points({"name": part.name}, dtype), [0.25, -0.4, 1.5, 0.0]), (ends, [0.3, -0.4])):
        a = np.array(slopes, dtype)
        result = loops.activation(part, part.defaults(), z, slopes=a)
        wanted = naive_activations.trained({"name": part.name}, *np.broadcast_arrays(z[:, None], a))
        for one, other in zip(result, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    assert part.numbers(part.defaults() | {"init": 0.4})[0] == 0.4


@both
@pytest.mark.parametrize("case", [case for case in ACTIVATION_CASES if case["name"] == "rrelu"], ids=label)
def test_the_random_slope(case: dict[str, Any], dtype: Any) -> None:
    [name] = [part.name for part in ACTIVATIONS.values() if part.random is not None]
    z = points(case, dtype)
    u = np.random.default_rng(3).random(z.size).astype(dtype)
    u[:2], z[:2] = 0.0, -1.0
    result = found(case, z, u)
    assert_close(result, naive_activations.noisy(rounded(case, dtype), z.astype(float), u.astype(float)), name, dtype)
    assert (result[1][:2] == dtype(case["lower"])).all()
    assert np.isnan(found(case, np.full(3, np.nan, dtype), u[:3])[0]).all()


def test_checks_of_bounds() -> None:
    for name, low, high in (("hard_tanh", "min_val", "max_val"), ("rrelu", "lower", "upper")):
        check = ACTIVATIONS[name].check
        assert check is not None
        assert check({low: 0.1, high: 0.2}) is None
        assert str(check({low: 0.2, high: 0.1})).startswith(low)
    assert ACTIVATIONS["rrelu"].check({"lower": 0.2, "upper": 0.2}) is None  # type: ignore[misc]


# --------------------------------------------------------------------------------------------------- losses


def samples(name: str, dtype: Any) -> tuple[Array, Array]:
    """Outputs and targets, (samples, outputs): errors from tiny to large, ties, targets of the loss's kind."""
    generator = np.random.default_rng(8)
    sizes = np.array([0.0, 1e-8, 1e-3, 0.5, 0.7, 1.0, 3.0, 20.0, 80.0])
    o = np.concatenate([np.column_stack([sizes, -sizes, sizes[::-1]]), generator.normal(0, 2, (40, 3))])
    targets = LOSSES[name].targets
    if targets == "classes":
        y = generator.dirichlet([0.5, 1, 2], len(o))
        y[::2] = np.eye(3)[generator.integers(0, 3, len(y[::2]))]
    elif targets == "binary":
        y = generator.integers(0, 2, o.shape)
        y[1::2] = 2 * y[1::2] - 1 if name == "hinge" else y[1::2]
    else:
        y = np.where(generator.random(o.shape) < 0.3, 0, generator.normal(0, 1, o.shape))
        y[:9], y[10::7] = 0, o[10::7]
    return o.astype(dtype), y.astype(dtype)


def found_loss(case: dict[str, Any], o: Array, y: Array) -> tuple[Array, Array]:
    """Each loss, and the derivative of their mean."""
    part = LOSSES[case["name"]]
    count = len(o) if part.joint else o.size
    a = float(next((v for k, v in case.items() if k != "name"), 0.0))
    return loops.losses(part, a, o, y), loops.loss_slopes(part, a, o, y, 1 / count)


@loss_cases
@both
def test_losses_and_their_derivatives(case: dict[str, Any], dtype: Any) -> None:
    o, y = samples(case["name"], dtype)
    values, slopes = found_loss(case, o, y)
    exact, wide = rounded(case, dtype), (o.astype(np.float64), y.astype(np.float64))
    noise = float(np.finfo(dtype).eps) / (len(o) if LOSSES[case["name"]].joint else o.size)
    width = o.shape[1] if LOSSES[case["name"]].joint else 1
    each = [naive_losses.loss(exact, *pair) for pair in zip(*(a.reshape(-1, 1, width) for a in wide), strict=True)]
    np.testing.assert_allclose(values.ravel(), each, rtol=RELATIVE[dtype], atol=noise * 1e-3)
    np.testing.assert_allclose(slopes, naive_losses.gradient(exact, *wide), rtol=RELATIVE[dtype], atol=noise)


@loss_cases
def test_derivatives_of_losses_are_those_of_the_values(case: dict[str, Any]) -> None:
    o, y = samples(case["name"], np.float64)
    o, y = o[9:], y[9:]
    part, step = LOSSES[case["name"]], 2.0**-10
    count = len(o) if part.joint else o.size
    edge = LOSS_EDGES.get(case["name"], lambda part, o, y: np.ones_like(o))
    smooth = edge(case, o, y) > 3 * step
    assert smooth.mean() > 0.5
    for k in range(o.shape[1]):
        along = np.eye(o.shape[1])[k]
        change = difference(lambda h, along=along: found_loss(case, o + h * along, y)[0], step)  # type: ignore[misc]
        wanted = (change if part.joint else change[:, k]) / count
        np.testing.assert_allclose(found_loss(case, o, y)[1][:, k][smooth[:, k]], wanted[smooth[:, k]], atol=1e-10)


@loss_cases
@both
def test_losses_of_nan_and_of_large_outputs(case: dict[str, Any], dtype: Any) -> None:
    y = np.array([[1.0, 0.0, 0.0]], dtype)
    values, slopes = found_loss(case, np.array([[np.nan, 1.0, 2.0]], dtype), y)
    assert np.isnan(values.ravel()[0]) and np.isnan(slopes.ravel()[0])
    for large in (1e4, 1e18):
        values, slopes = found_loss(case, np.array([[large, -large, 0.5]], dtype), y)
        assert np.isfinite(values).all() and np.isfinite(slopes).all()


def test_a_confident_answer_keeps_its_gradient() -> None:
    o, y = np.array([[60.0, -60.0]]), np.array([[1.0, 0.0]])
    rest = np.exp(-60.0)
    values, slopes = found_loss({"name": "binary_cross_entropy"}, o, y)
    np.testing.assert_allclose(values, [[rest, rest]], rtol=1e-12)
    np.testing.assert_allclose(2 * slopes, [[-rest, rest]], rtol=1e-12)
    values, slopes = found_loss({"name": "softmax_cross_entropy"}, o, y)
    np.testing.assert_allclose(values, [rest**2], rtol=1e-12)
    np.testing.assert_allclose(slopes, [[-(rest**2), rest**2]], rtol=1e-12)


def test_narrow_packs_and_those_of_this_machine_agree() -> None:
    z = np.linspace(-9, 9, 101)
    function = ACTIVATIONS["mish"].function

    @jit.scalar
    def mish(z: Any) -> Any:
        return function(z, 0.0, 0.0)

    np.testing.assert_array_equal(apply(mish, z, pair=True, lanes=4), found({"name": "mish"}, z))
