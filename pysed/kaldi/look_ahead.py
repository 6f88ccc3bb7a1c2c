"""The two halves of a look-ahead decoding graph, as Vosk's models have it: ``HCLr.fst`` and ``Gr.fst``.

``HCLr.fst`` (transition-ids → words) is a const FST with an add-on that tells which words can still follow from each
state; words are numbered so that these are few intervals. ``Gr.fst`` is the grammar of these words, often in the form
of an n-gram FST: a trie of contexts as bits. Source: OpenFst ``add-on.h``, ``label-reachable.h``, ``interval-set.h``,
``extensions/ngram/ngram-fst.h``; Kaldi ``utils/mkgraph_lookahead.sh``.
"""

import struct
from dataclasses import dataclass

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.files import Source, open_input
from pysed.kaldi.openfst import ARC, Fst, FstHeader, read_header, read_states, read_symbol_tables

_ADD_ON_MAGIC = 446681434
_MOST = 1 << 31


@dataclass(frozen=True)
class Lexicon:
    """``graph`` and the words that can follow: of state s any in the intervals first[s] to first[s + 1].

    ``first`` (S + 1,), ``intervals`` (I, 2), each from a label up to another, which is not in it; the label ``end``
    stands for the end of the utterance.
    """

    graph: Fst
    first: np.ndarray
    intervals: np.ndarray
    end: int


@dataclass(frozen=True)
class Grammar:
    """``graph`` and the names of its output labels, where the file has them."""

    graph: Fst
    words: dict[int, str] | None


def read_lexicon(rxfilename: str) -> Lexicon:
    """``HCLr.fst``. Raises DataError for another kind of file and a damaged one; `Fst.check` is the caller's."""
    with open_input(rxfilename) as source:
        header = read_header(source)
        if header.fst_type != "olabel_lookahead":
            raise source.fail(f"an FST of type {header.fst_type!r}; expected olabel_lookahead")
        if struct.unpack("<i", source.read(4))[0] != _ADD_ON_MAGIC:
            raise source.fail("expected an FST with an add-on; it is damaged")
        inner = read_header(source, symbols=True)
        read_symbol_tables(source, inner)
        graph = read_states(source, inner)
        # The add-on is a pair, of which the second, that of the output labels, is there.
        if source.read(4) != b"\1\0\1\0":
            raise source.fail("expected what the output labels reach alone; it is damaged")
        if source.read(1) != b"\0":
            (count,) = struct.unpack("<q", source.read(8))
            source.read_array(_whole(source, count) * 2, np.dtype("<i4"))  # relabelling; the words have new numbers
        end, count = struct.unpack("<iq", source.read(12))
        if count != graph.num_states:
            raise source.fail(f"intervals of {count} states; expected {graph.num_states}: it is damaged")
        first, intervals = _intervals(source, count)
        if source.peek():
            raise source.fail("bytes after the end of the graph; it is damaged")
    return Lexicon(graph, first, intervals, end)


def _whole(source: Source, count: int) -> int:
    if not 0 <= count < _MOST:
        raise source.fail(f"a count of {count}; it is damaged")
    return count


