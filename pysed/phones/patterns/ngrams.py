"""Phone n-grams before, in and after detections, held against the same recordings with their phones moved in time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pysed.datadir.ctm import Span
from pysed.phones.names import in_form
from pysed.phones.patterns.permutation import benjamini_hochberg, chance_of_at_least

LENGTHS = (1, 2, 3)
PLACES = ("before", "in", "after")
NEAR_US = 2_000_000
MIN_SOURCES = 3


class Window(NamedTuple):
    """A detection [begin, end) in its recording; times in microseconds."""

    source: str
    spans: Sequence[Span]
    begin_us: int
    end_us: int
    duration_us: int


class Ngram(NamedTuple):
    """An n-gram of a place: detections and sources that have it, detections expected to by chance, p and q."""

    place: str
    phones: str
    detections: int
    num_sources: int
    expected: float
    p: float
    q: float


def occurrences(spans: Sequence[Span], length: int) -> dict[str, list[tuple[int, int]]]:
    """n-gram, in phones without position and stress, → (twice the first phone's centre, twice the last's), in µs."""
    names = [in_form(span.phone, "phone") for span in spans]
    centres = [2 * span.start_us + span.duration_us for span in spans]
    found = defaultdict(list)
    for first in range(len(spans) - length + 1):
        last = first + length - 1
        found[" ".join(names[first : last + 1])].append((centres[first], centres[last]))
    return found


def limits(window: Window, place: str) -> tuple[int, int]:
    """[begin, end) of a place: the detection, or at most NEAR_US before or after it, inside the recording."""
    begin, end = {
        "before": (window.begin_us - NEAR_US, window.begin_us),
        "in": (window.begin_us, window.end_us),
        "after": (window.end_us, window.end_us + NEAR_US),
    }[place]
    return max(begin, 0), min(end, window.duration_us)


def chance(found: Iterable[tuple[int, int]], begin: int, end: int, duration: int) -> float:
    """Share of all circular shifts of a recording that bring at least one occurrence wholly into [begin, end).

    found: (first, last) centres; all in one unit. The union of the shifts that do is measured, so this is exact.
    """
    pieces = []
    for first, last in found:
        low, high = begin - first, end - last
        if low < high:
            low, high = low % duration, low % duration + high - low
            pieces += [(low, min(high, duration))] + ([(0, high - duration)] if high > duration else [])
    covered, reached = 0, 0
    for low, high in sorted(pieces):
        covered += max(high - max(low, reached), 0)
        reached = max(reached, high)
    return covered / duration


def count_ngrams(windows: Sequence[Window], place: str, min_sources: int = MIN_SOURCES) -> list[Ngram]:
    """n-grams of one place that stand anywhere in recordings of ``min_sources`` sources or more, least p first.

    An n-gram belongs to a place where the centres of all its phones lie there; a detection counts once however often
    it has it. p is the chance of as many detections or more when each recording's phones are moved by a time of their
    own, the end wrapping round: exact, no draws. q corrects for all n-grams of the place (Benjamini and Hochberg);
    which are asked about does not depend on where in a recording they stand.
    """
    rows = []
    doubled = [[2 * time for time in limits(window, place)] for window in windows]
    for length in LENGTHS:
        everywhere = [occurrences(window.spans, length) for window in windows]
        having: dict[str, list[int]] = defaultdict(list)
        for number, found in enumerate(everywhere):
            for phones in found:
                having[phones].append(number)
        for phones, numbers in having.items():
            if len({windows[number].source for number in numbers}) < min_sources:
                continue
            inside, chances = [], []
            for number in numbers:
                begin, end = doubled[number]
                times = everywhere[number][phones]
                if any(begin <= first and last < end for first, last in times):
                    inside.append(number)
                chances.append(chance(times, begin, end, 2 * windows[number].duration_us))
            p = chance_of_at_least(len(inside), np.array(chances))
            sources = {windows[number].source for number in inside}
            rows.append(Ngram(place, phones, len(inside), len(sources), sum(chances), p, np.nan))
    adjusted = benjamini_hochberg(np.array([row.p for row in rows]))
    tested = [row._replace(q=float(q)) for row, q in zip(rows, adjusted, strict=True)]
    return sorted(tested, key=lambda row: (row.p, row.phones))
