"""Tasks of any number of inputs and outputs: linear maps, their spectra, random networks, polynomials."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from mcstudy import jit
from mcstudy.catalog.part import Parameter, table
from mcstudy.catalog.tasks.task import NORMAL, Draw, Task, uniform
from mcstudy.kernels.elementary import tanh
from mcstudy.kernels.pack import filled, fma, item, load, sqrt, store, where

TEACHER_BIAS = 0.5
"""Standard deviation of the biases of a random network."""

# ------------------------------------------------------------------------------------------- linear maps


@jit.scalar
def _row(memory: Any, at: Any, step: Any, inputs: Any, c: Any, first: Any) -> Any:
    """The inputs times the constants from number `first` on, added up."""
    total = filled(memory, 0.0)
    for k in range(inputs):
        total = fma(load(memory, at + k * step), item(c, first + k), total)
    return total


@jit.scalar
def _linear(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    for k in range(outputs):
        store(memory, out + k * step, _row(memory, at, step, inputs, c, k * inputs))


@jit.scalar
def _amplitude(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    for k in range(outputs):
        real = _row(memory, at, step, inputs, c, k * inputs)
        imaginary = _row(memory, at, step, inputs, c, (outputs + k) * inputs)
        store(memory, out + k * step, sqrt(fma(real, real, imaginary * imaginary)))


def _taps(parameters: Mapping[str, Any], draw: Draw) -> list[float]:
    scale = math.sqrt(1.0 / parameters["taps"])
    return [float(value) * scale for value in draw(parameters["taps"])]


_UNIT = 1 << 128
_TAU = 0x3243F6A8885A308D313198A2E03707344 << 1
"""2π in units of 2^−128."""


def _cosine_and_sine(numerator: int, denominator: int) -> tuple[float, float]:
    """Cosine and sine of a part of a turn, rounded to nearest: Taylor's series in integers, the same everywhere."""
    angle = _TAU * numerator // denominator
    sums, term = [0, 0], _UNIT
    for k in itertools.count():
        if term == 0:
            break
        sums[k % 2] += term if k % 4 < 2 else -term
        term = term * angle // (_UNIT * (k + 1))
    # the last bits are wrong; without them, what should be 0, 1/2 or 1 is
    cosine, sine = (((total >> 27) + 1 >> 1) / (1 << 100) for total in sums)
    return cosine, sine


def _fourier(parameters: Mapping[str, Any], draw: Draw) -> list[float]:
    n = parameters["n"]
    circle = [_cosine_and_sine(k, n) for k in range(n)]
    real = [circle[j * k % n][0] for k in range(n) for j in range(n)]
    imaginary = [0.0 - circle[j * k % n][1] for k in range(n) for j in range(n)]
    return real + imaginary


# --------------------------------------------------------------------------------------- random networks


