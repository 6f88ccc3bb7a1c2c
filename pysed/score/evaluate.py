"""A trained detector on a data directory: its frame scores, its events, and how they are judged."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pysed.atomic import atomic_open
from pysed.datadir.archives import Archive, write_archive
from pysed.datadir.lists import read_recordings
from pysed.datadir.recipe_sources import RECIPES, recipe_sources
from pysed.decision.calibration import expected_calibration_error
from pysed.decision.onsets import event_by_rule
from pysed.errors import DataError
from pysed.events import Event, EventLists, write_events
from pysed.features.frontend import FrontEnd
from pysed.features.grid import HOP_S, labels_of_events
from pysed.freshness.features import is_of_other_frontend, other_recogniser
from pysed.score.counts import write_counts
from pysed.score.event_based import evaluate_files
from pysed.score.onsets import onset_statistics
from pysed.score.psds import SCENARIOS, psds
from pysed.score.reference import read_reference

if TYPE_CHECKING:
    from pysed.detector.checkpoint import TrainedNetwork

_BATCH = 16


def clips_of(data_dir: Path, detector: "TrainedNetwork") -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """(utterance, features (T, F), recogniser features (T100, A) or None) of a data directory, in its order.

    Raises DataError for missing archives or utterances, widths that are not the model's, values that are not finite.
    """
    from pysed.features.grid import to_grid
    from pysed.features.of_samples import AsrFeatures, TunedRows, find_asr_model

    needed = [data_dir / f"feats_{detector.config.frontend}.scp"]
    tuned = (detector.asr or {}).get("tuned")
    if detector.config.asr:
        needed.append(data_dir / ("mfcc_hires.scp" if tuned else "prefinal.scp"))
    tables: list[Archive | TunedRows] = [Archive(path) for path in needed]
    if detector.asr and tuned:
        tables.pop()
        folder = find_asr_model(detector.asr["model"], detector.folder)
        tables.append(TunedRows(data_dir, AsrFeatures(folder, detector.asr["layer"], tuned)))
    try:
        for name in read_recordings(data_dir):
            streams = []
            for path, table, key in zip(needed, tables, ("features", "asr"), strict=False):
                if name not in table:
                    raise DataError(f"{path}: no utterance {name}; make the features anew")
                matrix = table[name]
                width = len(detector.normalisation[key]["shift"])
                if not len(matrix) or matrix.shape[1] != width:
                    raise DataError(f"{path}: {name}: shape {matrix.shape}; expected rows of {width}, as in training")
                if not np.isfinite(matrix).all():
                    raise DataError(f"{path}: {name}: values that are not finite; make the features anew")
                streams.append(matrix)
            num_scores = -(-len(streams[0]) // detector.frames_per_label)
            asr = to_grid(streams[1], hop_s=HOP_S, num_frames=num_scores) if len(streams) > 1 else None
            yield name, streams[0], asr
    finally:
        for table in tables:
            table.close()


def score_clips(data_dir: Path, detector: "TrainedNetwork") -> tuple[dict[str, np.ndarray], float]:
    """Frame scores of every utterance, (T100,) float32 in [0, 1], or (T100, 2) with those of onsets, neighbours of
    equal length in one batch; and the seconds that the network took for them, its first use not counted."""
    scores: dict[str, np.ndarray] = {}
    batch: list[tuple[str, np.ndarray, np.ndarray | None]] = []
    seconds = 0.0

    def flush() -> None:
        nonlocal seconds
        if batch:
            features = np.stack([clip[1] for clip in batch])
            asr = None if batch[0][2] is None else np.stack([clip[2] for clip in batch])  # type: ignore[misc]
            if not scores:  # what is set up at first use would be most of a small set's time
                detector.tracks_of_clips(features[:1], None if asr is None else asr[:1])
            started = time.monotonic()
            found = detector.tracks_of_clips(features, asr)
            seconds += time.monotonic() - started
            scores.update((clip[0], row) for clip, row in zip(batch, found, strict=True))
            batch.clear()

    for clip in clips_of(data_dir, detector):
        if len(batch) == _BATCH or (batch and batch[0][1].shape != clip[1].shape):
            flush()
        batch.append(clip)
    flush()
    return scores, seconds


def _refuse_other_features(data: Path, detector: "TrainedNetwork") -> None:
    """DataError where features are of another front end, or recogniser (if that is here), than the network's."""
    name, frontend = detector.config.frontend, detector.frontend
    if frontend is not None:
        front = FrontEnd.from_dict(frontend, str(detector.folder))
        if is_of_other_frontend(str(data / f".done_feats_{name}"), front.kaldi_options(), front.average_frames):
            raise DataError(
                f"{data}: its features {name} are of other settings than those that {detector.folder} was trained on; "
                "run stages 2 and 5"
            )
    if not detector.asr or not detector.asr["model"]:
        return
    from pysed.features.of_samples import find_asr_model

    try:
        asr = str(find_asr_model(detector.asr["model"], detector.folder))
    except DataError:  # features at hand need none
        return
    reason = other_recogniser(str(data / ".done_prefinal"), asr, detector.asr["layer"])
    if reason:
        raise DataError(f"{reason}; run stage 3 with the --asr and --layer of {detector.folder}")


