"""Streams took whole numbers for samples from -1 to 1 and lost events without a word; channels in the place of time
gave none; settings of the wrong kind ended in a TypeError."""

import numpy as np
import pytest
from small_detector import make_model

from pysed import Decision, Detector
from pysed.errors import DataError


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return Detector.load(make_model(tmp_path_factory.mktemp("m") / "model"))


@pytest.mark.parametrize(
    "samples",
    [np.ones(800, np.int16), np.ones((800, 2)), np.float64(1), [[0.1], [0.2]]],
    ids=["int", "2-D", "0-D", "list"],
)
def test_a_stream_refuses_what_a_recording_would_not_have(detector, samples):
    with pytest.raises(DataError, match=r"expected \(T,\) numbers from -1 to 1"):
        detector.stream(8000).push(samples)


def test_channels_come_last(detector):
    with pytest.raises(DataError, match="turn it, or give one channel"):
        detector.detect(np.zeros((2, 8000)), 8000)
    detector.detect(np.zeros((8000, 2)), 8000, channels=np.int64(2))


def test_values_far_beyond_full_scale_are_said(detector, capsys):
    detector.stream(8000).push(1000 * np.ones(800))
    assert "samples up to 1e+03; expected -1 to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wishes", [{"threshold": "0.5"}, {"top": 1.5}, {"top": 2.0}, {"max_gap_s": "1"}, {"one_event": 1}]
)
def test_wishes_of_the_wrong_kind(wishes):
    with pytest.raises(DataError, match=next(iter(wishes))):
        Decision(**wishes)


def test_a_rate_of_the_wrong_kind(detector):
    with pytest.raises(DataError, match="rate_hz"):
        detector.detect(np.zeros(8000), "8000")
