"""Kaldi's transition model: which phone, HMM state and pdf each transition-id of an alignment stands for.

Source: Kaldi ``src/hmm/{hmm-topology,transition-model}.{h,cc}``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from pysed.kaldi.stream import KaldiReader, KaldiWriter
from pysed.kaldi.tables import read_object

_NO_PDF = -1
_MAX_PHONE = 1 << 20


@dataclass(frozen=True)
class HmmState:
    """A state of a phone's topology: its pdf classes (-1: not emitting) and (next state, probability) pairs."""

    forward_pdf_class: int
    self_loop_pdf_class: int
    transitions: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class TransitionModel:
    """Topologies, tuples and probabilities, and what follows from them for each transition-id.

    ``entries``: topologies, each a list of states whose last is final. ``phone_to_entry`` (phones,) int32 gives a
    phone's topology, -1 where there is no such phone. ``tuples`` (S, 4) int32: phone, HMM state, forward pdf,
    self-loop pdf of transition-state 1, 2, … ``log_probs`` (N + 1,) float: natural logarithm for transition-ids 1..N.

    The vectors ``phone``, ``hmm_state``, ``next_state``, ``forward_pdf``, ``pdf`` (int32), ``is_self_loop``,
    ``is_final`` (bool) and ``transition_state`` are (N + 1,) and indexed by the transition-id, of which 0 means
    none (-1 and False there). ``pdf`` is what is scored in a frame with that transition-id: the self-loop pdf of
    a self-loop, otherwise the forward pdf; pdfs count from 0.
    """

    entries: tuple[tuple[HmmState, ...], ...]
    phone_to_entry: np.ndarray
    tuples: np.ndarray
    log_probs: np.ndarray

    @classmethod
    def read(cls, reader: KaldiReader) -> Self:
        """Read it from the head of a ``.mdl`` file. Raises DataError for anything malformed or inconsistent."""
        reader.expect("<TransitionModel>")
        entries, phone_to_entry = _read_topology(reader)
        columns = 4 if reader.expect("<Tuples>", "<Triples>") == "<Tuples>" else 3
        tuples = _read_tuples(reader, columns)
        reader.expect("</Tuples>" if columns == 4 else "</Triples>")
        reader.expect("<LogProbs>")
        log_probs = reader.vector()
        reader.expect("</LogProbs>")
        reader.expect("</TransitionModel>")
        model = cls(entries, phone_to_entry, tuples, log_probs)
        model._check(reader)
        return model

    def write(self, writer: KaldiWriter) -> None:
        """Append it in Kaldi's form."""
        newline = "" if writer.binary else "\n"
        writer.token("<TransitionModel>")
        writer.raw(newline)
        _write_topology(self, writer)
        columns = 3 if self.is_hmm else 4
        writer.token("<Triples>" if columns == 3 else "<Tuples>")
        writer.int32(len(self.tuples))
        writer.raw(newline)
        if writer.binary:
            packed = np.empty(len(self.tuples) * columns, _PACKED)
            packed["size"], packed["value"] = 4, self.tuples[:, :columns].ravel()
            writer.raw(packed.tobytes())
        else:
            writer.raw("".join(" ".join(map(str, row[:columns])) + " \n" for row in self.tuples.tolist()))
        writer.token("</Triples>" if columns == 3 else "</Tuples>")
        writer.raw(newline)
        writer.token("<LogProbs>")
        writer.raw(newline)
        writer.vector(self.log_probs)
        writer.token("</LogProbs>")
        writer.raw(newline)
        writer.token("</TransitionModel>")
        writer.raw(newline)

    def _check(self, reader: KaldiReader) -> None:
        tuples = self.tuples
        if len(tuples) == 0:
            raise reader.fail("a transition model without states")
        phones = tuples[:, 0]
        known = (phones > 0) & (phones < len(self.phone_to_entry))
        known[known] = self.phone_to_entry[phones[known]] >= 0
        if not known.all():
            raise reader.fail(f"phone {phones[~known][0]} has no topology")
        num_states = np.array([len(entry) for entry in self.entries])[self.phone_to_entry[phones]]
        if np.any((tuples[:, 1] < 0) | (tuples[:, 1] >= num_states)):
            raise reader.fail("an HMM state that its phone's topology does not have")
        if tuples[:, 2:].min() < 0:
            raise reader.fail(f"pdf {tuples[:, 2:].min()}; expected 0 or more")
        num_ids = int(self._num_transitions.sum())
        if num_ids != len(self.log_probs) - 1:
            raise reader.fail(f"{len(self.log_probs) - 1} probabilities for {num_ids} transitions")
        if num_ids == 0:
            raise reader.fail("a transition model without transitions")
        if not (np.isfinite(self.log_probs[1:]).all() and self.log_probs[1:].max() <= 0):
            raise reader.fail("a probability outside 0 to 1")

    @property
    def is_hmm(self) -> bool:
        """True where each state's self-loop has the same pdf as its forward transition, as in plain HMMs."""
        return all(s.forward_pdf_class == s.self_loop_pdf_class for entry in self.entries for s in entry)

    @cached_property
    def _num_transitions(self) -> np.ndarray:
        """(S,): how many transitions leave each transition-state."""
        counts = np.array([len(state.transitions) for entry in self.entries for state in entry])
        first = np.cumsum([0, *map(len, self.entries)])  # an entry's first state among all states
        return counts[first[self.phone_to_entry[self.tuples[:, 0]]] + self.tuples[:, 1]]

    @cached_property
    def transition_state(self) -> np.ndarray:
        """The transition-state, from 1."""
        states = np.repeat(np.arange(1, len(self.tuples) + 1, dtype=np.int32), self._num_transitions)
        return np.concatenate([np.array([-1], np.int32), states])

    def _by_id(self, column: int) -> np.ndarray:
        values = self.tuples[self.transition_state - 1, column]
        values[0] = -1
        return values

    @cached_property
    def phone(self) -> np.ndarray:
        """The phone, from 1."""
        return self._by_id(0)

    @cached_property
    def hmm_state(self) -> np.ndarray:
        """The state of the phone's HMM that the transition leaves, from 0."""
        return self._by_id(1)

    @cached_property
    def forward_pdf(self) -> np.ndarray:
        """The pdf of the state's forward transitions, from 0."""
        return self._by_id(2)

    @cached_property
    def next_state(self) -> np.ndarray:
        """The state of the phone's HMM that the transition enters."""
        following = [
            target
            for entry, state in zip(self.phone_to_entry[self.tuples[:, 0]], self.tuples[:, 1], strict=True)
            for target, _ in self.entries[entry][state].transitions
        ]
        return np.array([-1, *following], np.int32)

    @cached_property
    def is_self_loop(self) -> np.ndarray:
        """True where the transition stays in its state."""
        found = self.next_state == self.hmm_state
        found[0] = False
        return found

    @cached_property
    def is_final(self) -> np.ndarray:
        """True where the transition leaves the phone."""
        sizes = np.array([len(entry) for entry in self.entries])
        found = self.next_state + 1 == sizes[self.phone_to_entry[self.phone]]
        found[0] = False
        return found

    @cached_property
    def pdf(self) -> np.ndarray:
        """The pdf that is scored in a frame with this transition-id, from 0."""
        return np.where(self.is_self_loop, self._by_id(3), self.forward_pdf)

    @property
    def num_pdfs(self) -> int:
        """The number of pdfs, which is the width of the network's output."""
        return int(self.tuples[:, 2:].max()) + 1

    @property
    def num_transition_ids(self) -> int:
        """The number of transition-ids, which count from 1."""
        return len(self.log_probs) - 1


