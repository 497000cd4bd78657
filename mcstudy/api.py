"""What Python code calls: `load`, `run`, `replay`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcstudy.again.trace import Trace, replay
from mcstudy.errors import RunError, StudyError
from mcstudy.plan import Plan, Trials, make_plan
from mcstudy.spec import Study, check_study, load

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.drawers import Drawers
    from mcstudy.engine.run import Progress
    from mcstudy.statistics import Columns, Tally
    from mcstudy.store import Store

__all__ = ["Results", "RunError", "Study", "StudyError", "Trace", "load", "replay", "run"]


@dataclass(frozen=True)
class Results:
    """The trials of a study and what they add up to.

    Attributes:
        plan: the study's cells, in order.
        counts: trials of each cell that are reported, by its id.
        trained: trials that this run had to train, over all cells.
        folder: the run folder, None where nothing was written.
    """

    plan: Plan
    counts: Mapping[str, int]
    trained: int
    folder: Path | None
    _store: Store

    @cached_property
    def _tallies(self) -> dict[str, Tally]:
        from mcstudy import statistics

        return statistics.tallies(self.plan, self._store, self.counts)

    @cached_property
    def rates(self) -> pd.DataFrame:
        """A row per cell in plan order, with the columns of ``rates.csv``."""
        from mcstudy import statistics

        return statistics.rates(self.plan, self._store, self.counts, self._tallies)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Levels compared with the baseline's and with one another, trial by trial, as in ``comparisons.csv``."""
        from mcstudy import statistics

        return statistics.comparisons(self.plan, self._tallies, statistics.method_of(self.plan))

    @cached_property
    def times(self) -> pd.DataFrame:
        """Steps to converge, restarts and what they cost: a row per cell, with the columns of ``times.csv``."""
        from mcstudy import statistics

        return statistics.times(self.plan, self._tallies)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The claims of the study, graded: a row for each claim and cell, with the columns of ``claims.csv``.

        Empty for a study without claims.
        """
        from mcstudy import statistics

        return statistics.claims(self.plan, self._tallies)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row per trial: `cell`, then the columns of the stored trials; cells in plan order, trials ascending.

        Raises:
            RunError: the study keeps summaries, so there are none.
        """
        if self.plan.study.study.keep == "summary":
            raise RunError(
                f'{self.plan.study.name}: there is no row per trial, because study.keep is "summary"; "trials" keeps '
                "them, and mcstudy.replay(study, cell, trial) trains any one again"
            )
        import numpy as np
        import pandas as pd

        frames = []
        names = pd.Index([cell.id for cell in self.plan.cells])
        for cell in self.plan.cells:
            frame = self._store.read(cell.id, self.counts[cell.id])
            frame.insert(0, "cell", pd.Series(pd.Categorical.from_codes(np.full(len(frame), cell.index), names)))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)


def run(
    study: Study,
    trials: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    unit_trials: int | None = None,
    command: str | None = None,
    drawers: int = 0,
) -> Results:
    """Train what is missing of a study, and write the run folder where `out` names one.

    Args:
        study: from `load` or `Study.model_validate`.
        trials: trials per cell instead of the study's number; the most of them where `study.until` stops cells.
        seed: instead of the study's.
        out: the run folder; trials that it holds are not trained again. None keeps everything in memory.
        threads: worker threads; by default one for each core that the process may use.
        progress: is told how it goes.
        unit_trials: trials of a work unit; changes no result.
        command: how the run was started, for the record in ``run.json``.
        drawers: other processes of this Python that draw figures too, where there are enough of those.

    Raises:
        StudyError: the study cannot be run as it is, a cell that does not fit into memory included.
        RunError: `out` cannot be written to, another run is writing there, or memory has run out.
        ValueError: a number of threads or trials of a unit below 1.
        KeyboardInterrupt: Ctrl-C; what was finished is stored.
    """
    check_study(study, "run")
    for name, value in {"threads": threads, "unit_trials": unit_trials}.items():
        if value is not None and value < 1:
            raise ValueError(f"{name}={value}: it has to be at least 1")
    study = study.with_(trials=trials, seed=seed)
    plan = make_plan(study)
    from mcstudy.engine.linking import compile_own
    from mcstudy.engine.program import check_memory
    from mcstudy.engine.room import check_room
    from mcstudy.engine.run import Progress, set_aside, train
    from mcstudy.engine.threads import available_threads
    from mcstudy.store import FolderStore, MemoryStore
    from mcstudy.until import train_until

    def trained_and_counts(ended: Callable[[], None] | None = None) -> tuple[int, Trials]:
        if study.study.until is None:
            trained = train(plan, store, study.trials, threads, progress, unit_trials, ended=ended)
            return trained, study.trials
        return train_until(plan, store, threads, progress, unit_trials, ended)

    workers = threads or available_threads()
    check_memory(plan.cells, study.file, workers)
    store: Store = MemoryStore() if out is None else FolderStore(out)
    lacking = {cell.id: _lacking(study, store, cell.id) for cell in plan.cells}
    check_room(plan, lacking, None if out is None else os.fspath(out), workers)
    compile_own(plan.cells, study.file)
    if out is None:
        trained, counts = trained_and_counts()
        return Results(plan, plan.counts(counts), trained, None, store)
    from mcstudy import manifest, statistics
    from mcstudy.drawers import Drawers

    with store.held() as notice, Drawers(drawers, len(plan.cells)) as others:
        if notice:
            (progress or Progress()).note(notice)
        store.open()
        clock = manifest.Clock()
        set_aside(plan, store, progress)
        store.watcher = seen = statistics.Seen(plan)
        trained, counts = trained_and_counts(others.start)
        clock.trained()
        tallies, digests = seen.tallies_and_digests(store, counts)
        record = manifest.write(plan, store, counts, trained, threads, clock, command, digests)
        rates = write_report(plan, store, Path(out), record, counts, tallies, seen.losses, others)
    results = Results(plan, plan.counts(counts), trained, Path(out), store)
    results.__dict__.update(rates=rates, _tallies=tallies)
    return results


def _lacking(study: Study, store: Store, cell_id: str) -> int:
    """How many of the first trials of a cell are not stored."""
    from mcstudy.store import Store
    from mcstudy.sums import covered

    # The names of files tell it: what they hold is looked into later.
    known, trials = Store.ranges(store, cell_id), study.trials
    if study.study.keep == "summary":
        known = covered(store, cell_id, trials, known)
    return trials - sum(min(stop, trials) - start for start, stop in known if start < trials)


def write_report(
    plan: Plan,
    store: Store,
    folder: Path,
    record: dict[str, Any] | None,
    trials: Trials,
    tallies: Mapping[str, Tally] | None = None,
    losses: Mapping[str, Columns] | None = None,
    drawers: Drawers | None = None,
) -> pd.DataFrame:
    """Draw the report of the first stored `trials` of each cell; all the rest is as `report.write` has it."""
    from mcstudy import manifest, report

    return report.write(plan, store, folder, manifest.provenance(record), trials, tallies, losses, drawers)
