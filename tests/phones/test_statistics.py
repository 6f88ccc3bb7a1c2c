"""Statistics of phones against direct computation."""

import math

import numpy as np
import pytest
from scipy import stats

from pysed.phones.heard.statistics import (
    entropy_bits,
    holm,
    log_odds,
    p_values,
    prior_counts,
    resampled_weights,
    t_quantile,
    weighted_medians,
)


def test_entropy_of_known_distributions():
    assert entropy_bits(np.array([1_000_000] * 8)) == pytest.approx(3, abs=1e-5)
    assert entropy_bits(np.array([10, 0, 0])) == 0
    assert entropy_bits(np.array([5, 5])) == pytest.approx(1 + 1 / (20 * math.log(2)))
    assert np.isnan(entropy_bits(np.zeros(3)))


def test_entropy_correction_takes_most_of_the_bias_away():
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(60, np.full(16, 1 / 16), 4000)
    shares = drawn / 60
    plain = -np.where(drawn > 0, shares * np.log2(np.where(drawn > 0, shares, 1)), 0).sum(1).mean()
    assert abs(entropy_bits(drawn).mean() - 4) < abs(plain - 4) / 5


def test_log_odds_are_those_computed_directly():
    counts, background, mass = [3, 0, 7, 0], [40, 9, 1, 0], 3.0
    pooled = [a + b for a, b in zip(counts, background, strict=True)]
    prior = prior_counts(np.array(pooled), mass)
    odds, variance = log_odds(np.array(counts), np.array(background), prior)
    for v in range(3):
        alpha = mass * pooled[v] / sum(pooled)
        first = (counts[v] + alpha) / (sum(counts) + mass - counts[v] - alpha)
        second = (background[v] + alpha) / (sum(background) + mass - background[v] - alpha)
        assert odds[v] == pytest.approx(math.log(first) - math.log(second), rel=1e-12)
        assert variance[v] == pytest.approx(1 / (counts[v] + alpha) + 1 / (background[v] + alpha), rel=1e-12)
    assert np.isnan(odds[3]) and np.isnan(variance[3])


def test_log_odds_of_equal_shares_are_zero_and_swapping_changes_the_sign():
    prior = np.array([1.0, 2.0])
    assert log_odds(np.array([10, 20]), np.array([100, 200]), prior)[0] == pytest.approx([0, 0], abs=1e-12)
    one, other = np.array([3, 9]), np.array([8, 2])
    assert log_odds(one, other, prior)[0] == pytest.approx(-log_odds(other, one, prior)[0])


def test_log_odds_of_the_only_phone_are_undefined():
    assert np.isnan(log_odds(np.array([5]), np.array([7]), np.array([1.0]))[0]).all()


def test_resampling_gives_the_standard_error_of_a_mean():
    rng = np.random.default_rng(3)
    values = rng.normal(size=7)
    weights = resampled_weights(7, 200_000, rng)
    assert (weights.sum(1) == 6).all()
    assert (weights @ values / 6).std() == pytest.approx(values.std(ddof=1) / math.sqrt(7), rel=0.01)
    with pytest.raises(ValueError, match="1 sources"):
        resampled_weights(1, 10, rng)


def test_intervals_know_that_phones_of_a_source_go_together():
    # Ten phones a source, all of one kind: as sure as 20 phones, not 200.
    kinds = np.arange(20) % 2
    counts = np.stack([10 * kinds, 10 * (1 - kinds)], 1)
    samples = resampled_weights(20, 20_000, np.random.default_rng(0)) @ counts
    spread = (samples[:, 0] / samples.sum(1)).std()
    assert spread == pytest.approx(math.sqrt(0.25 / 19), rel=0.03)


def test_weighted_medians_repeat_values():
    rng = np.random.default_rng(5)
    values, weights = rng.normal(size=9), rng.integers(0, 4, (100, 9))
    for found, row in zip(weighted_medians(values, weights), weights, strict=True):
        assert found == pytest.approx(np.median(np.repeat(values, row)))
    assert np.isnan(weighted_medians(values, np.zeros((1, 9), int))).all()


def test_t_and_p_are_scipys():
    assert t_quantile(10) == pytest.approx(stats.t.ppf(0.975, 9))
    found = p_values(np.array([1.0, -2.0]), np.array([0.5, 0.5]), 6)
    assert found == pytest.approx([2 * stats.t.sf(2, 5), 2 * stats.t.sf(4, 5)])


def test_holm_by_hand():
    # Sorted 0.01 · 3, 0.03 · 2, then 0.04 · 1, which may not fall below the one before.
    assert holm(np.array([0.03, 0.01, np.nan, 0.04])) == pytest.approx([0.06, 0.03, np.nan, 0.06], nan_ok=True)
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])
    assert np.isnan(holm(np.array([np.nan]))).all()
