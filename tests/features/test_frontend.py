"""Front ends: the paper's as committed, options, refusals."""

import dataclasses
from pathlib import Path

import pytest

from pysed.cli import main
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd, load_frontend

FRONTENDS = sorted((Path(__file__).parents[2] / "conf/frontends").glob("*.yaml"))


@pytest.fixture
def logmel40():
    return load_frontend(Path(__file__).parents[2] / "conf/frontends/logmel40.yaml")


def test_the_papers_front_end(logmel40):
    assert (logmel40.hop_s, logmel40.feature_dim) == (0.05, 200)
    assert logmel40.num_frames(30.0) == 600
    options = logmel40.kaldi_options()
    for option in ("--num-mel-bins=40", "--frame-length=20", "--frame-shift=10", "--snip-edges=false", "--dither=0"):
        assert option in options
    with pytest.raises(dataclasses.FrozenInstanceError):
        logmel40.dither = 1.0


@pytest.mark.parametrize("path", FRONTENDS, ids=lambda path: path.stem)
def test_every_front_end_loads_under_its_own_name(path):
    frontend = load_frontend(path)
    assert frontend.name == path.stem
    assert FrontEnd.from_dict(frontend.as_dict()) == frontend


def test_snip_edges_frames():
    frontend = FrontEnd("x", snip_edges=True, frame_length_ms=25, average_frames=1)
    assert frontend.num_frames(1.0) == 98 and frontend.num_frames(0.01) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\nnum_mel_bin: 40\n", ["num_mel_bin", "did you mean 'num_mel_bins'"]),
        ("name: x\nzzz: 40\n", ["zzz", "known:"]),
        ("name: x\nnum_mel_bins: forty\n", ["num_mel_bins", "'forty'", "whole number"]),
        ("name: x\nnum_mel_bins: true\n", ["num_mel_bins", "whole number"]),
        ("name: x\naverage_frames: 0\n", ["average_frames 0", "at least 1"]),
        ("name: x\nhigh_freq_hz: 9000\n", ["high_freq_hz", "8000"]),
        ("name: x\nframe_length_ms: 5\n", ["frame_length_ms"]),
        ("name: x\nwindow_type: bartlett\n", ["window_type", "hamming"]),
        ("num_mel_bins: 40\n", ["no 'name'"]),
        ("- 1\n", ["not a mapping"]),
        ("a: [\n", ["x.yaml:2", "not YAML"]),
    ],
)
def test_refusals(tmp_path, capsys, text, words):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        load_frontend(path)
    assert str(path) in str(error.value) and all(word in str(error.value) for word in words)
    assert main(["feats", "options", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_options_for_the_shell(capsys):
    assert main(["feats", "options", str(FRONTENDS[0])]) == 0
    assert all(line.startswith("--") and "=" in line for line in capsys.readouterr().out.splitlines())
    assert main(["feats", "options", "none.yaml"]) == 2
    assert "none.yaml" in capsys.readouterr().err
