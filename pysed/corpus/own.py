"""A corpus folder in the TUT layout from a user's own recordings: events cut by level or by a label file."""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pysed.atomic import atomic_open, temporary_beside
from pysed.audio import AudioFile, duration_of, read_audio, write_wav
from pysed.audio.folders import find_recordings, listed_path
from pysed.corpus.label_files import read_labels
from pysed.corpus.own_recordings import (
    contents_of,
    flat_names,
    identity_of,
    join_same_audio,
    recording_of,
    recording_pattern,
)
from pysed.corpus.recipes import split_recordings
from pysed.corpus.sources import list_path
from pysed.errors import DataError
from pysed.events import Event
from pysed.freshness.marks import clear_left_beside
from pysed.names import check_class_name, inside

SUBSETS = ("devtrain", "devtest")
FEWEST_RECORDINGS = 3  # one for the test set, two for training and its validation
_FRAME_S = 0.01


@dataclass(frozen=True)
class OwnSettings:
    """How clips become events and recordings become subsets.

    ``level_db``: an event is what lies within so many dB of its clip's loudest 10 ms. ``gap_s``: pauses up to this
    long belong to it. ``shortest_s``: shorter ones are dropped. ``segment_s``: backgrounds are cut into such pieces.
    ``recording``: pattern whose first group names the recording that a file is part of (see ``recording_of``); empty:
    every file is a recording of its own. Files of one recording, and files that hold the same audio, stay in one
    subset. ``test_fraction``, ``seed``: the split.
    """

    level_db: float = 30.0
    gap_s: float = 0.3
    shortest_s: float = 0.1
    segment_s: float = 30.0
    recording: str = ""
    test_fraction: float = 1 / 3
    seed: int = 1


@dataclass(frozen=True)
class _Clip:
    """Events of one class in one file; ``place`` is its path inside the folder of events, ``name`` inside its class's
    folder (the same where there are none)."""

    path: Path
    place: str
    name: str
    segments: list[tuple[float, float]]


def segments_by_level(samples: np.ndarray, rate_hz: int, settings: OwnSettings) -> list[tuple[float, float]]:
    """(onset, offset) in seconds of what stands out in ``samples`` (T,), in order; none in digital silence."""
    hop = max(1, round(_FRAME_S * rate_hz))
    starts = np.arange(0, len(samples), hop)
    power = np.add.reduceat(np.square(samples, dtype=np.float64), starts) / np.diff(np.append(starts, len(samples)))
    loud = np.flatnonzero(power >= max(power.max(), 1e-12) * 10 ** (-settings.level_db / 10))
    if not len(loud):
        return []
    cuts = np.flatnonzero(np.diff(loud) * hop > settings.gap_s * rate_hz + hop)
    first, last = loud[np.append(0, cuts + 1)], loud[np.append(cuts, len(loud) - 1)]
    onsets, offsets = first * hop / rate_hz, np.minimum((last + 1) * hop, len(samples)) / rate_hz
    return [
        (float(onset), float(offset))
        for onset, offset in zip(onsets, offsets, strict=True)
        if offset - onset >= settings.shortest_s
    ]


def _clips_by_level(folder: Path, settings: OwnSettings) -> dict[str, list[_Clip]]:
    """Class (a folder in ``folder``) → its clips."""
    clips: dict[str, list[_Clip]] = {}
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        check_class_name(inner.name, inner)
        clips[inner.name] = []
        for name, path in find_recordings([str(inner)]).items():
            segments = segments_by_level(*read_audio(path), settings)
            if not segments:
                raise DataError(f"{path}: no event of at least {settings.shortest_s:g} s found; remove it or label it")
            clips[inner.name].append(_Clip(path, f"{inner.name}/{name}", name, segments))
    if not clips:
        raise DataError(f"{folder}: no folders; expected one for each event class, or a label file")
    return clips


