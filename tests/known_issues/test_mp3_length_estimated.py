"""An mp3 of varying rate without a frame count was read as far as an estimate said; of joined ones the first alone."""

import numpy as np
import pytest
import soundfile

from pysed.audio import duration_of, read_audio, refuse_damage
from pysed.errors import DataError

RATE_HZ = 16000


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """20 s, most of them easy to code, the first hard: an estimate from the first frames is far too short."""
    random = np.random.default_rng(0)
    loud = random.normal(0, 0.2, 4 * RATE_HZ)
    return np.concatenate([loud, 0.1 * np.sin(np.arange(12 * RATE_HZ) / 20), loud])


@pytest.fixture
def tagged(tmp_path, samples) -> bytes:
    """The mp3, its first frame a tag that counts the others."""
    path = tmp_path / "tagged.mp3"
    soundfile.write(path, samples, RATE_HZ, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    return path.read_bytes()


def without_tag(mp3: bytes) -> bytes:
    """From the second frame on: the first place behind the tag where the first frame's sync stands again."""
    place = mp3.find(b"Xing") if b"Xing" in mp3[:200] else mp3.find(b"Info")
    return mp3[mp3.index(mp3[:2], place) :]


def aligned(found: np.ndarray, expected: np.ndarray, delay: int) -> float:
    """Correlation of what was read, ``delay`` samples late, with what was written."""
    length = min(len(found) - delay, len(expected))
    return float(np.corrcoef(found[delay : delay + length], expected[:length])[0, 1])


def test_all_of_an_untagged_mp3_is_read(tmp_path, tagged, samples):
    path = tmp_path / "a.mp3"
    path.write_bytes(without_tag(tagged))
    assert soundfile.info(path).duration < 18, "the estimate is right: the test tests nothing"
    found, rate_hz = read_audio(path)
    assert rate_hz == RATE_HZ and len(samples) <= len(found) <= len(samples) + 4000
    assert max(aligned(found[:RATE_HZ], samples, delay) for delay in range(2500)) > 0.7
    assert np.abs(found[-RATE_HZ:-4000]).std() > 0.05, "the loud end"
    assert duration_of(path) == len(found) / RATE_HZ


def test_a_true_count_is_kept_with_its_gapless_playing(tmp_path, tagged, samples, capsys):
    (tmp_path / "a.mp3").write_bytes(tagged)
    found, _ = read_audio(tmp_path / "a.mp3")
    assert len(found) == len(samples) and aligned(found, samples, 0) > 0.8
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125), b"ID3\4\0\0\0\0\2\0" + bytes(256)])
@pytest.mark.parametrize("is_tagged", [True, False])
def test_joined_mp3s_are_read_to_the_end(tmp_path, tagged, samples, between, is_tagged):
    one = tagged if is_tagged else without_tag(tagged)
    (tmp_path / "one.mp3").write_bytes(one)
    (tmp_path / "a.mp3").write_bytes(one + between + one + between + one)
    single, joined = (read_audio(tmp_path / name)[0] for name in ("one.mp3", "a.mp3"))
    assert abs(len(joined) - 3 * len(single)) < 4000
    second = joined[len(single) : len(single) + RATE_HZ]
    assert max(aligned(second[max(0, -lag) :], single[max(0, lag) :], 0) for lag in range(-1200, 1200)) > 0.95


def test_a_tag_that_counts_too_few_frames_does_not_bind(tmp_path, tagged, samples):
    place = tagged.find(b"Xing") if b"Xing" in tagged[:200] else tagged.find(b"Info")
    assert tagged[place + 7] & 1
    (tmp_path / "a.mp3").write_bytes(tagged[: place + 8] + (50).to_bytes(4, "big") + tagged[place + 12 :])
    assert duration_of(tmp_path / "a.mp3") >= len(samples) / RATE_HZ


def test_one_that_is_cut_off_says_how_much_is_there(tmp_path, tagged, capsys):
    (tmp_path / "a.mp3").write_bytes(tagged[: len(tagged) * 2 // 3])
    found_s = duration_of(tmp_path / "a.mp3")
    (line,) = capsys.readouterr().err.splitlines()
    assert f"a.mp3: cut off or damaged: {found_s:.3f} s of the announced 20." in line and 5 < found_s < 18


def test_joined_ones_of_two_rates_are_refused(tmp_path, tagged):
    soundfile.write(tmp_path / "b.mp3", np.zeros(44100), 44100, format="MP3")
    (tmp_path / "a.mp3").write_bytes(tagged + (tmp_path / "b.mp3").read_bytes())
    with pytest.raises(DataError, match=r"a.mp3: changes from 16000 to 44100 Hz at 2\d\.\d+ s"):
        read_audio(tmp_path / "a.mp3")


def test_strict_refuses_what_is_cut_off(tmp_path, tagged):
    (tmp_path / "a.mp3").write_bytes(tagged[: len(tagged) * 2 // 3])
    refuse_damage(True)
    try:
        with pytest.raises(DataError, match="--strict"):
            read_audio(tmp_path / "a.mp3")
    finally:
        refuse_damage(False)
