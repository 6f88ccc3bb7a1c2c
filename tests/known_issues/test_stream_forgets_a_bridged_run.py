"""A stream lost the run of an event that a pause of over two seconds parted from it, and cut the event to 0.3 s; a rate
that is no number of samples a second never ended."""

from types import SimpleNamespace

import numpy as np
import pytest

from pysed.detect import live
from pysed.detect.decide import Decision, find_events
from pysed.detect.scoring import Scores
from pysed.errors import DataError

NETWORK = SimpleNamespace(
    scores_onsets=True, t_base=0.5, beta=0.0, low_ratio=1.0, max_gap_s=1.0, event="cry",
    config=SimpleNamespace(median_frames=3),
)  # fmt: skip
DETECTOR = SimpleNamespace(network=NETWORK, window_s=30.0, recogniser=None)


def streamed(monkeypatch, scores: Scores, decision: Decision, step: int) -> list:
    num_frames = len(scores.scores)
    cuts = [*range(0, num_frames, step), num_frames]
    parts = [Scores(*(each[a:b] for each in scores)) for a, b in zip(cuts, cuts[1:], strict=False)]
    nothing = Scores(*(np.empty(0, np.float32) for _ in range(3)))
    stream = SimpleNamespace(steps=lambda samples: [[parts.pop(0)]], finish=lambda: [nothing])
    monkeypatch.setattr(live, "ScoreStream", lambda *args: stream)
    events = live.EventStream(DETECTOR, 10, decision)
    found = [each for a, b in zip(cuts, cuts[1:], strict=False) for each in events.push(np.zeros(b - a, np.float32))]
    return found + events.finish()


def test_the_event_of_detect(monkeypatch):
    event, onset = np.full(300, 0.05, np.float32), np.zeros(300, np.float32)
    event[100:140], event[172:200], onset[[100, 163]] = 0.9, 0.9, 0.9
    scores, decision = Scores(event, np.zeros(300), onset), Decision(max_gap_s=4.0)
    expected = find_events(scores, NETWORK, decision, 30.0)
    assert [(each.onset_s, each.offset_s) for each in expected] == [(10.0, 14.0), (16.3, 20.0)]
    assert streamed(monkeypatch, scores, decision, 10) == expected


@pytest.mark.parametrize("gap_s", [0.5, 1.0, 3.0, 8.0])
def test_random_tracks(monkeypatch, gap_s):
    for seed in range(60):
        random = np.random.default_rng(seed)
        event, onset = np.full(300, 0.05, np.float32), np.zeros(300, np.float32)
        for start in random.integers(0, 280, 8):
            event[start : start + random.integers(1, 30)] = random.uniform(0.3, 1)
        onset[random.integers(0, 300, 6)] = random.uniform(0.3, 1, 6)
        scores, decision = Scores(event, np.zeros(300), onset), Decision(max_gap_s=gap_s)
        found = streamed(monkeypatch, scores, decision, int(random.integers(1, 30)))
        assert found == find_events(scores, NETWORK, decision, 30.0), seed


@pytest.mark.parametrize("rate_hz", [float("nan"), 0, -5, "16000", None, 16000.5])
def test_rates_are_checked(rate_hz):
    with pytest.raises(DataError, match="rate_hz"):
        live.EventStream(DETECTOR, rate_hz)
