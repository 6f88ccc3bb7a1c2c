"""Which speech patterns help: a class's detections by ``gradual`` and ``cbrnn`` beside the recogniser's phones."""

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pysed.datadir.ctm import Span, microseconds, read_ctm
from pysed.datadir.directory import load_data_dir
from pysed.datadir.lists import read_recordings
from pysed.errors import DataError
from pysed.events import EventLists, read_events
from pysed.features.grid import HOP_S
from pysed.phones.heard.regions import disjoint, sources_of
from pysed.phones.names import in_form
from pysed.phones.patterns.mended import KINDS, Heard, Place, heard_there
from pysed.phones.patterns.ngrams import PLACES, Ngram, Window, count_ngrams
from pysed.phones.patterns.permutation import (
    benjamini_hochberg,
    exchanged_labels,
    shifted_sums,
    shifted_tracks,
    sign_test,
)
from pysed.score.event_based import Counts, evaluate_files
from pysed.score.reference import read_reference

SYSTEM, AGAINST = "gradual", "cbrnn"
MIN_SOURCES = 3
_BATCH = 8


@dataclass(frozen=True)
class Decision:
    """One detection's parts in logits. evidence: (T100,) of the recogniser's features, frame by frame."""

    recording: str
    hit: bool
    total: float
    sed: float
    asr: float
    evidence: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """A phone in detections: seconds, sources, logits of evidence on it and expected by chance, p and q."""

    phone: str
    seconds: float
    num_sources: int
    observed: float
    expected: float
    p: float
    q: float


@dataclass(frozen=True)
class Patterns:
    """All that is found of one class. kinds: kind of error → (errors changed, errors kept, phones heard there).

    hits_p: p of the recogniser's mean part being alike in hits and false alarms; signs: p of as many errors mended as
    made, misses and false alarms. mended is empty without a second system.
    """

    event: str
    decisions: list[Decision]
    hits_p: float
    incomplete: float
    phones: list[Evidence]
    ngrams: list[Ngram]
    kinds: dict[str, tuple[int, int, list[Heard]]]
    signs: tuple[float, float] | None


@dataclass(frozen=True)
class _Recording:
    name: str
    file: str
    source: str
    duration_us: int
    spans: list[Span]
    events_us: tuple[tuple[int, int], ...]


def find_patterns(
    data: Path, models: Path, event: str, inventory: Collection[str] | None, draws: int = 2000, seed: int = 1
) -> Patterns:
    """Analyse one class. data: a test set's directory with ``phones.ctm``; models: the class's folder of systems.

    Raises DataError for missing or bad data, and for a model without recogniser features.
    """
    recordings = _load(data, event, inventory)
    subset = data.resolve().name
    rng = np.random.default_rng([seed, zlib.crc32(event.encode())])
    reference = read_reference(data)
    found = read_events(models / SYSTEM / f"events_{subset}.tsv")
    _, counts = evaluate_files(reference, found, event)
    decisions, incomplete = _decide(models / SYSTEM, data, recordings, found, counts)
    hits = np.array([each.hit for each in decisions], bool)
    parts = np.array([each.asr for each in decisions])
    hits_p = float(exchanged_labels(parts[:, None], hits, draws, rng)[1][0]) if 0 < hits.sum() < len(hits) else np.nan
    names = sorted({in_form(span.phone, "phone") for each in recordings for span in each.spans})
    windows = [
        Window(each.source, each.spans, begin, min(end, each.duration_us), each.duration_us)
        for each in recordings
        for begin, end in _intervals(found, each.file)
        if begin < each.duration_us
    ]
    kinds: dict[str, tuple[int, int, list[Heard]]] = {}
    signs = None
    other_list = models / AGAINST / f"events_{subset}.tsv"
    if other_list.is_file():
        other = read_events(other_list)
        _, before = evaluate_files(reference, other, event)
        for kind, places in changes(recordings, before, counts, other, found).items():
            changed = sum(place.changed for place in places)
            kinds[kind] = changed, len(places) - changed, heard_there(places, names, draws, rng)
        numbers = [kinds[kind][0] for kind in KINDS]
        signs = sign_test(*numbers[:2]), sign_test(*numbers[2:])
    ngrams = [row for place in PLACES for row in count_ngrams(windows, place)]
    evidence = evidence_by_phone(decisions, {each.name: each for each in recordings}, names, draws, rng)
    return Patterns(event, decisions, hits_p, incomplete, evidence, ngrams, kinds, signs)


def _load(data: Path, event: str, inventory: Collection[str] | None) -> list[_Recording]:
    utterances = load_data_dir(data)
    files = read_recordings(data)
    spans = read_ctm(data / "phones.ctm", {each.name: each.duration_s for each in utterances}, inventory)
    sources = sources_of(data, utterances, event)
    recordings = []
    for each in utterances:
        mine = [(microseconds(on), microseconds(off)) for on, off, label in each.events if label == event]
        of_event, of_background = sources.get(each.name, (each.name, each.name))
        recordings.append(
            _Recording(
                each.name, files[each.name], of_event if mine else of_background, microseconds(each.duration_s),
                spans[each.name], disjoint(mine),
            )
        )  # fmt: skip
    return recordings


def _intervals(found: EventLists, file: str) -> tuple[tuple[int, int], ...]:
    return disjoint((microseconds(one.onset_s), microseconds(one.offset_s)) for one in found.get(file, ()))


