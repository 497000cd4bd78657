"""A trial of a run folder trained again, compared with its row, and written down: a table, figures, a script."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mcstudy import export, files, sums
from mcstudy.again.folder import Run
from mcstudy.again.names import stretches
from mcstudy.again.trace import Trace, retrain
from mcstudy.again.verify import differences, shown
from mcstudy.errors import RunError
from mcstudy.figures.trace import Chart, Course, draw_course
from mcstudy.plan import Cell


class Recorded(NamedTuple):
    """A trial that was trained again.

    Attributes:
        trace: its training.
        folder: where it was written to.
        script: the exported script, or None.
        differs: its two rows, as text, where the stored one is another; else "".
        row: whether its row is stored; where summaries are kept, only whether it converged is.
    """

    trace: Trace
    folder: Path
    script: Path | None
    differs: str
    row: bool = True


def replay_into(run: Run, cell_id: str, trial: int, out: str | None = None, framework: str | None = None) -> Recorded:
    """Train a stored trial again and write its ``trace.csv``, figures, and a script for a framework.

    Args:
        run: the run.
        cell_id: the cell.
        trial: the trial's number.
        out: the folder to write to; ``replays/ID-N`` in the run's folder by default.
        framework: one of `mcstudy.export.FRAMEWORKS`, or None for no script.

    Raises:
        RunError: no such cell, no such trial is stored, the framework cannot do what the cell does, or the folder
            cannot be written to.
        StudyError: the data of the study cannot be read again.
    """
    run.check_arithmetic()
    cell = run.cell(cell_id)
    ranges = run.store.ranges(cell.id)
    row = any(first <= trial < last for first, last in ranges)
    converged = None if row else _converged(run, cell, trial)
    if not row and converged is None:
        known = " and ".join(f"{first:,} to {last - 1:,}" for first, last in ranges) or "none"
        raise RunError(
            f"{run.folder}: trial {trial:,} of cell {cell.id} ({cell.label}) is not stored; {known} are. "
            "From Python, mcstudy.replay(study, cell, trial) trains any trial"
        )
    tables = run.tables([cell])
    if framework is not None:
        export.check(cell, framework)
    trace = retrain(cell, tables, trial)
    computed = {name: np.array([value]) for name, value in trace.row.items()}
    stored = run.store.rows(cell.id, np.array([trial], np.int64)) if row else computed
    differs = ""
    if converged is not None and converged != (trace.outcome == "converged"):
        differs = f"stored:   {'converged' if converged else 'not converged'}\ncomputed: {trace.outcome}"
    if differences(cell, stored, computed):
        names = [*stored, *(name for name in computed if name not in stored)]
        rows = (
            kind + ", ".join(f"{name} {shown(columns, name, 0)}" for name in names)
            for kind, columns in (("stored:   ", stored), ("computed: ", computed))
        )
        differs = "\n".join(rows)
    contents = {"trace.csv": table(trace).encode(), **pictures(cell, trace)}
    script = None
    if framework is not None:
        title = f'Trial {trial} of cell {cell.id} ({cell.label}) of the study "{run.plan.study.name}"'
        exported = export.write(cell, tables, trial, trace.steps, trace.loss, trace.parameters[0], framework, title)
        contents |= exported
        script = next(iter(exported))
    folder = Path(run.folder) / "replays" / f"{cell.id}-{trial}" if out is None else Path(out)
    try:
        files.make_folder(folder)
        for name, content in contents.items():
            files.write_bytes(folder / name, content)
    except OSError as error:
        raise RunError(f"{error.filename or folder}: cannot be written ({error.strerror or error})") from error
    return Recorded(trace, folder, folder / script if script else None, differs, row)


def _converged(run: Run, cell: Cell, trial: int) -> bool | None:
    """Whether a trial converged, as a summary has it; None where none tells of it."""
    for shard in run.store.summaries.shards(cell.id):
        if shard.start <= trial < shard.stop:
            byte, bit = divmod(trial - shard.start, 8)
            return bool(sums.read(run.store, shard).converged[byte] >> (7 - bit) & 1)
    return None


def table(trace: Trace) -> str:
    """The trace as CSV: step, loss, every parameter, the activity of every unit; as many digits as tell bytes apart."""
    active = [name.replace(".unit", ".active") for name in trace.units]
    names = (f'"{name}"' if "," in name else name for name in ("step", "loss", *trace.names, *active))
    lines = [",".join(names)]
    for i, step in enumerate(trace.steps):
        values = (trace.loss[i], *trace.parameters[i], *trace.activity[i])
        lines.append(",".join(map(str, (step, *values))))
    return "\n".join(lines) + "\n"


def pictures(cell: Cell, trace: Trace) -> dict[str, bytes]:
    """The figures of a trace, PNG by file name."""
    parameters = []
    layers = len(cell.layers)
    plural = {"weight": "weights", "bias": "biases", "slope": "slope"}
    for part in stretches(cell.layers):
        where = f"layer {part.layer}" + (" (output)" if part.layer == layers else "")
        values = trace.parameters[:, part.first : part.stop]
        labels = tuple(name.partition(".")[2] for name in trace.names[part.first : part.stop])
        parameters.append(Chart(f"{where}: {plural[part.kind]}", values, labels, part.columns))
    activity = []
    owners = [name.partition(".")[0] for name in trace.units]
    for owner in dict.fromkeys(owners):
        own = [i for i, name in enumerate(owners) if name == owner]
        number = int(owner.removeprefix("layer"))
        where = f"layer {number}" + (" (output)" if number == layers else "")
        labels = tuple(trace.units[i].partition(".")[2] for i in own)
        where += ": evaluation points at which a unit is active, its derivative not zero"
        activity.append(Chart(where, 100 * trace.activity[:, own], labels, 1))
    title = f"trial {trace.trial:,} of cell {cell.id} ({cell.label}): {trace.outcome} at step {trace.steps[-1]:,}"
    course = Course(title, trace.steps, trace.loss, cell.settings["converge"]["loss"], parameters, activity)
    return draw_course(course)
