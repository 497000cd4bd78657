"""run.json: what was run, with what, and the digest of every cell's rows."""

from __future__ import annotations

import os
import platform
import shlex
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mcstudy import git, sums
from mcstudy.errors import RunError
from mcstudy.plan import ARITHMETIC, Cell, Plan, Selection, Trials
from mcstudy.spec import Study
from mcstudy.store import DIGEST_LAYOUT, Store

PACKAGES = ("numpy", "numba", "llvmlite", "pandas", "pyarrow", "scipy", "seaborn", "matplotlib", "pydantic")
TRAINING = ("versions", "kernel_hash", "cpu", "threads", "git", "started", "training_seconds", "trained")
"""What tells how the stored trials were trained."""


REPORTED = ("study", "trials", "counts", "cells", "digest_layout", "digest")
"""What tells which trials are reported."""

SHAPE = {"study": dict, "trials": int, "cells": list, "versions": dict, "digest": dict}
"""What a manifest cannot do without."""


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
    plan: Plan,
    store: Store,
    trials: Trials,
    trained: int,
    threads: int | None,
    clock: Clock,
    command: str | None,
    digests: Mapping[str, str],
) -> dict[str, Any]:
    """Write the manifest of a run and return it.

    A run that trained nothing keeps what is known of the training, and the whole record where it reports the same, and
    the study lies where it lay if it needs files beside it. A record is replaced only if the rows that it vouches for
    are what they were; one that cannot be read vouches for nothing. Where `trials` is a number for each cell, the
    record has them as `counts`, beside the study's number.
    `digests` are those of the cells' rows, or of their sums.

    Raises:
        RunError: the rows of a cell are not those of the record that lies there, or are damaged.
    """
    from mcstudy import jit

    counts = plan.counts(trials)
    layout = sums.LAYOUT if plan.study.study.keep == "summary" else DIGEST_LAYOUT
    manifest: dict[str, Any] = {
        "study": plan.study.data,
        "file": None if plan.study.file is None else os.path.abspath(plan.study.file),
        "parts": plan.study.part_files,
        "trials": trials if isinstance(trials, int) else plan.study.trials,
        **({"counts": counts} if isinstance(trials, Mapping) else {}),
        "cells": [{"id": cell.id, "labels": cell.labels, "settings": cell.settings} for cell in plan.cells],
        "arithmetic": ARITHMETIC,
        "versions": versions(),
        "kernel_hash": jit.kernel_hash(),
        "cpu": cpu(),
        "threads": threads or _cores(),
        "command": command,
        "git": None if plan.study.file is None else git.state(plan.study.folder),
        "started": clock.started,
        "training_seconds": round(clock.training_seconds, 3),
        "trained": trained,
        "digest_layout": layout,
        "digest": dict(digests),
    }
    if plan.claims:
        manifest["claims"] = [[list(cells) for cells in selection] for selection in plan.claims]
    before = _before(store)
    if before is not None:
        _check_rows(plan, store, before, counts, digests if before.get("digest_layout") == layout else {})
        if trained == 0:
            manifest |= {key: before[key] for key in TRAINING if key in before}
            # Parts and tables are looked for beside the study, so where it lies now has to be known.
            beside = ("file",) if plan.tables or plan.study.part_files else ()
            if all(manifest.get(key) == before.get(key) for key in (*REPORTED, *beside)):
                return before
    store.write_manifest(manifest)
    return manifest


def _digest(store: Store, cell: Cell, count: int, layout: str) -> str:
    """The digest of a cell's first trials: of their rows, or of what they add up to, as the layout has it."""
    if layout == sums.LAYOUT:
        return sums.digest(store, cell.id, count, cell.settings.get("diagnose") is not None)
    return store.digest(cell.id, count)


def _before(store: Store) -> dict[str, Any] | None:
    """The manifest that lies there, None where it is of no use: damaged, or on the trials of another arithmetic."""
    try:
        found = store.read_manifest()
    except RunError:
        return None
    return found if found is not None and _is_record(found) and found.get("arithmetic") == ARITHMETIC else None


