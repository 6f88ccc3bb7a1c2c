"""Phone-loop graphs against what Kaldi made of the same tree and model: its alignments, its graph, its pdfs."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from pysed.errors import DataError
from pysed.kaldi.commands import nnet3_latgen_faster
from pysed.kaldi.graph.decoding_graph import build_graph
from pysed.kaldi.graph.expand import expand
from pysed.kaldi.graph.phone_loop import phone_loop, positions
from pysed.kaldi.graph.tree import Split, Table, Tree, read_tree
from pysed.kaldi.openfst import Fst, read_fst
from pysed.kaldi.phones import read_symbols, split_to_phones, without_position
from pysed.kaldi.stream import KaldiReader
from pysed.kaldi.tables import int_vectors
from pysed.kaldi.transitions import read_transition_model

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/demo"
MODEL = ROOT / "models/demo"
SYMBOLS = read_symbols(str(MODEL / "phones.txt"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The demo model with a phone loop in place of its graph."""
    folder = tmp_path_factory.mktemp("loop")
    for name in ("tree", "final.mdl", "phones.txt"):
        (folder / name).symlink_to(MODEL / name)
    build_graph(folder)
    return folder


@pytest.fixture(scope="module")
def graph(model) -> Fst:
    return read_fst(str(model / "graph/HCLG.fst"))


class Walker:
    """Plain search for a label sequence in a graph, independent of any decoder."""

    def __init__(self, graph: Fst):
        self.graph = graph
        self.leaving = [graph.arcs[s["first"] : s["first"] + s["num_arcs"]].tolist() for s in graph.states]

    def silent(self, states: set[int]) -> set[int]:
        found, pending = set(states), list(states)
        while pending:
            for label, _, _, target in self.leaving[pending.pop()]:
                if label == 0 and target not in found:
                    found.add(target)
                    pending.append(target)
        return found

    def accepts(self, labels) -> bool:
        states = self.silent({self.graph.start})
        for wanted in labels:
            states = self.silent({t for s in states for label, _, _, t in self.leaving[s] if label == wanted})
        return any(np.isfinite(self.graph.states["final"][state]) for state in states)


def test_accepts_kaldis_alignments_and_not_backwards(graph):
    walker = Walker(graph)
    for name in ("ali.txt", "ali_best.txt"):
        for key, alignment in int_vectors(f"ark:{GOLDEN}/{name}"):
            assert walker.accepts(alignment), key
            assert not walker.accepts(alignment[::-1]), key


def test_accepts_random_paths_of_kaldis_graph(graph):
    """Every sentence of the demo's grammar, as Kaldi's mkgraph.sh expanded it, is a path of the loop."""
    random = np.random.default_rng(7)
    kaldi, loop = Walker(read_fst(str(MODEL / "graph/HCLG.fst"))), Walker(graph)
    used: set[int] = set()
    for _ in range(150):
        state, labels = kaldi.graph.start, []
        while not np.isfinite(kaldi.graph.states["final"][state]) or random.random() < 0.9:
            if not kaldi.leaving[state]:
                break
            label, _, _, state = kaldi.leaving[state][random.integers(len(kaldi.leaving[state]))]
            labels += [label] if label else []
        assert not labels or loop.accepts(labels)
        used.update(labels)
    assert len(used) > 300


def test_pdfs_are_those_that_kaldi_shows():
    """Each transition-state's pdfs, as show-transitions printed them, are answers of the tree for its phone."""
    text = gzip.decompress((GOLDEN / "show-transitions.txt.gz").read_bytes()).decode()
    shown: dict[str, set[tuple[int, int]]] = {}
    for phone, forward, loop in re.findall(
        r"phone = (\S+) hmm-state = 0 forward-pdf = (\d+) self-loop-pdf = (\d+)", text
    ):
        shown.setdefault(phone, set()).add((int(forward), int(loop)))
    tree = read_tree(str(MODEL / "tree"))
    for number, name in list(SYMBOLS.items())[1:287:7]:
        lefts = (0, *[left for left, other in SYMBOLS.items() if left and other[0] != "#"])
        assert {(tree.pdf((left, number), 0), tree.pdf((left, number), 1)) for left in lefts} == shown[name]


def test_decodes_golden_audio_to_kaldis_phones(model, tmp_path):
    """Without lexicon and grammar most frames have the phone that Kaldi found with both."""
    options = ["--frame-subsampling-factor=3", "--frames-per-chunk=150", "--acoustic-scale=1.0", "--beam=15"]
    options += ["--max-active=7000", "--lattice-beam=8", "--online-ivector-period=10"]
    options.append(f"--online-ivectors=ark:{GOLDEN}/ivectors.ark")
    inputs = [str(MODEL / "final.mdl"), str(model / "graph/HCLG.fst"), f"ark:{GOLDEN}/mfcc_hires.ark"]
    ali, words = f"ark:{tmp_path}/ali", f"ark:{tmp_path}/words"
    assert nnet3_latgen_faster.main([*options, *inputs, "ark:/dev/null", words, ali]) == 0
    transitions = read_transition_model(str(MODEL / "final.mdl"))

    def frames(alignment):
        parts = split_to_phones(transitions, alignment)
        return [without_position(SYMBOLS[phone]).rstrip("012") for phone, count in parts for _ in range(count)]

    expected, transcripts = dict(int_vectors(f"ark:{GOLDEN}/ali.txt")), dict(int_vectors(words))
    same = total = 0
    for key, alignment in int_vectors(ali):
        same += sum(a == b for a, b in zip(frames(alignment), frames(expected[key]), strict=True))
        total += len(alignment)
        assert transcripts[key].tolist() == [phone for phone, _ in split_to_phones(transitions, alignment)]
    assert total > 400 and same / total > 0.7  # 297 of 403


TEXT = (
    "ContextDependency 2 1 ToPdf TE 1 3 ( NULL SE 0 [ 0 2 ]\n{ CE 4 SE -1 [ 1 ]\n{ CE 5 CE 6 } } CE 7 ) "
    "EndContextDependency "
)


def test_trees_in_text_and_their_faults():
    tree = Tree.read(KaldiReader(TEXT.encode(), "tree", binary=False))
    assert isinstance(tree.root, Table) and isinstance(tree.root.children[1], Split)
    assert [tree.pdf(c, k) for c, k in (((2, 1), 0), ((1, 1), 1), ((1, 1), 0), ((1, 2), 0))] == [4, 5, 6, 7]
    for context in ((1, 0), (1, 3)):
        with pytest.raises(DataError, match="no pdf for class 0 of phones"):
            tree.pdf(context, 0)
    for change in (("EndContext", "End"), ("2 1 ToPdf", "2 2 ToPdf"), ("CE 7", "XE 7")):
        with pytest.raises(DataError):
            Tree.read(KaldiReader(TEXT.replace(*change).encode(), "tree", binary=False))


def test_a_tree_of_another_model_is_refused():
    transitions = read_transition_model(str(MODEL / "final.mdl"))
    loop = phone_loop(positions(SYMBOLS, transitions))
    with pytest.raises(DataError, match="tree of another model"):
        expand(loop, [], Tree(1, 0, 3), transitions, "model")
    with pytest.raises(DataError, match="no phone of phones.txt is in the model"):
        positions({400: "X_B"}, transitions)
