"""Which varied keys are axes: their levels are numbers, widths, or one number of a part."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mcstudy.plan.cells import Plan
from mcstudy.plan.labels import label
from mcstudy.spec import KEYS
from mcstudy.spec.values import Level

LEAST: Final = 3
"""Numbers that an axis has at least; fewer show no course."""
_HIDDEN = "network.hidden"
_DECADE = 10.0
_EVEN = 1.5
"""Steps of a geometric series may differ by this factor, on the logarithmic scale."""


@dataclass(frozen=True)
class Point:
    """A level on an axis.

    Attributes:
        line: the line it is on: the part without the number, the depth of a network; empty where there is one alone.
        value: the number.
        text: the number as it is shown.
        place: where it stands on the axis: the number or its logarithm to base 10.
    """

    line: str
    value: float
    text: str
    place: float


@dataclass(frozen=True)
class Axis:
    """A varied key that is an axis.

    Attributes:
        key: the key.
        quantity: the name of the number: the key itself, or what of its level changes, as in ``lr``.
        title: the name of the axis, which says where the number is from, as in ``lr of optimizer``.
        logarithmic: whether places are logarithms.
        points: the levels on it, by label; others are on no line.
    """

    key: str
    quantity: str
    title: str
    logarithmic: bool
    points: Mapping[str, Point]

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines in the order of the study."""
        return tuple(dict.fromkeys(point.line for point in self.points.values()))


@dataclass(frozen=True)
class _Spot:
    """A level that might be on an axis: its label, its line, its number."""

    label: str
    line: str
    value: float


def find_axes(plan: Plan) -> tuple[Axis, ...]:
    """The axes of a study, in the order of its keys.

    A key is an axis if at least `LEAST` of its levels are

    - different numbers, as of `train.steps`; other levels, as ``"all"`` of `task.batch`, are on no line;
    - hidden layers of one width, as many of them in each level: a line for each such number of layers;
    - parts of one name that differ in one number alone, as ``sgd(lr=0.001)``, ``sgd(lr=0.01)``, ``sgd(lr=0.1)``: a
      line for each name and setting of the other parameters. Where that holds for several parameters, the one with
      the most levels on its lines is taken, the first of them in the catalog's order.

    An axis is logarithmic where its numbers are positive (a zero may be among them: it stands apart, one step below
    the least of the others) and span a decade, or follow a geometric series more closely than an arithmetic one.
    """
    found = (_axis(key, levels) for key, levels in plan.study.levels.items())
    return tuple(axis for axis in found if axis is not None)


def _axis(key: str, levels: tuple[Level, ...]) -> Axis | None:
    catalog = KEYS[key].catalog
    if catalog is not None:
        return _of_parts(key, levels, catalog)
    names = [label(level.raw, None, level.value) for level in levels]
    if key == _HIDDEN:
        return _made(key, "units", "units of each hidden layer", list(_widths(levels, names)))
    spots = [
        _Spot(name, "", x) for level, name in zip(levels, names, strict=True) if (x := _number(level.value)) is not None
    ]
    return _made(key, key, key, spots)


def _number(value: Any) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _widths(levels: tuple[Level, ...], names: Iterable[str]) -> Iterable[_Spot]:
    for level, name in zip(levels, names, strict=True):
        widths = level.value
        if widths and len(set(widths)) == 1:
            yield _Spot(name, f"{len(widths)} hidden layer{'s' * (len(widths) > 1)}", float(widths[0]))


def _of_parts(key: str, levels: tuple[Level, ...], catalog: Mapping[str, Any]) -> Axis | None:
    """The axis of the parameter that puts the most levels on lines."""
    candidates = dict.fromkeys(
        name
        for level in levels
        for name, parameter in catalog[level.value["name"]].parameters.items()
        if parameter.kind in ("number", "integer")
    )
    best: Axis | None = None
    for parameter in candidates:
        groups: dict[str, list[tuple[Level, float]]] = {}
        for level in levels:
            number = _number(level.value.get(parameter))
            if number is not None:
                others = {name: value for name, value in level.value.items() if name != parameter}
                groups.setdefault(json.dumps(others, sort_keys=True), []).append((level, number))
        spots = []
        for members in groups.values():
            line = _without(members[0][0], parameter, catalog)
            spots += [_Spot(label(level.raw, catalog, level.value), line, number) for level, number in members]
        axis = _made(key, parameter, f"{parameter} of {key}", spots)
        if axis and (best is None or len(axis.points) > len(best.points)):
            best = axis
    return best


def _without(level: Level, parameter: str, catalog: Mapping[str, Any]) -> str:
    """The label of a part without one of its parameters."""
    if isinstance(level.raw, str):
        return label(level.raw, catalog, level.value)
    return label({name: value for name, value in level.raw.items() if name != parameter}, catalog, level.value)


def _made(key: str, quantity: str, title: str, spots: list[_Spot]) -> Axis | None:
    """The axis of the lines that have enough numbers; None without one."""
    by_line: dict[str, list[_Spot]] = {}
    for spot in spots:
        by_line.setdefault(spot.line, []).append(spot)
    kept = [spot for line in by_line.values() if len({spot.value for spot in line}) >= LEAST for spot in line]
    if not kept:
        return None
    values = sorted({spot.value for spot in kept})
    logarithmic = _is_logarithmic(values, by_line)
    places = _places(values, logarithmic)
    points = {spot.label: Point(spot.line, spot.value, _text(spot.value), places[spot.value]) for spot in kept}
    lines = {point.line for point in points.values()}
    if len(lines) == 1:
        (line,) = lines
        title = f"{quantity} of {line}" if KEYS[key].catalog is not None else title
        points = {name: Point("", point.value, point.text, point.place) for name, point in points.items()}
    return Axis(key, quantity, title, logarithmic, points)


def _is_logarithmic(values: list[float], by_line: Mapping[str, list[_Spot]]) -> bool:
    positive = [value for value in values if value > 0]
    if values[0] < 0 or len(positive) < 2:
        return False
    if positive[-1] / positive[0] >= _DECADE:
        return True
    lines = [sorted({spot.value for spot in line if spot.value > 0}) for line in by_line.values()]
    longest = max(lines, key=len)
    return len(longest) >= LEAST and _is_geometric(longest)


def _is_geometric(values: list[float]) -> bool:
    steps = [math.log(high / low) for low, high in itertools.pairwise(values)]
    gaps = [high - low for low, high in itertools.pairwise(values)]
    return max(steps) <= _EVEN * min(steps) and max(steps) / min(steps) < max(gaps) / min(gaps)


def _places(values: list[float], logarithmic: bool) -> dict[float, float]:
    if not logarithmic:
        return {value: value for value in values}
    places = {value: math.log10(value) for value in values if value > 0}
    first, last = min(places.values()), max(places.values())
    return ({0.0: first - (last - first) / (len(places) - 1)} if values[0] == 0 else {}) | places


def _text(value: float) -> str:
    """A number as it is shown: 0.001, 1e-05, 20,000."""
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value):,}"
    # Not every digit that a sum of floats may have, as in 0.30000000000000004.
    return f"{value:.6g}"
