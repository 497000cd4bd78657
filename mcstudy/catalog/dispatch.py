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
from mcstudy.kernels.elementary import INF
from mcstudy.kernels.pack import absolute, filled, load, store, where
from mcstudy.kernels.switch import one_of


def _activation_loop(part: Any) -> Callable[..., Any]:
    function = part.function

    @jit.routine
    def loop(memory: Any, a: Any, b: Any, sums: Any, after: Any, count: Any) -> None:
        for i in range(count):
            f, slope = function(load(memory, sums + i), a, b)
            store(memory, after + i, f)
            store(memory, sums + i, slope)

    return loop


def _value_loop(part: Any) -> Callable[..., Any]:
    function = part.value

    @jit.routine
    def loop(
        memory: Any, a: Any, output: Any, target: Any, target_row: Any, total: Any, outputs: Any, samples: Any
    ) -> None:
        value, lost = load(memory, total), load(memory, total + 1)
        for s in range(samples):
            for o in range(outputs):
                y = load(memory, target + o * target_row + s)
                added = function(load(memory, output + o * samples + s), y, a) - lost
                grown = value + added
                lost = (grown - value) - added
                lost = where(absolute(lost) < INF, lost, 0.0)  # once the sum overflows it stays infinite
                value = grown
        store(memory, total, value)
        store(memory, total + 1, lost)

    return loop


def _gradient_loop(part: Any) -> Callable[..., Any]:
    function = part.gradient

    @jit.routine
    def loop(
        memory: Any,
        a: Any,
        output: Any,
        slope: Any,
        target: Any,
        target_row: Any,
        delta: Any,
        scale: Any,
        outputs: Any,
        samples: Any,
    ) -> None:
        for o in range(outputs):
            for s in range(samples):
                i = o * samples + s
                rise = function(load(memory, output + i), load(memory, target + o * target_row + s), a)
                store(memory, delta + i, rise * scale * load(memory, slope + i))

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
    def loop(memory: Any, a: Any, inputs: Any, targets: Any, row: Any, samples: Any) -> None:
        for s in range(samples):
            function(memory, inputs + s, row, targets + s, a)

    return loop


activate = one_of([_activation_loop(part) for part in ACTIVATIONS.values()])
"""(activation, (memory, a, b, sums, after, count)): f(z) of `count` packs z at `sums`, to `after`, and f'(z) over z.

Both at once: the backward pass then only multiplies, whatever the activation.
"""

add_loss = one_of([_value_loop(part) for part in LOSSES.values()])
"""(loss, (memory, a, output, target, target_row, total, outputs, samples)): add a tile's losses at `total`.

By Kahan's summation, so that float32 holds for any number of points; the next pack is what rounding has lost so far.
"""

loss_gradient = one_of([_gradient_loop(part) for part in LOSSES.values()])
"""(loss, (memory, a, output, slope, target, target_row, delta, scale, outputs, samples)): `scale` times dLoss/dOutput
times the output's slope, put at `delta`."""

apply_update = one_of([_update_loop(part) for part in OPTIMIZERS.values()])
"""(optimizer, (memory, hyper, step, p, g, s, stride, count)): update `count` parameters at `p`."""

fill_targets = one_of([_target_loop(part) for part in TASKS.values()])
"""(task, (memory, a, inputs, targets, row, samples)): the task's targets of samples lying side by side."""
