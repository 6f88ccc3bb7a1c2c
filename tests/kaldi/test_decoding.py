"""nnet3-latgen-faster against Kaldi's alignments, and the search against a plain float64 Viterbi."""

import subprocess
import sys
from pathlib import Path

import kaldifst
import numpy as np
import pytest
from toy_models import chain_model, damaged, random_graph

from pysed.errors import DataError
from pysed.kaldi.commands import lattice_best_path, lattice_scale, nnet3_latgen_faster
from pysed.kaldi.decode import Decoder, DecoderOptions
from pysed.kaldi.lattice import best_path
from pysed.kaldi.lattice_tables import lattices
from pysed.kaldi.openfst import read_fst
from pysed.kaldi.tables import TableWriter, int_vectors, matrices
from pysed.kaldi.transitions import TransitionModel, read_transition_model

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/demo"
MODEL = ROOT / "models/demo"
OPTIONS = ["--frame-subsampling-factor=3", "--frames-per-chunk=150", "--acoustic-scale=1.0", "--beam=15"]
OPTIONS += ["--max-active=7000", "--lattice-beam=8", "--online-ivector-period=10"]
OPTIONS.append(f"--online-ivectors=ark:{GOLDEN}/ivectors.ark")
INPUTS = [f"{MODEL}/final.mdl", f"{MODEL}/graph/HCLG.fst", f"ark:{GOLDEN}/mfcc_hires.ark"]


@pytest.fixture(scope="module")
def decoded(tmp_path_factory) -> Path:
    """What the command writes for the golden features and i-vectors."""
    out = tmp_path_factory.mktemp("decoded")
    targets = [f"ark:{out}/lat", f"ark:{out}/words", f"ark:{out}/ali"]
    assert nnet3_latgen_faster.main([*OPTIONS, "--allow-partial=true", *INPUTS, *targets]) == 0
    return out


def agreement(found: str, expected: Path) -> float:
    """The share of equal frames, over all utterances."""
    expected_by_key = dict(int_vectors(f"ark:{expected}"))
    same = total = 0
    for key, alignment in int_vectors(found):
        assert alignment.shape == expected_by_key[key].shape
        same += int((alignment == expected_by_key.pop(key)).sum())
        total += len(alignment)
    assert not expected_by_key and total > 400
    return same / total


def test_golden_alignments_and_words(decoded):
    assert agreement(f"ark:{decoded}/ali", GOLDEN / "ali.txt") >= 0.99
    words, expected = (dict(int_vectors(f"ark:{path}")) for path in (decoded / "words", GOLDEN / "words.txt"))
    assert {k: v.tolist() for k, v in words.items()} == {k: v.tolist() for k, v in expected.items()}


def test_golden_best_path_of_the_scaled_lattice(decoded, tmp_path):
    """The recipe's way from lattices to alignments."""
    scaled, ali = f"ark:{tmp_path}/scaled", f"ark:{tmp_path}/ali"
    assert lattice_scale.main(["--acoustic-scale=10.0", f"ark:{decoded}/lat", scaled]) == 0
    assert lattice_best_path.main(["--acoustic-scale=0.1", scaled, "ark:/dev/null", ali]) == 0
    assert agreement(ali, GOLDEN / "ali_best.txt") >= 0.99


def test_acoustic_costs_are_the_networks(decoded):
    from pysed.kaldi.nnet3.chunks import ChunkOptions
    from pysed.kaldi.nnet3.evaluate import NnetComputer
    from pysed.kaldi.nnet3.reader import read_nnet
    from pysed.kaldi.tables import read_object

    chunks = ChunkOptions(frames_per_chunk=150, frame_subsampling_factor=3)
    computer = NnetComputer(read_nnet(read_object(INPUTS[0])), "output", chunks)
    pdf = read_transition_model(INPUTS[0]).pdf
    ivectors, found = dict(matrices(f"ark:{GOLDEN}/ivectors.ark")), dict(lattices(f"ark:{decoded}/lat"))
    for key, feats in matrices(INPUTS[2]):
        scores = computer.compute(feats, ivectors[key]).astype(float)
        path = best_path(found[key])
        expected = -scores[np.arange(len(scores)), pdf[path.ids]].sum()
        assert path.acoustic == pytest.approx(expected, abs=1e-3)


