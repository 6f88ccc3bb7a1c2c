"""With a long ``--max-gap``, events of detectors that score onsets lasted through silence until the next onset; a
threshold of 1 found events, and ``one_event`` chose an event first that was then too short."""

import numpy as np
import pytest
from small_detector import make_model

from pysed import Decision, Detector
from pysed.decision.onsets import onset_runs
from pysed.detect.decide import find_events
from pysed.detect.scoring import Scores


def tracks(active, onsets, num_frames=60):
    found = np.zeros((1, num_frames, 2))
    for start, end in active:
        found[0, start:end, 0] = 0.9
    for frame in onsets:
        found[0, frame, 1] = 1.0
    return found


@pytest.mark.parametrize(
    ("active", "onsets", "gap", "wanted"),
    [
        ([(5, 15), (40, 50)], [5, 40], None, [(5, 15), (40, 50)]),
        ([(5, 15), (40, 50)], [5, 40], 100, [(5, 15), (40, 50)]),
        ([(5, 15), (20, 25), (40, 50)], [5, 40], 10, [(5, 25), (40, 50)]),  # a pause of its own, and another's
        ([(5, 15), (20, 50)], [5, 40], 10, [(5, 40), (40, 50)]),  # active until the next onset
        ([(5, 15), (20, 50)], [5], 10, [(5, 50)]),
        ([(40, 50)], [5, 40], None, [(5, 8), (40, 50)]),  # nothing heard after the first onset
        ([(5, 15), (20, 25)], [5], 3, [(5, 15)]),
    ],
)
def test_a_pause_before_the_next_onset_belongs_to_no_event(active, onsets, gap, wanted):
    runs, _ = onset_runs(tracks(active, onsets), 0.5, gap, 3)
    assert list(zip(runs.start.tolist(), runs.end.tolist(), strict=True)) == wanted


def test_thresholds_and_lengths(tmp_path):
    network = Detector.load(make_model(tmp_path / "m", onsets=True)).network
    found = tracks([(5, 9), (40, 55)], [5, 6, 40])
    found[0, 40, 1] = 0.8
    scores = Scores(found[0, :, 0], np.zeros(60), found[0, :, 1])

    def events(**wishes):
        return [(each.onset_s, each.offset_s) for each in find_events(scores, network, Decision(**wishes), 6.0)]

    assert events(threshold=0.5) == [(0.5, 0.9), (4.0, 5.5)]
    assert events(threshold=1) == []
    assert events(threshold=0.5, one_event=True) == [(0.5, 0.9)]
    assert events(threshold=0.5, one_event=True, min_duration_s=1.0) == [(4.0, 5.5)]
