"""Checks: the evaluation loss and the other criteria, what they decide, and how a trial ended."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import add_loss
from mcstudy.kernels.layout import ABSENT, CLASSES, CONVERGED, DEAD, DIVERGED, RAN_OUT, REAL, RUNNING, STUCK, UNFINISHED
from mcstudy.kernels.pack import absolute, advance, as_bits, filled, fma, get, item, lane_count, load, put, store, where
from mcstudy.training.diagnosis import diagnose, diagnose_start
from mcstudy.training.evaluation import tile_forward
from mcstudy.training.unrolled import add_losses

LOSS, FINITE, FROZEN, RIGHT, FARTHEST, ENDED = range(6)
"""What a check finds, each a pack of the scratch memory: the mean loss; 1 where it and all parameters are finite; 1
where the state is that of the last check; the number of samples told right; the largest distance of a parameter from
its goal; 1 where the trial ends."""

SCRATCH = 6
ROUNDING = 1e-6


@jit.scalar
def _add_right(memory: Any, head: Any, cell: Any, y: Any, row: Any, tile: Any, out: Any) -> None:
    """Add at `out` how many samples of a tile are told right: by all outputs, or by the largest of them."""
    total = load(memory, out)
    for s in range(tile):
        right = filled(memory, 1.0)
        if cell.labels == CLASSES:
            best, wanted = load(memory, head.after + s), load(memory, y + s)
            right = where(best == best, 1.0, filled(memory, 0.0))  # NaN is never right
            for o in range(1, head.outputs):
                f, target = load(memory, head.after + o * tile + s), load(memory, y + o * row + s)
                at_target = target > wanted
                wanted = where(at_target, target, wanted)
                higher = f > best
                # The first of the largest outputs must be the first of the largest targets.
                right = where(at_target, where(higher, filled(memory, 1.0), 0.0), where(higher, 0.0, right))
                best = where(higher, f, best)
                right = where(f == f, right, 0.0)
        else:
            for o in range(head.outputs):
                f, target = load(memory, head.after + o * tile + s), load(memory, y + o * row + s)
                above = f > cell.cut
                right = where(target > cell.middle, where(above, right, 0.0), where(above, 0.0, right))
                right = where(f == f, right, 0.0)
        total += right
    store(memory, out, total)


@jit.scalar
def evaluate(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, numbers: Any, out: Any) -> None:
    """Put what a check finds, but for FROZEN and ENDED, at `out` ….

    `points` is (packed, address of the inputs, address of the targets, step between their columns, number, trial
    numbers), `arrays` the scalar points that are used where not packed.
    """
    head = item(layers, cell.first_layer + cell.layers - 1)
    number = points[4]
    store(memory, out + LOSS, 0.0)
    store(memory, out + LOSS + 1, 0.0)
    store(memory, out + RIGHT, 0.0)
    done = np.int64(0)
    if cell.unrolled_losses != 0:
        packed, x, y, columns, _, _ = points
        x, y = (x, y) if packed else (done, done)
        own = advance(numbers, cell.unrolled_numbers)
        arguments = (own, arrays[0], arrays[1], cell.parameters, x, y, columns, number, out + LOSS)
        add_losses(cell.unrolled_losses, (memory, *arguments))
        done = number
    while done < number:
        tile = min(cell.tile, number - done)
        y, row = tile_forward(memory, layers, cell, points, arrays, done, tile)
        add_loss(cell.loss_value, (memory, cell.loss_a, head.after, y, row, out + LOSS, head.outputs, tile))
        if cell.labels != REAL:
            _add_right(memory, head, cell, y, row, tile, out + RIGHT)
        done += tile
    loss = load(memory, out + LOSS) / (number * cell.loss_terms)
    store(memory, out + LOSS, loss)
    finite = loss * 0.0
    for i in range(cell.parameters, cell.parameters + cell.count):
        finite = fma(load(memory, i), 0.0, finite)
    store(memory, out + FINITE, where(finite == 0.0, filled(memory, 1.0), 0.0))
    farthest = filled(memory, 0.0)
    if cell.goal >= 0:
        for i in range(cell.count):
            distance = absolute(load(memory, cell.parameters + i) - item(numbers, cell.goal + i))
            farthest = where(distance > farthest, distance, farthest)
    store(memory, out + FARTHEST, farthest)


@jit.scalar
def compare_snapshot(memory: Any, cell: Any, out: Any) -> None:
    """Put at `out` 1 where parameters and optimizer state are bit for bit those of the last check, and keep them."""
    same = load(memory, cell.parameters)
    same = as_bits(same) == as_bits(same)
    for i in range((1 + cell.slot_count) * cell.count):
        now = load(memory, cell.parameters + i)
        same = same & (as_bits(now) == as_bits(load(memory, cell.snapshot + i)))
        store(memory, cell.snapshot + i, now)
    store(memory, out, where(same, filled(memory, 1.0), 0.0))


@jit.scalar
def _meets(memory: Any, cell: Any, scratch: Any, lane: Any, loss: Any, number: Any) -> Any:
    """Whether every criterion holds in a lane, over `number` evaluation points."""
    met = loss <= cell.threshold
    if cell.labels != REAL:  # counts, for a share of 9 in 10 is not 0.9 in binary
        met = met and get(memory, scratch + RIGHT, lane) >= cell.accuracy * number - ROUNDING
    if cell.goal >= 0:
        met = met and get(memory, scratch + FARTHEST, lane) <= cell.within
    return met


@jit.scalar
def record_check(
    memory: Any,
    layers: Any,
    cell: Any,
    row: Any,
    points: Any,
    arrays: Any,
    numbers: Any,
    state: Any,
    records: Any,
    step: Any,
) -> None:
    """Evaluate the pack's trials of one cell at a check and settle those that end there.

    `state` is (scratch address, position of lane 0 in the records, outcomes by lane, best losses by lane: of the early
    checks and of the late ones);
    `records` are those of `mcstudy.training.loop.train`. A lane that ends leaves its parameters at `cell.final`.
    """
    scratch, first_row, running, best = state
    _, steps, (loss_first, loss_last, loss_best), step_best, _, _, history, trace = records
    if step == 0:
        diagnose_start(memory, layers, cell, points, arrays, scratch)
    evaluate(memory, layers, cell, points, arrays, numbers, scratch)
    if cell.snapshot >= 0:
        compare_snapshot(memory, cell, scratch + FROZEN)
    last_check = (cell.steps + cell.every - 1) // cell.every
    late = last_check + 1 - max(1, (last_check + 1) // 5)
    check = (step + cell.every - 1) // cell.every
    store(memory, scratch + ENDED, 0.0)
    ended = False
    for lane in range(lane_count(memory)):
        if running[row, lane] != RUNNING:
            continue
        trial = first_row + lane
        loss = float(get(memory, scratch + LOSS, lane))
        if step == 0:
            loss_first[row, trial] = loss
        if step == 0 or loss < loss_best[row, trial]:
            loss_best[row, trial] = loss
            step_best[row, trial] = step
        loss_last[row, trial] = loss
        if trial < history.shape[1]:
            history[row, trial, check] = loss
        if trial < trace.shape[1]:
            for i in range(cell.count):
                trace[row, trial, check, i] = float(get(memory, cell.parameters + i, lane))
        stopped = cell.snapshot >= 0 and step > 0 and get(memory, scratch + FROZEN, lane) == 1.0
        if get(memory, scratch + FINITE, lane) == 0.0:
            running[row, lane] = DIVERGED
            steps[row, trial] = step
        elif _meets(memory, cell, scratch, lane, loss, points[4]):
            running[row, lane] = CONVERGED
            steps[row, trial] = step
        else:
            if check < late:
                best[row, lane, 0] = min(best[row, lane, 0], loss)
            if check >= late or stopped:
                best[row, lane, 1] = min(best[row, lane, 1], loss)
            if stopped:
                for c in range(check + 1, last_check + 1):
                    if trial < history.shape[1]:
                        history[row, trial, c] = loss
                    if trial < trace.shape[1]:
                        for i in range(cell.count):
                            trace[row, trial, c, i] = trace[row, trial, check, i]
            if stopped or step == cell.steps:
                running[row, lane] = RAN_OUT
                steps[row, trial] = cell.steps
        if running[row, lane] != RUNNING:
            put(memory, scratch + ENDED, lane, 1.0)
            ended = True
    if ended:
        end = load(memory, scratch + ENDED) == 1.0
        for i in range(cell.count):
            store(memory, cell.final + i, where(end, load(memory, cell.parameters + i), load(memory, cell.final + i)))


@jit.scalar
def settle(
    memory: Any,
    layers: Any,
    cell: Any,
    row: Any,
    points: Any,
    arrays: Any,
    numbers: Any,
    state: Any,
    records: Any,
) -> None:
    """Once all of a pack's trials of one cell have ended: the outcomes of those whose steps ran out, and what was
    noted of them all."""
    scratch, first_row, running, best = state
    outcomes, notes, finals = records[0], records[4], records[5]
    for i in range(cell.count):
        store(memory, cell.parameters + i, load(memory, cell.final + i))
    store(memory, scratch, diagnose(memory, layers, cell, points, arrays, numbers, scratch))
    for lane in range(lane_count(memory)):
        outcome = running[row, lane]
        if outcome == ABSENT:
            continue
        if outcome == RAN_OUT:
            if get(memory, scratch, lane) == 0.0:
                outcome = DEAD
            elif best[row, lane, 1] < 0.99 * best[row, lane, 0]:
                outcome = UNFINISHED
            else:
                outcome = STUCK
        trial = first_row + lane
        outcomes[row, trial] = outcome
        for i in range(cell.noted):
            notes[row, trial, i] = get(memory, cell.notes + i, lane)
        if trial < finals.shape[1]:
            for i in range(cell.count):
                finals[row, trial, i] = get(memory, cell.final + i, lane)
