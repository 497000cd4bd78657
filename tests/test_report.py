"""Figures and reports: complete, legible, the same bytes every time, and no user's text becomes markup."""

from __future__ import annotations

import base64
import html.parser
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from matplotlib.figure import Figure
from matplotlib.text import Text

from mcstudy import figures, report, statistics
from mcstudy.closeup import CLOSEUPS
from mcstudy.errors import RunError
from mcstudy.figures import layout, lines, style
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import Plan, make_plan
from mcstudy.report import render, words
from mcstudy.report.answer import answer
from mcstudy.report.document import Bullets, Code, Document, Heading, Listing, Paragraph, Picture, Strong, Table
from mcstudy.spec import Study
from mcstudy.statistics.pairs import Converged
from mcstudy.store import MemoryStore, Store

LONG = [{"name": "uniform", "low": -0.123456789012345, "high": 0.1 * i} for i in range(1, 4)]
DESIGNS: dict[str, dict[str, Any]] = {
    "one cell": {},
    "one level": {"activation": ["relu"]},
    "one key": {"activation": synthetic.ACTIVATIONS},
    "two keys": {"activation": synthetic.ACTIVATIONS, "init": synthetic.INITS},
    "long labels": {"init": LONG, "optimizer": synthetic.OPTIMIZERS},
    "three keys": {"activation": synthetic.ACTIVATIONS, "init": synthetic.INITS, "optimizer": synthetic.OPTIMIZERS},
    "four keys": {
        "activation": synthetic.ACTIVATIONS[:3],
        "init": synthetic.INITS[:3],
        "optimizer": synthetic.OPTIMIZERS,
        "network.bias": [False, True],
    },
    "five keys": {
        "activation": synthetic.ACTIVATIONS[:2],
        "init": synthetic.INITS[:2],
        "optimizer": synthetic.OPTIMIZERS,
        "network.bias": [False, True],
        "task.batch": [10, 20],
    },
    "many levels": {"task.batch": list(range(1, 61))},
    "many levels twice": {"task.batch": list(range(1, 10)), "converge.loss": [i / 100 for i in range(1, 11)]},
    "sizes": {"network.hidden": [[], [3], [12], [3, 3], [8, 8, 8]], "init": synthetic.INITS[:2]},
    "two sizes": {"network.hidden": [[3], [4]]},
    "other lengths": {"activation": synthetic.ACTIVATIONS[:4], "train.steps": [200, 1_000_000]},
}

OF_FRAMES = {name: drawing for name, drawing in figures.FIGURES.items() if drawing.frame not in CLOSEUPS}
"""The figures of statistics; those of single trials are looked at in `test_closeups`."""

ALWAYS = tuple(name for name in OF_FRAMES if name not in ("size", "axes", "interactions"))
"""The figures of every study that trains; the others are of those that vary what they show."""


def frames(plan: Plan, store: Store) -> dict[str, Any]:
    return report.collect(plan, store)


@pytest.fixture(scope="module", params=DESIGNS)
def design(request: pytest.FixtureRequest) -> tuple[Plan, dict[str, pd.DataFrame]]:
    plan = synthetic.plan(DESIGNS[request.param])
    return plan, frames(plan, synthetic.filled(plan))


def texts(page: Figure) -> Iterator[Text]:
    """The texts that a page shows; ticks beyond the limits of an axis exist, but are not shown."""
    yield from page.texts
    for legend in [*page.legends, *(axes.get_legend() for axes in page.axes)]:
        yield from [*legend.get_texts(), legend.get_title()] if legend else []
    for axes in page.axes:
        yield from (axes.xaxis.label, axes.yaxis.label)
        yield from (child for child in axes.get_children() if isinstance(child, Text))
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_FRAMES)
def test_texts_of_figures_neither_overlap_nor_leave_the_page(
    design: tuple[Plan, dict[str, pd.DataFrame]], name: str
) -> None:
    plan, made = design
    drawing = figures.FIGURES[name]
    with style.theme():
        for page, _ in drawing.pages(made[drawing.frame], plan.keys):
            assert_legible(page)


