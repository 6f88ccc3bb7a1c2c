"""Tuning: the fast counter against sed_eval, the choice among ties, determinism, speed."""

from itertools import product

import numpy as np
import pytest

from pysed.decision.postprocess import detect_batch
from pysed.decision.tuning import (
    PRIOR,
    T_BASES,
    Tuning,
    average_f,
    count_onsets,
    distance_to_prior,
    rates,
    sweep,
    tune,
)
from pysed.events import Event
from pysed.score.event_based import evaluate


def random_clips(seed: int, num_clips: int = 24, num_frames: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Noisy scores with bumps near, and sometimes far from, the reference onsets."""
    rng = np.random.default_rng(seed)
    scores = rng.random((num_clips, num_frames)) * 0.4
    onsets = np.full(num_clips, np.nan)
    for clip in range(0, num_clips, 2):
        frame = int(rng.integers(5, num_frames - 20))
        scores[clip, frame : frame + 12] += rng.random() * 0.6
        onsets[clip] = round(max(0.0, frame * 0.1 + rng.choice([-0.5, 0.5, 0.3, -0.2, 0.6, 2.0])), 6)
    return scores.clip(0, 1), onsets


def as_lists(onsets: np.ndarray, offsets: np.ndarray) -> dict:
    return {
        f"{i}.wav": [] if np.isnan(on) else [Event(float(on), float(off), "x")]
        for i, (on, off) in enumerate(zip(onsets, offsets, strict=True))
    }


@pytest.mark.parametrize("seed", range(6))
def test_sweep_equals_sed_eval(seed):
    scores, onsets = random_clips(seed)
    grid = (0.1, 0.4, 0.6), (0.0, 0.7), (0.2, None), (1.0, 0.5)
    counts = sweep(scores, onsets, *grid)
    reference = as_lists(onsets, onsets + 1)
    for cell, (t_base, beta, gap, low_ratio) in zip(np.ndindex(counts.shape[:-1]), product(*grid), strict=True):
        detected = as_lists(*detect_batch(scores, t_base, beta, max_gap_s=gap, low_ratio=low_ratio))
        expected = evaluate(reference, detected, "x")
        hits, insertions, deletions = counts[cell]
        assert (insertions, deletions) == (expected["insertions"], expected["deletions"])
        assert hits == expected["num_reference"] - expected["deletions"]
        f_measure, error_rate = rates(counts[cell])
        assert error_rate == pytest.approx(expected["error_rate"], abs=1e-12)
        assert f_measure == pytest.approx(expected["f_measure"] or 0.0, abs=1e-12)


def test_counter_on_the_collars_edge_equals_sed_eval():
    rng = np.random.default_rng(5)
    reference = np.round(rng.integers(5, 250, 300) * 0.1, 6)
    detected = np.round(reference + rng.choice([-0.5, 0.5, 0.500001, -0.500001, 0.6], 300), 6)
    reference[::7], detected[::5] = np.nan, np.nan
    expected = evaluate(as_lists(reference, reference + 1), as_lists(detected, detected + 1), "x")
    hits, insertions, deletions = count_onsets(reference, detected)
    assert (insertions, deletions) == (expected["insertions"], expected["deletions"])
    assert 0 < hits == expected["num_reference"] - deletions


def test_tuning_is_near_the_best_of_the_grid_and_deterministic():
    scores, onsets = random_clips(11)
    best = tune(scores, onsets)
    f_measure, _ = rates(sweep(scores, onsets))
    top, num_events = f_measure.max(), (~np.isnan(onsets)).sum()
    assert top - np.sqrt(top * (1 - top) / num_events) <= best.f_measure <= top
    assert tune(scores, onsets) == best == tune(scores.copy(), onsets.copy())
    onset, _ = detect_batch(scores, best.t_base, best.beta, max_gap_s=best.max_gap_s, low_ratio=best.low_ratio)
    counts = (best.true_positives, best.insertions, best.deletions)
    assert tuple(count_onsets(onsets, onset)) == counts
    assert best.as_dict()["t_base"] == best.t_base


def test_one_standard_error_rule_by_hand():
    # Of five events, four score 0.9 and one 0.3; three distractors score 0.2. Thresholds from 0.2 to below 0.3 are
    # perfect (F 1, no margin) whatever lies nearer to 0.5.
    scores = np.zeros((8, 60))
    scores[:4, 10:20], scores[4, 10:20], scores[5:, 30:40] = 0.9, 0.3, 0.2
    onsets = np.array([1.0] * 5 + [np.nan] * 3)
    assert tune(scores, onsets).t_base == 0.25
    # One of the distractors at 0.35: at 0.2, F = 10 / 11, at 0.5, F = 8 / 9, less by 0.02 where the standard error is
    # sqrt(10/11 * 1/11 / 5) = 0.13: the prior it is.
    scores[5, 30:40] = 0.35
    best = tune(scores, onsets)
    assert (best.t_base, best.beta, best.max_gap_s, best.low_ratio) == PRIOR
    assert best.f_measure == pytest.approx(8 / 9)


def test_a_much_lower_error_rate_comes_before_the_prior():
    """Ten events score 0.9, five 0.45, eleven distractors 0.45, one 0.55. Gaps and hysteresis change nothing.

    Below 0.45: F = 30/42, ER = 12/15. From 0.45 on: F = 20/26, ER = 6/15; from 0.55 on F = 20/25, ER = 5/15. Nearest to
    the prior within a standard error of F, sqrt(0.8 * 0.2 / 15) = 0.10, and of the error rate, sqrt(1/3 / 15) = 0.15.
    """
    scores = np.zeros((27, 60))
    scores[:10, 10:20], scores[10:15, 10:20], scores[15:26, 30:40], scores[26, 30:40] = 0.9, 0.45, 0.45, 0.55
    onsets = np.array([1.0] * 15 + [np.nan] * 12)
    best = tune(scores, onsets)
    assert (best.t_base, best.f_measure, best.error_rate) == (0.5, pytest.approx(20 / 26), pytest.approx(6 / 15))
    # A prior that lies where F is near but the error rate is not gives way.
    low = tune(scores, onsets, t_bases=(0.4, 0.7), betas=(0.0,))
    assert low.t_base == 0.7 and low.f_measure == pytest.approx(0.8)


def test_all_settings_alike_give_the_prior():
    scores = np.zeros((2, 60))
    scores[0, 10:20] = 1.0
    best = tune(scores, np.array([1.0, np.nan]))
    assert (best.t_base, best.beta, best.max_gap_s, best.low_ratio) == (pytest.approx(0.5, abs=0.06), 0.0, 1.0, 0.8)


def test_lower_error_rate_breaks_ties_of_f():
    counts = np.array([[2, 0, 1], [2, 1, 0]])
    f_measure, error_rate = rates(counts)
    assert f_measure[0] == f_measure[1] == 0.8 and error_rate[0] == pytest.approx(1 / 3) and error_rate[1] == 0.5


def test_nothing_to_tune_on():
    assert tune(np.random.default_rng(0).random((3, 40)), np.full(3, np.nan)) == Tuning(*PRIOR, None, None, 0, 0, 0)
    best = tune(np.full((3, 40), 0.4), np.array([3.0, np.nan, 2.0]))
    assert best == Tuning(*PRIOR, 0.0, 1.0, 0, 0, 2), "no hit anywhere"
    f_measure, error_rate = rates(np.array([0, 3, 0]))
    assert np.isnan(f_measure) and np.isnan(error_rate)


def test_bad_input():
    with pytest.raises(ValueError, match="references of 3"):
        tune(np.zeros((2, 10)), np.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        tune(np.full((1, 10), np.nan), np.zeros(1))


def test_distance_to_prior_by_hand():
    distance = distance_to_prior((0.5, 0.9), (0.0, 2.0), (1.0, 0.5, None), (0.8, 0.4))
    assert distance[0, 0, 0, 0] == 0
    assert distance[1, 0, 0, 0] == pytest.approx(np.log(9))
    assert distance[0, 1, 1, 0] == pytest.approx(2 + 1)
    assert distance[0, 0, 2, 1] == pytest.approx(1 + 1), "twice the longest gap, 1 s; half the ratio"


def test_average_f_by_hand():
    # The event scores 0.95, a distractor of half as many clips 0.55: F is 1 above it, 2/3 below.
    scores = np.zeros((2, 60))
    scores[0, 10:20], scores[1, 30:40] = 0.95, 0.55
    onsets = np.array([1.0, np.nan])
    inside = [t for t in T_BASES if 0.1 <= t <= 0.9]
    assert average_f(scores, onsets) == pytest.approx(np.mean([1.0 if t >= 0.55 else 2 / 3 for t in inside]))
    assert average_f(scores, np.full(2, np.nan)) is None
