"""Outputs replaced what the command had read, a detector's network among it; ``.`` as an output ended in a traceback
after the work."""

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "m")
    soundfile.write("a.wav", np.zeros(16000), 16000)
    (tmp_path / "r.tsv").write_text("a.wav\t0.1\t0.5\tcry\n")
    (tmp_path / "list").write_text("a.wav\n")
    (tmp_path / "kd").mkdir()
    (tmp_path / "kd/events.tsv").write_text("a\t0.1\t0.5\tcry\n")
    (tmp_path / "kd/wav.scp").write_text("a a.wav\n")
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "command",
    [
        "detect --model m --out a.wav a.wav",
        "detect --model m --out list --files-from list",
        "detect --model m --counts a.wav a.wav",
        "detect --model m --out m/final.pt a.wav",
        "score --reference kd --detected r.tsv --event cry --out kd/events.tsv",
        "score --reference r.tsv --detected r.tsv --event cry --out ./r.tsv",
        "tune --model m --ambience a.wav --per-day 1e6 --best-effort --out m/final.pt",
        "tune --model m --ambience a.wav --per-day 1e6 --best-effort --out a.wav",
    ],
)
def test_an_input_stays(place, capsys, command):
    before = contents(place)
    assert main(command.split()) == 2
    message = capsys.readouterr().err
    assert "in the place of an input" in message and message.count("\n") == 1
    assert contents(place) == before


@pytest.mark.parametrize(
    "command",
    [
        "export m .",
        "score --reference r.tsv --detected r.tsv --event cry --out .",
        "tune --model m --ambience a.wav --per-day 1e6 --best-effort --out .",
        "review r.tsv --out .",
        "fetch vosk m .",
    ],
)
def test_a_folder_by_where_it_is(place, capsys, command):
    before = contents(place)
    assert main(command.split()) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "." in message and "Traceback" not in message
    assert contents(place) == before


def test_two_outputs_of_one_name(place, capsys):
    assert main(["detect", "--model", "m", "--out", "t.tsv", "--counts", "./t.tsv", "a.wav"]) == 2
    assert "t.tsv: an output in the place of another" in capsys.readouterr().err and not (place / "t.tsv").exists()
