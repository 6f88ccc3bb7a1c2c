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
    np.testing.assert_allclose(weights.events.sum(axis=1), 20, rtol=1e-5)  # 19 of 20 drawn, each for 20 / 19
    np.testing.assert_allclose(weights.events.mean(axis=0), 1, atol=0.08)
    assert weights.events.var() == pytest.approx(1, abs=0.03)  # (20/19)^2 x 19 x 1/20 x 19/20 = 1
    np.testing.assert_array_equal(weights.events, weights_of_files(20, num_draws=4000).events)
    assert (weights.backgrounds == 1).all() and (weights.files == 1).all()


def test_a_file_counts_as_often_as_its_recording():
    events = ["a", "a", "b", None, None, "c"]
    backgrounds = ["x", "y", "x", "x", "y", "z"]
    drawn = bootstrap.draw_weights(events, backgrounds, num_draws=50)
    assert (drawn.events[:, 0] == drawn.events[:, 1]).all() and (drawn.events[:, 3:5] == 1).all()
    assert (drawn.backgrounds[:, [0, 2]] == drawn.backgrounds[:, [3, 3]]).all()
    np.testing.assert_allclose(drawn.events[:, [0, 2, 5]].sum(axis=1), 3, rtol=1e-5)
    assert (drawn.files[:, 3:5] == 1).all()  # of one kind of recording only: no noise is counted twice


def test_rates_of_a_draw_by_hand():
    counts = np.array([[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 1], [1, 0, 0], [0, 2, 0]]])  # two seeds, three files
    chosen = np.array([[1, 1, 1], [2, 0, 1]], dtype=np.float32)
    drawn = bootstrap.draw_rates(counts, bootstrap.Weights(*[chosen] * 3, (3, 1)))
    drawn = {rate: each.events for rate, each in drawn.items()}
    # Draw 1: (1, 1, 1) and (1, 2, 1); draw 2: (2, 0, 0) and (0, 2, 2).
    np.testing.assert_allclose(drawn["error_rate"], [(1 + 1.5) / 2, (0 + 2) / 2])
    np.testing.assert_allclose(drawn["f_measure"], [(1 / 2 + 2 / 5) / 2, (1 + 0) / 2])
    np.testing.assert_allclose(drawn["precision"], [(1 / 2 + 1 / 3) / 2, (1 + 0) / 2])
    np.testing.assert_allclose(drawn["recall"], [1 / 2, 1 / 2])


def test_error_is_that_of_scipy():
    counts = random_counts(200)
    drawn = bootstrap.draw_rates(counts[None], weights_of_files(200))

    def error_rate(hits, insertions, deletions, axis):
        return (insertions + deletions).sum(axis) / (hits + deletions).sum(axis)

    def f_measure(hits, insertions, deletions, axis):
        return 2 * hits.sum(axis) / (2 * hits + insertions + deletions).sum(axis)

    for name, statistic in (("error_rate", error_rate), ("f_measure", f_measure)):
        found = scipy.stats.bootstrap(
            tuple(counts.T), statistic, paired=True, method="percentile", n_resamples=5000, batch=500, rng=1
        )
        error, degrees = drawn[name].error()
        assert error == pytest.approx(found.standard_error, rel=0.05) and degrees == pytest.approx(199)
        np.testing.assert_allclose(bootstrap.interval(drawn[name], name), found.confidence_interval, atol=0.02)


def test_intervals_by_hand():
    """A quarter, each file of 16 its own recording: a standard error of sqrt(3/16 / 15) and 15 degrees of freedom."""
    counts = np.array([[1, 0, 0]] * 12 + [[0, 0, 1]] * 4)
    drawn = bootstrap.draw_rates(counts[None], weights_of_files(16, num_draws=200_000))
    reach = 2.13145 * (3 / 16 / 15) ** 0.5  # t of 15 degrees of freedom
    root, logit = 0.25 ** (1 / 3), np.log(3)
    expected = (root - reach / (3 * root**2)) ** 3, (root + reach / (3 * root**2)) ** 3
    np.testing.assert_allclose(bootstrap.interval(drawn["error_rate"], "error_rate"), expected, atol=0.002)
    ends = logit - reach / (3 / 16), logit + reach / (3 / 16)
    np.testing.assert_allclose(
        bootstrap.interval(drawn["recall"], "recall"), 1 / (1 + np.exp(-np.array(ends))), atol=0.002
    )
    np.testing.assert_allclose(bootstrap.interval(drawn["recall"]), (0.75 - reach, 0.75 + reach), atol=0.002)
    assert bootstrap.interval(drawn["precision"], "precision") is None  # no draw has a false alarm