def _check_rows(
    plan: Plan, store: Store, before: Mapping[str, Any], counts: Mapping[str, int], digests: Mapping[str, str]
) -> None:
    """Make sure that the rows are those of an earlier manifest; `digests` are those of the trials of `counts`.

    A manifest of rows says nothing where they are gone, and one of summaries nothing where no summaries of so many
    trials are there.
    """
    known_counts, layout = reported(before), before.get("digest_layout", DIGEST_LAYOUT)
    summed = layout == sums.LAYOUT
    for cell in plan.cells:
        known = before["digest"].get(cell.id)
        count = known_counts if isinstance(known_counts, int) else known_counts.get(cell.id, 0)
        stored = [*(sums.covered(store, cell.id, count) if summed else store.ranges(cell.id)), (0, 0)][0]
        if not isinstance(known, str) or stored[0] > 0 or stored[1] < count:
            continue
        found = digests.get(cell.id) if count == counts[cell.id] else None
        if known != (found or _digest(store, cell, count, layout)):
            raise RunError(
                f"{store.where(cell.id)}: the rows of cell {cell.id} ({cell.label}) are not those that run.json "
                "vouches for (another digest); move this folder away and run again, which trains them again; or, if it "
                "is the record that is wrong, move run.json away and run again"
            )


def reported(manifest: Mapping[str, Any]) -> int | Mapping[str, int]:
    """How many trials of each cell a manifest vouches for: one number, or one by the cell's id."""
    found: int | Mapping[str, int] = manifest.get("counts", manifest["trials"])
    return found


def _is_record(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest has the shape of one."""
    shapes = all(isinstance(manifest.get(name), kind) for name, kind in SHAPE.items())
    counts = manifest.get("counts", {})
    whole = isinstance(counts, dict) and all(isinstance(count, int) and count > 0 for count in counts.values())
    return shapes and whole and isinstance(manifest.get("file"), str | None) and manifest["trials"] > 0


def plan_of(manifest: Mapping[str, Any], folder: str) -> Plan:
    """The plan that a manifest records, without the data of its tables: they were needed for training alone.

    Raises:
        RunError: `folder`, where the manifest lies, holds another kind of file.
        StudyError: the study is no longer valid.
    """
    try:
        if not _is_record(manifest):
            raise TypeError
        study = Study.model_validate(manifest["study"], file=manifest["file"])
        _check_parts(study, manifest.get("parts", {}))
        cells = [Cell(cell["id"], i, cell["labels"], cell["settings"]) for i, cell in enumerate(manifest["cells"])]
        claims = tuple(Selection(*map(tuple, sides)) for sides in manifest.get("claims", []))
        whole = "counts" not in manifest or set(manifest["counts"]) == {cell.id for cell in cells}
        if len(claims) != len(study.claim) or not whole:
            raise TypeError
    except (KeyError, TypeError) as error:
        raise RunError(
            f"{os.path.join(folder, 'run.json')}: is not the record of a run; "
            f"`python -m mcstudy run STUDY.toml --out {shlex.quote(folder)}` writes it anew"
        ) from error
    return Plan(study, tuple(cells), tuple(study.levels), {}, claims)


def _check_parts(study: Study, trained: Mapping[str, str]) -> None:
    """Make sure that the files of `study.parts` are those that the trials were trained with."""
    changed = [name for name, digest in study.part_files.items() if trained.get(name) != digest]
    if changed:
        raise RunError(
            f"{study.folder / changed[0]}: has changed since the trials were trained, so they are those of another "
            "study; run it again, which trains those cells anew, or put the old file back"
        )


def versions() -> dict[str, str]:
    """Versions of mcstudy, of Python, and of the packages that results and reports are made with."""
    from mcstudy import __version__

    found = {name: _version(name) for name in PACKAGES}
    return {"mcstudy": __version__, "python": platform.python_version(), **found}


@cache
def _version(package: str) -> str:
    """Of a package; its folder is looked for along the whole path, so once is enough."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


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
        "git": _told(manifest.get("git")),
        "processor": manifest.get("cpu"),
        "seed": manifest.get("study", {}).get("study", {}).get("seed"),
        "kernels": manifest.get("kernel_hash"),
        "versions": ", ".join(f"{k} {v}" for k, v in manifest.get("versions", {}).items()),
        "system": f"{platform.system()} {os.uname().machine if hasattr(os, 'uname') else platform.machine()}",
    }
    return {name: value for name, value in shown.items() if value is not None}


def _told(found: Mapping[str, Any] | None) -> str | None:
    """What git knew of the study's folder, in words."""
    if found is None:
        return None
    changed = found["changed"]
    return f"{found['commit']}{', with changes in ' * bool(changed)}{', '.join(changed)}"
