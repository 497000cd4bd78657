"""Looks at single trials: they say what the trials did, and are drawn where they apply."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from test_report import assert_legible

import mcstudy
from mcstudy import figures, report, statistics
from mcstudy.closeup import CLOSEUPS, Look
from mcstudy.closeup.basins import NOWHERE
from mcstudy.closeup.short import short_names
from mcstudy.closeup.starts import Count, Signs, Starts
from mcstudy.engine.measure import losses, starts
from mcstudy.engine.program import build
from mcstudy.engine.run import train
from mcstudy.figures import style
from mcstudy.figures.basins import pixels
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import make_plan
from mcstudy.report.build import build as document
from mcstudy.report.document import Table
from mcstudy.report.render import markdown
from mcstudy.report.starts import starts as told
from mcstudy.store import MemoryStore

NORMAL = {"name": "normal", "bias": "normal"}
GRID = {"name": "grid", "low": -3, "high": 3}
STUDIES: dict[str, dict[str, Any]] = {
    "unit": {"vary": {"activation": ["relu", "leaky_relu"], "init": ["normal", "he_normal"]}},
    "bias": {"network": {"bias": True, "init": NORMAL}, "vary": {"activation": ["relu", "tanh"]}},
    "own": {"task": {"samples": "trial", "size": 20, "batch": 5}, "network": {"bias": True, "init": NORMAL}},
    "chain": {"network": {"hidden": [1], "bias": True, "init": NORMAL}},
    "wide": {"network": {"hidden": [5], "bias": True}, "vary": {"init": ["he_normal", {"name": "zeros"}]}},
    "constant": {"network": {"init": {"name": "constant", "value": 0.5}}},
    "grid of one": {"network": {"init": GRID | {"points": [150]}}},
    "grid of two": {"network": {"bias": True, "init": GRID | {"points": [14, 12]}}},
    "diverging": {
        "network": {"bias": True, "init": NORMAL},
        "train": {"optimizer": {"name": "sgd", "lr": 1e12}, "steps": 300},
        "vary": {"activation": ["linear", "relu"]},
    },
    "huge": {"network": {"init": {"name": "normal", "std": 1e30}, "activation": "linear"}},
    "easy": {"network": {"bias": True, "init": NORMAL}, "converge": {"loss": 1e9}},
    "thin": {"network": {"hidden": [2], "init": {"name": "sparse", "sparsity": 0.5}}},
    "untrained": {"train": {"steps": 0}, "network": {"hidden": [5]}},
}
APPLY: dict[str, set[str]] = {
    "unit": {"starts", "landscapes", "paths"},
    "bias": {"starts", "landscapes", "paths"},
    "own": {"starts", "landscapes", "paths"},
    "chain": {"starts", "paths"},
    "wide": {"paths"},
    "constant": {"landscapes", "paths"},
    "grid of one": {"starts", "landscapes", "basins", "paths"},
    "grid of two": {"starts", "landscapes", "basins", "paths"},
    "diverging": {"starts", "landscapes", "paths"},
    "huge": {"starts", "landscapes", "paths"},
    "easy": {"starts", "landscapes", "paths"},
    "thin": {"starts", "paths"},
    "untrained": set(),
}
TRIALS = 160
OURS = ("starts", "landscapes", "basins", "paths")


@cache
def look(name: str) -> Look:
    data: dict[str, Any] = {
        "study": {"name": "closeups", "seed": 4, "trials": TRIALS},
        "task": {"name": "relu", "input": "normal", "samples": "fresh", "batch": 20},
        "network": {"hidden": [], "bias": False, "output": "activation", "activation": "relu", "init": "normal"},
        "train": {"optimizer": {"name": "sgd", "lr": 0.05}, "steps": 300},
        "converge": {"loss": 1e-2},
    }
    for section, values in STUDIES[name].items():
        data[section] = {**data.get(section, {}), **values}
    varied = {key for key in ("activation", "init") if key in data.get("vary", {})}
    data["network"] = {key: value for key, value in data["network"].items() if key not in varied}
    plan = make_plan(mcstudy.Study.model_validate(data))
    store = MemoryStore()
    train(plan, store, TRIALS, 1, None, None)
    return Look(plan, store, TRIALS, statistics.rates(plan, store))


def outcomes(seen: Look, cell: str) -> tuple[np.ndarray, np.ndarray]:
    frame = seen.store.read(cell, TRIALS)
    return frame["outcome"].cat.codes.to_numpy(), frame["steps"].to_numpy()


# ---------------------------------------------------------------------------------------------- what applies


@pytest.mark.parametrize("name", STUDIES)
def test_figures_are_drawn_where_they_apply_and_legible(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def png(page: Figure) -> bytes:
        assert_legible(page)
        return b"legible"

    monkeypatch.setattr("mcstudy.figures.png", png)
    seen = look(name)
    drawn = set()
    for drawing in (figures.FIGURES[ours] for ours in OURS):
        made = CLOSEUPS[drawing.frame](seen)
        done = figures.draw(drawing, made, seen.plan.keys)
        assert bool(done.pages) == bool(made.cells) and done.left_out == made.of - len(made.cells)
        drawn |= {drawing.name} if done.pages else set()
    assert drawn == APPLY[name]


def test_names_are_short_and_tell_parameters_apart() -> None:
    names = {name: short_names(look(name).plan.cells[0].layers) for name in ("unit", "bias", "chain", "wide")}
    assert names["unit"] == ("w",) and names["bias"] == ("w", "b") and names["chain"] == ("w1", "b1", "w2", "b2")
    first, second = [f"w1[{i}]" for i in range(5)], [f"w2[{i}]" for i in range(5)]
    assert names["wide"] == (*first, *(f"b1[{i}]" for i in range(5)), *second, "b2")


# ---------------------------------------------------------------------------------------------- landscapes


def test_the_curve_of_a_unit_is_the_exact_loss() -> None:
    seen = look("unit")
    made = CLOSEUPS["landscapes"](seen)
    assert made.cells == tuple(cell.id for cell in seen.plan.cells)
    for one, cell in zip(made.shown, seen.plan.cells, strict=True):
        w, slope = one.axes[0], 0.0 if cell.labels["activation"] == "relu" else 0.01
        # E x² over each half of the line is 1/2; the midpoints miss 0.0025 of it in the tails
        exact = np.where(w > 0, (w - 1) ** 2 + (slope * w) ** 2, (slope * w - 1) ** 2 + w**2) / 2
        np.testing.assert_allclose(one.loss, exact, rtol=6e-3, atol=1e-6)
        inside = (one.starts >= w[0]) & (one.starts <= w[-1])
        assert inside.mean() > 0.95
        ends = one.ends[one.converged, 0]
        assert w[0] <= ends.min() and ends.max() <= w[-1]


def test_a_map_is_of_the_losses_there() -> None:
    for name in ("bias", "own"):
        seen = look(name)
        one, cell = CLOSEUPS["landscapes"](seen).shown[0], seen.plan.cells[0]
        program, trials = build([cell], seen.plan.tables), range(8 if name == "own" else 1)
        for row, column in [(0, 0), (3, 70), (80, 41)]:
            point = np.array([[one.axes[0][column], one.axes[1][row]]])
            expected = np.mean([float(losses(program, trial, point)[0]) for trial in trials])
            np.testing.assert_allclose(one.loss[row, column], expected, rtol=1e-6)
        assert one.names == ("w", "b")
        np.testing.assert_array_equal(one.paths, seen.sample(cell).parameters[one.drawn])


# ---------------------------------------------------------------------------------------------- basins


@pytest.mark.parametrize("name", ["grid of one", "grid of two"])
def test_a_pixel_is_the_outcome_of_its_trial(name: str) -> None:
    seen = look(name)
    [one], [cell] = CLOSEUPS["basins"](seen).shown, seen.plan.cells
    outcome, steps = outcomes(seen, cell.id)
    begun = starts(build([cell], seen.plan.tables), np.arange(TRIALS))
    image = pixels(one.outcome, one.steps)
    colors = [mcolor(look["color"]) for look in style.OUTCOME_STYLES.values()]
    count = one.outcome.size
    for trial in range(min(TRIALS, count)):
        at = np.unravel_index(trial, one.outcome.shape)
        np.testing.assert_allclose([axis[i] for axis, i in zip(one.axes, at, strict=True)], begun[trial], rtol=1e-6)
        assert (one.outcome[at], one.steps[at]) == (outcome[trial], steps[trial])
        pale = np.all(image[at] >= np.array(colors[outcome[trial]]) - 1e-9)
        assert pale if outcome[trial] == 0 else np.allclose(image[at], colors[outcome[trial]])
    assert (one.outcome == NOWHERE).sum() == max(0, count - TRIALS)
    assert np.all(image[one.outcome == NOWHERE] == 1.0)
    assert len(set(outcome[:count])) > 1  # there is something to tell apart


def mcolor(color: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return to_rgb(color)


# ---------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize("name", ["unit", "chain", "wide"])
def test_paths_are_those_of_the_first_trials_of_a_kind(name: str) -> None:
    seen = look(name)
    for one in CLOSEUPS["paths"](seen).shown:
        cell = next(cell for cell in seen.plan.cells if cell.id == one.cell)
        outcome, _ = outcomes(seen, cell.id)
        assert sum(kind.trials for kind in one.kinds.values()) == TRIALS
        assert one.sample == f"the first {TRIALS} trials"
        for which, kind in one.kinds.items():
            trials = np.flatnonzero((outcome == 0) == (which == "converged"))[:20]
            assert len(kind.loss) == len(trials) and kind.trials == np.sum((outcome == 0) == (which == "converged"))
            trace = mcstudy.replay(seen.plan.study, cell.id, int(trials[0]))
            seen_then = np.searchsorted(trace.steps, kind.steps[np.isfinite(kind.loss[0])])
            np.testing.assert_array_equal(kind.loss[0][: len(seen_then)], trace.loss[seen_then])
            assert np.array_equal(np.isfinite(kind.norm), np.isfinite(kind.loss))
            assert kind.one is None or kind.one in trials


def test_the_norm_of_the_gradient_of_a_unit_is_exact() -> None:
    one = CLOSEUPS["paths"](look("unit")).shown[0]
    for kind in one.kinds.values():
        w = kind.weights[:, :, 0].astype(float)
        known = np.isfinite(w)
        exact = np.where(w > 0, np.abs(w - 1), np.abs(w))
        np.testing.assert_allclose(kind.norm[known], exact[known], rtol=6e-3, atol=1e-4)


def test_norms_over_a_grid_are_those_on_the_data_of_each_trial() -> None:
    data = {
        "study": {"name": "spread", "seed": 4, "trials": 900},
        "task": {"name": "relu", "input": "normal", "samples": "trial", "size": 8, "batch": 4},
        "network": {"hidden": [], "output": "activation", "activation": "tanh", "init": GRID | {"points": [30, 30]}},
        "train": {"optimizer": {"name": "sgd", "lr": 0.05}, "steps": 20, "precision": "float64"},
        "converge": {"loss": 0.1},
    }
    plan = make_plan(mcstudy.Study.model_validate(data))
    store = MemoryStore()
    train(plan, store, 900)
    seen = Look(plan, store, 900, statistics.rates(plan, store))
    sample = seen.sample(plan.cells[0])
    [one] = CLOSEUPS["paths"](seen).shown
    assert len(sample.trials) == 512 and sample.trials[-1] == 899
    for name, kind in one.kinds.items():
        numbers = sample.trials[sample.converged == (name == "converged")][: len(kind.norm)]
        begun = starts(sample.program, numbers)
        slopes = []
        for step in 1e-5 * np.eye(2):
            up, down = (losses(sample.program, numbers, begun + sign * step) for sign in (1, -1))
            slopes.append((up - down) / 2e-5)
        np.testing.assert_allclose(kind.norm[:, 0], np.hypot(*slopes), rtol=1e-6, atol=1e-9)


# ---------------------------------------------------------------------------------------------- starts


@pytest.mark.parametrize("name", ["unit", "bias", "own", "chain", "grid of two"])
def test_signs_are_counted_over_all_trials(name: str) -> None:
    seen = look(name)
    made = CLOSEUPS["starts"](seen)
    assert len(made.known) == made.of == len(seen.plan.cells)
    for one, cell in zip(made.known, seen.plan.cells, strict=True):
        outcome, _ = outcomes(seen, cell.id)
        traces = [mcstudy.replay(seen.plan.study, cell.id, trial).parameters[0] for trial in range(5)]
        assert one.starts[:5].tobytes() == np.array(traces).tobytes()
        assert one.all == Count(TRIALS, int((outcome == 0).sum()))
        for pattern, count in one.patterns.items():
            signs = {"<": -1, "=": 0, ">": 1}
            here = np.all(np.sign(one.starts) == [signs[sign] for _, sign in pattern], axis=1)
            assert count == Count(int(here.sum()), int((here & (outcome == 0)).sum()))
            # the count of other trials is another one
            assert count != Count(int((~here).sum()), int((~here & (outcome == 0)).sum()))


def test_failures_of_a_unit_are_on_the_negative_side_and_nowhere_else() -> None:
    seen = look("unit")
    made = CLOSEUPS["starts"](seen)
    frames = report.collect(seen.plan, seen.store) | dict.fromkeys(OURS, made)
    text = markdown(document(seen.plan, frames, dict, TRIALS))
    relu = [one for one in made.known if one.labels["activation"] == "relu"]
    negative = [one.where((("w", "<"),)) for one in relu]
    failed = sum(count.failed for count in negative)
    assert failed == sum(count.trials for count in negative) > 100
    wanted = (
        f"- With `relu`, all {failed} failures started at `w < 0`, and none of the {2 * TRIALS - failed} starts at "
    )
    assert f"{wanted}`w > 0` failed; of the {failed} starts at `w < 0`, none converged." in text


def sentences(*cells: dict[str, tuple[int, int]]) -> tuple[str, list[Any]]:
    """What is told of made-up cells: trials and converged by pattern, ``w<b>``."""
    known = []
    for number, cell in enumerate(cells):
        patterns = {
            tuple((text[i], text[i + 1]) for i in range(0, len(text), 2)): Count(*count) for text, count in cell.items()
        }
        names = tuple(name for name, _ in next(iter(patterns)))
        known.append(Signs(str(number), "", {"lr": str(number)}, names, patterns, np.zeros((1, 1)), np.ones(1, bool)))
    blocks = told(Starts(tuple(known), (), len(known)), ())
    return " ".join(
        "".join(part if isinstance(part, str) else part.text for part in item) for item in blocks[1].items
    ), blocks


def test_sentences_say_what_is_true_of_their_cells() -> None:
    clean, cut, split = (
        {"w<": (40, 40), "w>": (60, 60)},
        {"w<": (40, 0), "w>": (60, 60)},
        {"w<": (40, 10), "w>": (60, 60)},
    )
    hopeless, mixed = {"w<": (40, 0), "w>": (60, 0)}, {"w<": (40, 10), "w>": (60, 50)}
    assert sentences(clean)[0] == "None of the 100 trials failed, wherever they started."
    assert (
        sentences(clean, clean)[0] == "In all 2 of these cells, none of the 200 trials failed, wherever they started."
    )
    text = (
        "all 40 failures started at w < 0, and none of the 60 starts at w > 0 failed; of the 40 starts at w < 0, none"
    )
    assert sentences(cut)[0] == f"A{text[1:]} converged."
    assert sentences(cut, clean)[0].startswith(f"With lr = 0, {text} converged. With lr = 1, none of the 100 trials")
    assert "All 30 failures" in sentences(split)[0] and "10 converged (25 %)" in sentences(split)[0]
    # what is not true of a cell does not come to stand with the others
    both = sentences(cut, split, cut)[0]
    assert "With lr = 0 or lr = 2, all 80 failures" in both and "With lr = 1, all 30 failures" in both
    assert sentences(hopeless)[0] == "All 100 trials failed, wherever they started."
    told_of_mixed = sentences(mixed)[0]
    assert (
        "from everywhere, and most often from w < 0: 30 of the 40" in told_of_mixed
        and "10 of the 60 others" in told_of_mixed
    )


def test_patterns_that_always_and_never_fail_are_named() -> None:
    cell = {"w<b<": (500, 0), "w<b>": (400, 100), "w>b<": (300, 200), "w>b>": (200, 200)}
    text, blocks = sentences(cell)
    assert "every trial failed that started at w < 0, b < 0 (500 trials)" in text.replace("Every", "every")
    assert "no trial failed that started at w > 0, b > 0 (200 trials)" in text
    assert "of the 700 other trials, 400 failed" in text and "of all 1,400, 900" in text
    [table] = [block for block in blocks if isinstance(block, Table)]
    assert [[part for part in row[2:4]] for row in table.rows] == [
        [(f"{trials:,}",), (f"{trials - converged:,}",)] for trials, converged in cell.values()
    ]
    # few trials prove nothing
    few = {"w<b<": (5, 0), "w<b>": (400, 100), "w>b<": (300, 200), "w>b>": (5, 5)}
    assert "from everywhere" not in sentences(few)[0] and "most often from w < 0" in sentences(few)[0]
    few["w>b>"] = (5, 4)
    assert "from everywhere" in sentences(few)[0]


def test_the_table_is_short_and_says_what_it_leaves_out() -> None:
    cut, clean = {"w<": (40, 0), "w>": (60, 60)}, {"w<": (40, 40), "w>": (60, 60)}
    _, blocks = sentences(*[cut] * 20, *[clean] * 3)
    [table] = [block for block in blocks if isinstance(block, Table)]
    assert len(table.rows) == 36
    assert "".join(map(str, blocks[-1].text)) == "Left out: 2 more cells and 3 cells in which all trials ended alike."
    signs = ["".join(pair) for pair in itertools.product("wbcd", "<=>")]
    many = {a + b + c + d: (50, 20) for a, b, c, d in itertools.product(signs[:3], signs[3:6], signs[6:9], signs[9:])}
    _, blocks = sentences(many)
    [table] = [block for block in blocks if isinstance(block, Table)]
    assert len(many) == 81 and len(table.rows) == 36


def test_starts_that_never_change_sign_are_not_told_of() -> None:
    made = CLOSEUPS["starts"](look("constant"))
    assert made.cells == () and made.of == 0 and told(made, ()) == []


def test_all_of_it_comes_into_the_report(tmp_path: Any) -> None:
    seen = look("grid of two")
    report.write(seen.plan, seen.store, tmp_path)
    text = (tmp_path / "report.md").read_text()
    for ours in OURS:
        assert f"## {figures.FIGURES[ours].heading}" in text and (tmp_path / "figures" / f"{ours}.png").exists()
    pages = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    report.write(seen.plan, seen.store, tmp_path)
    assert pages == {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert len(OUTCOMES) == len(style.OUTCOME_STYLES)
