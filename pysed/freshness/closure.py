"""Which definitions of the package a result's code can reach, found by reading the sources."""

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from pysed.errors import DataError
from pysed.freshness import syntax
from pysed.freshness.comments import without_c_comments, without_shell_comments
from pysed.freshness.files import ROOT, cache_folder, digest, read_json, write_json
from pysed.freshness.syntax import BODY, Module

EVERYTHING = "*"


@cache
def module_file(name: str) -> str | None:
    """The source of a module of the package, None where there is none of that name."""
    stem = os.path.join(ROOT, *name.split("."))
    for path in (f"{stem}.py", os.path.join(stem, "__init__.py")):
        if os.path.isfile(path):
            return path
    return None


@cache
def parsed(name: str) -> Module:
    """A module's definitions and what they use, remembered in the user's cache by the text of the module."""
    path = module_file(name)
    assert path is not None, name
    with open(path, encoding="utf-8") as stream:
        source = stream.read()
    is_package = os.path.basename(path) == "__init__.py"
    known_by = digest(json.dumps([_reader(), name, is_package, source]))
    place = os.path.join(cache_folder(), f"parts-{known_by}.json")
    known = read_json(place)
    if known:
        return syntax.from_plain(known)
    module = syntax.read(name, source, is_package)
    write_json(place, syntax.as_plain(module))
    return module


@cache
def _reader() -> str:
    """What a module's parts depend on beside its text: this Python's syntax trees, and the code that reads them."""
    with open(syntax.__file__, encoding="utf-8") as stream:
        return digest(sys.version + stream.read())


def follow(roots: list[str]) -> tuple[dict[str, str], set[str]]:
    """File -> digest of what the roots reach in it; and all files and folders on which that depends."""
    walk = _Walk(
        {name: only for name, _, only in (root.partition("=") for root in roots) if only},
        {root[1:] for root in roots if root[0] == "-"},
    )
    scripts: dict[str, str] = {}
    for root in roots:
        if root[0] == "-" or "=" in root:
            continue
        if "/" in root:
            with open(root, encoding="utf-8") as stream:
                scripts[os.path.relpath(root)] = digest(without_shell_comments(stream.read()))
            walk.files.add(os.path.abspath(root))
        elif root.startswith("pysed"):
            name, _, definition = root.partition(":")
            if module_file(name) is None or (definition and definition not in parsed(name).definitions):
                raise DataError(f"{root}: no such code in the package; mend the --code of the script")
            walk.reach(name, definition or EVERYTHING)
        elif os.environ.get("KALDI_ROOT"):
            scripts["$KALDI_ROOT"] = os.path.realpath(os.environ["KALDI_ROOT"])
        else:
            walk.reach(f"pysed.kaldi.commands.{root.replace('-', '_')}", EVERYTHING)
    walk.run()
    return {**scripts, **walk.digests()}, walk.files


@dataclass
class _Walk:
    """A breadth-first walk over (module, definition)."""

    only: dict[str, str]  # package -> the one module of it that is meant by a computed name
    without: set[str]  # modules that this result does not use, though its code could
    seen: set[tuple[str, str]] = field(default_factory=set)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    beside: dict[str, str] = field(default_factory=dict)

    def reach(self, name: str, definition: str) -> None:
        """A definition, and with it what runs when its module is imported."""
        if name in self.without:
            return
        if module_file(name) is None:
            raise FileNotFoundError(f"{name}: no such module of the package")
        parts = name.split(".")
        packages = [(".".join(parts[:end]), BODY) for end in range(1, len(parts))]
        for node in (*packages, (name, BODY), (name, definition)):
            if node not in self.seen:
                self.seen.add(node)
                self.waiting.append(node)

    def run(self) -> None:
        """Until nothing new is reached."""
        while self.waiting:
            name, definition = self.waiting.pop()
            path = module_file(name)
            assert path is not None
            self.files.add(path)
            module = parsed(name)
            if definition == EVERYTHING:
                for each in module.definitions:
                    self.reach(name, each)
                continue
            if definition not in module.definitions:
                self._imported(module, definition, "")
                continue
            part = module.definitions[definition]
            for use in part.uses:
                first, _, attribute = use.partition(".")
                if first in module.definitions:
                    self.reach(name, first)
                self._imported(module, first, attribute)
            for package in part.packages:
                self._package(package)
            for file in part.texts:
                self._file(os.path.join(os.path.dirname(path), file))

    def _imported(self, module: Module, name: str, attribute: str) -> None:
        for target, wanted in module.imports.get(name, ()):
            inner = f"{target}.{wanted}" if wanted else target
            if wanted and module_file(inner) is None:
                if module_file(target) is not None:
                    self.reach(target, wanted)
            elif module_file(inner) is not None:
                self.reach(inner, attribute or EVERYTHING)

    def _package(self, package: str) -> None:
        """The modules that a package imports by names made at run time."""
        path = module_file(package)
        if path is None or not path.endswith("__init__.py"):
            if path is not None:
                self.reach(package, EVERYTHING)
            return
        folder = os.path.dirname(path)
        self.files.add(folder)
        for name in _modules_in(folder):
            if self.only.get(package, name) == name:
                self.reach(f"{package}.{name}", EVERYTHING)
        if package == "pysed.networks":  # and those of a user's own folders
            for own in filter(None, os.environ.get("PYSED_NETWORKS", "").split(os.pathsep)):
                for name in _modules_in(own):
                    if self.only.get(package, name) == name:
                        self._own_module(os.path.join(own, f"{name}.py"))

    def _own_module(self, path: str) -> None:
        if os.path.isfile(path):
            self.files.add(os.path.abspath(path))
            with open(path, encoding="utf-8") as stream:
                parts = syntax.read("own", stream.read(), False).definitions
            self.beside[path] = digest("\n".join(f"{name} {part.digest}" for name, part in sorted(parts.items())))

    def _file(self, path: str) -> None:
        if os.path.isfile(path):
            self.files.add(path)
            with open(path, encoding="utf-8") as stream:
                self.beside[os.path.relpath(path, ROOT)] = digest(without_c_comments(stream.read()))

    def digests(self) -> dict[str, str]:
        """File -> digest of the definitions that were reached in it."""
        reached: dict[str, list[str]] = {}
        for name, definition in sorted(self.seen):
            module = parsed(name)
            if definition in module.definitions and module.definitions[definition].digest:
                file = os.path.relpath(module_file(name) or name, ROOT)
                reached.setdefault(file, []).append(f"{definition} {module.definitions[definition].digest}")
        return {**{file: digest("\n".join(lines)) for file, lines in reached.items()}, **self.beside}


def _modules_in(folder: str) -> Iterator[str]:
    for name in sorted(os.listdir(folder)):
        found = re.fullmatch(r"([A-Za-z]\w*)\.py", name)
        if found:
            yield found[1]
        elif os.path.isfile(os.path.join(folder, name, "__init__.py")):
            yield name
