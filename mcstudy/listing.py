"""What a study can name, read from the catalogs themselves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from mcstudy.catalog.part import REQUIRED, Part

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


def catalogs() -> dict[str, Mapping[str, Part]]:
    """The catalogs by their names. They are imported here: naming them costs no compiler import."""
    return {kind: getattr(import_module(f"mcstudy.catalog.{kind}"), table) for kind, table in _HOMES.items()}


def entries(kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    """Parts as plain data: kind, name, parameters (default, or None where a study has to give it), formula, source."""
    return [
        {
            "kind": kind,
            "name": part.name,
            "parameters": part.defaults(),
            "formula": part.formula,
            "source": part.source,
        }
        for kind in kinds
        for part in catalogs()[kind].values()
    ]


def text(kinds: tuple[str, ...]) -> str:
    """The same for reading."""
    blocks = []
    for kind in kinds:
        lines = [kind.upper()]
        for part in catalogs()[kind].values():
            parameters = ", ".join(
                name if parameter.default is REQUIRED else f"{name}={_default(parameter.default)}"
                for name, parameter in part.parameters.items()
            )
            lines.append(f"  {part.name}({parameters})" if parameters else f"  {part.name}")
            lines.append(f"      {part.formula}")
            lines.append(f"      source: {part.source}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _default(value: Any) -> str:
    return str(value["name"]) if isinstance(value, Mapping) else repr(value)
