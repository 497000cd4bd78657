"""The rules of the house, read from the sources: which room may import which, who prints, where compilers are told."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mcstudy"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 300

ROOMS: dict[str, set[str]] = {
    # words and numbers that everyone may use
    "errors": set(),
    "outcomes": set(),
    "files": set(),
    "locks": {"files", "signals"},
    "git": set(),
    "signals": set(),
    # kernels: from machine code up
    "jit": set(),
    "kernels": {"jit"},
    "catalog": {"jit", "kernels"},
    "training": {"jit", "kernels", "catalog"},
    "parts": {"jit", "kernels", "catalog"},
    # from a file to cells
    "spec": {"errors", "outcomes", "catalog"},
    "plan": {"errors", "catalog", "spec"},
    # from cells to rows, and to what rows add up to
    "store": {"errors", "outcomes", "files", "locks"},
    "sums": {"errors", "outcomes", "store"},
    "engine": {"jit", "kernels", "catalog", "training", "plan", "store", "sums", "errors", "outcomes", "signals"},
    # from rows to a report
    "statistics": {"outcomes", "plan", "store", "sums"},
    "figures": set(),
    "closeup": {"errors", "outcomes", "plan", "store", "sums", "engine", "statistics"},
    "drawers": {"figures", "engine"},
    "report": {"errors", "outcomes", "files", "spec", "plan", "store", "statistics", "closeup", "figures", "drawers"},
    # what users meet
    "listing": {"catalog"},
    "template": {"errors"},
    "arguments": set(),
    "manifest": {"errors", "git", "jit", "spec", "plan", "store", "sums", "engine"},
    "progress": {"jit", "engine"},
    "export": {"errors", "catalog", "plan", "engine"},
    "again": {
        "errors",
        "outcomes",
        "files",
        "spec",
        "plan",
        "store",
        "sums",
        "engine",
        "figures",
        "manifest",
        "export",
    },
    "until": {"outcomes", "plan", "store", "engine", "statistics"},
    "api": {
        "errors",
        "outcomes",
        "spec",
        "plan",
        "store",
        "sums",
        "engine",
        "statistics",
        "report",
        "drawers",
        "manifest",
        "again",
        "until",
    },
    "terminal": {"errors", "plan", "store", "sums", "engine", "statistics", "report"},
    "cli": {
        "errors",
        "spec",
        "plan",
        "store",
        "engine",
        "terminal",
        "manifest",
        "listing",
        "template",
        "progress",
        "signals",
        "arguments",
        "drawers",
        "again",
        "api",
    },
    "__main__": {"cli"},
    "__init__": {"errors", "spec", "plan", "api"},
}
"""What each room may import of the others; imports for type checkers alone count too."""

LIBRARIES: dict[str, set[str]] = {
    "numba": {"jit.py", "kernels/"},
    "llvmlite": {"jit.py", "kernels/", "manifest.py"},
    "matplotlib": {"figures/"},
    "seaborn": {"figures/"},
    "pandas": {"statistics/", "figures/", "closeup/", "report/", "store/", "api.py", "terminal.py"},
    "pyarrow": {"store/", "plan/tables.py"},
    "scipy": {"training/points.py", "closeup/solutions.py", "statistics/"},
    "pydantic": {"spec/"},
    "pydantic_core": {"spec/"},
    "tomllib": {"spec/load.py"},
    "jinja2": {"report/"},
    "click": {"cli.py", "arguments.py"},
    "tqdm": {"progress.py"},
}
"""Where a library is used; numpy and the standard library are free."""

LONG_FILES: set[str] = set()
"""Files that may pass the limit, because what they say belongs together."""


class Import(NamedTuple):
    """An imported module, in full, and its line."""

    module: str
    line: int


def place(source: Path) -> str:
    return source.relative_to(PACKAGE).as_posix()


def room(name: str) -> str:
    """The room of a file's place or of a module below mcstudy."""
    return name.partition("/")[0].removesuffix(".py")


@cache
def tree(source: Path) -> ast.Module:
    return ast.parse(source.read_text(encoding="utf-8"))


