"""JAX: `jit(vmap(scan))` with `grad`, as its documentation suggests for many small trainings.

Three peers. The first is that, with the library's own shuffle, and a program for each cell of a study. The second, for
studies of several cells, trains all of them in one program that draws their data once. The third does what else its
experts know: XLA's CPU device runs operations this small on one core, so trials are spread over as many host devices
as there are cores (`shard_map`); and XLA sorts pairs of keys and values slowly, so a pass is shuffled by sorting 24
random bits with the sample's number below them.

Tried on two cores of a Zen 5, and left out because they measured worse: products written as `(w * x).sum(-1)`; trials
on the last axis; cells that share an activation as lanes of one sum; unrolled scans; the generators rbg and unsafe_rbg;
`argsort` and `top_k` of random bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .peer import Run
from .work import BETA1, BETA2, EPS, POINTS, Array, Samples, Work, joined, split


class Jax:
    """`jit(vmap(scan))`."""

    name = "JAX"
    packages: tuple[str, ...] = ("jax",)
    one = False
    together = False
    sharded = False

    def takes(self, works: Sequence[Work]) -> bool:
        return True

    def steps(self, work: Work) -> int | None:
        return work.steps

    def ways(self, works: Sequence[Work]) -> Sequence[str]:
        # A batch of samples as rows, x Wᵀ, or as columns, W x; the same for a single unit.
        return ("columns", "rows") if works[0].batch > 1 and len(works[0].widths) > 2 else ("columns",)

    def ends(self, works: Sequence[Work], way: str, starts: Sequence[Array], samples: Samples) -> list[Array]:
        import jax

        def train(networks: Any, x: Any, y: Any) -> Any:
            def body(states: Any, now: Any) -> Any:
                t, x, y = now
                return _steps(works, way, states, t, x, y), None

            states = [_state(work, network) for work, network in zip(works, networks, strict=True)]
            states, _ = jax.lax.scan(body, states, (np.arange(x.shape[0]), x, y))
            return [network for network, _ in states]

        networks = [split(work, start) for work, start in zip(works, starts, strict=True)]
        ends = jax.jit(jax.vmap(train))(networks, samples.inputs, samples.targets)
        return [joined(end) for end in ends]

    def runner(self, works: Sequence[Work], way: str, starts: Sequence[Array], steps: int) -> Run:
        if self.together or len(works) == 1:
            return self._program(works, way, starts, steps)
        each = [self._program([work], way, [start], steps) for work, start in zip(works, starts, strict=True)]

        def one_after_the_other() -> Array:
            first, *_ = [program() for program in each]
            return first

        return one_after_the_other

    def _program(self, works: Sequence[Work], way: str, starts: Sequence[Array], steps: int) -> Run:
        import jax

        networks = [split(work, start) for work, start in zip(works, starts, strict=True)]
        keys = jax.random.split(jax.random.key(1), len(starts[0]))
        function = jax.vmap(partial(_train, works, way, steps, self.sharded))
        if self.sharded:
            mesh = jax.make_mesh((jax.device_count(),), ("cores",))
            each = jax.sharding.PartitionSpec("cores")
            function = jax.shard_map(function, mesh=mesh, in_specs=(each, each), out_specs=each)
            networks, keys = jax.device_put((networks, keys), jax.sharding.NamedSharding(mesh, each))
        else:
            networks, keys = jax.device_put((networks, keys), jax.devices()[0])
        compiled = jax.jit(function)
        return lambda: joined(jax.block_until_ready(compiled(networks, keys))[0])


class Together(Jax):
    """All cells of a study in one program, which draws their data once."""

    name = "JAX, data shared"
    together = True

    def takes(self, works: Sequence[Work]) -> bool:
        return len(works) > 1


class Sharded(Jax):
    """The same on as many devices as there are cores, with a quicker shuffle."""

    name = "JAX, tuned"
    together = sharded = True


def _function(name: str, slope: float, z: Any) -> Any:
    import jax
    import jax.numpy as jnp

    if name == "linear":
        return z
    if name == "leaky_relu":
        return jax.nn.leaky_relu(z, slope)
    return {"relu": jax.nn.relu, "tanh": jnp.tanh}[name](z)


def _loss(work: Work, way: str, network: Any, x: Any, y: Any) -> Any:
    """Mean squared error over inputs (batch, inputs) and targets (batch,)."""
    import jax.numpy as jnp

    h = x[0] if work.batch == 1 else x if way == "rows" else x.T
    for (weights, biases), (name, slope) in zip(network, work.activations, strict=True):
        h = h @ weights.T if way == "rows" and work.batch > 1 else weights @ h
        if biases is not None:
            h = h + (biases if way == "rows" or work.batch == 1 else biases[:, None])
        h = _function(name, slope, h)
    return jnp.mean((h.reshape(-1) - y) ** 2)


def _state(work: Work, network: Any) -> Any:
    """A network and its optimizer's two means, if any."""
    import jax
    import jax.numpy as jnp

    zeros = jax.tree.map(jnp.zeros_like, network)
    return network, (zeros, zeros) if work.optimizer == "adam" else ()


