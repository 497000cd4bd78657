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
        ("activation", np.int64),  # position in the catalog
        ("kind", np.int64),  # one of OTHER, RELU, LEAKY_RELU
        ("a", np.float64),  # the activation's parameters
        ("b", np.float64),
        ("weight_init", np.int64),  # position in the table of distributions, with its parameters
        ("weight_a", np.float64),
        ("weight_b", np.float64),
        ("bias_init", np.int64),
        ("bias_a", np.float64),
        ("bias_b", np.float64),
    ]
)

HYPERPARAMETERS = 8

CELL = np.dtype(
    [
        ("first_layer", np.int64),
        ("layers", np.int64),
        ("parameters", np.int64),  # address; layer by layer, weights row by row, then biases
        ("count", np.int64),  # number of parameters
        ("slots", np.int64),  # address of the optimizer's state: `slot_count` × `count` packs
        ("slot_count", np.int64),
        ("snapshot", np.int64),  # address of parameters and slots at the last check, or -1
        ("gradients", np.int64),  # address of `count` packs
        ("targets", np.int64),  # address of outputs × tile packs
        ("tile", np.int64),  # samples that pass through the network together
        ("grid", np.int64),  # first row of the cell's grid axes, or -1
        ("optimizer", np.int64),
        ("hyper", np.float64, (HYPERPARAMETERS,)),
        ("rate_at", np.int64),  # which of `hyper` is the learning rate
        ("loss", np.int64),
        ("loss_a", np.float64),
        ("batch", np.int64),
        ("steps", np.int64),
        ("every", np.int64),
        ("threshold", np.float64),
        ("fused", np.bool_),  # one sample a step, plain SGD: backward pass and update are one
        ("bias_decay", np.bool_),
        ("after_update", np.bool_),
    ]
)

GROUP = np.dtype(
    [
        ("seed", np.int64),
        ("inputs", np.int64),
        ("outputs", np.int64),
        ("task", np.int64),
        ("task_a", np.float64),
        ("distribution", np.int64),  # of the inputs: NORMAL or UNIFORM, with two parameters
        ("input_a", np.float64),
        ("input_b", np.float64),
        ("source", np.int64),  # one of TABLE, FRESH, TRIAL
        ("shuffled", np.bool_),
        ("size", np.int64),  # samples in a pass; for FRESH those that the ring holds
        ("batch", np.int64),
        ("staging", np.int64),  # address where several inputs are drawn before they are put into columns
        ("spread", np.bool_),  # the table is repeated over the lanes once, into the ring
        ("ring", np.int64),  # address of inputs × size packs, then outputs × size: what the cells train on
        ("base", np.int64),  # likewise, in the order drawn, where `shuffled` fills the ring from it
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

CONSTANT, GAUSSIAN, TRUNCATED, FLAT, GRID = range(5)
"""Distributions of initial parameters: value `a`; normal (mean a, sd b); the same cut at two b and then
as it is; uniform on [a, b]; a grid point by the trial's number."""

CONVERGED, DIVERGED, DEAD, STUCK, UNFINISHED = range(5)
"""Codes of the outcomes, in the order of `mcstudy.outcomes.OUTCOMES`."""

RUNNING, RAN_OUT, ABSENT = -1, -2, -3
"""States of a lane that is not settled: still training; out of steps, its outcome not yet told; no trial at all."""
