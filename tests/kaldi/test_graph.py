"""Graphs of lexicon and grammar against the one that Kaldi's mkgraph.sh made of the same folder."""

import shutil
from pathlib import Path

import kaldifst
import numpy as np
import pytest

from pysed.commands.fetch import main
from pysed.errors import DataError
from pysed.kaldi.commands import nnet3_latgen_faster
from pysed.kaldi.graph import decoding_graph as build
from pysed.kaldi.openfst import Fst, read_fst
from pysed.kaldi.phones import read_symbols

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/demo"
MODEL = ROOT / "models/demo"


def bare_model(folder: Path) -> Path:
    """The demo model without its graph."""
    folder.mkdir()
    for name in ("tree", "final.mdl", "phones.txt"):
        (folder / name).symlink_to(MODEL / name)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = bare_model(tmp_path_factory.mktemp("graph") / "model")
    assert build.build_graph(folder, MODEL / "lang").startswith("1511 words")
    return folder


def random_paths(graph: Fst, count: int):
    """(input labels, output labels) of paths to a final state."""
    random = np.random.default_rng(7)
    for _ in range(count):
        state, inputs, outputs = graph.start, [], []
        while not np.isfinite(graph.states["final"][state]) or random.random() < 0.8:
            here = graph.states[state]
            if not here["num_arcs"]:
                break
            arc = graph.arcs[here["first"] + random.integers(here["num_arcs"])]
            inputs += [int(arc["input"])] if arc["input"] else []
            outputs += [int(arc["output"])] if arc["output"] else []
            state = arc["next"]
        yield inputs, outputs


def line(labels: list[int]):
    fst = kaldifst.StdVectorFst()
    fst.start = state = fst.add_state()
    for label in labels:
        following = fst.add_state()
        fst.add_arc(state, kaldifst.StdArc(label, label, 0.0, following))
        state = following
    fst.set_final(state, 0.0)
    return fst


def cost(fst, inputs: list[int], outputs: list[int]) -> float:
    """The least cost of reading ``inputs`` and writing ``outputs``; infinite where that is no path."""
    found = kaldifst.compose(line(inputs), fst)
    kaldifst.arcsort(found, "olabel")
    found = kaldifst.compose(found, line(outputs))
    return kaldifst.get_linear_symbol_sequence(kaldifst.shortest_path(found))[3].value if found.num_states else np.inf


def test_paths_and_their_costs_are_those_of_kaldis_graph(model):
    graphs = [read_fst(str(folder / "graph/HCLG.fst")) for folder in (MODEL, model)]
    fsts = [kaldifst.StdVectorFst(graph.load()) for graph in graphs]
    for fst in fsts:
        kaldifst.arcsort(fst, "ilabel")
    assert abs(graphs[1].num_states / graphs[0].num_states - 1) < 0.05
    lengths = 0
    for graph in graphs:
        for inputs, outputs in random_paths(graph, 60):
            theirs, ours = (cost(fst, inputs, outputs) for fst in fsts)
            # Minimisation rounds each arc's cost to 1/1024.
            assert abs(ours - theirs) < 1e-3 * (1 + len(inputs)), (inputs, outputs)
            lengths += len(inputs)
            assert cost(fsts[1], inputs + inputs[-1:], outputs + [1]) == np.inf
    assert lengths > 1000


def test_decodes_to_kaldis_alignments(model, tmp_path):
    options = ["--frame-subsampling-factor=3", "--frames-per-chunk=150", "--acoustic-scale=1.0", "--beam=15"]
    options += ["--max-active=7000", "--lattice-beam=8", "--online-ivector-period=10"]
    options.append(f"--online-ivectors=ark:{GOLDEN}/ivectors.ark")
    inputs = [str(MODEL / "final.mdl"), str(model / "graph/HCLG.fst"), f"ark:{GOLDEN}/mfcc_hires.ark"]
    assert nnet3_latgen_faster.main([*options, *inputs, "ark:/dev/null", "ark:/dev/null", f"ark,t:{tmp_path}/a"]) == 0
    assert (tmp_path / "a").read_text() == (GOLDEN / "ali.txt").read_text()


def test_words_out_of_the_vocabulary_are_left_out(tmp_path):
    lang = tmp_path / "lang"
    shutil.copytree(MODEL / "lang", lang)
    (lang / "oov.int").write_text("1506\n")
    assert read_symbols(str(lang / "words.txt"))[1506] == "YOUTH"
    folder = bare_model(tmp_path / "model")
    build.build_graph(folder, lang)
    outputs = set(read_fst(str(folder / "graph/HCLG.fst")).arcs["output"].tolist())
    assert 1506 not in outputs and {1505, 1507} <= outputs


def test_too_large_a_grammar_gives_phones(tmp_path, monkeypatch):
    free = "MemTotal: 9 kB\nMemAvailable: 16000 kB\n"
    read_text = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: free if path.name == "meminfo" else read_text(path))
    folder = bare_model(tmp_path / "model")

    monkeypatch.setattr(build, "words_of", lambda lang: np.zeros(64 << 20, np.uint8))
    assert "needs more than the 0.0 GB" in build.build_graph(folder, MODEL / "lang")
    assert (folder / "graph/words.txt").read_text() == "".join(
        f"{name} {number}\n" for number, name in read_symbols(str(MODEL / "phones.txt")).items()
    )


def test_command(tmp_path, capsys):
    folder = bare_model(tmp_path / "model")
    with pytest.raises(DataError, match="no such language folder"):
        main(["graph", "--lang", str(tmp_path / "lang"), str(folder)])
    assert main(["graph", str(folder)]) == 0 and "a graph of phones" in capsys.readouterr().out
    with pytest.raises(DataError, match="exists; remove it"):
        main(["graph", str(folder)])
    shutil.rmtree(folder / "graph")
    (folder / "lang").symlink_to(MODEL / "lang")
    assert main(["graph", str(folder)]) == 0 and "a graph of 1511 words" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("G.fst", b"not an FST", "expected an OpenFst file"),
        ("L_disambig.fst", (MODEL / "lang/L_disambig.fst").read_bytes()[:5000], "truncated"),
        ("phones/disambig.int", b"#0\n", "disambig.int:1: '#0'; expected a whole number"),
        ("phones/disambig.int", b"287\n", "phone 291 is not in final.mdl"),
    ],
)
def test_faults_of_language_folders(tmp_path, name, content, words):
    lang = tmp_path / "lang"
    shutil.copytree(MODEL / "lang", lang)
    (lang / name).write_bytes(content)
    folder = bare_model(tmp_path / "model")
    with pytest.raises(DataError, match=words):
        build.build_graph(folder, lang)
    assert not (folder / "graph").exists()
