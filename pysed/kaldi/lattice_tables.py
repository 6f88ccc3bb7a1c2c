"""Tables of lattices as Kaldi stores them, binary and text, compact or with one transition-id an arc.

Source: Kaldi ``src/lat/kaldi-lattice.cc``; OpenFst ``vector-fst.h``, ``script/print-impl.h``. Any of the
forms is read as a `CompactLattice`; ``COMPACT`` and ``PLAIN`` are the kinds to write.
"""

import struct
from collections.abc import Generator

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.files import Source
from pysed.kaldi.holders import Kind
from pysed.kaldi.lattice import Arc, CompactLattice, Weight
from pysed.kaldi.openfst import MAGIC, FstHeader, read_header
from pysed.kaldi.plain_numbers import plain
from pysed.kaldi.tables import sequential

_PROPERTIES = 3  # expanded, mutable; whatever else holds is for the reader to find out
# arc type → (real numbers of a weight, whether it carries transition-ids)
_ARC_TYPES = {
    "compactlattice44": ("ff", True),
    "compactlattice84": ("dd", True),
    "lattice4": ("ff", False),
    "lattice8": ("dd", False),
}


def lattices(rspecifier: str) -> Generator[tuple[str, CompactLattice], None, None]:
    """(key, lattice) of a table. Raises DataError for what is truncated, damaged or no lattice."""
    return sequential(rspecifier, COMPACT)


def read_lattice(source: Source, binary: bool = False) -> CompactLattice:
    """The lattice at this place; its first byte says whether it is binary, so ``binary`` has no meaning."""
    if source.peek()[:1] == MAGIC[:1]:
        return _read_binary(source)
    return _read_text(source)


class _BinaryReader:
    """The weights and arcs of one arc type."""

    def __init__(self, source: Source, reals: str, has_ids: bool):
        self.source = source
        self.has_ids = has_ids
        ending = "i" if has_ids else ""
        self.final = struct.Struct(f"<{reals}{ending}")
        self.arc = struct.Struct(f"<ii{reals}{ending}")

    def weight(self, graph: float, acoustic: float, ids: np.ndarray) -> Weight | None:
        """A weight, None for the one of states that are not final."""
        if graph == acoustic == np.inf:
            return None
        with np.errstate(over="ignore"):
            graph, acoustic = float(np.float32(graph)), float(np.float32(acoustic))
        if not abs(graph) + abs(acoustic) < np.inf:
            raise self.source.fail(f"costs {graph:g} and {acoustic:g}; expected finite numbers: it is damaged")
        return Weight(graph, acoustic, ids)

    def ids(self, count: int) -> np.ndarray:
        """The next ``count`` transition-ids."""
        if count < 0:
            raise self.source.fail(f"{count} transition-ids; it is damaged")
        values = self.source.read_array(count, np.dtype("<i4"))
        if count and values.min() < 0:
            raise self.source.fail(f"transition-id {values.min()}; it is damaged")
        return values

    def read_final(self) -> Weight | None:
        """A state's final weight."""
        graph, acoustic, *count = self.final.unpack(self.source.read(self.final.size))
        return self.weight(graph, acoustic, self.ids(count[0] if self.has_ids else 0))

    def read_arc(self) -> Arc:
        """One arc."""
        first, second, graph, acoustic, *count = self.arc.unpack(self.source.read(self.arc.size))
        if self.has_ids:
            ids = self.ids(count[0])
            if first != second:
                raise self.source.fail(f"an arc with labels {first} and {second}; expected one word: it is damaged")
        else:
            ids = np.array([first] if first else [], np.int32)
        if first < 0 or second < 0:
            raise self.source.fail(f"label {min(first, second)}; it is damaged")
        weight = self.weight(graph, acoustic, ids)
        if weight is None:
            raise self.source.fail("an arc of infinite cost; it is damaged")
        (following,) = struct.unpack("<i", self.source.read(4))
        return Arc(following, second, weight)


