"""``pysed listen --rate`` heard the header of a wav file as samples, ``--raw-format`` and ``--raw-channels`` without
``--rate`` were ignored, and a wav stream of 24 bits was refused."""

import io
import sys

import numpy as np
import pytest
import soundfile
from small_detector import make_model

from pysed.cli import main
from pysed.detect.sound_input import SoundInput
from pysed.errors import DataError

SAMPLES = np.random.default_rng(1).uniform(-0.9, 0.9, (9000, 2))


def file_bytes(kind, subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, 44100, subtype, format=kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("WAV", "wav"), ("WAVEX", "wav"), ("RF64", "wav"), ("FLAC", "FLAC"), ("AIFF", "AIFF"), ("CAF", "CAF")],
)
def test_files_are_no_raw_samples(tmp_path, monkeypatch, capsys, kind, name):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file_bytes(kind))))
    assert main(["listen", "--model", str(make_model(tmp_path / "m")), "--rate", "44100"]) == 2
    said = capsys.readouterr().err
    assert f"standard input: a {name} file; expected raw samples with --rate" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--raw-format", "f32"],
        ["--raw-channels", "2"],
        ["--raw-channels", "1"],
        ["--raw-format", "f32", "--microphone"],
    ],
)
def test_options_of_raw_samples_need_some(tmp_path, monkeypatch, capsys, options):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file_bytes("WAV"))))
    assert main(["listen", "--model", str(make_model(tmp_path / "m")), *options]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{options[0]} {options[1]}: for raw samples") and "expected --rate" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
def test_wav_of_24_bits(kind):
    sound = SoundInput(io.BytesIO(file_bytes(kind, "PCM_24")))
    assert sound.rate_hz == 44100
    assert np.concatenate(list(sound)) == pytest.approx(SAMPLES.mean(axis=1), abs=3e-7)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9000])
def test_raw_samples_are_heard_from_the_first_to_the_last(count):
    values = np.arange(count) % 200 - 100
    raw = {"s16": values.astype("<i2").tobytes(), "u8": (values + 128).astype("u1").tobytes()}
    raw["s24"] = b"".join(int(each).to_bytes(3, "little", signed=True) for each in values)
    for kind, scale in (("s16", 2**15), ("s24", 2**23), ("u8", 128)):
        found = np.concatenate([np.empty(0), *SoundInput(io.BytesIO(raw[kind]), 8000, 1, kind)])
        assert found == pytest.approx(values / scale, abs=1e-7)


def test_other_codings_are_refused_still():
    with pytest.raises(DataError, match="coding 7, 8 bits; expected PCM of 8, 16, 24 or 32 bits"):
        SoundInput(io.BytesIO(file_bytes("WAV", "ULAW")))
