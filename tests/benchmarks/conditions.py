"""mcstudy against itself: widths, precision, denormal numbers, threads, numbers of trials and cells."""

from __future__ import annotations

import time
from functools import partial

from .rows import Row, Tell, row
from .speed import share_of_peak, sized
from .timing import Spread, calls, paired, seconds
from .work import Ours
from .workloads import (
    ADDITION,
    BIAS_DECAY,
    DOUBLE_GOAL,
    SWEEP,
    SWEEP_GOAL,
    THREADS_GOAL,
    WORKLOADS,
    Tables,
    Workload,
    adding,
    flops,
    sgd,
    wide,
    workload,
)

PRECISIONS = ("A", "C", "C ordered", "E 16, batch 1", "E 16, batch 32", "E 64, batch 1", "E 64, batch 32")
DENORMAL_GOAL = 1.05
THREADS_SECONDS = 4.0
SWEPT = 1e8
"""Operations of a trial in the sweep over widths: its start and its rows take as little as in a study."""


def sweep(pairs: int, threads: int | None, tell: Tell) -> None:
    """The share of the peak at each hidden width, one sample a step and 32."""
    for batch in (1, 32):
        for width in SWEEP:
            cost = flops((2, width, width, 1))
            steps = max(8, int(SWEPT / cost / batch))
            name = f"2-{width}-{width}-1, batch {batch}"
            ours, count = sized(Workload(name, name, wide(width, batch, steps), 0), threads)
            per = count * steps * batch
            shares, times = share_of_peak(ours, cost * per, pairs, threads)
            nanoseconds = times.median / per * 1e9
            tell(row("sweep", str(width), f"batch {batch}", shares, "%", goal=SWEEP_GOAL, ours=nanoseconds))


def precision(pairs: int, threads: int | None, tell: Tell) -> None:
    """float64 against float32."""
    for name in PRECISIONS:
        ours, count = sized(workload(name), threads)
        double = Ours(workload(name).study, count, "float64")
        double.compile()
        work = ours.works[0]
        told = _against("precision", name, "float64", ours, double, threads, pairs, count * work.steps * work.batch)
        tell(told._replace(goal=DOUBLE_GOAL))


def denormals(pairs: int, threads: int | None, tell: Tell) -> None:
    """What fades away, biases that decay and means of dead units, against a training of as many operations without."""
    goal = DOUBLE_GOAL._replace(value=DENORMAL_GOAL)
    train = BIAS_DECAY["train"]
    plain = Workload("plain", "", {**BIAS_DECAY, "train": {**train, "steps": 20_000}}, 0)
    ours, count = sized(plain, threads)
    decay = Ours({**BIAS_DECAY, "train": {**train, "bias_update": "decay"}}, count)
    # As many steps, cut into trainings that end before a bias is denormal.
    short = Ours({**BIAS_DECAY, "train": {**train, "bias_update": "decay", "steps": 4000}}, 5 * count)
    per = count * 20_000
    tell(_against("denormals", "2-4-4-1", "decay, over gradient", ours, decay, threads, pairs, per)._replace(goal=goal))
    told = _against("denormals", "2-4-4-1", "decay, over its start", short, decay, threads, pairs, per)
    tell(told._replace(goal=goal, note="20,000 steps over five times 4000, in which no bias has faded away"))
    for label, optimizer in (("momentum", {**sgd(0.001), "momentum": 0.9}), ("Adam", {"name": "adam", "lr": 0.01})):
        sections = {"task": ADDITION, "train": {"optimizer": optimizer, "steps": 20_000}}
        leaky, count = sized(Workload("leaky", "", {**sections, "network": adding("leaky_relu")}, 0), threads)
        dying = Ours({**sections, "network": adding("relu")}, count)
        told = _against(
            "denormals", "2-4-4-1", f"{label}, ReLU over leaky", leaky, dying, threads, pairs, count * 20_000
        )
        tell(told._replace(goal=goal, note="two in five ReLUs are dead from the start; leaky ones never are"))


def threads_gain(pairs: int, threads: int, tell: Tell) -> None:
    """All threads against one, in every workload, for as long as a small study takes."""
    for each in WORKLOADS:
        ours, count = sized(each, threads, THREADS_SECONDS)
        work = ours.works[0]
        per = count * len(ours.works) * work.steps * work.batch
        clocks: list[tuple[float, float]] = []
        found = paired(partial(_clocked, ours, threads, clocks), partial(ours.run, 1), pairs)
        sides = {"ours": found.first.median / per * 1e9, "other": found.second.median / per * 1e9}
        goal = THREADS_GOAL if threads == 2 else None
        # What other processes or machines take of the cores is missing here.
        processors, wall = map(sum, zip(*clocks, strict=True))
        note = f"on {processors / wall:.2f} cores"
        tell(row("threads", each.name, f"{threads} threads", found.ratio, "times", goal=goal, note=note, **sides))


def _clocked(ours: Ours, threads: int, clocks: list[tuple[float, float]]) -> None:
    """Train all of it, and add the seconds of processors and of the clock that it takes."""
    before = time.process_time(), time.perf_counter()
    ours.run(threads)
    clocks.append((time.process_time() - before[0], time.perf_counter() - before[1]))


def scale(repeats: int, threads: int | None, most: int, tell: Tell) -> None:
    """Trials a second over their number, and over the number of cells: at 10^6 trials in all, and at 256 trials each,
    where what a cell takes besides its trials weighs more, and all of these keep their losses at the checks.

    The network's kernels are on disk by then: a small run uses them there and does not compile them.
    """
    Ours(_cheap(1), 10**5).run(threads)
    trials = [_rate(f"10^{e} trials", _cheap(1), 10**e, 1, threads, repeats, tell) for e in range(4, most + 1)]
    cells = [
        _rate(f"{count} cell{'s' * (count > 1)}", _cheap(count), 10**6 // count, count, threads, repeats, tell)
        for count in (1, 10, 100, 1000)
    ]
    few = [
        _rate(f"{count} cells of 256 trials", _cheap(count), 256, count, threads, repeats, tell)
        for count in (100, 1000)
    ]
    rows = {"any number of trials": trials, "any number of cells": cells, "also of 256 trials": [*cells, *few]}
    for name, rates in rows.items():
        share = 100 * min(rates) / max(rates)
        tell(row("scale", name, "slowest, of the fastest", Spread.of([share]), "%"))


def _cheap(cells: int) -> Tables:
    """A training of six microseconds, in so many cells of different learning rates."""
    task, network = workload("A").study["task"], adding("relu")
    rates = [sgd(round(0.01 + 0.00001 * i, 5)) for i in range(cells)]
    return {"task": task, "network": network, "train": {"steps": 6000}, "vary": {"optimizer": rates}}


def _rate(name: str, tables: Tables, trials: int, cells: int, threads: int | None, repeats: int, tell: Tell) -> float:
    ours = Ours(tables, trials)
    run = partial(ours.run, threads)
    times = calls(run)
    rates = [trials * cells / seconds(run, times) for _ in range(repeats if trials * cells <= 10**6 else 1)]
    tell(row("scale", name, "trials a second", Spread.of(rates), "/s"))
    return Spread.of(rates).median


def _against(
    section: str, name: str, subject: str, one: Ours, other: Ours, threads: int | None, pairs: int, per: int
) -> Row:
    found = paired(partial(one.run, threads), partial(other.run, threads), pairs)
    sides = {"ours": found.first.median / per * 1e9, "other": found.second.median / per * 1e9}
    return row(section, name, subject, found.ratio, "times", **sides)
