"""A decoding graph of phones alone: any sequence of words of any phones, between them silence or nothing.

Where phones carry word positions, a word is ``B I* E`` or ``S``; phones without (SIL, SPN) stand between words.
The graph is what mkgraph.sh makes of such a grammar for a chain model: context, topology with the self-loops after the
transition that leaves a state, transition-ids on the input. Output labels are phones.

A state for each left context leads, by the transition-ids of each phone that may follow, to that phone's HMM, shared
by all contexts with the same pdfs; the HMM's end leads to the state of its phone as left context.
"""

from dataclasses import dataclass, field
from math import log
from pathlib import Path

import numpy as np

from pysed.atomic import atomic_open
from pysed.errors import DataError
from pysed.kaldi.graph.tree import Tree, read_tree
from pysed.kaldi.openfst import ARC, STATE, Graph
from pysed.kaldi.phones import read_symbols, without_position
from pysed.kaldi.transitions import TransitionModel, read_transition_model


@dataclass(frozen=True)
class Inventory:
    """The phones that the loop uses: number → word position (B, I, E, S, or nothing)."""

    positions: dict[int, str]

    @classmethod
    def of(cls, symbols: dict[int, str], transitions: TransitionModel) -> "Inventory":
        """All phones of a symbol table that the model knows.

        Of a phone that occurs without a position too, as silence does, the forms inside words are left out.
        """
        bare = {name for name in symbols.values() if without_position(name) == name}
        positions = {}
        for number, name in symbols.items():
            if not 0 < number < len(transitions.phone_to_entry) or transitions.phone_to_entry[number] < 0:
                continue
            base = without_position(name)
            position = name[-1] if base != name else ""
            if position in ("", "S") or base not in bare:
                positions[number] = position
        if not positions:
            raise DataError("no phone of phones.txt is in the model; expected the phones.txt of the same model")
        return cls(positions)

    def followers(self, phone: int) -> list[int]:
        """The phones that may follow ``phone``; 0: that may begin."""
        inside = self.positions.get(phone, "") in ("B", "I")
        return [p for p, position in self.positions.items() if (position in ("I", "E")) == inside]

    def ends(self, phone: int) -> bool:
        """Whether an utterance may end after ``phone``."""
        return self.positions[phone] not in ("B", "I")


@dataclass
class _Builder:
    tree: Tree
    transitions: TransitionModel
    arcs: list[list[tuple[int, int, float, int]]] = field(default_factory=list)
    first_id: dict[tuple[int, ...], int] = field(default_factory=dict)
    entered: dict[tuple[tuple[int, ...], int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = np.flatnonzero(np.diff(self.transitions.transition_state, prepend=-1))
        self.first_id = {tuple(row): int(i) for row, i in zip(self.transitions.tuples.tolist(), ids, strict=True)}

    def state(self) -> int:
        """A new state."""
        self.arcs.append([])
        return len(self.arcs) - 1

    def hmm(self, left: int, phone: int) -> tuple[int, ...]:
        """The first transition-id of each emitting state of ``phone`` after ``left``."""
        context = (left, phone)[-self.tree.width :]
        ids = []
        for number, state in enumerate(self.transitions.entries[self.transitions.phone_to_entry[phone]][:-1]):
            classes = (state.forward_pdf_class, state.self_loop_pdf_class)
            if min(classes) < 0:
                raise DataError(
                    f"phone {phone}: a state that emits nothing; a phone loop needs a chain model's topology"
                )
            row = (phone, number, *(self.tree.pdf(context, pdf_class) for pdf_class in classes))
            if row not in self.first_id:
                raise DataError(
                    f"phone {phone} after {left}: pdfs {row[2:]} are not in final.mdl; tree of another model?"
                )
            ids.append(self.first_id[row])
        return tuple(ids)

    def leave(self, source: int, hmm: tuple[int, ...], number: int, end: int, label: int, cost: float) -> None:
        """Arcs from ``source`` for the transitions that leave state ``number`` of an HMM, and all that follows."""
        phone = int(self.transitions.phone[hmm[0]])
        states = self.transitions.entries[self.transitions.phone_to_entry[phone]]
        ids = [(hmm[number] + i, target) for i, (target, _) in enumerate(states[number].transitions)]
        for transition_id, target in ids:
            if target == number:
                continue
            total = cost - float(self.transitions.log_probs[transition_id])
            key = (hmm, transition_id)
            known = key in self.entered
            node = self.entered[key] if known else self.entered.setdefault(key, self.state())
            self.arcs[source].append((transition_id, label, total, node))
            if known:
                continue
            for loop_id, loop_target in ids:
                if loop_target == number:
                    self.arcs[node].append((loop_id, 0, -float(self.transitions.log_probs[loop_id]), node))
            if target == len(states) - 1:
                self.arcs[node].append((0, 0, 0.0, end))
            else:
                self.leave(node, hmm, target, end, 0, 0.0)


def phone_loop(tree: Tree, transitions: TransitionModel, symbols: dict[int, str], name: str = "phone loop") -> Graph:
    """The graph; all phones that may follow another are equally likely.

    Raises DataError for a tree with more context than the phone before (chain models have no more) or of another model.
    """
    if tree.width > 2 or tree.central != tree.width - 1:
        raise DataError(
            f"{name}: a tree of {tree.width} phones, the {tree.central + 1}th central; expected one or two, the last"
        )
    inventory = Inventory.of(symbols, transitions)
    builder = _Builder(tree, transitions)
    context = {left: builder.state() for left in (0, *inventory.positions)}
    for left, source in context.items():
        followers = inventory.followers(left)
        for phone in followers:
            builder.leave(source, builder.hmm(left, phone), 0, context[phone], phone, log(len(followers)))
    states = np.zeros(len(builder.arcs), STATE)
    states["final"] = np.inf
    for phone, state in context.items():
        if phone and inventory.ends(phone):
            states["final"][state] = 0.0
    arcs = np.array([arc for leaving in builder.arcs for arc in leaving], ARC)
    states["num_arcs"] = [len(leaving) for leaving in builder.arcs]
    states["first"] = np.cumsum(states["num_arcs"]) - states["num_arcs"]
    for column, label in (("num_in", 0), ("num_out", 1)):
        states[column] = [sum(arc[label] == 0 for arc in leaving) for leaving in builder.arcs]
    return Graph(name, context[0], states, arcs)


def build_phone_loop(model: Path) -> None:
    """Write ``model/graph/{HCLG.fst,words.txt}`` from ``model/{tree,final.mdl,phones.txt}``; words are phones."""
    symbols = read_symbols(str(model / "phones.txt"))
    transitions = read_transition_model(str(model / "final.mdl"))
    graph = phone_loop(read_tree(str(model / "tree")), transitions, symbols, str(model))
    graph.check(transitions.num_transition_ids)
    with atomic_open(model / "graph" / "words.txt") as stream:
        stream.write("".join(f"{name} {number}\n" for number, name in symbols.items()))
    with atomic_open(model / "graph" / "HCLG.fst", "wb") as stream:
        stream.write(graph.to_bytes())
