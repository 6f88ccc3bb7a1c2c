"""PSDS by hand, and against figures of sed_scores_eval on many files with ties and several events."""

import numpy as np
import pytest

from pysed.decision.postprocess import find_runs
from pysed.events import Event
from pysed.score.psds import MAX_FALSE_PER_HOUR, SCENARIOS, Scenario, psds

SIX_MINUTES = 3600  # frames of 100 ms: one false detection is 10 an hour


def wave(num_files: int) -> tuple[dict[str, np.ndarray], dict[str, list[Event]]]:
    """Scores of two decimals that rise and fall, and events around some of their peaks."""
    scores, reference = {}, {}
    for index in range(num_files):
        time = np.arange(200 + 20 * index)
        swing = np.sin(time * (0.03 + 0.005 * index)) + np.sin(time * 0.1 + index) + np.cos(time * 0.3)
        scores[f"{index}.wav"] = np.round((swing + 3) / 6, 2)
        runs = find_runs(scores[f"{index}.wav"][None] > 0.72)
        reference[f"{index}.wav"] = [
            Event(start / 10 + 0.04, end / 10 + 0.1 * (k % 3), "x")
            for k, (start, end) in enumerate(zip(runs.start, runs.end, strict=True))
            if (k + index) % 5
        ]
    return scores, reference


def test_against_sed_scores_eval():
    scores, reference = wave(14)
    # intersection_based.psds of sed_scores_eval 0.0.4, in the same scenarios, max_efpr 100.
    assert psds(scores, reference, "x", SCENARIOS["psds1"]) == pytest.approx(0.2066947137369673, abs=1e-12)
    assert psds(scores, reference, "x", SCENARIOS["psds2"]) == pytest.approx(0.8864093652826047, abs=1e-12)


def test_by_hand():
    scores = np.full(SIX_MINUTES, 0.1)
    scores[100:120] = 0.9  # the event, 10 s to 12 s: one second of it and one before
    scores[500:510] = 0.8  # nothing there
    scores[700:710] = 0.5  # the other event, exactly
    reference = {"a.wav": [Event(11.0, 12.0, "x"), Event(70.0, 71.0, "x"), Event(50.0, 51.0, "y")]}
    # From 0.9 on one of two is found with no false detection, from 0.8 on one is false, from 0.5 on both are found; at
    # 0.1 the whole file is one false detection.
    expected = (0.5 * 10 + 1.0 * (MAX_FALSE_PER_HOUR - 10)) / MAX_FALSE_PER_HOUR
    assert psds({"a.wav": scores}, reference, "x", Scenario(0.5, 1.0)) == pytest.approx(expected)
    # With more of a detection asked for, the first is false too: 10 an hour from 0.9 on, 20 from 0.8 on.
    assert psds({"a.wav": scores}, reference, "x", Scenario(0.6, 0.7)) == pytest.approx(0.5 * 0.8)


def test_false_detections_beyond_the_limit_do_not_count():
    scores = np.full(600, 0.2)  # a minute: one false detection is 60 an hour
    scores[10:20], scores[30:40], scores[50:60] = 0.9, 0.8, 0.7
    assert psds({"a.wav": scores}, {"a.wav": [Event(5.0, 6.0, "x")]}, "x", SCENARIOS["psds2"]) == 0
    assert psds({"a.wav": scores}, {"a.wav": [Event(3.0, 4.0, "x")]}, "x", SCENARIOS["psds2"]) == pytest.approx(0.4)


def test_order_of_files_and_scale_of_scores_do_not_matter():
    scores, reference = wave(8)
    expected = psds(scores, reference, "x", SCENARIOS["psds2"])
    assert psds({name: scores[name] ** 3 for name in reversed(scores)}, reference, "x", SCENARIOS["psds2"]) == (
        pytest.approx(expected, abs=1e-12)
    )


def test_blocks_of_thresholds_join(monkeypatch):
    scores, reference = wave(6)
    expected = [psds(scores, reference, "x", each) for each in SCENARIOS.values()]
    monkeypatch.setattr("pysed.score.psds._CELLS_AT_ONCE", 500)
    assert [psds(scores, reference, "x", each) for each in SCENARIOS.values()] == expected


def test_no_event_no_score():
    assert psds({"a.wav": np.ones(5)}, {"a.wav": [Event(0, 1, "y")]}, "x", SCENARIOS["psds1"]) is None
