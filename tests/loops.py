"""The compiled loops of parts that kernels call, called with NumPy arrays.

They are the machine code that training uses, kept in the cache under a part's name. So tests look at what is used, and
nothing is compiled for them alone but one caller of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

from mcstudy import jit
from mcstudy.catalog import dispatch
from mcstudy.catalog.activations import Activation
from mcstudy.catalog.losses import Loss
from mcstudy.catalog.optimizers import Optimizer
from mcstudy.catalog.tasks import Task
from mcstudy.kernels.pack import lane_view, pack_array, pointer

Array = np.ndarray


@numba.njit(error_model="numpy")
def _activate(address, packs, a, b, trained, after, extra, count):  # type: ignore[no-untyped-def]
    dispatch.activate(address, (pointer(packs), a, b, trained, 0, after, extra, count))


@numba.njit(error_model="numpy")
def _add_losses(address, packs, a, target, total, outputs, count):  # type: ignore[no-untyped-def]
    for s in range(count):
        memory = (pointer(packs), a, s * outputs, target + s * outputs, 1, total + 2 * s, outputs, 1)
        dispatch.add_loss(address, memory)


@numba.njit(error_model="numpy")
def _slope_losses(address, packs, a, slope, target, delta, scale, outputs, count):  # type: ignore[no-untyped-def]
    dispatch.loss_gradient(address, (pointer(packs), a, 0, slope, target, count, delta, scale, outputs, count))


@numba.njit(error_model="numpy")
def _update(address, packs, hyper, first, steps, gradients, state, count):  # type: ignore[no-untyped-def]
    memory, numbers = pointer(packs), pointer(hyper)
    for n in range(steps):
        g = gradients + n * count
        dispatch.apply_update(address, (memory, numbers, first + n + 1, 0, g, state, count, count))


@numba.njit(error_model="numpy")
def _fill_targets(address, packs, row, inputs, outputs, constants, scratch):  # type: ignore[no-untyped-def]
    memory, numbers = pointer(packs), pointer(constants)
    dispatch.fill_targets(address, (memory, 0, inputs * row, row, row, inputs, outputs, numbers, scratch))


def lanes_of(dtype: Any) -> int:
    """Lanes of the packs that kernels use."""
    return jit.pack_bytes() // np.dtype(dtype).itemsize


def activation(
    part: Activation, settings: Mapping[str, Any], z: Array, uniforms: Array | None = None, slopes: Array | None = None
) -> tuple[Array, Array, Array]:
    """f(z), f'(z), and the derivative by a trained slope, which means nothing for other activations.

    Args:
        part: the activation.
        settings: its parameters.
        z: (n,), float32 or float64.
        uniforms: what random slopes are drawn from, (n,); without them the activation is that of evaluation.
        slopes: a trained slope for each lane; else all are the first number of the settings.

    Returns:
        (n,) each; with `slopes` (n, slopes).
    """
    lanes = lanes_of(z.dtype)
    usual, random = dispatch.activation_addresses(part, settings, z.dtype)
    count = -(-z.size // lanes) if slopes is None else z.size
    packs = pack_array(3 * count + 1, z.dtype, lanes)
    a, b = part.numbers(settings)
    memory = lane_view(packs)
    if slopes is None:
        memory[-1] = a
        memory[:count] = np.resize(z, (count, lanes))
    else:
        memory[-1] = np.resize(slopes, lanes)
        memory[:count] = z[:, None]
    if uniforms is not None:
        memory[2 * count : -1] = np.resize(uniforms, (count, lanes))
    address = usual if uniforms is None else random
    assert address
    _activate(address, packs, a, b, 3 * count, count, 2 * count, count)
    rise, f, by_slope = memory[:-1].reshape(3, count, lanes)
    if slopes is not None:
        return f[:, : slopes.size].copy(), rise[:, : slopes.size].copy(), by_slope[:, : slopes.size].copy()
    return f.ravel()[: z.size].copy(), rise.ravel()[: z.size].copy(), by_slope.ravel()[: z.size].copy()


def _side_by_side(rows: Array, count: int, lanes: int) -> Array:
    """Samples (n, outputs) as (count, outputs, lanes): another one in each lane, the first ones again at the end."""
    return np.resize(rows, (count * lanes, rows.shape[1])).reshape(count, lanes, -1).transpose(0, 2, 1)


def losses(part: Loss, a: float, o: Array, y: Array) -> Array:
    """The loss of each output, or of each sample where all outputs have one together.

    Args:
        part: the loss.
        a: its parameter.
        o: outputs, (samples, outputs).
        y: targets, like outputs.

    Returns:
        (samples,) of a loss of all outputs together, else (samples, outputs).
    """
    shape = o.shape[:1] if part.joint else o.shape
    if not part.joint:
        o, y = o.reshape(-1, 1), y.reshape(-1, 1)
    lanes = lanes_of(o.dtype)
    count, outputs = -(-len(o) // lanes), o.shape[1]
    packs = pack_array(2 * count * (outputs + 1), o.dtype, lanes)
    memory, size = lane_view(packs), count * outputs
    memory[:size] = _side_by_side(o, count, lanes).reshape(size, lanes)
    memory[size : 2 * size] = _side_by_side(y, count, lanes).reshape(size, lanes)
    address, _ = dispatch.loss_addresses(part, o.dtype)
    _add_losses(address, packs, a, size, 2 * size, outputs, count)
    return memory[2 * size :: 2].ravel()[: len(o)].reshape(shape).copy()


def loss_slopes(part: Loss, a: float, o: Array, y: Array, scale: float = 1.0) -> Array:
    """`scale` times the derivatives of the losses by the outputs, (samples, outputs); arguments as of `losses`."""
    lanes = lanes_of(o.dtype)
    count, outputs = -(-len(o) // lanes), o.shape[1]
    packs, size = pack_array(4 * count * outputs, o.dtype, lanes), count * outputs
    memory = lane_view(packs)
    for at, rows in ((0, o), (size, y)):
        memory[at : at + size] = _side_by_side(rows, count, lanes).transpose(1, 0, 2).reshape(size, lanes)
    memory[2 * size : 3 * size] = 1.0
    _, address = dispatch.loss_addresses(part, o.dtype)
    _slope_losses(address, packs, a, 2 * size, size, 3 * size, scale, outputs, count)
    found = memory[3 * size :].reshape(outputs, count * lanes)
    return found[:, : len(o)].T.copy()


def update(part: Optimizer, settings: Mapping[str, Any], hyper: Any, packs: Array, first: int, steps: int) -> None:
    """Steps from number `first` on; `packs` has parameters, their gradients of each step, and three packs of state."""
    count = packs.size // (steps + 4)
    address = dispatch.update_address(part, settings, lane_view(packs).dtype)
    _update(address, packs, np.array(hyper), first, steps, count, count * (steps + 1), count)


def fill_targets(part: Task, packs: Array, samples: int, inputs: int, outputs: int, constants: Array) -> None:
    """Fill in the targets behind the inputs of so many packs of samples; scratch memory follows."""
    address = dispatch.target_address(part, lane_view(packs).dtype)
    _fill_targets(address, packs, samples, inputs, outputs, constants, (inputs + outputs) * samples)
