"""Summaries instead of rows: the same numbers wherever trials were cut; what is done stays; what differs shows."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import synthetic
from commands import TINY, Command, files
from conftest import sketches
from hypothesis import strategies as st

import mcstudy
from mcstudy import statistics, sums
from mcstudy.again.folder import open_run
from mcstudy.again.record import replay_into
from mcstudy.again.verify import verify
from mcstudy.engine.run import Progress, set_aside, train
from mcstudy.errors import RunError
from mcstudy.plan import Plan
from mcstudy.report import collect
from mcstudy.store import FolderStore, MemoryStore, Store
from mcstudy.sums.summary import loss_keys

TRIALS = 2000


def study(keep: str, trials: int = TRIALS, seed: int = 11) -> mcstudy.Study:
    """A small study that keeps rows or summaries."""
    data = tomllib.loads(TINY)
    data["study"] |= {"keep": keep, "trials": trials, "seed": seed}
    return mcstudy.Study.model_validate(data)


def plan(keep: str) -> Plan:
    return mcstudy.make_plan(study(keep))


def digests(made: Plan, store: Store, trials: int = TRIALS) -> list[str]:
    return [sums.digest(store, cell.id, trials) for cell in made.cells]


@pytest.fixture(scope="module")
def rows() -> MemoryStore:
    """All trials of the small study, as rows."""
    store = MemoryStore()
    train(plan("trials"), store, TRIALS)
    return store


def random_rows(size: int, seed: int = 0) -> dict[str, np.ndarray]:
    made = synthetic.rows(size, seed, units=3)
    return made | {"point": np.random.default_rng(seed).integers(0, 4, size).astype(np.uint8)}


@pytest.mark.parametrize("seed", range(8))
def test_it_makes_no_difference_where_trials_are_cut(seed: int) -> None:
    random = np.random.default_rng(seed)
    made = random_rows(1237, seed)
    whole = sums.Sums()
    whole.add(made)
    cuts = sorted({0, 1237, *random.integers(0, 1238, 9).tolist()})
    joined = sums.Sums()
    for first, last in itertools.pairwise(cuts):
        part = {name: values[first:last] for name, values in made.items()}
        if random.random() < 0.3:
            joined.add(part)
        else:
            one = sums.Sums()
            one.add(part)
            joined.join(sums.unpack(sums.pack(one.summary())))
    assert joined.summary().digest() == whole.summary().digest()
    for name in whole.summary().names:
        np.testing.assert_array_equal(getattr(joined.summary(), name), getattr(whole.summary(), name))


@pytest.mark.parametrize("column", ["outcome", "steps", "loss_last", *sums.COLUMNS, "point"])
def test_another_trial_is_another_digest(column: str) -> None:
    made = random_rows(300)
    found = set()
    for change in (0, 1):
        altered = {name: values.copy() for name, values in made.items()}
        at = np.flatnonzero(made["outcome"] == (0 if column == "steps" else 3))[0]
        for name in sums.COLUMNS:
            altered[name][at] = 0
        altered[column][at] += change
        total = sums.Sums()
        total.add(altered)
        found.add(total.summary().digest())
    assert len(found) == 2


def test_losses_are_rounded_to_four_digits_and_keep_their_order() -> None:
    random = np.random.default_rng(3)
    values = np.concatenate([random.lognormal(0, 20, 4000), -random.lognormal(0, 5, 500), [0.0, -0.0, np.inf, 1e308]])
    for kind in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            losses = np.sort(values.astype(kind))
        keys = loss_keys(losses)
        assert (np.diff(keys) >= 0).all()
        for loss, key in zip(losses.tolist(), keys.tolist(), strict=True):
            found = sums.median(np.array([key]), np.array([1]))
            assert found == loss or abs(found - loss) <= 5.7e-4 * abs(loss)
    distinct = np.unique(loss_keys(1 + np.arange(8) / 2**13))
    assert len(distinct) == 8 and len(np.unique(loss_keys(1 + np.arange(8) / 2**20))) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101])
def test_the_median_is_that_of_all_losses(size: int) -> None:
    losses = np.round(np.random.default_rng(size).lognormal(0, 1, size), 2)
    keys, counts = np.unique(loss_keys(losses), return_counts=True)
    assert sums.median(keys.astype(np.int64), counts) == pytest.approx(np.median(losses), rel=5.7e-4)
    assert np.isnan(sums.median(np.zeros(0, np.int64), np.zeros(0, np.int64)))


ranges = st.lists(st.tuples(st.integers(0, 11), st.integers(1, 6)).map(lambda r: (r[0], r[0] + r[1])), max_size=5)


@hypothesis.given(ranges, ranges, st.integers(1, 14))
def test_as_many_trials_are_told_of_as_can_be(
    rows: list[tuple[int, int]], shards: list[tuple[int, int]], n: int
) -> None:
    store = MemoryStore()
    for first, last in rows:
        store.write("c", first, synthetic.rows(last - first, units=1))
    for first, last in shards:
        store.summaries.write("c", first, last, b"")
    found = sums.pieces(store, "c", n)
    stored = {trial for first, last in rows for trial in range(first, last)}
    assert all(0 <= piece.start < piece.stop <= n for piece in found)
    assert all(one.stop <= other.start for one, other in itertools.pairwise(found))
    for piece in found:
        if piece.summary is None:
            assert set(range(piece.start, piece.stop)) <= stored
        else:
            assert (piece.start, piece.stop) in shards
    usable = [shard for shard in set(shards) if shard[1] <= n]
    most = 0
    for count in range(len(usable) + 1):
        for chosen in itertools.combinations(sorted(usable), count):
            if all(one[1] <= other[0] for one, other in itertools.pairwise(chosen)):
                told = {trial for first, last in chosen for trial in range(first, last)}
                most = max(most, len(told | {trial for trial in stored if trial < n}))
    assert sum(piece.stop - piece.start for piece in found) == most


@pytest.mark.parametrize("unit", [37, 500])
def test_everything_that_is_told_is_the_same_as_with_rows(rows: MemoryStore, unit: int) -> None:
    made, store = plan("summary"), MemoryStore()
    assert train(made, store, TRIALS, 2, unit_trials=unit) == 4 * TRIALS
    assert [store.ranges(cell.id) for cell in made.cells] == [[(0, 512)]] * 4
    assert digests(made, store) == digests(made, rows)
    one, other = collect(plan("trials"), rows, TRIALS), collect(made, store, TRIALS)
    for name in one:
        if name != "judge":
            assert one[name].to_csv() == other[name].to_csv(), name
    assert one["rates"]["converged"].min() > 0


class Stopping(Progress):
    """Presses Ctrl-C after so many units."""

    def __init__(self, units: int) -> None:
        self.left = units

    def advance(self, rows: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_that_is_stopped_often_ends_as_an_undisturbed_one(
    rows: MemoryStore, threads: int, tmp_path: Path
) -> None:
    made, store = plan("summary"), FolderStore(tmp_path)
    store.open()
    stops, before = 0, 0
    while True:
        try:
            train(made, store, TRIALS, threads, Stopping(3 + 4 * stops), unit_trials=50)
            break
        except KeyboardInterrupt:
            stops += 1
            covered = [sums.covered(store, cell.id, TRIALS) for cell in made.cells]
            done = sum(last - first for known in covered for first, last in known)
            # What came out of order may be left out once.
            assert done >= before
            before = done
    assert stops > 2 and before > 0 and digests(made, store) == digests(made, rows)
    assert train(made, store, TRIALS) == 0


def test_more_and_fewer_trials(rows: MemoryStore, tmp_path: Path, undrawn: None) -> None:
    trained = []
    for trials in (900, TRIALS, 1100, 300, TRIALS):
        results = mcstudy.run(study("summary", trials), out=tmp_path)
        trained.append(results.trained)
        assert digests(results.plan, results._store, trials) == digests(results.plan, rows, trials)
        expected = statistics.rates(results.plan, rows, trials)
        assert results.rates.to_csv() == expected.to_csv()
    # Summaries cannot be cut: what lies between the last whole one and the last trial is trained once more.
    assert trained == [4 * 900, 4 * (TRIALS - 900), 4 * (1100 - 900), 0, 0]


def test_what_is_kept_may_change(rows: MemoryStore, tmp_path: Path, undrawn: None) -> None:
    made = plan("summary")
    trained = [
        mcstudy.run(study(keep, trials), out=tmp_path).trained
        for keep, trials in [("trials", 700), ("summary", TRIALS), ("trials", TRIALS), ("summary", TRIALS)]
    ]
    assert trained == [4 * 700, 4 * (TRIALS - 700), 4 * (TRIALS - 700), 0]
    store = FolderStore(tmp_path)
    assert [store.digest(cell.id, TRIALS) for cell in made.cells] == [
        rows.digest(cell.id, TRIALS) for cell in made.cells
    ]
    record = store.read_manifest() or {}
    assert list(record["digest"].values()) == digests(made, rows) and record["digest_layout"] == sums.LAYOUT


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that keeps summaries."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        sketches(patch)
        mcstudy.run(study("summary", 700), out=folder)
    return files(folder)


@pytest.fixture
def folder(kept: dict[str, bytes], place: Path) -> Path:
    for name, content in kept.items():
        (place / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "run" / name).write_bytes(content)
    return place / "run"


def test_the_report_says_what_it_rests_on(folder: Path) -> None:
    assert "This study keeps summaries" in (folder / "report.md").read_text()
    assert {"rates.csv", "comparisons.csv", "times.csv"} < {path.name for path in folder.iterdir()}


def test_there_are_no_rows_to_ask_for(folder: Path, undrawn: None) -> None:
    results = mcstudy.run(study("summary", 700), out=folder)
    assert results.trained == 0
    with pytest.raises(RunError, match="no row per trial, because study"):
        _ = results.trials


def test_summaries_are_trained_again_and_compared(folder: Path, command: Command) -> None:
    found = command("verify", folder, "--sample", 10)
    assert found.status == 0, found.err
    assert "trained 10 stored rows of " in found.out and "trained the 188 trials of 1 stored summary again" in found.out
    verdict = verify(open_run(str(folder)), 600)
    assert (verdict.summaries, verdict.summed, verdict.wrong) == (4, 752, "")
    store = FolderStore(folder)
    cell = plan("summary").cells[1]
    [shard] = store.summaries.shards(cell.id)
    wrong = sums.read(store, shard)
    wrong.steps[0] -= 1
    store.summaries.write(cell.id, shard.start, shard.stop, sums.pack(wrong))
    found = command("verify", folder)
    assert found.status == 1
    where = f"cell {cell.id} ({cell.label}), trials 512 to 699: other steps"
    assert f"a summary is not what training gives: {where}" in found.err


def test_a_summary_of_other_trials_is_not_what_run_json_vouches_for(folder: Path, undrawn: None) -> None:
    store, cell = FolderStore(folder), plan("summary").cells[0]
    [shard] = store.summaries.shards(cell.id)
    wrong = sums.read(store, shard)
    wrong.losses[0] -= 1
    store.summaries.write(cell.id, shard.start, shard.stop, sums.pack(wrong))
    for trials in (700, 800):
        with pytest.raises(RunError, match="not those that run"):
            mcstudy.run(study("summary", trials), out=folder)


def test_any_byte_that_changed_is_found(folder: Path) -> None:
    store, cell = FolderStore(folder), plan("summary").cells[0]
    [shard] = store.summaries.shards(cell.id)
    content = shard.source.read_bytes()
    for place in [*range(0, len(content), 97), len(content) - 1]:
        shard.source.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(RunError, match="is damaged"):
            sums.digest(store, cell.id, 700)
    for wrong in (b"", content[:40], content + b"\0"):
        shard.source.write_bytes(wrong)
        with pytest.raises(RunError, match="is damaged"):
            sums.digest(store, cell.id, 700)
    with pytest.warns(UserWarning, match="is set aside as"):
        set_aside(plan("summary"), store)
    assert train(plan("summary"), store, 700) == 188
    assert shard.source.read_bytes() == content
    assert [path.name for path in shard.source.parent.glob("*.damaged")] == [f"{shard.source.name}.damaged"]


def test_what_is_pruned_includes_summaries(folder: Path) -> None:
    store, cell = FolderStore(folder), plan("summary").cells[0]
    assert store.size(cell.id)[0] == 700 and cell.id in store.cells()
    store.remove(cell.id)
    assert store.summaries.shards(cell.id) == [] and cell.id not in store.cells()


def test_stopping_early_needs_rows() -> None:
    data = tomllib.loads(TINY)
    data["study"] |= {"keep": "summary", "until": {"half_width": 0.1}}
    with pytest.raises(mcstudy.StudyError, match="a summary cannot be cut where a cell stops"):
        mcstudy.Study.model_validate(data)


def test_a_trial_without_a_row_is_trained_again(
    folder: Path, rows: MemoryStore, command: Command, unpictured: None
) -> None:
    cell = plan("summary").cells[2]
    run = open_run(str(folder))
    found = replay_into(run, cell.id, 600)
    assert not found.row and found.differs == ""
    stored = rows.rows(cell.id, np.array([600]))
    assert all(found.trace.row[name].tobytes() == values.tobytes() for name, values in stored.items())
    shown = command("replay", folder, "--cell", cell.id, "--trial", 650)
    assert shown.status == 0 and "no row of it is stored, because the study keeps summaries" in shown.out
    with pytest.raises(RunError, match="trial 700 of cell"):
        replay_into(run, cell.id, 700)


def test_a_trial_that_ends_otherwise_than_its_summary_says(folder: Path, unpictured: None) -> None:
    store, cell = FolderStore(folder), plan("summary").cells[2]
    [shard] = store.summaries.shards(cell.id)
    altered = sums.read(store, shard)
    altered.converged[(600 - shard.start) // 8] ^= 0xFF
    store.summaries.write(cell.id, shard.start, shard.stop, sums.pack(altered))
    assert replay_into(open_run(str(folder)), cell.id, 600).differs.startswith("stored:   ")


def test_plan_counts_what_summaries_tell_of(folder: Path, command: Command) -> None:
    Path("tiny.toml").write_text(TINY.replace("trials = 70", 'trials = 1000\nkeep = "summary"'))
    assert "2,800 of them stored" in command("plan", "tiny.toml", "--out", folder).out
