"""One sample that is not a number hid the events around it, or made a whole clip one event, without a word."""

import numpy as np
import pytest
import soundfile
from own_corpus import make_own_corpus
from small_detector import make_model

from pysed import Detector
from pysed.audio import duration_of, read_audio
from pysed.cli import main
from pysed.errors import DataError

RATE_HZ = 16000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """(T,) float64."""
    return np.random.default_rng(seed).normal(0, 0.05, round(seconds * RATE_HZ))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", "FLOAT"), ("a.wav", "DOUBLE"), ("a.aiff", "FLOAT"), ("a.au", "FLOAT"), ("a.caf", "FLOAT")],
)
def test_it_is_named_with_its_time(tmp_path, name, subtype, value):
    samples = noise(3)
    samples[2 * RATE_HZ] = value
    soundfile.write(tmp_path / name, samples, RATE_HZ, subtype=subtype)
    with pytest.raises(DataError, match=rf"{name}: a sample that is not a finite number at 2\.000 s"):
        read_audio(tmp_path / name)
    assert len(read_audio(tmp_path / name, 0.0, 1.0)[0]) == RATE_HZ, "a part without it is good"


def test_in_one_of_several_channels_or_cancelling(tmp_path):
    samples = np.stack([noise(1)] * 2, axis=1)
    samples[800] = np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")
    with pytest.raises(DataError, match=r"at 0\.050 s"):
        read_audio(tmp_path / "a.wav")


def test_detection_names_the_file_and_goes_on_with_the_others(tmp_path, capsys):
    model = str(make_model(tmp_path / "model"))
    bad = noise(70)
    bad[50 * RATE_HZ] = np.nan
    soundfile.write(tmp_path / "bad.wav", bad, RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "good.wav", noise(2), RATE_HZ)
    assert main(["detect", "--model", model, str(tmp_path / "bad.wav")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["detect", "--model", model, str(tmp_path / "bad.wav"), str(tmp_path / "good.wav")]) == 3
    out, err = capsys.readouterr()
    assert "bad.wav" in err and "at 50.000 s" in err and err.count("\n") == 1
    assert "\ngood.wav" in out and "bad" not in out


def test_samples_of_a_program_are_looked_at(tmp_path):
    bad = noise(2).astype(np.float32)
    bad[8000] = np.nan
    with pytest.raises(DataError, match=r"at 0\.500 s"):
        Detector.load(make_model(tmp_path / "model")).detect(bad, RATE_HZ)


def test_own_corpus_refuses_a_clip_or_background_with_one(tmp_path, capsys):
    for folder, length_s, names in (("clips/bell", 2, "abcd"), ("places", 31, "efgh")):
        (tmp_path / folder).mkdir(parents=True)
        for seed, name in enumerate(names):
            samples = noise(length_s, seed)
            if name in "cg":
                samples[RATE_HZ] = np.nan
            soundfile.write(tmp_path / folder / f"{name}.wav", samples, RATE_HZ, subtype="FLOAT")
    for name in "cg":
        assert make_own_corpus(tmp_path) == 2
        assert f"{name}.wav: a sample that is not a finite number at 1.000 s" in capsys.readouterr().err
        assert not (tmp_path / "o").exists()
        next(tmp_path.rglob(f"{name}.wav")).unlink()
    assert make_own_corpus(tmp_path) == 0


def test_values_beyond_full_scale_are_said(tmp_path, capsys):
    """16-bit values in a float file would be clipped to nothing but clicks."""
    soundfile.write(tmp_path / "a.wav", noise(1) * 32768, RATE_HZ, subtype="FLOAT")
    read_audio(tmp_path / "a.wav")
    (line,) = capsys.readouterr().err.splitlines()
    assert "a.wav: values up to" in line and "expected -1 to 1" in line
    assert duration_of(tmp_path / "a.wav") == 1.0
