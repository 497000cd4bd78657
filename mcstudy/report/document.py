"""A report as a list of blocks, before it is Markdown or HTML.

Text is plain: what a user wrote stays what it was in either form, the renderers escape it. Markup is a type of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A name, a label, a command: set in type of one width."""

    text: str


@dataclass(frozen=True)
class Strong:
    """What stands out."""

    text: str


Inline = str | Code | Strong
Text = tuple[Inline, ...]


@dataclass(frozen=True)
class Heading:
    """A heading below the title; level 2 opens a section."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """One paragraph."""

    text: Text


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Table:
    """A table; `numbers` are the positions of the columns set to the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A figure's page: `figures/<name>.png`."""

    name: str
    png: bytes
    caption: Text
    alt: str


@dataclass(frozen=True)
class Listing:
    """Commands, as typed."""

    text: str


Block = Heading | Paragraph | Bullets | Table | Picture | Listing


@dataclass(frozen=True)
class Document:
    """A report: its title and its blocks."""

    title: str
    blocks: tuple[Block, ...]
