"""``pysed score`` as a user meets it."""

import json

import numpy as np
import pytest
import soundfile

from pysed.cli import main


@pytest.fixture
def lists(tmp_path):
    (tmp_path / "ref.tsv").write_text("audio/a.wav\t1.0\t2.0\tcry\naudio/b.wav\naudio/c.wav\t3\t4\tcry\n")
    (tmp_path / "out.tsv").write_text("a.wav\t1.2\t2.0\tcry\nb.wav\n")
    return tmp_path


def score(folder, *more, reference="ref.tsv", detected="out.tsv", event="cry"):
    options = ["--reference", folder / reference, "--detected", folder / detected, "--event", event, *more]
    return main(["score", *map(str, options)])


def test_score(lists, capsys):
    assert score(lists, "--out", lists / "deep/score.json") == 0
    out, err = capsys.readouterr()
    assert "ER 0.50" in out and "3 files" in out
    assert "1 of 3 files" in err and "c.wav" in err
    written = json.loads((lists / "deep/score.json").read_text())
    assert written["event"] == "cry" and written["deletions"] == 1 and written["num_files"] == 3


def test_data_directory_as_reference(lists, capsys):
    data = lists / "data"
    data.mkdir()
    (data / "wav.scp").write_text("u1 some/where/a.wav\nu2 where/b.wav\nu3 sox c.flac - |\n")
    (data / "events.tsv").write_text("u1\t1.0\t2.0\tcry\n")
    assert score(lists, reference="data") == 0
    out, err = capsys.readouterr()
    assert "ER 0.00" in out and "3 files" in out and "u3.wav" in err
    (data / "events.tsv").write_text("")
    assert score(lists, reference="data") == 0
    assert "ER n/a" in capsys.readouterr().out
    (data / "events.tsv").write_text("u9\t1.0\t2.0\tcry\n")
    assert score(lists, reference="data") == 2
    assert "u9" in capsys.readouterr().err
    (data / "wav.scp").write_text("u1\n")
    assert score(lists, reference="data") == 2
    assert "wav.scp:1" in capsys.readouterr().err
    (data / "wav.scp").write_text("u1 a/x.wav\nu2 b/x.wav\n")
    assert score(lists, reference="data") == 2
    (data / "events.tsv").unlink()
    assert score(lists, reference="data") == 2
    (data / "wav.scp").unlink()
    assert score(lists, reference="data") == 2


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        ({}, {"reference": "none.tsv"}, ["none.tsv", "no such file"]),
        ({}, {"detected": "none.tsv"}, ["none.tsv", "no such file"]),
        ({}, {"event": "thunder"}, ["thunder", "cry"]),
        ({"out.tsv": "z.wav\n"}, {}, ["out.tsv", "z.wav", "not in the reference"]),
        ({"out.tsv": "a.wav\t2\t1\tcry\n"}, {}, ["out.tsv:1", "offset"]),
        ({"ref.tsv": "x/a.wav\ny/a.wav\n"}, {}, ["a.wav", "more than one folder"]),
    ],
)
def test_errors_are_one_line_and_exit_2(lists, capsys, files, options, words):
    for name, text in files.items():
        (lists / name).write_text(text)
    assert score(lists, **options) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and all(word in err for word in words)


def test_bad_options(lists, capsys):
    for arguments in ([], ["--reference", "x"], ["--nonsense"]):
        assert main(["score", *arguments]) == 2
    assert score(lists, "--audio", lists) == 2
    assert "--plot" in capsys.readouterr().err


def test_plot(lists, capsys):
    assert score(lists, "--plot", lists / "plots") == 0
    for name in ("a.wav.png", "b.wav.png", "c.wav.png"):
        assert (lists / "plots" / name).read_bytes()[:4] == b"\x89PNG"


def test_plot_with_audio(lists, capsys):
    pytest.importorskip("pysed.audio")
    for name in "abc":
        soundfile.write(lists / f"{name}.wav", np.random.default_rng(0).normal(0, 0.1, 32000), 16000)
    assert score(lists, "--plot", lists / "plots", "--audio", lists) == 0
    assert (lists / "plots/a.wav.png").stat().st_size > 10000
    (lists / "b.wav").unlink()
    assert score(lists, "--plot", lists / "plots2", "--audio", lists) == 2
    assert "b.wav" in capsys.readouterr().err and not (lists / "plots2").exists()
