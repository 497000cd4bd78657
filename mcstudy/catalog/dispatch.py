"""From parts to the addresses of compiled loops that kernels call.

Each part gets a loop over a range of packs, compiled with the part's scalar function inside, so a kernel makes one call
per range, not one per value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcstudy import jit
from mcstudy.catalog.activations import Activation
from mcstudy.catalog.inits import Init
from mcstudy.catalog.losses import Loss
from mcstudy.catalog.optimizers import Optimizer
from mcstudy.catalog.tasks import Task
from mcstudy.kernels.calls import INTEGER, MEMORY, NUMBER, NUMBERS, WORDS, Loop
from mcstudy.kernels.elementary import INF
from mcstudy.kernels.pack import absolute, filled, item, load, rounded_to, store, tiny, where
from mcstudy.kernels.streams import WEIGHTS, open_unit, words

_ACTIVATION = Loop(MEMORY, NUMBER, NUMBER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER)
_VALUE = Loop(MEMORY, NUMBER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER)
_GRADIENT = Loop(MEMORY, NUMBER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, NUMBER, INTEGER, INTEGER)
_UPDATE = Loop(MEMORY, NUMBERS, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER)
_TARGET = Loop(MEMORY, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, NUMBERS, INTEGER)
_DRAW = Loop(
    MEMORY,
    *(INTEGER, INTEGER, INTEGER, INTEGER),
    WORDS,
    *(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER),
)

activate = _ACTIVATION.call
"""(address, (memory, a, b, trained, sums, after, extra, count)): f(z) of `count` packs z at `sums`, to `after`, and
f'(z) over z. Both at once: the backward pass then only multiplies, whatever the activation.

`trained` is the address of a trained parameter, whose derivative goes to `extra`; with random slopes, `extra` holds
uniforms. Other activations know neither.
"""

add_loss = _VALUE.call
"""(address, (memory, a, output, target, target_row, total, outputs, samples)): add a tile's losses at `total`.

By Kahan's summation, so that float32 holds for any number of points; the next pack is what rounding has lost so far.
"""

loss_gradient = _GRADIENT.call
"""(address, (memory, a, output, slope, target, target_row, delta, scale, outputs, samples)): `scale` times
dLoss/dOutput times the output's slope, put at `delta`."""

apply_update = _UPDATE.call
"""(address, (memory, hyper, step, p, g, s, stride, count)): update `count` parameters at `p`."""

fill_targets = _TARGET.call
"""(address, (memory, inputs, targets, row, samples, n_inputs, n_outputs, constants, scratch)): the task's targets of
samples lying side by side."""

draw_own = _DRAW.call
"""(address, (memory, at, count, number, seed, trials, fan_in, fan_out, a, b, c, d)): draw `count` parameters at `at` by
the function of a user's file; the first is number `number` of its network."""


def activation_addresses(part: Activation, settings: Mapping[str, Any], dtype: Any) -> tuple[int, int]:
    """Loops of an activation: the usual one, and the one for training where that takes random slopes (else 0)."""
    function = part.function_for(settings)
    name = f"activation-{activation_name(part, settings)}"
    trained = part.by_parameter
    loop = _activation_loop(function) if trained is None else _trained_loop(function, trained)
    usual = _ACTIVATION.address(name, loop, dtype)
    if part.random is None:
        return usual, 0
    return usual, _ACTIVATION.address(f"{name}-random", _random_loop(part.random), dtype)


def activation_name(part: Activation, settings: Mapping[str, Any]) -> str:
    """What tells the function of an activation with these settings from all others."""
    return part.key + "".join(f"-{value}" for value in settings.values() if value in part.variants)