def assert_legible(page: Figure) -> None:
    """No text of a page lies over another or beyond its edge."""
    page.draw_without_rendering()
    width, height = page.get_size_inches()
    assert 7 <= width <= 10 and height <= 14
    shown = [text for text in texts(page) if text.get_text().strip() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    for text, box in boxes:
        assert page.bbox.x0 <= box.x0 and box.x1 <= page.bbox.x1, text
        assert page.bbox.y0 <= box.y0 and box.y1 <= page.bbox.y1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 2 or b.y1 <= a.y0 + 2
        assert apart, f"{one!r} overlaps {other!r}"


def test_every_cell_is_drawn() -> None:
    plan = synthetic.plan(DESIGNS["three keys"])
    made = frames(plan, synthetic.filled(plan))
    with style.theme():
        ((page, cells),) = figures.FIGURES["rates"].pages(made["rates"], plan.keys)
        assert cells == {cell.id for cell in plan.cells}
        dots = [line for axes in page.axes for line in axes.get_lines()]
        shown = sorted(x for dot in dots for x in np.atleast_1d(dot.get_xdata()))
        np.testing.assert_allclose(shown, sorted(100 * made["rates"]["rate"]))
        ((page, _),) = figures.FIGURES["curves"].pages(made["curves"], plan.keys)
        assert sum(len(axes.get_lines()) for axes in page.axes) == len(plan.cells)


def test_outcomes_differ_without_colour() -> None:
    from matplotlib.colors import to_rgb

    assert tuple(style.OUTCOME_STYLES) == OUTCOMES
    looks = [
        (float(np.dot(to_rgb(look["color"]), (0.2126, 0.7152, 0.0722))), look["hatch"])
        for look in style.OUTCOME_STYLES.values()
    ]
    for (light, hatch), (other, other_hatch) in itertools.combinations(looks, 2):
        assert hatch != other_hatch or abs(light - other) > 0.2


def test_levels_differ_without_colour() -> None:
    assert len(set(style.MARKERS)) == len(set(map(str, style.DASHES))) == style.LEVELS == len(style.colors())


def test_a_study_of_no_steps_has_no_curves() -> None:
    plan = synthetic.plan({"init": synthetic.INITS}, train={"steps": 0})
    made = frames(plan, synthetic.filled(plan))
    shown = [name for name, drawing in OF_FRAMES.items() if figures.draw(drawing, made[drawing.frame], plan.keys).pages]
    assert shown == ["rates", "comparisons", "outcomes", "causes"]


def test_the_size_is_drawn_where_it_is_varied() -> None:
    plan = synthetic.plan(DESIGNS["sizes"])
    made = frames(plan, synthetic.filled(plan))
    with style.theme():
        ((page, cells),) = figures.FIGURES["size"].pages(made["rates"], plan.keys)
    assert cells == {cell.id for cell in plan.cells}
    shown = [[tuple(point) for point in line.get_xydata()] for axes in page.axes for line in axes.get_lines()]
    rows = made["rates"]
    assert sorted(point for line in shown for point in line) == sorted(
        zip(rows["parameters"], 100 * rows["rate"], strict=True)
    )
    assert [len(line) for line in shown] == [1, 2, 1, 1] * 2
    assert not figures.draw(figures.FIGURES["size"], made["rates"], ["init"]).pages


@pytest.mark.parametrize("shares", [(1.0, 0, 0, 0, 0), (0, 0, 0, 1.0, 0), (0, 1.0, 0, 0, 0)])
@pytest.mark.filterwarnings("error")
def test_extremes_are_drawn(shares: tuple[float, ...]) -> None:
    plan = synthetic.plan(DESIGNS["one key"], trials=3)
    store = synthetic.filled(plan, shares=shares)
    store.write_history(plan.cells[0].id, np.array([0, 200]), np.array([[0.0, np.inf], [1e-45, 3e38]], np.float32))
    made = frames(plan, store)
    for name in ALWAYS:
        drawn = figures.draw(figures.FIGURES[name], made[figures.FIGURES[name].frame], plan.keys)
        if (name, shares[0]) in (("causes", 1), ("restarts", 0)):
            assert not drawn.pages
        else:
            assert drawn.pages[0][1].startswith(b"\x89PNG") and drawn.left_out == 0


@pytest.fixture(scope="module")
def large() -> tuple[Plan, dict[str, Any]]:
    """More than a page has room for."""
    levels = {"task.batch": list(range(1, 81)), "converge.loss": [i / 100 for i in range(1, 3)]}
    plan = synthetic.plan(levels, trials=5)
    return plan, frames(plan, synthetic.filled(plan))


LAID_OUT = {"rates", "comparisons", "curves"}
"""A figure of each kind of layout."""


@pytest.mark.parametrize(
    "name", [name if name in LAID_OUT else pytest.param(name, marks=pytest.mark.slow) for name in ALWAYS]
)
def test_cells_that_are_not_drawn_are_counted(
    name: str, large: tuple[Plan, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, unsaved: None
) -> None:
    monkeypatch.setattr(layout, "MAX_PAGES", 1)
    plan, made = large
    drawing = figures.FIGURES[name]
    with style.theme():
        ((_, cells),) = drawing.pages(made[drawing.frame], plan.keys)
    drawn = figures.draw(drawing, made[drawing.frame], plan.keys)
    count = 80 if name == "comparisons" else drawing.count(made[drawing.frame])
    assert count == 80 or 140 < count <= 160 == made["rates"]["cell"].nunique()  # some may have no success
    assert drawn.left_out == count - len(cells) > 0 and len(drawn.pages) == 1
    text = render.markdown(report.build(plan, made, lambda: {name: drawn}, 5))
    verb = "is" if drawn.left_out == 1 else "are"
    items = f"the {count} {drawing.item}s {verb} not drawn here; `{drawing.table}` has them all."
    assert f"{drawn.left_out} of {items}" in text


def test_a_figure_that_does_not_apply_has_no_section() -> None:
    plan = synthetic.plan({"init": synthetic.INITS})
    made = frames(plan, synthetic.filled(plan))
    drawn = figures.Drawn((), "a caption", 4, 4)
    text = render.markdown(report.build(plan, made, lambda: {"size": drawn}, 200))
    assert "## Size" not in text and "not drawn" not in text


def test_the_losses_say_how_many_trials_they_are_of() -> None:
    plan = synthetic.plan({"activation": ["relu", "elu"]}, trials=60)
    store = synthetic.filled(plan)
    told = []
    for first in (50, 30, 1):
        store.write_history(plan.cells[0].id, np.array([0, 200]), np.ones((first, 2), np.float32))
        told.append(figures.draw(figures.FIGURES["losses"], statistics.losses(plan, store), plan.keys).caption)
    assert [re.findall("over the (.*?) of each cell", caption) for caption in told] == [
        ["first 50 trials"],
        ["first 30 to 50 trials"],
        ["first 1 to 50 trials"],
    ]


def test_bands_of_losses_have_edges() -> None:
    plan = synthetic.plan({"init": synthetic.INITS[:3]})
    made = frames(plan, synthetic.filled(plan))
    with style.theme():
        ((page, _),) = figures.FIGURES["losses"].pages(made["losses"], plan.keys)
    (axes,) = page.axes
    edges = [line for line in axes.get_lines() if line.get_linewidth() < 0.8 and len(line.get_xdata()) > 2]
    assert len(edges) == 6 and len({line.get_color() for line in edges}) == 3


@pytest.mark.parametrize("width", [1.55, 2.4, 7.5])
@pytest.mark.parametrize("last", [2, 3, 5, 20, 99, 100, 1000, 1999, 2000, 3200, 30_000, 600_000, 999_999, 10**7])
def test_steps_have_three_to_five_ticks(last: int, width: float) -> None:
    ticks = lines._ticks(last, width)
    assert 3 <= len(ticks) <= 5 and ticks[0] == 0 and last / 2 < ticks[-1] <= last
    # Two labels side by side are as wide as the wider one.
    assert width * ticks[1] / last > style.text_width(f"{ticks[-1]:,}")


def test_a_single_step_has_its_tick() -> None:
    assert lines._ticks(1, 2.0) == [0, 1]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store, Path]:
    plan = synthetic.plan(
        {"activation": synthetic.ACTIVATIONS[:3], "init": synthetic.INITS[:2]},
        study={"title": "A *study* <of> a | b", "question": "Is <b>it</b> so?\n\n1. No $x$ `y`\nhttps://a.b/c_d_"},
        where=[{"match": {"activation": "leaky_relu"}, "set": {"converge.loss": 0.02}}],
    )
    store = synthetic.filled(plan)
    folder = tmp_path_factory.mktemp("report")
    report.write(plan, store, folder, {"versions": {"numba": "0.68"}, "cpu": "<made up>"})
    return plan, store, folder


def test_the_report_says_what_was_asked_run_and_found(written: tuple[Plan, Store, Path]) -> None:
    plan, store, folder = written
    text = (folder / "report.md").read_text()
    rows = statistics.rates(plan, store)
    first = text.split("\n\n")[1]
    for row in words.records(rows):
        known = row["rate"], row["rate_low"], row["rate_high"]
        rate = f"**{words.percent(*known)}** ({words.interval(*known)})"
        assert f"`{row['activation']}`, `{row['init']}` {rate}" in first
    assert text.index("## The question") < text.index("## What came out") < text.index("## What was run")
    assert "`activation = leaky_relu`: `converge.loss = 0.02`" in text
    assert "`leaky_relu(negative_slope=0.3)`" in text and "a new batch of 10 points at each step" in text
    assert "evaluation loss at most 0.0001" in text and "512 fixed points" in text
    for name in (*OUTCOMES, *ALWAYS):
        assert name in text
    assert "python -m mcstudy run made-up.toml --trials 200 --seed 1" in text
    for link in re.findall(r"\]\((.*?)\)", text):
        assert (folder / link).read_bytes().startswith(b"\x89PNG")


def test_shared_data_make_rates_conditional() -> None:
    plan = synthetic.plan(task={"samples": "shared", "size": 50, "batch": "all"})
    document = report.build(plan, report.collect(plan, synthetic.filled(plan)), dict, 200)
    assert "conditional on that one set" in render.markdown(document)
    assert "conditional" not in render.markdown(
        report.build(synthetic.plan(), report.collect(synthetic.plan(), synthetic.filled(synthetic.plan())), dict, 200)
    )


def test_settings_that_differ_by_task_are_told() -> None:
    where = [
        {"match": {"task.name": "xor"}, "set": {"task.batch": "all", "converge.accuracy": 1}},
        {"match": {"task.name": "distance"}, "set": {"task.samples": "trial", "task.size": 50}},
    ]
    vary = {"activation": ["relu", "linear"], "task.name": ["distance", "xor"]}
    plan = synthetic.plan(vary, network={"hidden": [2], "output": "linear"}, where=where)
    text = render.markdown(report.build(plan, report.collect(plan, synthetic.filled(plan)), dict, 200))
    assert "| output unit | `linear` |" in text
    assert (
        "| converged | evaluation loss at most 0.0001; or evaluation loss at most 0.0001, and all evaluation points "
        "told right; depending on the cell |"
    ) in text
    assert "Where data are shared: All trials learn from the same set of points." in text


def test_the_same_bytes_every_time(written: tuple[Plan, Store, Path], tmp_path: Path) -> None:
    import matplotlib as mpl

    plan, store, folder = written
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30, "text.usetex": False}):
        report.write(plan, store, tmp_path, {"when": "another day"})
    names = ["report.md", "rates.csv", "times.csv", *(f"figures/{name}.png" for name in ALWAYS)]
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    assert b"\r" not in (folder / "rates.csv").read_bytes()
    for png in folder.glob("figures/*.png"):
        assert b"Software" not in png.read_bytes() and b"tIME" not in png.read_bytes()


