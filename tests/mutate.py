"""Studies gone wrong: values, keys and tables of a good study changed, deleted, doubled, retyped or moved, as TOML."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

NUMBERS = [
    0, 1, -1, 2, 7, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**12, 10**19, 10**400,
    0.0, -0.0, 0.5, 1e-300, 5e-324, 1e38, 1e39, 1e308, -1e308, math.nan, math.inf, -math.inf, 65536, 65537, 1e9,
]  # fmt: skip
TEXTS = [
    "", " ", "a", "relu", "sgd", "adam", "table", "grid", "all", "fresh", "trial", "shared", "linear", "normal", "sum",
    "../../../etc/passwd", "/dev/zero", "/dev/stdin", "..", ".", "~", "C:\\con", "nul", "x" * 100_000, "é" * 300,
    "\x1b[31mred\x1b[0m", "\x07\x08\x00", "\u202egnp.exe", "\u2066\u2069", "\u2028\u2029", "𝕏" * 50, "$\\frac{1}{",
    "<script>alert(1)</script>", "![x](http://a)", "=1+1", "{{ 7 * 7 }}", "{0.__class__}", "%s%n", "'\"`", "\n\n# x",
    "-----", "a.b.c", "network.bias", "train.steps", "task", "\ufeff", "\ud7ff", "\U0010ffff",
]  # fmt: skip
MANY = 3000

Place = tuple[Any, Any]
"""A container and the key or position of a value in it."""


def places(data: Any) -> Iterator[Place]:
    """Every value within tables and lists, outer ones first."""
    items = list(data.items()) if isinstance(data, dict) else list(enumerate(data))
    for key, value in items:
        yield data, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutated(study: dict[str, Any], others: list[dict[str, Any]], chance: random.Random, changes: int) -> dict[str, Any]:
    """A copy of a study with some changes; `others` lend their values."""
    data = copy.deepcopy(study)
    for _ in range(changes):
        found = list(places(data))
        if not found:
            break
        chance.choice(_CHANGES)(data, *chance.choice(found), others, chance)
    return data


def _delete(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    del holder[key]


def _number(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    holder[key] = chance.choice(NUMBERS)


def _text(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    holder[key] = chance.choice(TEXTS)


def _borrow(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    other, at = chance.choice(list(places(chance.choice(others))))
    holder[key] = copy.deepcopy(other[at])


def _swap(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    other, at = chance.choice(list(places(data)))
    holder[key], other[at] = copy.deepcopy(other[at]), copy.deepcopy(holder[key])


def _wrap(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    value = holder[key]
    holder[key] = chance.choice([[value], [value, value], {"name": value}, {str(key): value}, [[]], {}, [], True])


def _unwrap(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    value = holder[key]
    inner = list(value.values()) if isinstance(value, dict) else value
    holder[key] = chance.choice(inner) if isinstance(inner, list) and inner else str(value)


def _rename(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    names = [at for _, at in places(chance.choice(others)) if isinstance(at, str)]
    name = chance.choice([*names, *TEXTS[:30]])
    if isinstance(holder, dict):
        holder[name] = holder.pop(key)
    else:
        holder[key] = {name: holder[key]}


def _add(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    other, at = chance.choice(list(places(chance.choice(others))))
    if isinstance(holder, dict):
        holder[at if isinstance(at, str) else chance.choice(TEXTS)] = copy.deepcopy(other[at])
    else:
        holder.insert(key, copy.deepcopy(other[at]))


def _repeat(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    value = holder[key]
    small = len(json.dumps(value, default=str)) < 100
    holder[key] = [copy.deepcopy(value) for _ in range(MANY if small else 3)]


def _deepen(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    value, table = holder[key], chance.random() < 0.5
    for _ in range(chance.choice([3, 40, 100])):
        value = {"a": value} if table else [value]
    holder[key] = value


def _long(data: Any, holder: Any, key: Any, others: Any, chance: random.Random) -> None:
    holder[key] = [float(i) for i in range(MANY)] if chance.random() < 0.5 else list(range(MANY))


_CHANGES: list[Callable[..., None]] = [
    _delete, _number, _number, _number, _text, _text, _borrow, _borrow, _swap, _wrap, _unwrap, _rename, _add, _repeat,
    _deepen, _long,
]  # fmt: skip


def toml(data: dict[str, Any]) -> str:
    """A study as TOML, whatever shape it has: tables of the top level as such, all else inline."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for key, value in data.items():
        if isinstance(value, dict):
            lines += [f"[{_key(key)}]", *(f"{_key(name)} = {_value(item)}" for name, item in value.items())]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return _quoted(key)


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's, but for the pairs of surrogates, and DEL has to be one.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def broken(text: str, chance: random.Random) -> bytes:
    """A text with a few of its characters or lines lost, doubled or replaced."""
    lines = text.splitlines(keepends=True)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        line = lines[at]
        cut = chance.randrange(len(line) + 1)
        lines[at] = chance.choice(
            ["", line + line, line[:cut], line[:cut] + chance.choice("[]{}\"'=,.#\x00\x1b\ud7ff\n") + line[cut:]]
        )
    content = "".join(lines).encode()
    if chance.random() < 0.2:
        at = chance.randrange(len(content) + 1)
        content = content[:at] + bytes([chance.randrange(256)]) + content[at:]
    return content
