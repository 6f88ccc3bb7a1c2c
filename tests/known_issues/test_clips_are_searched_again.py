"""``pysed detect --clips`` into the folder that is searched took the clips of an interrupted or earlier run for
recordings: other rows than undisturbed, and clips of clips."""

import shutil

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.archive import Analyser
from pysed.detect.clips import clip_name, is_clip
from pysed.detect.decide import Detection


@pytest.fixture
def place(tmp_path, monkeypatch):
    make_model(tmp_path / "m")
    (tmp_path / "ar").mkdir()
    monkeypatch.chdir(tmp_path / "ar")
    for name in "abc":
        soundfile.write(f"{name}.wav", np.random.default_rng(ord(name)).normal(0, 0.1, 48000), 16000)
    return tmp_path


def detect(*inputs, clips="clips"):
    return main(["detect", "--model", "../m", "--threshold", "0.45", "--clips", clips, "--out", "../e.tsv", *inputs])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("clips", ["clips", "."])
def test_a_run_that_goes_on_gives_what_an_undisturbed_one_does(place, monkeypatch, capsys, clips):
    assert detect(".", clips=clips) == 0
    whole = contents(place)
    assert len([path for path in whole if is_clip(path.name)]) > 1
    for path in whole:
        if is_clip(path.name) or path.name in ("e.tsv", "clips.tsv"):
            (place / path).unlink()
    analyse = Analyser.analyse

    def stop(self, name, path):
        if name == "b.wav":
            raise KeyboardInterrupt
        return analyse(self, name, path)

    monkeypatch.setattr(Analyser, "analyse", stop)
    assert detect(".", clips=clips) == 130
    monkeypatch.setattr(Analyser, "analyse", analyse)
    capsys.readouterr()
    for _ in range(2):  # that goes on, and that comes again
        assert detect(".", clips=clips) == 0
        assert contents(place) == whole
    assert "clips of detections left out" in capsys.readouterr().err


def test_what_else_lies_there_or_is_named_is_searched(place, capsys):
    assert detect(".") == 0
    shutil.copy("a.wav", "clips/other.wav")
    clip = next(path for path in (place / "ar/clips").iterdir() if is_clip(path.name))
    assert detect("clips") == 0
    names = {line.split("\t")[0] for line in (place / "e.tsv").read_text().splitlines()[1:]}
    assert names == {"other.wav"}
    assert detect("a.wav", str(clip)) == 0 and clip.name in (place / "e.tsv").read_text()
    (place / "ar/clips/other.wav").unlink()
    capsys.readouterr()
    assert detect("clips") == 2
    assert "no audio but clips" in capsys.readouterr().err.splitlines()[-1]


def test_names_of_clips():
    event = Detection(12.3, 13.0, "cry", 0.5, 2)
    assert all(is_clip(clip_name(name, event, model)) for name in ("a.wav", "", "é/x y.flac") for model in (0, 1))
    assert not any(map(is_clip, ("SITE_20240131_054500.wav", "a.wav", "5DEADBEEF.WAV", "x_0123abcd.wav")))