class Page(html.parser.HTMLParser):
    """The tags, addresses and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_loads_nothing(written: tuple[Plan, Store, Path]) -> None:
    _, _, folder = written
    content = (folder / "report.html").read_text()
    page = Page(content)
    assert page.open == []
    images = [base64.b64decode(address.removeprefix("data:image/png;base64,")) for address in page.addresses]
    links = re.findall(r"\]\((figures/.*?)\)", (folder / "report.md").read_text())
    assert {f"figures/{name}.png" for name in ALWAYS} <= set(links)
    assert images == [(folder / link).read_bytes() for link in links]
    assert "versions.numba" in page.text and "<made up>" in page.text
    assert "Is <b>it</b> so?" in page.text and "<b>" not in content
    assert "A *study* <of> a | b" in page.text


def test_users_text_is_no_markdown(written: tuple[Plan, Store, Path]) -> None:
    lines = (written[2] / "report.md").read_text().splitlines()
    assert lines[0] == r"# A \*study\* &lt;of&gt; a \| b"
    assert lines[4] == "## The question"
    assert lines[6] == "Is &lt;b&gt;it&lt;/b&gt; so?"
    assert lines[8] == r"1\. No \$x\$ \`y\` https://a.b/c_d_"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("he_normal", "he_normal"),
        ("_so_ [x](y)", r"\_so\_ \[x\](y)"),
        ("# no", r"\# no"),
        ("- no", r"\- no"),
        ("12) no", r"12\) no"),
        ("12.5 is", "12.5 is"),
        ("a\n\n  b", "a b"),
        ("&amp; <i>", "&amp;amp; &lt;i&gt;"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str) -> None:
    assert render.escape(text) == shown


def test_every_block_has_both_forms() -> None:
    blocks = (
        Heading(2, "h"),
        Paragraph(("p ", Code("a|`b`"), Strong("s"))),
        Bullets((("one",), (Code("two"),))),
        Table(("key", "n"), (((Code("x|y"),), ("-5",)),), frozenset({1})),
        Picture("rates", b"png", ("caption",), "alt"),
        Listing("run --x"),
    )
    document = Document("t", blocks)
    text = render.markdown(document)
    assert "## h\n\np ``a|`b` `` " not in text and "p `` a|`b` ``**s**" in text
    assert "| key | n |\n| --- | ---: |\n| `x\\|y` | -5 |" in text
    assert "![alt](figures/rates.png)\n\ncaption" in text and "```sh\nrun --x\n```" in text
    page = Page(render.page(document))
    assert page.open == [] and all(part in page.text for part in ("a|`b`", "x|y", "-5", "caption", "run --x"))
    assert "Provenance" not in page.text


def test_digits_go_no_further_than_the_interval() -> None:
    assert words.percent(0.498, 0.4949, 0.5011) == "49.8 %"
    assert words.interval(0.498, 0.4949, 0.5011) == "49.4 to 50.2"
    assert words.percent(0.5, 0.31, 0.69) == "50 %"
    assert words.percent(0.0, 0.0, 0.00019) == "0 %" and words.interval(0.0, 0.0, 0.00019) == "0 to 0.019"
    assert words.interval(1.0, 0.9998, 1.0) == "99.980 to 100"
    assert words.figure(0.99999, 1) == "99.999" and words.figure(1.0, 1) == "100"


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((0.998, 0.9962, 0.99925), "99.6 to 99.93"),
        ((0.9982, 0.9966, 0.99905), "99.6 to 99.91"),
        ((0.0001, 0.00001, 0.0004), "0.001 to 0.04"),
        ((0.002, 0.00075, 0.0038), "0.07 to 0.4"),
        ((0.5, 0.0, 1.0), "0 to 100"),
        ((0.5, 1e-9, 1 - 1e-9), "0.0000001 to 99.9999999"),
        ((0.5, 0.3, 0.7), "30 to 70"),
        ((1.0, 0.2, 1.0), "20 to 100"),
    ],
)
def test_ends_of_intervals_are_nothing_or_all_only_where_they_are(
    numbers: tuple[float, float, float], shown: str
) -> None:
    assert words.interval(*numbers) == shown


@pytest.mark.parametrize("n", [3, 20, 5000, 20_000, 10**7])
def test_shown_intervals_hold_the_true_ones(n: int) -> None:
    for k in {0, 1, 2, n // 3, n - 2, n - 1, n}:
        low, high = (float(end) for end in statistics.wilson(k, n))
        down, up = map(float, words.interval(k / n, low, high).split(" to "))
        assert down <= 100 * low + 1e-6 and up >= 100 * high - 1e-6
        assert (down == 0) == (k == 0) and (up == 100) == (k == n)


def test_digits_of_rare_events() -> None:
    assert words.percent(1 / 20_000, 8.8e-6, 2.8e-4) == "0.01 %"
    assert words.percent(1 / 50_000, 3.5e-6, 1.1e-4) == "0.002 %"


@pytest.mark.parametrize(
    ("shares", "trials", "told"),
    [
        ((1.0, 0, 0, 0, 0), 200, "In each of 2 cells of 200 trials each, all trials converged"),
        ((0, 0, 0, 1.0, 0), 200, "In each of 2 cells of 200 trials each, no trial converged"),
        ((0, 0, 0, 1.0, 0), 1, "all were stuck"),
    ],
)
def test_extremes_are_told(shares: tuple[float, ...], trials: int, told: str) -> None:
    plan = synthetic.plan({"activation": ["relu", "elu"]}, trials=trials)
    made = report.collect(plan, synthetic.filled(plan, shares=shares))
    assert told in render.markdown(report.build(plan, made, dict, trials))


def told(
    vary: dict[str, Any],
    converged: list[int],
    steps: list[float] | None = None,
    trials: int = 1000,
    dead: tuple[float, float] = (0.0, 0.0),
    **tables: Any,
) -> str:
    """The report of cells of which so many trials converged, after so many steps, and with so many dead units."""
    plan = synthetic.plan(vary, **tables)
    low, high = statistics.wilson(converged, trials)
    lasted = steps or [20.0 + i for i in range(len(converged))]
    rows = [
        {"cell": cell.id, **cell.labels, "trials": trials, "converged": k, "rate": k / trials, "rate_low": low[i]}
        | {"rate_high": high[i], "diverged": 0, "dead": 0, "stuck": trials - k, "unfinished": 0}
        | {"steps_q25": 10.0, "steps_median": lasted[i], "steps_q75": 90.0, "parameters": cell.parameters}
        | {"hidden_units": sum(layer.outputs for layer in cell.layers[:-1])}
        | {"dead_units_converged": dead[0], "dead_units_failed": dead[1]}
        | {f"cause_{name}": trials - k if name == "none" else 0 for name in statistics.CAUSES}
        | {"dead_start_converged": 0, "dead_start_failed": 0}
        for i, (cell, k) in enumerate(zip(plan.cells, converged, strict=True))
    ]
    ids = [cell.id for cell in plan.cells]
    made = {"rates": pd.DataFrame(rows), "judge": independent(ids, converged, trials)}
    return render.markdown(report.build(plan, made, dict, trials))


def independent(ids: Sequence[str], converged: Sequence[int], trials: int) -> statistics.Judge:
    """A judge of cells of which so many trials converged, each cell's independently of all others."""
    random = np.random.default_rng(3)
    bits = [np.packbits(random.permutation(np.arange(trials) < count)) for count in converged]
    places = {name: place for place, name in enumerate(ids)}
    return statistics.Judge(places, Converged(bits, [trials] * len(bits)), statistics.MARGIN)


