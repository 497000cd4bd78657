"""The tables of a study file, `[study]` to `[converge]`, as frozen pydantic models.

Every key outside `[study]` may be left to `[vary]` or `[[where]]`, so none is required here; `mcstudy.spec.whole` and
the plan say which keys are missing. A description becomes the text that editors show.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mcstudy.spec import kinds
from mcstudy.spec.parts import PartSettings, part


class Strict(BaseModel):
    """A table that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, defer_build=True)


class Weights(Strict):
    """Reaching given parameters as a criterion of convergence."""

    target: Annotated[tuple[float, ...], kinds.listing(kinds.number(), "a list of numbers", 1)] = Field(
        description="The parameters to reach, layer by layer."
    )
    within: Annotated[float, kinds.number(ge=0)] = Field(description="The largest distance of any parameter.")


class Until(Strict):
    """When to stop a cell before all of its trials; one of the two."""

    half_width: Annotated[float | None, kinds.number(gt=0, lt=0.5)] = Field(
        default=None, description="Stop when the interval of the rate is this narrow."
    )
    decided: Annotated[float | None, kinds.number(gt=0, lt=0.5)] = Field(
        default=None, description="Stop when differences from the baseline are decided this finely."
    )


class Task(Strict):
    """`[task]`: what to learn, and from which data."""

    name: Annotated[PartSettings | None, part("task")] = Field(
        default=None, description="The function to learn, or a table with its parameters."
    )
    input: Annotated[PartSettings | None, part("input")] = Field(
        default=None, description="The distribution of the inputs; the task's own where it is not given."
    )
    samples: Annotated[str | None, kinds.word("fresh", "trial", "shared")] = Field(
        default=None,
        description="fresh: a new batch each step; trial: points drawn once per trial; shared: one set for all.",
    )
    size: Annotated[int | None, kinds.integer(ge=1, le=kinds.LARGEST_COUNT)] = Field(
        default=None, description="How many points a trial learns from."
    )
    batch: Annotated[
        int | str | None,
        kinds.either(
            kinds.integer(ge=1, le=kinds.LARGEST_COUNT),
            kinds.word("all"),
            lambda value: not isinstance(value, str),
            'an integer from 1 to 2^31-1 or "all"',
        ),
    ] = Field(default=None, description="Points per step; all of them with the word all.")
    order: Annotated[str | None, kinds.word("sequential", "shuffled")] = Field(
        default=None, description="The order of the points; shuffled: anew in each pass."
    )
    noise: Annotated[float, kinds.number(ge=0)] = Field(
        default=0.0, description="Standard deviation of what is added to the targets when training."
    )
    probe: Annotated[
        tuple[Any, ...] | None,
        kinds.listing(
            kinds.either(
                kinds.number(),
                kinds.listing(kinds.number(), "a list of numbers", 1),
                lambda value: not isinstance(value, list),
                "a point: a number or a list of numbers",
            ),
            "a list of points, 1 to 1000",
            1,
            1000,
        ),
    ] = Field(
        default=None,
        description="Points at which trained networks are asked: numbers for one input, else lists of one per input.",
    )


class Network(Strict):
    """`[network]`: a dense network."""

    hidden: Annotated[
        tuple[int, ...] | None, kinds.listing(kinds.integer(ge=1, le=65536), "a list of widths (may be empty)", 0, 1000)
    ] = Field(default=None, description="The widths of the hidden layers; none for the output unit alone.")
    bias: Annotated[bool, kinds.boolean()] = Field(default=True, description="Whether units have biases.")
    activation: Annotated[PartSettings | None, part("activation")] = Field(
        default=None, description="The activation of the hidden units."
    )
    init: Annotated[PartSettings | None, part("init")] = Field(
        default=None, description="The initialiser of the parameters."
    )
    output: Annotated[PartSettings | str, part("output")] = Field(
        default="linear",
        validate_default=True,
        description="The output unit: linear, activation (the hidden units' own), sum, or an activation.",
    )
    dropout: Annotated[
        float | tuple[float, ...],
        kinds.either(
            kinds.number(ge=0, lt=1),
            kinds.listing(kinds.number(ge=0, lt=1), "a list of rates"),
            lambda value: not isinstance(value, list),
            "a rate of 0 or more and below 1, or a list of one per hidden layer",
        ),
    ] = Field(default=0.0, description="Rate at which hidden units are left out when training.")


class Train(Strict):
    """`[train]`: how to learn."""

    optimizer: Annotated[PartSettings | None, part("optimizer")] = Field(
        default=None, description="The optimizer; its learning rate has no default."
    )
    loss: Annotated[PartSettings | str, part("loss")] = Field(
        default="mse", validate_default=True, description="The loss."
    )
    steps: Annotated[int | None, kinds.integer(ge=0, le=kinds.LARGEST_COUNT)] = Field(
        default=None, description="Steps of a trial; either this or epochs."
    )
    epochs: Annotated[int | None, kinds.integer(ge=0, le=kinds.LARGEST_COUNT)] = Field(
        default=None, description="Passes over the points, of ceil(size / batch) steps each; either this or steps."
    )
    precision: Annotated[str, kinds.word("float32", "float64")] = Field(
        default="float32", description="The precision of all of a trial's numbers."
    )
    schedule: Annotated[PartSettings | None, part("schedule")] = Field(
        default=None, description="How the learning rate changes from step to step."
    )
    clip_value: Annotated[float | None, kinds.number(gt=0)] = Field(
        default=None, description="The largest absolute value of a gradient's entry."
    )
    clip_norm: Annotated[float | None, kinds.number(gt=0)] = Field(
        default=None, description="The largest norm of the whole gradient."
    )
    regularizer: Annotated[PartSettings | None, part("regularizer")] = Field(
        default=None, description="What is added to the loss when training."
    )
    bias_update: Annotated[str, kinds.word("gradient", "decay")] = Field(
        default="gradient",
        description="decay: b -= lr * b instead of the bias's gradient, where |b| is 2^-95 or more (float64: 2^-991).",
    )
    backward: Annotated[str, kinds.word("exact", "after_update")] = Field(
        default="exact", description="after_update: the error passes back through weights that are already updated."
    )


class Converge(Strict):
    """`[converge]`: when a trial has learned; all criteria must hold at the same check."""

    loss: Annotated[float | None, kinds.number(ge=0)] = Field(default=None, description="The largest evaluation loss.")
    accuracy: Annotated[float | None, kinds.number(ge=0, le=1)] = Field(
        default=None, description="The smallest accuracy."
    )
    weights: Weights | None = Field(default=None, description="Parameters to reach.")
    every: Annotated[int | None, kinds.integer(ge=1, le=kinds.LARGEST_COUNT)] = Field(
        default=None, description="Steps between checks; max(1, steps // 100) where it is not given."
    )
