"""OpenFst's file header, and decoding graphs checked in full before a decoder follows their arcs.

Source: OpenFst ``src/lib/fst.cc`` (FstHeader), ``const-fst.h``, ``vector-fst.h``.
"""

import struct
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.files import Source, open_input

MAGIC = b"\xd6\xfd\xb2\x7e"
_SYMBOLS_MAGIC = 2125658996
_INPUT_SYMBOLS, _OUTPUT_SYMBOLS, _IS_ALIGNED = 1, 2, 4
_EXPANDED = 1
_ALIGNMENT = 16
STATE = np.dtype([("final", "<f4"), ("first", "<u4"), ("num_arcs", "<u4"), ("num_in", "<u4"), ("num_out", "<u4")])
ARC = np.dtype([("input", "<i4"), ("output", "<i4"), ("weight", "<f4"), ("next", "<i4")])
_BLOCK = 1 << 20
_MOST_STATES = 1 << 31


@dataclass
class FstHeader:
    """What a binary FST starts with; ``properties`` claims nothing beyond what its kind implies."""

    fst_type: str
    arc_type: str
    version: int = 2
    flags: int = 0
    properties: int = _EXPANDED
    start: int = -1
    num_states: int = 0
    num_arcs: int = 0

    def to_bytes(self) -> bytes:
        """As OpenFst stores it."""
        names = b"".join(struct.pack("<i", len(name)) + name.encode() for name in (self.fst_type, self.arc_type))
        numbers = (self.version, self.flags, self.properties, self.start, self.num_states, self.num_arcs)
        return MAGIC + names + struct.pack("<iiQqqq", *numbers)


def read_header(source: Source, symbols: bool = False) -> FstHeader:
    """The header at this place. Raises DataError where there is none, or one with symbol tables unless ``symbols``.

    The tables follow the header: `read_symbol_tables`.
    """
    magic = source.read(4)
    if magic != MAGIC:
        raise source.fail(f"expected an OpenFst file, found {magic!r}; another kind of file, or damaged")
    names = []
    for _ in range(2):
        (size,) = struct.unpack("<i", source.read(4))
        if not 0 < size <= 64:
            raise source.fail(f"a type name of {size} characters; it is damaged")
        names.append(source.read(size).decode("latin-1"))
    header = FstHeader(names[0], names[1], *struct.unpack("<iiQqqq", source.read(40)))
    if header.flags & (_INPUT_SYMBOLS | _OUTPUT_SYMBOLS) and not symbols:
        raise source.fail("symbol tables inside the FST; remove them (fstsymbols --clear_isymbols --clear_osymbols)")
    if not 0 <= header.num_states < _MOST_STATES or not -1 <= header.start < header.num_states:
        raise source.fail(f"{header.num_states} states, start {header.start}; it is damaged")
    return header


def read_symbol_tables(source: Source, header: FstHeader) -> dict[int, str] | None:
    """What follows a header read with ``symbols``: the names of the output labels, where there are any."""
    tables = [_symbol_table(source) for flag in (_INPUT_SYMBOLS, _OUTPUT_SYMBOLS) if header.flags & flag]
    return tables[-1] if header.flags & _OUTPUT_SYMBOLS else None


def _symbol_table(source: Source) -> dict[int, str]:
    def text() -> str:
        (size,) = struct.unpack("<i", source.read(4))
        if not 0 <= size < 1 << 16:
            raise source.fail(f"a symbol of {size} bytes; it is damaged")
        try:
            return source.read(size).decode()
        except UnicodeDecodeError:
            raise source.fail("a symbol that is not UTF-8; it is damaged") from None

    (magic,) = struct.unpack("<i", source.read(4))
    if magic != _SYMBOLS_MAGIC:
        raise source.fail(f"expected a table of symbols, found {magic}; it is damaged")
    text()
    (_, count) = struct.unpack("<qq", source.read(16))
    symbols: dict[int, str] = {}
    for _ in range(count):
        name = text()
        symbols[struct.unpack("<q", source.read(8))[0]] = name
    return symbols


