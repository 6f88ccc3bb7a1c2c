"""Statistics of onset errors against lists made by hand."""

import pytest

from pysed.events import Event
from pysed.score.onsets import onset_errors, onset_statistics


def event(onset_s, label="cry"):
    return Event(onset_s, onset_s + 1, label)


def test_errors_by_hand():
    reference = {
        "early": [event(5.0)], "late": [event(5.0)], "two found": [event(5.0)], "missed": [event(5.0)],
        "other class": [event(5.0, "shot")], "found as another": [event(5.0)], "no event": [],
    }  # fmt: skip
    detected = {
        "early": [event(4.8)], "late": [event(6.5)], "two found": [event(1.0), event(5.1)],
        "other class": [event(5.0)], "found as another": [event(5.0, "shot")], "no event": [event(2.0)],
    }  # fmt: skip
    assert onset_errors(reference, detected, "cry").tolist() == pytest.approx([-0.2, 1.5, 0.1])
    statistics = onset_statistics(reference, detected, "cry")
    assert statistics["onset_error_median_s"] == pytest.approx(0.1)
    assert statistics["onset_within_300ms"] == pytest.approx(2 / 3, abs=1e-4)
    # Percentiles between neighbours: a tenth of the way of two steps from -0.2 to 0.1, and from 0.1 to 1.5.
    assert statistics["onset_error_p10_s"] == pytest.approx(-0.2 + 0.2 * 0.3)
    assert statistics["onset_error_p90_s"] == pytest.approx(1.5 - 0.2 * 1.4)


def test_nothing_found():
    assert set(onset_statistics({"a": [event(1.0)]}, {}, "cry").values()) == {None}


def test_exactly_300_ms_is_within():
    assert onset_statistics({"a": [event(1.0)]}, {"a": [event(1.3)]}, "cry")["onset_within_300ms"] == 1.0
