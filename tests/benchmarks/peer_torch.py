"""PyTorch: batched products with the backward pass by hand, and `torch.func`; eager, on all cores.

Both hold the trials in front of every array. `torch.compile` is left out: it needs a C++ compiler at run time,
and most of a minute for each number of trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcstudy.engine.threads import available_threads

from .peer import Run
from .work import BETA1, BETA2, EPS, POINTS, Array, Samples, Work, batches, joined, split


class Bmm:
    """`torch.baddbmm` over the trials, the backward pass by hand."""

    name = "PyTorch, bmm"
    packages: tuple[str, ...] = ("torch",)
    one = False

    def takes(self, works: Sequence[Work]) -> bool:
        return True

    def steps(self, work: Work) -> int | None:
        return None

    def ways(self, works: Sequence[Work]) -> Sequence[str]:
        return ("",)

    def slopes(self, work: Work, network: Any, x: Any, y: Any) -> Any:
        """The gradient of every trial's loss, part by part as `_parts` has them."""
        import torch

        sums, values = [], [x]
        for (weights, biases), form in zip(network, work.activations, strict=True):
            h = values[-1]
            sums.append(weights @ h if biases is None else torch.baddbmm(biases[:, :, None], weights, h))
            values.append(_activate(form, sums[-1]))
        error = (values[-1] - y[:, None]) * (2 / y.shape[1])
        slopes: list[Any] = []
        for layer in reversed(range(len(network))):
            weights, biases = network[layer]
            error = _backward(work.activations[layer], error, sums[layer], values[layer + 1])
            if biases is not None:
                slopes.append(error.sum(-1))
            slopes.append(torch.bmm(error, values[layer].transpose(1, 2)))
            if layer:
                error = torch.bmm(weights.transpose(1, 2), error)
        return slopes[::-1]

    def ends(self, works: Sequence[Work], way: str, starts: Sequence[Array], samples: Samples) -> list[Array]:
        import torch

        inputs, targets = torch.from_numpy(samples.inputs).transpose(2, 3), torch.from_numpy(samples.targets)
        feed = lambda step: (inputs[:, step], targets[:, step])  # noqa: E731
        return self._train(works, starts, samples.inputs.shape[1], feed)

    def runner(self, works: Sequence[Work], way: str, starts: Sequence[Array], steps: int) -> Run:
        return lambda: self._train(works, starts, steps, _feed(works[0], len(starts[0])))[0]

    def _train(self, works: Sequence[Work], starts: Sequence[Array], steps: int, feed: Any) -> list[Array]:
        import torch

        torch.set_num_threads(available_threads())
        with torch.inference_mode():
            networks = [
                [
                    tuple(None if p is None else torch.from_numpy(p.astype(np.float32)) for p in layer)
                    for layer in split(work, start)
                ]
                for work, start in zip(works, starts, strict=True)
            ]
            means = [[torch.zeros_like(p) for p in _parts(network)] for network in networks for _ in range(2)]
            for step in range(steps):
                x, y = feed(step)
                for cell, (work, network) in enumerate(zip(works, networks, strict=True)):
                    _update(
                        work, _parts(network), means[2 * cell : 2 * cell + 2], self.slopes(work, network, x, y), step
                    )
        return [joined(network) for network in networks]


class Func(Bmm):
    """`torch.func`: `vmap(grad(loss))`."""

    name = "PyTorch, torch.func"

    def slopes(self, work: Work, network: Any, x: Any, y: Any) -> Any:
        from torch.func import grad, vmap

        def loss(network: Any, x: Any, y: Any) -> Any:
            h = x
            for (weights, biases), form in zip(network, work.activations, strict=True):
                h = weights @ h if biases is None else weights @ h + biases[:, None]
                h = _activate(form, h)
            return ((h[0] - y) ** 2).mean()

        plain = [tuple(p for p in layer if p is not None) for layer in network]

        def whole(plain: Any, x: Any, y: Any) -> Any:
            return loss([layer if len(layer) == 2 else (*layer, None) for layer in plain], x, y)

        return _parts(vmap(grad(whole))(plain, x, y))


def _parts(network: Any) -> list[Any]:
    return [part for layer in network for part in layer if part is not None]


def _activate(form: tuple[str, float], z: Any) -> Any:
    import torch

    name, slope = form
    if name == "linear":
        return z
    if name == "leaky_relu":
        return torch.nn.functional.leaky_relu(z, slope)
    return torch.tanh(z) if name == "tanh" else torch.relu(z)


def _backward(form: tuple[str, float], error: Any, z: Any, h: Any) -> Any:
    """The error at what an activation takes, from that at what it gives."""
    import torch

    name, slope = form
    if name == "linear":
        return error
    if name == "tanh":
        return torch.ops.aten.tanh_backward(error, h)
    if name == "relu":
        return torch.ops.aten.threshold_backward(error, z, 0)
    return torch.ops.aten.leaky_relu_backward(error, z, slope, False)


def _update(work: Work, parts: list[Any], means: list[list[Any]], slopes: list[Any], step: int) -> None:
    import torch

    if work.optimizer == "sgd":
        torch._foreach_add_(parts, slopes, alpha=-work.rate)
        return
    first, second = means
    size, root = work.rate / (1 - BETA1 ** (step + 1)), (1 - BETA2 ** (step + 1)) ** 0.5
    torch._foreach_lerp_(first, slopes, 1 - BETA1)
    torch._foreach_mul_(second, BETA2)
    torch._foreach_addcmul_(second, slopes, slopes, 1 - BETA2)
    roots = torch._foreach_sqrt(second)
    torch._foreach_div_(roots, root)
    torch._foreach_add_(roots, EPS)
    torch._foreach_addcdiv_(parts, first, roots, -size)


def _feed(work: Work, trials: int) -> Any:
    """A function that gives the inputs (trials, inputs, batch) and targets (trials, batch) of a step."""
    import torch

    random = torch.Generator().manual_seed(1)
    if work.source == "fresh":

        def fresh(step: int) -> tuple[Any, Any]:
            x = torch.randn((trials, work.widths[0], work.batch), generator=random)
            return x, torch.relu(x[:, 0])

        return fresh
    x = 2 * torch.rand((trials, work.size, work.widths[0]), generator=random) - 1
    if work.source == "shared":
        x = torch.from_numpy(POINTS).expand(trials, -1, -1)
    y = x.sum(-1) if work.task == "addition" else (x * x).sum(-1).sqrt()

    def shuffled() -> tuple[Any, Any]:
        order = torch.rand((trials, work.size), generator=random).argsort(dim=1)
        return x.gather(1, order[:, :, None].expand_as(x)).transpose(1, 2), y.gather(1, order)

    return batches(work, (x.transpose(1, 2), y), shuffled)


PEERS = (Bmm(), Func())
