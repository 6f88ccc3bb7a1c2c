"""A wav file whose recorder lost power has the size 0 in its header: detection took it for empty."""

import struct

import numpy as np
import pytest
import soundfile

from pysed.audio import duration_of, read_audio, streams
from pysed.errors import DataError
from pysed.kaldi.tables import read_kind
from pysed.kaldi.wave import WAVE

SAMPLES = np.random.default_rng(1).integers(-9000, 9000, (8000, 2)).astype(np.int16)
EXPECTED = SAMPLES.mean(axis=1) / 32768


def wav(data: bytes, size: int, riff_size: int = 0, after: bytes = b"", before: bytes = b"") -> bytes:
    """Stereo of 16 bits at 8 kHz, with sizes that need not be true."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
        + form
        + before
        + struct.pack("<4sI", b"data", size)
        + data
        + after
    )


@pytest.mark.parametrize("riff_size", [0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_it_is_read_to_the_end_by_both_readers(tmp_path, size, riff_size, capsys):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SAMPLES.tobytes(), size, riff_size, before=struct.pack("<4sI4x", b"LIST", 4)))
    assert read_audio(path)[0] == pytest.approx(EXPECTED, abs=1e-7)
    assert np.array_equal(read_kind(str(path), WAVE).samples, SAMPLES.T)
    assert capsys.readouterr().err == ""


def test_silence_at_the_start_is_not_the_end(tmp_path):
    quiet = np.concatenate([np.zeros((40000, 2), np.int16), SAMPLES])
    (tmp_path / "a.wav").write_bytes(wav(quiet.tobytes(), 0))
    assert duration_of(tmp_path / "a.wav") == 6.0


@pytest.mark.parametrize("after", [b"", struct.pack("<4sI6s", b"LIST", 6, b"INFOxx")])
def test_an_empty_one_stays_empty(tmp_path, after):
    (tmp_path / "a.wav").write_bytes(wav(b"", 0, after=after))
    with pytest.raises(DataError, match=r"a.wav: no samples"):
        duration_of(tmp_path / "a.wav")


def test_a_cut_off_file_is_read_with_a_warning_by_both_readers(tmp_path, capsys):
    path = tmp_path / "a.wav"
    data = SAMPLES.tobytes()
    path.write_bytes(wav(data, len(data), 36 + len(data))[: 44 + 21333])
    assert len(read_audio(path)[0]) == 21333 // 4
    assert "a.wav: cut off or damaged: 0.667 s of the announced 1.000 s can be read" in capsys.readouterr().err
    assert read_kind(str(path), WAVE).samples.shape == (2, 21333 // 4)
    assert "a.wav: cut off: 0.667 s of the announced 1.000 s can be read" in capsys.readouterr().err


def test_a_header_that_was_last_written_earlier_is_named(tmp_path, capsys):
    (tmp_path / "a.wav").write_bytes(wav(SAMPLES.tobytes(), 8000))
    assert duration_of(tmp_path / "a.wav") == 0.25
    assert "a.wav: its header announces less than there is: bytes for 0.750 s more" in capsys.readouterr().err


@pytest.mark.parametrize("after", [bytes(50000), struct.pack("<4sI32000s", b"LIST", 32000, b"INFO"), b"\0", b"ab"])
def test_what_may_follow_the_samples_is_no_fault(tmp_path, after, capsys):
    data = SAMPLES.tobytes()
    (tmp_path / "a.wav").write_bytes(wav(data, len(data), 36 + len(data), after))
    assert duration_of(tmp_path / "a.wav") == 1.0
    assert capsys.readouterr().err == ""


def test_joined_wavs(tmp_path):
    data = SAMPLES.tobytes()
    (tmp_path / "a.wav").write_bytes(3 * wav(data, len(data), 36 + len(data)))
    assert read_audio(tmp_path / "a.wav")[0] == pytest.approx(np.tile(EXPECTED, 3), abs=1e-7)


def test_more_than_a_header_can_say(tmp_path, monkeypatch):
    """What lies beyond 4 GiB is read in pieces, here of 4096 bytes."""
    monkeypatch.setattr(streams, "_WAVE_PIECE", 4099)
    (tmp_path / "a.wav").write_bytes(wav(SAMPLES.tobytes(), 0))
    assert len(streams.find_streams(tmp_path / "a.wav")) == 8
    assert read_audio(tmp_path / "a.wav")[0] == pytest.approx(EXPECTED, abs=1e-7)


@pytest.mark.parametrize(("name", "place", "unknown"), [("a.au", 8, bytes(4)), ("a.caf", None, b"\xff" * 8)])
def test_other_containers(tmp_path, name, place, unknown, capsys):
    """AU with the size 0, CAF with the size -1, as from a pipe."""
    soundfile.write(tmp_path / name, SAMPLES, 8000)
    data = (tmp_path / name).read_bytes()
    place = data.index(b"data") + 4 if place is None else place
    (tmp_path / name).write_bytes(data[:place] + unknown + data[place + len(unknown) :])
    found, _ = read_audio(tmp_path / name)
    assert found[: len(EXPECTED)] == pytest.approx(EXPECTED, abs=1e-7) and len(found) <= len(EXPECTED) + 8
    assert capsys.readouterr().err == ""


def test_chained_ogg(tmp_path, capsys):
    """An internet radio's: each programme a stream of its own; the last one's end may be missing."""
    soundfile.write(tmp_path / "one.ogg", EXPECTED, 8000)
    one = (tmp_path / "one.ogg").read_bytes()
    (tmp_path / "a.ogg").write_bytes(one + one)
    single = read_audio(tmp_path / "one.ogg")[0]
    assert np.array_equal(read_audio(tmp_path / "a.ogg")[0], np.tile(single, 2))
    assert capsys.readouterr().err == ""
    soundfile.write(tmp_path / "long.ogg", np.tile(EXPECTED, 40), 8000)
    (tmp_path / "b.ogg").write_bytes(one + (tmp_path / "long.ogg").read_bytes()[:-9000])
    assert 10.0 < duration_of(tmp_path / "b.ogg") < 40.0
    assert "b.ogg: no end mark, probably cut off: " in capsys.readouterr().err
