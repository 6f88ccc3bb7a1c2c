"""Where to count: inside the events of a class, and in recordings without one, with the source they come from.

Recordings made from one source, as mixtures are, depend on each other. A region therefore names its source, and
resampling draws sources, never single phones or mixtures.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pysed.corpus.sources import load_sources
from pysed.datadir.ctm import Span, microseconds, read_ctm
from pysed.datadir.directory import Utterance, load_data_dir
from pysed.datadir.recipe_sources import RECIPES, recipe_sources
from pysed.errors import DataError


@dataclass(frozen=True)
class Region:
    """One recording's share of what is counted; intervals [begin, end) in microseconds are sorted and disjoint."""

    recording: str
    source: str
    intervals_us: tuple[tuple[int, int], ...]
    spans: list[Span]
    event_lengths_us: tuple[int, ...] = ()


def disjoint(intervals: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The union of intervals (begin, end) as sorted ones that neither overlap nor touch."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return tuple(merged)


def load_regions(
    folder: Path, event: str, inventory: Collection[str] | None, corpus: Path | None = None
) -> tuple[list[Region], list[Region]]:
    """(inside the events of a class, recordings without any event) of a data directory with ``phones.ctm``.

    A region's source is the event's or the background's recording: of ``recipes.yaml`` for mixtures, of the lists of
    ``corpus`` (a folder in the TUT layout) for bare events, else the recording is taken for a source of its own.
    Raises DataError for what ``load_data_dir`` and ``read_ctm`` refuse, and where sources and recordings differ.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; run stages 1 to 4 for {event}")
    recordings = load_data_dir(folder)
    spans = read_ctm(folder / "phones.ctm", {each.name: each.duration_s for each in recordings}, inventory)
    sources = sources_of(folder, recordings, event, corpus)
    inside, without = [], []
    for each in recordings:
        of_event, of_background = sources.get(each.name, (each.name, each.name))
        mine = [(microseconds(on), microseconds(off)) for on, off, label in each.events if label == event]
        if mine:
            lengths = tuple(end - begin for begin, end in mine)
            inside.append(Region(each.name, of_event, disjoint(mine), spans[each.name], lengths))
        elif not each.events:
            end = max(microseconds(each.duration_s), *(span.start_us + span.duration_us for span in spans[each.name]))
            without.append(Region(each.name, of_background, ((0, end),), spans[each.name]))
    if not inside:
        raise DataError(f"{folder / 'events.tsv'}: no event '{event}'; expected at least one")
    return inside, without


def sources_of(
    folder: Path, recordings: list[Utterance], event: str, corpus: Path | None = None
) -> dict[str, tuple[str, str]]:
    """recording → sources of its event and of its background, where they are known."""
    if (folder / RECIPES).is_file():
        return recipe_sources(folder, [each.name for each in recordings])
    match = re.fullmatch(r"isolated_(\w+)", folder.name)
    if corpus is None or match is None:
        return {}
    clips = load_sources(corpus, match[1]).events.get(event, [])
    if len(clips) != len(recordings):
        raise DataError(f"{folder}: {len(recordings)} events, {len(clips)} in {corpus}'s list; run stage 1 again")
    sources = {}
    for each in recordings:
        number = re.search(r"(\d+)\Z", each.name)  # bare events are numbered in the order of the list
        if number is None or int(number[1]) >= len(clips):
            raise DataError(f"{folder / 'wav.scp'}: {each.name}: not an event of {corpus}; run stage 1 again")
        sources[each.name] = (clips[int(number[1])].recording,) * 2
    return sources