def _intervals(source: Source, num_states: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each state a number of intervals (8 bytes), the intervals, and how many labels they hold."""
    if source.size is None:
        raise source.fail("a look-ahead graph from a pipe; expected a file")
    whole = (source.size - source.pos) // 4
    values = source.read_array(whole, np.dtype("<i4"))
    numbers = values.data
    starts = np.empty(num_states, np.int64)
    at = 0
    for state in range(num_states):
        if at + 3 > whole or numbers[at] < 0 or numbers[at + 1] or at + 3 + 2 * numbers[at] > whole:
            raise source.fail(f"the intervals of state {state} do not fit; it is damaged")
        starts[state] = at
        at += 3 + 2 * numbers[at]
    if at != whole:
        raise source.fail(f"{4 * (whole - at)} bytes after the intervals; it is damaged")
    counts = values[starts].astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    index = np.repeat(starts + 2 - 2 * first[:-1], counts) + 2 * np.arange(first[-1])
    return first, np.stack([values[index], values[index + 1]], axis=1)


def read_grammar(rxfilename: str) -> Grammar:
    """``Gr.fst``: an n-gram, const or vector FST, with or without symbol tables. Raises DataError."""
    with open_input(rxfilename) as source:
        header = read_header(source, symbols=True)
        words = read_symbol_tables(source, header)
        graph = _read_ngram(source, header) if header.fst_type == "ngram" else read_states(source, header)
        if source.peek():
            raise source.fail("bytes after the end of the grammar; it is damaged")
    return Grammar(graph, words)


def _read_ngram(source: Source, header: FstHeader) -> Fst:
    """States are contexts, the empty one first; beside words each other has a backing-off arc without a label."""
    size, num_words, num_finals = struct.unpack("<QQQ", source.read(24))
    if header.arc_type != "standard" or size != header.num_states or max(size, num_words, num_finals) >= _MOST:
        raise source.fail(f"{size} contexts, {num_words} words, {num_finals} ends; it is damaged")
    contexts, futures, ends = (_bits(source, count) for count in (2 * size + 1, num_words + size + 1, size))
    labels = source.read_array(size + 1, np.dtype("<i4"))[:size]
    words = source.read_array(num_words, np.dtype("<i4"))
    backing_off = source.read_array(size + 1, np.dtype("<f4"))[:size]
    final_costs = source.read_array(num_finals, np.dtype("<f4"))
    costs = source.read_array(num_words + 1, np.dtype("<f4"))[:num_words]
    nodes = np.flatnonzero(contexts)
    parents = nodes - np.arange(len(nodes)) - 1  # the zeros before a node, but one, close the parents before its own
    limits = np.flatnonzero(~futures)
    trie = (
        size > 1
        and len(nodes) == size
        and np.array_equal(nodes[:1], [0])
        and (parents[1:] >= 0).all()
        and (parents[1:] < np.arange(1, size)).all()
    )
    if not (trie and len(limits) == size + 1 and limits[0] == 0 and ends.sum() == num_finals):
        raise source.fail("its contexts are no trie; it is damaged")
    if words.min(initial=1) <= 0 or labels[1:].min() < 0:
        raise source.fail("a word without a number; it is damaged")
    sources = np.repeat(np.arange(size), np.diff(limits) - 1)
    arcs = np.zeros(size - 1 + num_words, ARC)
    arcs["weight"] = np.concatenate([backing_off[1:], costs])
    arcs["input"][size - 1 :] = arcs["output"][size - 1 :] = words
    following = _following(parents[1:], labels[1:].astype(np.int64), sources, words.astype(np.int64))
    if following is None:
        raise source.fail("contexts that are not in order; it is damaged")
    arcs["next"] = np.concatenate([parents[1:], following])
    finals = np.full(size, np.inf, np.float32)
    finals[ends] = final_costs
    return Fst.of_arcs(source.name, 1, finals, np.concatenate([np.arange(1, size), sources]), arcs)


def _bits(source: Source, count: int) -> np.ndarray:
    blocks = source.read_array((count + 63) // 64, np.dtype("<u8"))
    return np.unpackbits(blocks.view(np.uint8), bitorder="little")[:count].astype(bool)


def _following(parents: np.ndarray, labels: np.ndarray, sources: np.ndarray, words: np.ndarray) -> np.ndarray | None:
    """The context after each word: the longest there is of the word and the context before it, latest word first.

    ``parents``, ``labels`` (N - 1,): of the contexts but the empty one; None where these are not sorted.
    """
    span = max(int(labels.max()), int(words.max(initial=0))) + 1
    keys = parents * span + labels
    if (np.diff(keys) <= 0).any():
        return None
    depth = np.zeros(len(parents) + 1, np.int64)
    paths: list[np.ndarray] = []  # of each context its latest word, the one before, …
    for state, parent in enumerate(parents.tolist(), 1):
        depth[state] = depth[parent] + 1
    for level in range(1, int(depth.max()) + 1):
        path = np.full(len(depth), -1)
        own = np.flatnonzero(depth == level)
        path[own] = labels[own - 1]
        for deeper in range(level + 1, int(depth.max()) + 1):
            below = np.flatnonzero(depth == deeper)
            path[below] = path[parents[below - 1]]
        paths.append(path)
    following = np.zeros(len(words), np.int64)
    going = np.arange(len(words))
    for step in [words, *(path[sources] for path in paths)]:
        wanted = following[going] * span + step[going]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = (keys[place] == wanted) & (step[going] >= 0)
        following[going[found]] = place[found] + 1
        going = going[found]
    return following


def unigram(grammar: Fst) -> Fst:
    """A grammar of one state: each word costs what it costs where nothing is known of the words before it.

    That is the state of most words. Raises DataError for a grammar without words.
    """
    sources = np.repeat(np.arange(grammar.num_states), grammar.states["num_arcs"])
    numbers = np.bincount(sources[grammar.arcs["input"] > 0], minlength=grammar.num_states)
    if not numbers.max(initial=0):
        raise DataError(f"{grammar.name}: a grammar without words; it is damaged")
    state = int(numbers.argmax())
    arcs = grammar.arcs[(sources == state) & (grammar.arcs["input"] > 0) & (grammar.arcs["output"] > 0)].copy()
    arcs["next"] = 0
    return Fst.of_arcs(grammar.name, 0, np.zeros(1, np.float32), np.zeros(len(arcs), np.int64), arcs)
