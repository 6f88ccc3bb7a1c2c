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


def weights_of_files(num_files: int, **options) -> bootstrap.Weights:
    """Every file a recording of its own."""
    return bootstrap.draw_weights([None] * num_files, [None] * num_files, **options)


def test_weights_are_draws_with_replacement():
    weights = weights_of_files(20, num_draws=4000)
    np.testing.assert_allclose(weights.both.sum(axis=1), 20, rtol=1e-5)  # 19 of 20 drawn, each for 20 / 19
    np.testing.assert_allclose(weights.both.mean(axis=0), 1, atol=0.08)
    assert weights.both.var() == pytest.approx(1, abs=0.03)  # (20/19)^2 x 19 x 1/20 x 19/20 = 1
    np.testing.assert_array_equal(weights.both, weights_of_files(20, num_draws=4000).both)
    assert (weights.backgrounds == 1).all() and (weights.files == 1).all()


def test_a_mixture_counts_as_often_as_its_event_times_its_background():
    events = ["a", "a", "b", None, None, "c"]
    backgrounds = ["x", "y", "x", "x", "y", "z"]
    drawn = bootstrap.draw_weights(events, backgrounds, num_draws=50)
    np.testing.assert_allclose(drawn.both, drawn.events * drawn.backgrounds)
    assert (drawn.events[:, 0] == drawn.events[:, 1]).all() and (drawn.events[:, 3:5] == 1).all()
    assert (drawn.backgrounds[:, [0, 2]] == drawn.backgrounds[:, [3, 3]]).all()
    np.testing.assert_allclose(drawn.events[:, [0, 2, 5]].sum(axis=1), 3, rtol=1e-5)
    assert (drawn.files[:, 3:5] == 1).all()  # of one kind of recording only: no noise is counted twice


def test_rates_of_a_draw_by_hand():
    counts = np.array([[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 1], [1, 0, 0], [0, 2, 0]]])  # two seeds, three files
    chosen = np.array([[1, 1, 1], [2, 0, 1]], dtype=np.float32)
    drawn = bootstrap.draw_rates(counts, bootstrap.Weights(*[chosen] * 4, (3, 1)))
    drawn = {rate: each.both for rate, each in drawn.items()}
    # Draw 1: (1, 1, 1) and (1, 2, 1); draw 2: (2, 0, 0) and (0, 2, 2).
    np.testing.assert_allclose(drawn["error_rate"], [(1 + 1.5) / 2, (0 + 2) / 2])
    np.testing.assert_allclose(drawn["f_measure"], [(1 / 2 + 2 / 5) / 2, (1 + 0) / 2])
    np.testing.assert_allclose(drawn["precision"], [(1 / 2 + 1 / 3) / 2, (1 + 0) / 2])
    np.testing.assert_allclose(drawn["recall"], [1 / 2, 1 / 2])


def test_interval_is_that_of_scipy():
    counts = random_counts(200)
    drawn = bootstrap.draw_rates(counts[None], weights_of_files(200))

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
    weights = weights_of_files(150, num_draws=1000)
    truth = (0.5 * 0.3 + 0.2) / 0.5  # deletions and insertions per event of random_counts()
    inside = 0
    for seed in range(300):
        low, high = bootstrap.interval(bootstrap.draw_rates(random_counts(150, seed)[None], weights)["error_rate"])
        inside += low <= truth <= high
    assert 0.90 <= inside / 300 <= 0.99


def planted(random: np.random.Generator, num_events: int, num_backgrounds: int, num_files: int):
    """Counts (N, 3) and recordings of a test set: each event recording has a chance of its own to be found, each
    background one to alarm."""
    ease = random.normal(0.8, 1.5, num_events)
    alarm = random.normal(-1.5, 1.3, num_backgrounds)
    event, background = random.integers(num_events, size=num_files), random.integers(num_backgrounds, size=num_files)
    has_event = np.arange(num_files) < num_files // 2
    hit = has_event & (random.random(num_files) < 1 / (1 + np.exp(0.15 * alarm[background] - ease[event])))
    chance = np.where(has_event, 0.4, 1.0) / (1 + np.exp(-alarm[background]))
    counts = np.stack([hit, random.random(num_files) < chance, has_event & ~hit], axis=1).astype(np.int64)
    events = [f"event {i}" if here else None for i, here in zip(event, has_event, strict=True)]
    return counts, events, [f"place {i}" for i in background]


