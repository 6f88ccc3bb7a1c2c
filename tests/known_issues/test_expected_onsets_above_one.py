"""Where more than one onset was expected, the number was cut to 1 before the likeliest event was chosen: --one-event
found another event than stage 6, the earliest of those that were cut; --top likewise."""

from types import SimpleNamespace

import numpy as np

from pysed.decision.onsets import event_by_rule
from pysed.detect.decide import Decision, find_events
from pysed.detect.scoring import Scores


def test_the_likeliest_event_is_that_of_stage_6():
    event, onset = np.zeros(100, np.float32), np.zeros(100, np.float32)
    onset[9:12], onset[58:62] = (0.35, 0.4, 0.35), (0.4, 0.5, 0.5, 0.4)
    event[10:20], event[60:75] = 0.9, 0.95
    network = SimpleNamespace(
        scores_onsets=True, t_base=0.4, beta=0.0, low_ratio=1.0, max_gap_s=1.0, event="cry",
        config=SimpleNamespace(median_frames=3),
    )  # fmt: skip
    expected = event_by_rule(np.stack((event, onset), axis=-1), 0.4, 0.0, max_gap_s=1.0, low_ratio=1.0)
    for decision in (Decision(one_event=True), Decision(top=1)):
        (found,) = find_events(Scores(event, np.zeros(100), onset), network, decision, 10.0)
        assert (found.onset_s, found.offset_s) == expected == (5.9, 7.5) and found.score == 1.0
    assert len(find_events(Scores(event, np.zeros(100), onset), network, Decision(), 10.0)) == 2
