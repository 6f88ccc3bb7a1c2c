"""Options for files beside ``-`` were ignored; so was a list's second file of one name; a
device that is not there ended in a traceback; a list on standard input was not read as a file is."""

import io
import sys

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.recordings import list_recordings
from pysed.errors import DataError


def pipe_in(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def wav_bytes(num_samples):
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).normal(0, 0.1, num_samples), 16000, "PCM_16", format="WAV")
    return file.getvalue()


@pytest.mark.parametrize(
    "options", [["--format", "tsv"], ["--format", "json"], ["--top", "1"], ["--channels", "1"], ["--one-event"]]
)
def test_options_for_files_hold_for_standard_input(tmp_path, capsys, monkeypatch, options):
    """Standard input with them is a file of the same sound."""
    command = ["detect", "--model", str(make_model(tmp_path / "m")), "--threshold", "0.001", *options]
    (tmp_path / "stdin").write_bytes(wav_bytes(5 * 16000))
    assert main([*command, str(tmp_path / "stdin")]) == 0
    of_file = capsys.readouterr().out
    pipe_in(monkeypatch, wav_bytes(5 * 16000))
    assert main([*command, "-"]) == 0
    assert capsys.readouterr().out == of_file and "stdin" in of_file


def test_outputs_of_standard_input(tmp_path, monkeypatch):
    model = str(make_model(tmp_path / "m"))
    pipe_in(monkeypatch, wav_bytes(16000))
    places = ["--out-dir", f"{tmp_path}/o", "--clips", f"{tmp_path}/c", "--counts", f"{tmp_path}/n.tsv"]
    assert main(["detect", "--model", model, *places, "--start", "2024-01-31T05:45:00", "-"]) == 0
    assert (tmp_path / "o/stdin.tsv").is_file() and (tmp_path / "c/clips.tsv").is_file()
    assert "2024-01-31" in (tmp_path / "n.tsv").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--jobs", "-3"], "--jobs -3"),
        (["--channels", "9", "--out", "x.tsv"], "standard input: "),
        (["--out", "x.tsv", "--out-dir", "y"], "--out and --out-dir"),
        (["--files-from", "x"], "--files-from"),
        (["--format", "tsv"], "standard input: not readable"),
    ],
)
def test_what_standard_input_cannot_have(tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    pipe_in(monkeypatch, b"none" if options == ["--format", "tsv"] else wav_bytes(16000))
    assert main(["detect", "--model", str(make_model(tmp_path / "m")), *options, "-"]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "x.tsv").exists()


def test_two_files_of_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "x"):
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / "a.wav", np.zeros(100), 16000)
    with pytest.raises(DataError, match=r"second file named a\.wav"):
        list_recordings(["x/a.wav"], ["a.wav"])
    assert list_recordings(["a.wav"], ["./a.wav", "x/a.wav"]).keys() == {"a.wav", "./a.wav", "x/a.wav"}


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", ""])
def test_a_device_that_is_not_there(tmp_path, capsys, device):
    assert main(["detect", "--model", str(make_model(tmp_path / "m")), "--device", device, "a.wav", "b.wav"]) == 2
    message = capsys.readouterr().err
    assert f"device {device!r}" in message and message.count("\n") == 1


def test_a_list_on_standard_input_is_read_as_a_file_is(tmp_path, capfd, monkeypatch):
    model = str(make_model(tmp_path / "m"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9.wav\n")))
    assert main(["detect", "--model", model, "--files-from", "-"]) == 3
    assert "caf" in (message := capfd.readouterr().err) and "no such audio file" in message
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\0.wav\n")))
    assert main(["detect", "--model", model, "--files-from", "-"]) == 2
    assert "standard input:1: a zero byte" in capfd.readouterr().err
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"\ufeff{tmp_path}/a.wav\r\n".encode())))
    assert main(["detect", "--model", model, "--files-from", "-"]) == 0
