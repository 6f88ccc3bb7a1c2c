"""A FLAC file that was written to a pipe announces no length: it took all memory, or none of it was read."""

import resource
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from pysed.audio import AudioFile, duration_of, read_audio

RATE_HZ = 16000


@pytest.fixture
def samples() -> np.ndarray:
    """Three seconds, as 16-bit numbers."""
    return np.random.default_rng(3).integers(-9000, 9000, 3 * RATE_HZ).astype(np.int16)


def flac(path, samples: np.ndarray, total: int | None = None) -> bytes:
    """The file, with another total of samples (36 bits of STREAMINFO, RFC 9639) than the true one."""
    soundfile.write(path, samples, RATE_HZ, format="FLAC")
    data = bytearray(path.read_bytes())
    if total is not None:
        data[21] = data[21] & 0xF0 | total >> 32
        data[22:26] = (total & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(data)
    return bytes(data)


@pytest.mark.parametrize("total", [0, 100, None])
def test_all_is_read_whatever_the_header_says(tmp_path, samples, total, capsys):
    flac(tmp_path / "a.flac", samples, total)
    assert np.array_equal(read_audio(tmp_path / "a.flac")[0], samples / np.float32(32768))
    assert duration_of(tmp_path / "a.flac") == 3.0
    assert capsys.readouterr().err == ""


def test_parts_in_any_order(tmp_path, samples):
    flac(tmp_path / "a.flac", samples, 0)
    with AudioFile(tmp_path / "a.flac") as audio:
        for start_s, length_s in [(0.0, 1.0), (0.5, 1.0), (2.0, 1.0), (0.25, 0.5), (0.75, 2.0)]:
            first, last = round(start_s * RATE_HZ), round((start_s + length_s) * RATE_HZ)
            assert np.array_equal(audio.read(start_s, length_s) * 32768, samples[first:last])


def test_joined_files(tmp_path, samples):
    one = flac(tmp_path / "one.flac", samples, 0)
    (tmp_path / "a.flac").write_bytes(one + b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + flac(tmp_path / "b.flac", samples))
    assert np.array_equal(read_audio(tmp_path / "a.flac")[0] * 32768, np.concatenate([samples, samples]))


def test_memory_is_bounded(tmp_path):
    """Ten minutes in a process that may take less than their samples would beside the interpreter's."""
    flac(tmp_path / "a.flac", np.zeros(600 * RATE_HZ, np.int16), 0)
    code = "import sys; from pysed.audio import AudioFile\nwith AudioFile(sys.argv[1]) as a: a.read(599.0, 1.0)\n"
    code += "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.flac"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    empty = subprocess.run(
        [sys.executable, "-c", f"import pysed.audio; {code.splitlines()[-1]}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert int(done.stdout) - int(empty.stdout) < 16 * 1024, "KiB; the samples alone are 37 MiB"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0


def test_one_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path, samples, capsys):
    data = flac(tmp_path / "a.flac", samples)
    (tmp_path / "a.flac").write_bytes(data[: len(data) * 2 // 3])
    found, _ = read_audio(tmp_path / "a.flac")
    assert np.array_equal(found * 32768, samples[: len(found)]) and 1.5 * RATE_HZ < len(found) < 2.1 * RATE_HZ
    assert (
        f"a.flac: cut off or damaged: {len(found) / RATE_HZ:.3f} s of the announced 3.000 s" in capsys.readouterr().err
    )