_PACKED = np.dtype([("size", "u1"), ("value", "<i4")])


def read_transition_model(rxfilename: str) -> TransitionModel:
    """The transition model at the head of a ``.mdl`` file, binary or text. Raises DataError."""
    return TransitionModel.read(read_object(str(rxfilename)))


def _read_tuples(reader: KaldiReader, columns: int) -> np.ndarray:
    """(S, 4) int32; a triple's pdf serves as self-loop pdf, too."""
    count = reader.int32()
    if count < 0:
        raise reader.fail(f"{count} transition states")
    if reader.binary:
        packed = np.frombuffer(reader.take(count * columns * _PACKED.itemsize), _PACKED)
        if np.any(packed["size"] != 4):
            raise reader.fail("expected integers of 4 bytes in the table of transition states")
        values = packed["value"].reshape(count, columns)
    else:
        numbers = []
        for _ in range(count):
            numbers.extend([reader.int32() for _ in range(columns)])
        values = np.array(numbers, np.int32).reshape(-1, columns)
    return np.ascontiguousarray(values[:, [0, 1, 2, columns - 1]], np.int32)


def _read_topology(reader: KaldiReader) -> tuple[tuple[tuple[HmmState, ...], ...], np.ndarray]:
    reader.expect("<Topology>")
    entries, phone_to_entry = _read_topology_binary(reader) if reader.binary else _read_topology_text(reader)
    if not entries:
        raise reader.fail("no topology entries")
    if phone_to_entry.min(initial=-1) < -1 or phone_to_entry.max(initial=-1) >= len(entries):
        raise reader.fail("a phone with a topology that is not there")
    for entry in entries:
        if len(entry) < 2 or entry[-1].transitions or entry[-1].forward_pdf_class != _NO_PDF:
            raise reader.fail("a topology without an emitting state and a final state that emits nothing")
        if any(not 0 <= target < len(entry) for state in entry for target, _ in state.transitions):
            raise reader.fail("a transition to a state that is not there")
    return entries, phone_to_entry


