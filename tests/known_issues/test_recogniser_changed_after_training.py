"""A recogniser's configuration that changed after training gave a detector other features without a word."""

import shutil
from pathlib import Path

import pytest
from small_detector import make_model

from pysed.commands.train import note_recogniser
from pysed.detect.detector import load_detectors
from pysed.errors import DataError


@pytest.fixture
def model(root, tmp_path) -> Path:
    shutil.copytree(root / "models/demo", tmp_path / "asr", ignore=shutil.ignore_patterns("graph", "lang"))
    return tmp_path / "asr"


@pytest.fixture
def detector(model, tmp_path) -> str:
    return str(make_model(tmp_path / "detector", {**note_recogniser(str(model), "prefinal-l"), "dim": 128}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("conf/ivector.conf", "--num-gselect=2\n"),
        ("cmvn_opts", "--norm-means=true\n"),
        ("extractor/online_cmvn_iextractor", ""),
        ("extractor/online_cmvn.conf", "--cmn-window=300\n--speaker-frames=300\n"),
        ("extractor/splice.conf", "--left-context=2\n--right-context=4\n"),
    ],
)
def test_it_is_refused(model, detector, name, text):
    load_detectors([detector])
    (model / name).write_text(text)
    with pytest.raises(DataError, match="trained on other features than .*asr makes now"):
        load_detectors([detector])


def test_not_where_it_says_the_same_in_another_way(model, detector):
    (model / "extractor/splice.conf").rename(model / "extractor/splice_opts")
    (model / "extractor/online_cmvn.conf").unlink()
    (model / "conf/ivector.conf").write_text("--num_gselect = 5 # as by default\n")
    (model / "cmvn_opts").write_text("--norm-means=false --norm-vars=false\n")
    load_detectors([detector])


def test_an_older_checkpoint_goes_on_with_a_word(model, tmp_path, capsys):
    older = str(make_model(tmp_path / "older", {"model": str(model), "layer": "prefinal-l", "dim": 128}))
    load_detectors([older])
    assert not capsys.readouterr().err
    (model / "cmvn_opts").write_text("--norm-means=true\n")
    load_detectors([older])
    assert "perhaps trained before CMVN" in capsys.readouterr().err
