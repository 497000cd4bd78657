"""Documents to Markdown and to one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from mcstudy.errors import printable
from mcstudy.report.document import (
    Block,
    Bullets,
    Code,
    Document,
    Heading,
    Inline,
    Listing,
    Paragraph,
    Picture,
    Strong,
    Table,
    Text,
)

if TYPE_CHECKING:
    import jinja2
    import pandas as pd

_SPECIAL = re.compile(r"([\\`*\[\]|~$])")
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_FIRST = re.compile(r"[#+\-=]|\d+(?=[.)](\s|$))")
_ADDRESS = re.compile(r"(https?://[^\s<>|*\\`\[\]$]+)")


def markdown(document: Document) -> str:
    """The document as GitHub's Markdown; figures are links to ``figures/<name>.png``."""
    parts = [f"# {escape(document.title)}", *(_block(block) for block in document.blocks)]
    return "\n\n".join(parts) + "\n"


def page(document: Document, provenance: Mapping[str, Any] | None = None) -> str:
    """The document as one HTML file: figures and style are inside, nothing is loaded.

    Args:
        document: the report.
        provenance: what else is known of the run, in nested dicts and lists; shown at the end.
    """
    images = {
        block.name: base64.b64encode(block.png).decode() for block in document.blocks if isinstance(block, Picture)
    }
    facts = list(_flat(provenance or {}))
    return _template().render(document=document, images=images, provenance=facts)


def escape(text: str, start: bool = True) -> str:
    """Text such that Markdown shows it as it is, on one line; `start`: of a paragraph, a cell or an item.

    Addresses of pages keep their form, so that they become links.
    """
    text = printable(re.sub(r"\s+", " ", text))
    if start:
        text = text.lstrip()
    parts = _ADDRESS.split(text)
    # What `split` captured stands at the odd positions.
    shown = "".join(part if i % 2 else _escaped(part) for i, part in enumerate(parts))
    if start and (first := _FIRST.match(shown)):
        mark = first[0]
        # A number is no list item once its full stop is escaped; every other mark is escaped itself.
        return (mark + "\\" if mark.isdigit() else "\\" + mark) + shown[len(mark) :]
    return shown


def _escaped(text: str) -> str:
    return _UNDERSCORE.sub(r"\\_", _SPECIAL.sub(r"\\\1", html.escape(text, quote=False)))


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {escape(text)}"
        case Paragraph(text):
            return _text(text)
        case Bullets(items):
            return "\n".join(f"- {_text(item)}" for item in items)
        case Table(header, rows, numbers):
            rule = " | ".join("---:" if i in numbers else "---" for i in range(len(header)))
            lines = [" | ".join(escape(name) for name in header), rule]
            lines += [" | ".join(_text(cell, in_table=True) for cell in row) for row in rows]
            return "\n".join(f"| {line} |" for line in lines)
        case Picture(name, _, caption, alt):
            return f"![{escape(alt)}](figures/{name}.png)\n\n{_text(caption)}"
        case Listing(text):
            fence = "`" * max(3, 1 + _longest_run(text))
            return f"{fence}sh\n{printable(text)}\n{fence}"


def _text(text: Text, in_table: bool = False) -> str:
    return "".join(_inline(item, in_table, not in_table and position == 0) for position, item in enumerate(text))


def _inline(item: Inline, in_table: bool, start: bool) -> str:
    match item:
        case Code(text):
            return _code(text, in_table)
        case Strong(text):
            return f"**{escape(text, start=False)}**"
        case _:
            return escape(item, start)


def _code(text: str, in_table: bool) -> str:
    text = printable(" ".join(text.split()))
    # A bar ends a table's cell even inside code, unless it is escaped; elsewhere the backslash would be shown.
    text = text.replace("|", "\\|") if in_table else text
    fence = "`" * (1 + _longest_run(text))
    blank = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{blank}{text}{blank}{fence}"


def _longest_run(text: str) -> int:
    """Most backticks in a row."""
    return max((len(run) for run in re.findall("`+", text)), default=0)


def csv(frame: pd.DataFrame, digits: str | None = None) -> str:
    """A frame as CSV of texts that a spreadsheet takes for nothing but texts.

    A text that starts like a formula (with =, +, -, @) and is no number gets an apostrophe in front, as spreadsheets
    show texts; only what a claim gives as its source can start so. Control characters are written out. `digits` is a
    format of floats; by default they can be read back bit for bit.
    """
    texts = {
        name: [_no_formula(printable(item, keep="\n")) if isinstance(item, str) else item for item in frame[name]]
        for name in frame.columns
        if frame[name].dtype.kind not in "biuf"
    }
    return frame.assign(**texts).to_csv(index=False, lineterminator="\n", float_format=digits)


def _no_formula(text: str) -> str:
    if not text.lstrip().startswith(("=", "+", "-", "@")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


@cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # What a macro has made is text of the page already, and no plain string.
        finalize=lambda value: printable(value, keep="\n") if type(value) is str else value,
    )
    environment.tests["block"] = lambda block, name: type(block).__name__ == name
    environment.tests["string"] = lambda item: isinstance(item, str)
    return environment.from_string(resources.files("mcstudy.report").joinpath("page.html.j2").read_text("utf-8"))


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        return [fact for key, item in value.items() for fact in _flat(item, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return [fact for i, item in enumerate(value) for fact in _flat(item, f"{name}[{i}]")]
    if isinstance(value, list | tuple):
        return [(name, ", ".join(map(str, value)))]
    return [(name, str(value))] if name else []
