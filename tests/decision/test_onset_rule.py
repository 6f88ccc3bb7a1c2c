"""Events by their onsets, against cases worked by hand and a loop that is slow and plain."""

import numpy as np
import pytest

from pysed.decision.onsets import (
    APART_FRAMES,
    AROUND_FRAMES,
    COLLAR_FRAMES,
    detect_by_rule,
    expected_onsets,
    find_onsets,
    likeliest,
    onset_runs,
)
from pysed.decision.postprocess import detect_batch
from pysed.decision.tuning import ONSET_GAP_S, rates, sweep_onsets, tune
from pysed.events import Event
from pysed.score.event_based import evaluate


def track(num_frames: int, **values: float) -> np.ndarray:
    """Zeros but for ``f12=0.5``: 0.5 in frame 12."""
    row = np.zeros(num_frames)
    for name, value in values.items():
        row[int(name[1:])] = value
    return row


def plainly(scores: np.ndarray) -> list[tuple[int, int, float]]:
    """find_onsets() as it is told in words."""
    found = []
    for row, values in enumerate(scores):
        n = len(values)
        sums = [sum(values[max(0, t - COLLAR_FRAMES) : t + COLLAR_FRAMES + 1]) for t in range(n)]
        for t in range(n):
            before = sums[max(0, t - APART_FRAMES) : t]
            after = sums[t + 1 : t + 1 + APART_FRAMES]
            if sums[t] > max([0.0, *before]) + 1e-12 and sums[t] >= max([0.0, *after]) - 1e-12:
                first = max(0, t - COLLAR_FRAMES)
                window = values[first : t + COLLAR_FRAMES + 1]
                half = next(i for i in range(len(window)) if sum(window[: i + 1]) >= sum(window) / 2 - 1e-12)
                found.append((row, first + half, sums[t]))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_as_told_in_words(seed):
    scores = np.random.default_rng(seed).random((5, 90)) ** 8
    found = find_onsets(scores)
    wanted = plainly(scores)
    assert list(zip(found.row, found.frame, strict=True)) == [each[:2] for each in wanted]
    np.testing.assert_allclose(found.expected, [each[2] for each in wanted], rtol=1e-12)


def test_a_blurred_onset_counts_in_full():
    blurred = track(60, f28=0.2, f30=0.3, f31=0.2)
    found = find_onsets(blurred[None])
    assert found.frame.tolist() == [30] and found.expected == pytest.approx([0.7])
    runs, expected = onset_runs(np.stack((np.zeros(60), blurred), -1)[None], 0.5, 10, 3)
    assert (runs.start.tolist(), runs.end.tolist()) == ([30], [33]) and expected == pytest.approx([0.7])


def test_an_event_ends_with_its_own_scores_or_at_the_next():
    activity = np.zeros(100)
    activity[21:40] = activity[45:50] = 0.9
    onsets = track(100, f20=0.9, f70=0.8, f90=0.3)
    tracks = np.stack((activity, onsets), -1)[None]
    runs, _ = onset_runs(tracks, 0.5, 2, 3)
    assert list(zip(runs.start, runs.end, strict=True)) == [(20, 40), (70, 73)]
    runs, _ = onset_runs(tracks, 0.5, 5, 3)
    assert list(zip(runs.start, runs.end, strict=True)) == [(20, 50), (70, 73)], "the gap of five is closed"
    onsets[46] = 0.6
    runs, _ = onset_runs(np.stack((activity, onsets), -1)[None], 0.5, 5, 3)
    assert list(zip(runs.start, runs.end, strict=True)) == [(20, 46), (46, 50), (70, 73)]
    start, end = likeliest(*onset_runs(tracks, 0.5, 2, 3), 1)
    assert (start[0], end[0]) == (20, 40)
    assert likeliest(*onset_runs(tracks, 0.95, 2, 3), 2)[0].tolist() == [-1, -1]


