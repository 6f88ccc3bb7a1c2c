"""One module's source as definitions: a digest of each, and the names that it uses."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pysed.freshness.files import digest

BODY = "<body>"  # what runs when a module is imported, apart from definitions

_BESIDE = re.compile(r"[\w-]+\.(c|h|html|js|css)")
_IMPORTERS = ("import_module", "__import__")
_HARMLESS = {
    "abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "dataclass", "lru_cache", "no_grad",
    "inference_mode", "property", "staticmethod", "wraps",
}  # fmt: skip


@dataclass
class Part:
    """A definition: its digest ("" for none), names used ("name" or "name.attribute"), packages of which it imports
    modules by computed names, texts that may be names of files beside the module."""

    digest: str = ""
    uses: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)


@dataclass
class Module:
    """Definitions by name, ``<body>`` too; names bound by imports, anywhere in it -> (module, name in it or "")."""

    definitions: dict[str, Part]
    imports: dict[str, list[tuple[str, str]]]


def as_plain(module: Module) -> dict[str, Any]:
    """A module's parts as JSON takes them."""
    parts = module.definitions.items()
    definitions = {name: [part.digest, *map(sorted, (part.uses, part.packages, part.texts))] for name, part in parts}
    return {"definitions": definitions, "imports": module.imports}


def from_plain(values: dict[str, Any]) -> Module:
    """The module of which ``as_plain`` gave the values."""
    parts = values["definitions"].items()
    definitions = {name: Part(told, *map(set, names)) for name, (told, *names) in parts}
    imports = {name: [(module, inner) for module, inner in found] for name, found in values["imports"].items()}
    return Module(definitions, imports)


def read(name: str, source: str, is_package: bool) -> Module:
    """A module's parts."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _is_skipped(node)]
    package = name if is_package else name.rpartition(".")[0]
    imports: dict[str, list[tuple[str, str]]] = {}
    for node in ast.walk(tree):
        for bound, target in _bound(node, package):
            imports.setdefault(bound, []).append(target)
    definitions: dict[str, Part] = {}
    dumps: dict[str, list[str]] = {BODY: []}
    definitions[BODY] = Part()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node):
            continue
        names = list(_defined(node)) or [BODY]
        for defined in names:
            part = definitions.setdefault(defined, Part())
            dumps.setdefault(defined, []).append(repr(_plain(node)))
            _note_uses(part, node, package)
        if _has_effects(node):
            definitions[BODY].uses.update(names)
    for defined, texts in dumps.items():
        definitions[defined].digest = digest("\n".join(texts)) if texts else ""
    return Module(definitions, imports)


def _is_skipped(node: ast.stmt) -> bool:
    """What only a type checker or a direct start runs."""
    if not isinstance(node, ast.If):
        return False
    text = ast.unparse(node.test)
    return text.endswith("TYPE_CHECKING") or text.startswith("__name__ ==")


def _is_text(node: ast.AST) -> bool:
    """A docstring, or a text that stands alone as one."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        found = [inner for target in targets for inner in ast.walk(target)]
        if all(isinstance(each, ast.Name | ast.Tuple | ast.List | ast.expr_context) for each in found):
            yield from (each.id for each in found if isinstance(each, ast.Name))


def _has_effects(node: ast.stmt) -> bool:
    """Does a definition do more than define: a decorator that may note it somewhere?"""
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(each).partition("(")[0].rpartition(".")[2] not in _HARMLESS for each in decorators)


def _bound(node: ast.AST, package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "pysed":
                yield alias.asname or alias.name.split(".")[0], (alias.name, "")
    elif isinstance(node, ast.ImportFrom):
        base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        if module.split(".")[0] == "pysed":
            for alias in node.names:
                yield alias.asname or alias.name, (module, "" if alias.name == "*" else alias.name)


def _note_uses(part: Part, node: ast.AST, package: str) -> None:
    inner: set[int] = set()  # names that stand in front of an attribute
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            inner.add(id(each.value))
            part.uses.add(f"{each.value.id}.{each.attr}")
        elif isinstance(each, ast.Name) and id(each) not in inner:
            part.uses.add(each.id)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str) and _BESIDE.fullmatch(each.value):
            part.texts.add(each.value)
        elif isinstance(each, ast.Call) and ast.unparse(each.func).rpartition(".")[2] in (
            "import_module",
            "__import__",
        ):
            part.packages.add(_imported_package(each, package))


def _imported_package(call: ast.Call, package: str) -> str:
    """Whose modules a computed name means: the fixed beginning of the name, or the own package."""
    argument = call.args[0] if call.args else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        fixed = str(argument.values[0].value)
        if fixed.startswith("pysed.") and fixed.endswith("."):
            return fixed[:-1]
    return package


def _plain(node: Any) -> Any:
    """A syntax tree as nested tuples, without places, docstrings, and what is empty."""
    if isinstance(node, ast.AST):
        fields = ((name, _plain(value)) for name, value in ast.iter_fields(node) if value is not None and value != [])
        return (type(node).__name__, *fields)
    if isinstance(node, list):
        return tuple(_plain(each) for each in node if not _is_text(each))
    return node
