"""The study that `python -m mcstudy new NAME` writes: small, quick, commented, ready to run."""

from __future__ import annotations

import re
from pathlib import Path

from mcstudy.errors import Fault, RunError, StudyError, shown

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)  # as `study.name` is checked

_TEXT = """\
# A study: train a small network many times from random weights, and count how each training ends.
#     python -m mcstudy plan {name}.toml      shows the cells and trains nothing
#     python -m mcstudy run {name}.toml       trains what is missing, writes reports/{name}/
#     python -m mcstudy list                  shows what can be named here

[study]
name     = "{name}"
title    = "One unit learning a ReLU"
question = "How often does a single unit without a bias learn y = max(0, x) from random weights?"
seed     = 1                    # another seed, other draws; the same seed, the same bytes
trials   = 1000                 # per cell

[task]
name    = "relu"                # the function to learn
input   = "normal"              # x ~ N(0, 1); or {{ name = "uniform", low = -1, high = 1 }}
samples = "fresh"               # a new batch for each step; or "trial" or "shared" with size = ...
batch   = 100                   # points per step

[network]
hidden = []                     # widths of the hidden layers, such as [4, 4]; here the output unit alone
bias   = false
output = "activation"           # the output unit has the activation too; or "linear"

[train]
loss  = "mse"
steps = 1000                    # or epochs = ..., where the samples are not fresh

[converge]
loss = 1e-4                     # a trial has converged once the evaluation loss is this small

[vary]                          # every combination is a cell; the last key varies fastest
activation = ["relu", {{ name = "leaky_relu", negative_slope = 0.01 }}]
init       = ["normal", "he_normal"]
optimizer  = [{{ name = "sgd", lr = 0.05 }}]    # a learning rate has no default
# "network.hidden" = [[], [4], [4, 4]]          # any other key varies by its dotted name in quotes

[[where]]                       # settings for the cells that match
match = {{ activation = "leaky_relu" }}         # a leaky unit cannot be exactly a ReLU,
set   = {{ "converge.loss" = 1e-3 }}            # so it gets a wider goal
"""


def new_study(name: str) -> str:
    """The text of a starter study.

    Raises:
        StudyError: a name that no study can have.
    """
    if not _NAME.fullmatch(name):
        message = f"{shown(name)} is not a name of up to 100 letters, digits, - and _"
        raise StudyError([Fault("$.study.name", name, message)])
    return _TEXT.format(name=name)


def write_study(name: str) -> Path:
    """Writes a starter study to ``NAME.toml`` in the current folder; returns that.

    Raises:
        StudyError: a name that no study can have.
        RunError: the file is there, or cannot be written.
    """
    path = Path(f"{name}.toml")
    text = new_study(name)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RunError(f"{path}: is already there, and nothing is overwritten; choose another name") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
    return path
