"""Post-processing against cases worked by hand and scipy's median filter."""

import numpy as np
import pytest
from scipy.signal import medfilt

from pysed.decision.postprocess import (
    Runs,
    bridge,
    detect_batch,
    detect_event,
    dynamic_threshold,
    find_runs,
    gap_frames,
    longest,
    mean_scores,
    median_filter,
)


def scores_of(text: str) -> np.ndarray:
    """'.' is 0.1, '#' is 0.9."""
    return np.where(np.array(list(text)) == "#", 0.9, 0.1)


def test_equation_8():
    scores = np.array([[0.2, 0.4], [0.0, 1.0]])
    np.testing.assert_allclose(dynamic_threshold(scores, 0.3, 2.0), [0.3 + 2 * 0.3, 0.3 + 2 * 0.5])


def test_threshold_is_exclusive():
    assert detect_event(np.full(10, 0.5), t_base=0.5) is None
    assert detect_event(np.full(10, 0.5), t_base=0.49) == (0.0, 1.0)


def test_a_clip_with_a_high_mean_gets_a_high_threshold():
    # mean 0.6: T = 0.3 + 0.5·0.6 = 0.6, so only the 0.8 frames are active.
    scores = np.array([0.5] * 10 + [0.8] * 5)
    assert detect_event(scores, t_base=0.3, beta=0.5) == (1.0, 1.5)


@pytest.mark.parametrize(
    ("frames", "max_gap_s", "expected"),
    [
        ("..........", None, None),
        ("...####...", None, (0.3, 0.7)),
        ("####......", None, (0.0, 0.4)),
        ("......####", None, (0.6, 1.0)),
        ("##########", None, (0.0, 1.0)),
        ("....#.....", None, None),  # a lone frame is an outlier
        ("#.........", None, None),  # at the edges too
        (".........#", None, None),
        ("...##.##..", 0.0, (0.3, 0.8)),  # the median fills one frame
        (".##...####", None, (0.1, 1.0)),  # every gap closed
        (".##...####", 0.3, (0.1, 1.0)),
        (".##...####", 0.2, (0.6, 1.0)),  # the gap stays: the longest run
        (".##...####", 0.0, (0.6, 1.0)),
        (".###...###", 0.0, (0.1, 0.4)),  # equal lengths: the earliest
        ("##....##.....####", 0.4, (0.0, 0.8)),  # bridged 8 frames against 4
    ],
)
def test_hand_worked(frames, max_gap_s, expected):
    assert detect_event(scores_of(frames), max_gap_s=max_gap_s) == expected


def test_median_is_scipys():
    rng = np.random.default_rng(3)
    for length in (1, 3, 5, 7):
        active = rng.random((20, 31)) < 0.5
        expected = [medfilt(row.astype(float), length) > 0.5 for row in active]
        np.testing.assert_array_equal(median_filter(active, length), expected)
    for length in (0, 2, -3):
        with pytest.raises(ValueError, match="odd"):
            median_filter(active, length)


def by_loops(row: np.ndarray, threshold: float, max_gap: int | None) -> tuple[float, float] | None:
    """The same in plain Python, frame by frame."""
    active = list(medfilt((row > threshold).astype(float), 3) > 0.5)
    runs: list[list[int]] = []
    for frame, on in enumerate(active):
        if not on:
            continue
        if runs and (runs[-1][1] == frame or max_gap is None or frame - runs[-1][1] <= max_gap):
            runs[-1][1] = frame + 1
        else:
            runs.append([frame, frame + 1])
    if not runs:
        return None
    best = max(runs, key=lambda run: (run[1] - run[0], -run[0]))
    return round(best[0] * 0.1, 6), round(best[1] * 0.1, 6)


@pytest.mark.parametrize("max_gap_s", [None, 0.0, 0.2, 0.5, 1.0])
def test_batch_equals_plain_loops(max_gap_s):
    rng = np.random.default_rng(7)
    scores = rng.random((60, 50)) ** 2
    scores[5] = 0
    onset, offset = detect_batch(scores, 0.3, 0.4, max_gap_s=max_gap_s)
    for row, on, off in zip(scores, onset, offset, strict=True):
        expected = by_loops(row, 0.3 + 0.4 * row.mean(), None if max_gap_s is None else round(max_gap_s * 10))
        found = None if np.isnan(on) else (on, off)
        assert found == expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.1, 0.5, 0.5, 0.9, 0.9, 0.5, 0.1], (0.1, 0.6)),  # above 0.7, extended as far as above 0.42
        ([0.1, 0.4, 0.4, 0.9, 0.9, 0.4, 0.1], (0.3, 0.5)),  # 0.4 is below: nothing to extend to
        ([0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1], None),  # never above 0.7
        ([0.1, 0.5, 0.9, 0.5, 0.5, 0.1, 0.1], None),  # but for a lone frame
        ([0.6] * 4 + [0.1] * 4 + [0.9, 0.9], (0.8, 1.0)),  # the longer run was never above 0.7
        ([0.5, 0.5, 0.1, 0.9, 0.9], (0.0, 0.5)),  # a gap of 0.1 s is closed between weak and strong
    ],
)
def test_hysteresis_by_hand(scores, expected):
    assert detect_event(np.array(scores), t_base=0.7, max_gap_s=0.1, low_ratio=0.6) == expected


def test_padded_frames_do_not_count():
    rng = np.random.default_rng(1)
    scores = rng.random((8, 40))
    lengths = np.array([40, 30, 20, 10, 5, 3, 1, 0])
    onset, offset = detect_batch(scores, 0.2, 0.8, max_gap_s=0.3, num_frames=lengths)
    for row, length, on, off in zip(scores, lengths, onset, offset, strict=True):
        expected = detect_event(row[:length], 0.2, 0.8, max_gap_s=0.3)
        assert (None if np.isnan(on) else (on, off)) == expected
    assert mean_scores(scores, lengths)[-1] == 0


def test_runs():
    active = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=bool)
    runs = find_runs(active)
    assert [list(part) for part in runs] == [[0, 0, 1], [1, 4, 0], [3, 5, 1]]
    assert [list(part) for part in bridge(runs, None)] == [[0, 1], [1, 0], [5, 1]], "never across rows"
    assert [list(part) for part in longest(runs, 3)] == [[1, 0, -1], [3, 1, -1]]
    none = Runs(*(np.zeros(0, dtype=int) for _ in range(3)))
    assert [list(part) for part in longest(bridge(none, None), 2)] == [[-1, -1], [-1, -1]]


def test_gap_in_frames():
    assert [gap_frames(gap) for gap in (None, 0.0, 0.3, 0.299, 0.7, 1.0)] == [None, 0, 3, 2, 7, 10]


def test_shape_is_checked():
    with pytest.raises(ValueError, match="clips, frames"):
        detect_batch(np.zeros(5))
