"""Keras: the program of the question about the single ReLU, one training at a time."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .peer import Run
from .work import Array, Samples, Work

QUESTION_STEPS = 2000
"""Each model is compiled anew, which counts the less the longer its training: this long it is in the question."""


class Literal:
    """A model of one unit, compiled, and `fit` on normals that no step sees twice."""

    name = "Keras, one at a time"
    packages: tuple[str, ...] = ("keras",)
    one = True

    def takes(self, works: Sequence[Work]) -> bool:
        return len(works) == 1 and works[0].source == "fresh"

    def steps(self, work: Work) -> int | None:
        return QUESTION_STEPS

    def ways(self, works: Sequence[Work]) -> Sequence[str]:
        return tuple(name for name in ("jax", "torch") if importlib.util.find_spec(name) is not None)[:1]

    def ends(self, works: Sequence[Work], way: str, starts: Sequence[Array], samples: Samples) -> list[Array]:
        ends = []
        for start, x in zip(starts[0], samples.inputs, strict=True):
            ends.append(_fit(works[0], way, start, x.reshape(-1, 1)))
        return [np.concatenate(ends)]

    def runner(self, works: Sequence[Work], way: str, starts: Sequence[Array], steps: int) -> Run:
        random = np.random.default_rng(1)

        def run() -> Array:
            x = random.standard_normal((steps * works[0].batch, 1), np.float32)
            return _fit(works[0], way, starts[0][0], x)

        return run


def _fit(work: Work, backend: str, start: Array, x: Array) -> Array:
    """Train one model on inputs (steps × batch, 1), and return its weight (1, 1)."""
    os.environ.setdefault("KERAS_BACKEND", backend)
    import keras

    model: Any = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="relu", use_bias=False)])
    model.layers[0].set_weights([start.reshape(1, 1)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=work.rate), loss="mse")
    model.fit(x, np.maximum(x, 0), batch_size=work.batch, epochs=1, shuffle=False, verbose=0)
    return np.asarray(model.layers[0].get_weights()[0]).reshape(1, 1)


PEERS = (Literal(),)
