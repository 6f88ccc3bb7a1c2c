"""Small transition models, graphs and damage to files, for the tests of decoding."""

import kaldifst
import numpy as np

from pysed.kaldi.stream import KaldiReader
from pysed.kaldi.transitions import TransitionModel


def chain_model(num_phones: int) -> TransitionModel:
    """One state a phone with its own pdf for the self-loop: transition-ids 2p - 1 (loop) and 2p (on) of phone p."""
    phones = range(1, num_phones + 1)
    state = "<State> 0 <ForwardPdfClass> 0 <SelfLoopPdfClass> 1 <Transition> 0 0.5 <Transition> 1 0.5 </State>"
    tuples = "".join(f"{p} 0 {2 * p - 2} {2 * p - 1}\n" for p in phones)
    return _model(phones, f"{state} <State> 1 </State>", f"<Tuples> {num_phones}\n{tuples}</Tuples>", 2 * num_phones)


def left_to_right_model(num_phones: int) -> TransitionModel:
    """Three states a phone: transition-ids 6p - 5 … 6p are loop and forward of its states 0, 1, 2."""
    phones = range(1, num_phones + 1)
    states = "".join(
        f"<State> {s} <PdfClass> {s} <Transition> {s} 0.5 <Transition> {s + 1} 0.5 </State>\n" for s in range(3)
    )
    triples = "".join(f"{p} {s} {3 * p - 3 + s}\n" for p in phones for s in range(3))
    return _model(
        phones, f"{states}<State> 3 </State>", f"<Triples> {3 * num_phones}\n{triples}</Triples>", 6 * num_phones
    )


def _model(phones: range, states: str, tuples: str, num_ids: int) -> TransitionModel:
    entry = f"<TopologyEntry>\n<ForPhones>\n{' '.join(map(str, phones))}\n</ForPhones>\n{states}\n</TopologyEntry>"
    probabilities = " ".join(["0", *["-0.6931472"] * num_ids])
    text = f"<TransitionModel>\n<Topology>\n{entry}\n</Topology>\n{tuples}\n<LogProbs>\n [ {probabilities} ]\n"
    return TransitionModel.read(KaldiReader(f"{text}</LogProbs>\n</TransitionModel>\n".encode(), "toy"))


def random_graph(rng: np.random.Generator, num_states: int, num_labels: int) -> kaldifst.StdVectorFst:
    """A graph with arcs that read nothing leading forwards only, and some final states."""
    graph = kaldifst.StdVectorFst()
    for _ in range(num_states):
        graph.add_state()
    graph.start = 0
    for state in range(num_states):
        for _ in range(4):
            label, cost = int(rng.integers(1, num_labels + 1)), float(rng.uniform(0, 3))
            word, target = int(rng.integers(0, 2)) * int(rng.integers(1, 50)), int(rng.integers(num_states))
            graph.add_arc(state, kaldifst.StdArc(label, word, cost, target))
        if state + 1 < num_states and rng.random() < 0.5:
            target = int(rng.integers(state + 1, num_states))
            graph.add_arc(state, kaldifst.StdArc(0, int(rng.integers(1, 50)), float(rng.uniform(-1, 2)), target))
        if rng.random() < 0.3 or state == num_states - 1:
            graph.set_final(state, float(rng.uniform(0, 2)))
    return graph


def damaged(rng: np.random.Generator, content: bytes) -> bytes:
    """Cut short, with some bits flipped, or with a stretch of other bytes."""
    kind, place = rng.integers(3), int(rng.integers(len(content)))
    if kind == 0:
        return content[:place]
    changed = bytearray(content)
    if kind == 1:
        for spot in rng.integers(0, len(content), int(rng.integers(1, 4))):
            changed[spot] ^= 1 << int(rng.integers(8))
    else:
        changed[place : place + 8] = rng.bytes(8)
    return bytes(changed)
