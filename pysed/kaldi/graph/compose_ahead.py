"""A look-ahead graph's two halves in one const FST, as a decoder without composition of its own reads it.

A state is a state of the lexicon with one of the grammar; only those are made from which a word can still follow that
the grammar's state knows ("label look-ahead": Allauzen, Riley, Schalkwyk, "A Generalized Composition Algorithm for
Weighted Finite-State Transducers", Interspeech 2009). The grammar backs off only where the lexicon is about to
exclude words, and not again before the next word, so that each path is found once or a few times, not at every state.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from pysed.atomic import atomic_path
from pysed.errors import DataError
from pysed.kaldi.look_ahead import Lexicon
from pysed.kaldi.openfst import ARC, STATE, Fst, FstHeader

_BLOCK = 1 << 16  # states at a time
_MOST_PAIRS = 1 << 21  # of states and what may follow, at a time


def write_composed(lexicon: Lexicon, grammar: Fst, disambiguation: list[int], num_inputs: int, out: Path) -> None:
    """Write the composition to ``out``: transition-ids up to ``num_inputs`` → words.

    ``disambiguation``: input labels that are read without a frame. Raises DataError where the two do not fit, and
    MemoryError where a limit on memory is met.
    """
    work = _Composition(lexicon, grammar, disambiguation, num_inputs)
    with atomic_path(out) as temporary, open(f"{temporary}.arcs", "w+b") as arcs:
        Path(arcs.name).unlink()  # the file lives until it is closed
        states = np.concatenate(list(work.run(arcs)))
        counts = states["num_arcs"].astype(np.int64)
        ends = np.cumsum(counts)
        if ends[-1] >= 1 << 32:
            raise MemoryError
        states["first"] = ends - counts
        arcs.seek(0)
        with open(temporary, "wb") as sink:
            header = FstHeader("const", "standard", start=0, num_states=len(states), num_arcs=int(ends[-1]))
            sink.write(header.to_bytes())
            sink.write(states.data)
            shutil.copyfileobj(arcs, sink, 1 << 20)


class _Composition:
    """States are numbered in the order in which they are found; a key stands for (lexicon, grammar, committed)."""

    def __init__(self, lexicon: Lexicon, grammar: Fst, disambiguation: list[int], num_inputs: int):
        self.lexicon, self.grammar = lexicon, grammar
        graph = lexicon.graph
        graph.check(max(disambiguation, default=num_inputs))
        grammar.check(np.iinfo(np.int32).max)
        self.inputs = np.where(np.isin(graph.arcs["input"], disambiguation), 0, graph.arcs["input"])
        if self.inputs.max(initial=0) > num_inputs:
            raise DataError(
                f"{graph.name}: input label {self.inputs.max()}; expected transition-ids up to {num_inputs}"
            )
        sources = np.repeat(np.arange(graph.num_states), graph.states["num_arcs"])
        self.excluding = _excluding(lexicon, sources)
        choosing = np.bincount(sources[self.excluding], minlength=graph.num_states)
        self.choosing = (choosing > 0) | np.isfinite(graph.states["final"])
        self._index_grammar()
        self.known = _Numbers()

    def _index_grammar(self) -> None:
        """The grammar's words sorted by (state, label), the end of the utterance among them; and its other arcs."""
        grammar, end = self.grammar, self.lexicon.end
        labels, states = grammar.arcs["input"], grammar.states
        sources = np.repeat(np.arange(grammar.num_states), states["num_arcs"])
        self.span = max(int(labels.max(initial=0)), int(self.lexicon.intervals.max(initial=0)), end) + 2
        rows = np.flatnonzero(labels)
        keys = sources[rows] * self.span + labels[rows]
        order = np.argsort(keys, kind="stable")
        self.rows, self.words = rows[order], keys[order]
        if (np.diff(self.words) == 0).any():
            raise DataError(f"{grammar.name}: a word stands twice in one state; expected a deterministic grammar")
        ends = np.flatnonzero(np.isfinite(states["final"])) * self.span + max(end, 0)
        self.following = np.union1d(self.words, ends) if end >= 0 else self.words
        self.first_word = np.searchsorted(self.following, np.arange(grammar.num_states + 1) * self.span)
        owners = np.repeat(np.arange(self.lexicon.graph.num_states), np.diff(self.lexicon.first))
        self.begins = owners * self.span + self.lexicon.intervals[:, 0]
        if (np.diff(self.begins) <= 0).any():
            raise DataError(f"{self.lexicon.graph.name}: intervals that are not in order; it is damaged")
        self.silent = np.flatnonzero(labels == 0)  # sorted by their states, as arcs are
        silent = np.bincount(sources[self.silent], minlength=grammar.num_states)
        self.first_silent = np.concatenate([[0], np.cumsum(silent)])

    def run(self, sink: IO[bytes]) -> Iterator[np.ndarray]:
        """Write the arcs of all states to ``sink`` in order; yields the states, (n,) at a time."""
        start = (self.lexicon.graph.start * self.grammar.num_states + self.grammar.start) * 2
        waiting = [self.known.number(np.array([start]))[1]]
        while waiting:
            keys = np.concatenate(waiting)
            waiting = []
            for begin in range(0, len(keys), _BLOCK):
                states, arcs, following = self._expand(keys[begin : begin + _BLOCK])
                numbers, new = self.known.number(following)
                if self.known.count >= 1 << 31:
                    raise MemoryError
                arcs["next"] = numbers
                sink.write(arcs.data)
                if len(new):
                    waiting.append(new)
                yield states

    def _expand(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """States (n,), their arcs (m,) in order but for where they lead, and the keys of that (m,)."""
        size, states = self.grammar.num_states, self.lexicon.graph.states
        committed, (left, right) = keys % 2, np.divmod(keys // 2, size)
        rows, arcs = _spread(states["first"][left].astype(np.int64), states["num_arcs"][left].astype(np.int64))
        parts = [self._silent(rows, arcs, right, committed), self._matches(rows, arcs, right)]
        rows = np.flatnonzero((committed == 0) & self.choosing[left])
        first = self.first_silent[right[rows]]
        rows, places = _spread(first, self.first_silent[right[rows] + 1] - first, rows)
        backing_off = self.grammar.arcs[self.silent[places]]
        target = left[rows] * size + backing_off["next"]
        backing_off["next"] = 0
        parts.append((rows, backing_off, target * 2))
        rows, made, following = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(rows, kind="stable")
        rows, made, following = rows[order], made[order], following[order]
        found = np.zeros(len(keys), STATE)
        found["final"] = states["final"][left] + self.grammar.states["final"][right]
        found["num_arcs"] = np.bincount(rows, minlength=len(keys))
        for column, label in (("num_in", "input"), ("num_out", "output")):
            found[column] = np.bincount(rows[made[label] == 0], minlength=len(keys))
        return found, made, following

    def _silent(self, rows: np.ndarray, arcs: np.ndarray, right: np.ndarray, committed: np.ndarray):
        """Arcs of the lexicon without a word."""
        graph = self.lexicon.graph
        without = graph.arcs["output"][arcs] == 0
        rows, arcs = rows[without], arcs[without]
        grammar, excluding, following = right[rows], self.excluding[arcs], graph.arcs["next"][arcs].astype(np.int64)
        kept = ~excluding
        kept[excluding] = self._can_follow(following[excluding], grammar[excluding])
        rows, arcs, grammar, following, excluding = (x[kept] for x in (rows, arcs, grammar, following, excluding))
        made = np.zeros(len(arcs), ARC)
        made["input"], made["weight"] = self.inputs[arcs], graph.arcs["weight"][arcs]
        return rows, made, (following * self.grammar.num_states + grammar) * 2 + (committed[rows] | excluding)

    def _can_follow(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Which pairs have a word, or the end, in common; the shorter of the two lists is gone through."""
        answer = np.zeros(len(left), bool)
        intervals = self.lexicon.first[left + 1] - self.lexicon.first[left]
        words = self.first_word[right + 1] - self.first_word[right]
        for swapped, pairs in ((False, np.flatnonzero(intervals <= words)), (True, np.flatnonzero(intervals > words))):
            ends = np.cumsum((words if swapped else intervals)[pairs])
            parts = np.searchsorted(ends, np.arange(_MOST_PAIRS, ends[-1] if len(ends) else 0, _MOST_PAIRS))
            for part in np.split(pairs, parts):
                has = self._interval_has_word if swapped else self._word_in_interval
                answer[part[has(left[part], right[part])]] = True
        return answer

    def _word_in_interval(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        first = self.lexicon.first[left]
        pairs, intervals = _spread(first, self.lexicon.first[left + 1] - first)
        base = right[pairs] * self.span
        place = np.searchsorted(self.following, base + self.lexicon.intervals[intervals, 0])
        hit = self.following[np.minimum(place, len(self.following) - 1)] < base + self.lexicon.intervals[intervals, 1]
        return pairs[hit & (place < len(self.following))]

    def _interval_has_word(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        first = self.first_word[right]
        pairs, words = _spread(first, self.first_word[right + 1] - first)
        label = self.following[words] % self.span
        place = np.searchsorted(self.begins, left[pairs] * self.span + label, side="right") - 1
        hit = (place >= self.lexicon.first[left[pairs]]) & (label < self.lexicon.intervals[place, 1])
        return pairs[hit]

    def _matches(self, rows: np.ndarray, arcs: np.ndarray, right: np.ndarray):
        """Arcs of the lexicon with a word that the grammar's state knows."""
        graph = self.lexicon.graph
        labels = graph.arcs["output"][arcs]
        rows, arcs, labels = rows[labels > 0], arcs[labels > 0], labels[labels > 0]
        inside = labels < self.span
        wanted = np.where(inside, right[rows] * self.span + labels, -1)
        place = np.minimum(np.searchsorted(self.words, wanted), len(self.words) - 1)
        hit = self.words[place] == wanted
        rows, arcs, matched = rows[hit], arcs[hit], self.grammar.arcs[self.rows[place[hit]]]
        following = graph.arcs["next"][arcs].astype(np.int64) * self.grammar.num_states + matched["next"]
        matched["input"] = self.inputs[arcs]
        matched["weight"] += graph.arcs["weight"][arcs]
        return rows, matched, following * 2


def _spread(first: np.ndarray, counts: np.ndarray, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Each row (or its number) once for each of its items, and the items first, first + 1, …, first + count - 1."""
    rows = np.arange(len(first)) if rows is None else rows
    before = np.cumsum(counts) - counts
    return np.repeat(rows, counts), np.repeat(first - before, counts) + np.arange(counts.sum())


def _excluding(lexicon: Lexicon, sources: np.ndarray) -> np.ndarray:
    """Which arcs (A,) have a word, or lead to a state from which not the same words can follow."""
    arcs, first = lexicon.graph.arcs, lexicon.first
    following = arcs["next"]
    counts = first[1:] - first[:-1]
    same = (arcs["output"] == 0) & (counts[sources] == counts[following])
    which = np.flatnonzero(same & (sources != following))
    pairs, left = _spread(first[sources[which]], counts[sources[which]])
    right = left + np.repeat(first[following[which]] - first[sources[which]], counts[sources[which]])
    differ = (lexicon.intervals[left] != lexicon.intervals[right]).any(axis=1)
    same[which[pairs[differ]]] = False
    return ~same


class _Numbers:
    """Numbers of keys, given out in the order in which they come; kept in sorted runs of falling length."""

    def __init__(self):
        self.count = 0
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []

    def number(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of keys (n,), int32, and those that were new, in the order of their numbers."""
        distinct, inverse = np.unique(keys, return_inverse=True)
        numbers = np.full(len(distinct), -1, np.int32)
        for known, given in self._runs:
            place = np.minimum(np.searchsorted(known, distinct), len(known) - 1)
            hit = known[place] == distinct
            numbers[hit] = given[place[hit]]
        fresh = numbers < 0
        new = distinct[fresh]
        numbers[fresh] = np.arange(self.count, self.count + len(new), dtype=np.int64)
        if len(new):
            self.count += len(new)
            self._runs.append((new, numbers[fresh]))
        while len(self._runs) > 1 and 2 * len(self._runs[-1][0]) > len(self._runs[-2][0]):
            self._merge()
        return numbers[inverse], new

    def _merge(self) -> None:
        (left, left_numbers), (right, right_numbers) = self._runs[-2:]
        keys = np.concatenate([left, right])
        order = np.argsort(keys, kind="stable")
        self._runs[-2:] = [(keys[order], np.concatenate([left_numbers, right_numbers])[order])]
