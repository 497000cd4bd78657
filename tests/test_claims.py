"""Claims: the intervals against their oracles, the grades at the edges, the report, the command."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import TINY, Command, files, process
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from synthetic import filled, plan

import mcstudy
from mcstudy import report, statistics
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import Plan, make_plan
from mcstudy.report import claims as told
from mcstudy.report import words
from mcstudy.spec import load
from mcstudy.statistics import MARGIN, Tally, overall
from mcstudy.statistics import intervals as made
from mcstudy.statistics.claims import against, differences, median, order, share
from mcstudy.terminal import claims_table

LEVELS = (0.95, 0.99, 0.9999)


def claim(**given: Any) -> Any:
    """A claim as `mcstudy.spec` has it."""
    names = ("rate", "at_least", "at_most", "steps_median", "order", "trials", "within")
    return SimpleNamespace(**(dict.fromkeys(names) | {"outcome": "converged"} | given))


def tally(converged: Any, steps: Any = (), **causes: int) -> Tally:
    """A cell of which these trials converged (an array of bool), at these steps, all at 5 by default."""
    converged = np.asarray(converged, np.bool_)
    good = int(converged.sum())
    values, counts = np.unique(np.asarray(steps if len(steps) else [5] * good, np.int64), return_counts=True)
    none = np.empty(0, np.int64)
    outcomes = (good, 0, len(converged) - good, 0, 0)
    bits = np.packbits(converged)
    found = {"cause_constant": 0} | causes
    return Tally(len(converged), outcomes, values, counts, none, none, bits, np.nan, np.nan, np.nan, found)


# ---------------------------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("first", "second"), [*itertools.product([(0, 7), (3, 10), (50, 50), (433, 1000)], repeat=2)])
def test_differences_of_independent_rates_are_those_of_statsmodels(
    first: tuple[int, int], second: tuple[int, int], level: float
) -> None:
    ours = made.newcombe(first, second, level)
    theirs = confint_proportions_2indep(*first, *second, method="newcomb", alpha=1 - level)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 50), (24, 50), (50, 50), (3, 20_000), (10_000, 20_000)])
def test_exact_intervals_are_those_of_statsmodels(k: int, n: int, level: float) -> None:
    ours = made.clopper_pearson(k, n, level)
    np.testing.assert_allclose(ours, proportion_confint(k, n, 1 - level, "beta"), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("q", [0.5, 0.1, 0.97])
@pytest.mark.parametrize("n", [0, 1, 5, 6, 40, 999, 100_000])
def test_order_statistics_hold_a_quantile_and_no_closer_ones_do(n: int, q: float, level: float) -> None:
    low, high = made.quantile_ranks(n, q, level)
    below, tail = stats.binom(n, q), (1 - level) / 2
    assert 0 <= low < high <= n + 1
    # X(low) is above the quantile where fewer than low values are up to it.
    assert below.cdf(low - 1) <= tail * (1 + 1e-9) and below.sf(high - 1) <= tail * (1 + 1e-9)
    assert low == n or below.cdf(low) > tail * (1 - 1e-9)
    assert high <= 1 or below.sf(high - 2) > tail * (1 - 1e-9)


@pytest.mark.parametrize("n", [1, 2, 9, 10, 501])
def test_a_median_lies_between_its_quantiles(n: int) -> None:
    low, high = made.median_quantiles(n, 0.99)
    assert stats.binom(n, low).sf((n + 1) // 2 - 1) == pytest.approx(0.005)
    assert low + high == pytest.approx(1)
    # Of uniform numbers, the quantile q is q.
    samples = np.median(np.random.default_rng(n).uniform(size=(4000, n)), axis=1)
    assert np.mean((samples < low) | (samples > high)) < 0.02


@pytest.mark.parametrize("trials", [1, 8, 13, 64, 100])
def test_groups_of_cells_are_compared_trial_by_trial(trials: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(differences.__globals__, "_CHUNK", 3)  # the room has a function of the name of its file
    bits = np.random.default_rng(trials).random((5, 100)) < 0.4
    total, squares = differences([tally(row) for row in bits[:2]], [tally(row) for row in bits[2:]], trials)
    each = [bits[:2, i].mean() - bits[2:, i].mean() for i in range(trials)]
    assert total == pytest.approx(sum(each))
    assert squares == pytest.approx(sum(d * d for d in each))


# ------------------------------------------------------------------------------------------------------------- grades


def exactly(low: float, high: float) -> Any:
    """An interval that is what a test wants it to be."""
    return lambda successes, trials, level: (low, high)


@pytest.mark.parametrize(
    ("low", "high", "grade"),
    [
        (0.48, 0.52, "confirmed"),
        (0.4799, 0.52, "undecided"),
        (0.48, 0.5201, "undecided"),
        (0.52, 0.6, "undecided"),
        (0.5201, 0.6, "contradicted"),
        (0.4, 0.48, "undecided"),
        (0.4, 0.4799, "contradicted"),
        (0.1, 0.9, "undecided"),
    ],
)
def test_a_rate_is_graded_by_where_its_interval_lies(low: float, high: float, grade: str) -> None:
    assert MARGIN == 0.02
    assert share(claim(rate=0.5), 50, 100, exactly(low, high), 0.95).grade == grade
    both = claim(at_least=0.48, at_most=0.52)
    assert share(both, 50, 100, exactly(low, high), 0.95).grade == grade
    assert share(claim(rate=0.5, within=0.5), 50, 100, exactly(low, high), 0.95).grade == "confirmed"


def test_bounds_are_graded_by_the_side_of_the_interval() -> None:
    for low, high, grade in [(0.9, 1, "confirmed"), (0.8, 0.9, "undecided"), (0.8, 0.8999, "contradicted")]:
        assert share(claim(at_least=0.9), 1, 2, exactly(low, high), 0.95).grade == grade
        assert share(claim(at_most=0.1), 1, 2, exactly(1 - high, 1 - low), 0.95).grade == grade
    assert share(claim(at_least=0.9, within=0.1), 1, 2, exactly(0.8, 0.85), 0.95).grade == "confirmed"


def test_grades_know_in_and_out() -> None:
    assert against(0.0, 1.0, (0.0, 1.0)) == "confirmed"
    assert [overall(g) for g in (["confirmed"] * 2, ["confirmed", "undecided"], ["undecided", "contradicted"])] == [
        "confirmed",
        "undecided",
        "contradicted",
    ]


def test_a_published_sample_is_contradicted_where_the_two_samples_differ() -> None:
    """24 of 50 against more and more of 5000: the grade turns where the interval of the difference leaves 0."""
    grades = []
    exact = proportion_confint(24, 50, 0.05, "beta")
    for count in range(1000, 4001, 10):
        graded = share(claim(rate=0.48, trials=50), count, 5000, made.clopper_pearson, 0.95)
        own, theirs = proportion_confint(count, 5000, 0.05, "beta"), proportion_confint(24, 50, 0.05, "wilson")
        p = count / 5000
        low = p - 0.48 - np.hypot(p - own[0], exact[1] - 0.48)
        high = p - 0.48 + np.hypot(own[1] - p, 0.48 - exact[0])
        np.testing.assert_allclose(graded.difference, (low, high), atol=1e-10)
        assert (graded.grade == "contradicted") == (low > 0 or high < 0)
        inside = theirs[0] <= own[0] and own[1] <= theirs[1]
        assert (graded.grade == "confirmed") == (inside and not (low > 0 or high < 0))
        grades.append(graded.grade)
    assert set(grades) == {"confirmed", "undecided", "contradicted"}
    far = claim(rate=0.48, trials=50, within=0.3)
    assert share(far, 4000, 5000, made.clopper_pearson, 0.95).grade == "confirmed"
    assert share(far, 4575, 5000, made.clopper_pearson, 0.95).grade == "undecided"
    assert share(far, 5000, 5000, made.clopper_pearson, 0.95).grade == "contradicted"


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_few_published_runs_of_the_same_rate_are_rarely_contradicted(p: float, level: float) -> None:
    """By exact enumeration; with Wilson's intervals in it, as a control, the level is missed where p is small."""
    ours, theirs = stats.binom(300, p), stats.binom(10, p)
    likely = [k for k in range(301) if ours.pmf(k) > 1e-7]
    errors = {"exact": 0.0, "wilson": 0.0}
    for k, published in itertools.product(likely, range(11)):
        weight = ours.pmf(k) * theirs.pmf(published)
        if weight > 1e-9:
            grade = share(claim(rate=published / 10, trials=10), k, 300, made.clopper_pearson, level).grade
            errors["exact"] += weight * (grade == "contradicted")
            low, high = made.newcombe((k, 300), (published, 10), level)
            errors["wilson"] += weight * (low > 0 or high < 0)
    assert errors["exact"] <= 1 - level
    assert p > 0.01 or errors["wilson"] > 1.2 * (1 - level)


