"""Kaldi's lattices: words with graph and acoustic costs and their transition-ids; scaling and the best path.

Source: Kaldi ``src/fstext/lattice-weight.h``, ``src/lat/lattice-functions.cc`` (CompactLatticeShortestPath).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pysed.errors import DataError


class Weight(NamedTuple):
    """Costs (negative log probabilities, float32 values) and the (N,) int32 transition-ids of N frames."""

    graph: float
    acoustic: float
    ids: np.ndarray = np.zeros(0, np.int32)

    @property
    def cost(self) -> float:
        """What paths are compared by."""
        return self.graph + self.acoustic


class Arc(NamedTuple):
    """An arc with a word, 0 for none."""

    next_state: int
    word: int
    weight: Weight


@dataclass
class CompactLattice:
    """An acceptor of words. ``arcs[s]`` leave state s; ``finals[s]`` is its final weight or None.

    ``start`` is -1 where there is no state.
    """

    start: int = -1
    arcs: list[list[Arc]] = field(default_factory=list)
    finals: list[Weight | None] = field(default_factory=list)

    @property
    def num_states(self) -> int:
        """The number of states."""
        return len(self.arcs)

    def add_state(self) -> int:
        """Append a state without arcs, which is not final; returns its number."""
        self.arcs.append([])
        self.finals.append(None)
        return len(self.arcs) - 1


@dataclass(frozen=True)
class Path:
    """A path's words and transition-ids, (W,) and (T,) int32, and its costs."""

    words: np.ndarray
    ids: np.ndarray
    graph: float
    acoustic: float

    @property
    def cost(self) -> float:
        """Both costs together, in single precision."""
        return float(np.float32(self.graph) + np.float32(self.acoustic))


def scale_lattice(lattice: CompactLattice, scale: Sequence[Sequence[float]]) -> CompactLattice:
    """A lattice whose (graph, acoustic) costs are those of ``lattice`` multiplied by the 2 x 2 matrix ``scale``.

    The scales are rounded to single precision, as Kaldi's options are, and applied in double. Raises
    DataError where a scaled cost is not finite.
    """
    with np.errstate(over="ignore"):
        (gg, ga), (ag, aa) = np.array(scale, np.float32).astype(float).tolist()
    if (gg, ga, ag, aa) == (1, 0, 0, 1):
        return lattice

    def scaled(weight: Weight) -> Weight:
        with np.errstate(over="ignore"):
            graph = float(np.float32(gg * weight.graph + ga * weight.acoustic))
            acoustic = float(np.float32(ag * weight.graph + aa * weight.acoustic))
        if not abs(graph) + abs(acoustic) < np.inf:
            raise DataError("a cost that is too large once scaled; use smaller scales")
        return Weight(graph, acoustic, weight.ids)

    arcs = [[Arc(arc.next_state, arc.word, scaled(arc.weight)) for arc in leaving] for leaving in lattice.arcs]
    finals = [None if final is None else scaled(final) for final in lattice.finals]
    return CompactLattice(lattice.start, arcs, finals)


def topological_order(lattice: CompactLattice) -> list[int]:
    """The states that the start reaches, each before those its arcs lead to. Raises DataError for a cycle."""
    if lattice.start < 0:
        return []
    if all(arc.next_state > state for state, leaving in enumerate(lattice.arcs) for arc in leaving):
        return list(range(lattice.start, lattice.num_states))
    finished: list[int] = []
    colour = bytearray(lattice.num_states)  # 0 not seen, 1 on the way, 2 finished
    colour[lattice.start] = 1
    stack = [(lattice.start, iter(lattice.arcs[lattice.start]))]
    while stack:
        state, leaving = stack[-1]
        for arc in leaving:
            following = arc.next_state
            if colour[following] == 1:
                raise DataError(f"a cycle through state {following}; a lattice has none")
            if colour[following] == 0:
                colour[following] = 1
                stack.append((following, iter(lattice.arcs[following])))
                break
        else:
            colour[state] = 2
            finished.append(state)
            stack.pop()
    return finished[::-1]


def best_path(lattice: CompactLattice) -> Path | None:
    """The path of least cost from the start to a final state; None where there is none. DataError for a cycle.

    Costs are compared in double precision and summed in single, as Kaldi does.
    """
    costs = [np.inf] * lattice.num_states
    came_by: list[tuple[int, Arc] | None] = [None] * lattice.num_states
    if lattice.start >= 0:
        costs[lattice.start] = 0.0
    best, last, ending = np.inf, -1, None
    for state in topological_order(lattice):
        cost = costs[state]
        for arc in lattice.arcs[state]:
            reached = cost + arc.weight.cost
            if reached < costs[arc.next_state]:
                costs[arc.next_state] = reached
                came_by[arc.next_state] = state, arc
        final = lattice.finals[state]
        if final is not None and cost + final.cost < best:
            best, last, ending = cost + final.cost, state, final
    if ending is None:
        return None
    words, weights = [], [ending]
    while (step := came_by[last]) is not None:
        last, arc = step
        weights.append(arc.weight)
        words.append(arc.word)
    weights.reverse()
    graph = acoustic = np.float32(0)
    with np.errstate(over="ignore", invalid="ignore"):
        for weight in weights:
            graph += np.float32(weight.graph)
            acoustic += np.float32(weight.acoustic)
    spoken = np.array([word for word in reversed(words) if word], np.int32)
    return Path(spoken, np.concatenate([weight.ids for weight in weights]), float(graph), float(acoustic))
