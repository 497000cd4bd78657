"""Studies that stop early: which trials they use, however they are run, and what their reports say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic
from commands import Command

import mcstudy
from mcstudy import manifest, report, statistics
from mcstudy.engine import work
from mcstudy.engine.program import build
from mcstudy.engine.run import Progress, train
from mcstudy.errors import StudyError
from mcstudy.plan import Plan, make_plan
from mcstudy.spec import Study
from mcstudy.statistics import sequences, stopping
from mcstudy.store import FolderStore, MemoryStore, Store
from mcstudy.until import train_until

RULES: list[dict[str, float]] = [{"half_width": 0.035}, {"decided": 0.01}]
MOST = 1500


def study(until: dict[str, float] | None, trials: int = MOST, **vary: Any) -> Study:
    data: dict[str, Any] = {
        "study": {"name": "early", "seed": 3, "trials": trials, "until": until},
        "task": {"name": "relu", "batch": 8},
        "network": {"hidden": [], "bias": False, "output": "activation"},
        "train": {"steps": 60},
        "converge": {"loss": 1e-3, "every": 10},
        "vary": vary
        or {
            "activation": ["relu", {"name": "leaky_relu", "negative_slope": 0.02}, "softplus"],
            "optimizer": [{"name": "sgd", "lr": 0.1}, {"name": "sgd", "lr": 0.12}],
            "init": ["normal"],
        },
    }
    return Study.model_validate(data)


def naive_looks(most: int) -> list[int]:
    found, at = [], 512
    while at < most:
        found.append(at)
        at += 64 * int(np.ceil(at / 8 / 64))
    return [*found, most]


def naive_counts(plan: Plan, store: Store) -> dict[str, int]:
    """The counts by looking at one cell or one pair after the other, of a store that holds everything."""
    until = plan.study.study.until
    assert until is not None
    done = {cell.id: (store.read(cell.id, MOST)["outcome"] == "converged").to_numpy() for cell in plan.cells}
    counts = dict.fromkeys(done, naive_looks(MOST)[0])
    if until.half_width is not None:
        for cell in plan.cells:
            for n in naive_looks(MOST):
                counts[cell.id] = n
                low, high = sequences.rate(done[cell.id][:n].sum(), n, until.half_width)
                if high - low <= 2 * until.half_width:
                    break
        return counts
    names = {key: list(dict.fromkeys(cell.labels[key] for cell in plan.cells)) for key in plan.keys}
    base = {key: names[key][plan.study.baseline[key]] for key in plan.keys}
    by_labels = {tuple(cell.labels.values()): cell for cell in plan.cells}
    pairs = [
        (cell, by_labels[tuple((cell.labels | {key: base[key]}).values())])
        for cell in plan.cells
        for key in plan.keys
        if cell.labels[key] != base[key]
    ]
    for cell, other in pairs:
        for n in naive_looks(MOST):
            counts[cell.id], counts[other.id] = max(counts[cell.id], n), max(counts[other.id], n)
            a, b = done[cell.id][:n], done[other.id][:n]
            ends = sequences.paired((a & ~b).sum(), (b & ~a).sum(), n, until.decided, 1 - 0.05 / len(pairs))
            if ends[0] > 0 or ends[1] < 0 or (ends[0] >= -until.decided and ends[1] <= until.decided):
                break
    return counts


@pytest.fixture(scope="module")
def whole() -> MemoryStore:
    """All trials of the study without an early end."""
    plan, store = make_plan(study(None)), MemoryStore()
    store.open()
    train(plan, store, MOST)
    return store


def digests(plan: Plan, store: Store, counts: dict[str, int]) -> dict[str, str]:
    return {cell.id: store.digest(cell.id, counts[cell.id]) for cell in plan.cells}


@pytest.fixture(params=RULES, ids=["half_width", "decided"])
def plan(request: pytest.FixtureRequest) -> Plan:
    return make_plan(study(request.param))


def test_looks_are_multiples_and_end_with_the_last_trial() -> None:
    for most in (1, 511, 512, 513, 600, 10_000, 123_457):
        found = stopping.looks(most)
        assert found == naive_looks(most) and found[-1] == most and found == sorted(set(found))
        assert not any(look % 64 for look in found[:-1])
    assert len(stopping.looks(100_000)) < 45 and len(stopping.looks(10**9)) < 130


def test_contrasts_differ_in_one_key_from_the_baseline() -> None:
    chosen = {"optimizer": {"name": "sgd", "lr": 0.12}, "activation": "softplus"}
    data = study({"decided": 0.1}).data
    data["study"]["baseline"] = chosen
    plan = make_plan(Study.model_validate(data))
    found = stopping.contrasts(plan)
    for side, other, key in found:
        a, b = plan.cells[side].labels, plan.cells[other].labels
        assert [name for name in a if a[name] != b[name]] == [key]
        assert b[key] in ("sgd(lr=0.12)", "softplus")
    assert len(found) == 3 * 1 + 2 * 2


def test_cells_stop_where_a_plain_account_of_the_looks_says(plan: Plan, whole: MemoryStore) -> None:
    store = MemoryStore()
    store.open()
    trained, counts = train_until(plan, store)
    assert counts == naive_counts(plan, whole) and trained == sum(counts.values())
    assert len(set(counts.values())) > 1 and min(counts.values()) < MOST
    assert {cell.id: store.ranges(cell.id) for cell in plan.cells} == {name: [(0, n)] for name, n in counts.items()}
    assert digests(plan, store, counts) == digests(plan, whole, counts)


@pytest.mark.parametrize(("threads", "unit"), [(1, None), (2, 33), (3, 100)])
def test_counts_do_not_depend_on_threads_or_units(plan: Plan, whole: MemoryStore, threads: int, unit: int) -> None:
    store = MemoryStore()
    store.open()
    _, counts = train_until(plan, store, threads, None, unit)
    assert counts == naive_counts(plan, whole)
    assert digests(plan, store, counts) == digests(plan, whole, counts)


def test_rounds_share_the_programs_of_cells_that_stay_together(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[tuple[str, ...]] = []

    def counted(cells: Any, *others: Any) -> Any:
        built.append(tuple(cell.id for cell in cells))
        return build(cells, *others)

    monkeypatch.setattr(work, "build", counted)
    _, counts = train_until(plan, MemoryStore(), 1)
    # Whenever a cell stops, those that it was trained with are trained without it.
    assert len(built) == len(set(built)) <= len(set(counts.values())) * len({cell.data_key for cell in plan.cells})


def test_stored_trials_change_nothing(plan: Plan, whole: MemoryStore) -> None:
    trained, counts = train_until(plan, whole)
    assert trained == 0 and counts == naive_counts(plan, whole)
    patchy = MemoryStore()
    patchy.open()
    for cell in plan.cells:
        for first, last in [(0, 100), (530, 531), (600, 700 + 100 * cell.index), (1450, 1500)]:
            numbers = np.arange(first, last)
            patchy.write(cell.id, first, whole.rows(cell.id, numbers))
        steps, losses = whole.read_history(cell.id) or (np.zeros(0), np.zeros(0))
        patchy.write_history(cell.id, steps, losses[:100])
    trained, found = train_until(plan, patchy, 2, None, 50)
    assert found == counts and 0 < trained < sum(counts.values())
    assert digests(plan, patchy, counts) == digests(plan, whole, counts)


class Interrupting(Progress):
    """Presses Ctrl-C after so many trials, and hears what it is told."""

    def __init__(self, after: int = 10**9) -> None:
        self.after, self.done, self.expected = after, 0, list[int]()

    def advance(self, rows: int) -> None:
        self.done += rows
        if self.done > self.after:
            raise KeyboardInterrupt

    def expect(self, rows: int) -> None:
        self.expected.append(rows)


def test_an_interrupted_run_goes_on_to_the_same_end(plan: Plan, whole: MemoryStore, tmp_path: Path) -> None:
    wanted, stops = naive_counts(plan, whole), 0
    for after in (50, 900, 1500, 400, 300, 10**9):
        store = FolderStore(tmp_path)
        store.open()
        try:
            _, counts = train_until(plan, store, 2, Interrupting(after), 48)
        except KeyboardInterrupt:
            stops += 1
    assert stops >= 3 and counts == wanted
    assert digests(plan, store, counts) == digests(plan, whole, counts)


def test_progress_hears_how_many_there_will_be_at_the_most(plan: Plan) -> None:
    store, progress = MemoryStore(), Interrupting()
    store.open()
    trained, _ = train_until(plan, store, progress=progress)
    assert progress.expected == sorted(progress.expected, reverse=True)
    assert progress.expected[0] == MOST * len(plan.cells) and progress.expected[-1] >= trained == progress.done


def test_a_rate_is_as_narrow_as_asked_or_the_limit_bites(whole: MemoryStore) -> None:
    plan = make_plan(study({"half_width": 0.035}))
    counts = naive_counts(plan, whole)
    frame = statistics.rates(plan, whole, counts)
    width = frame["sequence_high"] - frame["sequence_low"]
    assert ((width <= 0.07) == (frame["stopped"] == "half_width")).all()
    assert set(frame["stopped"]) == {"half_width", "trials"} and (frame["trials"][width > 0.07] == MOST).all()
    assert ((frame["sequence_low"] <= frame["rate_low"]) & (frame["rate_high"] <= frame["sequence_high"])).all()
    shown = statistics.anytime(frame)
    assert (shown["rate_low"] == frame["sequence_low"]).all() and (shown["rate_high"] == frame["sequence_high"]).all()
    assert (shown["rate"] == frame["rate"]).all() and "stopped" in shown
    last = statistics.curves(plan, whole, counts).groupby("cell", sort=False).last()
    assert np.allclose(last["low"], frame["sequence_low"]) and np.allclose(last["high"], frame["sequence_high"])


def test_differences_are_decided(whole: MemoryStore) -> None:
    plan = make_plan(study({"decided": 0.01}))
    counts = naive_counts(plan, whole)
    frame = statistics.rates(plan, whole, counts)
    assert set(frame["stopped"]) == {"decided"} and (frame["trials"] < MOST).all()
    plan = make_plan(study({"decided": 0.005}))
    counts = naive_counts(plan, whole)
    frame = statistics.rates(plan, whole, counts)
    assert set(frame["stopped"]) == {"decided", "trials"}
    assert ((frame["trials"] == MOST) == (frame["stopped"] == "trials")).all()
    by_id, tallies = {cell.id: cell for cell in plan.cells}, statistics.tallies(plan, whole, counts)
    decided = stopping.decisions(plan, tallies).to_dict("records")
    assert len(decided) == 7 and {row["verdict"] for row in decided} == {"differ", "undecided"}
    for row in decided:
        other = next(
            cell for cell in plan.cells if cell.labels == by_id[row["cell"]].labels | {row["key"]: row["other"]}
        )
        n = row["trials"]
        a, b = ((whole.read(name, n)["outcome"] == "converged").to_numpy() for name in (row["cell"], other.id))
        assert row["difference"] == a.mean() - b.mean()
        ends = sequences.paired((a & ~b).sum(), (b & ~a).sum(), n, 0.005, 1 - 0.05 / 7)
        assert (row["difference_low"], row["difference_high"]) == ends
        assert (row["verdict"] == "differ") == bool(ends[0] > 0 or ends[1] < 0)
        assert n == MOST or row["verdict"] == "differ"


def test_equal_cells_are_told_to_be_equivalent(whole: MemoryStore) -> None:
    plan = make_plan(study({"decided": 0.01}))
    found = stopping.decisions(plan, statistics.tallies(plan, whole, naive_counts(plan, whole)))
    assert set(found["verdict"]) == {"differ", "equivalent"}
    alike = found[found["verdict"] == "equivalent"]
    assert (alike["difference_low"] >= -0.01).all() and (alike["difference_high"] <= 0.01).all()
    width = make_plan(study({"half_width": 0.035}))
    assert stopping.decisions(width, statistics.tallies(width, whole, MOST)).empty


def test_frames_of_other_studies_have_no_sequences(whole: MemoryStore) -> None:
    frame = statistics.rates(make_plan(study(None)), whole)
    assert not {"sequence_low", "sequence_high", "stopped"} & set(frame.columns)
    assert statistics.anytime(frame) is frame


def test_a_single_trial_is_a_look_too() -> None:
    plan, store = make_plan(study({"half_width": 0.01}, 1)), MemoryStore()
    store.open()
    assert train_until(plan, store)[1] == {cell.id: 1 for cell in plan.cells}


def test_there_has_to_be_something_to_decide() -> None:
    data = study({"decided": 0.02}).data
    data["network"] |= {"activation": "relu", "init": "normal"}
    data["train"]["optimizer"] = {"name": "sgd", "lr": 0.1}
    del data["vary"]
    for vary in ({}, {"activation": ["relu"]}):
        with pytest.raises(StudyError, match="no key has two levels, so there is nothing to decide between"):
            Study.model_validate(data | {"vary": vary})
    data["study"]["until"] = {"half_width": 0.02}
    Study.model_validate(data)


@pytest.mark.usefixtures("undrawn")
def test_a_folder_is_run_again_verified_and_replayed(plan: Plan, whole: MemoryStore, place: Path) -> None:
    results = mcstudy.run(plan.study, out="run")
    counts = naive_counts(plan, whole)
    record = json.loads((place / "run" / "run.json").read_text())
    assert results.counts == counts == record["counts"] and record["trials"] == MOST
    assert record["digest"] == digests(plan, whole, counts)
    assert len(results.trials) == results.trained == sum(counts.values())
    assert mcstudy.run(plan.study, out="run").trained == 0
    assert json.loads((place / "run" / "run.json").read_text()) == record
    # More trials than the study uses are kept, and not used.
    fixed = mcstudy.run(study(None), trials=1000, out="run")
    assert fixed.rates["trials"].tolist() == [1000] * len(plan.cells)
    assert mcstudy.run(plan.study, out="run").counts == counts
    assert manifest.reported(json.loads((place / "run" / "run.json").read_text())) == counts
    assert max(mcstudy.run(plan.study, trials=700, out="run").counts.values()) == 700


def test_the_commands_work_on_such_a_folder(command: Command, place: Path, sketched: None, unpictured: None) -> None:
    text = """
