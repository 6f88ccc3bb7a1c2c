"""The phone analysis of a corpus: each event class, bare and in mixtures, against recordings without an event."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from pysed.datadir.ctm import read_inventory
from pysed.errors import warn_once
from pysed.phones.heard.regions import Region, load_regions
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
from pysed.phones.heard.tally import Tally, tally
from pysed.phones.heard.words import count_words
from pysed.phones.names import FORMS, NON_SPEECH, is_speech

BACKGROUND = "background"
PLACES = ("isolated", "mixtures")


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; error, low and high are nan where sources are too few or too alike to tell."""

    value: float
    error: float
    low: float
    high: float
    num_sources: int


@dataclass(frozen=True)
class Part:
    """One class in one place. weights: (R, S) resampled sources, None where there is but one."""

    event: str
    place: str
    num_recordings: int
    tally: Tally
    weights: np.ndarray | None
    words: list[tuple[str, int, int]]  # phones, count, number of sources


@dataclass(frozen=True)
class PhoneTable:
    """Every phone of one part in one form; arrays are (V,), nan where nothing can be said.

    ``measure`` is ``count`` or ``time``: amount in phones or seconds, its share of all phones or of all aligned time,
    and the log-odds ratio against the background (natural logarithm) with p adjusted for V phones.
    """

    event: str
    place: str
    form: str
    measure: str
    phones: tuple[str, ...]
    amount: np.ndarray
    share: np.ndarray
    share_low: np.ndarray
    share_high: np.ndarray
    num_sources: np.ndarray
    log_odds: np.ndarray
    log_odds_low: np.ndarray
    log_odds_high: np.ndarray
    p_adjusted: np.ndarray


@dataclass(frozen=True)
class Analysis:
    """All that is written: parts in order, their measures, comparisons (measure, place, a, b, a − b), phone tables."""

    events: tuple[str, ...]
    parts: tuple[Part, ...]
    measures: dict[tuple[str, str], dict[str, Estimate]]
    comparisons: tuple[tuple[str, str, str, str, Estimate], ...]
    tables: tuple[PhoneTable, ...]

    def table(self, event: str, place: str, form: str, measure: str = "count") -> PhoneTable:
        """One of the tables. Raises KeyError for one that is not there."""
        for each in self.tables:
            if (each.event, each.place, each.form, each.measure) == (event, place, form, measure):
                return each
        raise KeyError((event, place, form, measure))


def _totals(part: Part, weights: np.ndarray) -> dict[str, np.ndarray]:
    """measure → (R,) values for weights (R, S) of the sources; nan where undefined."""
    phones = part.tally.in_form("phone")
    counts, times_s = weights @ phones.counts, weights @ phones.times_us / 1e6
    covered_s = weights @ phones.covered_us / 1e6
    speech = np.array([is_speech(name) for name in phones.phones])
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = times_s / times_s.sum(1, keepdims=True)

        def share_of(name: str) -> np.ndarray:
            return shares[:, [phone.upper() == name for phone in phones.phones]].sum(1)

        values = {
            "speech_share": shares[:, speech].sum(1),
            "sil_share": share_of("SIL"),
            "spn_share": share_of("SPN"),
            "phone_rate": counts[:, speech].sum(1) / covered_s,
            "entropy_bits": entropy_bits(counts),
            "speech_entropy_bits": entropy_bits(counts[:, speech]),
        }
        if len(phones.lengths_us):
            of_events = weights[:, phones.length_source]
            values["median_duration_s"] = weighted_medians(phones.lengths_us / 1e6, of_events)
            values["phones_per_event"] = counts[:, speech].sum(1) / of_events.sum(1)
    return values


def _spread(samples: np.ndarray) -> np.ndarray:
    """(R, ...) → (...) standard deviation of the samples that are numbers."""
    good = np.isfinite(samples)
    number = good.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(good, samples, 0).sum(0) / number
        return np.sqrt((np.where(good, samples - mean, 0) ** 2).sum(0) / (number - 1))


def measure(part: Part) -> dict[str, Estimate]:
    """The part's measures: value ± Student's t times the spread over resampled sources, kept in their range."""
    sources = len(part.tally.sources)
    values = _totals(part, np.ones((1, sources)))
    samples = {} if part.weights is None else _totals(part, part.weights)
    estimates = {}
    for name, value in values.items():
        error = float(_spread(samples[name])) if name in samples else np.nan
        error = error if error > 1e-12 else np.nan  # all samples agree, as on a phone's absence: no interval
        half = t_quantile(sources) * error if sources > 1 else np.nan
        low, high = value[0] - half, value[0] + half
        low, high = max(low, 0.0), min(high, 1.0 if name.endswith("_share") else np.inf)
        estimates[name] = Estimate(float(value[0]), error, float(low), float(high), sources)
    return estimates


def difference(first: Estimate, second: Estimate) -> Estimate:
    """a − b of two estimates from different sources; degrees of freedom are those of the smaller number of sources."""
    error = float(np.hypot(first.error, second.error))
    sources = min(first.num_sources, second.num_sources)
    half = t_quantile(sources) * error if sources > 1 else np.nan
    value = first.value - second.value
    return Estimate(value, error, value - half, value + half, sources)


def phone_tables(part: Part, background: Part | None, pooled: Tally) -> list[PhoneTable]:
    """Counts, shares and log-odds of a part in every form, by count and by time.

    ``pooled``: the prior's proportions, all parts together (one source or more). Its mass is one phone for each phone
    ever seen; times are weighed in phones of mean duration. An interval's standard error is the spread over resampled
    sources of event and background, and never less than if single phones were independent: resampling cannot say how
    sure a phone's absence is. There are no log-odds without a background, nor of the background itself.
    """
    return [
        _phone_table(part, background, pooled, form, by) for form in FORMS for by in ("count", "time")
    ]  # fmt: skip


