"""Audio in and out: parts, faults, rounding, and the resampler against an ideal one."""

import numpy as np
import pytest
import soundfile

from pysed.audio import read_audio, resample, write_wav
from pysed.errors import DataError


def test_parts_and_channels(tmp_path):
    stereo = np.stack([np.linspace(-0.5, 0.5, 8000), np.zeros(8000)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 8000, subtype="FLOAT")
    samples, rate_hz = read_audio(tmp_path / "a.wav", 0.25, 0.5)
    assert rate_hz == 8000 and samples == pytest.approx(stereo[2000:6000, 0] / 2, abs=1e-6)


@pytest.mark.parametrize("part", [(-0.1, 0.2), (0.9, 0.2), (0.5, 0.0)])
def test_parts_outside_are_refused(tmp_path, part):
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    with pytest.raises(DataError, match="is not inside"):
        read_audio(tmp_path / "a.wav", *part)


def test_sixteen_bits_are_rounded_and_clipped(tmp_path):
    write_wav(tmp_path / "a.wav", np.array([0.0, 1.4 / 32768, 1.6 / 32768, 2.0, -2.0]), 16000)
    assert soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [0, 1, 2, 32767, -32768]


def test_resampling_keeps_tones_and_drops_what_does_not_fit():
    time = np.arange(44100) / 44100
    kept, dropped = (resample(np.sin(2 * np.pi * hz * time), 44100, 16000) for hz in (1000, 9000))
    wanted = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert np.abs(kept - wanted)[400:-400].max() < 1e-4
    assert np.abs(dropped)[400:-400].max() < 1e-4
