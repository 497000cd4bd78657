"""Tables as text, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mcstudy.errors import clipped, printable

if TYPE_CHECKING:
    import pandas as pd

    from mcstudy.plan import Plan
    from mcstudy.store import FolderStore

MOST_TITLE = 200
"""Most characters of a title."""

TABLE_ROWS = 60
"""Most rows of a table of rates."""


def rates_table(rates: pd.DataFrame, keys: list[str]) -> str:
    """The rates of the cells, the first of them where they are many."""
    from mcstudy import statistics
    from mcstudy.report import words

    differ = rates["trials"].nunique() > 1
    ends = ["diverged", "dead", "stuck", "unfinished"]
    columns = [*(keys or ["cell"]), *["trials"] * differ, "converged", "95 % interval", "steps", *ends]
    rows = [columns]
    for row in statistics.anytime(rates).head(TABLE_ROWS).to_dict("records"):
        known = row["rate"], row["rate_low"], row["rate_high"]
        steps = "" if row["steps_median"] != row["steps_median"] else f"{row['steps_median']:.0f}"
        rows.append(
            [
                *(str(row[key]) for key in keys or ["cell"]),
                *[f"{row['trials']:,}"] * differ,
                f"{words.bare_percent(*known)} %",
                words.interval(*known),
                steps,
                *(str(row[outcome]) for outcome in ends),
            ]
        )
    lines = _aligned(rows, len(keys or ["cell"]))
    if len(rates) > TABLE_ROWS:
        lines.append(f"... and {len(rates) - TABLE_ROWS} more cells in rates.csv")
    return "\n".join(lines)


def claims_table(made: Plan, claims: pd.DataFrame) -> str:
    """The claims and their grades, and a line on all of them."""
    from mcstudy.report import claims as told
    from mcstudy.report import words

    rows = [["", "claim", "grade", "ours", "interval"]]
    few, left_out = told.shown(claims)
    for row in words.records(few):
        text = "".join(item if isinstance(item, str) else item.text for item in told.stated(made, row))
        rows.append([str(row["claim"]), text, row["grade"], told.ours(row), told.interval(row)])
    more = [f"{left_out} Their other cells are in claims.csv."] if left_out else []
    return "\n".join([*_aligned(rows, 3), *more, "", told.verdict(claims)])


def _aligned(rows: list[list[str]], left: int) -> list[str]:
    """Rows as lines with their columns below each other, the first `left` of them to the left; safe to print."""
    rows = [[printable(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    align = [str.ljust] * left + [str.rjust] * (len(widths) - left)
    return ["  ".join(f(v, w) for f, v, w in zip(align, row, widths, strict=True)).rstrip() for row in rows]


def plan_table(made: Plan, store: FolderStore) -> str:
    """The cells of a plan, what is stored of them, and an estimate of the time."""
    from mcstudy.engine import cost
    from mcstudy.store import Store
    from mcstudy.sums import covered

    study = made.study
    # The names of the files tell it; to look into them takes a library that this command has no time for.
    ranges = [Store.ranges(store, cell.id) for cell in made.cells]
    if study.study.keep == "summary":
        ranges = [covered(store, cell.id, study.trials, known) for cell, known in zip(made.cells, ranges, strict=True)]
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
    most = "" if study.study.until is None else "up to "
    title = clipped(printable(study.title), MOST_TITLE)
    head = f"{title}: {cells} cell{'s' * (cells != 1)} x {most}{study.trials:,} trials"
    head += f" = {most}{cells * study.trials:,} trainings"
    if sum(stored):
        head += f", {sum(stored):,} of them stored in {store.path}"
    estimate = cost.estimate_text(seconds)
    if most:
        estimate = f"{estimate}; at the most, as cells stop when study.until is met"
    return "\n".join([head, estimate, "", *lines])


class Left(NamedTuple):
    """Cells that are stored and not in a plan, by id, and a sentence on them."""

    cells: list[str]
    text: str


def left_over(made: Plan, store: FolderStore) -> Left:
    """What a folder holds of cells that the study no longer names."""
    named = {cell.id for cell in made.cells}
    cells = [cell for cell in store.cells() if cell not in named]
    sizes = [store.size(cell) for cell in cells]
    trials, size = (sum(column) for column in zip(*sizes, strict=True)) if sizes else (0, 0)
    shown = ", ".join(cells[:8]) + (", ..." if len(cells) > 8 else "")
    head = f"no longer named by the study: {len(cells):,} cell{'s' * (len(cells) != 1)} with {trials:,} trials in"
    return Left(cells, f"{head} {store.path}, {_bytes(size)} ({shown})")


def _bytes(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