def test_a_bound_on_a_sample_is_contradicted_where_no_sample_that_keeps_it_could_be_ours() -> None:
    graded = {n: share(claim(at_least=0.9, trials=n), 860, 1000, made.clopper_pearson, 0.95) for n in (10, 1000)}
    assert [one.grade for one in graded.values()] == ["undecided", "contradicted"]
    expected = confint_proportions_2indep(860, 1000, 900, 1000, method="newcomb")
    np.testing.assert_allclose(graded[1000].difference, expected, atol=0.002)  # those of Wilson's are a little closer
    assert share(claim(at_most=0.1, trials=1000), 140, 1000, made.clopper_pearson, 0.95).grade == "contradicted"
    assert share(claim(at_least=0.9, trials=10), 950, 1000, made.clopper_pearson, 0.95).grade == "confirmed"


def test_a_median_of_steps_is_graded_by_order_statistics() -> None:
    sums = tally([True] * 101, range(101))
    low, high = (rank - 1 for rank in made.quantile_ranks(101, 0.5, 0.95))
    assert (low, high) == (40, 60)
    for s, within, grade in [
        (50, 10, "confirmed"),
        (51, 10, "undecided"),
        (70, 10, "undecided"),
        (71, 10, "contradicted"),
        (29, 10, "contradicted"),
    ]:
        graded = median(claim(steps_median=s, within=within), sums, 1, 200, 0.95)
        assert (graded.ours, graded.low, graded.high, graded.grade) == (50, 40, 60, grade)
    # By default a twentieth of the number, or a check.
    assert median(claim(steps_median=50), sums, 1, 200, 0.95).region == (47.5, 52.5)
    assert median(claim(steps_median=50), sums, 10, 200, 0.95).region == (40, 60)
    few = median(claim(steps_median=50), tally([True] * 3, [1, 2, 3]), 1, 200, 0.95)
    assert (few.low, few.high, few.grade) == (0, 200, "undecided")
    assert median(claim(steps_median=50), tally([False] * 9), 1, 200, 0.95).grade == "undecided"
    assert median(claim(steps_median=50, trials=5), tally([False] * 9), 1, 200, 0.95).grade == "undecided"


