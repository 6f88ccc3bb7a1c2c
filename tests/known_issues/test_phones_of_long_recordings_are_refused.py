"""ali-to-phones sums times in single precision, as in Kaldi: phones of half an hour seemed to lie over one another."""

from pathlib import Path

import numpy as np
import pytest

from pysed.datadir.ctm import read_ctm
from pysed.errors import DataError
from pysed.kaldi.commands.ali_to_phones import ctm


def starts_and_durations(path: Path, text: str, duration_s: float) -> np.ndarray:
    """(N, 2) in microseconds."""
    path.write_text(text)
    return np.array([span[:2] for span in read_ctm(path, {"a": duration_s})["a"]])


@pytest.mark.parametrize(("frame_shift", "hours"), [(0.03, 0.6), (0.03, 5), (0.01, 1)])
def test_they_begin_where_the_phones_before_them_end(tmp_path, frame_shift, hours):
    frames = np.random.default_rng(0).integers(1, 12, round(hours * 3600 / frame_shift / 6))
    text = ctm("a", [(1, int(count)) for count in frames], frame_shift).replace(" 1\n", " AH\n")
    durations = frames * round(frame_shift * 1e6)
    found = starts_and_durations(tmp_path / "phones.ctm", text, durations.sum() / 1e6)
    np.testing.assert_array_equal(found[:, 1], durations)
    np.testing.assert_array_equal(found[:, 0], np.cumsum(durations) - durations)


def test_pauses_stay_as_they_are(tmp_path):
    text = "a 1 0.00 0.10 X\na 1 0.11 0.10 X\na 1 0.22 0.10 X\na 1 4000.00 0.10 X\na 1 4000.11 0.10 X\n"
    found = starts_and_durations(tmp_path / "phones.ctm", text, 4001.0)
    assert found[:, 0].tolist() == [0, 110_000, 220_000, 4_000_000_000, 4_000_110_000]


def test_times_beyond_all_numbers_are_refused(tmp_path):
    with pytest.raises(DataError, match="ctm:1: start '1e305'"):
        starts_and_durations(tmp_path / "a.ctm", "a 1 1e305 0.10 X\n", 1.0)


@pytest.mark.parametrize("second", ["0.09", "0.05", "0.00"])
def test_phones_over_one_another_are_refused(tmp_path, second):
    with pytest.raises(DataError, match=r"ctm:2: phone starts at .* before the last one's end"):
        starts_and_durations(tmp_path / "a.ctm", f"a 1 0.00 0.10 X\na 1 {second} 0.10 X\n", 1.0)
