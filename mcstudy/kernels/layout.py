"""The tables that describe a group of cells to the kernels, and where everything lies in a thread's memory.

All packs of a thread live in one pack array, `memory`; every address here is an index into it. A group is a set of
cells that train on the same draws. Its description is made once, by `mcstudy.engine.program`, and only read by kernels.
"""

from __future__ import annotations

import numpy as np

LAYER = np.dtype(
    [
        ("inputs", np.int64),
        ("outputs", np.int64),
        ("weights", np.int64),  # address of outputs × inputs packs, row by row
        ("biases", np.int64),  # address of `outputs` packs, or -1
        ("start", np.int64),  # address where sums start from: the biases (step 1), or a zero (step 0)
        ("start_row", np.int64),
        ("zero", np.int64),  # address of a zero
        ("source", np.int64),  # address of the layer's inputs: inputs × tile packs, unit by unit
        ("slope", np.int64),  # … of its sums z = W x + b, then of f'(z): outputs × tile
        ("after", np.int64),  # … of f(z)
        ("delta", np.int64),  # … of dLoss/dz
        ("number", np.int64),  # of the layer in its network
        ("fixed", np.bool_),  # its weights are all 1, and are no parameters
        ("activation", np.int64),  # address of the activation's loop
        ("kind", np.int64),  # one of OTHER, RELU, LEAKY_RELU
        ("a", np.float64),  # the activation's parameters
        ("b", np.float64),
        ("trained", np.int64),  # address of the activation's own trained parameter, or -1
        ("trained_start", np.float64),  # where that parameter starts
        ("random", np.int64),  # address of the activation's loop for training where its slopes are random, or 0
        ("extra", np.int64),  # address of df(z)/d(trained parameter), or of uniforms for random slopes: outputs × tile
        ("dropout", np.float64),  # share of the units left out when training
        ("scheme", np.int64),  # how weights depend on each other: one of NONE, ORTHOGONAL, …
        ("scheme_a", np.float64),
        ("mirrored", np.bool_),  # rows in pairs: the second is minus the first
        ("scaled", np.bool_),  # by the standard deviation of the layer's sums
        ("weight_init", np.int64),  # a distribution, with its parameters
        ("weight_a", np.float64),
        ("weight_b", np.float64),
        ("weight_c", np.float64),
        ("weight_d", np.float64),
        ("bias_init", np.int64),
        ("bias_a", np.float64),
        ("bias_b", np.float64),
        ("bias_c", np.float64),
        ("bias_d", np.float64),
        ("weight_loop", np.int64),  # address of the loop that draws, for CUSTOM
        ("bias_loop", np.int64),
    ]
)

HYPERPARAMETERS = 12

CELL = np.dtype(
    [
        ("first_layer", np.int64),
        ("layers", np.int64),
        ("parameters", np.int64),  # address; layer by layer, weights row by row, biases, the activation's parameter
        ("count", np.int64),  # number of parameters
        ("final", np.int64),  # address of `count` packs: the parameters at each lane's end
        ("notes", np.int64),  # address of `noted` packs: what is found out about the trials, see `training.diagnosis`
        ("noted", np.int64),
        ("slots", np.int64),  # address of the optimizer's state: `slot_count` × `count` packs
        ("slot_count", np.int64),
        ("snapshot", np.int64),  # address of parameters and slots at the last check, or -1
        ("gradients", np.int64),  # address of `count` packs, or more: room for `training.unit_shapes`
        ("targets", np.int64),  # address of outputs × tile packs
        ("tile", np.int64),  # samples that pass through the network together
        ("grid", np.int64),  # first row of the cell's grid axes, or -1
        ("scaled", np.bool_),  # whether a layer is
        ("optimizer", np.int64),  # address of the optimizer's loop
        ("hyper", np.float64, (HYPERPARAMETERS,)),  # the learning rate first
        ("schedule", np.int64),  # position in `numbers` of the schedule's rows, and how many rows
        ("schedule_rows", np.int64),
        ("loss_value", np.int64),  # addresses of the loss's loops
        ("loss_gradient", np.int64),
        ("loss_a", np.float64),
        ("loss_terms", np.int64),  # losses of a sample: one per output, or one
        ("mse", np.bool_),
        ("adjusted", np.bool_),  # gradients are changed before the update, in one of these ways:
        ("l1", np.float64),
        ("l2", np.float64),
        ("repulsion", np.float64),
        ("clip_value", np.float64),  # 0: no limit
        ("clip_norm", np.float64),
        ("batch", np.int64),
        ("steps", np.int64),
        ("every", np.int64),
        ("threshold", np.float64),  # largest loss of a trial that has converged
        ("labels", np.int64),  # one of REAL, BINARY, CLASSES, where the accuracy counts; else REAL
        ("cut", np.float64),  # outputs above it are the larger label
        ("middle", np.float64),  # targets above it are
        ("accuracy", np.float64),  # smallest accuracy
        ("goal", np.int64),  # position in `numbers` of the parameters to reach, or -1
        ("within", np.float64),
        ("unrolled_steps", np.int64),  # addresses of the network's own loops, see `engine.unrolling`, or 0
        ("unrolled_gradients", np.int64),
        ("unrolled_losses", np.int64),
        ("unrolled_numbers", np.int64),  # position in `numbers` of what these take
        ("fused_loop", np.int64),  # addresses of general loops, where they are needed, see `training.seldom`
        ("scale", np.int64),
        ("fused", np.bool_),  # one sample a step, plain SGD, nothing else: backward pass and update are one
        ("bias_decay", np.bool_),
        ("after_update", np.bool_),
    ]
)