@dataclass(frozen=True)
class Fst:
    """A weighted transducer: ``states`` (S,) with final costs and each state's first arc, ``arcs`` (A,).

    ``in_file``: the file ``name`` is a const FST of the usual form, so that a decoder can read it itself.
    """

    name: str
    start: int
    states: np.ndarray
    arcs: np.ndarray
    in_file: bool = False

    @classmethod
    def of_arcs(cls, name: str, start: int, finals: np.ndarray, sources: np.ndarray, arcs: np.ndarray) -> Self:
        """From final costs (S,) and arcs (A,) in any order with the states that they leave (A,)."""
        states = np.zeros(len(finals), STATE)
        states["final"] = finals
        states["num_arcs"] = np.bincount(sources, minlength=len(finals))
        states["first"] = np.cumsum(states["num_arcs"], dtype=np.int64) - states["num_arcs"]
        for column, label in (("num_in", "input"), ("num_out", "output")):
            states[column] = np.bincount(sources[arcs[label] == 0], minlength=len(finals))
        return cls(name, start, states, arcs[np.argsort(sources, kind="stable")])

    @property
    def num_states(self) -> int:
        """The number of states."""
        return len(self.states)

    def check(self, num_labels: int) -> None:
        """Raise DataError unless every arc can be followed by a decoder that scores input labels 1..num_labels.

        Refused: labels, states or costs out of range, and cycles that read nothing and have arcs of
        negative cost, in which a decoder might turn for ever.
        """
        if not 0 <= self.start < self.num_states:
            raise DataError(f"{self.name}: a graph without a start state; build it again (utils/mkgraph.sh)")
        counts = self.states["num_arcs"].astype(np.int64)
        first = np.cumsum(counts) - counts
        if counts.sum() != len(self.arcs) or not np.array_equal(self.states["first"], first):
            raise DataError(f"{self.name}: its states' arcs do not fill its {len(self.arcs)} arcs; it is damaged")
        finals = self.states["final"]
        if np.isnan(finals).any() or np.isneginf(finals).any():
            raise DataError(f"{self.name}: a final cost that is no number; it is damaged")
        silent: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for begin in range(0, len(self.arcs), _BLOCK):
            arcs = self.arcs[begin : begin + _BLOCK]
            self._check_arcs(arcs, num_labels)
            which = np.flatnonzero(arcs["input"] == 0)
            sources = np.searchsorted(first, begin + which, side="right") - 1
            silent.append((sources, arcs["next"][which], arcs["weight"][which]))
        if silent:
            self._check_cycles(*(np.concatenate(parts) for parts in zip(*silent, strict=True)))

    def _check_arcs(self, arcs: np.ndarray, num_labels: int) -> None:
        labels, following = arcs["input"], arcs["next"]
        if labels.min() < 0 or labels.max() > num_labels:
            worst = labels.min() if labels.min() < 0 else labels.max()
            raise DataError(
                f"{self.name}: input label {worst}; expected transition-ids up to {num_labels}: "
                "it is damaged or made for another model"
            )
        if arcs["output"].min() < 0:
            raise DataError(f"{self.name}: output label {arcs['output'].min()}; it is damaged")
        if following.min() < 0 or following.max() >= self.num_states:
            raise DataError(f"{self.name}: an arc to a state that is not among its {self.num_states}; it is damaged")
        if not np.isfinite(arcs["weight"]).all():
            raise DataError(f"{self.name}: an arc whose cost is not finite; it is damaged")

    def _check_cycles(self, sources: np.ndarray, targets: np.ndarray, costs: np.ndarray) -> None:
        if costs.min(initial=0) >= 0:
            return
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        size = self.num_states
        links = coo_array((np.ones(len(sources), np.int8), (sources, targets)), shape=(size, size))
        _, part = connected_components(links, directed=True, connection="strong")
        if np.any((part[sources] == part[targets]) & (costs < 0)):
            raise DataError(
                f"{self.name}: a cycle of arcs without input and with a negative cost; it cannot be decoded"
            )

    def to_bytes(self) -> bytes:
        """As a const FST."""
        header = FstHeader("const", "standard", start=self.start, num_states=self.num_states, num_arcs=len(self.arcs))
        return b"".join((header.to_bytes(), self.states.tobytes(), self.arcs.tobytes()))

    def load(self) -> Any:
        """As ``kaldifst.StdConstFst``; of a graph that was checked."""
        if self.in_file:
            return _load(self.name, self.name)
        with tempfile.NamedTemporaryFile(prefix="pysed-graph-") as file:
            file.write(self.to_bytes())
            file.flush()
            return _load(file.name, self.name)

    @classmethod
    def unload(cls, name: str, fst: Any) -> Self:
        """From any FST of kaldifst; raises DataError where the disk has no room for it."""
        import kaldifst

        with tempfile.NamedTemporaryFile(prefix="pysed-graph-") as file:
            if not kaldifst.StdConstFst(fst).write(file.name):
                raise DataError(f"{file.name}: cannot write {name} there; disk full?")
            graph = read_fst(file.name)
            return cls(name, graph.start, np.array(graph.states), np.array(graph.arcs))


