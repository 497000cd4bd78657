"""The command line: the only room that prints or exits. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mcstudy import listing
from mcstudy.errors import RunError, StudyError

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan
    from mcstudy.store import FolderStore

BAD_INPUT, INTERRUPTED = 2, 130
TABLE_ROWS = 60


class _Whole(click.ParamType):  # type: ignore[type-arg]
    """A whole number within bounds, which `shown` gives as text; 20_000 and 1e6 are fine."""

    name = "N"

    def __init__(self, low: int, high: int, shown: str) -> None:
        self._low, self._high, self._shown = low, high, shown

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        text = str(value).strip()
        try:
            number = int(text) if text.lstrip("+-").replace("_", "").isdigit() else float(text)
            if number == int(number) and self._low <= number <= self._high:
                return int(number)
        except (ValueError, OverflowError):
            pass
        self.fail(f"{text} is not a whole number from {self._shown}")


class _File(click.ParamType):  # type: ignore[type-arg]
    """A path that is not empty: a shell variable that is not set must not mean the current folder."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if not value:
            self.fail("the path is empty")
        return str(value)


FILE = _File()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mcstudy", prog_name="mcstudy")
def cli() -> None:
    """How often does this small network learn, how fast, and when it fails, why?"""


def _study_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--seed", type=_Whole(0, 2**63 - 1, "0 to 2^63-1"), help="Seed instead of the study's."),
        click.option(
            "--trials", type=_Whole(1, 10**12, "1 to 10^12"), help="Trials per cell instead of the study's number."
        ),
        click.argument("study", metavar="STUDY.toml", type=FILE),
    ):
        function = option(function)
    return function


@cli.command()
@_study_options
@click.option("--out", metavar="DIR", type=FILE, help="Run folder; reports/NAME by default.")
@click.option("--threads", type=_Whole(1, 1024, "1 to 1024"), help="Worker threads; all cores by default.")
@click.option("--quiet", is_flag=True, help="No progress and no table.")
def run(study: str, trials: int | None, seed: int | None, out: str | None, threads: int | None, quiet: bool) -> None:
    """Train what is missing and write the report."""
    from mcstudy import api

    _tell_of_code()
    loaded = api.load(study)
    from mcstudy.progress import Shown

    folder = out if out is not None else os.path.join("reports", loaded.name)
    command = shlex.join(["python", "-m", "mcstudy", *sys.argv[1:]])
    results = api.run(
        loaded,
        trials=trials,
        seed=seed,
        out=folder,
        threads=threads,
        progress=None if quiet else Shown(),
        command=command,
    )
    if not quiet:
        click.echo(_table(results.rates, list(results.plan.keys)))
        click.echo()
    click.echo(f"report: {Path(folder) / 'report.md'}")


@cli.command(short_help="Show the cells and an estimate of the time.")
@_study_options
@click.option("--out", metavar="DIR", type=FILE, help="Run folder to look into; reports/NAME by default.")
def plan(study: str, trials: int | None, seed: int | None, out: str | None) -> None:
    """Show the cells, the trials and an estimate of the time; train nothing."""
    from mcstudy.engine.program import check_memory
    from mcstudy.plan import make_plan
    from mcstudy.spec import load
    from mcstudy.store import FolderStore

    _tell_of_code()
    loaded = load(study).with_(trials=trials, seed=seed)
    made = make_plan(loaded)
    check_memory(made.cells, loaded.file)
    click.echo(_plan_text(made, FolderStore(out if out is not None else os.path.join("reports", loaded.name))))


@cli.command()
@click.argument("folder", metavar="DIR", type=FILE)
def report(folder: str) -> None:
    """Draw the report of stored trials again."""
    from mcstudy import api, manifest
    from mcstudy.store import FolderStore

    store = FolderStore(folder)
    if not Path(folder).is_dir():
        raise RunError(f"{folder}: there is no such folder; a run's folder is wanted, such as reports/NAME")
    again = f"`python -m mcstudy run STUDY.toml --out {shlex.quote(folder)}`"
    if not (Path(folder) / "trials").is_dir():
        raise RunError(f"{folder}: the trials are not here (there is no trials/); {again} trains them")
    record = store.read_manifest()
    if record is None:
        raise RunError(f"{folder}: the run has not ended (there is no run.json); {again} goes on with it")
    _tell_of_code()
    made = manifest.plan_of(record, folder)
    rates = api.write_report(made, store, Path(folder), record, record["trials"])
    click.echo(_table(rates, list(made.keys)))
    click.echo(f"\nreport: {Path(folder) / 'report.md'}")