GROUP = np.dtype(
    [
        ("seed", np.int64),
        ("inputs", np.int64),
        ("outputs", np.int64),
        ("task", np.int64),  # address of the task's loop
        ("constants", np.int64),  # position in `numbers` of the task's constants
        ("scratch", np.int64),  # address of packs that the task may use, and how many
        ("scratch_packs", np.int64),
        ("noise", np.float64),  # standard deviation of what is added to the targets
        ("distribution", np.int64),  # of the inputs: NORMAL or UNIFORM, with two parameters
        ("input_a", np.float64),
        ("input_b", np.float64),
        ("source", np.int64),  # one of TABLE, FRESH, TRIAL
        ("shuffled", np.bool_),
        ("shuffle", np.int64),  # address of its loop
        ("size", np.int64),  # samples in a pass; for FRESH those that the ring holds
        ("batch", np.int64),
        ("staging", np.int64),  # address where several inputs are drawn before they are put into columns
        ("spread", np.bool_),  # the table is repeated over the lanes once, into the ring
        ("ring", np.int64),  # address of inputs × size packs, then outputs × size: what the cells train on
        ("base", np.int64),  # likewise, in the order drawn, where `shuffled` fills the ring from it
        ("clean", np.int64),  # address of the targets of `base` without noise
        ("rows", np.int64),  # address of `base`, or of the table, in rows of values of a sample, where `shuffled`
        ("row_step", np.int64),  # rows from a trial's first to the next trial's
        ("keys", np.int64),  # address in the integer memory of the sort keys of a pass
        ("pass_steps", np.int64),  # steps of a pass
    ]
)

OTHER, RELU, LEAKY_RELU = range(3)
"""Activations that single samples pass in place, where f(z) has the sign of z and tells the slope: `relu`, and
`leaky_relu` whose slope for z < 0 is not negative; and all others."""

TABLE, FRESH, TRIAL = range(3)
"""Where samples come from: a table of scalars, shared by all trials; draws at each step; a set drawn per trial."""

NORMAL, UNIFORM = range(2)
"""Distributions of inputs."""

CONSTANT, QUANTILE, FLAT, GRID, CUSTOM = range(5)
"""Distributions of initial parameters: value `a`; `a` + `b` times the standard normal quantile of `c` + `d` u, for a
uniform u; uniform on [a, b]; a grid point by the trial's number; what a user's function makes of a uniform."""

NONE, ORTHOGONAL, IDENTITY, SPARSE, RAI = range(5)
"""Schemes of a layer's weights, made from independent draws."""

REAL, BINARY, CLASSES = range(3)
"""What targets are: numbers; one of two labels each; a class, as the largest of several."""

CONVERGED, DIVERGED, DEAD, STUCK, UNFINISHED = range(5)
"""Codes of the outcomes, in the order of `mcstudy.outcomes.OUTCOMES`."""

RUNNING, RAN_OUT, ABSENT = -1, -2, -3
"""States of a lane that is not settled: still training; out of steps, its outcome not yet told; no trial at all."""
