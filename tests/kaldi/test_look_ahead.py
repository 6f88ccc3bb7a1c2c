"""Look-ahead graphs that OpenFst's own tools made, against plain composition of the text that they were made from."""

from pathlib import Path

import kaldifst
import numpy as np
import pytest
from toy_models import damaged

from pysed.errors import DataError
from pysed.kaldi.graph.decoding_graph import build_look_ahead
from pysed.kaldi.look_ahead import read_grammar, read_lexicon
from pysed.kaldi.openfst import Fst, read_fst
from pysed.kaldi.phones import read_symbols

GOLDEN = Path(__file__).parents[1] / "golden/look_ahead"
NUM_INPUTS = 7
WORDS = read_symbols(str(GOLDEN / "words.txt"))


@pytest.fixture(params=["ngram", "const"])
def source(request, tmp_path) -> Path:
    """The graph's folder, its grammar as an n-gram FST with names of words or as a const FST beside words.txt."""
    folder = tmp_path / "source"
    folder.mkdir()
    names = {"HCLr.fst": "HCLr.fst", "disambig_tid.int": "disambig_tid.int"}
    names |= {"Gr.fst": "Gr.fst"} if request.param == "ngram" else {"Gr.const.fst": "Gr.fst", "words.txt": "words.txt"}
    for name, target in names.items():
        (folder / target).write_bytes((GOLDEN / name).read_bytes())
    return folder


def compiled(name: str) -> kaldifst.StdVectorFst:
    return kaldifst.compile((GOLDEN / name).read_text(), acceptor=False)


def composed_plainly() -> kaldifst.StdVectorFst:
    """All of lexicon and grammar, as their text says it; disambiguation symbols are read without a frame."""
    lexicon, grammar = compiled("HCL.txt"), compiled("G.txt")
    kaldifst.arcsort(lexicon, "olabel")
    kaldifst.arcsort(grammar, "ilabel")
    graph = Fst.unload("plain", kaldifst.compose(lexicon, grammar))
    graph.arcs["input"][graph.arcs["input"] > NUM_INPUTS] = 0
    return kaldifst.StdVectorFst(graph.load())


def best(graph, labels: list[int], words: dict[int, str]) -> tuple[list[str], float] | None:
    """The words of the best path that reads these labels, and its cost."""
    path = kaldifst.shortest_path(kaldifst.compose(kaldifst.make_linear_acceptor(labels), graph))
    if path.start < 0:
        return None
    _, _, found, weight = kaldifst.get_linear_symbol_sequence(path)
    return [words[number] for number in found], float(str(weight))


def sentences(seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(1, NUM_INPUTS + 1, size=rng.integers(1, 12)).tolist() for _ in range(300)]


def test_the_composed_graph_has_the_best_paths_of_the_plain_composition(source, tmp_path):
    assert build_look_ahead(source, NUM_INPUTS, tmp_path, whole=True) == f"51 words, by the grammar of {source}"
    graph, plain = read_fst(str(tmp_path / "HCLG.fst")), composed_plainly()
    graph.check(NUM_INPUTS)
    words = read_symbols(str(tmp_path / "words.txt"))
    ours = kaldifst.StdVectorFst(graph.load())
    read = 0
    for labels in sentences(1):
        found, expected = best(ours, labels, words), best(plain, labels, WORDS)
        assert (found is None) == (expected is None), labels
        if found is not None and expected is not None:
            assert found[1] == pytest.approx(expected[1], abs=1e-4) and found[0] == expected[0], labels
            read += 1
    assert read > 100
    assert graph.num_states < plain.num_states, "states from which no word of the grammar follows are left out"


def test_an_ngram_fst_has_the_arcs_of_the_same_grammar_in_plain_form():
    ngram, plain = read_grammar(str(GOLDEN / "Gr.fst")), read_grammar(str(GOLDEN / "Gr.const.fst")).graph
    assert ngram.words is not None and plain.num_states == ngram.graph.num_states
    number = {name: value for value, name in WORDS.items()}

    def paths(graph: Fst, original) -> set[tuple]:
        """Arcs after words from the start: independent of the states' numbers."""
        ends = np.cumsum(graph.states["num_arcs"])
        seen, waiting, found = {graph.start: ()}, [graph.start], set()
        while waiting:
            state = waiting.pop(0)
            found.add((seen[state], "final", round(float(graph.states["final"][state]), 4)))
            arcs = graph.arcs[ends[state] - graph.states["num_arcs"][state] : ends[state]]
            for arc in sorted(arcs.tolist(), key=lambda arc: original(arc[1])):
                label = original(arc[1])
                found.add((seen[state], label, round(arc[2], 4)))
                if arc[3] not in seen:
                    seen[arc[3]] = (*seen[state], label)
                    waiting.append(arc[3])
        return found

    names = ngram.words
    assert paths(ngram.graph, lambda label: number[names[label]]) == paths(plain, lambda label: label)


def test_without_memory_for_the_grammar_words_have_their_own_costs(source, tmp_path, monkeypatch):
    from pysed.kaldi.graph import decoding_graph as build

    whole, grammars = build.write_composed, []

    def refused(lexicon, grammar, *rest):
        grammars.append(grammar)
        if grammar.num_states > 1:
            raise MemoryError
        whole(lexicon, grammar, *rest)

    monkeypatch.setattr(build, "write_composed", refused)
    said = build_look_ahead(source, NUM_INPUTS, tmp_path, whole=True)
    assert "each by its own cost" in said and "memory that are free" in said
    assert len(grammars) == 2
    plain = compiled("G.txt")
    costs = {arc.olabel: float(str(arc.weight)) for arc in kaldifst.ArcIterator(plain, 1)}  # its unigram state
    names = read_symbols(str(tmp_path / "words.txt"))
    number = {name: value for value, name in WORDS.items()}
    one = {number[names[int(arc["output"])]]: float(arc["weight"]) for arc in grammars[1].arcs}
    assert one == pytest.approx(costs, abs=1e-4)
    ours = kaldifst.StdVectorFst(read_fst(str(tmp_path / "HCLG.fst")).load())
    assert sum(best(ours, labels, names) is not None for labels in sentences(2)) > 100


def test_damaged_files_are_refused_or_give_a_graph_that_a_decoder_can_follow(source, tmp_path):
    rng, refused = np.random.default_rng(5), 0
    for _ in range(120):
        name = str(rng.choice(["HCLr.fst", "Gr.fst"]))
        content = (source / name).read_bytes()
        (source / name).write_bytes(damaged(rng, content))
        try:
            build_look_ahead(source, NUM_INPUTS, tmp_path, whole=True)
            read_fst(str(tmp_path / "HCLG.fst")).check(NUM_INPUTS)
        except DataError as error:
            assert len(str(error).splitlines()) == 1
            refused += 1
        (source / name).write_bytes(content)
    assert refused > 40


@pytest.mark.parametrize(
    ("name", "words"), [("Gr.const.fst", "expected olabel_lookahead"), ("HCL.txt", "expected an OpenFst file")]
)
def test_another_kind_of_file_is_named(name, words):
    with pytest.raises(DataError, match=words):
        read_lexicon(str(GOLDEN / name))


def test_a_model_of_fewer_transitions_is_refused(source, tmp_path):
    with pytest.raises(DataError, match="expected transition-ids up to 5"):
        build_look_ahead(source, 5, tmp_path)
    assert not list(tmp_path.glob("*HCLG*"))