@cli.command(name="list")
@click.argument(
    "kind",
    required=False,
    metavar="[KIND]",
    type=click.Choice(listing.KINDS),
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="As a page in Markdown.")
def list_parts(kind: str | None, as_json: bool, as_markdown: bool) -> None:
    """Show what a study can name.

    KIND is one of activations, inits, optimizers, losses, tasks, inputs, schedules, regularizers; all of them by
    default.
    """
    kinds = listing.KINDS if kind is None else (kind,)
    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown are two forms of the same list; choose one")
    if as_json:
        click.echo(json.dumps(listing.entries(kinds), indent=2, ensure_ascii=False))
    elif as_markdown:
        click.echo(listing.markdown(kinds), nl=False)
    else:
        click.echo(listing.text(kinds))


@cli.command()
@click.argument("name")
def new(name: str) -> None:
    """Write NAME.toml here: a commented study, ready to run."""
    from mcstudy.template import new_study

    path = Path(f"{name}.toml")
    text = new_study(name)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RunError(f"{path}: is already there, and nothing is overwritten; choose another name") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
    click.echo(f"wrote {path}; try `python -m mcstudy run {path}`")


def _not_yet(name: str, instead: str = "") -> None:
    @cli.command(name=name, hidden=True, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        """Not available in this version yet."""
        raise RunError(f"`{name}` is not available in this version yet{instead}")


_not_yet("replay", "; from Python, mcstudy.replay(study, cell, trial) trains one trial again")
_not_yet("verify")
_not_yet("check")


def _tell_of_code() -> None:
    """Say which files of a study are run as code."""
    from mcstudy.spec import own

    own.announce = lambda file: click.echo(f"loading code from {file}", err=True)


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 2 bad input, 130 interrupted."""
    try:
        cli.main(standalone_mode=False, prog_name="mcstudy")
    except (StudyError, RunError) as error:
        _fail(str(error), BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        _interrupted()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)


def _interrupted() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    click.echo("\ninterrupted; what was trained is stored, and the same command goes on from there", err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread may still be compiling and cannot be told to stop; nothing of it is needed.
    os._exit(INTERRUPTED)


def _table(rates: pd.DataFrame, keys: list[str]) -> str:
    """The rates for a terminal."""
    from mcstudy.report import words

    columns = [*(keys or ["cell"]), "converged", "95 % interval", "steps", "diverged", "dead", "stuck", "unfinished"]
    rows = [columns]
    for row in rates.head(TABLE_ROWS).to_dict("records"):
        known = row["rate"], row["rate_low"], row["rate_high"]
        steps = "" if row["steps_median"] != row["steps_median"] else f"{row['steps_median']:.0f}"
        rows.append(
            [
                *(str(row[key]) for key in keys or ["cell"]),
                f"{words.bare_percent(*known)} %",
                words.interval(*known),
                steps,
                *(str(row[outcome]) for outcome in columns[-4:]),
            ]
        )
    lines = _aligned(rows, len(keys or ["cell"]))
    if len(rates) > TABLE_ROWS:
        lines.append(f"... and {len(rates) - TABLE_ROWS} more cells in rates.csv")
    return "\n".join(lines)


def _aligned(rows: list[list[str]], left: int) -> list[str]:
    """Rows as lines with their columns below each other, the first `left` of them to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    align = [str.ljust] * left + [str.rjust] * (len(widths) - left)
    return ["  ".join(f(v, w) for f, v, w in zip(align, row, widths, strict=True)).rstrip() for row in rows]


def _plan_text(made: Plan, store: FolderStore) -> str:
    from mcstudy.engine import cost
    from mcstudy.store import Store

    study = made.study
    # The names of the files tell it; to look into them takes a library that this command has no time for.
    ranges = [Store.ranges(store, cell.id) for cell in made.cells]
    stored = [sum(min(stop, study.trials) - start for start, stop in known if start < study.trials) for known in ranges]
    rows = [["cell", *made.keys, "steps", "batch", "parameters", "stored"]]
    for cell, count in zip(made.cells, stored, strict=True):
        settings = cell.settings
        rows.append(
            [
                cell.id,
                *cell.labels.values(),
                str(settings["train"]["steps"]),
                str(settings["task"]["batch"]),
                str(cell.parameters),
                f"{count:,}",
            ]
        )
    lines = _aligned(rows, len(rows[0]))
    cells = len(made.cells)
    seconds = cost.study_seconds(made.cells, study.trials)
    head = f"{study.title}: {cells} cell{'s' * (cells != 1)} x {study.trials:,} trials"
    head += f" = {cells * study.trials:,} trainings"
    if sum(stored):
        head += f", {sum(stored):,} of them stored in {store.path}"
    return "\n".join([head, cost.estimate_text(seconds), "", *lines])