[study]
name = "early"
seed = 3
trials = 900
until = { half_width = 0.04 }
[task]
name = "relu"
batch = 8
[network]
hidden = []
bias = false
output = "activation"
init = "normal"
[train]
steps = 60
optimizer = { name = "sgd", lr = 0.1 }
[converge]
loss = 1e-3
every = 10
[vary]
activation = ["relu", "softplus"]
"""
    (place / "early.toml").write_text(text)
    planned = command("plan", "early.toml")
    assert "2 cells x up to 900 trials = up to 1,800 trainings" in planned.out and "at the most" in planned.out
    ran = command("run", "early.toml", "--out", "run", "--quiet")
    assert ran.status == 0, ran.err
    told = (place / "run" / "report.md").read_text()
    assert "This study looked at its results as they came in" in told and "to ±4 points" in told
    assert "came to the limit of 900 trials before, so its rate is known less finely" in told
    assert "with 95 % confidence sequences (lines" in told and "Wilson" not in told
    assert "| trials per cell | 512 to 900, of up to 900 |" in told and "the looks are at 512, 576, 704, 832" in told
    cell = mcstudy.make_plan(mcstudy.load("early.toml")).cells[1].id
    for asked in (("verify", "run", "--sample", "20"), ("replay", "run", "--cell", cell, "--trial", "511")):
        assert command(*asked).status == 0
    again = command("report", "run")
    assert again.status == 0 and "trials" in again.out.splitlines()[0]
    assert (place / "run" / "report.md").read_text() == told


def test_the_report_says_how_differences_were_decided(whole: MemoryStore, tmp_path: Path, plain: None) -> None:
    plan = make_plan(study({"decided": 0.01}))
    report.write(plan, whole, tmp_path, None, naive_counts(plan, whole))
    told = (tmp_path / "report.md").read_text()
    assert "shown not to be 0, or shown to be at most 1 point," in told and "for all 7 differences together" in told
    assert "study.until = { decided = 0.01 }" in told
    assert (
        "Of the 7 differences from the baseline, in one key at a time, shown to be: 5 not 0, 2 at most 1 point." in told
    )
    assert (tmp_path / "decisions.csv").read_text().count("\n") == 8
    report.write(make_plan(study({"half_width": 0.035})), whole, tmp_path, None, MOST)
    assert not (tmp_path / "decisions.csv").exists()


def test_reports_of_fixed_numbers_of_trials_say_nothing_of_it(tmp_path: Path, sketched: None) -> None:
    plan = synthetic.plan({"activation": ["relu", "elu"]})
    report.write(plan, synthetic.filled(plan), tmp_path)
    told = (tmp_path / "report.md").read_text()
    assert "as they came in" not in told and "confidence sequence" not in told and "Wilson" in told
