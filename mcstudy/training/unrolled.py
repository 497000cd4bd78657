"""Calls of the kernels that single networks have for themselves, and their addresses."""

from __future__ import annotations

from typing import Any

from mcstudy.catalog.dispatch import with_loss
from mcstudy.kernels.calls import INTEGER, MEMORY, NUMBER, NUMBERS, TABLE, Loop
from mcstudy.training.passes import Network
from mcstudy.training.unit_shapes import Shape
from mcstudy.training.unrolled_batches import gradients_loop, losses_loop
from mcstudy.training.unrolled_steps import steps_loop
from mcstudy.training.unrolled_units import unit_steps_loop

_STEPS = Loop(MEMORY, NUMBERS, TABLE, TABLE, *[INTEGER] * 8, NUMBER, NUMBER)
_GRADIENTS = Loop(MEMORY, NUMBERS, TABLE, TABLE, *[INTEGER] * 6, NUMBER)
_LOSSES = Loop(MEMORY, NUMBERS, TABLE, TABLE, *[INTEGER] * 6)

take_steps = _STEPS.call
"""(address, (memory, numbers, inputs, targets, parameters, again, x, y, columns, position, size, count, scale, rate)):
`count` steps on one sample each, from number `position` of `size` on. x and y are where the samples' columns start, in
packs or in the tables; `again` is the address of the parameters once more, `scale` and `rate` are minus the learning
rate, the first over the number of outputs."""

batch_gradients = _GRADIENTS.call
"""(address, (memory, numbers, inputs, targets, parameters, gradients, x, y, columns, batch, scale)): the gradient over
a batch that begins at x and y, `scale` times each sample's."""

add_losses = _LOSSES.call
"""(address, (memory, numbers, inputs, targets, parameters, x, y, columns, count, total)): the sum of the losses of
`count` points, at `total`, and what rounding has lost of it, in the next pack."""


def steps_address(network: Network, name: str, dtype: Any) -> int:
    """The loop of steps on one sample of a network whose code `name` identifies."""
    return _STEPS.address(f"steps-{name}", steps_loop(network), dtype)


def gradients_address(network: Network, name: str, dtype: Any) -> int:
    """The loop of a batch's gradient."""
    return _GRADIENTS.address(f"gradients-{name}", gradients_loop(network), dtype)


def losses_address(network: Network, name: str, dtype: Any) -> int:
    """The loop of the loss at a check."""
    return _LOSSES.address(f"losses-{name}", losses_loop(network, with_loss), dtype)


def units_address(shape: Shape, network: Network, name: str, dtype: Any) -> int:
    """The loop of `take_steps` that trains one trial after the other."""
    return _STEPS.address(f"units-{name}", unit_steps_loop(network, shape), dtype)
