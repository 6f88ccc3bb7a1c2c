"""A long file name ended a whole ``pysed detect --out-dir`` run, since the temporary name was longer still, and no
recording after it was written; a picture that could not be written took the detections with it."""

import os

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.atomic import atomic_open, temporary_beside
from pysed.cli import main
from pysed.detect.archive import Analyser

FITS = "b" + "é" * 120 + ".wav"  # 245 bytes, and 249 with a suffix
LONG = "b" + "é" * 124 + ".wav"  # 253: with a suffix no disk takes it


def prepare(tmp_path, name):
    (tmp_path / "in").mkdir()
    for number, each in enumerate(("a.wav", name, "c.wav")):
        soundfile.write(tmp_path / "in" / each, np.random.default_rng(number).normal(0, 0.1, 48000), 16000)
    return ["detect", "--model", str(make_model(tmp_path / "m")), "--threshold", "0.001"]


@pytest.mark.parametrize(("name", "code"), [(FITS, 0), (LONG, 3)])
def test_a_file_for_each(tmp_path, capsys, name, code):
    command = prepare(tmp_path, name)
    assert main([*command, "--out-dir", str(tmp_path / "out"), str(tmp_path / "in")]) == code
    left = {".pysed-detect.journal"} if code else set()  # of files that failed, so that those alone are tried again
    assert {path.name for path in (tmp_path / "out").iterdir()} == left | {
        f"{each}.tsv" for each in ("a.wav", name, "c.wav") if each != LONG
    }
    said = capsys.readouterr().err
    assert (f"{name}.tsv: cannot be written (File name too long); rename" in said) == (code == 3)
    assert said.count("\n") == (code == 3)


@pytest.mark.parametrize(("name", "code"), [(FITS, 0), (LONG, 3)])
def test_pictures(tmp_path, capsys, name, code):
    pytest.importorskip("matplotlib")
    command = prepare(tmp_path, name)
    plain, drawn, clips = (tmp_path / each for each in ("plain.tsv", "drawn.tsv", "clips"))
    assert main([*command, "--out", str(plain), str(tmp_path / "in")]) == 0
    options = ["--plot", str(tmp_path / "plots"), "--clips", str(clips), "--out", str(drawn)]
    assert main([*command, *options, str(tmp_path / "in")]) == code
    assert drawn.read_bytes() == plain.read_bytes() and plain.read_text().count(name)
    assert len(list((tmp_path / "plots").iterdir())) == (2 if code else 3)
    listed = [row.split("\t")[0] for row in (clips / "clips.tsv").read_text().splitlines()[1:]]
    assert sorted(listed) == sorted(path.name for path in clips.glob("*.wav")) and listed
    said = capsys.readouterr().err
    assert ("File name too long" in said) == (code == 3) and said.count("\n") == (code == 3)
    if code:  # by itself, too
        assert main([*command, "--plot", str(tmp_path / "plots"), str(tmp_path / "in" / name)]) == 3
        out, said = capsys.readouterr()
        assert out.count(name) and "File name too long" in said


def test_a_full_disk_stops_at_once(tmp_path, capsys, monkeypatch):
    """As each file would fail; the journal stays, so that what was found is not lost."""
    command = prepare(tmp_path, "b.wav")
    analyse, seen = Analyser.analyse, []
    monkeypatch.setattr(Analyser, "analyse", lambda self, name, path: seen.append(name) or analyse(self, name, path))

    def full(path, *arguments, **options):
        raise OSError(28, os.strerror(28), str(path))

    monkeypatch.setattr("pysed.commands.detect.atomic_open", full)
    assert main([*command, "--out-dir", str(tmp_path / "out"), str(tmp_path / "in")]) == 2
    assert "No space left on device" in capsys.readouterr().err and seen == ["a.wav"]
    assert (tmp_path / "out/.pysed-detect.journal").is_file()


@pytest.mark.parametrize("length", [1, 90, 100, 101, 200, 254, 255])
@pytest.mark.parametrize("letter", ["x", "é", "婴"])
def test_temporary_names_are_no_longer_than_long_names(tmp_path, length, letter):
    width = len(letter.encode())
    path = tmp_path / (letter * (length // width) + "y" * (length % width))
    temporary = temporary_beside(path)
    assert len(os.fsencode(temporary.name)) <= max(length, 120) and temporary.name.endswith(f".{os.getpid()}.tmp")
    assert temporary_beside(path.with_name(path.name[:-1] + "z")) != temporary
    with atomic_open(path) as stream:
        stream.write("whole")
    assert path.read_text() == "whole" and [path] == list(tmp_path.iterdir())