def first(*given: Any, **tables: Any) -> str:
    """The first paragraph of that report."""
    return told(*given, **tables).split("\n\n")[1]


def test_every_key_is_told_of_with_its_span() -> None:
    vary = {"network.bias": [False, True], "activation": ["relu", "elu", "tanh"], "init": ["normal", "zeros"]}
    assert first(vary, [200, 300, 205, 295, 800, 900, 202, 302, 198, 300, 802, 898]).endswith(
        " Averaged over the other keys, the rate moves most with activation, from 25 % (`relu` and `elu`) to 85 % "
        "(`tanh`, its cells from 80 to 90 %), clearly so in all 4 pairs of cells alike otherwise; next with init, from "
        "40 % (`normal`) to 50 % (`zeros`), clearly so in all 6 pairs of cells alike otherwise; no clear difference is "
        "made by network.bias (45 %)."
    )


def test_levels_that_are_not_clearly_apart_are_told() -> None:
    vary = {"activation": ["relu", "elu", "tanh", "selu", "sigmoid"], "init": ["normal", "zeros"]}
    text = first(vary, [500, 500, 520, 520, 700, 700, 700, 700, 700, 700])
    assert "activation, from 50 % (`relu`; not clearly below `elu`) to 70 % (`tanh` and 2 others), clearly so" in text
    assert "both pairs of cells alike otherwise; no clear difference is made by init (62 %)." in text