def test_a_published_median_of_few_runs_may_lie_farther_off() -> None:
    sums = tally([True] * 10_001, range(10_001))
    # Half of the error is for where 25 runs' median can be: the beta distribution of the 13th of 25.
    low, high = (10_000 * stats.beta(13, 13).ppf(q) for q in (0.0125, 0.9875))
    for s, grade in [
        (low - 200, "contradicted"),
        (low, "undecided"),
        (low + 200, "confirmed"),
        (high - 200, "confirmed"),
        (high, "undecided"),
        (high + 200, "contradicted"),
    ]:
        assert median(claim(steps_median=s, trials=25, within=0), sums, 1, 20_000, 0.95).grade == grade


def test_an_order_is_graded_in_pairs() -> None:
    random = np.random.default_rng(3)
    base = random.random(2000)
    cells = {share: tally(base < share) for share in (0.5, 0.52)}
    assert order(claim(), [[cells[0.52]], [cells[0.5]]], 0.95).grade == "confirmed"
    assert order(claim(), [[cells[0.5]], [cells[0.52]]], 0.95).grade == "contradicted"
    assert order(claim(within=0.05), [[cells[0.5]], [cells[0.52]]], 0.95).grade == "undecided"
    # Without the pairs, so small a difference could not be told.
    other = tally(random.permutation(base) < 0.5)
    assert order(claim(), [[cells[0.52]], [other]], 0.95).grade == "undecided"
    short = tally(base[:100] < 0.5)
    graded = order(claim(), [[cells[0.52]], [short]], 0.95)
    assert graded.ours == pytest.approx(np.mean((base < 0.52)[:100]) - np.mean(base[:100] < 0.5))


