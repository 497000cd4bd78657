"""What the lists of faulty studies are made of: a good study, ways to spoil it, and what is expected."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

GOOD = """\
[study]
name = "good"
seed = 7
trials = 100

[task]
name = "relu"
samples = "fresh"
batch = 10

[network]
hidden = [4]

[train]
steps = 50

[converge]
loss = 1e-3

[vary]
activation = ["relu", { name = "leaky_relu", negative_slope = 0.3 }]
init = ["normal", "he_normal"]
optimizer = [{ name = "sgd", lr = 0.01 }, { name = "adam", lr = 0.001 }]
"""

FOLDER = object()
MISSING = object()


class BadFile(NamedTuple):
    """One faulty study.

    Attributes:
        name: what is wrong with it.
        content: the file's text or bytes; FOLDER or MISSING where there is none.
        path: where the one fault has to be found.
        words: what its message has to contain.
        beside: files that lie beside the study, by name.
    """

    name: str
    content: object
    path: str
    words: tuple[str, ...]
    beside: dict[str, bytes] = {}  # noqa: RUF012  never changed

    def write(self, folder: Path) -> Path:
        """Writes the study and what lies beside it; returns the path to give to a command."""
        for name, content in self.beside.items():
            (folder / name).write_bytes(content)
        file = folder / "study.toml"
        if self.content is FOLDER:
            file.mkdir()
        elif isinstance(self.content, bytes):
            file.write_bytes(self.content)
        elif isinstance(self.content, str):
            file.write_text(self.content, encoding="utf-8")
        return file


def changed(*pairs: str) -> str:
    """The good study with old texts replaced by new ones: old, new, old, new, ..."""
    text = GOOD
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def added(text: str) -> str:
    """The good study with more lines at its end."""
    return GOOD + text


TABLE = changed(
    'name = "relu"\nsamples = "fresh"\nbatch = 10',
    'name = { name = "table", file = "data.csv", inputs = ["x"], targets = ["y"] }\nbatch = 2',
)
ROWS = b"x,y\n1,2\n2.5,3\n-1e-3,4\n"


def table(name: str, path: str, words: tuple[str, ...], rows: bytes, text: str = TABLE) -> BadFile:
    """A study of a faulty table."""
    return BadFile(name, text, path, words, {"data.csv": rows})


WHERE = """
[[where]]
match = { activation = "relu" }
set = { "train.steps" = 60 }
"""
TASK = 'samples = "fresh"\nbatch = 10'
GRID = '{{ name = "grid", low = -3, high = {high}, points = {points} }}'
