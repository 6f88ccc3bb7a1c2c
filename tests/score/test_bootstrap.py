"""Intervals against scipy's bootstrap, paired comparisons with known answers."""

import numpy as np
import pytest
import scipy.stats

from pysed.score import bootstrap


def random_counts(num_files: int, seed: int = 0) -> np.ndarray:
    """(N, 3) of files with one event or none, as a middling system's."""
    random = np.random.default_rng(seed)
    has_event = random.random(num_files) < 0.5
    hit = has_event & (random.random(num_files) < 0.7)
    insertion = random.random(num_files) < 0.2
    return np.stack([hit, insertion, has_event & ~hit], axis=1).astype(np.int64)


def test_weights_are_draws_with_replacement():
    weights = bootstrap.draw_weights(20, num_draws=4000)
    assert (weights.sum(axis=1) == 20).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.08)
    assert weights.var() == pytest.approx(1 - 1 / 20, abs=0.03)  # binomial(20, 1/20)
    np.testing.assert_array_equal(weights, bootstrap.draw_weights(20, num_draws=4000))


def test_rates_of_a_draw_by_hand():
    counts = np.array([[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 1], [1, 0, 0], [0, 2, 0]]])  # two seeds, three files
    drawn = bootstrap.draw_rates(counts, np.array([[1, 1, 1], [2, 0, 1]], dtype=np.float32))
    # Draw 1: (1, 1, 1) and (1, 2, 1); draw 2: (2, 0, 0) and (0, 2, 2).
    np.testing.assert_allclose(drawn["error_rate"], [(1 + 1.5) / 2, (0 + 2) / 2])
    np.testing.assert_allclose(drawn["f_measure"], [(1 / 2 + 2 / 5) / 2, (1 + 0) / 2])
    np.testing.assert_allclose(drawn["precision"], [(1 / 2 + 1 / 3) / 2, (1 + 0) / 2])
    np.testing.assert_allclose(drawn["recall"], [1 / 2, 1 / 2])


def test_interval_is_that_of_scipy():
    counts = random_counts(200)
    drawn = bootstrap.draw_rates(counts[None], bootstrap.draw_weights(200))

    def error_rate(hits, insertions, deletions, axis):
        return (insertions + deletions).sum(axis) / (hits + deletions).sum(axis)

    def f_measure(hits, insertions, deletions, axis):
        return 2 * hits.sum(axis) / (2 * hits + insertions + deletions).sum(axis)

    for name, statistic in (("error_rate", error_rate), ("f_measure", f_measure)):
        found = scipy.stats.bootstrap(
            tuple(counts.T), statistic, paired=True, method="percentile", n_resamples=5000, batch=500, rng=1
        ).confidence_interval
        np.testing.assert_allclose(bootstrap.interval(drawn[name]), found, atol=0.012)


def test_interval_covers_the_truth_nineteen_times_in_twenty():
    weights = bootstrap.draw_weights(150, num_draws=1000)
    truth = (0.5 * 0.3 + 0.2) / 0.5  # deletions and insertions per event of random_counts()
    inside = 0
    for seed in range(300):
        low, high = bootstrap.interval(bootstrap.draw_rates(random_counts(150, seed)[None], weights)["error_rate"])
        inside += low <= truth <= high
    assert 0.90 <= inside / 300 <= 0.99


def test_no_interval_where_most_draws_are_undefined():
    assert bootstrap.interval(np.array([np.nan, np.nan, 0.5])) is None
    assert bootstrap.compare(np.array([np.nan, np.nan, 0.5]), np.zeros(3)) is None


def test_pairing_sees_a_small_difference_that_hard_files_hide():
    one = random_counts(300)
    other = one.copy()
    other[np.flatnonzero(one[:, 0])[:12]] = [0, 0, 1]  # twelve hits missed, all else the same
    weights = bootstrap.draw_weights(300)
    mine, others = (bootstrap.draw_rates(counts[None], weights)["error_rate"] for counts in (other, one))
    assert bootstrap.interval(mine)[0] < bootstrap.interval(others)[1]  # the intervals overlap
    found = bootstrap.compare(mine, others)
    assert found.interval[0] > 0 and found.p < 0.001


def test_equal_systems_do_not_differ():
    drawn = bootstrap.draw_rates(random_counts(50)[None], bootstrap.draw_weights(50))["error_rate"]
    assert bootstrap.compare(drawn, drawn) == ((0.0, 0.0), 1.0)


def test_p_of_one_file_of_difference():
    """The systems differ in one file of ten; 0.9^10 of the draws lack it, and show no difference."""
    one = np.array([[1, 0, 0]] * 10)
    other = one.copy()
    other[3] = [0, 0, 1]
    weights = bootstrap.draw_weights(10)
    mine, others = (bootstrap.draw_rates(counts[None], weights)["error_rate"] for counts in (other, one))
    assert bootstrap.compare(mine, others).p == pytest.approx(2 * 0.9**10, abs=0.03)
