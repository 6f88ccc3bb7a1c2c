"""Configuration lines of an nnet3 network: nodes, and the components that ``--nnet-config`` may add.

Source: Kaldi ``src/nnet3/nnet-nnet.cc`` (ReadConfig), ``src/util/text-utils.cc`` (ConfigLine).
"""

import math
import re

from pysed.errors import DataError
from pysed.kaldi.nnet3.build import component_from_config
from pysed.kaldi.nnet3.components import MAX_DIM
from pysed.kaldi.nnet3.descriptors import parse_descriptor
from pysed.kaldi.nnet3.model import Nnet, Node

_KEY = re.compile(r"(?:^|\s)([A-Za-z_][A-Za-z0-9_\-]*)=")
_NAME = re.compile(r"[A-Za-z_*][A-Za-z0-9_.\-]*\Z")


class ConfigLine:
    """``directive key=value key=value``: values may hold spaces; ``used`` tracks what was asked for."""

    def __init__(self, line: str, place: str):
        self.place, self.line = place, line
        self.directive, _, rest = line.strip().partition(" ")
        self.values: dict[str, str] = {}
        found = list(_KEY.finditer(rest))
        if rest[: found[0].start() if found else None].strip():
            raise self.fail("expected key=value after the directive")
        ends = [match.start() for match in found[1:]] + [len(rest)]
        for match, end in zip(found, ends, strict=False):
            value = rest[match.end() : end].strip()
            if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
                value = value[1:-1]
            if match.group(1) in self.values:
                raise self.fail(f"{match.group(1)} is given twice")
            self.values[match.group(1)] = value
        self.unused = set(self.values)

    def fail(self, message: str) -> DataError:
        """A DataError that quotes the line."""
        return DataError(f"{self.place}: {self.line.strip()[:160]!r}: {message}")

    def text(self, key: str, default: str | None = None) -> str:
        """A value; a DataError where it is missing and has no default."""
        self.unused.discard(key)
        if key in self.values:
            return self.values[key]
        if default is None:
            raise self.fail(f"expected {key}=")
        return default

    def integer(self, key: str, default: int | None = None) -> int:
        """A value that is a whole number."""
        if default is not None and key not in self.values:
            return default
        value = self.text(key)
        if not re.fullmatch(r"[+-]?\d{1,9}", value):
            raise self.fail(f"{key}={value}: expected a whole number")
        return int(value)

    def real(self, key: str, default: float | None = None) -> float:
        """A value that is a finite number."""
        if default is not None and key not in self.values:
            return default
        value = self.text(key)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.fail(f"{key}={value}: expected a number")
        return number

    def boolean(self, key: str, default: bool) -> bool:
        """A value that is true or false."""
        value = self.text(key, str(default).lower()).lower()
        if value not in ("true", "t", "1", "false", "f", "0"):
            raise self.fail(f"{key}={value}: expected true or false")
        return value in ("true", "t", "1")

    def finish(self) -> None:
        """Raise DataError for keys that nobody asked for."""
        if self.unused:
            raise self.fail(f"unknown {', '.join(sorted(self.unused))}")


def config_lines(text: str, place: str) -> list[ConfigLine]:
    """The lines of a configuration text without comments and empty ones."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if line:
            lines.append(ConfigLine(line, f"{place}: line {number}"))
    return lines


def apply_config(nnet: Nnet, text: str, place: str) -> None:
    """Add the nodes and components of ``text`` to the network, or replace those of the same name.

    Raises DataError for a line it cannot make sense of, and for a network that is then not well defined.
    """
    lines = config_lines(text, place)
    components: set[str] = set()
    nodes: set[str] = set()
    for line in lines:
        name = _name(line)
        seen = components if line.directive == "component" else nodes
        if name in seen:
            raise line.fail(f"{name} is defined twice in the same configuration")
        seen.add(name)
        if line.directive == "component":
            nnet.components[name] = component_from_config(line, name)
            continue
        nnet.nodes.pop(name, None)  # a line that comes later takes the later place, as in Kaldi
        nnet.nodes[name] = _node(line, name)
        line.finish()
    nnet.check()


def _name(line: ConfigLine) -> str:
    name = line.text("name")
    if not _NAME.match(name):
        raise line.fail(f"{name!r} is not a name")
    return name


def _node(line: ConfigLine, name: str) -> Node:
    kinds = {
        "input-node": "input",
        "component-node": "component",
        "output-node": "output",
        "dim-range-node": "dim-range",
    }
    if line.directive not in kinds:
        raise line.fail(f"expected {', '.join(kinds)} or component")
    node = Node(name, kinds[line.directive])
    if node.kind in ("component", "output"):
        node.input = parse_descriptor(line.text("input"), line.place)
    if node.kind == "component":
        node.component = line.text("component")
    if node.kind == "output":
        node.objective = line.text("objective", "linear")
        if node.objective not in ("linear", "quadratic"):
            raise line.fail(f"objective={node.objective}: expected linear or quadratic")
    if node.kind == "dim-range":
        node.source, node.dim_offset = line.text("input-node"), line.integer("dim-offset")
    if node.kind in ("input", "dim-range"):
        node.dim = line.integer("dim")
        if not 0 < node.dim <= MAX_DIM or node.dim_offset < 0:
            raise line.fail(f"dim={node.dim} is out of range")
    # nnet3-info adds these to the lines it prints; they say nothing new.
    for key in ("input-dim", "output-dim", "dim"):
        if node.kind in ("component", "output"):
            line.text(key, "")
    return node
