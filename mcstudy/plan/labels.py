"""How settings are shown in tables and figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

LONGEST = 300
"""Most characters of a label: tables and figures are made of them."""


def label(value: Any, catalog: Mapping[str, Any] | None = None, valid: Any = None) -> str:
    """The label of a value as a study file writes it.

    A part shows its name and the parameters that are written, in the catalog's order, as Python `repr`:
    ``relu``, ``adam(lr=0.001, betas=(0.9, 0.99))``, ``he_normal(bias=constant(value=0.1))``. Other values are JSON:
    ``[4, 4]``, ``true``, ``"float64"``. One of more than `LONGEST` characters is cut and ends in a digest of all of it,
    so that labels differ where values do.

    Args:
        value: a bare name or a table of a part, or any other value.
        catalog: the parts by name where the key holds a part.
        valid: the same value as settings have it, where that may be another: parts of users' files have longer names.
    """
    text = _label(value, catalog, valid)
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 20]} ... #{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return text


def _label(value: Any, catalog: Mapping[str, Any] | None, valid: Any) -> str:
    if catalog is None:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return value
    valid = value if valid is None else valid
    part = catalog[valid["name"]]
    written = [
        f"{name}={_shown(value[name], catalog, parameter.kind, valid[name])}"
        for name, parameter in part.parameters.items()
        if name in value
    ]
    return f"{part.name}({', '.join(written)})" if written else str(part.name)


def _shown(value: Any, catalog: Mapping[str, Any], kind: str, valid: Any) -> str:
    if kind in ("init", "base_init"):
        return label(value, catalog, valid)
    if kind == "schedules":
        return f"[{', '.join(label(part, catalog) for part in value)}]"
    return repr(tuple(value) if isinstance(value, list) else value)
