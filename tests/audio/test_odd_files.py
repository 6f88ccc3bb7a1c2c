"""Many kinds of odd audio: each is read rightly, or refused in one line that names it."""

import numpy as np
import pytest
import soundfile

from pysed.audio import AudioBlocks, AudioFile, Resampler, read_audio
from pysed.errors import DataError

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 4000)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 1 / 127), ("PCM_16", 1e-4), ("PCM_24", 1e-6), ("PCM_32", 1e-6), ("FLOAT", 1e-7), ("DOUBLE", 1e-7),
     ("ULAW", 0.02), ("ALAW", 0.02)],
)  # fmt: skip
def test_codings(tmp_path, subtype, tolerance):
    soundfile.write(tmp_path / "a.wav", NOISE, 16000, subtype=subtype)
    assert read_audio(tmp_path / "a.wav")[0] == pytest.approx(NOISE, abs=tolerance)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "G721_32", "GSM610"])
def test_codings_in_blocks(tmp_path, subtype):
    tone = 0.5 * np.sin(np.arange(8000) / 20)
    soundfile.write(tmp_path / "a.wav", tone, 8000, subtype=subtype, format="WAV")
    found, _ = read_audio(tmp_path / "a.wav")
    assert len(found) >= 8000 and np.corrcoef(found[:8000], tone)[0, 1] > 0.98


@pytest.mark.parametrize(
    "name", ["a.aiff", "a.au", "a.caf", "a.w64", "a.voc", "a.flac", "a.rf64", "a.nist", "a.wavex", "a.svx"]
)
def test_containers(tmp_path, name):
    soundfile.write(tmp_path / name, NOISE, 16000, format=name[2:].upper(), subtype="PCM_16")
    found, rate_hz = read_audio(tmp_path / name)
    assert rate_hz == 16000 and found == pytest.approx(NOISE, abs=1e-4)


@pytest.mark.parametrize(
    ("rate_hz", "count"), [(48000, 1), (48000, 2), (16000, 1), (8000, 1), (192000, 3), (10_000_000, 5)]
)
def test_hardly_any_samples(tmp_path, rate_hz, count):
    soundfile.write(tmp_path / "a.wav", NOISE[:count], rate_hz, subtype="FLOAT")
    with AudioFile(tmp_path / "a.wav") as audio:
        assert audio.read() == pytest.approx(NOISE[:count], abs=1e-7)
    assert np.concatenate(list(AudioBlocks(tmp_path / "a.wav"))) == pytest.approx(NOISE[:count], abs=1e-7)


@pytest.mark.parametrize("rate_hz", [100, 1000, 192000, 10_000_000])
def test_extreme_rates(tmp_path, rate_hz):
    """A tone that fits any rate, against the same tone at 16 kHz."""
    seconds, hz = 20_000 / rate_hz, 25 if rate_hz < 16000 else 4000
    soundfile.write(
        tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * hz * np.arange(20_000) / rate_hz), rate_hz, subtype="FLOAT"
    )
    resampler = Resampler(rate_hz, 16000)
    pieces = [resampler.push(block) for block in AudioBlocks(tmp_path / "a.wav", block_s=seconds / 7)]
    window = np.concatenate([*pieces, resampler.push(np.zeros(0), True)])[: 30 * 16000]
    length = round(min(30.0, seconds) * 16000)
    middle = slice(length // 4, length * 3 // 4)
    expected = 0.5 * np.sin(2 * np.pi * hz * np.arange(length) / 16000)
    assert np.abs(window[:length] - expected)[middle].max() < 2e-2


@pytest.mark.parametrize("count", [3, 64, 1000])
def test_many_channels(tmp_path, count):
    channels = NOISE[:3000, None] * np.linspace(0.1, 1, count)
    soundfile.write(tmp_path / "a.wav", channels, 16000, subtype="FLOAT")
    assert read_audio(tmp_path / "a.wav")[0] == pytest.approx(channels.mean(axis=1), abs=1e-5)


def bad_files() -> dict[str, bytes]:
    """Name → content."""
    header = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
    rest = b"\2\0\x10\0data"
    return {
        "empty.wav": b"",
        "one.wav": b"R",
        "sync.mp3": b"\xff\xfb",
        "text.wav": b"this is text\n" * 100,
        "header.wav": header,
        "none.wav": header + b"\x80\x3e\0\0\0\x7d\0\0" + rest + bytes(4),
        "slow.wav": header + b"\1\0\0\0\2\0\0\0" + rest + b"\2\0\0\0ab",
        "fast.wav": header + b"\xff\xff\xff\x7f\xfe\xff\xff\xff" + rest + b"\2\0\0\0ab",
        "zeros.flac": bytes(5000),
        "magic.flac": b"fLaC",
        "magic.ogg": b"OggS" + bytes(50),
        "tag.mp3": b"ID3\4\0\0\0\0\2\0" + bytes(256),
        "noise.mp3": np.random.default_rng(0).bytes(20000),
        "x.m4a": b"\0\0\0\x20ftypM4A " + bytes(500),
        "x.raw": bytes(500),
    }


@pytest.mark.parametrize("name", bad_files())
def test_what_cannot_be_read_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(bad_files()[name])
    with pytest.raises(DataError, match=name) as caught:
        read_audio(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.wav"):
        with pytest.raises(DataError, match="no such audio file"):
            read_audio(path)