def read_fst(rxfilename: str) -> Fst:
    """An FST of type const or vector over the tropical semiring; a const one in a file is mapped, not loaded.

    Raises DataError for another kind of file and for one that is truncated or has bytes to spare.
    `Fst.check` is left to the caller.
    """
    with open_input(rxfilename) as source:
        at_start = source.pos == 0
        graph = read_states(source, read_header(source), at_start)
        if source.peek():
            raise source.fail("bytes after the end of the graph; it is damaged")
    return graph


def read_states(source: Source, header: FstHeader, at_start: bool = False) -> Fst:
    """What follows the header of a const or vector FST; ``at_start``: the header was the first thing in the file."""
    if header.arc_type != "standard" or header.fst_type not in ("const", "vector"):
        raise source.fail(
            f"an FST of type {header.fst_type!r} with arcs {header.arc_type!r}; "
            "expected const or vector with standard arcs"
        )
    return _read_const(source, header, at_start) if header.fst_type == "const" else _read_vector(source, header)


def _read_const(source: Source, header: FstHeader, at_start: bool) -> Fst:
    aligned = header.version == 1 or bool(header.flags & _IS_ALIGNED)
    if header.version not in (1, 2) or header.num_arcs < 0:
        raise source.fail(f"version {header.version}, {header.num_arcs} arcs; it is damaged")
    states = _table(source, header.num_states, STATE, aligned)
    arcs = _table(source, header.num_arcs, ARC, aligned)
    in_file = at_start and isinstance(arcs, np.memmap) and not aligned and header.flags == 0
    return Fst(source.name, header.start, states, arcs, in_file)


def _table(source: Source, count: int, dtype: np.dtype, aligned: bool) -> np.ndarray:
    if aligned and source.pos % _ALIGNMENT:
        source.read(_ALIGNMENT - source.pos % _ALIGNMENT)
    num_bytes = count * dtype.itemsize
    if source.size is None or source.stream is sys.stdin.buffer or not count:
        return source.read_array(count, dtype)
    if source.pos + num_bytes > source.size:
        raise source.truncated(num_bytes, source.size - source.pos)
    table = np.memmap(source.name, dtype, "r", source.pos, (count,))
    source.seek(source.pos + num_bytes)
    return table


def _read_vector(source: Source, header: FstHeader) -> Fst:
    finals, counts, parts = [], [], []
    for _ in range(header.num_states):
        final, count = struct.unpack("<fq", source.read(12))
        if not 0 <= count < _MOST_STATES:
            raise source.fail(f"a state with {count} arcs; it is damaged")
        finals.append(final)
        counts.append(count)
        parts.append(source.read_array(count, ARC))
    states = np.zeros(len(finals), STATE)
    states["final"], states["num_arcs"] = finals, counts
    ends = np.cumsum(counts, dtype=np.int64)
    if len(ends) and ends[-1] >= _MOST_STATES:
        raise source.fail(f"{ends[-1]} arcs; more than a decoding graph can have")
    states["first"] = ends - states["num_arcs"]
    return Fst(source.name, header.start, states, np.concatenate(parts) if parts else np.zeros(0, ARC))


def load_graph(rxfilename: str, num_labels: int) -> Any:
    """A checked graph as ``kaldifst.StdConstFst`` for a decoder.

    Raises DataError for a graph that is damaged or does not fit a model of ``num_labels`` transition-ids.
    """
    graph = read_fst(rxfilename)
    graph.check(num_labels)
    return graph.load()


def _load(path: str, name: str) -> Any:
    import kaldifst

    loaded = kaldifst.StdConstFst.read(path)
    if loaded is None:
        raise DataError(f"{name}: the decoder cannot read it; build it again (utils/mkgraph.sh)")
    return loaded
