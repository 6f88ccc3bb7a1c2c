"""What speech patterns call a finding: planted effects are found, and without one there are as few as promised."""

import numpy as np

from pysed.datadir.ctm import Span
from pysed.phones.patterns.analysis import frame_track
from pysed.phones.patterns.mended import Place, heard_there
from pysed.phones.patterns.ngrams import Window, count_ngrams
from pysed.phones.patterns.permutation import benjamini_hochberg, shifted_sums, shifted_tracks

S = 1_000_000
PHONES = ["AE", "EH", "ER", "L", "N", "S", "SIL", "T", "Z"]
PLANTED = "ZH"
NAMES = [*PHONES, PLANTED]
EVENT = (4 * S, 6 * S)


def heard(rng: np.random.Generator, planted: bool = False) -> list[Span]:
    """Ten seconds of phones of 0.1 to 0.9 s that know nothing of the event, a planted one in its first second aside."""
    spans, at = [], 0
    while at < 10 * S:
        length = min(int(rng.integers(1, 10)) * S // 10, 10 * S - at)
        spans.append(Span(at, length, str(rng.choice(PHONES))))
        at += length
    if planted:
        before = [Span(a, min(a + d, 4 * S) - a, p) for a, d, p in spans if a < 4 * S]
        after = [Span(max(a, 5 * S), a + d - max(a, 5 * S), p) for a, d, p in spans if a + d > 5 * S]
        spans = [*before, Span(4 * S, S, PLANTED), *after]
    return spans


def evidence_tests(rng: np.random.Generator, planted: bool = False) -> np.ndarray:
    """q of each phone's evidence in twelve recordings of 100 frames; the evidence is of the event's frames."""
    tables = []
    for number in range(12):
        track = frame_track(heard(rng, planted and number % 2 == 1), NAMES, 100)
        evidence = np.zeros(100)
        evidence[40:60] = rng.normal(1, 0.5, 20)
        tables.append(shifted_sums(evidence, track))
    return benjamini_hochberg(shifted_tracks(tables, 400, rng)[2])


def ngram_tests(rng: np.random.Generator, planted: bool = False) -> dict[str, float]:
    """q of each n-gram in twelve detections."""
    windows = [
        Window(f"source{number}", heard(rng, planted and number % 2 == 1), *EVENT, 10 * S) for number in range(12)
    ]
    return {row.phones: row.q for row in count_ngrams(windows, "in")}


def mended_tests(rng: np.random.Generator, planted: bool = False) -> dict[str, float]:
    """q of each phone in ten errors that changed, with the planted phone, and ten kept."""
    places = [Place(heard(rng, planted and number < 10), [EVENT], number < 10) for number in range(20)]
    return {row.phone: row.q for row in heard_there(places, NAMES, 400, rng)}


def test_without_an_effect_findings_are_rare():
    """q below 0.1 is to occur in at most a tenth of such corpora: 12 of 60 or more have a chance of 2 %."""
    rng = np.random.default_rng(11)
    with_findings = np.zeros(3, int)
    for _ in range(60):
        q = [evidence_tests(rng), np.array([*ngram_tests(rng).values()]), np.array([*mended_tests(rng).values()])]
        with_findings += [int(each.min() < 0.1) for each in q]
    assert (with_findings < 12).all(), with_findings


def test_a_planted_phone_is_found_and_hardly_another():
    rng = np.random.default_rng(12)
    found, others = np.zeros(3, int), np.zeros(3, int)
    for _ in range(20):
        evidence = dict(zip(NAMES, evidence_tests(rng, True), strict=True))
        tests = [evidence, ngram_tests(rng, True), mended_tests(rng, True)]
        found += [int(q.get(PLANTED, 1) < 0.1) for q in tests]
        others += [sum(value < 0.1 for name, value in q.items() if PLANTED not in name) for q in tests]
    assert (found >= 15).all(), found
    assert (others <= 10).all(), others


def test_p_without_an_effect_is_uniform():
    rng = np.random.default_rng(13)
    p = []
    for _ in range(40):
        tables = []
        for _ in range(6):
            evidence = np.zeros(100)
            evidence[40:60] = rng.normal(1, 0.5, 20)
            tables.append(shifted_sums(evidence, frame_track(heard(rng), NAMES, 100)))
        p += shifted_tracks(tables, 200, rng)[2][: len(PHONES)].tolist()
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(np.array(p) <= level) - level) < 0.07
