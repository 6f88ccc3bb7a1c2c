"""Live: where a second event began within the first one's gap, the first began twice and its end was lost."""

import datetime
import json
from types import SimpleNamespace

import numpy as np
import pytest

from pysed.detect import live
from pysed.detect.scoring import Scores
from pysed.detect.sinks import Teller

FRAMES = 200


def scores() -> Scores:
    """A cry from 5.0 to 7.0 s, and one at 7.4 s whose own score stays below a half."""
    event, onset = np.full(FRAMES, 0.05, np.float32), np.zeros(FRAMES, np.float32)
    event[50:70], event[74:80] = 0.9, 0.4
    onset[[50, 74]] = 0.9
    return Scores(event, np.zeros(FRAMES), onset)


def told(monkeypatch, first_cut: int) -> list[tuple[str, float]]:
    cuts = [0, *range(first_cut, FRAMES, 10), FRAMES]
    parts = [Scores(*(each[a:b] for each in scores())) for a, b in zip(cuts, cuts[1:], strict=False)]
    nothing = Scores(*(np.empty(0, np.float32) for _ in range(3)))
    stream = SimpleNamespace(steps=lambda samples: [[parts.pop(0)]], finish=lambda: [nothing])
    monkeypatch.setattr(live, "ScoreStream", lambda *args: stream)
    network = SimpleNamespace(
        scores_onsets=True, t_base=0.5, beta=0.0, low_ratio=1.0, max_gap_s=1.0, event="cry",
        config=SimpleNamespace(median_frames=3),
    )  # fmt: skip
    events = live.EventStream(SimpleNamespace(network=network, window_s=30.0, recogniser=None), 10, None, 1.0)
    lines: list[dict] = []
    teller = Teller([lambda kind, line: lines.append(json.loads(line))], 0.0, datetime.datetime(2026, 1, 1))
    for a, b in zip(cuts, cuts[1:], strict=False):
        teller.tell(events.follow(np.zeros(b - a, np.float32)))
    teller.tell(events.follow_to_the_end())
    return sorted((line["change"], line["onset_s"]) for line in lines)


@pytest.mark.parametrize("first_cut", range(1, 11))
def test_each_event_begins_once_and_ends_once(monkeypatch, first_cut):
    assert told(monkeypatch, first_cut) == [("begin", 5.0), ("begin", 7.4), ("end", 5.0), ("end", 7.4)]