@pytest.mark.parametrize("converged", [[500, 500, 500, 500], [500, 505, 505, 510], [500, 540, 520, 510]])
def test_no_difference_is_told_where_intervals_overlap(converged: list[int]) -> None:
    text = first({"activation": ["relu", "elu"], "init": ["normal", "zeros"]}, converged)
    assert not re.search("clearly|moves|but", text)
    assert len(set(converged)) == 1 or "Averaged over the other key, no clear difference is made by" in text
    text = first({"activation": ["relu", "elu", "tanh", "selu"]}, converged)
    assert not re.search("converged clearly|moves|but|points", text)
    assert len(set(converged)) == 1 or (
        text.endswith(" `elu`, `tanh` and `selu` are not clearly different from `relu`.")
    )
    vary = {"activation": ["relu", "elu", "tanh", "selu"], "init": ["normal", "zeros"]}
    text = first(vary, converged * 2)
    assert not re.search("(?<!not )clearly|moves|but", text)


@pytest.mark.parametrize(
    "levels",
    [(2,), (5,), (2, 3), *(pytest.param(more, marks=pytest.mark.slow) for more in ((8,), (3, 4), (2, 2, 3)))],
)
def test_chance_alone_is_rarely_told_as_a_difference(levels: tuple[int, ...]) -> None:
    """Cells of one true rate; with a true difference of ten points, as a control, each answer tells one."""
    random = np.random.default_rng(7)
    keys = tuple(f"key{i}" for i in range(len(levels)))
    labels = list(itertools.product(*(map(str, range(count)) for count in levels)))
    claims = []
    for gain in (0.0, 0.1):
        claims.append(0)
        for _ in range(30):
            converged = random.binomial(2000, [0.4 + gain * (cell[0] == "1") for cell in labels])
            low, high = statistics.wilson(converged, 2000)
            frame = pd.DataFrame(labels, columns=keys).assign(trials=2000, converged=converged, rate=converged / 2000)
            frame["cell"] = list(map("".join, labels))
            judge = independent(frame["cell"], converged, 2000)
            text = answer(frame.assign(rate_low=low, rate_high=high), keys, judge)
            shown = "".join(item if isinstance(item, str) else item.text for item in text)
            claims[-1] += bool(
                re.search(r"(?<!others )converged clearly|moves|; but|\d of the \d+ others|\d clearly", shown)
            )
    assert claims[0] <= 3 and claims[1] == 30


def test_pairs_that_were_picked_are_rarely_called_clear() -> None:
    """Of ten optimizers five are better in one context, and none in the other: the extremes are picked by both."""
    random, told = np.random.default_rng(5), 0
    labels = list(itertools.product(map(str, range(10)), "ab"))
    for _ in range(40):
        converged = random.binomial(2000, [0.6 if at < "5" and where == "a" else 0.5 for at, where in labels])
        low, high = statistics.wilson(converged, 2000)
        frame = pd.DataFrame(labels, columns=["optimizer", "context"]).assign(trials=2000, converged=converged)
        frame = frame.assign(rate=converged / 2000, rate_low=low, rate_high=high, cell=list(map("".join, labels)))
        text = answer(frame, ("optimizer", "context"), independent(frame["cell"], converged, 2000))
        told += "clearly so in both" in "".join(item if isinstance(item, str) else item.text for item in text)
    assert told <= 4