def _read_binary(source: Source) -> CompactLattice:
    header = read_header(source)
    if header.fst_type != "vector" or header.arc_type not in _ARC_TYPES:
        raise source.fail(
            f"an FST of type {header.fst_type!r} with arcs {header.arc_type!r}; expected a vector FST with one of "
            f"{', '.join(_ARC_TYPES)}"
        )
    reader = _BinaryReader(source, *_ARC_TYPES[header.arc_type])
    lattice = CompactLattice(header.start)
    for _ in range(header.num_states):
        state = lattice.add_state()
        lattice.finals[state] = reader.read_final()
        (count,) = struct.unpack("<q", source.read(8))
        if count < 0:
            raise source.fail(f"a state with {count} arcs; it is damaged")
        lattice.arcs[state].extend(reader.read_arc() for _ in range(count))
    _check_states(lattice, source)
    return lattice


def _check_states(lattice: CompactLattice, source: Source) -> None:
    for leaving in lattice.arcs:
        for arc in leaving:
            if not 0 <= arc.next_state < lattice.num_states:
                raise source.fail(f"an arc to state {arc.next_state}, of {lattice.num_states}; it is damaged")


def _text_weight(text: str, compact: bool) -> Weight | None:
    """``graph,acoustic[,id_id_…]``; ValueError for anything else, None for infinite costs."""
    parts = text.split(",")
    if len(parts) != (3 if compact else 2):
        raise ValueError(text)
    graph, acoustic = (float(np.float32(float(plain(part)))) for part in parts[:2])
    if graph == acoustic == np.inf:
        return None
    if not abs(graph) + abs(acoustic) < np.inf:
        raise ValueError(text)
    ids = [int(plain(word)) for word in parts[2].split("_")] if compact and parts[2] else []
    if ids and not 0 <= min(ids) <= max(ids) < 2**31:
        raise ValueError(text)
    return Weight(graph, acoustic, np.array(ids, np.int32))


class _TextReader:
    """Builds a lattice of one form from lines; its states are numbered anew in the order of their numbers."""

    def __init__(self, compact: bool):
        self.compact = compact
        self.start = -1
        self.arcs: list[tuple[int, int, int, Weight]] = []
        self.finals: dict[int, Weight | None] = {}
        self.seen: set[int] = set()

    def line(self, words: list[str]) -> None:
        """One line; ValueError where it is not of this form."""
        state = self._number(words[0])
        if len(words) <= 2:
            self.finals[state] = _text_weight(words[1], self.compact) if len(words) == 2 else Weight(0.0, 0.0)
        else:
            labels = 1 if self.compact else 2
            if len(words) not in (labels + 2, labels + 3):
                raise ValueError(words)
            following, label = self._number(words[1]), self._number(words[2])
            word = label if self.compact else self._number(words[3])
            weight = _text_weight(words[-1], self.compact) if len(words) == labels + 3 else Weight(0.0, 0.0)
            if weight is None:
                raise ValueError(words)
            if not self.compact and label:
                weight = weight._replace(ids=np.array([label], np.int32))
            self.arcs.append((state, following, word, weight))
            self.seen.add(following)
        self.seen.add(state)
        if self.start < 0:
            self.start = state

    def _number(self, text: str) -> int:
        value = int(plain(text))
        if not 0 <= value < 2**31:
            raise ValueError(text)
        return value

    def lattice(self) -> CompactLattice:
        """What the lines said."""
        states = {old: new for new, old in enumerate(sorted(self.seen))}
        made = CompactLattice(states.get(self.start, -1))
        for _ in states:
            made.add_state()
        for state, following, word, weight in self.arcs:
            made.arcs[states[state]].append(Arc(states[following], word, weight))
        for state, final in self.finals.items():
            made.finals[states[state]] = final
        return made


def _read_text(source: Source) -> CompactLattice:
    head = source.line()
    if head.strip():
        raise source.fail(f"expected a lattice, found {head[:20]!r}; another kind of table, or damaged")
    readers = [_TextReader(compact=True), _TextReader(compact=False)]
    while True:
        raw = source.text_line()
        try:
            words = raw.decode("ascii").split()
        except UnicodeDecodeError:
            words = ["?"]
        if not words:
            return readers[0].lattice()
        fitting = []
        for reader in readers:
            try:
                reader.line(words)
            except (ValueError, OverflowError):
                continue
            fitting.append(reader)
        if not fitting:
            raise source.fail(f"{raw[:60]!r}: expected a line of a lattice, 'state next word graph,acoustic,ids'")
        readers = fitting


