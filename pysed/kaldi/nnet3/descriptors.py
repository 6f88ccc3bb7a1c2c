"""Descriptors: the small expression language by which an nnet3 node names its input.

Source: Kaldi ``src/nnet3/nnet-descriptor.{h,cc}``.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pysed.errors import DataError

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.\-]*|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[(),])")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")
_MANY = ("Append", "Sum", "Switch")
OPERATIONS = (*_MANY, "Failover", "IfDefined", "Offset", "Scale", "Const", "ReplaceIndex", "Round")
_MAX_DEPTH = 64


@dataclass(frozen=True)
class Descriptor:
    """One expression: an operation, the expressions it takes, and its constants.

    ``op`` is ``Node`` (``name`` given) or one of OPERATIONS; ``numbers`` holds the constants:
    Offset (t, x), Scale (s,), Const (value, dim), ReplaceIndex (0 for t or 1 for x, value), Round (modulus,).
    """

    op: str
    parts: tuple["Descriptor", ...] = ()
    name: str = ""
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        if self.op == "Node":
            return self.name
        parts = ", ".join(map(str, self.parts))
        if self.op == "Offset":
            t, x = self.numbers
            return f"Offset({parts}, {t:d}, {x:d})" if x else f"Offset({parts}, {t:d})"
        if self.op == "Scale":
            return f"Scale({self.numbers[0]:g}, {parts})"
        if self.op == "Const":
            return f"Const({self.numbers[0]:g}, {self.numbers[1]:d})"
        if self.op == "ReplaceIndex":
            return f"ReplaceIndex({parts}, {'tx'[int(self.numbers[0])]}, {self.numbers[1]:d})"
        if self.op == "Round":
            return f"Round({parts}, {self.numbers[0]:d})"
        return f"{self.op}({parts})"

    def nodes(self) -> Iterator[str]:
        """The names of the nodes it reads, in order, with repetitions."""
        if self.op == "Node":
            yield self.name
        for part in self.parts:
            yield from part.nodes()

    def renamed(self, names: dict[str, str]) -> "Descriptor":
        """The same expression over renamed nodes."""
        if self.op == "Node":
            return Descriptor("Node", name=names.get(self.name, self.name))
        return Descriptor(self.op, tuple(part.renamed(names) for part in self.parts), "", self.numbers)

    def modulus(self) -> int:
        """The number of frames by which inputs and outputs may be shifted together without changing the result."""
        own = len(self.parts) if self.op == "Switch" else int(self.numbers[0]) if self.op == "Round" else 1
        return math.lcm(own, *(part.modulus() for part in self.parts))

    def dim(self, node_dims: dict[str, int]) -> int:
        """Width of the value, given the widths of the nodes. Raises ValueError where widths disagree."""
        if self.op == "Node":
            return node_dims[self.name]
        if self.op == "Const":
            return int(self.numbers[1])
        dims = [part.dim(node_dims) for part in self.parts]
        if self.op == "Append":
            return sum(dims)
        if len(set(dims)) != 1:
            raise ValueError(f"{self}: widths {', '.join(map(str, dims))} differ")
        return dims[0]


def node(name: str) -> Descriptor:
    """The descriptor that is just a node."""
    return Descriptor("Node", name=name)


class _Parser:
    def __init__(self, text: str, place: str):
        self.text, self.place = text, place
        self.tokens: list[str] = []
        pos = 0
        while pos < len(text.rstrip()):
            match = _TOKEN.match(text, pos)
            if not match:
                raise self.fail(f"{text[pos : pos + 20]!r} is not part of a descriptor")
            self.tokens.append(match.group(1))
            pos = match.end()
        self.tokens.append("")
        self.next = 0

    def fail(self, message: str) -> DataError:
        return DataError(f"{self.place}: descriptor {self.text[:80]!r}: {message}")

    def take(self, *expected: str) -> str:
        token = self.tokens[self.next]
        if expected and token not in expected:
            raise self.fail(f"expected {' or '.join(expected)}, found {token or 'its end'!r}")
        self.next = min(self.next + 1, len(self.tokens) - 1)
        return token

    def number(self, integer: bool = True) -> float:
        token = self.take()
        if not _NUMBER.match(token):
            raise self.fail(f"expected a number, found {token or 'its end'!r}")
        value = float(token)
        if not integer:
            return value
        if abs(value) > 1_000_000 or value != int(value):
            raise self.fail(f"expected a whole number, found {token!r}")
        return int(value)

    def expression(self, depth: int = 0) -> Descriptor:
        if depth > _MAX_DEPTH:
            raise self.fail(f"more than {_MAX_DEPTH} levels")
        token = self.take()
        if not token or token in "(),":
            raise self.fail(f"expected a node or an operation, found {token or 'its end'!r}")
        if self.tokens[self.next] != "(" or token not in OPERATIONS:
            if token in OPERATIONS or _NUMBER.match(token):
                raise self.fail(f"{token!r} is not the name of a node")
            return node(token)
        self.take("(")
        found = self.arguments(token, depth)
        self.take(")")
        return found

    def arguments(self, op: str, depth: int) -> Descriptor:
        if op == "Const":
            value = self.number(integer=False)
            self.take(",")
            dim = self.number()
            if dim <= 0:
                raise self.fail(f"Const of width {dim}")
            return Descriptor(op, (), "", (value, dim))
        if op == "Scale":
            scale = self.number(integer=False)
            self.take(",")
            return Descriptor(op, (self.expression(depth + 1),), "", (scale,))
        parts = [self.expression(depth + 1)]
        if op in _MANY or op == "Failover":
            while self.tokens[self.next] == ",":
                self.take(",")
                parts.append(self.expression(depth + 1))
            if op == "Failover" and len(parts) != 2:
                raise self.fail(f"Failover takes two expressions, found {len(parts)}")
            return Descriptor(op, tuple(parts))
        if op == "IfDefined":
            return Descriptor(op, tuple(parts))
        self.take(",")
        if op == "Offset":
            t, x = self.number(), 0.0
            if self.tokens[self.next] == ",":
                self.take(",")
                x = self.number()
            return Descriptor(op, tuple(parts), "", (t, x))
        if op == "ReplaceIndex":
            variable = "tx".index(self.take("t", "x"))
            self.take(",")
            return Descriptor(op, tuple(parts), "", (variable, self.number()))
        modulus = self.number()
        if modulus < 1 or modulus > 10_000:
            raise self.fail(f"Round to multiples of {modulus}")
        return Descriptor(op, tuple(parts), "", (modulus,))


def parse_descriptor(text: str, place: str) -> Descriptor:
    """Parse a descriptor; ``place`` opens the message of the DataError it raises for a bad one."""
    parser = _Parser(text, place)
    found = parser.expression()
    if parser.tokens[parser.next]:
        raise parser.fail(f"unexpected {parser.tokens[parser.next]!r} after its end")
    return found