def test_at_the_edges():
    for frame in (0, 1, 58, 59):
        found = find_onsets(track(60, **{f"f{frame}": 0.6})[None])
        assert found.frame.tolist() == [frame]
        runs, _ = onset_runs(np.stack((np.zeros(60), track(60, **{f"f{frame}": 0.6})), -1)[None], 0.5, 10, 3)
        assert runs.end.tolist() == [min(60, frame + 3)]
    assert not len(find_onsets(np.zeros((3, 50))).row) and not len(find_onsets(np.zeros((3, 0))).row)


def test_what_is_far_changes_nothing():
    """A frame's decision is the same, to the bit, wherever the sound is cut ``AROUND_FRAMES`` away from it."""
    scores = np.random.default_rng(5).random((1, 400)) ** 6
    whole = find_onsets(scores)
    assert (expected_onsets(scores)[:, 100:300] == expected_onsets(scores[:, 90:310])[:, 10:210]).all()
    part = find_onsets(scores[:, 100:300])
    inside = (whole.frame >= 100 + AROUND_FRAMES) & (whole.frame < 300 - AROUND_FRAMES)
    kept = (part.frame >= AROUND_FRAMES) & (part.frame < 200 - AROUND_FRAMES)
    assert inside.sum() > 3
    assert (whole.frame[inside] == 100 + part.frame[kept]).all()
    assert (whole.expected[inside] == part.expected[kept]).all()


def test_counts_equal_sed_eval_and_half_is_where_the_error_rate_is_least():
    rng = np.random.default_rng(7)
    num_clips, thresholds = 400, (0.1, 0.3, 0.5, 0.7, 0.9)
    tracks, onset_s = np.zeros((num_clips, 100, 2)), np.full(num_clips, np.nan)
    for clip in range(num_clips):  # a frame that says how likely it is, and keeps its word
        frame, likely = int(rng.integers(10, 80)), rng.random()
        tracks[clip, frame, 1], tracks[clip, frame : frame + 9, 0] = likely, 0.9
        if rng.random() < likely:
            onset_s[clip] = frame / 10
    counts = sweep_onsets(tracks[..., 1], onset_s, thresholds)
    for place, threshold in enumerate(thresholds):
        onsets, offsets = detect_by_rule(tracks, threshold, 0.0, max_gap_s=1.0, low_ratio=1.0)
        lists = [
            {
                f"{i}.wav": [] if np.isnan(on) else [Event(float(on), float(off), "x")]
                for i, (on, off) in enumerate(zip(some, some + 1, strict=True))
            }
            for some in (onset_s, onsets)
        ]
        judged = evaluate(*lists, "x")
        assert counts[place, 1:].tolist() == [judged["insertions"], judged["deletions"]]
        assert (offsets[~np.isnan(onsets)] > onsets[~np.isnan(onsets)]).all()
    error_rate = rates(counts)[1]
    assert error_rate.argmin() == 2
    # At threshold t, of chances spread evenly, F is (1 - t²) / (1.5 - t), greatest at 0.38, and the error rate is
    # 1 - 2 t + 2 t², least at 0.5. What is chosen lies between, and near to the best of both.
    tuned = tune(tracks, onset_s)
    assert tuned.t_base == 0.4 and (tuned.beta, tuned.max_gap_s, tuned.low_ratio) == (0.0, ONSET_GAP_S, 1.0)
    assert tuned.f_measure == pytest.approx(0.84 / 1.1, abs=0.03)
    assert tuned.error_rate == pytest.approx(0.52, abs=0.05)


def test_scores_of_the_event_alone_go_by_the_paper():
    scores = np.random.default_rng(8).random((6, 50))
    by_rule = detect_by_rule(scores, 0.4, 0.3, max_gap_s=0.5, low_ratio=0.8)
    np.testing.assert_array_equal(by_rule, detect_batch(scores, 0.4, 0.3, max_gap_s=0.5, low_ratio=0.8))
