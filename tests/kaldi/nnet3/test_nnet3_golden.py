"""The commands against real Kaldi's outputs: the demo model's layers, info, transitions; two foreign networks."""

import gzip
import re

import numpy as np
import pytest

from pysed.kaldi.commands import nnet3_am_copy, nnet3_compute, nnet3_copy, nnet3_info, show_transitions
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.evaluate import NnetComputer
from pysed.kaldi.nnet3.reader import read_nnet
from pysed.kaldi.tables import matrices, read_object


@pytest.fixture(scope="module")
def golden(root):
    return root / "tests/golden/demo"


@pytest.fixture(scope="module")
def model(root) -> str:
    return str(root / "models/demo/final.mdl")


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def compute(golden, network, out, *options: str) -> dict[str, np.ndarray]:
    """nnet3-compute over the golden features and i-vectors, with the options of the golden outputs."""
    usual = ["--frames-per-chunk=150", "--extra-left-context=0", "--extra-right-context=0"]
    usual += ["--online-ivector-period=10", f"--online-ivectors=ark:{golden}/ivectors.ark", *options]
    assert nnet3_compute.main([*usual, str(network), f"ark:{golden}/mfcc_hires.ark", f"ark:{out}"]) == 0
    return dict(matrices(f"ark:{out}"))


@pytest.mark.parametrize("node, step", [("prefinal-l", 3), ("prefinal-chain.batchnorm2", 1)])
def test_layer_cut_as_the_recipe_does(golden, model, tmp_path, node, step):
    """nnet3-am-copy with a new output node, then nnet3-compute: as Kaldi's, and as naming the node in Python."""
    raw = tmp_path / "cut.raw"
    config = f"--nnet-config=echo output-node name=output input={node} |"
    assert (
        nnet3_am_copy.main(["--raw=true", "--prepare-for-test=true", config, "--edits=remove-orphans", model, str(raw)])
        == 0
    )
    assert list(read_nnet(read_object(str(raw))).nodes)[-2:] == [node, "output"]
    found = compute(golden, raw, tmp_path / "out.ark", f"--frame-subsampling-factor={step}")
    expected = dict(matrices(f"ark:{golden}/{node}.sub{step}.ark"))
    assert set(found) == {"espeak_digits", "flite_rms", "flite_slt", "noise_burst"} and set(expected) <= set(found)
    for key, values in expected.items():
        assert relative(found[key], values) < 1e-5, key
    options = ChunkOptions(frames_per_chunk=150, frame_subsampling_factor=step, online_ivector_period=10)
    computer = NnetComputer(read_nnet(read_object(model)), node, options)
    features, ivectors = (
        dict(matrices(f"ark:{golden}/{name}.ark"))["flite_rms"] for name in ("mfcc_hires", "ivectors")
    )
    assert relative(computer.compute(features, ivectors), found["flite_rms"]) < 1e-5


def test_network_output(golden, model, tmp_path):
    """The uncut model as a .mdl file, a binary and a text copy of its network: all as Kaldi's."""
    expected = dict(matrices(f"ark:{golden}/output.sub3.ark"))
    found = compute(golden, model, tmp_path / "out.ark", "--frame-subsampling-factor=3")
    for key, values in expected.items():
        assert relative(found[key], values) < 1e-5, key
    text = tmp_path / "text.raw"
    assert nnet3_copy.main(["--binary=false", model, str(text)]) == 0
    again = compute(golden, text, tmp_path / "out.ark", "--frame-subsampling-factor=3", "--apply-exp=true")
    np.testing.assert_allclose(again["noise_burst"], np.exp(found["noise_burst"]), rtol=1e-5)
    scaled = compute(golden, model, tmp_path / "out.ark", "--frame-subsampling-factor=3", "--acoustic-scale=0.1")
    np.testing.assert_allclose(scaled["noise_burst"], found["noise_burst"] * np.float32(0.1), rtol=1e-5)


def test_chunk_size_is_part_of_the_result(golden, model, tmp_path):
    """Chunks of another size have other i-vectors: a test that parity above does not come for nothing."""
    expected = dict(matrices(f"ark:{golden}/output.sub3.ark"))
    options = ["--frame-subsampling-factor=3", "--frames-per-chunk=300"]
    found = compute(golden, model, tmp_path / "out.ark", *options)
    assert relative(found["flite_rms"], expected["flite_rms"]) > 1e-3


def test_info(golden, model, capsys):
    """Identical but for white space and, where numbers are rounding noise in Kaldi's sums, those digits."""
    assert nnet3_info.main([model]) == 0
    found, expected = (text.split("\n") for text in (capsys.readouterr().out, (golden / "nnet3-info.txt").read_text()))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert without_noise(ours) == without_noise(theirs)
    assert sum(ours == theirs for ours, theirs in zip(found, expected, strict=True)) >= len(found) - 10


def without_noise(line: str) -> str:
    """Without standard deviations and means so small beside their vector's size that float32 cannot hold them."""

    def strip(match: re.Match) -> str:
        noise = match[2] == "-nan" or float(match[2]) < 1e-3 * abs(float(match[1]))
        return f"mean={match[1]}, stddev={'noise' if noise else match[2]}]"

    line = re.sub(r"mean=([-\d.e]+), stddev=([-\d.e]+|-nan)\]", strip, line)
    return re.sub(r"bias-\{mean,stddev\}=[-\d.]+e-\d+,", "bias-{mean,stddev}=noise,", line)


def test_show_transitions(golden, root, model, capsys):
    assert show_transitions.main([str(root / "models/demo/phones.txt"), model]) == 0
    expected = gzip.decompress((golden / "show-transitions.txt.gz").read_bytes()).decode()
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    "name, file, first", [("tdnn", "final.mdl", 32), ("tdnnf", "final.mdl", 34), ("tdnnf", "final.txt", 34)]
)
def test_foreign_network(root, name, file, first):
    """Networks trained elsewhere; their input is padded, so that rows of the output are frames first, first + 3, …"""
    folder = root.parent / "shared/golden/foreign" / name
    if not folder.is_dir():
        pytest.skip(f"{folder}: not there; these networks are not part of the repository")
    features, ivector, expected = (
        np.loadtxt(folder / part, np.float32, ndmin=2) for part in ("input.txt", "ivector.txt", "output.txt")
    )
    options = ChunkOptions(frames_per_chunk=1500, frame_subsampling_factor=3)
    computer = NnetComputer(read_nnet(read_object(str(folder / file))), "output", options)
    assert (computer.left_context, computer.right_context) == (first, first)
    found = computer.compute(features[first % 3 :], ivector[0])[first // 3 :][: len(expected)]
    assert relative(found, expected) < 1e-5
