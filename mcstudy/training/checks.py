"""Checks: the evaluation loss, what it decides, and how a trial ended."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.dispatch import add_loss
from mcstudy.kernels.layout import CONVERGED, DEAD, DIVERGED, RAN_OUT, RUNNING, STUCK, UNFINISHED
from mcstudy.kernels.pack import as_bits, filled, fma, get, item, lane_count, load, store, where
from mcstudy.training.data import locate
from mcstudy.training.network import forward


@jit.routine
def _tile_forward(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, first: Any, tile: Any) -> Any:
    """Pass a tile of evaluation points through the network; returns where their targets are: address, column step."""
    bottom, top = cell.first_layer, cell.first_layer + cell.layers
    x, y, columns = locate(memory, item(layers, bottom), item(layers, top - 1), cell, points[:4], arrays, first, tile)
    forward(memory, layers, bottom, top, tile, x, columns)
    return y, columns


@jit.routine
def evaluate(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, out: Any) -> None:
    """Put the mean loss over the evaluation points at `out`, and at `out` + 1 whether it and all parameters are finite.

    `points` is (packed, address of the inputs, address of the targets, step between their columns, number), `arrays`
    the scalar points that are used where not packed.
    """
    head = item(layers, cell.first_layer + cell.layers - 1)
    number = points[4]
    store(memory, out, 0.0)
    store(memory, out + 1, 0.0)
    done = np.int64(0)
    while done < number:
        tile = min(cell.tile, number - done)
        y, row = _tile_forward(memory, layers, cell, points, arrays, done, tile)
        add_loss(cell.loss, (memory, cell.loss_a, head.after, y, row, out, head.outputs, tile))
        done += tile
    loss = load(memory, out) / (number * head.outputs)
    store(memory, out, loss)
    finite = loss * 0.0
    for i in range(cell.parameters, cell.parameters + cell.count):
        finite = fma(load(memory, i), 0.0, finite)
    store(memory, out + 1, where(finite == 0.0, filled(memory, 1.0), 0.0))


@jit.routine
def mark_alive(memory: Any, layers: Any, cell: Any, points: Any, arrays: Any, out: Any) -> None:
    """Put at `out` 1 where each layer has a unit whose derivative is not zero at some evaluation point, else 0."""
    bottom = cell.first_layer
    number = points[4]
    flags = out + 1
    for i in range(cell.layers):
        store(memory, flags + i, 0.0)
    done = np.int64(0)
    while done < number:
        tile = min(cell.tile, number - done)
        _tile_forward(memory, layers, cell, points, arrays, done, tile)
        for i in range(cell.layers):
            layer = item(layers, bottom + i)
            flag = load(memory, flags + i)
            for j in range(layer.slope, layer.slope + layer.outputs * tile):
                flag = where(load(memory, j) == 0.0, flag, 1.0)
            store(memory, flags + i, flag)
        done += tile
    alive = filled(memory, 1.0)
    for i in range(cell.layers):
        alive = alive * load(memory, flags + i)
    store(memory, out, alive)


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


@jit.routine
def record_check(
    memory: Any, layers: Any, cell: Any, row: Any, points: Any, arrays: Any, state: Any, records: Any, step: Any
) -> None:
    """Evaluate the pack's trials of one cell at a check and settle those that end there.

    `state` is (scratch address, position of lane 0 in the records, outcomes by lane, best losses by lane);
    `records` the arrays of rows: outcome, steps, first and last loss, history, trace, each with the cell first.
    """
    scratch, first_row, running, best = state
    outcomes, steps, loss_first, loss_last, history, trace = records
    evaluate(memory, layers, cell, points, arrays, scratch)
    frozen = scratch + 2
    if cell.snapshot >= 0:
        compare_snapshot(memory, cell, frozen)
    last_check = (cell.steps + cell.every - 1) // cell.every
    late = last_check + 1 - max(1, (last_check + 1) // 5)
    check = (step + cell.every - 1) // cell.every
    ran_out = False
    for lane in range(lane_count(memory)):
        if running[row, lane] != RUNNING:
            continue
        trial = first_row + lane
        loss = float(get(memory, scratch, lane))
        if step == 0:
            loss_first[row, trial] = loss
        loss_last[row, trial] = loss
        if trial < history.shape[1]:
            history[row, trial, check] = loss
        if trial < trace.shape[1]:
            for i in range(cell.count):
                trace[row, trial, check, i] = float(get(memory, cell.parameters + i, lane))
        if get(memory, scratch + 1, lane) == 0.0:
            running[row, lane] = DIVERGED
            outcomes[row, trial] = DIVERGED
            steps[row, trial] = step
            continue
        if loss <= cell.threshold:
            running[row, lane] = CONVERGED
            outcomes[row, trial] = CONVERGED
            steps[row, trial] = step
            continue
        stopped = cell.snapshot >= 0 and step > 0 and get(memory, frozen, lane) == 1.0
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
            ran_out = True
    if not ran_out:
        return
    mark_alive(memory, layers, cell, points, arrays, scratch)
    for lane in range(lane_count(memory)):
        if running[row, lane] != RAN_OUT:
            continue
        if get(memory, scratch, lane) == 0.0:
            outcome = DEAD
        elif best[row, lane, 1] < 0.99 * best[row, lane, 0]:
            outcome = UNFINISHED
        else:
            outcome = STUCK
        running[row, lane] = outcome
        outcomes[row, first_row + lane] = outcome
        steps[row, first_row + lane] = cell.steps
