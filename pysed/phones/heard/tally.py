"""Phones counted in regions: how many and for how long, by source, so that sources can be resampled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pysed.phones.heard.regions import Region
from pysed.phones.names import in_form


@dataclass(frozen=True)
class Tally:
    """Counts of V phones in S sources.

    counts: (S, V) phones whose centre lies inside a region. times_us: (S, V) microseconds that phones overlap regions.
    covered_us: (S,) length of the regions. lengths_us: (E,) length of each event; length_source: (E,) its row.
    """

    phones: tuple[str, ...]
    sources: tuple[str, ...]
    counts: np.ndarray
    times_us: np.ndarray
    covered_us: np.ndarray
    lengths_us: np.ndarray
    length_source: np.ndarray

    def in_form(self, form: str) -> "Tally":
        """The same counts with phones named in another form (``names.FORMS``), in order of first appearance."""
        names = [in_form(phone, form) for phone in self.phones]
        kept = tuple(dict.fromkeys(names))
        into = np.zeros((len(names), len(kept)), np.int64)
        into[np.arange(len(names)), [kept.index(name) for name in names]] = 1
        return Tally(
            kept, self.sources, self.counts @ into, self.times_us @ into, self.covered_us, self.lengths_us,
            self.length_source,
        )  # fmt: skip


def tally(regions: Iterable[Region], phones: Sequence[str]) -> Tally:
    """Count the phones of regions; ``phones`` names all that may appear, in the order of the columns.

    A phone counts once, where its centre lies in [begin, end): regions side by side share no phone and lose none. Its
    time counts where it is, so a phone half inside gives half its time, and whether it counts is its centre's matter.
    """
    regions = list(regions)
    sources = tuple(sorted({region.source for region in regions}))
    rows = {source: row for row, source in enumerate(sources)}
    columns = {phone: column for column, phone in enumerate(phones)}
    counts = np.zeros((len(sources), len(columns)), np.int64)
    times_us = np.zeros_like(counts)
    covered_us = np.zeros(len(sources), np.int64)
    lengths: list[int] = []
    owners: list[int] = []
    for region in regions:
        row = rows[region.source]
        lengths += region.event_lengths_us
        owners += [row] * len(region.event_lengths_us)
        for begin, end in region.intervals_us:
            covered_us[row] += end - begin
            for start, duration, phone in region.spans:
                overlap = min(start + duration, end) - max(start, begin)
                if overlap > 0:
                    times_us[row, columns[phone]] += overlap
                    counts[row, columns[phone]] += 2 * begin <= 2 * start + duration < 2 * end
    return Tally(
        tuple(phones), sources, counts, times_us, covered_us, np.array(lengths, np.int64), np.array(owners, np.int64)
    )
