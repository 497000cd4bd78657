"""mcstudy and its peers at the same work: checked first, then timed in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from mcstudy.engine.threads import available_threads

from . import machine
from .peer import Peer, missing
from .rows import Row, Tell, absent, row
from .timing import Spread, paired, seconds
from .work import Array, Ours, Work
from .workloads import JAX, PEAK_GOALS, SPEED_GOALS, Workload, flops, goal_of

CHECKED = 64
"""Trials whose parameters are compared."""
SAME = 0.97
"""Share of them that have to agree: at a kink of an activation, rounding can decide on a derivative."""
BATCHES = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
MOST_TUNING, WORSE = 1.0, 1.15
"""No larger batch is tried once a run takes so many seconds, or so many times as long a sample as the best batch."""
MOST_BYTES = 2**28
"""Bytes of parameters above which no larger batch is tried."""
SIGMAS = 5.0
TUNING_SECONDS = 0.15
OUR_SECONDS = 1.5
"""Least time of a run of ours: starting and storing then count as little as in a study."""


def measure(workload: Workload, peers: Sequence[Peer], pairs: int, threads: int | None, tell: Tell) -> None:
    """Time a workload against every peer, and tell the rows.

    Args:
        workload: which.
        peers: all that there are.
        pairs: how many pairs of runs.
        threads: of mcstudy; all cores by default.
        tell: takes the rows.
    """
    ours, count = sized(workload, threads)
    works = ours.works
    per = count * len(works) * works[0].steps * works[0].batch
    for peer in peers:
        if not peer.takes(works):
            continue
        lacking = missing(peer)
        if lacking:
            note = f"not installed: {', '.join(lacking)}"
            tell(absent("speed", workload.name, peer.name, "times", note))
            continue
        try:
            found = compared(workload, ours, peer, pairs, partial(ours.run, threads), per)
        except Disagreement as wrong:
            tell(absent("speed", workload.name, peer.name, "times", str(wrong)))
            continue
        tell(found)
    if workload.dense:
        shares, times = share_of_peak(ours, per * flops(works[0].widths), pairs, threads)
        goal = goal_of(PEAK_GOALS, workload.name)
        nanoseconds = times.median / per * 1e9
        tell(row("peak", workload.name, "mcstudy", shares, "%", goal=goal, ours=nanoseconds))


def share_of_peak(ours: Ours, done: float, pairs: int, threads: int | None) -> tuple[Spread, Spread]:
    """The share (%) of the peak, measured beside each run, that runs of `done` operations have, and their seconds."""
    workers = threads or available_threads()
    found = paired(partial(ours.run, threads), partial(machine.multiply_add, workers), pairs)
    scale = 100 * done / machine.operations(workers)
    return Spread(*(scale * ratio for ratio in found.ratio)), found.first


class Disagreement(Exception):
    """A peer does not compute what mcstudy does."""


def sized(workload: Workload, threads: int | None, least: float = OUR_SECONDS) -> tuple[Ours, int]:
    """mcstudy's side with as many trials as take at least so many seconds, and their number."""
    Ours(workload.study, 1).compile()
    count = 1024
    while True:
        ours = Ours(workload.study, count)
        ours.run(threads)
        taken = seconds(partial(ours.run, threads))
        if taken >= least:
            return ours, count
        # Whole units for any number of threads; fixed costs of a run make the first guesses small.
        count = 1024 * max(count // 1024 + 1, min(16 * count, round(1.2 * least / taken * count)) // 1024)


def compared(workload: Workload, ours: Ours, peer: Peer, pairs: int, run: Callable[[], None], per: int) -> Row:
    """The row of one peer.

    Raises:
        Disagreement: it does something else.
    """
    works = ours.works
    agree(workload, ours, peer)
    way, batch, steps, runner = best(ours, peer)
    if steps == works[0].steps and not peer.one:
        alike(ours, runner())
    samples = batch * len(works) * steps * works[0].batch
    times = paired(run, runner, pairs)
    scale = per / samples
    ratio = Spread(*(value * scale for value in times.ratio))
    goal = goal_of(SPEED_GOALS, workload.name) if peer.name == JAX else None
    note = f"{batch} at a time" + (f", {way}" if len(peer.ways(works)) > 1 else "")
    return row(
        "speed",
        workload.name,
        peer.name,
        ratio,
        "times",
        goal=goal,
        ours=times.first.median / per * 1e9,
        other=times.second.median / samples * 1e9,
        note="one at a time" if peer.one else note,
    )


def agree(workload: Workload, ours: Ours, peer: Peer) -> None:
    """From the same starts, on the same data, do a peer's parameters become ours but for rounding?

    Raises:
        Disagreement: they do not.
    """
    trials, works = 4 if peer.one else CHECKED, ours.works
    starts = [ours.starts(cell, trials) for cell in range(len(works))]
    samples = ours.samples(trials, workload.few)
    for way in peer.ways(works):
        for cell, theirs in enumerate(peer.ends(works, way, starts, samples)):
            expected = ours.ends(cell, trials, workload.few)
            moved = ~np.isclose(expected, starts[cell], rtol=1e-6, atol=0).all(axis=1)
            same = np.isclose(theirs, expected, rtol=1e-3, atol=1e-5).all(axis=1)
            if same.mean() < SAME or not moved.any():
                raise Disagreement(f"disagrees: only {same.sum()} of {trials} trials end alike")


def alike(ours: Ours, theirs: Array) -> None:
    """Do the losses of a peer's trials, on data that it drew itself, lie as ours do?

    Raises:
        Disagreement: the shares below our median differ by more than noise.
    """
    expected = ours.losses(0, ours.ends(0, 2048 if ours.works[0].batch == 1 else 512, ours.works[0].steps))
    losses = ours.losses(0, theirs)
    for quantile in (0.25, 0.5, 0.75):
        cut = np.quantile(expected, quantile)
        shares = [np.mean(values <= cut * (1 + 1e-5)) for values in (losses, expected)]
        noise = np.sqrt(0.25 * (1 / len(losses) + 1 / len(expected)))
        if abs(shares[0] - shares[1]) > SIGMAS * noise:
            raise Disagreement(f"disagrees: {shares[0]:.1%} of its losses are below {cut:.3g}, {shares[1]:.1%} of ours")


def best(ours: Ours, peer: Peer) -> tuple[str, int, int, Callable[[], Array]]:
    """The way and the batch that take least time a sample: way, batch, steps of a run, runner."""
    works = ours.works
    found: list[tuple[float, str, int, int, Callable[[], Array]]] = []
    for way in peer.ways(works):
        for batch in (1,) if peer.one else BATCHES:
            starts = [ours.starts(cell, batch) for cell in range(len(works))]
            if sum(start.nbytes for start in starts) > MOST_BYTES:
                break
            steps = peer.steps(works[0]) or few_steps(works[0], peer, works, way, starts)
            runner = peer.runner(works, way, starts, steps)
            taken = quickest(runner)
            found.append((taken / batch / steps, way, batch, steps, runner))
            least = min(each[0] for each in found if each[1] == way)
            if taken > MOST_TUNING or found[-1][0] > WORSE * least:
                break
    return min(found, key=lambda each: each[0])[1:]


def quickest(runner: Callable[[], Array]) -> float:
    """Seconds of a call after the first: the least of as many as take a tenth of a second, one at least."""
    runner()
    times = [seconds(runner)]
    while sum(times) < TUNING_SECONDS:
        times.append(seconds(runner))
    return min(times)


def few_steps(work: Work, peer: Peer, works: Sequence[Work], way: str, starts: Sequence[Array]) -> int:
    """Whole passes that take a peer which is not compiled about a quarter of a second."""
    trial = peer.runner(works, way, starts, work.pass_steps)
    trial()
    return work.pass_steps * max(1, min(work.steps // work.pass_steps, round(0.25 / seconds(trial))))
