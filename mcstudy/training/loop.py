"""The loop of a work unit: packs of trials, the chunks of samples they share, and the cells that train on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.schedules import factor
from mcstudy.kernels.layout import ABSENT, FRESH, HYPERPARAMETERS, RUNNING, TABLE, TRIAL
from mcstudy.kernels.pack import advance, item, lane_count, load, pointer, store
from mcstudy.kernels.streams import DATA
from mcstudy.training.checks import record_check, settle
from mcstudy.training.data import add_noise, draw_samples, put_trials, spread
from mcstudy.training.initial import initialise
from mcstudy.training.seldom import put_in_order, scale, take_fused_steps
from mcstudy.training.steps import batch_step
from mcstudy.training.unrolled import take_steps

# A literal 0 would make a variant of each function that takes it.
FIRST = np.int64(0)
STEPS = 256
"""Steps on one sample that are taken between two looks at whether to stop."""


@jit.scalar
def _any_running(running: Any, row: Any) -> Any:
    found = False
    for lane in range(running.shape[1]):
        found |= running[row, lane] == RUNNING
    return found


@jit.scalar
def _take_steps(
    memory: Any,
    layers: Any,
    cell: Any,
    data: Any,
    tables: Any,
    numbers: Any,
    size: Any,
    position: Any,
    step: Any,
    until: Any,
    stop: Any,
) -> Any:
    """`_advance` where a step is plain gradient descent on one sample; a look at `stop` every now and then."""
    p, rate = cell.parameters, cell.hyper[0]
    x, y = (data[1], data[2]) if data[0] else (FIRST, FIRST)
    own = advance(numbers, cell.unrolled_numbers)
    while step < until and item(stop, 0) == 0:
        count = min(until - step, STEPS)
        if cell.unrolled_steps != 0:
            places = (p, p, x, y, size, position, size, count)
            take_steps(cell.unrolled_steps, (memory, own, *tables, *places, -rate / cell.loss_terms, -rate))
        else:
            samples = (data[0], data[1], data[2], size, position, size)
            take_fused_steps(cell.fused_loop, (memory, layers, cell, *samples, *tables, count))
        step += count
        position = (position + count) % size
    return step


@jit.scalar
def _advance(
    memory: Any,
    layers: Any,
    cell: Any,
    group: Any,
    data: Any,
    tables: Any,
    numbers: Any,
    hyper: Any,
    step: Any,
    until: Any,
    stop: Any,
) -> Any:
    """Train one cell from `step` to `until`; returns the step reached, less only when asked to stop.

    `data` is (packed, address of the inputs, address of the targets, step at which the ring's first sample is due,
    trial numbers); `hyper` has room for the optimizer's numbers.
    """
    packed, inputs_at, targets_at, origin, trials = data
    batch = cell.batch
    size = group.size
    position = ((step - origin) % group.pass_steps) * batch
    if cell.fused:
        return _take_steps(memory, layers, cell, data, tables, numbers, size, position, step, until, stop)
    h, schedule = cell.hyper, advance(numbers, cell.schedule)
    for i in range(HYPERPARAMETERS):
        hyper[i] = h[i]
    while step < until:
        if item(stop, 0) != 0:
            return step
        if cell.schedule_rows > 0:
            hyper[0] = h[0] * factor(schedule, 0, cell.schedule_rows, step)
        count = min(batch, size - position)
        samples = (packed, inputs_at, targets_at, size, position, count)
        noise = (group.seed, trials, (step // group.pass_steps) * size + position)
        batch_step(memory, layers, cell, samples, tables, numbers, pointer(hyper), step, noise)
        step += 1
        position += count
        if position >= size:
            position = 0
    return step


@jit.entry
def train(
    packs: Any,
    integer_packs: Any,
    groups: Any,
    cell_table: Any,
    layer_table: Any,
    axes: Any,
    number_table: Any,
    training_points: Any,
    evaluation_points: Any,
    trials: Any,
    scratch: Any,
    records: Any,
    stop_flag: Any,
) -> Any:
    """Train the trials of these numbers in every cell of a group; returns how many, from the first, were finished.

    Args:
        packs: pack array with room for what the tables of `mcstudy.kernels.layout` address.
        integer_packs: pack array of uint32: trial numbers (low words, high words), then the sort keys of a pass.
        groups, cell_table, layer_table: tables of `mcstudy.kernels.layout`; one group.
        axes: (rows, 3) grid axes: low, high, points.
        number_table: flat array of float64: constants of the task, schedules, parameters to reach.
        training_points, evaluation_points: pairs of flat arrays, inputs and targets, of what all trials
            share; empty where each trial has its own.
        trials: (trials,) int64, any numbers in any order.
        scratch: address of packs for checks and noise.
        records: arrays by cell and trial: outcome (int8), steps (int32), a triple of losses (first, last, best;
            float64), step of the best (int32), notes (cells, trials, notes) as `mcstudy.training.diagnosis` has them,
            in the precision of the packs, finals (cells, kept trials, parameters), history (cells, kept trials,
            checks), trace (cells, kept trials, checks, parameters); the last three may be empty.
        stop_flag: one int64; another thread sets it to stop after the current step.
    """
    memory, integers, stop = pointer(packs), pointer(integer_packs), pointer(stop_flag)
    layers, cells, numbers = pointer(layer_table), pointer(cell_table), pointer(number_table)
    tables = (pointer(training_points[0]), pointer(training_points[1]))
    points = (pointer(evaluation_points[0]), pointer(evaluation_points[1]))
    group = groups[0]
    lanes = lane_count(memory)
    count = cell_table.shape[0]
    running = np.empty((count, lanes), np.int64)
    best = np.empty((count, lanes, 2), np.float64)
    reached = np.empty(count, np.int64)
    due = np.empty(count, np.int64)
    hyper = np.empty(HYPERPARAMETERS, np.float64)
    own_set = group.source == TRIAL
    base_targets = group.base + group.size * group.inputs
    ring_targets = group.ring + group.size * group.inputs
    packed = group.source != TABLE or group.shuffled or group.spread
    number = group.size if own_set else evaluation_points[0].shape[0] // group.inputs
    evaluation = (own_set, group.base, group.clean, number, number, integers)
    if group.spread:
        spread(memory, group.ring, tables[0], group.size * group.inputs)
        spread(memory, ring_targets, tables[1], group.size * group.outputs)
    longest = 0
    for c in range(count):
        longest = max(longest, item(cells, c).steps)
    last = trials.shape[0] - 1
    for row in range(0, last + 1, lanes):
        put_trials(integers, trials, row)
        if own_set:
            draw_samples(memory, group, numbers, group.base, base_targets, FIRST, group.size, DATA, integers)
            if group.noise > 0.0:
                for i in range(group.size * group.outputs):
                    store(memory, group.clean + i, load(memory, base_targets + i))
                add_noise(memory, group, base_targets, FIRST, group.size, scratch, integers)
        for c in range(count):
            for lane in range(lanes):
                running[c, lane] = RUNNING if row + lane <= last else ABSENT
                best[c, lane, 0] = np.inf
                best[c, lane, 1] = np.inf
            cell = item(cells, c)
            initialise(memory, layers, cell, axes, group.seed, integers)
            if cell.scaled:
                scale(cell.scale, (memory, layers, cell, *evaluation, *points))
            reached[c] = 0
            due[c] = 0
        active = count
        step: Any = np.int64(0)
        while active > 0:
            until = longest
            if group.source == FRESH:
                until = min(longest, step + group.pass_steps)
                samples = (until - step) * group.batch
                drawn = step * group.batch
                draw_samples(memory, group, numbers, group.ring, ring_targets, drawn, samples, DATA, integers)
                if group.noise > 0.0:
                    add_noise(memory, group, ring_targets, drawn, samples, scratch, integers)
            elif group.shuffled:
                until = min(longest, step + group.pass_steps)
                put_in_order(group.shuffle, (memory, integers, group, step // group.pass_steps, *tables))
            data = (packed, group.ring, ring_targets, step, integers)
            for c in range(count):
                cell = item(cells, c)
                end = min(until, cell.steps)
                while reached[c] >= 0 and (reached[c] < end or reached[c] == due[c]):
                    goal = min(end, due[c])
                    at = reached[c]
                    at = _advance(memory, layers, cell, group, data, tables, numbers, hyper, at, goal, stop)
                    reached[c] = at
                    if item(stop, 0) != 0:
                        return row
                    if reached[c] == due[c]:
                        state = (scratch, row, running, best)
                        record_check(memory, layers, cell, c, evaluation, points, numbers, state, records, due[c])
                        due[c] = min(due[c] + cell.every, cell.steps)
                        if not _any_running(running, c):
                            settle(memory, layers, cell, c, evaluation, points, numbers, state, records)
                            reached[c] = -1
                            active -= 1
            step = until
    return last + 1
