"""Kaldi's phonetic decision tree: which pdf scores a phone in its context.

Source: Kaldi ``src/tree/{context-dep,event-map}.{h,cc}``.
"""

from dataclasses import dataclass
from typing import Self

from pysed.errors import DataError
from pysed.kaldi.stream import KaldiReader
from pysed.kaldi.tables import read_object

PDF_CLASS = -1  # the key that stands for the pdf class; keys from 0 are positions in the context
_DEEPEST = 500


@dataclass(frozen=True)
class Split:
    """A question: is the value of ``key`` in ``yes_set``?"""

    key: int
    yes_set: frozenset[int]
    yes: "Node"
    no: "Node"


@dataclass(frozen=True)
class Table:
    """A child for each value of ``key``; None where a value does not occur."""

    key: int
    children: tuple["Node", ...]


Node = int | Split | Table | None


@dataclass(frozen=True)
class Tree:
    """``width`` phones of context, of which number ``central`` (from 0) is the phone itself."""

    width: int
    central: int
    root: Node

    @classmethod
    def read(cls, reader: KaldiReader) -> Self:
        """From a ``tree`` file, binary or text. Raises DataError for anything malformed."""
        reader.expect("ContextDependency")
        width, central = reader.int32(), reader.int32()
        if not 0 <= central < width:
            raise reader.fail(f"phone {central} of a context of {width}; it is damaged")
        reader.expect("ToPdf")
        root = _read_node(reader, 0)
        reader.expect("EndContextDependency")
        return cls(width, central, root)

    def pdf(self, context: tuple[int, ...], pdf_class: int) -> int:
        """The pdf of a pdf class of the central phone of ``context`` (width phones; 0: before or after the utterance).

        Raises DataError for a context that the tree has no answer to.
        """
        node = self.root
        while not isinstance(node, int):
            value = -1
            if node is not None and PDF_CLASS <= node.key < self.width:
                value = pdf_class if node.key == PDF_CLASS else context[node.key]
            if isinstance(node, Split) and value >= 0:
                node = node.yes if value in node.yes_set else node.no
            elif isinstance(node, Table) and 0 <= value < len(node.children):
                node = node.children[value]
            else:
                raise DataError(f"the tree has no pdf for class {pdf_class} of phones {context}")
        return node


def read_tree(rxfilename: str) -> Tree:
    """The tree in a file."""
    return Tree.read(read_object(str(rxfilename)))


def _read_node(reader: KaldiReader, depth: int) -> Node:
    if depth > _DEEPEST:
        raise reader.fail(f"a tree deeper than {_DEEPEST}; it is damaged")
    kind = reader.expect("CE", "SE", "TE", "NULL")
    if kind == "NULL":
        return None
    if kind == "CE":
        return reader.int32()
    key = reader.int32()
    if kind == "SE":
        yes_set = frozenset(reader.int_vector().tolist())
        reader.expect("{")
        yes, no = _read_node(reader, depth + 1), _read_node(reader, depth + 1)
        reader.expect("}")
        return Split(key, yes_set, yes, no)
    # The size is stored unsigned, which Kaldi marks by a negative width.
    size = int.from_bytes(reader.take(5)[1:], "little") if reader.binary else reader.int32()
    reader.expect("(")
    children = tuple(_read_node(reader, depth + 1) for _ in range(size))
    reader.expect(")")
    return Table(key, children)