def _phone_table(part: Part, background: Part | None, pooled: Tally, form: str, by: str) -> PhoneTable:
    mine, everything = part.tally.in_form(form), pooled.in_form(form)
    sources = len(mine.sources)

    def matrix(each: Tally) -> np.ndarray:
        return each.counts if by == "count" else each.times_us / 1e6

    amounts, all_amounts = matrix(mine), matrix(everything).sum(0)
    unit = 1.0 if by == "count" else all_amounts.sum() / max(everything.counts.sum(), 1)
    total = amounts.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = total / total.sum()
        nothing = np.full(len(total), np.nan)
        share_error = nothing
        if part.weights is not None:
            samples = part.weights @ amounts
            share_error = _spread(samples / samples.sum(1, keepdims=True))
            share_error = np.where(share_error > 1e-12, share_error, np.nan)  # as for measures
    half = t_quantile(sources) * share_error if sources > 1 else nothing
    odds, odds_error, adjusted, fewest = nothing, nothing, nothing, sources
    if background is not None and part is not background and all_amounts.sum() > 0:
        theirs = background.tally.in_form(form)
        prior = prior_counts(all_amounts, float((all_amounts > 0).sum()))
        odds, variance = log_odds(total / unit, matrix(theirs).sum(0) / unit, prior)
        if part.weights is not None and background.weights is not None:
            # Samples have one draw fewer than sources: brought back to full size beside the prior.
            size, other_size = sources / (sources - 1), len(theirs.sources) / (len(theirs.sources) - 1)
            sampled, _ = log_odds(
                size * (part.weights @ amounts) / unit, other_size * (background.weights @ matrix(theirs)) / unit, prior
            )
            odds_error = np.maximum(_spread(sampled), np.sqrt(variance))
            fewest = min(sources, len(theirs.sources))
            adjusted = holm(p_values(odds, odds_error, fewest))
    odds_half = t_quantile(fewest) * odds_error if fewest > 1 else nothing
    return PhoneTable(
        part.event, part.place, form, by, mine.phones, total, share, np.maximum(share - half, 0),
        np.minimum(share + half, 1), (amounts > 0).sum(0), odds, odds - odds_half, odds + odds_half, adjusted,
    )  # fmt: skip


def _part(event: str, place: str, regions: list[Region], phones: Sequence[str], samples: int, seed: int) -> Part:
    counted = tally(regions, phones)
    # Seeded by name: a part's intervals do not depend on which others are analysed with it.
    rng = np.random.default_rng([seed, zlib.crc32(f"{event} {place}".encode())])
    weights = resampled_weights(len(counted.sources), samples, rng) if len(counted.sources) > 1 else None
    return Part(event, place, len(regions), counted, weights, count_words(regions))


def _pooled(parts: Sequence[Part]) -> Tally:
    """All parts' counts in one row."""
    none = np.zeros(0, np.int64)
    counts = sum(part.tally.counts.sum(0, keepdims=True) for part in parts)
    times_us = sum(part.tally.times_us.sum(0, keepdims=True) for part in parts)
    return Tally(parts[0].tally.phones, ("all",), np.asarray(counts), np.asarray(times_us), none, none, none)


def analyse(
    data: Path,
    events: Sequence[str],
    phones_txt: Path | None = None,
    corpus: Path | None = None,
    subset: str = "devtrain",
    samples: int = 1000,
    seed: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> Analysis:
    """Analyse ``data/<event>/{isolated_<subset>,<subset>}`` of every class; the background is pooled over classes.

    ``phones_txt``: the model's phones (else those that occur); ``corpus``: source folder in the TUT layout, for the
    recordings that bare events come from; ``samples``: how often sources are resampled. Where every recording has an
    event there is no background, and nothing is compared with it. Raises DataError for bad data.
    """
    inventory = read_inventory(phones_txt) if phones_txt is not None else None
    if inventory is not None and all(map(is_speech, inventory)):
        warn_once(f"{phones_txt}: none of {', '.join(NON_SPEECH)} among the phones: all that is heard counts as speech")
    found: list[tuple[str, str, list[Region]]] = []
    without: list[Region] = []
    for event in events:
        for place, name in zip(PLACES, (f"isolated_{subset}", subset), strict=True):
            inside, free = load_regions(data / event / name, event, inventory, corpus)
            progress(f"{data / event / name}: {len(inside)} with {event}, {len(free)} without an event")
            found.append((event, place, inside))
            without += free
    regions_everywhere = [*without, *(region for *_, inside in found for region in inside)]
    phones = inventory or tuple(sorted({span.phone for region in regions_everywhere for span in region.spans}))
    parts = [_part(event, place, regions, phones, samples, seed) for event, place, regions in found]
    background = _part(BACKGROUND, BACKGROUND, without, phones, samples, seed) if without else None
    parts += [background] if background else []
    pooled = _pooled(parts)
    measures = {(part.event, part.place): measure(part) for part in parts}
    comparisons = []
    for place in PLACES:
        pairs = [*combinations(events, 2), *((event, BACKGROUND) for event in events if background)]
        for first, second in pairs:
            one = measures[first, place]
            other = measures[second, BACKGROUND if second == BACKGROUND else place]
            for name in (name for name in one if name in other):
                comparisons.append((name, place, first, second, difference(one[name], other[name])))
    tables = [table for part in parts for table in phone_tables(part, background, pooled)]
    return Analysis(tuple(events), tuple(parts), measures, tuple(comparisons), tuple(tables))