def imports(source: Path) -> Iterator[Import]:
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Import):
            yield from (Import(name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{place(source)}:{node.lineno}: a relative import"
            if node.module == "mcstudy":
                yield from (Import(f"mcstudy.{name.name}", node.lineno) for name in node.names)
            else:
                yield Import(node.module, node.lineno)


@cache
def named(source: Path) -> list[tuple[str, int]]:
    """Every name and attribute that a file uses, dotted where it is, and its line."""
    used = (node for node in ast.walk(tree(source)) if isinstance(node, ast.Name | ast.Attribute))
    return [(ast.unparse(node), node.lineno) for node in used]


def used(source: Path, *names: str) -> list[str]:
    return [f"{place(source)}:{line}: {name}" for name, line in named(source) if name in names]


def each_source(rule: Callable[[Path], None]) -> Callable[[], None]:
    """A test of a rule that holds for every file."""

    def test() -> None:
        broken = []
        for source in SOURCES:
            try:
                rule(source)
            except AssertionError as error:
                broken.append(f"{place(source)}: {error}")
        assert not broken, "\n".join(broken)

    return test


@each_source
def test_rooms_import_what_they_may(source: Path) -> None:
    here = room(place(source))
    assert here in ROOMS, f"{here} is a new room: say in ROOMS what it may import"
    for module, line in imports(source):
        if module.startswith("mcstudy."):
            there = module.split(".")[1]
            allowed = there in ROOMS[here] | {here} or there == "__version__"
            assert allowed, f"{place(source)}:{line}: {here} must not import {there}"


@each_source
def test_libraries_stay_in_their_rooms(source: Path) -> None:
    for module, line in imports(source):
        library = module.partition(".")[0]
        if library in LIBRARIES:
            assert any(place(source).startswith(home) for home in LIBRARIES[library]), (
                f"{place(source)}:{line}: {library} belongs to {', '.join(sorted(LIBRARIES[library]))}"
            )


def test_libraries_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {requirement.split(">=")[0] for requirement in project["dependencies"]}
    imported = {module.partition(".")[0] for source in SOURCES for module, _ in imports(source)}
    wanted = set(LIBRARIES) - {"tomllib", "pydantic_core"} | {"numpy"}  # pydantic_core is pydantic's own
    assert declared == wanted
    assert set(LIBRARIES) <= imported


def test_the_flow_goes_one_way() -> None:
    def below(name: str) -> set[str]:
        return ROOMS[name].union(*map(below, ROOMS[name]))

    for name in ROOMS:
        assert name not in below(name)
    training = {"training", "engine", "store", "statistics", "figures", "report"}
    assert not (below("spec") | below("plan")) & training
    assert not below("kernels") - {"jit"}
    assert not below("store") & {"jit", "kernels", "catalog", "spec", "plan"}


@each_source
def test_only_the_command_line_prints_and_exits(source: Path) -> None:
    if place(source) != "cli.py":
        assert used(source, "sys.exit", "exit", "quit", "os._exit", "SystemExit", "click.echo") == []
        if place(source) != "progress.py":
            assert used(source, "print", "sys.stdout", "sys.stderr") == []


@each_source
def test_compilers_are_told_in_one_place(source: Path) -> None:
    options = {"fastmath", "parallel"}
    if place(source) != "jit.py":
        options |= {"nogil", "error_model", "boundscheck", "no_cpython_wrapper", "no_cfunc_wrapper", "_nrt"}
        assert used(source, "numba.njit", "numba.jit", "njit", "numba.vectorize", "numba.config") == []
        numba = {module for module, _ in imports(source) if module.partition(".")[0] == "numba"}
        assert all(module.startswith(("numba.extending", "numba.core", "numba.np.numpy_support")) for module in numba)
    given = [
        f"{place(source)}:{node.lineno}: {keyword.arg}"
        for node in ast.walk(tree(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in options
        or (keyword.arg == "flags" and "fast" in ast.unparse(keyword.value))
        or (keyword.arg == "jit_options" and not ast.unparse(keyword.value).startswith("jit."))
    ]
    assert given == []


@each_source
def test_nothing_is_evaluated(source: Path) -> None:
    assert used(source, "eval", "exec", "compile", "__import__", "pickle.loads") == []
    # Between this program and another process of it.
    assert place(source) == "drawers.py" or used(source, "pickle.load") == []


@each_source
def test_no_other_random_numbers(source: Path) -> None:
    found = [name for name, _ in named(source) if name.startswith(("np.random", "numpy.random", "random."))]
    assert found == []
    assert not any(module.partition(".")[0] in ("random", "secrets") for module, _ in imports(source))


@each_source
def test_everything_public_is_described(source: Path) -> None:
    missing = []
    if place(source) not in ("__main__.py",) and source.read_text(encoding="utf-8").strip():
        if not ast.get_docstring(tree(source)):
            missing.append(place(source))
        missing += [f"{place(source)}:{node.lineno}: {node.name}" for node in _public(tree(source).body)]
    assert missing == []


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Public functions, classes and methods without a docstring; a method may have that of a base class."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield node
            if isinstance(node, ast.ClassDef):
                known = set[str]().union(*(_methods().get(ast.unparse(base), set()) for base in node.bases))
                yield from (method for method in _public(node.body) if method.name not in known)


@cache
def _methods() -> dict[str, set[str]]:
    """The methods that have a docstring, by class."""
    classes = [node for source in SOURCES for node in ast.walk(tree(source)) if isinstance(node, ast.ClassDef)]
    return {
        node.name: {item.name for item in node.body if isinstance(item, ast.FunctionDef) and ast.get_docstring(item)}
        for node in classes
    }


@each_source
def test_annotations_are_everywhere(source: Path) -> None:
    functions = [node for node in ast.walk(tree(source)) if isinstance(node, ast.FunctionDef)]
    assert not functions or "__future__" in {module for module, _ in imports(source)}
    # intrinsics are typed by Numba, and say so
    lines = source.read_text(encoding="utf-8").splitlines()
    for node in functions:
        if "type: ignore" not in "".join(lines[node.lineno - 1 : node.body[0].lineno]):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [argument.arg for argument in arguments if argument.annotation is None]
            assert not set(bare) - {"self", "cls"} and node.returns, f"{place(source)}:{node.lineno}: {node.name}"


def test_files_stay_short() -> None:
    lines = {place(source): len(source.read_text(encoding="utf-8").splitlines()) for source in SOURCES}
    assert {name for name, count in lines.items() if count > MOST_LINES} == LONG_FILES


def test_main_is_three_lines() -> None:
    assert len((PACKAGE / "__main__.py").read_text().strip().splitlines()) <= 3


def test_the_top_level_is_small() -> None:
    known = {"mcstudy", "studies", "reports", "tests", "pyproject.toml", "README.md", "LICENSE"}
    built = {"build", "dist"}
    found = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")}
    assert found - built - known == set()
