"""What the list of parts says of every one of them, and the page that is made of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcstudy import listing
from mcstudy.catalog.part import REQUIRED, Part
from mcstudy.spec.catalogs import NOUNS

PAGE = Path(__file__).parents[1] / "studies" / "PARTS.md"
CATALOGS = listing.catalogs()
PARTS = [(kind, part) for kind, catalog in CATALOGS.items() for part in catalog.values()]
each_part = pytest.mark.parametrize(("kind", "part"), PARTS, ids=[f"{kind}-{part.name}" for kind, part in PARTS])


def cells(line: str) -> list[str]:
    """The cells of a table's row, their markup taken away."""
    return [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_catalog_is_listed() -> None:
    assert {id(catalog) for catalog in CATALOGS.values()} == {
        id(catalog) for noun, catalog in NOUNS.items() if noun != "output"
    }


def test_the_page_is_that_of_these_catalogs() -> None:
    """`python -m mcstudy list --markdown > studies/PARTS.md` makes it again."""
    assert PAGE.read_text(encoding="utf-8") == listing.markdown(listing.KINDS)


@each_part
def test_a_part_has_a_row_that_says_what_it_is(kind: str, part: Part) -> None:
    section = listing.markdown((kind,)).partition(f"## {kind.capitalize()}\n")[2]
    (row,) = (cells(line) for line in section.splitlines() if line.startswith(f"| `{part.name}` |"))
    assert len(row) == 4
    formula = re.sub(r"<br>Data: .*", "", row[1]).replace("<br>", ";  ").replace("&lt;", "<")
    assert formula == part.formula and row[3].replace("&lt;", "<") == part.source
    told = row[2].split("<br>") if part.parameters else []
    assert len(told) == len(part.parameters)
    for line, (name, parameter) in zip(told, part.parameters.items(), strict=True):
        assert line.startswith(f"`{name}") and ("required, " in line) == (parameter.default is REQUIRED)
        assert listing.accepts(parameter) in line.replace("&lt;", "<")


@each_part
def test_a_part_says_what_its_parameters_are(kind: str, part: Part) -> None:
    assert part.formula and part.source and not part.source.endswith(".") and not part.formula.endswith(".")
    for name, parameter in part.parameters.items():
        assert parameter.doc and not parameter.doc.endswith("."), name
        assert not parameter.doc[0].isupper() or parameter.doc.split()[0] in ("Keras", "PyTorch"), name


@each_part
def test_details_tell_required_and_optional_apart(kind: str, part: Part) -> None:
    (entry,) = (entry for entry in listing.entries((kind,)) if entry["name"] == part.name)
    assert list(entry["details"]) == list(entry["parameters"]) == list(part.parameters)
    for name, told in entry["details"].items():
        assert told["required"] == (name in entry["required"]) == (part.parameters[name].default is REQUIRED)
        assert told["default"] == entry["parameters"][name] and told["accepts"] and told["doc"]


def test_tasks_say_their_data() -> None:
    data = {entry["name"]: entry.get("data") for entry in listing.entries(("tasks",))}
    assert data["distance"] == "fresh; inputs uniform(low = -1, high = 1)"
    assert data["xor"] == "4 points of its own" and data["table"] is None
    assert all(data[name] for name in data if name != "table")
