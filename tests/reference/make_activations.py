"""Write ``activations.json``: f(z) and f'(z) of every activation on a grid, by PyTorch's autograd (see `fixture`).

The grid holds ±0, tiny numbers, every kink and its two neighbours in float64, moderate random numbers and extremes.
What Keras has too is compared here: it has to give PyTorch's values (of its own slopes at kinks nothing is said).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fixture
import jax
import jax.numpy as jnp
import keras
import numpy as np
import torch
import torch.nn.functional as F

Function = Callable[[torch.Tensor], torch.Tensor]
KINKS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 6.0, 20.0)
OTHERS = (1e-300, 1e-30, 1e-16, 1e-8, 1e-4, 0.01, 5.0, 10.0, 30.0, 40.0, 100.0, 1e4)


def grid() -> torch.Tensor:
    around = [x for kink in KINKS for x in (np.nextafter(kink, -np.inf), kink, np.nextafter(kink, np.inf))]
    half = np.array([x for x in [*around, *OTHERS] if abs(x) >= 1e-300])
    random = np.random.default_rng(1).normal(0, 3, 40)
    return torch.tensor(np.concatenate([[0.0, -0.0], half, -half, random]))


def torch_functions() -> list[tuple[dict[str, Any], Function]]:
    """The parts of ``torch.nn``: by default, and with other parameters."""
    nn = torch.nn
    modules: dict[str, tuple[type[torch.nn.Module], list[dict[str, Any]]]] = {
        "relu": (nn.ReLU, [{}]),
        "relu6": (nn.ReLU6, [{}]),
        "leaky_relu": (nn.LeakyReLU, [{}, {"negative_slope": -0.3}]),
        "prelu": (nn.PReLU, [{}, {"init": -0.3}]),
        "rrelu": (nn.RReLU, [{}, {"lower": 0.05, "upper": 0.6}]),
        "elu": (nn.ELU, [{}, {"alpha": 0.3}]),
        "selu": (nn.SELU, [{}]),
        "celu": (nn.CELU, [{}, {"alpha": 0.5}]),  # its slope has 1/alpha in float32: exact for a power of 2
        "gelu": (nn.GELU, [{}, {"approximate": "tanh"}]),
        "silu": (nn.SiLU, [{}]),
        "mish": (nn.Mish, [{}]),
        "softplus": (nn.Softplus, [{}, {"beta": 3.0, "threshold": 1.5}]),
        "softsign": (nn.Softsign, [{}]),
        "sigmoid": (nn.Sigmoid, [{}]),
        "hard_sigmoid": (nn.Hardsigmoid, [{}]),
        "log_sigmoid": (nn.LogSigmoid, [{}]),
        "tanh": (nn.Tanh, [{}]),
        "hard_tanh": (nn.Hardtanh, [{}, {"min_val": -0.75, "max_val": 1.5}]),
        "hard_swish": (nn.Hardswish, [{}]),
        "tanh_shrink": (nn.Tanhshrink, [{}]),
        "soft_shrink": (nn.Softshrink, [{}, {"lambd": 1.5}]),
        "hard_shrink": (nn.Hardshrink, [{}, {"lambd": 1.5}]),
        "threshold": (nn.Threshold, [{"threshold": 0.5, "value": -2.0}, {"threshold": -1.5, "value": 0.25}]),
        "linear": (nn.Identity, [{}]),
    }
    return [
        ({"name": name, **parameters}, module(**parameters).eval())  # evaluation: rrelu takes its mean slope
        for name, (module, settings) in modules.items()
        for parameters in settings
    ]


def formulas() -> list[tuple[dict[str, Any], Function]]:
    """What no framework has as a part, from PyTorch's functions; their derivatives are autograd's all the same."""
    return [
        ({"name": "squared_relu"}, lambda z: torch.square(F.relu(z))),
        ({"name": "snake"}, lambda z: z + torch.sin(z) ** 2),
        ({"name": "snake", "a": 3.0}, lambda z: z + torch.sin(3.0 * z) ** 2 / 3.0),
        ({"name": "sine"}, torch.sin),
        ({"name": "sine", "frequency": 2.5}, lambda z: torch.sin(2.5 * z)),
        ({"name": "gaussian"}, lambda z: torch.exp(-(z**2))),
        ({"name": "abs"}, torch.abs),
    ]


def values(function: Function, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    z = z.clone().requires_grad_()
    f = function(z)
    (slope,) = torch.autograd.grad(f.sum(), z)
    if torch.isnan(f).any() or torch.isnan(slope).any():
        raise ValueError(f"NaN from {function}")
    return f.detach(), slope


def exact_sixth(slope: torch.Tensor) -> torch.Tensor:
    """PyTorch's slope of hard_sigmoid has 1/6 in float32, whatever it is asked for."""
    sixth = torch.tensor(1 / 6, dtype=torch.float32).double()
    if not torch.all((slope == 0) | (slope == sixth)):
        raise ValueError("PyTorch has mended the slope of hard_sigmoid")
    return torch.where(slope == 0, 0.0, 1 / 6)


