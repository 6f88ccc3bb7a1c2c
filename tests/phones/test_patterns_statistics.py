"""Tests and counts of speech patterns against hand-worked cases and direct computation."""

import numpy as np
import pytest
from scipy import stats

from pysed.datadir.ctm import Span
from pysed.phones.patterns.analysis import frame_track
from pysed.phones.patterns.mended import Place, heard_there, shares
from pysed.phones.patterns.ngrams import Window, chance, count_ngrams, limits, occurrences
from pysed.phones.patterns.permutation import (
    benjamini_hochberg,
    chance_of_at_least,
    exchanged_labels,
    shifted_sums,
    shifted_tracks,
    sign_test,
)

S = 1_000_000


def test_false_discovery_rates_are_scipys():
    p = np.random.default_rng(1).random(40) ** 2
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    assert np.isnan(benjamini_hochberg(np.array([0.01, np.nan]))[1])
    assert benjamini_hochberg(np.array([0.01, np.nan]))[0] == 0.01


def test_chance_of_at_least_is_the_binomial_tail_and_by_hand():
    assert chance_of_at_least(4, np.full(12, 0.3)) == pytest.approx(stats.binom.sf(3, 12, 0.3))
    assert chance_of_at_least(1, np.array([0.5, 0.2])) == pytest.approx(1 - 0.5 * 0.8)
    assert chance_of_at_least(0, np.array([0.1])) == 1


def test_exchanged_labels_agree_with_scipy_and_find_nothing_in_noise():
    rng = np.random.default_rng(2)
    values, labels = rng.normal(size=(14, 1)), np.arange(14) < 6
    values[labels] += 1.5
    difference, p = exchanged_labels(values, labels, 5000, rng)
    exact = stats.permutation_test(
        (values[labels, 0], values[~labels, 0]), lambda a, b: a.mean() - b.mean(), n_resamples=np.inf
    )
    assert difference[0] == pytest.approx(exact.statistic)
    assert p[0] == pytest.approx(exact.pvalue, abs=0.01)
    _, noise = exchanged_labels(rng.normal(size=(30, 200)), np.arange(30) < 12, 1000, rng)
    assert 0.01 < (noise < 0.05).mean() < 0.11
    with pytest.raises(ValueError, match="0 of 3"):
        exchanged_labels(np.ones((3, 1)), np.zeros(3, bool), 10, rng)


def test_shifted_sums_are_those_of_rolled_tracks():
    rng = np.random.default_rng(3)
    evidence, track = rng.normal(size=11), rng.random((11, 4))
    for shift, row in enumerate(shifted_sums(evidence, track)):
        assert row == pytest.approx(evidence @ np.roll(track, shift, axis=0))


def test_evidence_on_one_phone_is_found_and_elsewhere_is_not():
    rng = np.random.default_rng(4)
    tables = []
    for _ in range(12):
        track = np.zeros((100, 2))
        at, other = rng.integers(0, 90, 2)
        track[at : at + 5, 0] = track[other : other + 5, 1] = 1
        tables.append(shifted_sums(track[:, 0] * 2.0, track))
    observed, expected, p = shifted_tracks(tables, 1000, rng)
    assert observed[0] == pytest.approx(12 * 5 * 2) and expected[0] == pytest.approx(12 * 5 * 10 / 100)
    assert p[0] == pytest.approx(1 / 1001) and p[1] > 0.05


def test_sign_test_by_hand():
    assert sign_test(0, 0) == 1
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(3, 3) == 1


def test_occurrences_drop_position_and_stress():
    row = [Span(0, 2, "AE1_B"), Span(2, 2, "T_E"), Span(4, 2, "AE0_S")]
    assert occurrences(row, 1) == {"AE": [(2, 2), (10, 10)], "T": [(6, 6)]}
    assert occurrences(row, 2) == {"AE T": [(2, 6)], "T AE": [(6, 10)]}
    assert occurrences(row, 4) == {}


def test_places_end_with_the_recording():
    window = Window("a", [], 1 * S, 9 * S, 10 * S)
    assert [limits(window, place) for place in ("before", "in", "after")] == [(0, S), (S, 9 * S), (9 * S, 10 * S)]


@pytest.mark.parametrize("found", [[(3, 3)], [(3, 5), (4, 6)], [(0, 1), (18, 19)], [(2, 12)], []])
def test_chance_is_the_share_of_all_shifts(found):
    duration, begin, end = 20, 6, 11
    hits = 0
    for shift in range(duration):
        moved = [((first + shift) % duration, (last + shift) % duration) for first, last in found]
        hits += any(begin <= first <= last < end for first, last in moved)
    assert chance(found, begin, end, duration) == pytest.approx(hits / duration)


def test_ngrams_by_hand():
    # Five recordings of 10 s: Z lies in the detection, 4 to 5 s, of the first four; T stands after it in all.
    windows = []
    for number in range(5):
        z = 4.2 if number < 4 else 8.0
        row = [Span(round(z * S), S // 5, "Z_B"), Span(round(5.5 * S), S // 5, "T_E")]
        windows.append(Window(f"source{number}", sorted(row), 4 * S, 5 * S, 10 * S))
    rows = {row.phones: row for row in count_ngrams(windows, "in")}
    assert rows["Z"].detections == 4 and rows["Z"].num_sources == 4 and rows["Z"].expected == pytest.approx(0.5)
    assert rows["Z"].p == pytest.approx(stats.binom.sf(3, 5, 0.1))
    assert rows["T"].detections == 0 and rows["T"].p == 1
    after = {row.phones: row for row in count_ngrams(windows, "after")}
    assert after["T"].detections == 5 and after["T"].p == pytest.approx(0.2**5)
    assert after["Z T"].detections == 0 and "T Z" not in after  # one source has T Z
    q = benjamini_hochberg(np.array([row.p for row in after.values()]))
    assert [row.q for row in after.values()] == pytest.approx(q.tolist())


def test_a_frame_is_shared_by_its_phones():
    track = frame_track([Span(0, 150_000, "M_B"), Span(150_000, 100_000, "T_E")], ["M", "T"], 2)
    assert track == pytest.approx(np.array([[1, 0], [0.5, 0.5]]))


def test_phones_of_mended_errors_are_found():
    row = [Span(0, S, "Z_B"), Span(S, S, "T_E")]
    assert shares(row, [(0, S), (S, 3 * S // 2)], ["T", "Z"]) == pytest.approx([1 / 3, 2 / 3])
    places = [Place(row, [(0, S)], True)] * 8 + [Place(row, [(S, 2 * S)], False)] * 8
    found = {each.phone: each for each in heard_there(places, ["T", "Z"], 1000, np.random.default_rng(5))}
    assert found["Z"].share_changed == 1 and found["Z"].share_kept == 0 and found["Z"].q < 0.01
    assert heard_there(places[:10], ["T", "Z"], 10, np.random.default_rng(5)) == []