def _decide(
    folder: Path, data: Path, recordings: list[_Recording], found: EventLists, counts: dict[str, Counts]
) -> tuple[list[Decision], float]:
    """The parts of every recording's detection, several as one, and the most that any attribution misses, in logits."""
    import torch

    from pysed.detector.checkpoint import load_network
    from pysed.phones.patterns.attribution import attribute
    from pysed.score.evaluate import clips_of

    detector = load_network(folder)
    if not detector.config.asr:
        raise DataError(f"{folder / 'final.pt'}: a network without recogniser features; expected {SYSTEM}'s")
    by_name = {each.name: each for each in recordings}
    decisions: list[Decision] = []
    batch: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    owners: list[_Recording] = []
    worst = 0.0

    def flush() -> None:
        nonlocal worst
        if not batch:
            return
        features, asr, decided = (np.stack(stream) for stream in zip(*batch, strict=True))
        inputs = [torch.from_numpy(np.asarray(values)) for values in detector.inputs_of_clips(features, asr)]
        parts = attribute(detector.model, inputs[0], inputs[1], torch.from_numpy(decided))
        worst = max(worst, float(parts.incomplete.abs().max()))
        for row, owner in enumerate(owners):
            total, sed, of_asr = (float(each[row]) for each in parts[:3])
            hit = counts[owner.file].hits > 0
            decisions.append(Decision(owner.name, hit, total, sed, of_asr, parts.evidence[row].numpy()))
        batch.clear()
        owners.clear()

    for name, features, asr in clips_of(data, detector):
        owner = by_name[name]
        if found.get(owner.file):
            assert asr is not None
            decided = np.zeros(len(asr), bool)
            for event in found[owner.file]:
                decided[round(event.onset_s / HOP_S) : round(event.offset_s / HOP_S)] = True
            if len(batch) == _BATCH or (batch and batch[0][0].shape != features.shape):
                flush()
            batch.append((features, asr, decided))
            owners.append(owner)
    flush()
    return decisions, worst


def frame_track(spans: list[Span], phones: list[str], num_frames: int) -> np.ndarray:
    """(T, V) share of each 100 ms frame that each phone takes."""
    columns = {phone: column for column, phone in enumerate(phones)}
    hop_us = microseconds(HOP_S)
    track = np.zeros((num_frames, len(phones)))
    for start, duration, phone in spans:
        end = min(start + duration, num_frames * hop_us)
        for frame in range(start // hop_us, -(-end // hop_us)):
            shared = min(end, (frame + 1) * hop_us) - max(start, frame * hop_us)
            track[frame, columns[in_form(phone, "phone")]] += shared / hop_us
    return track


def evidence_by_phone(
    decisions: list[Decision],
    recordings: dict[str, _Recording],
    phones: list[str],
    draws: int,
    rng: np.random.Generator,
) -> list[Evidence]:
    """Evidence over all detections on each phone heard in recordings of MIN_SOURCES sources or more, least p first.

    Chance: each recording's phones moved by a time of its own, the end wrapping round, its evidence left in place.
    """
    if not decisions:
        return []
    tables, times, there, owners = [], [], [], []
    for each in decisions:
        track = frame_track(recordings[each.recording].spans, phones, len(each.evidence))
        tables.append(shifted_sums(each.evidence, track))
        # Frames that the network does not look at for this decision have no evidence at all.
        times.append(HOP_S * track[np.abs(each.evidence) > 1e-9].sum(0))
        there.append(track.sum(0) > 0)
        owners.append(recordings[each.recording].source)
    observed, expected, p = shifted_tracks(tables, draws, rng)
    held = np.array(times)
    asked = num_sources(np.array(there), owners) >= MIN_SOURCES
    sources, kept = num_sources(held > 0, owners), np.flatnonzero(asked)
    rows = [
        Evidence(phones[v], float(held[:, v].sum()), int(sources[v]), observed[v], expected[v], float(p[v]), float(q))
        for v, q in zip(kept, benjamini_hochberg(p[kept]), strict=True)
    ]
    return sorted(rows, key=lambda row: (row.p, row.phone))


def num_sources(present: np.ndarray, owners: list[str]) -> np.ndarray:
    """(V,) number of different owners of the rows where each column of ``present`` (N, V) is true."""
    return np.array([len({owners[row] for row in np.flatnonzero(column)}) for column in present.T])


def changes(
    recordings: list[_Recording],
    before: dict[str, Counts],
    after: dict[str, Counts],
    found_before: EventLists,
    found_after: EventLists,
) -> dict[str, list[Place]]:
    """Kind of error → where the first system's judgement (``before``) and the second's (``after``) can differ so."""
    places: dict[str, list[Place]] = {kind: [] for kind in KINDS}
    for each in recordings:
        first, second = before[each.file], after[each.file]
        if each.events_us:
            missed = second.deletions > 0
            kind = "misses mended" if first.deletions else "misses made"
            places[kind].append(Place(each.spans, each.events_us, missed != (first.deletions > 0)))
        if first.insertions:
            spot = _intervals(found_before, each.file)
            places["false alarms mended"].append(Place(each.spans, spot, not second.insertions))
        if second.insertions:
            spot = _intervals(found_after, each.file)
            places["false alarms made"].append(Place(each.spans, spot, not first.insertions))
    return places
