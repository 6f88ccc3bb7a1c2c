"""Options beside ``-``, which standard input has no use for, were ignored; so was a list's second file of one name; a
device that is not there ended in a traceback; a list on standard input was not read as a file is."""

import io
import sys

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.commands.detect import list_recordings
from pysed.errors import DataError


@pytest.mark.parametrize(
    "options",
    [["--out", "x.csv"], ["--format", "csv"], ["--one-event"], ["--jobs", "-3"], ["--channels", "9"], ["--top", "1"]],
)
def test_options_that_standard_input_has_no_use_for(tmp_path, capsys, options):
    assert main(["detect", "--model", str(make_model(tmp_path / "m")), *options, "-"]) == 2
    assert options[0] in capsys.readouterr().err


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


def test_a_list_on_standard_input_is_read_as_a_file_is(tmp_path, capsys, monkeypatch):
    model = str(make_model(tmp_path / "m"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9.wav\n")))
    assert main(["detect", "--model", model, "--files-from", "-"]) == 2
    assert "standard input:1: byte 0xe9 is not UTF-8" in capsys.readouterr().err
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"\ufeff{tmp_path}/a.wav\r\n".encode())))
    assert main(["detect", "--model", model, "--files-from", "-"]) == 0
