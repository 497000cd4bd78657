"""The command line: the only room that prints or exits. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import gc
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from mcstudy import listing
from mcstudy.arguments import FILE, Whole, run_options, study_options
from mcstudy.errors import Fault, RunError, StudyError
from mcstudy.signals import ignore, listening, status
from mcstudy.terminal import claims_table, left_over, plan_table, rates_table

if TYPE_CHECKING:
    from mcstudy.api import Results
    from mcstudy.spec import Study
    from mcstudy.store import FolderStore

DIFFERENT, BAD_INPUT = 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mcstudy", prog_name="mcstudy")
def cli() -> None:
    """How often does this small network learn, how fast, and when it fails, why?"""


@cli.command()
@run_options
def run(study: str, trials: int | None, seed: int | None, out: str | None, threads: int | None, quiet: bool) -> None:
    """Train what is missing and write the report."""
    from mcstudy.spec import load

    _tell_of_code()
    results, folder = _train(load(study), trials, seed, out, threads, quiet)
    if not quiet:
        click.echo(rates_table(results.rates, list(results.plan.keys)))
        click.echo()
    click.echo(f"report: {Path(folder) / 'report.md'}")


@cli.command(short_help="Train what is missing and grade the claims.")
@run_options
def check(study: str, trials: int | None, seed: int | None, out: str | None, threads: int | None, quiet: bool) -> None:
    """Train what is missing, write the report and grade the claims of the study.

    Each [[claim]] is confirmed, contradicted or undecided. Exit status 1 if one is contradicted.
    """
    from mcstudy.spec import load

    _tell_of_code()
    loaded = load(study)
    if not loaded.claim:
        raise StudyError([Fault("$.claim", None, "missing; check needs claims to grade, [[claim]]")], loaded.file)
    results, folder = _train(loaded, trials, seed, out, threads, quiet)
    claims = results.claims
    if not quiet:
        click.echo(claims_table(results.plan, claims))
        click.echo()
    click.echo(f"report: {Path(folder) / 'report.md'}")
    contradicted = sorted(set(claims["claim"][claims["grade"] == "contradicted"]))
    if contradicted:
        listed = ", ".join(map(str, contradicted))
        verb = "s are" if len(contradicted) > 1 else " is"
        _fail(f"{study}: {len(contradicted)} claim{verb} contradicted: {listed}", DIFFERENT)


def _train(
    study: Study, trials: int | None, seed: int | None, out: str | None, threads: int | None, quiet: bool
) -> tuple[Results, str]:
    """Run a study with a folder; returns its results and the folder."""
    from mcstudy import api
    from mcstudy.drawers import fitting
    from mcstudy.progress import Quiet, Shown

    folder = out if out is not None else os.path.join("reports", study.name)
    command = shlex.join(["python", "-m", "mcstudy", *sys.argv[1:]])
    progress = Quiet() if quiet else Shown()
    results = api.run(study, trials, seed, folder, threads, progress, command=command, drawers=fitting(threads))
    return results, folder


@cli.command(short_help="Show the cells and an estimate of the time.")
@study_options
@click.option("--out", metavar="DIR", type=FILE, help="Run folder to look into; reports/NAME by default.")
@click.option("--prune", is_flag=True, help="Remove the trials of cells that the study no longer names, if you agree.")
@click.option("--yes", is_flag=True, help="Agree to --prune beforehand.")
def plan(study: str, trials: int | None, seed: int | None, out: str | None, prune: bool, yes: bool) -> None:
    """Show the cells, the trials and an estimate of the time; train nothing.

    Cells that are stored and that the study no longer names (after a setting was changed, or a level left out) are
    listed too; they take room and nothing else.
    """
    from mcstudy.engine.program import check_memory
    from mcstudy.plan import make_plan
    from mcstudy.spec import load
    from mcstudy.store import FolderStore

    _tell_of_code()
    loaded = load(study).with_(trials=trials, seed=seed)
    made = make_plan(loaded)
    check_memory(made.cells, loaded.file)
    store = FolderStore(out or os.path.join("reports", loaded.name))
    click.echo(plan_table(made, store))
    left = left_over(made, store)
    if left.cells:
        click.echo(f"\n{left.text}" + ("" if prune else "; --prune removes them"))
    if prune:
        _prune(store, left.cells, yes)


def _prune(store: FolderStore, cells: Sequence[str], yes: bool) -> None:
    """Remove what is stored of some cells, if that is agreed to."""
    if cells and not yes:
        if not sys.stdin.isatty():
            raise RunError(
                "--prune asks before it removes anything, and here is no terminal to ask; --yes agrees to it"
            )
        yes = click.confirm("Remove them?", err=True)
    if not cells or not yes:
        click.echo("nothing is removed")
        return
    with store.held():
        for cell in cells:
            store.remove(cell)
    click.echo(f"removed {len(cells):,} cell{'s' * (len(cells) != 1)}")


@cli.command()
@click.argument("folder", metavar="DIR", type=FILE)
def report(folder: str) -> None:
    """Draw the report of stored trials again."""
    from mcstudy import api, manifest
    from mcstudy.again.folder import open_run
    from mcstudy.drawers import Drawers, fitting

    _tell_of_code()
    opened = open_run(folder)
    made, record = opened.plan, opened.record
    with Drawers(fitting(), len(made.cells)) as drawers:
        drawers.start()
        trials = manifest.reported(record)
        rates = api.write_report(made, opened.store, Path(folder), dict(record), trials, drawers=drawers)
    click.echo(rates_table(rates, list(made.keys)))
    click.echo(f"\nreport: {Path(folder) / 'report.md'}")


@cli.command(short_help="Train one stored trial again, in full detail.")
@click.argument("folder", metavar="DIR", type=FILE)
@click.option("--cell", required=True, metavar="ID", help="The cell, as rates.csv names it.")
@click.option("--trial", required=True, type=Whole(0, 10**12 - 1, "0 to 10^12-1"), help="The trial's number, from 0.")
@click.option("--out", metavar="DIR2", type=FILE, help="Folder to write to; DIR/replays/ID-N by default.")
@click.option("--export", type=click.Choice(("torch", "keras", "numpy")), help="Write a script that repeats it there.")
def replay(folder: str, cell: str, trial: int, out: str | None, export: str | None) -> None:
    """Train one stored trial again, byte for byte; write its trace and figures."""
    from mcstudy.again.folder import open_run
    from mcstudy.again.record import replay_into

    _tell_of_code()
    found = replay_into(open_run(folder), cell, trial, out, export)
    trace = found.trace
    click.echo(f"trial {trial} of cell {cell}: {trace.outcome} at step {trace.steps[-1]:,},", nl=False)
    click.echo(f" loss {trace.loss[0]!s} at the start, {trace.loss[-1]!s} at the end")
    click.echo(f"trace and figures: {found.folder}")
    if found.script is not None:
        click.echo(f"script: {found.script}")
    if found.differs:
        _fail(f"{folder}: the stored row is not the one that training gives\n{found.differs}", DIFFERENT)
    whether = "whether it converged is the same; no row of it is stored, because the study keeps summaries"
    click.echo("every byte of its stored row is the same" if found.row else whether)


@cli.command(short_help="Train a sample of the stored trials again.")
@click.argument("folder", metavar="DIR", type=FILE)
@click.option(
    "--sample", type=Whole(1, 10**12, "1 to 10^12"), default=1000, show_default=True, help="Trials, over all cells."
)
@click.option(
    "--seed", type=Whole(0, 2**63 - 1, "0 to 2^63-1"), help="Of the sample; the study's by default, so it is the same."
)
def verify(folder: str, sample: int, seed: int | None) -> None:
    """Train a random sample of the stored trials again and compare every byte."""
    from mcstudy.again.folder import open_run
    from mcstudy.again.verify import verify as compare
    from mcstudy.store import DamagedError

    _tell_of_code()
    run = open_run(folder)
    from mcstudy.progress import Shown

    try:
        found = compare(run, sample, seed, Shown())
    except DamagedError as error:
        _fail(str(error), DIFFERENT)
    for line in found.damaged:
        click.echo(line, err=True)
    if not found.right:
        _fail(f"{folder}: {found.text}", DIFFERENT)
    click.echo(found.text)


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
    from mcstudy.template import write_study

    path = write_study(name)
    click.echo(f"wrote {path}; try `python -m mcstudy run {path}`")


def _tell_of_code() -> None:
    """Say which files of a study are run as code."""
    from mcstudy.spec import own

    own.announce = lambda file: click.echo(f"loading code from {file}", err=True)


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 a difference, 2 bad input, 128 + n stopped by signal n (Ctrl-C: 130)."""
    # Passes over the hundred thousands of objects of the imported packages would take a tenth of a short run.
    gc.set_threshold(200_000, 20, 50)
    try:
        # Not by `cli.main`, which ends with 1 where a reader has left.
        with listening(), cli.make_context("mcstudy", sys.argv[1:]) as context:
            cli.invoke(context)
        print(end="", flush=True)  # also where there is no sys.stdout, since it was closed
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (StudyError, RunError) as error:
        _fail(str(error), BAD_INPUT)
    except MemoryError:
        _fail("memory has run out; what was trained is stored, and fewer --threads need less", BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(BAD_INPUT)
    except (KeyboardInterrupt, click.Abort) as error:
        _interrupted(status(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)


def _interrupted(code: int) -> NoReturn:
    ignore()
    try:
        click.echo("\ninterrupted; what was trained is stored, and the same command goes on from there", err=True)
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the terminal is gone
        pass
    # A thread may still be compiling and cannot be told to stop; nothing of it is needed.
    os._exit(code)
