"""Speed against JAX on the same cores, in one run: `python -m tests.benchmarks` (needs the extra `bench`).

Workload A: a 2-4-4-1 ReLU network, six points in a fixed order, one sample a step, plain SGD, float32. Both sides do
every step of every trial: no trial stops early. JAX is used as its documentation suggests for many small trainings,
`jit(vmap(scan))` with `grad`, at the batch size that measures best. Pairs of runs alternate, and the ratio is the
median over the pairs, since one machine's speed changes from minute to minute.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

POINTS = np.array([[0.1, 0.2], [0.5, 0.3], [0.2, 0.4], [0.3, 0.7], [0.5, 0.5], [0.4, 0.3]], np.float32)
WIDTHS = (2, 4, 4, 1)
RATE = 0.01
FLOPS = 6 * sum(n * m for n, m in zip(WIDTHS, WIDTHS[1:], strict=False)) - 2 * WIDTHS[0] * WIDTHS[1]


def jax_runner(batch: int, steps: int) -> Callable[[], np.ndarray]:
    """A function that trains `batch` networks for `steps` steps and returns their mean losses."""
    import jax
    import jax.numpy as jnp

    x, y = jnp.asarray(POINTS), jnp.asarray(POINTS.sum(1))

    def output(network: Any, inputs: Any) -> Any:
        for weights, biases in network:
            inputs = jax.nn.relu(weights @ inputs + biases)
        return inputs[0]

    def loss(network: Any, i: Any) -> Any:
        return (output(network, x[i]) - y[i]) ** 2

    def train(network: Any) -> Any:
        def step(network: Any, i: Any) -> Any:
            slopes = jax.grad(loss)(network, i % len(POINTS))
            return jax.tree.map(lambda p, g: p - RATE * g, network, slopes), None

        network, _ = jax.lax.scan(step, network, jnp.arange(steps))
        return jnp.mean(jax.vmap(partial(loss, network))(jnp.arange(len(POINTS))))

    keys = jax.random.split(jax.random.key(1), 2 * (len(WIDTHS) - 1))
    start = [
        (jax.random.normal(keys[2 * i], (batch, m, n)), jax.random.normal(keys[2 * i + 1], (batch, m)))
        for i, (n, m) in enumerate(zip(WIDTHS, WIDTHS[1:], strict=False))
    ]
    compiled = jax.jit(jax.vmap(train))
    return lambda: np.asarray(jax.block_until_ready(compiled(start)))


def mcstudy_runner(trials: int, steps: int, threads: int | None) -> Callable[[], np.ndarray]:
    """The same with mcstudy."""
    import mcstudy

    study = mcstudy.Study.model_validate(
        {
            "study": {"name": "a", "seed": 1, "trials": trials},
            "task": {"name": "addition", "samples": "shared", "order": "sequential", "batch": 1},
            "network": {
                "hidden": [4, 4],
                "activation": "relu",
                "output": "activation",
                "init": {"name": "normal", "bias": "normal"},
            },
            "train": {"optimizer": {"name": "sgd", "lr": RATE}, "steps": steps},
            # A goal that no trial reaches, and checks out of step with the passes: nothing stops early.
            "converge": {"loss": 0.0, "every": steps - steps // 7},
        }
    )
    return lambda: mcstudy.run(study, threads=threads).trials["loss_last"].to_numpy()


def seconds(function: Callable[[], np.ndarray]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--trials", type=int, default=40_960)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    steps = arguments.steps
    print(f"workload A, 2-4-4-1 relu, per-sample SGD, float32, {steps} steps, {FLOPS} flops a trial and step")
    peers = {}
    for batch in (128, 256, 512, 1024, 2048, 8192):
        peer = jax_runner(batch, steps)
        peer()
        peers[batch] = seconds(peer) / batch / steps * 1e9
        print(f"  JAX, batch {batch:5}: {peers[batch]:6.2f} ns a trial and step")
    best = min(peers, key=lambda batch: peers[batch])
    theirs, ours = jax_runner(best, steps), mcstudy_runner(arguments.trials, steps, arguments.threads)
    rates = [np.mean(losses() < 1e-3) for losses in (theirs, ours)]
    print(f"  share of losses below 0.001: JAX {rates[0]:.3f} of {best}, mcstudy {rates[1]:.3f} of {arguments.trials}")
    pairs = []
    for _ in range(arguments.pairs):
        a = min(seconds(theirs) for _ in range(3)) / best / steps * 1e9
        b = seconds(ours) / arguments.trials / steps * 1e9
        pairs.append((a, b))
        print(f"  JAX {a:6.2f} ns, mcstudy {b:6.3f} ns ({FLOPS / b:.0f} GF/s): {a / b:.1f} times")
    print(f"median of {len(pairs)} pairs: {statistics.median(a / b for a, b in pairs):.1f} times JAX")


if __name__ == "__main__":
    main()
