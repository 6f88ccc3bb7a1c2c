"""Channels that are each other's inverse vanish in their mean: nothing was found, and nothing said."""

import numpy as np
import pytest
import soundfile

from pysed.audio import AudioFile, read_audio

RATE_HZ = 16000


def channels(kind: str) -> np.ndarray:
    """(T, C): three seconds."""
    random = np.random.default_rng(2)
    one, two = random.normal(0, 0.1, (2, 3 * RATE_HZ))
    return {
        "inverted": np.stack([one, -one], axis=1),
        "inverted, noise": np.stack([one, -one + 0.02 * two], axis=1),
        "pairs": np.stack([one, -one, two, -two], axis=1),
        "same": np.stack([one, one], axis=1),
        "independent": np.stack([one, two], axis=1),
        "one silent": np.stack([one, 0 * one], axis=1),
        "sixty-four": random.normal(0, 0.1, (3 * RATE_HZ, 64)),
        "silence": np.zeros((3 * RATE_HZ, 2)),
    }[kind]


@pytest.mark.parametrize("kind", ["inverted", "inverted, noise", "pairs"])
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_warning(tmp_path, kind, name, capsys):
    soundfile.write(tmp_path / name, channels(kind), RATE_HZ)
    read_audio(tmp_path / name)
    read_audio(tmp_path / name)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name}: its channels cancel each other" in line and "dB" in line


@pytest.mark.parametrize("kind", ["same", "independent", "one silent", "sixty-four", "silence"])
def test_no_warning(tmp_path, kind, capsys):
    expected = channels(kind)
    soundfile.write(tmp_path / "a.wav", expected, RATE_HZ, subtype="FLOAT")
    with AudioFile(tmp_path / "a.wav") as audio:
        found = np.concatenate([audio.read(start, 1.0) for start in range(3)])
    assert found == pytest.approx(expected.mean(axis=1), abs=1e-6)
    assert capsys.readouterr().err == ""
