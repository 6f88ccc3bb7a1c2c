"""A file that was cut off was taken without a word by one reader and refused by another; one bad file stopped all."""

import numpy as np
import pytest
import soundfile
from own_corpus import make_own_corpus
from small_detector import make_model

from pysed.audio import refuse_damage
from pysed.cli import main

RATE_HZ = 16000


@pytest.fixture(autouse=True)
def lenient():
    """The policy is the process's: put it back."""
    yield
    refuse_damage(False)


@pytest.mark.parametrize(
    "name", ["a.wav", "a.flac", "a.aiff", "a.au", "a.w64", "a.rf64", "a.nist", "a.voc", "a.caf", "a.mp3", "a.ogg"]
)
def test_detection_warns_and_strict_refuses(tmp_path, name, capsys):
    model = str(make_model(tmp_path / "model"))
    kind = {"nist": "NIST", "rf64": "RF64", "w64": "W64"}.get(name[2:])
    soundfile.write(tmp_path / name, np.random.default_rng(0).normal(0, 0.1, 3 * RATE_HZ), RATE_HZ, format=kind)
    call = ["detect", "--model", model, str(tmp_path / name)]
    assert main([*call, "--strict"]) == 0 and capsys.readouterr().err == ""
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    assert main(call) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name}: " in line and "cut off" in line and "s can be read" in line
    assert main([*call, "--strict"]) == 2
    out, err = capsys.readouterr()
    assert name in err and err.count("\n") == 1 and not out


def test_own_corpus_warns_and_strict_refuses(tmp_path, capsys):
    random = np.random.default_rng(0)
    for place, length_s in (("clips/bell", 1), ("places", 65)):
        (tmp_path / place).mkdir(parents=True)
        for index in range(4):
            soundfile.write(tmp_path / place / f"{index}.wav", random.normal(0, 0.1, length_s * RATE_HZ), RATE_HZ)
    path = tmp_path / "places/2.wav"
    path.write_bytes(path.read_bytes()[: 44 + 2 * RATE_HZ * 40])
    assert make_own_corpus(tmp_path, "--strict") == 2
    assert "2.wav: cut off or damaged: 40.000 s of the announced 65.000 s" in capsys.readouterr().err
    assert make_own_corpus(tmp_path) == 0
    assert "2.wav: cut off or damaged: 40.000 s of the announced 65.000 s" in capsys.readouterr().err
    assert len(list((tmp_path / "o/source_data/bgs/audio").iterdir())) == 7
