"""``pysed review`` and ``pysed corpus extend`` took the first of two recordings of one name, so the wrong sound."""

import numpy as np
import pytest
import soundfile

from pysed.cli import main
from pysed.corpus.reviewed import COLUMNS, find_audio
from pysed.errors import DataError


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, rate_hz in (("A1/x.wav", 16000), ("A2/x.wav", 44100), ("A2/y.wav", 16000)):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        soundfile.write(place, np.random.default_rng(rate_hz).normal(0, 0.1, 8 * rate_hz), rate_hz)
    return tmp_path


def refused(capsys, *command):
    assert main([*map(str, command), "--audio", "A1", "--audio", "A2", "--out", "out"]) == 2
    message = capsys.readouterr().err
    assert "x.wav: may be A1/x.wav or A2/x.wav; give" in message and message.count("\n") == 1


def test_the_page_refuses_them(work, capsys):
    head = "filename\tonset\toffset\tevent_label\tscore\n"
    (work / "a.tsv").write_text(f"{head}x.wav\t2\t3\tbell\t0.9\ny.wav\t2\t3\tbell\t0.9\n")
    refused(capsys, "review", "a.tsv")
    (work / "l.tsv").write_text("\t".join(COLUMNS) + "\nrejected\tx.wav\t2\t3\tbell\t2\t3\t0.9\n")
    refused(capsys, "review", "a.tsv", "--reviewed", "l.tsv")  # a label of either recording
    assert not (work / "out").exists()
    assert main(["review", "a.tsv", "--audio", "A2", "--audio", "A2/x.wav", "--out", "out"]) == 0


def test_an_extended_corpus_refuses_them(work, capsys):
    for kind, length_s in (("clips/bell", 1), ("places", 31)):
        (work / kind).mkdir(parents=True)
        for index in range(3):
            noise = np.random.default_rng(index).normal(0, 0.1, length_s * 8000)
            soundfile.write(f"{kind}/{index}.wav", noise, 8000)
    assert main(["corpus", "own", "--events", "clips", "--backgrounds", "places", "--out", "own"]) == 0
    (work / "l.tsv").write_text("\t".join(COLUMNS) + "\naccepted\tx.wav\t2\t5\tbell\t2\t5\t1\n")
    refused(capsys, "corpus", "extend", "own", "--labels", "l.tsv")
    assert not (work / "out").exists()


def test_files_and_links(work):
    (work / "A3").mkdir()
    (work / "A3/x.wav").symlink_to("../A1/x.wav")
    folders = [work / name for name in ("A1", "A2", "A3")]
    assert find_audio("x.wav", [folders[0], folders[2], folders[0] / "x.wav"]) == folders[0] / "x.wav"
    with pytest.raises(DataError, match="may be"):
        find_audio("x.wav", [folders[2], folders[1] / "x.wav"])