def loss_addresses(part: Loss, dtype: Any) -> tuple[int, int]:
    """Loops of a loss: its value, its gradient."""
    if part.joint:
        value, gradient = _joint_value_loop(part.sample_value), _joint_gradient_loop(part.sample_gradient)
    else:
        value, gradient = _value_loop(part.value), _gradient_loop(part.gradient)
    names = f"loss-{part.key}", f"loss-gradient-{part.key}"
    return _VALUE.address(names[0], value, dtype), _GRADIENT.address(names[1], gradient, dtype)


def update_address(part: Optimizer, settings: Mapping[str, Any], dtype: Any) -> int:
    """The loop of an optimizer."""
    update = part.update_for(settings)
    loop = _update_loop(part.prepare, update, part.slots, part.fading)
    return _UPDATE.address(f"optimizer-{part.key}-{update.__name__}", loop, dtype)


def target_address(part: Task, dtype: Any) -> int:
    """The loop of a task; 0 for one whose targets come from a file."""
    if part.target is None:
        return 0
    return _TARGET.address(f"task-{part.key}", _target_loop(part.target), dtype)


def draw_address(part: Init, dtype: Any) -> int:
    """The loop of an initialisation of a user's file."""
    return _DRAW.address(f"init-{part.key}", _draw_loop(part.draw), dtype)


def _activation_loop(function: Any) -> Callable[..., Any]:
    def loop(memory: Any, a: Any, b: Any, trained: Any, sums: Any, after: Any, extra: Any, count: Any) -> None:
        for i in range(count):
            f, slope = function(load(memory, sums + i), a, b)
            store(memory, after + i, f)
            store(memory, sums + i, slope)

    return loop


def _trained_loop(function: Any, by_parameter: Any) -> Callable[..., Any]:
    def loop(memory: Any, a: Any, b: Any, trained: Any, sums: Any, after: Any, extra: Any, count: Any) -> None:
        parameter = load(memory, trained)
        for i in range(count):
            z = load(memory, sums + i)
            f, slope = function(z, parameter, b)
            store(memory, extra + i, by_parameter(z, parameter, b))
            store(memory, after + i, f)
            store(memory, sums + i, slope)

    return loop


def _random_loop(function: Any) -> Callable[..., Any]:
    def loop(memory: Any, a: Any, b: Any, trained: Any, sums: Any, after: Any, extra: Any, count: Any) -> None:
        for i in range(count):
            f, slope = function(load(memory, sums + i), load(memory, extra + i), a, b)
            store(memory, after + i, f)
            store(memory, sums + i, slope)

    return loop


@jit.scalar
def with_loss(total: Any, lost: Any, loss: Any) -> Any:
    """A sum with a loss added, and what rounding has lost so far (Kahan 1965)."""
    added = loss - lost
    grown = total + added
    lost = (grown - total) - added
    return grown, where(absolute(lost) < INF, lost, 0.0)  # once the sum overflows it stays infinite


@jit.scalar
def _add(memory: Any, total: Any, loss: Any) -> None:
    """Add a pack to the sum at `total`; the next pack there is what rounding has lost so far."""
    grown, lost = with_loss(load(memory, total), load(memory, total + 1), loss)
    store(memory, total, grown)
    store(memory, total + 1, lost)


def _value_loop(function: Any) -> Callable[..., Any]:
    def loop(memory: Any, a: Any, output: Any, target: Any, row: Any, total: Any, outputs: Any, samples: Any) -> None:
        for s in range(samples):
            for o in range(outputs):
                y = load(memory, target + o * row + s)
                _add(memory, total, function(load(memory, output + o * samples + s), y, a))

    return loop


def _joint_value_loop(function: Any) -> Callable[..., Any]:
    def loop(memory: Any, a: Any, output: Any, target: Any, row: Any, total: Any, outputs: Any, samples: Any) -> None:
        for s in range(samples):
            _add(memory, total, function(memory, output + s, samples, target + s, row, outputs))

    return loop