def viterbi(graph: kaldifst.StdVectorFst, model: TransitionModel, scores: np.ndarray):
    """(cost, words, transition-ids) of the best path in double precision; an arc without label needs no frame."""
    size = graph.num_states
    arcs = [
        (s, a.nextstate, a.ilabel, a.olabel, float(a.weight.value))
        for s in range(size)
        for a in kaldifst.ArcIterator(graph, s)
    ]
    best = {0: (0.0, [], [])}

    def follow_silent(tokens):
        for state in range(size):  # such arcs lead forwards only
            for source, target, label, word, cost in arcs:
                if source == state and label == 0 and state in tokens:
                    old = tokens[state]
                    new = (old[0] + cost, old[1] + [word] * (word > 0), old[2])
                    if target not in tokens or new[0] < tokens[target][0]:
                        tokens[target] = new
        return tokens

    best = follow_silent(best)
    for frame in scores.astype(float):
        after: dict = {}
        for source, target, label, word, cost in arcs:
            if label and source in best:
                old = best[source]
                new = (old[0] + cost - frame[model.pdf[label]], old[1] + [word] * (word > 0), [*old[2], label])
                if target not in after or new[0] < after[target][0]:
                    after[target] = new
        best = follow_silent(after)
    endings = {s: (c + float(graph.final(s).value), w, i) for s, (c, w, i) in best.items()}
    final = {s: path for s, path in endings.items() if path[0] < np.inf}
    return min(final.values() or best.values()), bool(final)


@pytest.mark.parametrize("acoustic_scale", [1.0, 0.2])
def test_search_against_viterbi(tmp_path, acoustic_scale):
    rng, model = np.random.default_rng(3), chain_model(5)
    options = DecoderOptions(beam=1000.0)
    for _ in range(25):
        graph = random_graph(rng, 12, model.num_transition_ids)
        assert graph.write(str(tmp_path / "graph.fst"))
        scores = rng.normal(0, 3, (int(rng.integers(1, 12)), model.num_pdfs)).astype(np.float32)
        found = Decoder(str(tmp_path / "graph.fst"), model, options, acoustic_scale).decode(scores)
        (cost, words, ids), final = viterbi(graph, model, scores * np.float32(acoustic_scale))
        assert found.words.tolist() == words and found.alignment.tolist() == ids and found.final == final
        assert found.likelihood == pytest.approx(-cost, abs=1e-3)
        path = best_path(found.lattice)
        assert path.words.tolist() == words and path.ids.tolist() == ids
        acoustic = -scores.astype(float)[np.arange(len(scores)), model.pdf[ids]].sum()
        assert path.acoustic == pytest.approx(acoustic, abs=1e-3)  # unscaled, as Kaldi stores it
        assert path.graph == pytest.approx(cost - acoustic_scale * acoustic, abs=1e-3)


def test_blocks_do_not_show(tmp_path, monkeypatch):
    rng, model = np.random.default_rng(4), chain_model(5)
    random_graph(rng, 30, model.num_transition_ids).write(str(tmp_path / "graph.fst"))
    scores = rng.normal(0, 2, (100, model.num_pdfs)).astype(np.float32)
    decoder = Decoder(str(tmp_path / "graph.fst"), model)
    whole = decoder.decode(scores)
    monkeypatch.setattr("pysed.kaldi.decode._BLOCK_VALUES", 70)
    pieces = decoder.decode(scores)
    streamed = decoder.decode(np.array_split(scores, [1, 2, 40, 77]))
    for found in (pieces, streamed):
        assert np.array_equal(whole.alignment, found.alignment) and whole.likelihood == found.likelihood


def test_forms_of_graphs(tmp_path):
    """Vector and const graphs of OpenFst's own writer, from files and from commands, are the same graph."""
    rng, model = np.random.default_rng(5), chain_model(5)
    graph = random_graph(rng, 20, model.num_transition_ids)
    graph.write(str(tmp_path / "vector.fst"))
    kaldifst.StdConstFst(graph).write(str(tmp_path / "const.fst"))
    padded = b"x" * 7 + (tmp_path / "const.fst").read_bytes()
    (tmp_path / "within").write_bytes(padded)
    scores = rng.normal(0, 2, (30, model.num_pdfs)).astype(np.float32)
    names = ["vector.fst", "const.fst", "within:7"]
    forms = [f"{tmp_path}/{name}" for name in names] + [f"cat {tmp_path}/{name} |" for name in names[:2]]
    results = [Decoder(form, model).decode(scores).alignment.tolist() for form in forms]
    assert all(result == results[0] for result in results)
    assert read_fst(forms[1]).in_file and not read_fst(forms[2]).in_file


