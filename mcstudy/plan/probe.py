"""The points at which trained networks are asked."""

from __future__ import annotations

import numpy as np

from mcstudy.errors import Fault, shown
from mcstudy.plan.chosen import Chosen


def probe_points(chosen: Chosen, inputs: int) -> list[list[float]] | None:
    """`task.probe` of a cell as lists of `inputs` numbers, None where it is not given; faults go to `chosen`.

    A task of one input takes numbers too.
    """
    given = chosen.get("task.probe")
    if given is None:
        return None
    points: list[list[float]] = []
    path = chosen.paths["task.probe"]
    precision = chosen.get("train.precision")
    largest = float(np.finfo(precision).max)
    for i, value in enumerate(given):
        point = [float(x) for x in value] if isinstance(value, list | tuple) else [float(value)]
        plain = list(value) if isinstance(value, tuple) else value
        if len(point) != inputs:
            wanted = "a number" if inputs == 1 else f"a list of {inputs} numbers"
            some = "1 input" if inputs == 1 else f"{inputs} inputs"
            message = f"{shown(plain)} is not a point of the task, which has {some}; give {wanted} for each point"
            chosen.faults.append(Fault(f"{path}[{i}]", plain, message))
        elif not all(abs(x) <= largest for x in point):
            message = f'{shown(plain)} is too large for {precision}; give smaller numbers, or precision = "float64"'
            chosen.faults.append(Fault(f"{path}[{i}]", plain, message))
        elif point in points:
            message = f"{shown(plain)} is there already, as point {points.index(point) + 1}; leave one of them out"
            chosen.faults.append(Fault(f"{path}[{i}]", plain, message))
        points.append(point)
    return points
