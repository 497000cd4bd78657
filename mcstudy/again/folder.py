"""A run folder as the commands that come after the run open it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcstudy import manifest
from mcstudy.errors import RunError, StudyError, did_you_mean
from mcstudy.plan import ARITHMETIC, Cell, Plan, Table, make_plan
from mcstudy.store import FolderStore


@dataclass(frozen=True)
class Run:
    """A run as its folder records it.

    Attributes:
        folder: where it lies.
        plan: its cells, without the data of tables.
        store: its trials.
        record: what ``run.json`` says.
    """

    folder: str
    plan: Plan
    store: FolderStore
    record: Mapping[str, Any]

    def cell(self, cell_id: str) -> Cell:
        """The cell of this id.

        Raises:
            RunError: there is none; the message has the nearest.
        """
        for cell in self.plan.cells:
            if cell.id == cell_id:
                return cell
        ids = [cell.id for cell in self.plan.cells]
        near = did_you_mean(cell_id, ids) or f"; it has {', '.join(ids[:8])}" + (", ..." if len(ids) > 8 else "")
        raise RunError(f'{self.folder}: no cell of this run has the id "{cell_id}"{near}')

    def tables(self, cells: Iterable[Cell]) -> dict[str, Table]:
        """The data of the cells' tables by digest, read again.

        Raises:
            StudyError: a table cannot be read.
            RunError: it is another than the one that was trained on, or the study lies elsewhere now.
        """
        wanted = {cell.settings["task"]["data"] for cell in cells} - {None}
        with _told_of_moves(self.folder, self.record):
            tables = make_plan(self.plan.study).tables if wanted else {}
        if wanted - set(tables):
            file = self.plan.study.file or "the study"
            raise RunError(f"{self.folder}: the data that {file} names are not those of this run; they have changed")
        return tables

    def check_arithmetic(self) -> None:
        """Make sure that the trials can be trained again.

        Raises:
            RunError: they were trained by a version whose arithmetic was another.
        """
        known = self.record.get("arithmetic")
        if known != ARITHMETIC:
            version = self.record["versions"].get("mcstudy", "unknown")
            raise RunError(
                f"{self.folder}: these trials were trained with version {known} of the arithmetic (mcstudy {version}), "
                f"and this is version {ARITHMETIC}: they cannot be trained again here"
            )


def open_run(folder: str) -> Run:
    """Open a run folder.

    Raises:
        RunError: there is no such folder, its trials are not there, the run has not ended, or the study lies
            elsewhere now and needs the files beside it.
        StudyError: the study that it records is no longer valid.
    """
    store = FolderStore(folder)
    if not Path(folder).is_dir():
        raise RunError(f"{folder}: there is no such folder; a run's folder is wanted, such as reports/NAME")
    again = _run_again(folder)
    if not (Path(folder) / "trials").is_dir():
        raise RunError(f"{folder}: the trials are not here (there is no trials/); {again} trains them")
    record = store.read_manifest()
    if record is None:
        raise RunError(f"{folder}: the run has not ended (there is no run.json); {again} goes on with it")
    with _told_of_moves(folder, record):
        plan = manifest.plan_of(record, folder)
    return Run(folder, plan, store, record)


def _run_again(folder: str) -> str:
    return f"`python -m mcstudy run STUDY.toml --out {shlex.quote(folder)}`"


@contextmanager
def _told_of_moves(folder: str, record: Mapping[str, Any]) -> Iterator[None]:
    """Within the block, a fault of a study that has moved away from its place says what to do."""
    try:
        yield
    except StudyError as error:
        file = record["file"]
        if file is None or Path(file).is_file():
            raise
        where = f"{folder}: the study was {file} when it was run, and is there no more; {_run_again(folder)}"
        raise RunError(f"{error}\n{where} with the file where it is now trains nothing and notes that") from error
