"""Parts of users' files: from a user's function to a part of a catalog, with compiled code around the function.

`mcstudy.parts` holds the decorators that users write; this is what they make.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS, Activation
from mcstudy.catalog.inits import INITS, Distribution, Init, Recipe
from mcstudy.catalog.inits.recipe import BIAS
from mcstudy.catalog.inputs import INPUTS
from mcstudy.catalog.part import REQUIRED, OpenTable, Parameter, Part
from mcstudy.catalog.tasks import TASKS, Task
from mcstudy.kernels.layout import CUSTOM
from mcstudy.kernels.users import called, gather, scatter

CATALOGS: dict[str, OpenTable[Any]] = {"activation": ACTIVATIONS, "task": TASKS, "init": INITS}
"""The catalogs that take parts of users' files."""

SOURCE = "a Python file beside the study"
MOST_NUMBERS = {"activation": 2, "task": 64, "init": 4}
RESERVED = {"name", "bias"}
LABELS = ("real", "binary", "signs", "classes")


class PartMistake(Exception):
    """What is wrong with the way a user's file makes a part."""


class Loading(NamedTuple):
    """A file that is being loaded: the digest of its source, and the parts found so far, each with its catalog."""

    origin: str
    found: list[tuple[str, Part]]


_loading: ContextVar[Loading] = ContextVar("loading", default=Loading("", []))  # noqa: B039  replaced, never filled


@contextmanager
def loading(origin: str) -> Iterator[Loading]:
    """Collect the parts that are made meanwhile, as those of a file with this digest."""
    begun = Loading(origin, [])
    token = _loading.set(begun)
    try:
        yield begun
    finally:
        _loading.reset(token)


def add_activation(function: Callable[..., Any], given: Mapping[str, Any], surrogate: bool) -> Any:
    """Make an activation of (z, parameters) → (f, f'); returns the function, compiled."""
    compiled, inputs, parameters = _read("activation", function, given)
    if len(inputs) != 1:
        raise PartMistake(f"{function.__name__} has to take z, then its parameters; {_listed(inputs)}")
    call = called(compiled, 1 + len(parameters), 2)

    @jit.scalar
    def pair(z: Any, a: Any, b: Any) -> Any:
        return call((z, a, b))

    made = Activation(
        *_head(function), parameters, origin=_origin(), function=pair, written=compiled, surrogate=surrogate
    )
    return _done(compiled, "activation", made)


def add_task(
    function: Callable[..., Any], given: Mapping[str, Any], outputs: int, distribution: Any, samples: str, labels: str
) -> Any:
    """Make a task of (inputs, parameters) → targets; returns the function, compiled."""
    compiled, inputs, parameters = _read("task", function, given)
    if not inputs:
        raise PartMistake(f"{function.__name__} has to take at least one input")
    if not isinstance(outputs, int) or isinstance(outputs, bool) or outputs < 1:
        raise PartMistake(f"outputs = {outputs!r} is not an integer of 1 or more")
    for word, value, known in (("labels", labels, LABELS), ("samples", samples, ("fresh", "trial", "shared"))):
        if value not in known:
            raise PartMistake(f"{word} = {value!r} is not one of {', '.join(known)}")
    if (labels == "classes") != (outputs > 1) and labels != "real":
        raise PartMistake(f'labels = "{labels}" does not go with outputs = {outputs}')
    row = gather(len(inputs), len(parameters))
    call = called(compiled, len(inputs) + len(parameters), outputs)

    @jit.scalar
    def target(memory: Any, at: Any, step: Any, out: Any, inputs: Any, outputs: Any, c: Any, scratch: Any) -> None:
        scatter(memory, out, step, call(row(memory, at, step, c)))

    made = Task(
        *_head(function),
        parameters,
        origin=_origin(),
        inputs=len(inputs),
        outputs=outputs,
        input=_distribution(distribution),
        samples=samples,
        labels=labels,
        target=target,
    )
    return _done(compiled, "task", made)


