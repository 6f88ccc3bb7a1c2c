"""conf/ivector.conf was grepped for six spellings by stage 3 and parsed whole by detection: other i-vectors in each."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pysed.audio import read_audio
from pysed.cli import main
from pysed.errors import DataError
from pysed.features.of_samples import AsrFeatures, as_int16_values
from pysed.kaldi.__main__ import main as kaldi
from pysed.kaldi.model_folder import read_model_folder
from pysed.kaldi.tables import matrices

DEFAULT = {"num_gselect": 5, "ivector_period": 10, "max_count": 0.0, "online_cmvn_iextractor": False}
ODD = {
    "# as Kaldi writes it\n--num-gselect=2 # a comment\n": {"num_gselect": 2},
    "--num_gselect=2\n--IVECTOR_period=7\n": {"num_gselect": 2, "ivector_period": 7},
    "   --num-gselect=2\n\t--max-count=75\n": {"num_gselect": 2, "max_count": 75.0},
    "--num-gselect = 3\n--num-gselect= 2\n": {"num_gselect": 2},
    "--online-cmvn-iextractor=true\n": {"online_cmvn_iextractor": True},
    "--online-cmvn-iextractor\n": {"online_cmvn_iextractor": True},
    "--greedy-ivector-extractor=true\n--use-most-recent-ivector=false\n": {"greedy_ivector_extractor": True},
    "--min-post=0.2\n--posterior-scale=0.5\n--max-remembered-frames=10\n": {"min_post": 0.2, "posterior_scale": 0.5},
    "--lda-matrix=exp/nnet3/extractor/final.mat\n--splice-config=/else/conf/splice.conf\n": {},
    "": {},
}


@pytest.fixture
def model(root, tmp_path) -> Path:
    """The demo model without conf/ivector.conf."""
    shutil.copytree(
        root / "models/demo", tmp_path / "asr", ignore=shutil.ignore_patterns("graph", "lang", "ivector.conf")
    )
    return tmp_path / "asr"


@pytest.fixture
def clip(tmp_path) -> Path:
    """Two seconds of a sound that changes."""
    rng, time = np.random.default_rng(3), np.arange(32000) / 16000
    sound = np.sin(2 * np.pi * (300 + 500 * time) * time) * (time % 0.5) + rng.normal(0, 0.02, 32000)
    soundfile.write(tmp_path / "a.wav", 0.4 * sound, 16000, subtype="PCM_16")
    return tmp_path / "a.wav"


def by_commands(model: Path, clip: Path, work: Path) -> tuple[np.ndarray, np.ndarray]:
    """MFCC and i-vectors as stage 3 makes them, but for the compression."""
    (work / "wav.scp").write_text(f"a {clip}\n")
    (work / "spk2utt").write_text("a a\n")
    conf, mfcc, ivectors = work / "conf", f"ark:{work}/mfcc", f"ark:{work}/ivectors"
    assert main(["feats", "recogniser", str(model), str(conf)]) == 0
    assert kaldi(["compute-mfcc-feats", f"--config={conf}/mfcc.conf", f"scp:{work}/wav.scp", mfcc]) == 0
    line = [f"--config={conf}/ivector_extractor.conf", f"ark:{work}/spk2utt", mfcc, ivectors]
    assert kaldi(["ivector-extract-online2", *line]) == 0
    return dict(matrices(mfcc))["a"], dict(matrices(ivectors))["a"]


def in_detection(model: Path, clip: Path) -> tuple[np.ndarray, np.ndarray | None]:
    return AsrFeatures(model, "prefinal-l").inputs(as_int16_values(read_audio(clip)[0]))


@pytest.mark.parametrize("text", ODD)
def test_every_spelling_means_the_same_in_both(model, clip, tmp_path, text):
    (model / "conf/ivector.conf").write_text(text)
    settings = read_model_folder(model).ivectors
    assert settings is not None
    for name, value in {**DEFAULT, **ODD[text]}.items():
        assert getattr(settings.options, name) == value, name
    for trained, detected in zip(by_commands(model, clip, tmp_path), in_detection(model, clip), strict=True):
        np.testing.assert_array_equal(trained, detected)


def test_an_option_of_the_configuration_changes_what_both_give(model, clip, tmp_path):
    usual = by_commands(model, clip, tmp_path)[1]
    for text in ("--online-cmvn-iextractor=true", "--greedy_ivector_extractor=t", " --num_gselect=1"):
        (model / "conf/ivector.conf").write_text(f"{text}\n")
        assert np.abs(by_commands(model, clip, tmp_path)[1] - usual).mean() > 0.05 * np.abs(usual).mean(), text


def test_the_mark_of_an_extractor_trained_with_online_cmvn(model, clip, tmp_path):
    (model / "conf/ivector.conf").write_text("--online-cmvn-iextractor=true\n")
    expected = by_commands(model, clip, tmp_path)[1]
    (model / "conf/ivector.conf").unlink()
    (model / "extractor/online_cmvn_iextractor").touch()
    np.testing.assert_array_equal(by_commands(model, clip, tmp_path)[1], expected)
    np.testing.assert_array_equal(in_detection(model, clip)[1], expected)


def test_dither_is_off_in_both(model, clip, tmp_path):
    with (model / "conf/mfcc_hires.conf").open("a") as stream:
        stream.write("--dither=100\n--snip_edges = false\n")
    trained, detected = by_commands(model, clip, tmp_path)[0], in_detection(model, clip)[0]
    np.testing.assert_array_equal(trained, detected)
    assert len(trained) == 200, "--snip-edges=false is obeyed"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("conf/ivector.conf", "--num-gselct=2\n", "ivector.conf:1: unknown option --num-gselct=2; expected one of "),
        ("conf/ivector.conf", "\n--repeat=true\n", "ivector.conf:2: unknown option --repeat=true"),
        ("conf/ivector.conf", "num_gselect=2\n", "ivector.conf:1: 'num_gselect=2'; expected an option, --name=value"),
        ("conf/ivector.conf", "--num-gselect=two\n", "--num-gselect=two: expected a whole number"),
        ("conf/ivector.conf", "--min-post=0.7\n", "--min-post=0.7: expected at least 0 and below 0.5"),
        (
            "conf/ivector.conf",
            "--lda-matrix=exp/other.mat\n",
            "--lda-matrix=exp/other.mat; expected extractor/final.mat",
        ),
        ("conf/ivector.conf", "--config=conf/more.conf\n", "--config=conf/more.conf; within a configuration file"),
        ("conf/mfcc_hires.conf", "--subtract-mean=true\n", "unknown option --subtract-mean=true"),
        ("conf/mfcc_hires.conf", "--num-mel-bins=1\n", "mfcc_hires.conf: --num-mel-bins=1: expected"),
        ("extractor/online_cmvn.conf", "--modulus=3\n", "unknown option --modulus=3"),
        ("extractor/splice.conf", "--left-context=3 --right-context=3\n", "expected a whole number"),
        ("frame_subsampling_factor", "three\n", "'three'; expected how many frames"),
    ],
)
def test_what_is_unknown_is_refused_by_name_in_both(model, tmp_path, capsys, name, text, said):
    (model / name).write_text(text)
    assert main(["feats", "recogniser", str(model), str(tmp_path / "conf")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and str(model / name) in line
    assert not (tmp_path / "conf").exists()
    with pytest.raises(DataError) as error:
        AsrFeatures(model, "prefinal-l")
    assert str(error.value) == line


def test_damaged_configurations_are_refused_in_one_line(model):
    """Four hundred seeded mutations of the folder's small files: read, or refused by a short message."""
    rng = random.Random(4)
    (model / "conf/online_cmvn.conf").write_text("--cmn-window=600\n--speaker-frames=600\n")
    (model / "cmvn_opts").write_text("--config=conf/online_cmvn.conf --norm-vars=true --skip-dims=1:2\n")
    (model / "conf/ivector.conf").write_text("--num-gselect=5\n--greedy-ivector-extractor\n")
    (model / "online_cmvn").touch()
    shutil.copy(model / "extractor/global_cmvn.stats", model)
    names = ["cmvn_opts", "global_cmvn.stats", "frame_subsampling_factor", "conf/ivector.conf", "conf/mfcc_hires.conf"]
    names += ["conf/online_cmvn.conf", "extractor/splice.conf", "extractor/online_cmvn.conf"]
    whole = {name: (model / name).read_bytes() for name in names}
    pieces = [b"--", b"=", b"#", b"\n", 5000 * b"9", b"-1", b"nan", b"1e400", b"\xff", b"\0", b"--config=x", b":", b" "]
    refused = 0
    for _ in range(400):
        name = rng.choice(names)
        place = rng.randrange(len(whole[name]) + 1)
        change = rng.choice(pieces) if rng.random() < 0.7 else b""
        (model / name).write_bytes(whole[name][:place] + change + whole[name][place + rng.choice((0, 0, 1, 7)) :])
        try:
            read_model_folder(model).fingerprint()
        except DataError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 700, name
        (model / name).write_bytes(whole[name])
    assert 100 < refused < 400


def test_a_name_that_a_configuration_file_cannot_hold(model, tmp_path, capsys):
    model.rename(tmp_path / "asr#2")
    assert main(["feats", "recogniser", str(tmp_path / "asr#2"), str(tmp_path / "conf")]) == 2
    assert "cannot stand in Kaldi's configuration files" in capsys.readouterr().err
    assert main(["feats", "recogniser", str(tmp_path / "asr#2")]) == 0
