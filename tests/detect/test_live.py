"""Events of a stream: those of the whole sound, however it is cut; begun and ended in order; soon enough."""

import dataclasses

import numpy as np
import pytest
from small_detector import make_model
from test_detector import noise

from pysed import Decision, Detector
from pysed.detect.decide import find_events
from pysed.detect.live import EventStream
from pysed.detect.scoring import Scores, ScoreStream
from pysed.errors import DataError

ASR = {"model": "models/demo", "layer": "prefinal-l", "dim": 128}


def follow(detector, samples, rate_hz, seed, decision, step_s=None, pieces=40):
    """(kind, event) of a stream cut at random."""
    stream = detector.stream(rate_hz, decision, step_s)
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(samples), pieces))
    changes = [each for piece in np.split(samples, cuts) for each in stream.follow(piece)]
    return [(each.kind, each.event) for each in changes + stream.follow_to_the_end()]


@pytest.fixture
def detector(tmp_path):
    return Detector.load(make_model(tmp_path / "model", window_s=10.0, max_gap_s=0.3, low_ratio=0.99))


def decisions(detector, samples):
    scores = detector.scores(samples, 16000)
    low, middle, high = (float(np.quantile(scores, share)) for share in (0.2, 0.5, 0.9))
    return [
        Decision(threshold=low),
        Decision(threshold=middle, max_gap_s=0.0),
        Decision(threshold=middle, max_gap_s=2.0, min_duration_s=0.4),
        Decision(threshold=high, max_gap_s=0.5),
    ]


def test_a_streams_events_are_those_of_the_whole(detector):
    samples = noise(95.37)
    for decision in decisions(detector, samples):
        whole = detector.detect(samples, 16000, decision)
        assert whole
        for seed in (1, 2):
            changes = follow(detector, samples, 16000, seed, decision)
            assert [event for kind, event in changes if kind == "end"] == whole
            begun = [event.onset_s for kind, event in changes if kind == "begin"]
            assert begun == [event.onset_s for event in whole]


@pytest.mark.parametrize("asr", [None, ASR], ids=["cbrnn", "gradual"])
def test_events_found_by_onsets_are_those_of_the_whole(tmp_path, asr):
    detector = Detector.load(make_model(tmp_path / "model", asr, onsets=True, window_s=10.0, max_gap_s=0.3))
    samples = noise(95.37)
    all_scores = [each.score for each in detector.detect(samples, 16000, Decision(threshold=0.0))]
    assert len(all_scores) > 10
    for share, wishes in ((0.0, {}), (0.5, {"min_duration_s": 0.6}), (0.8, {"max_gap_s": 2.0})):
        decision = Decision(threshold=max(0.0, float(np.quantile(all_scores, share)) - 2e-4), **wishes)
        whole = detector.detect(samples, 16000, decision)
        assert whole
        for seed, pieces in ((1, 40), (2, 300)):
            changes = follow(detector, samples, 16000, seed, decision, pieces=pieces)
            assert [event for kind, event in changes if kind == "end"] == whole
            begun = [event.onset_s for kind, event in changes if kind == "begin"]
            assert begun == [event.onset_s for event in whole]
    stream = EventStream(detector, 16000, Decision(threshold=0.0), 1.0)
    for number in range(0, 20 * 16000, 1600):
        for each in stream.follow(samples[number : number + 1600]):
            if each.kind == "begin":
                assert (number + 1600) / 16000 - each.event.onset_s <= stream.look_ahead_s + 0.5


