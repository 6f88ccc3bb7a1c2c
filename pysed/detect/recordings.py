"""Events in recordings of any rate, format and length.

A recording of at most the length of the clips the detector was trained on (30 s unless its corpus says otherwise) is
treated as the recipe treats a clip: one event at most, the longest run. A longer one is cut into windows of that
length, each half over the next. Every window is scored by
itself; where windows overlap, a frame's score (and its window's mean, for the dynamic threshold) is their mean weighted
by how far inside each window the frame lies. Then the same threshold and median filter apply, gaps up to the tuned one
are closed (one second where the tuning closed all), and *every* run that is left is an event: a long recording may hold
many. Memory does not grow with the recording but for its scores.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pysed.audio import AudioFile, duration_of, resample
from pysed.decision.postprocess import (
    HOP_S,
    MEDIAN_FRAMES,
    active_runs,
    detect_event,
    frame_time,
    gap_frames,
)
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd
from pysed.features.grid import to_grid
from pysed.features.streams import RATE_HZ, AsrFeatures, as_int16_values, find_asr_model, sed_features

if TYPE_CHECKING:
    from pysed.detector.checkpoint import Detector

WINDOW_S = 30.0  # of detectors whose checkpoint does not say what they were trained on
SHORTEST_S = 1.0
LONG_GAP_S = 1.0


@dataclass(frozen=True)
class Detection:
    """One event found: seconds from the recording's start, its class, its highest score."""

    onset_s: float
    offset_s: float
    label: str
    score: float


@dataclass(frozen=True)
class LoadedModel:
    """A detector with its front end and, for systems that take them, its recogniser's features."""

    name: str
    detector: "Detector"
    frontend: FrontEnd
    asr: AsrFeatures | None

    @property
    def window_s(self) -> float:
        """Length in seconds of the windows it scores: of the clips it was trained on."""
        return WINDOW_S if self.detector.window_s is None else self.detector.window_s


def load_models(folders: list[str], device: str = "cpu") -> list[LoadedModel]:
    """Detectors of model folders, recognisers shared among them. Raises DataError for what is missing."""
    from pysed.detector.checkpoint import load_detector

    recognisers: dict[tuple[Path, str, str], AsrFeatures] = {}
    models = []
    for folder in folders:
        detector = load_detector(folder, device)
        asr = None
        if detector.config.asr and detector.asr is not None:
            tuned = detector.asr.get("tuned")
            key = find_asr_model(detector.asr["model"], folder), detector.asr["layer"], folder if tuned else ""
            if key not in recognisers:
                recognisers[key] = AsrFeatures(*key[:2], tuned)
            asr = recognisers[key]
            asr.check_settings(detector.asr.get("settings"), folder)
        frontend = FrontEnd.from_dict(detector.frontend or {}, f"{folder}: front end")
        models.append(LoadedModel(folder, detector, frontend, asr))
    return models


