"""What libsndfile does not read is decoded by ffmpeg; names and contents are data; without ffmpeg all is as told."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from pysed.audio import AudioBlocks, AudioFile, duration_of, read_audio, refuse_damage
from pysed.audio.decoder import Decoder
from pysed.audio.folders import find_recordings
from pysed.errors import DataError

RATE_HZ = 44100
_TIME_S = np.arange(2 * RATE_HZ) / RATE_HZ
SWEEP = 0.4 * np.sin(2 * np.pi * (300 + 200 * _TIME_S) * _TIME_S)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    path = tmp_path_factory.mktemp("ffmpeg") / "sweep.wav"
    soundfile.write(path, np.stack([SWEEP, 0.5 * SWEEP], axis=1), RATE_HZ)
    return path


@pytest.fixture(scope="module")
def m4a(wav):
    """The bytes of the sweep as m4a."""
    return encode(wav, wav.with_suffix(".m4a")).read_bytes()


def encode(wav, path, *options):
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", wav, *options, f"file:{path}"]
    subprocess.run(command, check=True)
    return path


def likeness(found: np.ndarray, rate_hz: int) -> float:
    """Highest correlation with the sweep, whatever the codec's delay."""
    place = np.arange(len(SWEEP)) / RATE_HZ
    heard = np.interp(place, np.arange(len(found)) / rate_hz, found)
    spectrum = np.fft.rfft(heard, 1 << 18) * np.fft.rfft(SWEEP, 1 << 18).conj()
    return np.fft.irfft(spectrum).max() / np.linalg.norm(heard) / np.linalg.norm(SWEEP)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.m4a", ()), ("a.mp4", ("-c:a", "libopus")), ("a.wma", ()), ("a.webm", ("-c:a", "libopus")), ("a.aac", ()),
        ("film.mp4", ("-f", "lavfi", "-i", "color=c=red:s=32x32:d=2", "-map", "0:a", "-map", "1:v", "-c:v", "mpeg4")),
    ],
)  # fmt: skip
def test_sound_is_that_of_the_wav_it_was_made_of(tmp_path, wav, name, options):
    path = encode(wav, tmp_path / name, *options)
    found, rate_hz = read_audio(path)
    assert len(found) / rate_hz == pytest.approx(2, abs=0.06) and duration_of(path) == len(found) / rate_hz
    assert likeness(found, rate_hz) > 0.98
    assert found.std() == pytest.approx(0.75 * SWEEP.std(), rel=0.05)  # the channels' mean
    with AudioFile(path) as audio:
        assert audio.read(1.0, 0.5) == pytest.approx(found[rate_hz : rate_hz + rate_hz // 2])
        assert audio.read(0.2, 0.1) == pytest.approx(found[rate_hz // 5 : rate_hz // 5 + rate_hz // 10])
    each = np.concatenate(list(AudioBlocks(path, "each", block_s=0.3)))
    assert each.shape == (len(found), 2) and each.mean(axis=1) == pytest.approx(found, abs=1e-6)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["-y.m4a", "concat:a.m4a|b.m4a", "http:x.m4a", "pipe:0.m4a", " two  words\n.m4a"])
def test_names_are_data(tmp_path, m4a, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(m4a)
    assert likeness(*read_audio(name)) > 0.99
    assert os.listdir(tmp_path) == [name]


@needs_ffmpeg
@pytest.mark.parametrize(
    "content",
    ["#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{wav}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{wav}'\n"],
)
def test_a_file_that_names_others_does_not_make_them_read(tmp_path, wav, content):
    (tmp_path / "list.m4a").write_text(content.format(wav=wav))
    with pytest.raises(DataError, match="list.m4a: not readable as audio"):
        read_audio(tmp_path / "list.m4a")


@needs_ffmpeg
def test_kind_counts_not_the_suffix(tmp_path, m4a):
    (tmp_path / "a.wav").write_bytes(m4a)
    assert likeness(*read_audio(tmp_path / "a.wav")) > 0.99


@needs_ffmpeg
def test_damaged_files_are_read_as_far_as_they_go_or_refused_in_a_line(tmp_path, wav, capsys):
    whole = encode(wav, tmp_path / "a.aac").read_bytes()
    (tmp_path / "cut.aac").write_bytes(whole[: len(whole) // 2])
    assert 0.8 < duration_of(tmp_path / "cut.aac") < 1.3
    assert "damaged" in capsys.readouterr().err
    refuse_damage(True)
    try:
        with pytest.raises(DataError, match="--strict"):
            read_audio(tmp_path / "cut.aac")
    finally:
        refuse_damage(False)
    encode(wav, tmp_path / "silent.mp4", "-f", "lavfi", "-i", "color=c=red:s=32x32:d=1", "-map", "1:v", "-c:v", "mpeg4")
    (tmp_path / "noise.m4a").write_bytes(np.random.default_rng(0).bytes(20000))
    for name in ("silent.mp4", "noise.m4a"):
        with pytest.raises(DataError, match="not readable as audio") as error:
            read_audio(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)


@needs_ffmpeg
def test_no_process_outlives_a_file_that_is_closed_early(tmp_path, m4a):
    (tmp_path / "a.m4a").write_bytes(m4a)
    decoder = Decoder(tmp_path / "a.m4a")
    process = decoder._opened._process
    assert len(decoder.read(100)) == 100
    decoder.close()
    assert process.returncode is not None


@needs_ffmpeg
def test_folders_are_searched_for_them(tmp_path, wav, capsys):
    (tmp_path / "a.m4a").write_bytes(b"whatever")
    shutil.copy(wav, tmp_path / "b.wav")
    (tmp_path / "._a.m4a").write_bytes(b"x")
    assert list(find_recordings([str(tmp_path)])) == ["a.m4a", "b.wav"]
    assert "._a.m4a" in capsys.readouterr().err


def test_without_ffmpeg_they_are_refused_with_the_remedy(tmp_path, monkeypatch, capsys, wav):
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x1cftypM4A ")
    shutil.copy(wav, tmp_path / "b.wav")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"a.m4a: not readable as audio .* install ffmpeg"):
        read_audio(tmp_path / "a.m4a")
    assert list(find_recordings([str(tmp_path)])) == ["b.wav"]
    assert "not read without ffmpeg (install it) left out: 1 (a.m4a)" in capsys.readouterr().err