def _steps(works: Sequence[Work], way: str, states: Any, t: Any, x: Any, y: Any) -> Any:
    """One step of every cell on the same batch; `t` counts from 0."""
    import jax

    slopes = [
        jax.value_and_grad(partial(_loss, work, way))(network, x, y)[1]
        for work, (network, _) in zip(works, states, strict=True)
    ]
    together = zip(works, states, slopes, strict=True)
    return [_update(work, network, means, slope, t) for work, (network, means), slope in together]


def _update(work: Work, network: Any, means: Any, slopes: Any, t: Any) -> Any:
    """A network and its optimizer's means after a step along these slopes."""
    import jax
    import jax.numpy as jnp

    if work.optimizer == "sgd":
        return jax.tree.map(lambda p, g: p - work.rate * g, network, slopes), means
    first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, means[0], slopes)
    second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, means[1], slopes)
    size, root = work.rate / (1 - BETA1 ** (t + 1.0)), jnp.sqrt(1 - BETA2 ** (t + 1.0))
    network = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) / root + EPS), network, first, second)
    return network, (first, second)


def _train(works: Sequence[Work], way: str, steps: int, quick: bool, networks: Any, key: Any) -> Any:
    """One trial of every cell, on data of its own."""
    import jax
    import jax.numpy as jnp

    work = works[0]
    advance = partial(_steps, works, way)
    states = [_state(each, network) for each, network in zip(works, networks, strict=True)]
    if work.source == "fresh":

        def fresh(states: Any, t: Any) -> Any:
            x = jax.random.normal(jax.random.fold_in(key, t), (work.batch, work.widths[0]))
            return advance(states, t, x, _targets(work, x)), None

        states, _ = jax.lax.scan(fresh, states, jnp.arange(steps))
        return [network for network, _ in states]
    if work.source == "shared":
        x = jnp.asarray(POINTS)
    else:
        x = jax.random.uniform(jax.random.fold_in(key, 0), (work.size, work.widths[0]), minval=-1, maxval=1)
    y = _targets(work, x)
    per = work.pass_steps

    def one_pass(states: Any, number: Any) -> Any:
        order = _order(jax.random.fold_in(key, 1 + number), work.size, quick)
        batches = (x[order].reshape(per, work.batch, -1), y[order].reshape(per, work.batch))
        times = number * per + jnp.arange(per)
        return jax.lax.scan(lambda s, now: (advance(s, *now), None), states, (times, *batches))[0], None

    def in_order(states: Any, t: Any) -> Any:
        at = t % per * work.batch
        batch = [jax.lax.dynamic_slice_in_dim(values, at, work.batch) for values in (x, y)]
        return advance(states, t, *batch), None

    if work.shuffled:
        states, _ = jax.lax.scan(one_pass, states, jnp.arange(steps // per))
    else:
        states, _ = jax.lax.scan(in_order, states, jnp.arange(steps))
    return [network for network, _ in states]


def _order(key: Any, size: int, quick: bool) -> Any:
    import jax
    import jax.numpy as jnp

    if not quick:
        return jax.random.permutation(key, size)
    low = jnp.uint32(255)
    bits = jax.random.bits(key, (size,)) & ~low | jnp.arange(size, dtype=jnp.uint32)
    return (jnp.sort(bits, stable=False) & low).astype(jnp.int32)


def _targets(work: Work, x: Any) -> Any:
    import jax.numpy as jnp

    if work.task == "relu":
        return jnp.maximum(x[:, 0], 0)
    return x.sum(-1) if work.task == "addition" else jnp.sqrt((x * x).sum(-1))


PEERS = (Jax(), Together(), Sharded())
