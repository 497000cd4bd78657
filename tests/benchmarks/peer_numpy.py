"""NumPy: many trials side by side, and the program that people write, one network at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .peer import Run
from .work import BETA1, BETA2, EPS, FUNCTIONS, POINTS, Array, Network, Samples, Work, batches, joined, split


def activate(form: tuple[str, float], z: Array) -> Array:
    """An activation; the slope of a leaky relu comes with it."""
    name, slope = form
    if name == "linear":
        return z
    if name == "tanh":
        return np.tanh(z)
    return np.maximum(z, 0) if name == "relu" else np.where(z > 0, z, np.float32(slope) * z)


def derivative(form: tuple[str, float], z: Array, h: Array) -> Array:
    """Its derivative at z, where it is h."""
    name, slope = form
    if name == "linear":
        return np.ones_like(z)
    return 1 - h * h if name == "tanh" else np.where(z > 0, np.float32(1), np.float32(slope))


class Batched:
    """Every array with an axis of trials in front, the backward pass by hand."""

    name = "NumPy, batched"
    packages: tuple[str, ...] = ()
    one = False

    def takes(self, works: Sequence[Work]) -> bool:
        return True

    def steps(self, work: Work) -> int | None:
        return None

    def ways(self, works: Sequence[Work]) -> Sequence[str]:
        return ("",)

    def ends(self, works: Sequence[Work], way: str, starts: Sequence[Array], samples: Samples) -> list[Array]:
        states = [State(work, start) for work, start in zip(works, starts, strict=True)]
        for step in range(samples.inputs.shape[1]):
            x, y = np.swapaxes(samples.inputs[:, step], 1, 2), samples.targets[:, step]
            for state in states:
                state.advance(x, y)
        return [joined(state.network) for state in states]

    def runner(self, works: Sequence[Work], way: str, starts: Sequence[Array], steps: int) -> Run:
        random = np.random.default_rng(1)

        def run() -> Array:
            states = [State(work, start) for work, start in zip(works, starts, strict=True)]
            feed = _feed(works[0], len(starts[0]), random)
            for step in range(steps):
                x, y = feed(step)
                for state in states:
                    state.advance(x, y)
            return joined(states[0].network)

        return run


class State:
    """The networks of all trials of one cell, and their optimizer's means.

    Args:
        work: what the cell computes.
        start: parameters (trials, all).
    """

    def __init__(self, work: Work, start: Array) -> None:
        self.work = work
        self.network: Network = [
            (w.copy(), None if b is None else b.copy()) for w, b in split(work, start.astype(np.float32))
        ]
        self.means = [np.zeros_like(p) for _ in range(2) for layer in self.network for p in layer if p is not None]
        self.step = 0

    def advance(self, x: Array, y: Array) -> None:
        """One step on inputs (trials, inputs, batch) and targets (trials, batch)."""
        sums: list[Array] = []
        values = [x]
        for (weights, biases), form in zip(self.network, self.work.activations, strict=True):
            z = weights @ values[-1]
            if biases is not None:
                z += biases[:, :, None]
            sums.append(z)
            values.append(activate(form, z))
        error = (values[-1] - y[:, None]) * np.float32(2 / y.shape[1])
        slopes: list[Array] = []
        for layer in reversed(range(len(self.network))):
            weights, biases = self.network[layer]
            error = error * derivative(self.work.activations[layer], sums[layer], values[layer + 1])
            if biases is not None:
                slopes.append(error.sum(-1))
            slopes.append(error @ np.swapaxes(values[layer], 1, 2))
            if layer:
                error = np.swapaxes(weights, 1, 2) @ error
        self._update(slopes[::-1])

    def _update(self, slopes: list[Array]) -> None:
        parts = [part for layer in self.network for part in layer if part is not None]
        rate = self.work.rate
        self.step += 1
        if self.work.optimizer == "sgd":
            for part, slope in zip(parts, slopes, strict=True):
                part -= np.float32(rate) * slope
            return
        size, root = rate / (1 - BETA1**self.step), np.sqrt(1 - BETA2**self.step)
        first, second = self.means[: len(parts)], self.means[len(parts) :]
        for part, slope, m, v in zip(parts, slopes, first, second, strict=True):
            m *= np.float32(BETA1)
            m += np.float32(1 - BETA1) * slope
            v *= np.float32(BETA2)
            v += np.float32(1 - BETA2) * slope * slope
            part -= np.float32(size) * m / (np.sqrt(v) / np.float32(root) + np.float32(EPS))


def _feed(work: Work, trials: int, random: np.random.Generator) -> Any:
    """A function that gives the inputs (trials, inputs, batch) and targets (trials, batch) of a step."""
    if work.source == "fresh":

        def fresh(step: int) -> tuple[Array, Array]:
            x = random.standard_normal((trials, work.widths[0], work.batch), np.float32)
            return x, FUNCTIONS[work.task](np.swapaxes(x, 1, 2))

        return fresh
    x = 2 * random.random((trials, work.size, work.widths[0]), np.float32) - 1
    if work.source == "shared":
        x = np.broadcast_to(POINTS, (trials, *POINTS.shape))
    y = FUNCTIONS[work.task](x)

    def shuffled() -> tuple[Array, Array]:
        order = random.random((trials, work.size), np.float32).argsort(axis=1)
        return np.swapaxes(np.take_along_axis(x, order[:, :, None], 1), 1, 2), np.take_along_axis(y, order, 1)

    return batches(work, (np.swapaxes(x, 1, 2), y), shuffled)


class Literal:
    """The program of the question about the 2-4-4-1 network: one network, one sample a step, loops in Python."""

    name = "NumPy, one at a time"
    packages: tuple[str, ...] = ()
    one = True

    def takes(self, works: Sequence[Work]) -> bool:
        return works[0].source == "shared"

    def steps(self, work: Work) -> int | None:
        return None

    def ways(self, works: Sequence[Work]) -> Sequence[str]:
        return ("",)

    def ends(self, works: Sequence[Work], way: str, starts: Sequence[Array], samples: Samples) -> list[Array]:
        ends = [
            _learn(works[0], split(works[0], start[None]), x[:, 0], y[:, 0])
            for start, x, y in zip(starts[0], samples.inputs, samples.targets, strict=True)
        ]
        return [np.concatenate(ends)]

    def runner(self, works: Sequence[Work], way: str, starts: Sequence[Array], steps: int) -> Run:
        x = POINTS[np.arange(steps) % len(POINTS)]
        y = x.sum(1)
        return lambda: _learn(works[0], split(works[0], starts[0]), x, y)


def _learn(work: Work, network: Network, inputs: Array, targets: Array) -> Array:
    """Train one network, as lists of matrices and vectors."""
    weights = [w[0].copy() for w, _ in network]
    biases = [b[0].copy() for _, b in network if b is not None]
    forms, layers, rate = work.activations, range(len(weights)), np.float32(work.rate)
    for x, y in zip(inputs, targets, strict=True):
        sums, values = [], [x]
        for i in layers:
            sums.append(np.dot(weights[i], values[i]) + biases[i])
            values.append(activate(forms[i], sums[i]))
        error = 2 * (values[-1] - y)
        for i in reversed(layers):
            delta = error * derivative(forms[i], sums[i], values[i + 1])
            error = np.dot(weights[i].T, delta)
            weights[i] -= rate * np.outer(delta, values[i])
            biases[i] -= rate * delta
    return joined([(w[None], b[None]) for w, b in zip(weights, biases, strict=True)])


PEERS = (Batched(), Literal())