def _write(lattice: CompactLattice, binary: bool, compact: bool) -> list[bytes]:
    if not compact:
        lattice = expand(lattice)
    if binary:
        return _binary_parts(lattice, compact)
    order = [lattice.start, *(s for s in range(lattice.num_states) if s != lattice.start)] if lattice.num_states else []
    lines = ["\n"]
    for state in order:
        for arc in lattice.arcs[state]:
            labels = f"{arc.word}" if compact else f"{arc.weight.ids[0] if len(arc.weight.ids) else 0}\t{arc.word}"
            lines.append(f"{state}\t{arc.next_state}\t{labels}{_weight_text(arc.weight, compact)}\n")
        final = lattice.finals[state]
        if final is not None:
            lines.append(f"{state}{_weight_text(final, compact)}\n")
    return ["".join([*lines, "\n"]).encode()]


def _weight_text(weight: Weight, compact: bool) -> str:
    ids = "_".join(map(str, weight.ids.tolist())) if compact else ""
    if weight.graph == weight.acoustic == 0 and not ids:
        return ""
    return f"\t{weight.graph:.9g},{weight.acoustic:.9g}" + (f",{ids}" if compact else "")


def _binary_parts(lattice: CompactLattice, compact: bool) -> list[bytes]:
    arc_type = "compactlattice44" if compact else "lattice4"
    header = FstHeader("vector", arc_type, properties=_PROPERTIES, start=lattice.start, num_states=lattice.num_states)
    parts = [header.to_bytes()]

    def weight(value: Weight) -> bytes:
        costs = struct.pack("<ff", value.graph, value.acoustic)
        return costs + struct.pack("<i", len(value.ids)) + value.ids.astype("<i4").tobytes() if compact else costs

    for leaving, final in zip(lattice.arcs, lattice.finals, strict=True):
        parts.append(weight(Weight(np.inf, np.inf) if final is None else final))
        parts.append(struct.pack("<q", len(leaving)))
        for arc in leaving:
            first = arc.word if compact else arc.weight.ids[0] if len(arc.weight.ids) else 0
            parts.append(struct.pack("<ii", first, arc.word) + weight(arc.weight) + struct.pack("<i", arc.next_state))
    return parts


def expand(lattice: CompactLattice) -> CompactLattice:
    """The same lattice with at most one transition-id an arc and none at its ends: Kaldi's plain form."""
    made = CompactLattice(lattice.start)
    for _ in range(lattice.num_states):
        made.add_state()

    def chain(state: int, word: int, weight: Weight, end: int) -> None:
        ids = weight.ids
        for index in range(max(len(ids), 1)):
            following = end if index >= len(ids) - 1 else made.add_state()
            costs = (weight.graph, weight.acoustic) if index == 0 else (0.0, 0.0)
            made.arcs[state].append(Arc(following, word if index == 0 else 0, Weight(*costs, ids[index : index + 1])))
            state = following

    for state in range(lattice.num_states):
        for arc in lattice.arcs[state]:
            chain(state, arc.word, arc.weight, arc.next_state)
        final = lattice.finals[state]
        if final is not None and len(final.ids):
            end = made.add_state()
            made.finals[end] = Weight(0.0, 0.0)
            chain(state, 0, final, end)
        else:
            made.finals[state] = final
    return made


def _refuse_cut(value: CompactLattice, span: str, place: str) -> CompactLattice:
    raise DataError(f"{place}[{span}]: a range of a lattice; ranges are for matrices and vectors")


COMPACT = Kind("lattice", read_lattice, lambda v, binary: _write(v, binary, True), header=False, cut=_refuse_cut)
PLAIN = Kind("lattice", read_lattice, lambda v, binary: _write(v, binary, False), header=False, cut=_refuse_cut)