def _clips_by_labels(folder: Path, labels: Path) -> dict[str, list[_Clip]]:
    """Class → the labelled files of ``folder`` in which it occurs."""
    events_of: dict[str, list[Event]] = defaultdict(list)
    searched: dict[str, Path] = {}
    for given, events in read_labels(labels, folder).items():
        name = os.path.normpath(given)  # a file may be named in several ways: x.wav, ./x.wav
        try:
            inside(folder, name, labels)
        except DataError:  # unless by links that a search of the folder follows
            searched = searched or find_recordings([str(folder)])
            if name not in searched:
                raise
        events_of[name] += [event for event in events if event not in events_of[name]]
    clips: dict[str, list[_Clip]] = defaultdict(list)
    for name, events in events_of.items():
        path = listed_path(folder, name)
        length_s = duration_of(path)
        segments = defaultdict(list)
        for event in events:
            check_class_name(event.label, f"{labels}: {name}")
            if event.offset_s > length_s + 5e-4:
                raise DataError(f"{labels}: {name}: event ends at {event.offset_s:g} s, the file at {length_s:.3f} s")
            segments[event.label].append((event.onset_s, event.offset_s))
        for label, found in segments.items():
            clips[label].append(_Clip(path, name, name, found))
    if not clips:
        raise DataError(f"{labels}: no events; expected rows of filename, onset, offset, label")
    return dict(sorted(clips.items()))


def _test_recordings(groups: dict[str, list[str]], settings: OwnSettings) -> set[str]:
    """The test set's recordings: of each group (a class's, or the backgrounds') about the wanted fraction.

    A recording with several classes goes into one subset for all of them.
    """
    random = np.random.RandomState(settings.seed)
    test: set[str] = set()
    trained: set[str] = set()
    for what, names in groups.items():
        recordings = set(names)
        if len(recordings) < FEWEST_RECORDINGS:
            raise DataError(
                f"{what}: {len(recordings)} recordings; expected at least {FEWEST_RECORDINGS} "
                "of different audio, to be split"
            )
        free = set() if recordings & test else recordings - trained
        if free:
            test |= split_recordings(free, settings.test_fraction, random) or free
        trained |= recordings - test
        left = len(recordings - test)
        if free and left < 2:
            raise DataError(
                f"{what}: --test-fraction {settings.test_fraction:g} leaves {left} of {len(recordings)} recordings to "
                "train on; expected two or more: lower it, or add recordings"
            )
        if not recordings & test or left < 2:
            raise DataError(
                f"{what}: cannot be split: its recordings are shared with other classes; try another --seed"
            )
    return test