def test_interval_covers_the_truth_nineteen_times_in_twenty():
    weights = weights_of_files(150, num_draws=1000)
    truth = (0.5 * 0.3 + 0.2) / 0.5  # deletions and insertions per event of random_counts()
    inside = 0
    for seed in range(300):
        drawn = bootstrap.draw_rates(random_counts(150, seed)[None], weights)["error_rate"]
        low, high = bootstrap.interval(drawn, "error_rate")
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
                low, high = bootstrap.interval(drawn[rate], rate)
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
    return bootstrap.Draws(0.0, values, none, none, none, (9, 1, 1))


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
    assert found.interval[0] > 0 and found.p < 0.005  # an exact sign test: 0.0005


def test_equal_systems_do_not_differ():
    drawn = bootstrap.draw_rates(random_counts(50)[None], weights_of_files(50))["error_rate"]
    assert bootstrap.compare(drawn, drawn) == ((0.0, 0.0), 1.0)


def test_p_of_one_file_of_difference():
    """The systems differ in one file of ten: a difference as large as its standard error."""
    one = np.array([[1, 0, 0]] * 10)
    other = one.copy()
    other[3] = [0, 0, 1]
    weights = weights_of_files(10)
    mine, others = (bootstrap.draw_rates(counts[None], weights)["error_rate"] for counts in (other, one))
    assert bootstrap.compare(mine, others).p == pytest.approx(2 * scipy.stats.t.sf(1, 9), abs=0.01)


def good(random: np.random.Generator, num_events: int, num_backgrounds: int, num_files: int) -> np.ndarray:
    """Counts (N, 3) of a system with few errors, each by itself: of half of the files, those with an event."""
    has_event = np.arange(num_files) < num_files // 2
    hit = has_event & (random.random(num_files) < 0.97)
    return np.stack([hit, random.random(num_files) < 0.01, has_event & ~hit], axis=1).astype(np.int64)


def named(random: np.random.Generator, num_events: int, num_backgrounds: int, num_files: int):
    """Recordings of the events and backgrounds of such files."""
    of_events = [
        f"event {i}" if n < num_files // 2 else None for n, i in enumerate(random.integers(num_events, size=num_files))
    ]
    return of_events, [f"place {i}" for i in random.integers(num_backgrounds, size=num_files)]


@pytest.mark.parametrize("num_different", [1, 2, 3])
def test_few_files_of_difference_prove_nothing(num_different):
    """Of fifty mixtures with named recordings a system misses one to three more: an exact sign test has p of 0.25
    and more."""
    events, backgrounds = [f"e{i}" if i < 50 else None for i in range(100)], [f"b{i}" for i in range(100)]
    one = np.array([[1, 0, 0]] * 50 + [[0, 0, 0]] * 50)
    other = one.copy()
    other[:num_different] = [0, 0, 1]
    weights = bootstrap.draw_weights(events, backgrounds, seed=1)
    mine, others = (bootstrap.draw_rates(counts[None], weights)["error_rate"] for counts in (other, one))
    found = bootstrap.compare(mine, others)
    assert found.p > 0.05 and found.interval[0] < 0 < found.interval[1]
    assert bootstrap.interval(others, "error_rate") is None  # without an error


@pytest.mark.parametrize("num_events,num_backgrounds", [(20, 45), (50, 50), (8, 10)])
def test_equally_good_systems_seldom_differ(num_events, num_backgrounds):
    """p below 0.05 in at most one of twenty comparisons of systems with few errors, within chance."""
    found = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        weights = bootstrap.draw_weights(*named(random, num_events, num_backgrounds, 100), num_draws=400, seed=seed)
        drawn = [
            bootstrap.draw_rates(good(random, num_events, num_backgrounds, 100)[None], weights)["error_rate"]
            for _ in range(2)
        ]
        found.append(bootstrap.compare(*drawn).p < 0.05)
    assert np.mean(found) <= 0.085  # 0.05 and 2.3 standard errors


def test_one_training_against_several():
    """Three trainings that differ against one: degrees of freedom are those of the three."""
    counts = np.array([[[1, 0, 0]] * (100 - n) + [[0, 0, 1]] * n for n in (10, 30, 50)])
    weights = weights_of_files(100)
    several, alone = (
        bootstrap.draw_rates(each, weights, name)["error_rate"]
        for name, each in (("several", counts), ("alone", counts[1:2]))
    )
    assert (several - alone).sizes[2] == 3 and (alone - alone).sizes[2] == 1
    assert (several - alone).error()[1] < 6  # of three trainings, not of a hundred files