def test_what_moves_the_rate_most_is_told_only_where_intervals_show_it() -> None:
    vary = {"activation": ["relu", "elu"], "init": ["normal", "zeros"]}
    assert "the rate moves most with activation, from 21 % (`relu`) to 81 %" in first(vary, [200, 220, 800, 820])
    text = first(vary, [300, 498, 502, 700])
    assert "the rate moves with activation, from 40 % (`relu`) to 60 % (`elu`), clearly so in both" in text


def test_where_a_difference_does_not_hold_is_told() -> None:
    vary = {"activation": ["relu", "elu"], "optimizer": [{"name": "sgd", "lr": rate} for rate in (1, 2, 3)]}
    assert first(vary, [0, 1000, 0, 1000, 1000, 1000]).endswith(
        " Averaged over the other key, the rate moves most with activation, from 33.3 % (`relu`) to 100 % (`elu`), but "
        "not clearly with `sgd(lr=2)` (100 % each); next with optimizer, from 50.0 % (`sgd(lr=1)` and `sgd(lr=3)`) to "
        "100 % (`sgd(lr=2)`), but not clearly with `elu` (100 % each)."
    )
    text = first(vary, [100, 900, 100, 800, 600, 900])
    assert "from 37 % (`relu`) to 77 % (`elu`), but the other way round with `sgd(lr=2)` (90 % and 60 %)" in text
    vary["network.bias"] = [False, True]
    text = first(vary, [100, 100, 900, 900, 100, 100, 800, 800, 600, 600, 900, 900])
    assert "to 77 % (`elu`, its cells from 60 to 90 %), but the other way round with `sgd(lr=2)`;" in text
    vary = {"activation": ["relu", "elu"], "task.batch": [1, 2, 3, 4, 5]}
    assert "clearly so in all 5 pairs of cells" in first(vary, [100, 500, 100, 500, 100, 900, 900, 900, 900, 900])
    text = first(vary, [100, 500, 100, 500, 200, 900, 500, 900, 500, 190])
    assert "clearly so in 2 of the 5 pairs of cells alike otherwise" in text
    text = first(vary, [0, 500, 500, 500, 900, 1000, 500, 500, 500, 600])
    assert "from 48 % (`relu`) to 62 % (`elu`), clearly so in 1 of the 5 pairs of cells alike otherwise, and" in text
    assert text.endswith("and the other way round in 1.")


def test_a_difference_that_the_averages_hide_is_told() -> None:
    vary = {"activation": ["relu", "elu"], "init": ["normal", "zeros"]}
    assert first(vary, [200, 800, 800, 200]).endswith(
        " Averaged over the other key, no clear difference is made by activation (50 %; but with `normal` from 20 % "
        "with `relu` to 80 % with `elu` and with `zeros` from 20 % with `elu` to 80 % with `relu`) or init (50 %; but "
        "with `relu` from 20 % with `normal` to 80 % with `zeros` and with `elu` from 20 % with `zeros` to 80 % with "
        "`normal`)."
    )


def test_five_keys_are_told_of() -> None:
    keys = ["network.bias", "activation", "init", "optimizer", "task.batch", "converge.loss"]
    levels = [[False, True], ["relu", "elu"], ["normal", "zeros"], synthetic.OPTIMIZERS, [1, 2], [0.1, 0.2]]
    converged = [sum(2**i * 8 for i in range(6) if cell >> i & 1) + 100 for cell in range(64)]
    text = first(dict(zip(keys, levels, strict=True)), converged, trials=10_000)
    (sentence,) = re.findall("Averaged over .*", text)
    assert [key for key in keys if f"{key}, from " in sentence or f"{key} (" in sentence] == keys[:5]
    assert sentence.endswith("; 1 other key spans no more than these.")


def test_tasks_are_told_of_apart() -> None:
    vary = {"activation": ["relu", "elu", "tanh", "selu"], "task.name": ["relu", "abs"]}
    text = told(vary, [500, 0, 510, 0, 800, 1, 100, 900])
    paragraph = text.split("\n\n")[1]
    assert paragraph == (
        "**relu**: Of 1,000 trials each, so many converged (95 % intervals in brackets): `relu` **50 %** (46 to 54); "
        "`elu` **51 %** (47 to 55); `tanh` **80 %** (77 to 83); `selu` **10 %** (8 to 13). `tanh` (by 30 points) "
        "converged clearly more often than `relu`; `selu` (by 40 points) converged clearly less often than `relu`; "
        "`elu` is not clearly different from `relu`. "
        "**abs**: Of 1,000 trials each, so many converged (95 % intervals in brackets): `relu` **0 %** (0 to 0.4); "
        "`elu` **0 %** (0 to 0.4); `tanh` **0.1 %** (0.01 to 0.6); `selu` **90 %** (87 to 92). `selu` (by 90 points) "
        "converged clearly more often than `relu`; `elu` and `tanh` are equivalent (within 2 points) to `relu`."
    )
    assert text.index("### Rates on relu") < text.index("### Rates on abs") < text.index("## What was run")
    assert "Averaged over" not in text and "Each level by itself" not in text
    assert text.count("Trials per cell: 1,000.") == 1


