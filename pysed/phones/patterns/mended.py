"""Which errors of one system another mends or makes, and what the recogniser heard there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pysed.datadir.ctm import Span
from pysed.phones.names import in_form
from pysed.phones.patterns.permutation import benjamini_hochberg, exchanged_labels

MIN_GROUP = 3
# kind of error -> what is compared, changed first
KINDS = {
    "misses mended": "events that the first system misses, and that the second finds (changed) or misses, too (kept)",
    "misses made": "events that the first system finds, and that the second misses (changed) or finds, too (kept)",
    "false alarms mended": "false alarms of the first system, gone with the second (changed) or there with both (kept)",
    "false alarms made": "false alarms of the second system, new with it (changed) or there with both (kept)",
}


class Place(NamedTuple):
    """Where one kind of error is or might be: its recording's phones, [begin, end) in µs, and whether it changed."""

    spans: Sequence[Span]
    intervals_us: Sequence[tuple[int, int]]
    changed: bool


class Heard(NamedTuple):
    """A phone's mean share of time where errors changed and where they did not, with p and q of the difference."""

    phone: str
    share_changed: float
    share_kept: float
    p: float
    q: float


def shares(spans: Sequence[Span], intervals_us: Sequence[tuple[int, int]], phones: Sequence[str]) -> np.ndarray:
    """(V,) share of the time in intervals that each phone, without position and stress, takes."""
    columns = {phone: column for column, phone in enumerate(phones)}
    times = np.zeros(len(phones))
    for begin, end in intervals_us:
        for start, duration, phone in spans:
            times[columns[in_form(phone, "phone")]] += max(min(start + duration, end) - max(start, begin), 0)
    return times / max(sum(end - begin for begin, end in intervals_us), 1)


def heard_there(
    places: Sequence[Place], phones: Sequence[str], num_draws: int, rng: np.random.Generator
) -> list[Heard]:
    """Phones of changed against unchanged errors, least p first; none where a group has under MIN_GROUP.

    p exchanges the labels "changed" and "kept"; q corrects for the phones that occur in MIN_GROUP places or more.
    """
    labels = np.array([place.changed for place in places], bool)
    if min(labels.sum(), (~labels).sum()) < MIN_GROUP:
        return []
    values = np.array([shares(place.spans, place.intervals_us, phones) for place in places])
    kept = np.flatnonzero((values > 0).sum(0) >= MIN_GROUP)
    _, p = exchanged_labels(values[:, kept], labels, num_draws, rng)
    rows = [
        Heard(phones[v], float(values[labels, v].mean()), float(values[~labels, v].mean()), float(one), float(q))
        for v, one, q in zip(kept.tolist(), p, benjamini_hochberg(p), strict=True)
    ]
    return sorted(rows, key=lambda row: (row.p, row.phone))