def _gradient_loop(function: Any) -> Callable[..., Any]:
    def loop(
        memory: Any,
        a: Any,
        output: Any,
        slope: Any,
        target: Any,
        row: Any,
        delta: Any,
        scale: Any,
        outputs: Any,
        samples: Any,
    ) -> None:
        for o in range(outputs):
            for s in range(samples):
                i = o * samples + s
                rise = function(load(memory, output + i), load(memory, target + o * row + s), a)
                store(memory, delta + i, rise * scale * load(memory, slope + i))

    return loop


def _joint_gradient_loop(function: Any) -> Callable[..., Any]:
    def loop(
        memory: Any,
        a: Any,
        output: Any,
        slope: Any,
        target: Any,
        row: Any,
        delta: Any,
        scale: Any,
        outputs: Any,
        samples: Any,
    ) -> None:
        for s in range(samples):
            function(memory, output + s, samples, target + s, row, delta + s, outputs, scale)
        for i in range(outputs * samples):
            store(memory, delta + i, load(memory, delta + i) * load(memory, slope + i))

    return loop


@jit.scalar
def _unless_tiny(idle: Any, before: Any, after: Any) -> Any:
    """A running mean after an update; before it, where it would become tiny, and all it does is to fade.

    A unit that dies in training has gradients of 0 ever after. Its means would soon be subnormal, and remain so, for
    rounding stops them before they reach 0; Intel's processors take a hundred times as long over such numbers.
    """
    return where(idle & tiny(after), before, after)


def _update_loop(prepare: Any, update: Any, slots: int, fading: bool) -> Callable[..., Any]:
    def loop(memory: Any, hyper: Any, step: Any, p: Any, g: Any, s: Any, stride: Any, count: Any) -> None:
        first = item(hyper, 0), item(hyper, 1), item(hyper, 2), item(hyper, 3), item(hyper, 4), item(hyper, 5)
        last = item(hyper, 6), item(hyper, 7), item(hyper, 8), item(hyper, 9), item(hyper, 10), item(hyper, 11)
        h = prepare((*first, *last), step)
        for i in range(count):
            s0 = load(memory, s + i) if slots > 0 else filled(memory, 0.0)
            s1 = load(memory, s + stride + i) if slots > 1 else filled(memory, 0.0)
            s2 = load(memory, s + 2 * stride + i) if slots > 2 else filled(memory, 0.0)
            gradient = load(memory, g + i)
            value, t0, t1, t2 = update(load(memory, p + i), gradient, s0, s1, s2, h)
            if fading:
                idle = gradient == 0.0
                t0, t1, t2 = _unless_tiny(idle, s0, t0), _unless_tiny(idle, s1, t1), _unless_tiny(idle, s2, t2)
            store(memory, p + i, value)
            if slots > 0:
                store(memory, s + i, t0)
            if slots > 1:
                store(memory, s + stride + i, t1)
            if slots > 2:
                store(memory, s + 2 * stride + i, t2)

    return loop


def _target_loop(function: Any) -> Callable[..., Any]:
    def loop(
        memory: Any,
        inputs: Any,
        targets: Any,
        row: Any,
        samples: Any,
        n_inputs: Any,
        n_outputs: Any,
        constants: Any,
        scratch: Any,
    ) -> None:
        for s in range(samples):
            function(memory, inputs + s, row, targets + s, n_inputs, n_outputs, constants, scratch)

    return loop


def _draw_loop(function: Any) -> Callable[..., Any]:
    def loop(
        memory: Any,
        at: Any,
        count: Any,
        number: Any,
        seed: Any,
        trials: Any,
        fan_in: Any,
        fan_out: Any,
        a: Any,
        b: Any,
        c: Any,
        d: Any,
    ) -> None:
        for i in range(count):
            w0, w1, w2, w3 = words(seed, WEIGHTS, trials, (number + i) // 2)
            u = open_unit(w0, w1) if (number + i) % 2 == 0 else open_unit(w2, w3)
            (drawn,) = function((u, fan_in, fan_out, a, b, c, d))
            store(memory, at + i, rounded_to(memory, drawn))

    return loop