def test_the_baseline_is_what_others_are_compared_with() -> None:
    vary = {"activation": ["relu", "elu", "tanh"]}
    text = first(vary, [100, 500, 110], study={"baseline": {"activation": "elu"}})
    assert text.endswith(" `relu` (by 40 points) and `tanh` (by 39) converged clearly less often than `elu`.")
    text = first({"task.batch": [1, 2]}, [100, 500])
    assert text.endswith(" `task.batch = 2` (by 40 points) converged clearly more often than `task.batch = 1`.")


def test_points_have_the_digits_that_both_rates_allow() -> None:
    vary = {"activation": ["relu", "elu", "tanh"]}
    text = first(vary, [100_000, 100_999, 100_999], trials=200_000, study={"trials": 200_000})
    assert "`elu` and `tanh` (by 0.5 points) converged clearly more often than `relu`." in text
    assert "`elu` (by 0.9 points)" in first({"activation": ["relu", "elu"]}, [0, 9], trials=1000)


def test_many_levels_are_compared_with_the_baseline() -> None:
    vary = {"task.batch": list(range(1, 15))}
    text = first(vary, [500, *[900] * 3, *range(800, 600, -25), 490, 100])
    assert (
        " Compared with `task.batch = 1` (50 %), 11 of the 13 others converged clearly more often (`task.batch = 2`, "
        "`task.batch = 3` and `task.batch = 4` by 40 points; `task.batch = 5` by 30; `task.batch = 6` by 28; "
        "`task.batch = 7` by 25; `task.batch = 8` by 22; `task.batch = 9` by 20; 3 more), 1 clearly less often "
        "(`task.batch = 14` by 40 points); 1 is undecided."
    ) in text


def test_names_of_several_settings_are_compared_at_their_best() -> None:
    rates = {"sgd": (100, 300), "adam": (200, 250), "lion": (700, 400), "rprop": (0, 5)}
    levels = [{"name": name, "lr": lr} for name in rates for lr in (0.1, 0.2)]
    text = told({"optimizer": levels}, [number for pair in rates.values() for number in pair])
    assert (
        "Each at the best of its settings, the 4 optimizers go from `rprop(lr=0.2)` (0.5 %) to `lion(lr=0.1)` (70 %); "
        "2 of them are between 25 % and 30 %; the settings move a single one as far as from `lion(lr=0.2)` (40 %) to "
        "`lion(lr=0.1)` (70 %)."
    ) in text
    assert "| `lion` | `lion(lr=0.1)` | 70 | 67 to 73 | 2 | 40 |\n| `sgd` | `sgd(lr=0.2)` | 30 |" in text
    assert "best of its settings" not in told({"optimizer": levels[::2]}, [100, 200, 300, 0])


def test_dead_units_are_told_of() -> None:
    hidden = {"hidden": [4], "output": "linear"}
    text = told({"activation": ["relu", "elu"]}, [500, 1000], dead=(1.0, 3.0), network=hidden)
    assert (
        "Of the hidden units, these shares were dead in the end: 25.0 % in the trials that converged and 75.0 % in "
        "those that neither converged nor diverged; the "
        "largest share, by the lower end of its interval, is 75 %, in those that neither converged nor "
        "diverged, with `relu`."
    ) in text
    assert "dead in the end" not in told({"activation": ["relu", "elu"]}, [500, 1000], network=hidden)
    assert "dead in the end" not in told({"activation": ["relu", "elu"]}, [500, 1000], dead=(1.0, 3.0))


