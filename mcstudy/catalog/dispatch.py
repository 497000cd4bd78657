"""From a catalog's tables to functions that compiled code calls with a part's position in its table.

Each part gets a loop over a range of packs, compiled with the part's scalar function inside, so a kernel decides once
per range, not once per value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.catalog.losses import LOSSES
from mcstudy.catalog.optimizers import OPTIMIZERS
from mcstudy.catalog.tasks import TASKS
from mcstudy.kernels.pack import filled, load, store
from mcstudy.kernels.switch import one_of


def _activation_loop(part: Any) -> Callable[..., Any]:
    forward, derivative = part.forward, part.derivative

    @jit.routine
    def loop(memory: Any, a: Any, b: Any, sums: Any, after: Any, count: Any) -> None:
        for i in range(count):
            z = load(memory, sums + i)
            f = forward(z, a, b)
            store(memory, after + i, f)
            store(memory, sums + i, derivative(z, f, a, b))

    return loop


def _value_loop(part: Any) -> Callable[..., Any]:
    function = part.value

    @jit.routine
    def loop(memory: Any, a: Any, output: Any, target: Any, total: Any, outputs: Any, samples: Any) -> None:
        value = load(memory, total)
        for s in range(samples):
            for o in range(outputs):
                i = o * samples + s
                value += function(load(memory, output + i), load(memory, target + i), a)
        store(memory, total, value)

    return loop


def _gradient_loop(part: Any) -> Callable[..., Any]:
    function = part.gradient

    @jit.routine
    def loop(memory: Any, a: Any, output: Any, target: Any, delta: Any, scale: Any, count: Any) -> None:
        for i in range(count):
            slope = function(load(memory, output + i), load(memory, target + i), a)
            store(memory, delta + i, slope * scale)

    return loop


def _update_loop(part: Any) -> Callable[..., Any]:
    prepare, update, slots = part.prepare, part.update, part.slots

    @jit.routine
    def loop(memory: Any, hyper: Any, step: Any, p: Any, g: Any, s: Any, stride: Any, count: Any) -> None:
        h = prepare(hyper, step)
        for i in range(count):
            s0 = load(memory, s + i) if slots > 0 else filled(memory, 0.0)
            s1 = load(memory, s + stride + i) if slots > 1 else filled(memory, 0.0)
            s2 = load(memory, s + 2 * stride + i) if slots > 2 else filled(memory, 0.0)
            value, s0, s1, s2 = update(load(memory, p + i), load(memory, g + i), s0, s1, s2, h)
            store(memory, p + i, value)
            if slots > 0:
                store(memory, s + i, s0)
            if slots > 1:
                store(memory, s + stride + i, s1)
            if slots > 2:
                store(memory, s + 2 * stride + i, s2)

    return loop


def _target_loop(part: Any) -> Callable[..., Any]:
    function = part.target

    @jit.routine
    def loop(memory: Any, a: Any, inputs: Any, width: Any, targets: Any, height: Any, samples: Any) -> None:
        for s in range(samples):
            function(memory, inputs + s * width, targets + s * height, a)

    return loop


activate = one_of([_activation_loop(part) for part in ACTIVATIONS.values()])
"""(activation, (memory, a, b, sums, after, count)): f(z) of `count` packs z at `sums`, put at `after`, and f'(z) over z.

Both at once: the backward pass then only multiplies, whatever the activation.
"""

add_loss = one_of([_value_loop(part) for part in LOSSES.values()])
"""(loss, (memory, a, output, target, total, outputs, samples)): add a tile's losses to the pack at `total`."""

loss_gradient = one_of([_gradient_loop(part) for part in LOSSES.values()])
"""(loss, (memory, a, output, target, delta, scale, count)): `scale` times dLoss/dOutput, put at `delta`."""

apply_update = one_of([_update_loop(part) for part in OPTIMIZERS.values()])
"""(optimizer, (memory, hyper, step, p, g, s, stride, count)): update `count` parameters at `p`."""

fill_targets = one_of([_target_loop(part) for part in TASKS.values()])
"""(task, (memory, a, inputs, width, targets, height, samples)): the task's targets of samples lying side by side."""
