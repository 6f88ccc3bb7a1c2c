"""Upper bounds of false alarms a day: against Poisson's exact ones, and on simulated alarms of a known rate."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pysed.decision.alarms import THRESHOLDS, Alarms, hours_needed, upper_bound

LOG_ODDS = np.log(THRESHOLDS) - np.log1p(-np.array(THRESHOLDS))
SPLITS = 200


@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_alarms_that_come_one_by_one_have_poissons_exact_bound(count):
    bound = float(upper_bound(count))
    assert stats.poisson.cdf(count, bound) == pytest.approx(0.05)
    assert float(upper_bound(0)) == pytest.approx(-np.log(0.05))


def test_alarms_that_come_m_at_once_have_m_times_the_bound_of_as_many_clusters():
    assert float(upper_bound(12, 4.0, 4.0)) == pytest.approx(4 * float(upper_bound(3)))


def test_hours_needed_show_the_rate_and_a_little_less_does_not():
    hours = hours_needed(2.0)
    assert hours == pytest.approx(-np.log(0.05) / 2 * 24)
    for factor, shown in ((1.001, True), (0.999, False)):
        silent = Alarms()
        silent.add(np.zeros((len(THRESHOLDS), int(np.ceil(hours * factor * 60))), int), hours * factor * 3600)
        choice = silent.choose(2.0)
        assert (choice is not None) == shown
        if choice:  # nothing is heard at any threshold: the lowest of all
            assert choice.threshold == THRESHOLDS[-1] and choice.num_alarms == 0 and choice.dispersion == 1


def test_thresholds_are_strictest_first_and_one_that_breaks_the_bound_ends_the_search():
    assert list(THRESHOLDS) == sorted(THRESHOLDS, reverse=True) and 0 < THRESHOLDS[-1] < THRESHOLDS[0] < 1
    alarms = Alarms()
    counts = np.zeros((len(THRESHOLDS), 60 * 24 * 10), int)
    counts[50, ::144] = 1  # a hundred, evenly, at one threshold alone
    alarms.add(counts, 864000.0)
    choice = alarms.choose(1.0)
    assert choice is not None and choice.threshold == THRESHOLDS[49]


def _recordings(random: np.random.Generator, number: int, minutes: int, together: float, uneven: float) -> np.ndarray:
    """(N, K, M): alarms come in clusters of ``together`` on average within five minutes, ``uneven``: the variance of
    the recordings' own rates. Scores fall off exponentially, a cluster's lie close to each other."""
    counts = np.zeros((number, len(THRESHOLDS), minutes), np.int32)
    for recording in counts:
        own = random.gamma(1 / uneven, uneven) if uneven else 1.0
        for _ in range(random.poisson(400 / together * own * minutes / 1440)):
            size = random.geometric(1 / together)
            peaks = -4 + random.exponential(1.5) - random.exponential(0.3, size)
            places = (random.uniform(0, minutes) + random.uniform(0, 5, size)).astype(int)
            for peak, place in zip(peaks, places % minutes, strict=True):
                recording[peak > LOG_ODDS, place] += 1
    return counts


def _naive(counts: np.ndarray, days: float, per_day: float) -> int:
    """Place of the lowest threshold by Poisson's bound, which takes every alarm for independent; -1 for none."""
    beyond = stats.chi2.ppf(0.95, 2 * (counts.sum(axis=(0, 2)) + 1)) / 2 / days > per_day
    return int(np.argmax(beyond)) - 1 if beyond.any() else len(THRESHOLDS) - 1


@pytest.mark.parametrize(
    ("together", "uneven", "per_day"),
    [(4.0, 0.0, 15.0), pytest.param(3.0, 2.0, 25.0, marks=pytest.mark.thorough), (1.0, 0.0, 5.0)],
)
def test_bound_holds_in_splits_by_recording_where_poissons_breaks(together, uneven, per_day):
    random = np.random.default_rng(1)
    minutes, heard = 30, 120
    counts = _recordings(random, 800, minutes, together, uneven)
    by_recording = counts.sum(axis=2)
    broken = naively = silent = 0
    for _ in range(SPLITS):
        order = random.permutation(len(counts))
        mine, rest = order[:heard], order[heard:]
        true_rate = by_recording[rest].sum(axis=0) / (len(rest) * minutes / 1440)
        alarms = Alarms()
        for place in mine:
            alarms.add(counts[place], 60.0 * minutes)
        choice = alarms.choose(per_day)
        silent += choice is None
        broken += choice is not None and true_rate[THRESHOLDS.index(choice.threshold)] > per_day
        place = _naive(counts[mine], heard * minutes / 1440, per_day)
        naively += place >= 0 and true_rate[place] > per_day
    allowed = 0.05 * SPLITS + 2 * (0.05 * 0.95 * SPLITS) ** 0.5
    assert broken <= allowed, (broken, naively)
    assert silent < SPLITS / 4
    if together > 1:
        assert naively > 1.5 * allowed, (broken, naively)


def test_draws_of_recordings_count_the_bounds_that_are_broken(monkeypatch):
    checks = runpy.run_path(str(Path(__file__).parents[2] / "local/check_alarms.py"))
    counts = [np.zeros((len(THRESHOLDS), 6), int) for _ in range(40)]
    for each in counts[:20]:  # half of the recordings have alarms, below one threshold
        each[60:] = 1
    seconds, rate = np.full(40, 360.0), 20 * 6 * 240 / 40
    for draw in ("halves", "resampled"):
        assert checks["broken"](counts, seconds, rate / 2, checks[draw]) == (0, SPLITS, 0.0)
        monkeypatch.setattr(Alarms, "choose", lambda self, per_day: self.choices()[-1])
        bad, done, mean = checks["broken"](counts, seconds, rate / 2, checks[draw])
        assert done == SPLITS and mean == pytest.approx(rate, rel=0.02) and bad > 0.9 * SPLITS
        monkeypatch.undo()