def test_sizes_are_told_of() -> None:
    network = {"output": "linear", "bias": True}
    vary = {"network.hidden": [[], [1], [2], [4], [3, 2]], "init": ["normal", "zeros"]}
    converged = [0, 0, 600, 400, 950, 620, 1000, 1000, 520, 505]
    text = told(vary, converged, dead=(0.4, 0.9), network=network)
    assert (
        "- **No hidden layer**. 50 %: none.\n- **One hidden layer**. 50 %: `network.hidden = [1]`, `normal` (4 " in text
    )
    assert (
        "parameters, 60 %); 90 %: `network.hidden = [2]`, `normal` (7 parameters, 95 %); 99 %: `network.hidden" in text
    )
    assert "[4]`, `normal` (13 parameters, 100 %).\n- **Two hidden layers**. 50 %: none." in text
    assert (
        "The highest rate per parameter is that of `network.hidden = [1]`, `normal`: 15.0 % of the trials for each"
        in text
    )
    assert "| `[2]` | `normal` | 7 | 95 | 93 to 97 | 13.6 | 20 | 45 |" in text
    assert "| `[]` | `zeros` | 2 | 0 | 0 to 0.4 | 0 | – | – |" in text
    assert (
        "In 6 of the 6 cells with trials of both kinds, the failed ones have clearly more dead units than the" in text
    )
    assert (
        " Smallest network clearly above 99 %: with no hidden layer none; with one hidden layer "
        "`network.hidden = [4]`, `normal` (13 parameters, 100 %); with two hidden layers none."
    ) in text.split("\n\n")[1]
    assert "Smallest network clearly above 50 %: with" in first(vary, [n * 4 // 5 for n in converged], network=network)
    assert "Smallest" not in first(vary, [n // 2 for n in converged], network=network)
    assert "Smallest" not in first({"network.hidden": [[], [1], [2]]}, [0, 990, 1000], network=network)
    assert "## Size" not in told({"init": ["normal", "zeros"]}, [1, 2], network={"hidden": [3]})
    none = told({"network.hidden": [[1], [2]]}, [0, 0], network=network)
    assert "there is no rate per parameter" in none


def test_ties_are_told() -> None:
    names = ["relu", "elu", "tanh", "selu", "sigmoid", "softplus", "gelu"]
    text = told({"activation": names}, [500, 500, 900, 520, 600, 700, 800], [60.0, 60.0, 80.0, 60.0, 70.0, 70.0, 70.0])
    assert "with `relu`, and to the digits shown the same in 1 other cell; 1 more cell is not clearly higher." in text
    assert "soonest with `relu`, after a median of 60 steps (the middle half 10 to 90), a median that 2 other" in text
    assert "other cells share, and last with `tanh`, after 80 steps (the middle half 10 to 90)." in text


def test_cells_at_the_ends_are_named_in_few_words() -> None:
    vary = {"activation": ["relu", "elu"], "init": ["normal", "zeros"], "network.bias": [False, True]}
    assert "In 3 cells all trials converged (`relu`, `zeros`; `zeros`, `network.bias = true`; 95 %" in first(
        vary, [500, 500, 1000, 1000, 0, 0, 20, 1000]
    )
    text = first(vary, [500, 1000, 1000, 1000, 1000, 1000, 1000, 1000])
    assert "In 7 cells all trials converged (`elu`; `zeros`; `network.bias = true`; 95 %" in text


def test_ties_that_the_table_cuts_are_told() -> None:
    vary = {"task.batch": list(range(1, 41))}
    text = told(vary, [1000] * 30 + [500, 400, 300, *[0] * 7])
    assert (
        "The 10 cells that converged most often, and the 5 that did so least often; of 30 cells at 100 %, the first 10 "
        "in the order of the study; of 7 cells at 0 %, the last 5 in the order of the study:"
    ) in text
    assert "did so least often:" in told(vary, list(range(1000, 960, -1)))


def test_many_exceptions_leave_the_files_own_value() -> None:
    where = [
        {"match": {"activation": name}, "set": {"converge.loss": 0.1 * (i + 1)}}
        for i, name in enumerate(("elu", "selu", "tanh", "sigmoid"))
    ]
    names = ["relu", "elu", "selu", "tanh", "sigmoid"]
    for levels in (names, names[1:]):
        plan = synthetic.plan({"activation": levels}, where=where)
        text = render.markdown(report.build(plan, report.collect(plan, synthetic.filled(plan)), dict, 200))
        assert ("| evaluation loss at most 0.0001, except where said below |" in text) == (levels == names)
        assert "`activation = tanh`: `converge.loss = 0.3" in text
    # Steps that follow from the batch are no exceptions.
    task = {"samples": "shared", "size": 60}
    plan = synthetic.plan({"task.batch": [10, 12, 15, 20, 30]}, task=task, train={"steps": None, "epochs": 7})
    text = render.markdown(report.build(plan, report.collect(plan, synthetic.filled(plan)), dict, 200))
    assert "| 5 different ones, depending on the cell |" in text


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("studies/x.toml", "studies/x.toml"),
        ("/some/where/studies/x.toml", "studies/x.toml"),
        ("/some/where/x.toml", "x.toml"),
        (None, "made-up.toml"),
    ],
)
def test_the_command_has_no_path_of_this_machine(file: str | None, shown: str) -> None:
    plan = synthetic.plan()
    plan = make_plan(Study.model_validate(plan.study.data, file=file))
    text = render.markdown(report.build(plan, report.collect(plan, synthetic.filled(plan)), dict, 200))
    assert f"python -m mcstudy run {shown} --trials 200" in text


def test_a_study_beside_its_reader_is_found_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path / "studies")
    test_the_command_has_no_path_of_this_machine("x.toml", "studies/x.toml")


def test_points_of_evaluation_are_told() -> None:
    for task, rule in (
        ("relu", "midpoints of as many equally likely parts"),
        ("distance", "Sobol points moved by half"),
    ):
        plan = synthetic.plan(task={"name": task}, network={"hidden": [3], "output": "linear"})
        text = render.markdown(report.build(plan, report.collect(plan, synthetic.filled(plan)), dict, 200))
        assert f"512 fixed points: {'the ' if task == 'relu' else ''}{rule}" in text


def test_many_cells_are_shown_by_their_ends(tmp_path: Path, sketched: None) -> None:
    plan = synthetic.plan(DESIGNS["three keys"], trials=50)
    frame = report.write(plan, synthetic.filled(plan), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "The 10 cells that converged most often, and the 5 that did so least often" in text
    assert "mean of the rates of its cells" in text
    assert len(pd.read_csv(tmp_path / "rates.csv")) == len(frame) == 56


def test_fewer_trials_and_pages_that_are_no_more(
    written: tuple[Plan, Store, Path], tmp_path: Path, unsaved: None
) -> None:
    plan, store, _ = written
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "rates-2.png").write_bytes(b"old")
    (tmp_path / "figures" / "mine.png").write_bytes(b"mine")
    frame = report.write(plan, store, tmp_path, trials=20)
    assert (frame["trials"] == 20).all()
    of_trials = tuple(name for name in figures.FIGURES if name not in OF_FRAMES)
    found = [path.name for path in tmp_path.glob("figures/*") if not path.name.startswith(of_trials)]
    assert sorted(found) == sorted(["mine.png", *(f"{name}.png" for name in (*ALWAYS, "interactions"))])


def test_what_cannot_be_reported_is_told(written: tuple[Plan, Store, Path], tmp_path: Path, sketched: None) -> None:
    plan, store, _ = written
    with pytest.raises(RunError, match="not stored"):
        report.write(plan, MemoryStore(), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        report.write(plan, store, tmp_path / "file")


def test_importing_draws_in_nothing_heavy() -> None:
    code = (
        "import sys, mcstudy.store, mcstudy.statistics, mcstudy.figures, mcstudy.report\n"
        "print([m for m in ('pandas', 'pyarrow', 'matplotlib', 'seaborn', 'statsmodels', 'jinja2')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