def small_graph(arcs, finals=((1, 0.0),)) -> kaldifst.StdVectorFst:
    graph = kaldifst.StdVectorFst()
    for _ in range(3):
        graph.add_state()
    graph.start = 0
    for source, label, word, cost, target in arcs:
        graph.add_arc(source, kaldifst.StdArc(label, word, cost, target))
    for state, cost in finals:
        graph.set_final(state, cost)
    return graph


@pytest.mark.parametrize(
    ("arcs", "message"),
    [
        ([(0, 99, 0, 0.0, 1)], "input label 99; expected transition-ids up to 6"),
        ([(0, 1, 0, 0.0, 1), (1, 0, 0, -0.5, 2), (2, 0, 0, 0.25, 1)], "a cycle of arcs without input"),
        ([(0, 1, 0, 0.0, 1), (1, 0, 0, -0.5, 1)], "a cycle of arcs without input"),
        ([(0, 1, 0, float("inf"), 1)], "not finite"),
        ([(0, 1, 0, float("nan"), 1)], "not finite"),
    ],
)
def test_graphs_that_cannot_be_decoded(tmp_path, arcs, message):
    small_graph(arcs).write(str(tmp_path / "graph.fst"))
    with pytest.raises(DataError, match=message):
        Decoder(str(tmp_path / "graph.fst"), chain_model(3))


def test_harmless_cycles_and_dead_ends(tmp_path):
    model = chain_model(3)
    arcs = [(0, 2, 7, 0.0, 1), (1, 0, 0, 0.0, 2), (2, 0, 0, 0.5, 1), (0, 0, 0, -1.0, 0)][:3]
    small_graph(arcs).write(str(tmp_path / "graph.fst"))
    decoder = Decoder(str(tmp_path / "graph.fst"), model)
    assert decoder.decode(np.zeros((1, 6), np.float32)).words.tolist() == [7]
    assert decoder.decode(np.zeros((2, 6), np.float32)) is None
    for value in (np.nan, np.inf, -np.inf, 1e38):
        with pytest.raises(DataError, match="not finite"):
            decoder.decode(np.full((1, 6), value, np.float32))
    with pytest.raises(DataError, match=r"shape \(1, 5\)"):
        decoder.decode(np.zeros((1, 5), np.float32))


_FUZZ = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from toy_models import chain_model, damaged
from pysed.errors import DataError
from pysed.kaldi.decode import Decoder
model, rng, refused = chain_model(5), np.random.default_rng(6), 0
for name in sys.argv[2:]:
    content, bad = Path(name).read_bytes(), name + ".bad"
    scores = rng.normal(0, 2, (20, model.num_pdfs)).astype(np.float32)
    for _ in range(1000):
        Path(bad).write_bytes(damaged(rng, content))
        try:
            Decoder(bad, model).decode(scores)
        except DataError as error:
            assert "\\n" not in str(error)
            refused += 1
