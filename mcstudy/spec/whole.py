"""What can be wrong between the keys of a study file: twice given, nowhere given, not possible together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from mcstudy.errors import Fault, path_text, shown
from mcstudy.spec.claims import claim_faults
from mcstudy.spec.faults import MOST_FAULTS
from mcstudy.spec.keys import SECTIONS, SHORT

EXCLUSIVE = {"train.steps": "train.epochs", "train.epochs": "train.steps"}
"""Keys of which a cell has one; setting one replaces the other."""

REQUIRED = ("task.name", "task.batch", "network.hidden", "network.activation", "network.init", "train.optimizer")
ONE_OF = (("train.steps", "train.epochs"), ("converge.loss", "converge.accuracy", "converge.weights"))


def whole_faults(data: Any, faults: list[Fault]) -> list[Fault]:
    """The faults of the parts of a file and those between them, one per path.

    Args:
        data: the study as written; any shape.
        faults: what is wrong with the parts.
    """
    if not isinstance(data, Mapping):
        return faults
    found = {fault.path: fault for fault in faults}
    for fault in _given_twice(data):
        found.setdefault(fault.path, fault)
    for fault in _until(data):
        found.setdefault(fault.path, fault)
    for fault in islice(claim_faults(_blocks(data, "claim")), MOST_FAULTS):
        if not any(path == fault.path or path.startswith(fault.path + ".") for path in found):
            found[fault.path] = fault
    # A misspelt key or table leaves its right name missing: one message says it.
    if not any("unknown key" in fault.message or "is not a table" in fault.message for fault in faults):
        for fault in _missing(data):
            found.setdefault(fault.path, fault)
    return list(found.values())


def dotted(written: str) -> str:
    """The dotted name of a key that may be written by its short name."""
    return SHORT.get(written, written)


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name)
    return table if isinstance(table, Mapping) else {}


def _blocks(data: Mapping[str, Any], name: str = "where") -> list[Mapping[str, Any]]:
    blocks = data.get(name)
    return [block if isinstance(block, Mapping) else {} for block in blocks] if isinstance(blocks, list) else []


def _written(data: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str | int, ...], Any]]:
    """Every value of the file that settles a key: its dotted name, its path, the value."""
    for section in ("study", *SECTIONS):
        for field, value in _table(data, section).items():
            yield f"{section}.{field}", (section, field), value
    for written, levels in _table(data, "vary").items():
        for i, value in enumerate(levels if isinstance(levels, list) else ()):
            yield dotted(written), ("vary", written, i), value
    for i, block in enumerate(_blocks(data)):
        for written, value in _table(block, "set").items():
            yield dotted(written), ("where", i, "set", written), value


def _given_twice(data: Mapping[str, Any]) -> Iterator[Fault]:
    varied: dict[str, str] = {}
    for written, value in _table(data, "vary").items():
        name, path = dotted(written), path_text(("vary", written))
        if name in varied:
            yield Fault(path, value, f'"{varied[name]}" and "{written}" are the same key; keep one')
        elif EXCLUSIVE.get(name) in varied:
            yield Fault(path, value, f"{name} and {EXCLUSIVE[name]} are both varied; keep exactly one")
        varied[name] = written
    train = _table(data, "train")
    if "steps" in train and "epochs" in train:
        both = f"train.steps = {shown(train['steps'])} and train.epochs = {shown(train['epochs'])}"
        yield Fault("$.train.epochs", train["epochs"], f"{both} are both given; keep exactly one")
    for i, block in enumerate(_blocks(data)):
        chosen: dict[str, str] = {}
        for written, value in _table(block, "set").items():
            name, path = dotted(written), path_text(("where", i, "set", written))
            if name in varied:
                yield Fault(path, value, f'"{written}" is varied; a block cannot set it')
            elif EXCLUSIVE.get(name) in varied:
                yield Fault(path, value, f'"{written}" would replace {EXCLUSIVE[name]}, which is varied')
            elif name in chosen or EXCLUSIVE.get(name) in chosen:
                other = chosen.get(name) or chosen[EXCLUSIVE[name]]
                yield Fault(path, value, f'"{other}" and "{written}" are both set; keep one')
            chosen[name] = written
        if block.get("set") == {}:
            yield Fault(
                path_text(("where", i, "set")), {}, "{} sets nothing; give at least one key, or remove the block"
            )


def _until(data: Mapping[str, Any]) -> Iterator[Fault]:
    until = _table(data, "study").get("until")
    if not isinstance(until, Mapping):
        return
    if _table(data, "study").get("keep") == "summary":
        text = 'goes with keep = "trials" alone: a summary cannot be cut where a cell stops; leave one of the two out'
        yield Fault("$.study.until", until, text)
    if data.get("claim"):
        text = "goes without claims: their intervals are those of a fixed number of trials; leave one of the two out"
        yield Fault("$.study.until", until, text)
    if not until:
        yield Fault("$.study.until", until, "says nothing; give half_width or decided")
    elif "half_width" in until and "decided" in until:
        yield Fault("$.study.until", until, "half_width and decided are both given; keep exactly one")
    elif "decided" in until and not any(isinstance(v, list) and len(v) > 1 for v in _table(data, "vary").values()):
        text = "no key has two levels, so there is nothing to decide between; give half_width, or vary a key"
        yield Fault("$.study.until.decided", until["decided"], text)


def _missing(data: Mapping[str, Any]) -> Iterator[Fault]:
    given = {name for name, _, _ in _written(data)} | {dotted(written) for written in _table(data, "vary")}
    for name in REQUIRED:
        if name not in given:
            yield missing_fault(name)
    for names in ONE_OF:
        if not given.intersection(names):
            yield missing_fault(*names)


def missing_fault(*names: str) -> Fault:
    """The fault of a key that is nowhere given; of several, any one would do."""
    section, _, field = names[0].partition(".")
    short = next((short for short, name in SHORT.items() if name == names[0]), f'"{names[0]}"')
    wanted = " or ".join(name.partition(".")[2] for name in names)
    return Fault(path_text((section, field)), None, f"missing; give {wanted} in [{section}], or {short} in [vary]")
