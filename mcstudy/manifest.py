"""run.json: what was run, with what, and the digest of every cell's rows."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mcstudy.errors import RunError
from mcstudy.plan import ARITHMETIC, Cell, Plan
from mcstudy.spec import Study
from mcstudy.store import Store

PACKAGES = ("numpy", "numba", "llvmlite", "pandas", "pyarrow", "scipy", "seaborn", "matplotlib", "pydantic")
TRAINING = ("versions", "kernel_hash", "cpu", "threads", "started", "training_seconds", "trained")
"""What tells how the stored trials were trained."""


class Clock:
    """When a run began, and how long it trained, in seconds."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._start = time.perf_counter()
        self.training_seconds = 0.0

    def trained(self) -> None:
        """Training has ended."""
        self.training_seconds = time.perf_counter() - self._start


def write(
    plan: Plan, store: Store, trials: int, trained: int, threads: int | None, clock: Clock, command: str | None
) -> dict[str, Any]:
    """Write the manifest of a run and return it.

    A run that trained nothing keeps what is known of the training, and the whole record where it reports the same.
    """
    from mcstudy import jit

    manifest = {
        "study": plan.study.data,
        "file": None if plan.study.file is None else os.path.abspath(plan.study.file),
        "trials": trials,
        "cells": [{"id": cell.id, "labels": cell.labels, "settings": cell.settings} for cell in plan.cells],
        "arithmetic": ARITHMETIC,
        "versions": versions(),
        "kernel_hash": jit.kernel_hash(),
        "cpu": cpu(),
        "threads": threads or _cores(),
        "command": command,
        "started": clock.started,
        "training_seconds": round(clock.training_seconds, 3),
        "trained": trained,
        "digest": {cell.id: store.digest(cell.id, trials) for cell in plan.cells},
    }
    before = store.read_manifest() if trained == 0 else None
    if before is not None:
        manifest |= {key: before[key] for key in TRAINING if key in before}
        if all(manifest[key] == before.get(key) for key in ("study", "trials", "cells", "digest")):
            return before
    store.write_manifest(manifest)
    return manifest


def plan_of(manifest: Mapping[str, Any], folder: str) -> Plan:
    """The plan that a manifest records, without the data of its tables: they were needed for training alone.

    Raises:
        RunError: `folder`, where the manifest lies, holds another kind of file.
        StudyError: the study is no longer valid.
    """
    try:
        study = Study.model_validate(manifest["study"], file=manifest["file"])
        cells = [Cell(cell["id"], i, cell["labels"], cell["settings"]) for i, cell in enumerate(manifest["cells"])]
        int(manifest["trials"])
    except (KeyError, TypeError) as error:
        raise RunError(f"{os.path.join(folder, 'run.json')}: is not the record of a run ({error!r})") from error
    return Plan(study, tuple(cells), tuple(study.levels), {})


def versions() -> dict[str, str]:
    """Versions of mcstudy, of Python, and of the packages that results and reports are made with."""
    from mcstudy import __version__

    found = {"mcstudy": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def cpu() -> str:
    """The processor, as the system names it and as kernels are compiled for it."""
    import llvmlite.binding

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name} ({llvmlite.binding.get_host_cpu_name()})"


def _cores() -> int:
    from mcstudy.engine.threads import available_threads

    return available_threads()


def provenance(manifest: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the HTML report shows of a manifest."""
    if manifest is None:
        return None
    shown = {
        "started": manifest.get("started"),
        "training": f"{manifest.get('training_seconds')} s on {manifest.get('threads')} threads",
        "trials trained": manifest.get("trained"),
        "command": manifest.get("command"),
        "processor": manifest.get("cpu"),
        "seed": manifest.get("study", {}).get("study", {}).get("seed"),
        "kernels": manifest.get("kernel_hash"),
        "versions": ", ".join(f"{k} {v}" for k, v in manifest.get("versions", {}).items()),
        "system": f"{platform.system()} {os.uname().machine if hasattr(os, 'uname') else platform.machine()}",
    }
    return {name: value for name, value in shown.items() if value is not None}
