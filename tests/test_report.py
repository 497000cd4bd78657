"""Figures and reports: complete, legible, the same bytes every time, and no user's text becomes markup."""

from __future__ import annotations

import base64
import html.parser
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from matplotlib.figure import Figure
from matplotlib.text import Text

from mcstudy import figures, report, statistics
from mcstudy.errors import RunError
from mcstudy.figures import style
from mcstudy.outcomes import OUTCOMES
from mcstudy.plan import Plan
from mcstudy.report import render, words
from mcstudy.report.document import Bullets, Code, Document, Heading, Listing, Paragraph, Picture, Strong, Table
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
    "other lengths": {"activation": synthetic.ACTIVATIONS[:4], "train.steps": [200, 1_000_000]},
}


def frames(plan: Plan, store: Store) -> dict[str, pd.DataFrame]:
    return {
        "rates": statistics.rates(plan, store),
        "curves": statistics.curves(plan, store),
        "losses": statistics.losses(plan, store),
    }


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


@pytest.mark.parametrize("name", figures.FIGURES)
def test_texts_of_figures_neither_overlap_nor_leave_the_page(
    design: tuple[Plan, dict[str, pd.DataFrame]], name: str
) -> None:
    plan, made = design
    drawing = figures.FIGURES[name]
    with style.theme():
        for page in drawing.pages(made[drawing.frame], plan.keys):
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
        (page,) = figures.FIGURES["rates"].pages(made["rates"], plan.keys)
        dots = [line for axes in page.axes for line in axes.get_lines()]
        shown = sorted(x for dot in dots for x in np.atleast_1d(dot.get_xdata()))
        np.testing.assert_allclose(shown, sorted(100 * made["rates"]["rate"]))
        (page,) = figures.FIGURES["curves"].pages(made["curves"], plan.keys)
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
    shown = [name for name, drawing in figures.FIGURES.items() if figures.draw(drawing, made[drawing.frame], plan.keys)]
    assert shown == ["rates", "outcomes"]


@pytest.mark.parametrize("shares", [(1.0, 0, 0, 0, 0), (0, 0, 0, 1.0, 0), (0, 1.0, 0, 0, 0)])
@pytest.mark.filterwarnings("error")
def test_extremes_are_drawn(shares: tuple[float, ...]) -> None:
    plan = synthetic.plan(DESIGNS["two keys"], trials=3)
    store = synthetic.filled(plan, shares=shares)
    store.write_history(plan.cells[0].id, np.array([0, 200]), np.array([[0.0, np.inf], [1e-45, 3e38]], np.float32))
    made = frames(plan, store)
    for drawing in figures.FIGURES.values():
        assert figures.draw(drawing, made[drawing.frame], plan.keys)[0][1].startswith(b"\x89PNG")


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
    best = max(words.records(rows), key=lambda row: row["rate"])
    assert "6 cells of 200 trials each were run" in text
    assert f"highest rate is **{words.rate(best)}**" in text
    assert "`activation = leaky_relu`: `converge.loss = 0.02`" in text
    assert "`leaky_relu(negative_slope=0.3)`" in text and "a new batch of 10 points at each step" in text
    assert "evaluation loss at most 0.0001" in text and "512 fixed points" in text
    for name in (*OUTCOMES, *figures.FIGURES):
        assert name in text
    assert "python -m mcstudy run made-up.toml --trials 200 --seed 1" in text
    for link in re.findall(r"\]\((.*?)\)", text):
        assert (folder / link).read_bytes().startswith(b"\x89PNG")


def test_shared_data_make_rates_conditional() -> None:
    plan = synthetic.plan(task={"samples": "shared", "size": 50, "batch": "all"})
    document = report.build(plan, statistics.rates(plan, synthetic.filled(plan)), {}, 200)
    assert "conditional on that one set" in render.markdown(document)
    assert "conditional" not in render.markdown(
        report.build(synthetic.plan(), statistics.rates(synthetic.plan(), synthetic.filled(synthetic.plan())), {}, 200)
    )


def test_the_same_bytes_every_time(written: tuple[Plan, Store, Path], tmp_path: Path) -> None:
    import matplotlib as mpl

    plan, store, folder = written
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30, "text.usetex": False}):
        report.write(plan, store, tmp_path, {"when": "another day"})
    names = ["report.md", "rates.csv", *(f"figures/{name}.png" for name in figures.FIGURES)]
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
    assert images == [(folder / f"figures/{name}.png").read_bytes() for name in figures.FIGURES]
    assert "versions.numba" in page.text and "<made up>" in page.text
    assert "Is <b>it</b> so?" in page.text and "<b>" not in content
    assert "A *study* <of> a | b" in page.text


def test_users_text_is_no_markdown(written: tuple[Plan, Store, Path]) -> None:
    lines = (written[2] / "report.md").read_text().splitlines()
    assert lines[0] == r"# A \*study\* &lt;of&gt; a \| b"
    assert lines[2] == "Is &lt;b&gt;it&lt;/b&gt; so?"
    assert lines[4] == r"1\. No \$x\$ \`y\` https://a.b/c_d_"


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
    frame = statistics.rates(plan, synthetic.filled(plan, shares=shares))
    assert told in render.markdown(report.build(plan, frame, {}, trials))


def test_many_cells_are_shown_by_their_ends(tmp_path: Path) -> None:
    plan = synthetic.plan(DESIGNS["three keys"], trials=50)
    frame = report.write(plan, synthetic.filled(plan), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "The 10 cells that converged most often, and the 5 that did least" in text
    assert "mean of the rates of its cells" in text
    assert len(pd.read_csv(tmp_path / "rates.csv")) == len(frame) == 56


def test_fewer_trials_and_pages_that_are_no_more(written: tuple[Plan, Store, Path], tmp_path: Path) -> None:
    plan, store, _ = written
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "rates-2.png").write_bytes(b"old")
    (tmp_path / "figures" / "mine.png").write_bytes(b"mine")
    frame = report.write(plan, store, tmp_path, trials=20)
    assert (frame["trials"] == 20).all()
    assert sorted(path.name for path in tmp_path.glob("figures/*")) == sorted(
        ["mine.png", *(f"{name}.png" for name in figures.FIGURES)]
    )


def test_what_cannot_be_reported_is_told(written: tuple[Plan, Store, Path], tmp_path: Path) -> None:
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