def _refuse_other_class(data: Path, reference: EventLists, detector: "TrainedNetwork", event: str | None) -> None:
    """DataError for a detector of another class than ``event``, if one is named, or than all events of the data."""
    if event is not None and event != detector.event:
        raise DataError(f"{detector.folder}: detects {detector.event}, not {event}")
    labels = {each.label for events in reference.values() for each in events}
    if labels and detector.event not in labels:
        raise DataError(
            f"{data}: events of {', '.join(sorted(labels))} alone; {detector.folder} detects {detector.event}: give "
            "data of its class"
        )


def evaluate_detector(
    model_dir: str | os.PathLike, data_dir: str | os.PathLike, out_dir: str | os.PathLike, event: str | None = None
) -> dict[str, Any]:
    """Write ``scores_<subset>.ark/scp``, ``events_<subset>.tsv``, ``score_<subset>.json``; returns the last's content.

    <subset> is the data directory's name. Scores are (T100, 1) matrices; frame t covers [0.1·t, 0.1·(t+1)) seconds. Of
    a network that scores onsets theirs are in ``onsets_<subset>.ark/scp``.
    Those that PSDS judges have gone through the system's median filter, as every decision of theirs would.
    Also each file's counts, ``counts_<subset>.tsv``, and ``cost_<subset>.json``: the network's number of parameters,
    its seconds for so many seconds of audio (features at hand), their ratio, device and threads.

    Raises DataError before anything is written: for a detector of another class than ``event`` (None: any), for data
    whose events are all of other classes, and for features of other settings or another recogniser.
    """
    import torch
    from scipy.ndimage import median_filter

    from pysed.detector.checkpoint import load_network

    data, out = Path(data_dir), Path(out_dir)
    names = read_recordings(data)
    reference = read_reference(data)
    detector = load_network(model_dir, "cuda" if torch.cuda.is_available() else "cpu")
    _refuse_other_class(data, reference, detector, event)
    _refuse_other_features(data, detector)
    tracks, seconds = score_clips(data, detector)
    scores = {name: each[:, 0] if each.ndim == 2 else each for name, each in tracks.items()}
    subset = data.resolve().name
    detected = {file: events_of_clip(tracks[name], detector) for name, file in names.items()}
    judged, files = evaluate_files(reference, detected, detector.event)
    judged |= onset_statistics(reference, detected, detector.event)
    smooth = {
        file: median_filter(scores[name], detector.config.median_frames, mode="constant")
        for name, file in names.items()
    }
    judged |= {name: psds(smooth, reference, detector.event, scenario) for name, scenario in SCENARIOS.items()}
    judged["expected_calibration_error"] = _calibration_error(scores, names, reference, detector.event)
    out.mkdir(parents=True, exist_ok=True)
    write_archive(out / f"scores_{subset}", ((name, scores[name][:, None]) for name in names))
    if detector.scores_onsets:
        write_archive(out / f"onsets_{subset}", ((name, tracks[name][:, 1:]) for name in names))
    write_events(out / f"events_{subset}.tsv", detected)
    write_counts(out / f"counts_{subset}.tsv", files, recordings_of(data, names, reference))
    num_frames = sum(map(len, scores.values()))
    write_object(out / f"cost_{subset}.json", _cost(detector, num_frames, seconds))
    score = {
        "event": detector.event,
        "system": detector.config.system,
        "subset": subset,
        **judged,
        "threshold": detector.t_base,
        "beta": detector.beta,
        "max_gap_s": detector.max_gap_s,
        "low_ratio": detector.low_ratio,
        "seed": detector.seed,
    }
    write_object(out / f"score_{subset}.json", score)
    return score


def _calibration_error(
    scores: dict[str, np.ndarray], names: dict[str, str], reference: EventLists, event: str
) -> float:
    """How far the frames' scores are from being probabilities."""
    labels = []
    for name, file in names.items():
        spans = [(each.onset_s, each.offset_s) for each in reference[file] if each.label == event]
        labels.append(labels_of_events(spans, len(scores[name])))
    return expected_calibration_error(np.concatenate([scores[name] for name in names]), np.concatenate(labels))


def events_of_clip(tracks: np.ndarray, detector: "TrainedNetwork") -> list[Event]:
    """The event of a clip, by its scores (T100,), or (T100, 2) with those of onsets; at most one, the task's rule."""
    found = event_by_rule(
        tracks,
        detector.t_base,
        detector.beta,
        max_gap_s=detector.max_gap_s,
        low_ratio=detector.low_ratio,
        median_frames=detector.config.median_frames,
    )
    return [] if found is None else [Event(*found, detector.event)]


def _cost(detector: "TrainedNetwork", num_frames: int, seconds: float) -> dict[str, Any]:
    """What computing so many score frames took."""
    import torch

    audio_s = round(HOP_S * num_frames, 3)
    return {
        "parameters": sum(parameter.numel() for parameter in detector.model.parameters()),
        "audio_s": audio_s,
        "seconds": round(seconds, 6),
        "times_real_time": audio_s / seconds,
        "device": next(detector.model.parameters()).device.type,
        "threads": torch.get_num_threads(),
    }


def recordings_of(data: Path, names: dict[str, str], reference: EventLists) -> dict[str, tuple[str | None, str]]:
    """File -> the recordings of its event (None without one) and of its background, of a data directory of mixtures."""
    if not (data / RECIPES).is_file():
        return {}
    sources = recipe_sources(data, names)
    return {file: (sources[name][0] if reference[file] else None, sources[name][1]) for name, file in names.items()}


def write_object(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object."""
    with atomic_open(path) as stream:
        json.dump(value, stream, indent=2)
        stream.write("\n")