def _read_topology_binary(reader: KaldiReader) -> tuple[tuple[tuple[HmmState, ...], ...], np.ndarray]:
    phones, phone_to_entry = reader.int_vector(), reader.int_vector()
    if not np.array_equal(phones, np.flatnonzero(phone_to_entry >= 0)):
        raise reader.fail("the list of phones does not fit their topologies")
    count = reader.int32()
    is_hmm = count != -1
    if not is_hmm:
        count = reader.int32()
    entries = []
    for _ in range(count):
        states = []
        for _ in range(reader.int32()):
            forward = reader.int32()
            self_loop = forward if is_hmm else reader.int32()
            transitions = tuple((reader.int32(), reader.real()) for _ in range(reader.int32()))
            states.append(HmmState(forward, self_loop, transitions))
        entries.append(tuple(states))
    reader.expect("</Topology>")
    return tuple(entries), phone_to_entry


def _read_topology_text(reader: KaldiReader) -> tuple[tuple[tuple[HmmState, ...], ...], np.ndarray]:
    entries: list[tuple[HmmState, ...]] = []
    found: dict[int, int] = {}
    while reader.expect("<TopologyEntry>", "</Topology>") == "<TopologyEntry>":
        reader.expect("<ForPhones>")
        while reader.peek_token() != "</ForPhones>":
            phone = reader.int32()
            if not 0 < phone < _MAX_PHONE or phone in found:
                raise reader.fail(f"phone {phone}: expected a positive number that occurs once")
            found[phone] = len(entries)
        reader.expect("</ForPhones>")
        states: list[HmmState] = []
        while reader.expect("<State>", "</TopologyEntry>") == "<State>":
            if reader.int32() != len(states):
                raise reader.fail("states out of order")
            states.append(_read_state_text(reader))
        entries.append(tuple(states))
    phone_to_entry = np.full(max(found, default=-1) + 1, -1, np.int32)
    for phone, entry in found.items():
        phone_to_entry[phone] = entry
    return tuple(entries), phone_to_entry


def _read_state_text(reader: KaldiReader) -> HmmState:
    forward = self_loop = _NO_PDF
    token = reader.expect("<PdfClass>", "<ForwardPdfClass>", "<Transition>", "</State>")
    if token == "<PdfClass>":
        forward = self_loop = reader.int32()
    elif token == "<ForwardPdfClass>":
        forward = reader.int32()
        reader.expect("<SelfLoopPdfClass>")
        self_loop = reader.int32()
    if "PdfClass" in token:
        token = reader.expect("<Transition>", "</State>")
    transitions = []
    while token == "<Transition>":
        transitions.append((reader.int32(), reader.real()))
        token = reader.expect("<Transition>", "</State>")
    return HmmState(forward, self_loop, tuple(transitions))


def _write_topology(model: TransitionModel, writer: KaldiWriter) -> None:
    writer.token("<Topology>")
    if writer.binary:
        writer.int_vector(np.flatnonzero(model.phone_to_entry >= 0))
        writer.int_vector(model.phone_to_entry)
        if not model.is_hmm:
            writer.int32(-1)
        writer.int32(len(model.entries))
        for entry in model.entries:
            writer.int32(len(entry))
            for state in entry:
                writer.int32(state.forward_pdf_class)
                if not model.is_hmm:
                    writer.int32(state.self_loop_pdf_class)
                writer.int32(len(state.transitions))
                _write_transitions(state, writer, "")
    else:
        writer.raw("\n")
        for index, entry in enumerate(model.entries):
            phones = "".join(f"{phone} " for phone in np.flatnonzero(model.phone_to_entry == index))
            writer.raw(f"<TopologyEntry> \n<ForPhones> \n{phones}\n</ForPhones> \n")
            for number, state in enumerate(entry):
                writer.raw(f"<State> {number} ")
                if state.forward_pdf_class != _NO_PDF and model.is_hmm:
                    writer.raw(f"<PdfClass> {state.forward_pdf_class} ")
                elif state.forward_pdf_class != _NO_PDF:
                    classes = f"<ForwardPdfClass> {state.forward_pdf_class} <SelfLoopPdfClass> "
                    writer.raw(f"{classes}{state.self_loop_pdf_class} ")
                _write_transitions(state, writer, "<Transition> ")
                writer.raw("</State> \n")
            writer.raw("</TopologyEntry> \n")
    writer.token("</Topology>")
    writer.raw("" if writer.binary else "\n")


def _write_transitions(state: HmmState, writer: KaldiWriter, opening: str) -> None:
    for target, probability in state.transitions:
        writer.raw(opening)
        writer.int32(target)
        writer.real(probability)
