"""Numbers that others published: the studies of `studies/published` grade them, and none may be contradicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mcstudy
from mcstudy.plan import make_plan
from mcstudy.spec import load
from mcstudy.statistics import overall

FOLDER = Path(__file__).parents[1] / "studies" / "published"
STUDIES = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
QUICK = {"born_dead": 20_000, "collapse": 300, "inactive_unit": 20_000, "single_relu": 2000, "xor": 5000}
"""Trials that tell something in seconds; the others are slow."""


def grades(name: str, trials: int | None = None, **changed: dict[str, Any]) -> list[str]:
    """The grade of each claim of a study of which some tables are changed."""
    data = load(STUDIES[name]).data
    for table, values in changed.items():
        data[table] |= values
    study = mcstudy.Study.model_validate(data, file=str(STUDIES[name]))
    return [overall(list(rows["grade"])) for _, rows in mcstudy.run(study, trials=trials).claims.groupby("claim")]


@pytest.mark.parametrize("path", STUDIES.values(), ids=list(STUDIES))
def test_it_asks_something_and_says_who_published(path: Path) -> None:
    study = load(path)
    assert study.name == f"published_{path.stem}"
    assert len(study.question.split()) > 20
    assert study.claim
    assert make_plan(study).claims


@pytest.mark.parametrize("name", QUICK)
def test_few_trials_contradict_no_published_number(name: str) -> None:
    assert "contradicted" not in grades(name, QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_published_numbers_are_confirmed(name: str) -> None:
    assert set(grades(name)) == {"confirmed"}


# ------------------------------------------------------------------------------- other settings are told from published


def test_another_way_to_start_is_told_from_the_published_rate() -> None:
    """Positive weights alone, where normal ones were published."""
    found = grades("xor", 5000, network={"init": {"name": "uniform", "low": 0.0, "high": 1.0}})
    assert found[0] == "contradicted"


def test_another_activation_is_told_from_the_published_rate() -> None:
    """A ReLU where a leaky one was published."""
    study = load(STUDIES["xor"]).data
    study["claim"] = [study["claim"][2] | {"where": {"activation": "relu"}}]
    results = mcstudy.run(mcstudy.Study.model_validate(study), trials=5000)
    assert list(results.claims["grade"]) == ["contradicted"]


def test_a_layer_less_is_outside_the_bounds() -> None:
    data = load(STUDIES["born_dead"]).data
    for widths in (data["vary"]["network.hidden"], *(one["where"]["network.hidden"] for one in data["claim"])):
        for one in widths if isinstance(widths[0], list) else [widths]:
            one.pop()
    results = mcstudy.run(mcstudy.Study.model_validate(data), trials=20_000)
    assert results.claims["grade"][0] == "contradicted"


def test_narrow_inputs_are_told_from_wide_ones() -> None:
    """With x from N(0, 1), a first layer that is dead counts too."""
    task = {"name": "abs", "input": "normal", "samples": "fresh", "batch": 1}
    assert grades("inactive_unit", 20_000, task=task) == ["contradicted", "contradicted"]


@pytest.mark.slow
def test_wider_networks_collapse_less_often() -> None:
    assert grades("collapse", 400, network={"hidden": [4] * 9}) == ["contradicted"]
