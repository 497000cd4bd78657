"""The report of a study: tables, figures and text in a run folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcstudy import files, statistics
from mcstudy.closeup import CLOSEUPS, Look, Writing
from mcstudy.drawers import Drawers
from mcstudy.errors import RunError
from mcstudy.figures import FIGURES, Drawn, draw
from mcstudy.report.build import build
from mcstudy.report.document import Picture
from mcstudy.report.render import csv, markdown, page

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan, Trials
    from mcstudy.store import Store

__all__ = ["TABLES", "write"]

TABLES = ("rates", "comparisons", "decisions", "effects", "times", "claims")
"""The frames that are written as CSV; decisions are those of a study that has `until.decided`, claims those of one that
makes some."""


def write(
    plan: Plan,
    store: Store,
    folder: str | os.PathLike[str],
    provenance: Mapping[str, Any] | None = None,
    trials: Trials = None,
    tallies: Mapping[str, statistics.Tally] | None = None,
    losses: Mapping[str, statistics.Columns] | None = None,
    drawers: Drawers | None = None,
) -> pd.DataFrame:
    """Writes the tables of `TABLES` as CSV, ``figures/*.png``, ``report.md`` and ``report.html``.

    All but the page are the same bytes whenever and wherever the same trials are reported. Each file is whole or
    absent; figures of an earlier report that this one does not have are removed.

    Args:
        plan: the cells.
        store: their trials.
        folder: where to; made where it is missing.
        provenance: what is known of the run (versions, machine, times); shown in ``report.html`` alone.
        trials: how many trials of each cell, from trial 0 on; by default all that the study asks for.
        tallies: of these, by the cell's id, where they are known.
        losses: quantiles of their losses likewise, as `mcstudy.statistics.Seen` has them.
        drawers: draw figures too; none by default.

    Returns:
        The rates, as in ``rates.csv``.

    Raises:
        RunError: trials are missing, or the folder cannot be written to.
    """
    frames = collect(plan, store, trials, tallies, losses)
    figures = _Figures(plan, frames, drawers or Drawers())
    figures.ask()
    with Writing(store) as writing:
        look = Look(plan, store, trials, frames["rates"], writing)
        for name, made in CLOSEUPS.items():
            frames[name] = made(look)
            figures.ask()
        tables = _tables(frames)
        document = build(plan, frames, figures.drawn, trials if isinstance(trials, int) else plan.study.trials)
    path = Path(folder)
    try:
        files.make_folder(path / "figures")
        pages = {block.name: block.png for block in document.blocks if isinstance(block, Picture)}
        written = {path / "figures" / f"{name}.png": image for name, image in pages.items()}
        written |= {path / f"{name}.csv": table for name, table in tables.items()}
        written[path / "report.md"] = markdown(document).encode()
        written[path / "report.html"] = page(document, provenance).encode()
        files.write_together(written)
        _remove_others(path / "figures", set(pages))
        for name in set(TABLES) - set(tables):
            (path / f"{name}.csv").unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{error.filename or path}: cannot be written ({error.strerror or error})") from error
    rates: pd.DataFrame = frames["rates.csv"]
    return rates


def _tables(frames: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of `TABLES` that there is a frame for."""
    found = {name: frames.get(f"{name}.csv", frames.get(name)) for name in TABLES}
    return {
        name: csv(frame, "%.8g" if name == "effects" else None).encode()
        for name, frame in found.items()
        if frame is not None
    }


class _Figures:
    """The figures of a report, which are asked for as soon as `frames` has what they draw."""

    def __init__(self, plan: Plan, frames: Mapping[str, Any], drawers: Drawers) -> None:
        self._keys, self._early = plan.keys, plan.study.study.until is not None
        self._frames, self._drawers = frames, drawers
        self._asked: dict[str, Future[Drawn] | None] = {}

    def ask(self) -> None:
        """Has the drawers begin with what is there now."""
        for name, drawing in FIGURES.items():
            if name not in self._asked and drawing.frame in self._frames:
                frame = self._frames[drawing.frame]
                self._asked[name] = self._drawers.ask(name, frame, self._keys, self._early)

    def drawn(self) -> dict[str, Drawn]:
        """All of them, by name."""
        # The drawers begin with the first.
        return {name: self._drawn(name) for name in reversed(FIGURES)}

    def _drawn(self, name: str) -> Drawn:
        drawing = FIGURES[name]
        there = self._drawers.take(self._asked[name])
        return draw(drawing, self._frames[drawing.frame], self._keys, self._early) if there is None else there


def collect(
    plan: Plan,
    store: Store,
    trials: Trials = None,
    tallies: Mapping[str, statistics.Tally] | None = None,
    losses: Mapping[str, statistics.Columns] | None = None,
) -> dict[str, Any]:
    """What a report tells of the trials of all cells, by name: the frames of `mcstudy.statistics`, and its judge.

    Rates are there twice: as ``rates.csv`` has them, and (rates) with the intervals that the report tells.

    Args:
        plan: the cells.
        store: their trials.
        trials, tallies, losses: as `write` takes them.

    Raises:
        RunError: trials are missing.
    """
    known = statistics.tallies(plan, store, trials) if tallies is None else tallies
    rates, method = statistics.rates(plan, store, trials, known), statistics.method_of(plan)
    restarts, times = statistics.restarts_and_times(plan, known)
    frames: dict[str, Any] = {
        "rates.csv": rates,
        "rates": statistics.anytime(rates),
        "curves": statistics.curves(plan, store, trials, known),
        "losses": statistics.losses(plan, store, trials, losses),
        "axes": statistics.axes(plan, known),
        "effects": statistics.effects(plan, known),
        "restarts": restarts,
        "times": times,
        "comparisons": statistics.comparisons(plan, known, method),
        "judge": statistics.Judge.of(plan, known, method),
    }
    until = plan.study.study.until
    if until is not None and until.decided is not None:
        frames["decisions"] = statistics.stopping.decisions(plan, known)
    if plan.claims:
        frames["claims"] = statistics.claims(plan, known)
    return frames


def _remove_others(folder: Path, names: set[str]) -> None:
    """Removes pages that only an earlier report had; no file that is not a figure's."""
    ours = re.compile(rf"({'|'.join(map(re.escape, FIGURES))})(-\d+)?")
    for file in folder.glob("*.png"):
        if ours.fullmatch(file.stem) and file.stem not in names:
            file.unlink(missing_ok=True)