def score_samples(samples: np.ndarray, models: list[LoadedModel]) -> list[np.ndarray]:
    """Frame scores (T100,) of each model for samples (T,) in [-1, 1] at 16 kHz; features are shared among them."""
    if not np.isfinite(samples).all():
        place_s = int(np.argmin(np.isfinite(samples))) / RATE_HZ
        raise DataError(f"a sample that is not a finite number at {place_s:.3f} s; expected numbers from -1 to 1")
    samples = as_int16_values(samples)
    features: dict[FrontEnd, np.ndarray] = {}
    rows: dict[int, np.ndarray] = {}
    scores = []
    for model in models:
        if model.frontend not in features:
            features[model.frontend] = sed_features(samples, model.frontend)
        feats = features[model.frontend]
        grid = None
        if model.asr is not None:
            if id(model.asr) not in rows:
                rows[id(model.asr)] = model.asr.compute(samples)
            num_scores = -(-len(feats) // model.frontend.frames_per_label)
            grid = to_grid(rows[id(model.asr)], hop_s=HOP_S, num_frames=num_scores)
        scores.append(model.detector.scores(feats, grid))
    return scores


def window_starts(duration_s: float, window_s: float = WINDOW_S) -> list[float]:
    """Where windows start, in seconds, on the grid of frames; the last one reaches the end."""
    if duration_s <= window_s:
        return [0.0]
    last = int(np.floor((duration_s - window_s) / HOP_S + 1e-6))
    step = max(1, round(window_s / 2 / HOP_S))
    return [float(frame_time(start)) for start in [*range(0, last, step), last]]


def score_recording(path: str | Path, models: list[LoadedModel]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(scores, mean scores) of each model over a whole recording, (T100,) each; windows as the module says.

    Raises DataError for audio that cannot be read.
    """
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    with AudioFile(path) as audio:
        for window_s in {model.window_s for model in models}:
            same = [index for index, model in enumerate(models) if model.window_s == window_s]
            found.update(zip(same, _score_windows(audio, [models[i] for i in same], window_s), strict=True))
    return [found[index] for index in range(len(models))]


def _score_windows(audio: AudioFile, models: list[LoadedModel], window_s: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """score_recording() of models with the same windows."""
    duration_s = audio.duration_s
    starts = window_starts(duration_s, window_s)
    num_frames = max(1, int(np.ceil(duration_s / HOP_S - 1e-6)))
    if len(starts) == 1:
        scores = score_samples(read_window(audio, 0.0, duration_s), models)
        return [(each[:num_frames], np.full(min(num_frames, len(each)), each.mean())) for each in scores]
    sums = [np.zeros((2, num_frames)) for _ in models]
    weights = np.zeros(num_frames)
    for start in starts:
        length_s = min(window_s, duration_s - start) if start != starts[-1] else duration_s - start
        first = round(start / HOP_S)
        found = score_samples(read_window(audio, start, length_s), models)
        # Of a window that was filled up to a second, its own frames alone.
        length = min(len(found[0]), num_frames - first, int(np.ceil(length_s / HOP_S - 1e-6)))
        weight = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
        weights[first : first + length] += weight
        for total, each in zip(sums, found, strict=True):
            total[0, first : first + length] += weight * each[:length]
            total[1, first : first + length] += weight * each.mean()
    weights = np.maximum(weights, 1e-9)
    return [(total[0] / weights, total[1] / weights) for total in sums]


def read_window(audio: AudioFile, start_s: float, length_s: float) -> np.ndarray:
    """Part of a recording at 16 kHz; what is shorter than a second is repeated to and fro to fill it."""
    given = audio.read(start_s, length_s)
    samples = resample(given, audio.rate_hz, RATE_HZ)
    if not len(samples):  # less than one sample at 16 kHz
        samples = given[:1]
    missing = round(SHORTEST_S * RATE_HZ) - len(samples)
    return np.pad(samples, (0, missing), mode="symmetric") if missing > 0 else samples


def detect_recording(path: str | Path, models: list[LoadedModel]) -> list[list[Detection]]:
    """Events of each model in one recording, in order of time."""
    return [events for _, events in analyse_recording(path, models)]


def analyse_recording(path: str | Path, models: list[LoadedModel]) -> list[tuple[np.ndarray, list[Detection]]]:
    """Scores (T100,) and events, in order of time, of each model in one recording."""
    duration_s = duration_of(path)
    found = []
    for model, (scores, mean) in zip(models, score_recording(path, models), strict=True):
        detector, median = model.detector, model.detector.config.median_frames
        if duration_s <= model.window_s:
            threshold = detector.t_base + detector.beta * float(mean[0])
            event = detect_event(
                scores, threshold, max_gap_s=detector.max_gap_s, low_ratio=detector.low_ratio, median_frames=median
            )
            spans = [] if event is None else [event]
        else:
            dynamic = detector.t_base + detector.beta * mean
            spans = all_events(scores, dynamic, detector.max_gap_s, detector.low_ratio, median)
        found.append((scores, [_detection(span, scores, detector.event, duration_s) for span in spans]))
    return found


def all_events(
    scores: np.ndarray,
    threshold: np.ndarray,
    max_gap_s: float | None,
    low_ratio: float = 1.0,
    median_frames: int = MEDIAN_FRAMES,
) -> list[tuple[float, float]]:
    """Every event by a threshold, both (T,): median filter, hysteresis, gaps closed, (onset, offset) in seconds."""
    gap = gap_frames(LONG_GAP_S if max_gap_s is None else max_gap_s)
    runs = active_runs(scores[None], threshold, low_ratio, gap, median_frames)
    return [(float(frame_time(a)), float(frame_time(b))) for a, b in zip(runs.start, runs.end, strict=True)]


def _detection(span: tuple[float, float], scores: np.ndarray, label: str, duration_s: float) -> Detection:
    first, last = round(span[0] / HOP_S), round(span[1] / HOP_S)
    return Detection(span[0], min(span[1], round(duration_s, 6)), label, round(float(scores[first:last].max()), 4))