def test_begin_and_end_take_turns(detector):
    samples = noise(60)
    changes = follow(detector, samples, 16000, 1, decisions(detector, samples)[2], 1.0)
    assert [kind for kind, _ in changes] == ["begin", "end"] * (len(changes) // 2) and changes
    for (_, begun), (_, ended) in zip(changes[::2], changes[1::2], strict=True):
        assert begun.onset_s == ended.onset_s and begun.offset_s <= ended.offset_s


@pytest.mark.parametrize("asr", [None, ASR], ids=["cbrnn", "gradual"])
def test_pieces_of_any_size_give_the_events_of_the_whole(tmp_path, asr):
    detector = Detector.load(make_model(tmp_path / "model", asr, window_s=10.0, max_gap_s=0.3))
    samples = noise(47.3)
    decision = decisions(detector, samples)[1]
    rng = np.random.default_rng(3)
    cuts = np.cumsum(np.exp(rng.uniform(0, np.log(60_000), 100)).astype(int))  # from one sample to seconds
    parts = np.split(samples, cuts[cuts < len(samples)])
    stream = detector.stream(16000, decision)
    found = [event for part in parts for event in stream.push(part)] + stream.finish()
    assert found == detector.detect(samples, 16000, decision) and len(found) > 3
    live = detector.stream(16000, decision, 1.0)
    whole = live.push(samples) + live.finish()
    live = detector.stream(16000, decision, 1.0)
    assert [event for part in parts for event in live.push(part)] + live.finish() == whole


@pytest.mark.parametrize("asr", [None, ASR], ids=["cbrnn", "gradual"])
@pytest.mark.parametrize("step_s", [0.5, 1.0])
def test_live_events_do_not_depend_on_the_cuts_and_come_in_time(tmp_path, asr, step_s):
    detector = Detector.load(make_model(tmp_path / "model", asr, window_s=10.0, max_gap_s=0.3))
    samples = noise(40)
    decision = decisions(detector, samples)[1]
    changes = follow(detector, samples, 16000, 1, decision, step_s)
    assert changes and changes == follow(detector, samples, 16000, 2, decision, step_s, pieces=400)
    stream, scores, settled = EventStream(detector, 16000, decision, step_s), ScoreStream([detector], 16000, step_s), 0
    assert stream.look_ahead_s < 7
    for number in range(0, len(samples), 800):
        known_s = (number + 800) / 16000
        settled += len(scores.push(samples[number : number + 800])[0].scores)
        assert known_s - (settled + 1) / 10 <= stream.look_ahead_s, "the first frame that is not settled"
        for each in stream.follow(samples[number : number + 800]):
            if each.kind == "end":
                assert known_s - each.event.offset_s <= stream.look_ahead_s + 0.5


@pytest.mark.parametrize("onsets", [False, True], ids=["scores", "onsets"])
def test_an_event_that_does_not_end_is_kept_in_part_and_told_whole(tmp_path, monkeypatch, onsets):
    monkeypatch.setattr("pysed.detect.live._LONGEST_KEPT", 100)
    detector = Detector.load(make_model(tmp_path / "model", onsets=onsets, window_s=10.0, max_gap_s=0.5, low_ratio=0.9))
    rng = np.random.default_rng(7)
    stream, said = detector.stream(16000, Decision(threshold=0.6)), []
    lengths = iter((90, 7, 700, 35, 4))
    parts = [
        (rng.uniform(0.62 if loud else 0.1, 0.95 if loud else 0.3, next(lengths)), loud) for loud in (1, 0, 1, 1, 0)
    ]
    scores = np.concatenate([values for values, _ in parts])
    scores[[300, 301, 302, 340]] = 0.5  # pauses within the long one
    begins = np.zeros(len(scores))
    begins[[3, 98, 797]] = 0.9, 0.8, 0.7
    found = Scores(*(each.astype(np.float32) for each in (scores, np.full(len(scores), 0.5), begins)))
    whole = find_events(found, detector.network, stream.decision, len(scores) / 10)
    assert [event.offset_s - event.onset_s > 60 for event in whole].count(True) == 1 and len(whole) == 3 - (not onsets)
    kept = []
    for frame in range(0, len(scores), 3):
        stream._num_samples = min(frame + 3, len(scores)) * 1600
        said += stream._changes(Scores(*(each[frame : frame + 3] for each in found)), False)
        kept.append(len(stream._kept.scores))
    said += stream._changes(Scores(*(each[:0] for each in found)), True)
    assert [each.event for each in said if each.kind == "end"] == whole
    assert max(kept) < 250


def test_memory_is_flat(detector):
    stream = detector.stream(16000, Decision(threshold=0.999), 1.0)
    sizes = []
    for number in range(60):
        stream.push(noise(2, seed=number))
        sizes.append(len(stream._kept.scores))
    assert max(sizes[10:]) <= max(sizes[:10]) < 50


def test_wishes_that_need_the_end(detector):
    for wishes in ({"top": 1}, {"one_event": True}):
        with pytest.raises(DataError, match="no end"):
            detector.stream(16000, Decision(**wishes))
    with pytest.raises(DataError, match="step_s"):
        detector.stream(16000, step_s=0.0)
    assert dataclasses.is_dataclass(Decision) and detector.stream(16000).finish() == []
