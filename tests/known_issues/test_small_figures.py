"""PSDS counted a second twice that two events cover; an RTTM row of an event of a sample had no duration, which readers
of event lists refuse."""

import numpy as np

from pysed.detect.decide import Detection
from pysed.detect.formats import FORMATS, Columns, Found
from pysed.score.psds import SCENARIOS, counts


def test_overlapping_events_cover_a_second_once():
    """They cover four of a detection's ten seconds: less than the 70 % that it needs."""
    active, scenario = np.ones((1, 100), bool), SCENARIOS["psds1"]
    for events in ([[0, 4]], [[0, 4], [0, 4]], [[0, 3], [2, 4], [1, 2]]):
        found, false = counts(active, np.array(events, float), scenario)
        assert (found.tolist(), false.tolist()) == ([0], [1])
    found, false = counts(active, np.array([[0, 5], [4, 8.0]]), scenario)
    assert (found.tolist(), false.tolist()) == ([2], [0])


def test_rttm_of_an_event_of_a_sample():
    rows = FORMATS["rttm"].text(Found("a.wav", 1.0, [[Detection(0.0, 6.25e-05, "cry", 0.5)]]), Columns(["m"]))
    assert rows.startswith("SPEAKER a.wav 1 0.000 0.001 <NA>")