print(refused)
"""


def test_damaged_graphs(tmp_path):
    """In a process of its own: a crash or a hang of the decoder would show."""
    graph = random_graph(np.random.default_rng(5), 15, 10)
    graph.write(str(tmp_path / "vector.fst"))
    kaldifst.StdConstFst(graph).write(str(tmp_path / "const.fst"))
    names = [f"{tmp_path}/vector.fst", f"{tmp_path}/const.fst"]
    done = subprocess.run(
        [sys.executable, "-c", _FUZZ, str(Path(__file__).parent), *names],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000


def test_damaged_features_and_models(tmp_path):
    rng, content = np.random.default_rng(8), Path(INPUTS[0]).read_bytes()
    model = tmp_path / "bad.mdl"
    for place in (10, 1000, 100_000):
        model.write_bytes(content[:place])
        with pytest.raises(DataError, match="bad.mdl"):
            nnet3_latgen_faster.main([*OPTIONS, str(model), *INPUTS[1:], "ark:/dev/null"])
    (tmp_path / "feats").write_bytes(damaged(rng, (GOLDEN / "mfcc_hires.ark").read_bytes()[:5000]))
    with pytest.raises(DataError):
        nnet3_latgen_faster.main([*OPTIONS, *INPUTS[:2], f"ark:{tmp_path}/feats", f"ark:{tmp_path}/lat"])
    assert not (tmp_path / "lat").exists()


def test_short_utterances(tmp_path, capfd):
    """From a single frame of features on there is an alignment, when partial ones are allowed."""
    feats, ivectors = (dict(matrices(f"ark:{GOLDEN}/{n}.ark"))["flite_slt"] for n in ("mfcc_hires", "ivectors"))
    with TableWriter(f"ark:{tmp_path}/f", "matrix") as first, TableWriter(f"ark:{tmp_path}/i", "matrix") as second:
        for count in range(9):
            first.write(f"u{count}", feats[60 : 60 + count])
            second.write(f"u{count}", ivectors[:1])
    options = [*OPTIONS[:-1], f"--online-ivectors=ark:{tmp_path}/i", "--allow-partial=true"]
    targets = [f"ark:{tmp_path}/lat", "ark:/dev/null", f"ark:{tmp_path}/ali"]
    assert nnet3_latgen_faster.main([*options, *INPUTS[:2], f"ark:{tmp_path}/f", *targets]) == 0
    lengths = {key: len(alignment) for key, alignment in int_vectors(f"ark:{tmp_path}/ali")}
    assert lengths == {f"u{count}": -(-count // 3) for count in range(1, 9)}
    assert "Zero-length utterance: u0" in capfd.readouterr().err


def test_partial_paths(tmp_path, capfd):
    """A graph whose final state is out of reach: output only with --allow-partial."""
    graph = small_graph([(0, 2, 5, 0.0, 1), (1, 1, 0, 0.0, 1)], finals=((2, 0.0),))
    graph.write(str(tmp_path / "graph.fst"))
    inputs = [INPUTS[0], f"{tmp_path}/graph.fst", INPUTS[2]]
    targets = [f"ark:{tmp_path}/lat", f"ark:{tmp_path}/words"]
    assert nnet3_latgen_faster.main([*OPTIONS, *inputs, *targets]) == 1
    assert "no final-state reached" in capfd.readouterr().err
    assert list(int_vectors(f"ark:{tmp_path}/words")) == []
    assert (
        nnet3_latgen_faster.main([*OPTIONS, "--allow-partial", "--determinize-lattice=false", *inputs, *targets]) == 0
    )
    assert "Outputting partial output" in capfd.readouterr().err
    assert [words.tolist() for _, words in int_vectors(f"ark:{tmp_path}/words")] == [[5]] * 4
    assert [best_path(lattice).words.tolist() for _, lattice in lattices(targets[0])] == [[5]] * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--optimization.optimize=true"], "optimization.optimize"),
        (["--beam=0"], "--beam=0"),
        (["--max-active=1"], "--max-active=1"),
        (["--acoustic-scale=1e39"], "--acoustic-scale=1e"),
        (["--min-active=9000"], "--min-active=9000"),
        (["--ivectors=ark:x"], "exclude each other"),
        (["--online-ivector-period=0"], "needs --online-ivector-period"),
        (["--frames-per-chunk=0"], "frames-per-chunk"),
        (["--word-symbol-table=/nowhere"], "/nowhere"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(DataError, match=message):
        nnet3_latgen_faster.main([*OPTIONS, *options, *INPUTS, "ark:/dev/null"])


def test_refused_inputs(tmp_path):
    for graph, message in (
        (f"ark:{INPUTS[1]}", "a table of graphs is not supported"),
        (str(tmp_path / "none"), "none: cannot be read"),
        (INPUTS[0], "expected an OpenFst file"),
    ):
        with pytest.raises(DataError, match=message):
            nnet3_latgen_faster.main([*OPTIONS, INPUTS[0], graph, INPUTS[2], "ark:/dev/null"])