@pytest.mark.parametrize("num_events,num_backgrounds", [(12, 20), (34, 58), (8, 58)])
def test_interval_covers_new_recordings(num_events, num_backgrounds):
    """Few recordings in 250 files, planted: an interval over recordings holds what it says, one over files does not."""
    everything = planted(np.random.default_rng(99), 200_000, 200_000, 400_000)[0].sum(axis=0)
    truth = {rate: float(value) for rate, value in bootstrap.rates(everything).items()}
    inside = {"recordings": np.zeros(2), "files": np.zeros(2)}
    num_sets = 300
    for seed in range(num_sets):
        counts, *recordings = planted(np.random.default_rng(seed), num_events, num_backgrounds, 250)
        for over, names in (("recordings", recordings), ("files", ([None] * 250, [None] * 250))):
            drawn = bootstrap.draw_rates(counts[None], bootstrap.draw_weights(*names, num_draws=600, seed=seed))
            for place, rate in enumerate(("error_rate", "f_measure")):
                low, high = bootstrap.interval(drawn[rate])
                inside[over][place] += low <= truth[rate] <= high
    assert (inside["recordings"] >= 0.92 * num_sets).all() and (inside["recordings"] <= 0.98 * num_sets).all()
    assert (inside["files"] < inside["recordings"] - 0.04 * num_sets).all()


def test_seeds_widen_the_interval():
    """Trainings that differ as much as recordings do: the interval has to hold both."""
    good, bad = np.array([[1, 0, 0]] * 90 + [[0, 0, 1]] * 10), np.array([[1, 0, 0]] * 50 + [[0, 0, 1]] * 50)
    weights = weights_of_files(100)
    both = bootstrap.interval(bootstrap.draw_rates(np.stack([good, bad, good, bad]), weights)["error_rate"])
    alike = bootstrap.interval(bootstrap.draw_rates(np.stack([good] * 4), weights)["error_rate"])
    # The seeds' mean has the variance 0.04 x 4/3 / 4; Student's t of hardly more than 3 degrees of freedom is 3.2.
    assert both[1] - both[0] > 2 * 2.5 * (0.04 / 3) ** 0.5 > 3 * (alike[1] - alike[0])


def draws_of(values) -> bootstrap.Draws:
    values = np.asarray(values, dtype=float)
    none = np.zeros_like(values)
    return bootstrap.Draws(0.0, values, values, none, none, none, (9, 1, 1))


def test_no_interval_where_most_draws_are_undefined():
    assert bootstrap.interval(draws_of([np.nan, np.nan, 0.5])) is None
    assert bootstrap.compare(draws_of([np.nan, np.nan, 0.5]), draws_of(np.zeros(3))) is None


def test_pairing_sees_a_small_difference_that_hard_files_hide():
    one = random_counts(300)
    other = one.copy()
    other[np.flatnonzero(one[:, 0])[:12]] = [0, 0, 1]  # twelve hits missed, all else the same
    weights = weights_of_files(300)
    mine, others = (bootstrap.draw_rates(counts[None], weights)["error_rate"] for counts in (other, one))
    assert bootstrap.interval(mine)[0] < bootstrap.interval(others)[1]  # the intervals overlap
    found = bootstrap.compare(mine, others)
    assert found.interval[0] > 0 and found.p < 0.001


def test_equal_systems_do_not_differ():
    drawn = bootstrap.draw_rates(random_counts(50)[None], weights_of_files(50))["error_rate"]
    assert bootstrap.compare(drawn, drawn) == ((0.0, 0.0), 1.0)


def test_p_of_one_file_of_difference():
    """The systems differ in one file of ten; 0.9^9 of the draws lack it, and show no difference."""
    one = np.array([[1, 0, 0]] * 10)
    other = one.copy()
    other[3] = [0, 0, 1]
    weights = weights_of_files(10)
    mine, others = (bootstrap.draw_rates(counts[None], weights)["error_rate"] for counts in (other, one))
    assert bootstrap.compare(mine, others).p == pytest.approx(2 * 0.9**9, abs=0.03)
