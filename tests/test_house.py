"""The house rules that no linter checks: sizes, names, docstrings, and private names kept private."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "pysed").rglob("*.py")), *sorted((ROOT / "local").rglob("*.py"))]
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def long_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > MOST_FUNCTION_LINES:
                yield node


def private_imports(tree: ast.Module, room: str = "pysed") -> Iterator[ast.ImportFrom]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == room):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if any(name.startswith("_") and not name.startswith("__") for name in names):
                yield node


def test_no_module_is_too_long():
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert len(sizes) > 200
    assert not [where(path, size) for path, size in sizes.items() if size > MOST_LINES]


def test_no_function_is_too_long():
    assert not [f"{where(path, node.lineno)} {node.name}" for path in FILES for node in long_functions(parsed(path))]


def test_no_module_imports_private_names_of_another():
    assert not [where(path, node.lineno) for path in FILES for node in private_imports(parsed(path))]


def test_every_folder_of_the_package_is_a_package_and_says_what_it_is():
    """A leftover folder without modules would still be a package by its name."""
    folders = {path.parent for path in (ROOT / "pysed").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert len(folders) > 20
    for folder in folders:
        start = folder / "__init__.py"
        assert start.is_file(), (
            f"{folder.relative_to(ROOT)}: files without __init__.py; move them, or remove the folder"
        )
        assert ast.get_docstring(parsed(start)), f"{start.relative_to(ROOT)}: say what lives here and who uses it"


def test_every_module_says_what_it_holds():
    assert not [str(path.relative_to(ROOT)) for path in FILES if not ast.get_docstring(parsed(path))]


def test_no_module_is_named_for_nothing():
    assert not [path for path in FILES if path.stem in {"utils", "util", "helpers", "common", "misc"}]


@pytest.mark.parametrize(
    "line,found",
    [
        ("from pysed.events import _rows", 1),
        ("from .events import _rows", 1),
        ("from pysed._events import rows", 1),
        ("from pysed.events import rows, __doc__", 0),
        ("from pysed import __version__", 0),
        ("from kaldifst._lib import x", 0),
    ],
)
def test_private_imports_are_found(line, found):
    assert len(list(private_imports(ast.parse(line)))) == found


def test_long_functions_are_found():
    text = "def f():\n" + "    x = 1\n" * (MOST_FUNCTION_LINES - 1)
    assert not list(long_functions(ast.parse(text)))
    assert [node.name for node in long_functions(ast.parse(text + "    x = 2\n"))] == ["f"]
