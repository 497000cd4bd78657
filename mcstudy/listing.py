"""What a study can name, read from the catalogs themselves: for the terminal, as data, and as a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from mcstudy.catalog.part import REQUIRED, Parameter, Part

_HOMES = {
    "activations": "ACTIVATIONS",
    "inits": "INITS",
    "optimizers": "OPTIMIZERS",
    "losses": "LOSSES",
    "tasks": "TASKS",
    "inputs": "INPUTS",
    "schedules": "SCHEDULES",
    "regularizers": "REGULARIZERS",
}
"""The table of each catalog module."""

KINDS = tuple(_HOMES)
"""The names that the `list` command takes."""

_KEYS = {
    "activations": '`network.activation` (short: `activation`). `network.output` takes them too, and `"activation"` '
    '(the hidden units\') and `"sum"` (the last hidden units, added). z is what a unit sums up: its weighted inputs '
    "and its bias. Derivatives at kinks are PyTorch's.",
    "inits": "`network.init` (short: `init`). They start the weights of every layer; `bias` starts the biases, which "
    "are 0 where nothing is said (but torch_default and rai start them too). fan_in and fan_out are a layer's numbers "
    "of inputs and of units.",
    "optimizers": "`train.optimizer` (short: `optimizer`). p is a parameter, g its gradient, s, t and u what the "
    "optimizer remembers of it, all 0 at first unless said otherwise, n = 1, 2, … the step. While g = 0, a running "
    "mean stays as it is rather than fall below 2⁻⁹⁵ (2⁻⁹⁹¹ in float64).",
    "losses": "`train.loss`. o is an output, y its target. Averaged over samples and, but for softmax_cross_entropy, "
    "over outputs.",
    "tasks": "`task.name`. x is an input, y a target. Data are what a study gets that says nothing of them.",
    "inputs": "`task.input`: what the inputs of a task without points of its own are drawn from.",
    "schedules": "`train.schedule`. The factor of the optimizer's lr, n = 0, 1, … being the steps that are done.",
    "regularizers": "`train.regularizer`: what is added to the loss when training; evaluation leaves it out. Weights "
    "only, never biases.",
}
"""The key of a study that takes the parts of a catalog, and what the letters in its formulas stand for."""

_NAMING = (
    "A part is a bare name, which takes its defaults, or a table of its name and parameters; `adamw` needs an lr, so "
    'it is `{ name = "adamw", lr = 0.01 }`. Names and parameters are those of PyTorch where PyTorch has the part, else '
    "of Keras. Where the two differ, the default follows the source named first, and a parameter or the note beside it "
    "gives the other."
)

_PAGE = (
    "# What a study can name",
    "Made by `python -m mcstudy list --markdown` from the catalogs that the program runs on.",
    _NAMING,
)


def catalogs() -> dict[str, Mapping[str, Part]]:
    """The catalogs by their names. They are imported here: naming them costs no compiler import."""
    return {kind: getattr(import_module(f"mcstudy.catalog.{kind}"), table) for kind, table in _HOMES.items()}


def entries(kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    """Parts as plain data.

    Returns:
        For each: kind, name, parameters (default by name; None where there is none), required (the names that a study
        has to give), details (of every parameter: default, required, accepts, doc), formula, source; data (which a
        study that says nothing else gets) of the tasks.
    """
    return [
        {
            "kind": kind,
            "name": part.name,
            "parameters": part.defaults(),
            "required": [name for name, parameter in part.parameters.items() if parameter.default is REQUIRED],
            "details": {
                name: {
                    "default": part.defaults()[name],
                    "required": parameter.default is REQUIRED,
                    "accepts": accepts(parameter),
                    "doc": parameter.doc,
                }
                for name, parameter in part.parameters.items()
            },
            "formula": part.formula,
            "source": part.source,
            **({"data": _data(part)} if _data(part) else {}),
        }
        for kind in kinds
        for part in catalogs()[kind].values()
    ]


def text(kinds: tuple[str, ...]) -> str:
    """The same for reading in a terminal."""
    blocks = []
    for kind in kinds:
        lines = [kind.upper()]
        for part in catalogs()[kind].values():
            parameters = ", ".join(
                name if parameter.default is REQUIRED else f"{name}={_shown(parameter.default)}"
                for name, parameter in part.parameters.items()
            )
            lines.append(f"  {part.name}({parameters})" if parameters else f"  {part.name}")
            lines.append(f"      {part.formula}")
            lines += [f"      {name}: {accepts(value)}; {value.doc}" for name, value in part.parameters.items()]
            if data := _data(part):
                lines.append(f"      data: {data}")
            lines.append(f"      source: {part.source}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def markdown(kinds: tuple[str, ...]) -> str:
    """The same as a page for GitHub: a section and a table for each catalog."""
    found = catalogs()
    links = [f"- [{kind}](#{kind}): {', '.join(f'`{name}`' for name in found[kind])}" for kind in kinds]
    blocks = [*_PAGE, "\n".join(links)]
    for kind in kinds:
        rows = ["| name | what it is | parameters | source |", "| --- | --- | --- | --- |"]
        rows += [f"| {' | '.join(_row(part))} |" for part in found[kind].values()]
        blocks += [f"## {kind.capitalize()}", _KEYS[kind], "\n".join(rows)]
    return "\n\n".join(blocks) + "\n"


def accepts(parameter: Parameter) -> str:
    """What a study may write for a parameter, in words: ``a number of 0 or more``."""
    bounds = _bounds(parameter)
    match parameter.kind:
        case "number":
            return f"a number{bounds}"
        case "integer":
            return f"an integer{bounds}"
        case "boolean":
            return "true or false"
        case "text":
            return "text"
        case "choice":
            return " or ".join(f'"{choice}"' for choice in parameter.choices)
        case "gain":
            return "a number above 0, or the name of an activation for its gain"
        case "init":
            return "an init that draws each number by itself"
        case "base_init":
            return "an init that others can build on"
    low, high = parameter.length or (1, None)
    count = f"{low} " if low == high else f"{low} to {high} " if high else ""
    return f"a list of {count}{parameter.kind}{bounds}"


def _bounds(parameter: Parameter) -> str:
    if parameter.ge is not None and parameter.le is not None:
        return f" from {parameter.ge:g} to {parameter.le:g}"
    ends = [("of {:g} or more", parameter.ge), ("above {:g}", parameter.gt), ("of at most {:g}", parameter.le)]
    told = [words.format(bound) for words, bound in [*ends, ("below {:g}", parameter.lt)] if bound is not None]
    return " " + " and ".join(told) if told else ""


def _shown(default: Any) -> str:
    """A default as a study writes it, a part by its name, numbers to six digits."""
    if isinstance(default, Mapping):
        return str(default["name"])
    if isinstance(default, tuple | list):
        return f"[{', '.join(map(_shown, default))}]"
    return f"{default:.6g}" if isinstance(default, float) else "none" if default is None else json.dumps(default)


def _data(part: Part) -> str:
    """The data of a task by its defaults, in words; nothing for other parts."""
    from mcstudy.catalog.tasks import Task

    if not isinstance(part, Task) or part.inputs is None:
        return ""
    parameters = part.defaults()
    if (points := part.own_points(parameters)) is not None:
        return f"{len(points)} points of its own"
    if part.own_inputs:
        return f"{part.samples}; it draws its inputs itself"
    drawn = part.own_input(parameters)
    assert drawn is not None
    numbers = ", ".join(f"{name} = {value:.6g}" for name, value in drawn.items() if name != "name")
    return f"{part.samples}; inputs {drawn['name']}({numbers})"


def _row(part: Part) -> Iterator[str]:
    """The cells of a part."""
    yield f"`{part.name}`"
    data = _data(part)
    yield "<br>".join(_escaped(line) for line in [*part.formula.split(";  "), *([f"Data: {data}."] if data else [])])
    told = []
    for name, parameter in part.parameters.items():
        required = parameter.default is REQUIRED
        default = "" if required or parameter.optional else f" = {_shown(parameter.default)}"
        state = "required, " if required else "optional, " if parameter.optional else ""
        told.append(f"`{name}{default}`: {state}{_escaped(accepts(parameter))}; {_escaped(parameter.doc)}")
    yield "<br>".join(told) or "none"
    yield _escaped(part.source)


def _escaped(words: str) -> str:
    """Text such that a table's cell shows it as it is."""
    words = re.sub(r"([\\`*\[\]|~$])", r"\\\1", words.replace("&", "&amp;").replace("<", "&lt;"))
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", words)