@jit.routine
def _teacher(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    # constants: whether ReLU, number of hidden layers, their widths; layer by layer weights row by row, then biases
    relu, layers = item(c, 0) != 0.0, int(item(c, 1))
    first, source, row, width = 2 + layers, at, step, inputs
    after = scratch
    for layer in range(layers):
        units = int(item(c, 2 + layer))
        biases = first + units * width
        for k in range(units):
            z = _row(memory, source, row, width, c, first + k * width) + item(c, biases + k)
            store(memory, after + k, where(z > 0.0, z, 0.0) if relu else tanh(z))
        first, source, row, width = biases + units, after, 1, units
        after += units
    for k in range(outputs):
        store(memory, out + k * step, _row(memory, source, row, width, c, first + k * width))


def _network(parameters: Mapping[str, Any], draw: Draw) -> list[float]:
    hidden, relu = list(parameters["hidden"]), parameters["activation"] == "relu"
    widths = [parameters["inputs"], *hidden, parameters["outputs"]]
    shapes = list(itertools.pairwise(widths))
    normals = iter(draw(sum(n * m for n, m in shapes) + sum(hidden)))
    constants = [float(relu), float(len(hidden)), *map(float, hidden)]
    for layer, (before, after) in enumerate(shapes):
        inner = layer < len(hidden)
        scale = math.sqrt((2.0 if relu and layer > 0 else 1.0) / before)
        constants += [float(next(normals)) * scale for _ in range(before * after)]
        constants += [float(next(normals)) * TEACHER_BIAS for _ in range(after if inner else 0)]
    return constants


# ------------------------------------------------------------------------------------------- polynomials


@jit.scalar
def _polynomial(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
    # constants: how many coefficients, then they, highest power first
    x = load(memory, at)
    value = filled(memory, item(c, 1))
    for k in range(2, 1 + int(item(c, 0))):
        value = fma(value, x, filled(memory, item(c, k)))
    store(memory, out, value)


def _coefficients(parameters: Mapping[str, Any], draw: Draw) -> list[float]:
    given = [float(value) for value in parameters["coefficients"]]
    return [float(len(given)), *reversed(given)]


_NUMBER = {"number": Parameter(0, "integer", ge=0, doc="which one: another number, another draw of the same seed")}
_SIGNAL = {"n": Parameter(8, "integer", ge=1, le=256, doc="number of points of the transform")}

MAPS: dict[str, Task] = table(
    Task(
        "teacher",
        "y = V a, a = f(W a′ + b) from layer to layer, a′ = x at first: a random network of these widths, linear and "
        "without biases at its outputs. V and W ~ N(0, g² / fan_in), g = 1, but √2 for what takes in ReLUs; "
        "b ~ N(0, ¼). The study's seed and number fix it: all trials learn the same network",
        "a teacher for students: Gardner and Derrida 1989; Saad and Solla 1995",
        {
            "hidden": Parameter((3,), "integers", ge=1, le=1024, length=(0, 8), doc="widths of its hidden layers"),
            "inputs": Parameter(2, "integer", ge=1, le=1024, doc="number of inputs"),
            "outputs": Parameter(1, "integer", ge=1, le=1024, doc="number of outputs"),
            "activation": Parameter("tanh", "choice", choices=("tanh", "relu"), doc="f, of the hidden units"),
        }
        | _NUMBER,
        inputs=lambda p: int(p["inputs"]),
        outputs=lambda p: int(p["outputs"]),
        input=NORMAL,
        constants=_network,
        scratch=lambda p: int(sum(p["hidden"])),
        target=_teacher,
    ),
    Task(
        "fir",
        "y = Σ hⱼ xⱼ, j = 0 … taps − 1: a filter of finite impulse response, xⱼ the signal j steps ago. "
        "h ~ N(0, 1 / taps), fixed by the study's seed and number: all trials learn the same filter. "
        "Each sample is a window of its own",
        "mcstudy; a linear layer that learns a filter (Widrow and Hoff 1960)",
        {"taps": Parameter(8, "integer", ge=1, le=4096, doc="length of the filter, the number of inputs")} | _NUMBER,
        inputs=lambda p: int(p["taps"]),
        input=NORMAL,
        constants=_taps,
        target=_linear,
    ),
    Task(
        "dft",
        "Xₖ = Σ xⱼ exp(−2πi jk / n), j, k = 0 … n − 1, of n real inputs; outputs Re X₀ … Re Xₙ₋₁, then Im X₀ … Im Xₙ₋₁",
        "NumPy numpy.fft.fft, not scaled; a linear layer can learn it",
        _SIGNAL,
        inputs=lambda p: int(p["n"]),
        outputs=lambda p: 2 * int(p["n"]),
        input=NORMAL,
        constants=_fourier,
        target=_linear,
    ),
    Task(
        "amplitude",
        "|Xₖ|, k = 0 … n − 1, where Xₖ = Σ xⱼ exp(−2πi jk / n) of n real inputs",
        "NumPy numpy.abs(numpy.fft.fft(x)), not scaled: what takes dft beyond linear layers",
        _SIGNAL,
        inputs=lambda p: int(p["n"]),
        outputs=lambda p: int(p["n"]),
        input=NORMAL,
        constants=_fourier,
        target=_amplitude,
    ),
    Task(
        "polynomial",
        "y = c₀ + c₁ x + c₂ x² + …, coefficients = [c₀, c₁, c₂, …]; x² by default",
        "NumPy numpy.polynomial.polynomial.polyval, lowest power first",
        {"coefficients": Parameter((0.0, 0.0, 1.0), "numbers", length=(1, 64), doc="lowest power first")},
        input=uniform(-1.0, 1.0),
        constants=_coefficients,
        target=_polynomial,
    ),
)