def _background_pieces(audio: AudioFile, segment_s: float) -> Iterator[np.ndarray]:
    """Samples (T,) of the whole pieces of a background; DataError where there is none."""
    count = int((audio.duration_s + 5e-4) // segment_s)
    if count == 0:
        raise DataError(f"{audio.path}: {audio.duration_s:.1f} s; a background needs at least {segment_s:g} s")
    return (audio.read(index * segment_s, segment_s) for index in range(count))


def make_own(
    events: Path, backgrounds: Path, out: Path, labels: Path | None = None, settings: OwnSettings | None = None
) -> list[str]:
    """Write the corpus folder ``out`` and return one line for each class and subset, for people.

    ``events``: a folder for each class with its clips; with ``labels`` (``filename<TAB>onset<TAB>offset<TAB>label``)
    recordings of any number of classes, named there. ``backgrounds``: recordings without any of the events, a folder
    for each scene, or none. Event files are copied as they are; backgrounds are cut into 16-bit pieces.
    Raises DataError naming the file at fault; ``out`` must not exist, and does not after a failure.
    """
    settings = OwnSettings() if settings is None else settings
    for folder in (events, backgrounds):
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder")
    if out.exists():
        raise DataError(f"{out}: exists; name a new folder, or remove it")
    for folder in filter(None, (events, backgrounds, labels)):
        if out.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{out}: inside {folder}, which is searched; name a folder beside it")
    pattern = recording_pattern(settings.recording)
    clips = _clips_by_labels(events, labels) if labels else _clips_by_level(events, settings)
    scenes = find_recordings([str(backgrounds)])
    files = {clip.place: clip.path for found in clips.values() for clip in found}
    contents, contents_behind = contents_of(files), contents_of(scenes)
    _check_apart(events, contents, backgrounds, contents_behind)
    recordings, same = join_same_audio({name: recording_of(name, pattern) for name in files}, contents)
    places, same_behind = join_same_audio({name: recording_of(name, pattern) for name in scenes}, contents_behind)
    test_events = _test_recordings(
        {label: [recordings[clip.place] for clip in found] for label, found in clips.items()}, settings
    )
    test_places = _test_recordings({str(backgrounds): list(places.values())}, settings)

    temporary = temporary_beside(out)
    clear_left_beside(out)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        lists = _copy_events(temporary / "source_data/events", clips, recordings, test_events)
        lists |= _cut_backgrounds(temporary / "source_data/bgs", scenes, places, test_places, settings.segment_s)
        for (kind, subset), rows in lists.items():
            with atomic_open(list_path(temporary, kind, subset)) as stream:
                yaml.safe_dump(rows, stream, sort_keys=False)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return _summary(lists) + same + same_behind


def _check_apart(events: Path, contents: dict[str, str], backgrounds: Path, contents_behind: dict[str, str]) -> None:
    """Raise DataError for a background that is also a clip with events."""
    name_of = {content: name for name, content in contents.items()}
    for name, content in contents_behind.items():
        if content in name_of:
            raise DataError(
                f"{backgrounds / name}: the same audio as {events / name_of[content]}; "
                "a background must be without the events: remove it from one of the folders"
            )


def _copy_events(
    folder: Path, clips: dict[str, list[_Clip]], recordings: dict[str, str], test: set[str]
) -> dict[tuple[str, str], Any]:
    """Copy the clips, by class, into ``folder``; returns the rows of both lists."""
    rows: dict[tuple[str, str], Any] = {("events", subset): {label: [] for label in clips} for subset in SUBSETS}
    for label, found in clips.items():
        (folder / label).mkdir(parents=True)
        names = flat_names(clip.name for clip in found)
        for clip in found:
            shutil.copyfile(clip.path, folder / label / names[clip.name])
            recording = recordings[clip.place]
            for onset_s, offset_s in clip.segments:
                segment = [round(onset_s, 6), round(offset_s, 6)]
                rows["events", SUBSETS[recording in test]][label].append(
                    {"audio_filename": names[clip.name], "segment": segment, "recording_id": recording}
                )
    return rows


def _cut_backgrounds(
    folder: Path, scenes: dict[str, Path], places: dict[str, str], test: set[str], segment_s: float
) -> dict[tuple[str, str], list[dict]]:
    """Write the backgrounds' pieces into ``folder``/audio; returns the rows of both lists."""
    rows: dict[tuple[str, str], list[dict]] = {("bgs", subset): [] for subset in SUBSETS}
    names = flat_names(scenes)
    for name, path in scenes.items():
        scene, recording = name.split("/")[0] if "/" in name else "background", places[name]
        identity = identity_of(path)
        with AudioFile(path) as audio:
            for number, samples in enumerate(_background_pieces(audio, segment_s), 1):
                piece = f"audio/{names[name]}_{number:03d}.wav"
                write_wav(folder / piece, samples, audio.rate_hz)
                segment = [round((number - 1) * segment_s, 6), round(number * segment_s, 6)]
                rows["bgs", SUBSETS[recording in test]].append({
                    "filepath": piece, "classname": scene, "recording_id": recording,
                    "cut_from": {"file": name, "segment": segment, "audio": identity},
                })  # fmt: skip
    return rows


def _summary(lists: dict) -> list[str]:
    lines = []
    for subset in SUBSETS:
        for label, rows in lists["events", subset].items():
            lengths = np.array([offset_s - onset_s for onset_s, offset_s in (row["segment"] for row in rows)])
            recordings = len({row["recording_id"] for row in rows})
            lines.append(
                f"{subset} {label}: {len(rows)} events in {recordings} recordings, {lengths.min():.2f} to "
                f"{lengths.max():.2f} s, median {np.median(lengths):.2f} s"
            )
        rows = lists["bgs", subset]
        lines.append(f"{subset} backgrounds: {len(rows)} in {len({row['recording_id'] for row in rows})} recordings")
    return lines
