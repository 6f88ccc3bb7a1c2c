"""Decoding graphs out of transducers that read phones: context, HMMs, determinisation, self-loops.

What Kaldi's mkgraph.sh does after LG.fst, by kaldifst's operations. Source: Kaldi ``src/hmm/hmm-utils.cc``
(GetHTransducer, AddSelfLoops with reorder=true; both scales 1.0, as chain models want).
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.graph.tree import Tree
from pysed.kaldi.openfst import ARC, Fst
from pysed.kaldi.transitions import TransitionModel


def determinize(fst: Any) -> None:
    """Remove epsilons and determinise in the log semiring, then minimise, in place."""
    import kaldifst

    kaldifst.determinize_star(fst, use_log=True)
    kaldifst.minimize_encoded(fst)


def expand(phones: Any, disambiguation: Collection[int], tree: Tree, transitions: TransitionModel, name: str) -> Fst:
    """The decoding graph of ``phones`` (StdVectorFst, input: phones and disambiguation symbols).

    Transition-ids on the input, each state's self-loop after the transition that leaves it; outputs as they were.
    Raises DataError for a tree or phones of another model.
    """
    import kaldifst

    context, windows = kaldifst.compose_context(list(disambiguation), tree.width, tree.central, phones)
    kaldifst.arcsort(context, "ilabel")
    graph = kaldifst.compose(_HmmTransducer(tree, transitions, name).of(windows), context)
    del context
    determinize(graph)
    arrays = Fst.unload(name, graph)
    arrays.arcs["input"][arrays.arcs["input"] > transitions.num_transition_ids] = 0
    graph = kaldifst.StdVectorFst(arrays.load())
    kaldifst.minimize_encoded(graph)
    return add_self_loops(Fst.unload(name, graph), transitions)


def _stay_and_leave(transitions: TransitionModel) -> tuple[np.ndarray, np.ndarray]:
    """(S + 1,) each, by transition-state from 1: its self-loop's transition-id or 0; the log probability to leave."""
    stay = np.zeros(len(transitions.tuples) + 1, np.int32)
    loops = np.flatnonzero(transitions.is_self_loop)
    stay[transitions.transition_state[loops]] = loops
    probability = np.where(stay > 0, np.exp(transitions.log_probs[stay].astype(float)), 0.0)
    return stay, np.log1p(-probability)


class _HmmTransducer:
    """H: transition-ids without self-loops → phones in context, given by their places in a list of windows."""

    def __init__(self, tree: Tree, transitions: TransitionModel, name: str):
        self.tree, self.transitions, self.name = tree, transitions, name
        first = np.flatnonzero(np.diff(transitions.transition_state, prepend=-1))
        self.first_id = {tuple(row): int(i) for row, i in zip(transitions.tuples.tolist(), first, strict=True)}
        leave = _stay_and_leave(transitions)[1]
        self.costs = leave[transitions.transition_state] - transitions.log_probs
        self.entered: dict[tuple[tuple[int, ...], int], int] = {}

    def of(self, windows: list[list[int]]) -> Any:
        """The transducer; disambiguation symbols (windows of one negative number) get ids after the model's."""
        import kaldifst

        self.fst = kaldifst.StdVectorFst()
        loop = self.fst.add_state()
        self.fst.start = loop
        self.fst.set_final(loop, 0.0)
        symbol = self.transitions.num_transition_ids
        for label, window in enumerate(windows):
            if len(window) == 1 and window[0] <= 0:
                symbol += 1
                self.fst.add_arc(loop, kaldifst.StdArc(symbol, label, 0.0, loop))
            elif window:
                self._leave(loop, self._hmm(tuple(window)), 0, label)
        kaldifst.arcsort(self.fst, "olabel")
        return self.fst

    def _hmm(self, window: tuple[int, ...]) -> tuple[int, ...]:
        """The first transition-id of each emitting state of a window's central phone."""
        phone, ids = window[self.tree.central], []
        entries = self.transitions.phone_to_entry
        if not 0 < phone < len(entries) or entries[phone] < 0:
            raise DataError(f"{self.name}: phone {phone} is not in final.mdl; lexicon of another model?")
        for number, state in enumerate(self.transitions.entries[entries[phone]][:-1]):
            classes = (state.forward_pdf_class, state.self_loop_pdf_class)
            if min(classes) < 0:
                raise DataError(f"{self.name}: phone {phone} has a state that emits nothing; a graph needs none")
            row = (phone, number, *(self.tree.pdf(window, pdf_class) for pdf_class in classes))
            if row not in self.first_id:
                raise DataError(
                    f"{self.name}: phones {window}: pdfs {row[2:]} are not in final.mdl; tree of another model?"
                )
            ids.append(self.first_id[row])
        return tuple(ids)

    def _leave(self, source: int, hmm: tuple[int, ...], number: int, label: int) -> None:
        """Arcs from ``source`` for the transitions that leave state ``number`` of an HMM, and all that follows."""
        import kaldifst

        topology = self.transitions.entries[self.transitions.phone_to_entry[self.transitions.phone[hmm[0]]]]
        for transition_id, (target, _) in enumerate(topology[number].transitions, hmm[number]):
            if target == number:
                continue
            known = target == len(topology) - 1 or (hmm, target) in self.entered
            node = 0 if target == len(topology) - 1 else self.entered.get((hmm, target))
            if node is None:
                node = self.entered[hmm, target] = self.fst.add_state()
            self.fst.add_arc(source, kaldifst.StdArc(transition_id, label, self.costs[transition_id], node))
            if not known:
                self._leave(node, hmm, target, 0)


def add_self_loops(graph: Fst, transitions: TransitionModel) -> Fst:
    """The graph with each transition-state's self-loop at the states that its transitions lead to.

    A state that transitions of several transition-states lead to, or none, is entered through one state for each.
    """
    stay, leave = _stay_and_leave(transitions)
    arcs, sources = graph.arcs.copy(), np.repeat(np.arange(graph.num_states), graph.states["num_arcs"])
    entering = np.maximum(transitions.transition_state, 0)[arcs["input"]].astype(np.int64)
    pairs = np.unique(np.append(arcs["next"] * np.int64(len(stay)) + entering, graph.start * np.int64(len(stay))))
    states, classes = np.divmod(pairs, len(stay))
    alone = np.bincount(states, minlength=graph.num_states)[states] == 1
    split = ~alone & (classes > 0)
    nodes = states.copy()
    nodes[split] = graph.num_states + np.arange(split.sum())
    arcs["next"] = nodes[np.searchsorted(pairs, arcs["next"] * np.int64(len(stay)) + entering)]

    # What leaves a state costs the leaving of the transition-state that led there.
    cost = np.zeros(graph.num_states + split.sum())
    cost[nodes[classes > 0]] = -leave[classes[classes > 0]]
    finals = np.append(graph.states["final"], np.full(split.sum(), np.inf)) + np.where(
        np.arange(len(cost)) < graph.num_states, cost, 0.0
    )
    arcs["weight"] += cost[sources].astype(np.float32)
    onward = np.zeros(split.sum(), ARC)
    onward["weight"], onward["next"] = cost[nodes[split]], states[split]
    looping = (classes > 0) & (stay[classes] > 0)
    loops = np.zeros(looping.sum(), ARC)
    loops["input"], loops["next"] = stay[classes[looping]], nodes[looping]
    loops["weight"] = -transitions.log_probs[loops["input"]]
    return Fst.of_arcs(
        graph.name,
        graph.start,
        finals,
        np.concatenate([sources, nodes[split], nodes[looping]]),
        np.concatenate([arcs, onward, loops]),
    )
