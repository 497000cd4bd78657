"""The parts of a script that are the same for every framework: data, batches, learning rates, the comparison."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from mcstudy.export.dialect import Dialect, Part
from mcstudy.plan import Cell

TOLERANCE = 1e-8
"""Largest relative difference of a loss from the recorded one that a script of a float64 trial accepts."""

FACTORS = {
    "constant": "1.0",
    "step": "{gamma!r} ** ({k} // {step_size!r})",
    "exponential": "{gamma!r} ** {k}",
    "cosine": "{low!r} + (1 - {low!r}) * (1 + math.cos(math.pi * {k} / {T_max!r})) / 2",
    "linear": "{start_factor!r} + ({end_factor!r} - {start_factor!r}) * min({k}, {total_iters!r}) / {total_iters!r}",
}
"""What a schedule multiplies the learning rate by in step {k} = 0, 1, …"""


def script(dialect: Dialect, cell: Cell, arrays: Mapping[str, NDArray[Any]], kept: set[str], title: str) -> str:
    """The script of a trial; `arrays` of the names in `kept` lie in ``trial.npz`` beside it."""
    body = dialect.lines(cell)
    schedule = factor_lines(dialect, cell)
    math = ["import math"] if any("math." in line for line in [*schedule, *body.setup, *body.step]) else []
    standard = [*math, *(["from pathlib import Path"] if kept else [])]
    blocks = [
        _docstring(dialect, cell, kept, title),
        [*standard, *[""] * bool(standard), "import numpy as np", *body.imports],
        _data(arrays, kept),
        _batch(cell),
        schedule,
        list(body.setup),
        ["def step(n):", *(f"    {line}" if line else "" for line in body.step)],
        ["def evaluate():", f"    return float({body.evaluate})"],
        _comparison(cell),
    ]
    lines: list[str] = []
    for block in blocks:
        if block:
            apart = 2 if lines and (block[0].startswith("def ") or _ends_function(lines)) else 1
            lines += [*[""] * (apart if lines else 0), *block]
    return "\n".join(lines) + "\n"


def _ends_function(lines: Sequence[str]) -> bool:
    return lines[-1].startswith("    ")


def _docstring(dialect: Dialect, cell: Cell, kept: set[str], title: str) -> list[str]:
    precision = cell.settings["train"]["precision"]
    lines = [
        f'r"""{title},',
        f"repeated in {dialect.title}. Written by mcstudy.",
        "",
        "Start, samples, order of the batches and settings are those of the trial; everything is computed in float64.",
    ]
    if precision == "float64":
        lines.append(f"The losses at the checks must agree with those recorded to {TOLERANCE:g}, relative.")
    else:
        lines.append("The trial itself was computed in float32, so its losses differ by roundings, which training may")
        lines.append('magnify; with train.precision = "float64" in the study they agree to the last few digits.')
    beside = ", and trial.npz beside it" if kept else ""
    return [*lines, "", f"Needs {dialect.needs}{beside}.", '"""']


def _data(arrays: Mapping[str, NDArray[Any]], kept: set[str]) -> list[str]:
    notes = {
        "start": "layer by layer: weights (out, in) row by row, biases",
        "x": "inputs and targets of the samples",
        "orders": "the samples in the order of each pass",
        "points": "where the loss is evaluated",
        "checks": "steps, and the losses that mcstudy recorded there",
    }
    lines = ['stored = np.load(Path(__file__).with_name("trial.npz"))'] if kept else []
    for name, values in arrays.items():
        if name in notes:
            lines.append(f"# {notes[name]}")
        value = f'stored["{name}"]' if name in kept else f"np.array({_literal(values)})"
        lines += textwrap.wrap(f"{name} = {value}", 110, subsequent_indent="    ", break_long_words=False)
    if "points" not in arrays:
        lines += ["# where the loss is evaluated", "points, answers = x, y"]
    return lines


def _literal(values: NDArray[Any]) -> str:
    """An array as Python; with nan and inf as NumPy names them."""
    return repr(values.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")


def _batch(cell: Cell) -> list[str]:
    task = cell.settings["task"]
    size, batch = task["size"], task["batch"]
    head = ["def batch(n):", '    """The samples of step n = 0, 1, …"""']
    if task["samples"] == "fresh":
        return [*head, f"    return x[n * {batch} : (n + 1) * {batch}], y[n * {batch} : (n + 1) * {batch}]"]
    if batch >= size:
        return [*head, "    return x, y"]
    a_pass = -(-size // batch)
    if task["order"] == "shuffled":
        return [
            *head,
            f"    number, first = n // {a_pass}, n % {a_pass} * {batch}",
            f"    chosen = orders[number, first : first + {batch}]",
            "    return x[chosen], y[chosen]",
        ]
    return [
        *head,
        f"    first = n % {a_pass} * {batch}",
        f"    return x[first : first + {batch}], y[first : first + {batch}]",
    ]


def factor_lines(dialect: Dialect, cell: Cell) -> list[str]:
    """The function ``factor(n)`` of a cell's schedule; nothing without one.

    Raises:
        RunError: the schedule has no counterpart.
    """
    train = cell.settings["train"]
    part, steps, lr = train["schedule"], train["steps"], train["optimizer"]["lr"]
    if part is None:
        return []
    head = ["def factor(n):", '    """What the learning rate is multiplied by in step n = 0, 1, …"""']
    if part["name"] == "chained":
        factors = [_factor(dialect, cell, piece, 0, steps, lr) for piece in part["schedules"]]
        return [*head, f"    return {' * '.join(f'({code})' for code in factors)}"]
    if part["name"] != "sequential":
        return [*head, f"    return {_factor(dialect, cell, part, 0, steps, lr)}"]
    starts, ends = [0, *part["milestones"]], [*part["milestones"], None]
    lines = head
    for piece, first, end in zip(part["schedules"], starts, ends, strict=True):
        code = _factor(dialect, cell, piece, first, steps if end is None else min(end, steps), lr)
        lines += [f"    return {code}"] if end is None else [f"    if n < {end}:", f"        return {code}"]
    return lines


def _factor(dialect: Dialect, cell: Cell, part: Part, first: int, end: int, lr: float) -> str:
    from mcstudy.catalog.schedules import SCHEDULES

    if part["name"] not in FACTORS:
        dialect.refuse(cell, f"train.schedule {part['name']} has no counterpart there")
    settings = SCHEDULES[part["name"]].defaults() | dict(part)
    if part["name"] == "cosine":
        settings["T_max"] = settings["T_max"] or max(end - first, 1)
        settings["low"] = settings["eta_min"] / lr
    return FACTORS[part["name"]].format(k=f"(n - {first})" if first else "n", **settings)


def _comparison(cell: Cell) -> list[str]:
    lines = [
        "worst, n = 0.0, 0",
        'print("step loss recorded")',
        'with np.errstate(all="ignore"):',
        "    for check, expected in zip(checks.tolist(), recorded.tolist()):",
        "        while n < check:",
        "            step(n)",
        "            n += 1",
        "        loss = evaluate()",
        "        print(check, loss, expected)",
        "        if loss != expected and np.isfinite(expected):",
        "            gap = abs(loss - expected) / max(abs(expected), 1e-300)",
        "            worst = max(worst, gap) if gap == gap else np.inf",
        'print(f"largest relative difference: {worst:.1e}")',
    ]
    if cell.settings["train"]["precision"] == "float64":
        lines.append(f"raise SystemExit(int(worst > {TOLERANCE:g}))")
    return lines