def add_init(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Make an initialisation of (u, fan_in, fan_out, parameters) → a draw; returns the function, compiled."""
    compiled, inputs, parameters = _read("init", function, given)
    if len(inputs) != 3:
        raise PartMistake(
            f"{function.__name__} has to take u, fan_in and fan_out, then its parameters; {_listed(inputs)}"
        )
    names, key = list(parameters), Part(*_head(function), origin=_origin()).key

    def recipe(chosen: Mapping[str, Any], fan_in: int, fan_out: int) -> Recipe:
        a, b, c, d, *_ = [*(chosen[name] for name in names), 0.0, 0.0, 0.0, 0.0]
        return Recipe(Distribution(CUSTOM, a, b, c, d, key))

    draw = called(compiled, 3 + len(parameters), 1)
    made = Init(*_head(function), dict(parameters) | BIAS, origin=_origin(), recipe=recipe, draw=draw)
    return _done(compiled, "init", made)


def _done(compiled: Any, noun: str, part: Part) -> Any:
    if _origin():
        _loading.get().found.append((noun, part))
    return compiled


def _origin() -> str:
    return _loading.get().origin


def _head(function: Callable[..., Any]) -> tuple[str, str, str]:
    """Name, formula and source of a part."""
    return function.__name__, " ".join((function.__doc__ or "").split()), SOURCE


def _read(noun: str, function: Any, given: Mapping[str, Any]) -> tuple[Any, list[str], dict[str, Parameter]]:
    """A user's function compiled, the names of its arguments before the parameters, and the parameters."""
    if not inspect.isfunction(function) or not function.__name__.isidentifier():
        raise PartMistake(f"{noun}(...) has to stand above a function with a name, not {function!r}")
    arguments = inspect.signature(function).parameters.values()
    names = [argument.name for argument in arguments]
    if any(argument.kind is not argument.POSITIONAL_OR_KEYWORD for argument in arguments):
        raise PartMistake(f"the arguments of {function.__name__} have to be plain names")
    if any(argument.default is not argument.empty for argument in arguments):
        raise PartMistake(f"the defaults of {function.__name__} belong into @{noun}(...)")
    inputs = names[: len(names) - len(given)]
    if names[len(inputs) :] != list(given):
        raise PartMistake(
            f"the last arguments of {function.__name__} have to be the parameters of @{noun}(...), in their order: "
            f"{_listed(names)} and {', '.join(given)}"
        )
    if len(given) > MOST_NUMBERS[noun]:
        raise PartMistake(f"{function.__name__} has {len(given)} parameters, and {MOST_NUMBERS[noun]} are the most")
    return jit.routine(function), inputs, {name: _parameter(name, value) for name, value in given.items()}


def _parameter(name: str, value: Any) -> Parameter:
    made = value if isinstance(value, Parameter) else Parameter(value)
    default = made.default
    if name in RESERVED:
        raise PartMistake(f"a parameter cannot be called {name}")
    if made.kind != "number" or (
        default is not REQUIRED
        and (not isinstance(default, int | float) or isinstance(default, bool) or not math.isfinite(default))
    ):
        raise PartMistake(f"{name} = {value!r} is not a number, and parameters of one's own parts are")
    return made


def _listed(names: list[str]) -> str:
    return f"its arguments are {', '.join(names)}" if names else "it has no arguments"


def _distribution(given: Any) -> dict[str, Any]:
    """The settings of an input distribution, with defaults."""
    table = {"name": given} if isinstance(given, str) else given
    part = INPUTS.get(str(table.get("name"))) if isinstance(table, Mapping) else None
    if part is None:
        raise PartMistake(f"input = {given!r} is not a distribution of inputs: {', '.join(INPUTS)}")
    made = {"name": part.name} | part.defaults() | {name: value for name, value in table.items() if name != "name"}
    numbers = {name: value for name, value in made.items() if name != "name"}
    if set(numbers) != set(part.parameters) or not all(isinstance(value, int | float) for value in numbers.values()):
        raise PartMistake(f"input = {given!r}: {part.name} needs the numbers {', '.join(part.parameters)}")
    wrong = part.check(made) if part.check else None
    if wrong or numbers.get("std", 1.0) <= 0:
        raise PartMistake(f"input = {given!r}: {wrong or 'std must be above 0'}")
    return {"name": part.name} | {name: float(value) for name, value in numbers.items()}