def errors(off: float, files: int, seed: int = 5) -> float:
    """The share of files with a contradicted claim: claims of a truth that is `off` by so much, on made-up trials.

    Each file has a rate, a published sample of one, bounds, a median, a published sample of one, and the order of two
    equal cells whose trials have draws in common.
    """
    random, wrong, level = np.random.default_rng(seed), 0, 1 - 0.05 / 6
    ends = np.sort(random.exponential(100, 10**6).astype(np.int64))
    middle = float(ends[len(ends) // 2])
    for _ in range(files):
        draws = random.random((3, 600)) + 0.3 * random.random(600)
        cells = [tally(row < 0.65) for row in draws]
        truth = 1.0 * np.mean((0.65 - np.linspace(0, 0.3, 100001)).clip(0, 1))
        count, n = cells[0].outcomes[0], 600
        steps = tally([True] * count, random.choice(ends, count))
        sample = random.binomial(50, truth) / 50
        theirs = np.sort(random.choice(ends, 15))[7]
        graded = [
            share(claim(rate=truth + off, within=0.02), count, n, made.clopper_pearson, level),
            share(claim(rate=min(1, sample + off), trials=50), count, n, made.clopper_pearson, level),
            share(claim(at_least=truth + off), count, n, made.clopper_pearson, level),
            median(claim(steps_median=middle * (1 + off), within=0), steps, 1, 10**4, level),
            median(claim(steps_median=theirs * (1 + off), trials=15, within=0), steps, 1, 10**4, level),
            order(claim(), [cells[:1], cells[1:]], level),
        ]
        wrong += any(one.grade == "contradicted" for one in graded)
    return wrong / files


def test_true_claims_are_rarely_contradicted() -> None:
    assert 0 < errors(0.0, 2000) <= 0.05


def test_claims_that_are_off_by_more_are_contradicted() -> None:
    assert errors(0.2, 200) > 0.99


# --------------------------------------------------------------------------------------------------- cells and frames

VARY = {"activation": ["relu", "elu"], "optimizer": [{"name": "sgd", "lr": 0.01}, {"name": "adam", "lr": 0.001}]}
CLAIMS: list[dict[str, Any]] = [
    {"where": {"activation": "relu"}, "rate": 0.5, "source": "A"},
    {"where": {"optimizer": {"name": "adam", "lr": 0.001}}, "rate": 0.48, "trials": 50, "source": "B"},
    {"where": {}, "at_least": 0.3, "at_most": 0.9, "source": "C"},
    {"where": {"train.steps": 400}, "steps_median": 100, "source": "D"},
    {"where": {"activation": "elu"}, "order": [{"optimizer": "sgd"}, {"optimizer": "adam"}], "source": "E"},
    {"where": {"activation": "elu", "optimizer": "sgd"}, "rate": 0.1, "outcome": "dead", "source": "F | G"},
    {"where": {"activation": "relu", "optimizer": "sgd"}, "at_most": 0.2, "outcome": "constant", "source": "H"},
    {"where": {"activation": "elu", "optimizer": "sgd"}, "steps_median": 90, "trials": 20, "source": "I"},
]


def claimed(claims: list[dict[str, Any]] = CLAIMS, trials: int = 2000) -> Plan:
    where = [{"match": {"activation": "elu"}, "set": {"train.steps": 400}}]
    return plan(VARY, trials, network={"hidden": [3], "output": "linear"}, where=where, claim=claims)


def graded(made: Plan) -> tuple[pd.DataFrame, dict[str, Tally]]:
    known = statistics.tallies(made, filled(made))
    return statistics.claims(made, known), known


def test_claims_find_their_cells_as_they_are_in_the_end() -> None:
    found = [tuple(one) for one in claimed().claims]
    assert found[:5] == [((0, 1), ()), ((1, 3), ()), ((0, 1, 2, 3), ()), ((2, 3), ()), ((2,), (3,))]


def test_the_frame_has_a_row_for_each_claim_and_cell() -> None:
    frame, known = graded(claimed())
    cells = claimed().cells
    assert list(frame["claim"]) == [1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6, 7, 8]
    assert frame["level"].unique() == pytest.approx(1 - 0.05 / 14)
    for row in words.records(frame):
        if row["statement"] == "order":
            assert row["cell"] == row["activation"] == "" and np.isnan(row["published"])
            a, b = (np.unpackbits(known[cell.id].converged, count=2000).astype(float) for cell in cells[2:])
            assert row["ours"] == pytest.approx(np.mean(a - b))
            continue
        [cell] = [cell for cell in cells if cell.id == row["cell"]]
        assert (row["activation"], row["optimizer"]) == tuple(cell.labels.values())
        sums = known[cell.id]
        if row["statement"] == "steps_median":
            assert row["ours"] == sums.quantile(0.5)
        elif row["outcome"] == "constant":
            assert row["ours"] * 2000 == sums.causes["cause_constant"] > 0
        else:
            assert row["ours"] * 2000 == pytest.approx(sums.outcomes[OUTCOMES.index(row["outcome"])])
        if row["statement"] != "steps_median":
            exact = proportion_confint(round(row["ours"] * 2000), 2000, 0.05 / 14, "beta")
            assert (row["low"], row["high"]) == pytest.approx(exact)
    grades = frame.groupby("claim")["grade"].agg(list)
    # The made-up shares: half converge, a tenth are dead, and the steps are even from 0 to 400.
    assert {number: set(one) for number, one in grades.items() if number != 1} == {
        **{number: {"confirmed"} for number in (2, 3, 6, 7, 8)},
        4: {"contradicted"},
        5: {"undecided"},
    }
    assert "contradicted" not in grades[1]


def test_one_comparison_has_the_level_of_the_file() -> None:
    frame, _ = graded(claimed(CLAIMS[5:6]))
    assert list(frame["level"]) == [0.95]


@pytest.mark.usefixtures("plain")
def test_the_report_tells_claims_after_the_answer(tmp_path: Path) -> None:
    made = claimed()
    store = filled(made)
    report.write(made, store, tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.index("\n## Claims") < text.index("\n## What came out")
    assert "| `relu`, `sgd(lr=0.01)`: 50 % converge (A) |" in text
    assert "`adam(lr=0.001)`: 48 % of 50 runs converge (B)" in text
    assert "30 to 90 % converge (C)" in text
    assert "a median of 100 steps (D)" in text
    assert "| `elu`, `sgd` converges more often than `elu`, `adam` (E) |" in text
    assert "10 % end dead (F \\| G)" in text
    assert "at most 20 % fail with a constant output (H)" in text
    assert "a median of 90 steps (of 20 runs that converge) (I)" in text
    assert "so that all 14 together hold with 95 %" in text
    frame = pd.read_csv(tmp_path / "claims.csv", keep_default_na=False)
    assert list(frame["grade"]) == list(graded(made)[0]["grade"])
    before = files(tmp_path)
    report.write(made, store, tmp_path)
    assert files(tmp_path) == before
    # The same cells without the claims: nothing of them is left.
    report.write(claimed([]), store, tmp_path)
    assert not (tmp_path / "claims.csv").exists()
    assert "## Claims" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_every_grade_has_its_reason() -> None:
    """Claims far off, right and hard to tell, of each kind."""
    relu = {"activation": "relu", "optimizer": "sgd"}
    claims = [{"where": relu, "rate": rate, "within": w, "source": "s"} for rate, w in [(0.5, 0.1), (0.9, 0.01)]]
    claims += [{"where": relu, "rate": rate, "trials": 50, "source": "s"} for rate in (0.5, 0.66, 0.98)]
    claims += [{"where": relu, "steps_median": steps, "source": "s"} for steps in (10, 100, 110)]
    claims += [{"where": relu, "steps_median": steps, "trials": 9, "source": "s"} for steps in (1, 35, 100)]
    claims += [{"where": relu, "at_least": low, "trials": 90, "source": "s"} for low in (0.1, 0.55, 0.9)]
    made = claimed(claims)
    frame, _ = graded(made)
    told_of = [(row["grade"], told.why(made, row)) for row in words.records(frame)]
    assert {grade for grade, _ in told_of} == {"confirmed", "undecided", "contradicted"}
    assert all(len(reason.split()) > 3 and "nan" not in reason for _, reason in told_of)
    assert told_of[0] == ("confirmed", "all of it lies within 40 to 60 %")
    assert told_of[1] == ("contradicted", "it lies outside 89 to 91 %")
    assert told_of[4][1].startswith("the difference from their 50 runs is -")
    assert told_of[8][1].endswith("; theirs does not") and told_of[10][1].endswith("; so does theirs")
    count = sum(grade == "confirmed" for grade, _ in told_of)
    assert f"{count} are confirmed" in told.verdict(frame)


def test_a_claim_of_many_cells_shows_those_that_fail_first() -> None:
    lrs = [{"name": "sgd", "lr": lr / 100} for lr in range(1, 41)]
    made = plan({"optimizer": lrs}, 100, claim=[{"where": {}, "at_most": 1.0, "source": "s"}, CLAIMS[2]])
    frame, _ = graded(made)
    frame.loc[33, "grade"] = "contradicted"
    few, text = told.shown(frame)
    assert len(few) == 48 and text.startswith("Of claims 1 and 2, 24 cells are shown")
    assert few["cell"].iloc[0] == frame["cell"][33]
    first = list(few["grade"][few["claim"] == 1])
    assert first == sorted(first, key=statistics.GRADES.index)
    assert told.shown(frame[frame["claim"] == 3])[1] == ""
    table = told.claims(made, frame)[1]
    assert len(table.rows) == 48  # type: ignore[union-attr]
    assert "Their other cells are in claims.csv." in claims_table(made, frame)


# -------------------------------------------------------------------------------------------------------- the command

TRUE = '\n[[claim]]\nwhere = {}\nat_most = 1.0\nsource = "arithmetic"\n'
FALSE = '\n[[claim]]\nwhere = { activation = "relu" }\nrate = 1.0\noutcome = "diverged"\nsource = "nobody"\n'


@pytest.mark.usefixtures("plain")
def test_check_ends_with_what_it_found(place: Path, command: Command) -> None:
    (place / "tiny.toml").write_text(TINY + TRUE + FALSE)
    done = command("check", "tiny.toml")
    assert done.status == 1
    assert done.err.endswith("tiny.toml: 1 claim is contradicted: 2\n")
    lines = done.out.splitlines()
    assert lines[0].split() == ["claim", "grade", "ours", "interval"]
    assert sum("at most 100 % converge" in line and "confirmed" in line for line in lines) == 4
    assert sum("100 % diverge" in line and "contradicted" in line for line in lines) == 2
    assert "Of 2 claims, in 6 comparisons with cells, 1 is confirmed and 1 is contradicted." in lines
    assert lines[-1] == f"report: {Path('reports/tiny/report.md')}"
    assert "## Claims" in (place / "reports/tiny/report.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("plain")
def test_check_takes_the_options_of_run(place: Path, command: Command) -> None:
    (place / "tiny.toml").write_text(TINY + TRUE)
    done = command("check", "tiny.toml", "--trials", 20, "--seed", 3, "--out", "there", "--threads", 1, "--quiet")
    assert (done.status, done.out) == (0, f"report: {Path('there/report.md')}\n")
    first = files(place / "there")
    # run and report grade the same claims; a claim that is taken back is gone.
    assert command("run", "tiny.toml", "--trials", 20, "--seed", 3, "--out", "there").status == 0
    assert command("report", "there").status == 0
    assert {**files(place / "there"), "run.json": b""} == {**first, "run.json": b""}
    assert set(pd.read_csv(place / "there/claims.csv")["grade"]) == {"confirmed"}
    (place / "tiny.toml").write_text(TINY)
    assert command("run", "tiny.toml", "--trials", 20, "--seed", 3, "--out", "there", "--quiet").status == 0
    assert not (place / "there/claims.csv").exists()


@pytest.mark.usefixtures("plain")
def test_a_record_without_its_claims_is_told(place: Path, command: Command) -> None:
    (place / "tiny.toml").write_text(TINY + TRUE)
    assert command("run", "tiny.toml", "--trials", 9, "--out", "there").status == 0
    record = json.loads((place / "there/run.json").read_text())
    assert record["claims"] == [[[0, 1, 2, 3], []]]
    del record["claims"]
    (place / "there/run.json").write_text(json.dumps(record))
    done = command("report", "there")
    assert done.status == 2 and "is not the record of a run" in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "tiny.toml: $.claim: missing; check needs claims to grade, [[claim]]"),
        (
            TRUE.replace("{}", '{ activation = "elu" }'),
            'tiny.toml: $.claim[0].where: { activation = "elu" } matches no cell; activation is varied over relu, '
            "leaky_relu(negative_slope=0.3)",
        ),
    ],
)
def test_check_refuses_before_it_trains(place: Path, text: str, message: str) -> None:
    (place / "tiny.toml").write_text(TINY + text)
    done = process("check", "tiny.toml", folder=place)
    assert (done.status, done.err.strip(), done.out) == (2, message, "")
    assert sorted(files(place)) == ["tiny.toml"]


def test_claims_are_there_from_python(place: Path) -> None:
    (place / "tiny.toml").write_text(TINY + TRUE + FALSE)
    study = load("tiny.toml")
    results = mcstudy.run(study, trials=20)
    assert list(results.claims["claim"]) == [1, 1, 1, 1, 2, 2]
    assert list(results.claims["trials"]) == [20] * 6
    assert (place / "tiny.toml").write_text(TINY)
    without = mcstudy.run(load("tiny.toml"), trials=20)
    assert len(without.claims) == 0
    # What others say changes no trial.
    assert list(without.rates["cell"]) == list(results.rates["cell"])
    assert [cell.id for cell in make_plan(study).cells] == list(results.rates["cell"])