def by_slope(init: float, z: torch.Tensor) -> list[float]:
    """df/da of PReLU, for each z apart."""
    slopes = torch.full_like(z, init, requires_grad=True)
    (found,) = torch.autograd.grad(F.prelu(z[None, :], slopes).sum(), slopes)
    return found.tolist()


def keras_agrees(settings: dict[str, Any], z: torch.Tensor, f: torch.Tensor) -> bool:
    """Whether Keras has the part; raises if its numbers are others."""
    parameters = {key: value for key, value in settings.items() if key != "name"}
    match settings["name"]:
        case "gelu":
            parameters = {"approximate": parameters.get("approximate") == "tanh"}
        case "leaky_relu":
            parameters.setdefault("negative_slope", 0.01)  # Keras: 0.2
        case "soft_shrink" | "hard_shrink":
            parameters = {"threshold": parameters.get("lambd", 0.5)}
        case "threshold":
            parameters = {"threshold": parameters["threshold"], "default_value": parameters["value"]}
        case "softplus":
            return False  # Keras's has no threshold
        case "hard_tanh" if parameters:
            return False  # Keras's has none
    function = getattr(keras.activations, settings["name"], None)
    if function is None:
        return False
    theirs = np.asarray(function(jnp.array(z.numpy()), **parameters))
    np.testing.assert_allclose(theirs, f.numpy(), rtol=1e-12, atol=1e-15, err_msg=f"Keras and PyTorch, {settings}")
    return True


def keras_only() -> dict[str, Any]:
    """Keras's exponential, by JAX."""
    z = jnp.array(grid().numpy())
    function = keras.activations.exponential
    slope = jax.vmap(jax.grad(function))(z)
    return {"part": {"name": "exponential"}, "source": "Keras", "f": function(z).tolist(), "slope": slope.tolist()}


def main() -> None:
    z = grid()
    records = []
    for settings, function in torch_functions():
        f, slope = values(function, z)
        if settings["name"] == "hard_sigmoid":
            slope = exact_sixth(slope)
        both = keras_agrees(settings, z, f)
        record = {"part": settings, "source": "PyTorch and Keras" if both else "PyTorch"}
        record |= {"f": f.tolist(), "slope": slope.tolist()}
        if settings["name"] == "prelu":
            record["by_parameter"] = by_slope(settings.get("init", 0.25), z)
        records.append(record)
    records.append(keras_only())
    for settings, function in formulas():
        f, slope = values(function, z)
        source = "PyTorch's autograd of the formula"
        records.append({"part": settings, "source": source, "f": f.tolist(), "slope": slope.tolist()})
    fixture.write("activations", {"z": z.tolist()}, records)


if __name__ == "__main__":
    main()
