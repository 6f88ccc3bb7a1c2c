"""A data directory's clips in memory: features, labels, the split, augmentation, batches."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pysed.datadir.archives import Archive
from pysed.datadir.directory import check_event, read_durations
from pysed.datadir.lists import read_table
from pysed.detector.config import SystemConfig
from pysed.errors import DataError
from pysed.events import event_rows_of
from pysed.features.grid import HOP_S, frame_labels
from pysed.features.normalise import apply_normalisation
from pysed.train.augment import augment, crop, mask, shift_spectra, turn_and_add
from pysed.train.clips import Clips


def read_onsets(folder: Path, event: str) -> dict[str, tuple[float, float]]:
    """Onset and offset in seconds of every utterance that has the event.

    Raises DataError for a second one in an utterance and, where there is a ``reco2dur``, for events of utterances that
    it lacks, or past their ends.
    """
    durations = read_durations(folder) if (folder / "reco2dur").is_file() else None
    events: dict[str, tuple[float, float]] = {}
    for place, name, found in event_rows_of(folder / "events.tsv"):
        if found is None or found.label != event:
            continue
        if durations is not None:
            check_event(place, name, found, durations)
        if name in events:
            raise DataError(f"{place}: a second {event} in {name}; expected one at most")
        events[name] = found.onset_s, found.offset_s
    return events


def read_scenes(folder: Path, names: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Each named utterance's scene of ``utt2scene``, (N,) int64, as its place among all scenes of the file, sorted."""
    path = folder / "utt2scene"
    scenes = read_table(path, "an utterance and its scene a line")
    for name in names:
        if name not in scenes:
            raise DataError(f"{path}: no utterance {name}; make the mixtures anew")
    known = sorted(set(scenes.values()))
    return np.array([known.index(scenes[name]) for name in names]), tuple(known)


def load_clips(
    folder: str | os.PathLike, names: list[str], event: str, config: SystemConfig, frames_per_label: int = 2
) -> Clips:
    """Features and labels of the named utterances of a data directory, ``frames_per_label`` of the front end's frames
    to a label.

    Reads ``feats_<frontend>.scp``, ``prefinal.scp`` if the system takes recogniser features, ``events.tsv``, and
    ``utt2scene`` if it tells scenes apart.
    Raises DataError for missing utterances, clips of unequal length or features that are not finite.
    """
    folder = Path(folder)
    path = folder / f"feats_{config.frontend}.scp"
    features = _equal_clips(path, names)
    length = features.shape[1]
    num_frames = length // frames_per_label
    if num_frames < 1 or length % frames_per_label:
        raise DataError(
            f"{path}: {length} frames a clip; expected a multiple of {frames_per_label}, the frames to a score"
        )
    asr = None
    if config.asr:
        from pysed.features.grid import to_grid

        rows = {
            name: to_grid(matrix, hop_s=HOP_S, num_frames=num_frames)
            for name, matrix in _read_archive(folder / "prefinal.scp", names)
        }
        asr = np.stack([rows[name] for name in names])
    events = read_onsets(folder, event)
    return Clips(
        list(names),
        features,
        asr,
        np.stack([frame_labels(events.get(name), num_frames) for name in names]),
        np.array([events[name][0] if name in events else np.nan for name in names]),
        *(read_scenes(folder, names) if config.scene_weight else ()),
    )


def check_events(clips: Clips, data: Path, event: str, part: str) -> None:
    """DataError unless some clip of the split has the event."""
    if np.isnan(clips.onset_s).all():
        raise DataError(f"{data}: no {part} clip has the event {event!r}; expected some in events.tsv")


def _equal_clips(path: Path, names: list[str]) -> np.ndarray:
    """The named utterances' matrices, (N, T, F) float32, in the names' order; the memory of the array, no more."""
    place = {name: index for index, name in enumerate(names)}
    clips = np.empty((0, 0, 0), dtype=np.float32)
    for number, (name, matrix) in enumerate(_read_archive(path, names)):
        if not number:
            clips = np.empty((len(names), *matrix.shape), dtype=np.float32)
        if matrix.shape != clips.shape[1:]:
            raise DataError(
                f"{path}: {name}: {matrix.shape} frames x bins, others {clips.shape[1:]}; expected equal clips"
            )
        clips[place[name]] = matrix
    return clips


def _read_archive(path: Path, names: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The named utterances and their matrices, in the archive's order. DataError where one is missing."""
    archive = Archive(path)
    wanted, there = set(names), set(archive)
    for name in names:
        if name not in there:
            raise DataError(f"{path}: no utterance {name}, which utt2split names; make the features anew")
    for name in archive:
        if name in wanted:
            matrix = archive[name]
            if not np.isfinite(matrix).all():
                raise DataError(f"{path}: {name}: values that are not finite; make the features anew")
            yield name, matrix
    archive.close()


def of_recogniser(clips: Clips, chosen: np.ndarray, normalise: dict[str, dict]) -> np.ndarray | None:
    """The chosen clips' second stream: normalised features (B, T100, A), or places (B, T100, 2) int64, or None."""
    if clips.places is not None:
        return clips.places[chosen]
    return None if clips.asr is None else apply_normalisation(clips.asr[chosen], normalise["asr"])


def make_batch(
    clips: Clips, chosen: np.ndarray, normalise: dict[str, dict], config: SystemConfig, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Normalised and augmented features (B, T, F), of_recogniser()'s stream, labels (B, T100).

    Of ``crop_s`` seconds; normalisation by the clip still takes the mean of the whole clip, as in detection.
    """
    features, labels = clips.features[chosen], clips.labels[chosen]
    asr = of_recogniser(clips, chosen, normalise)
    statistics, length, hold_event = normalise["features"], round(config.crop_s / HOP_S), config.crop_from == "event"
    if config.mix_share:
        augment(features, asr, labels, clips, config, random)
        features = apply_normalisation(features, statistics)
        features, asr, labels = crop(features, asr, labels, length, random, hold_event)
    else:  # What is cropped away is not computed; with added clips the roundings stay those of the published results.
        bins = turn_and_add(features, asr, labels, clips, config, random)
        mean = features.mean(axis=1, keepdims=True)
        features, asr, labels = crop(features, asr, labels, length, random, hold_event)
        shift_spectra(features, bins)
        shift_spectra(mean, bins)
        features = apply_normalisation(features, statistics, mean)
    mask(features, config, random)
    return features, asr, labels
