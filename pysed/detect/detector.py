"""A trained detector for any sound: files, samples, or a stream of them. ``from pysed import Detector``."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Self

import numpy as np

from pysed.audio import AudioBlocks
from pysed.detect.decide import Decision, Detection, find_events
from pysed.detect.live import EventStream
from pysed.detect.samples import check_rate, check_samples
from pysed.detect.scoring import Scores, ScoreStream, join_scores
from pysed.detector.checkpoint import TrainedNetwork, load_network
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd
from pysed.features.of_samples import AsrFeatures, find_asr_model

WINDOW_S = 30.0  # of networks whose checkpoint does not say what they were trained on
MIX, EACH = "mix", "each"
_PIECE_S = 10.0


@dataclass(frozen=True)
class Analysis:
    """What was found in one channel of a recording, or in the mean of all: scores and events by detector.

    ``features``: where they were asked for, the front end's (T, F), and the recogniser's MFCC, by detector.
    """

    duration_s: float
    found: list[Scores]
    events: list[list[Detection]]
    features: list[tuple[np.ndarray, np.ndarray | None]]

    @property
    def scores(self) -> list[np.ndarray]:
        """Of the event, (T100,) by detector."""
        return [each.scores for each in self.found]


@dataclass(frozen=True)
class Detector:
    """A trained network, with all that it needs to find events in sound. ``Detector.load`` makes one.

    Samples are numbers from -1 to 1, at any rate: (T,), or (T, C) of C channels. ``channels`` says what is searched:
    "mix" is the mean of all channels, a number from 1 is one of them, and "each" is each by itself.
    """

    name: str
    network: TrainedNetwork
    frontend: FrontEnd
    recogniser: AsrFeatures | None

    @classmethod
    def load(cls, path: str | os.PathLike, device: str = "cpu") -> Self:
        """The detector in a model folder or checkpoint file. Raises DataError for what is missing or damaged."""
        return load_detectors([path], device, cls)[0]

    @property
    def event(self) -> str:
        """The class of the events that it finds."""
        return self.network.event

    @property
    def window_s(self) -> float:
        """The length in seconds of the windows that it scores, which is that of the clips it was trained on."""
        return WINDOW_S if self.network.window_s is None else self.network.window_s

    def detect(
        self, samples: np.ndarray, rate_hz: int, decision: Decision | None = None, channels: int | str = MIX
    ) -> list[Detection]:
        """Every event in the samples, in order of time. Raises DataError for what are no samples of sound."""
        found = analyse([self], _pieces(samples, rate_hz, channels), rate_hz, decision, channels)
        return _in_order(each.events[0] for each in found)

    def detect_file(
        self, path: str | os.PathLike, decision: Decision | None = None, channels: int | str = MIX
    ) -> list[Detection]:
        """Every event in a file of any format, rate and length. Raises DataError where it cannot be read."""
        return _in_order(each.events[0] for each in analyse_file(path, [self], decision, channels))

    def scores(self, samples: np.ndarray, rate_hz: int, channels: int | str = MIX) -> np.ndarray:
        """How likely the event is there in each 100 ms: (T100,) in [0, 1], or (C, T100) for "each"."""
        found = [
            each.scores[0] for each in analyse([self], _pieces(samples, rate_hz, channels), rate_hz, None, channels)
        ]
        return np.stack(found) if channels == EACH else found[0]

    def stream(self, rate_hz: int, decision: Decision | None = None, step_s: float | None = None) -> EventStream:
        """A stream that takes sound in pieces and gives each event when it has ended.

        ``stream.push(samples)`` takes the next samples (T,) and returns the events that are now certain;
        ``stream.finish()`` returns those that are left at the end. They are those of ``detect``, wherever the sound is
        cut. With ``step_s``, such as 1.0, a window is scored every so many seconds: events come sooner, and may differ
        a little from those of ``detect``.
        """
        return EventStream(self, rate_hz, decision, step_s)


def load_detectors(folders: Sequence[str | os.PathLike], device: str = "cpu", kind: type[Detector] = Detector) -> list:
    """Detectors of model folders, recognisers shared among them. Raises DataError for what is missing."""
    recognisers: dict[tuple[Path, str, str], AsrFeatures] = {}
    detectors = []
    for folder in [os.fspath(each) for each in folders]:
        network = load_network(folder, device)
        recogniser = None
        if network.config.asr and network.asr is not None:
            tuned = network.asr.get("tuned")
            key = find_asr_model(network.asr["model"], network.folder), network.asr["layer"], folder if tuned else ""
            if key not in recognisers:
                recognisers[key] = AsrFeatures(*key[:2], tuned)
            recogniser = recognisers[key]
            recogniser.check_settings(network.asr.get("settings"), folder)
        frontend = FrontEnd.from_dict(network.frontend or {}, f"{folder}: front end")
        detectors.append(kind(folder, network, frontend, recogniser))
    return detectors


def analyse_file(
    path: str | os.PathLike,
    detectors: Sequence[Detector],
    decision: Decision | None = None,
    channels: int | str = MIX,
    keeps: bool = False,
) -> list[Analysis]:
    """What the detectors find in a file, which is read once; one for each channel that is asked for."""
    check_channels(channels)
    blocks = AudioBlocks(os.fspath(path), channels)
    return analyse(detectors, blocks, blocks.rate_hz, decision, channels, keeps)


def analyse(
    detectors: Sequence[Detector],
    blocks: Iterable[np.ndarray],
    rate_hz: int,
    decision: Decision | None = None,
    channels: int | str = MIX,
    keeps: bool = False,
) -> list[Analysis]:
    """What the detectors find in sound that comes in pieces (T,), or (T, C) where ``channels`` is "each"; with
    ``keeps`` the features too."""
    decision = Decision() if decision is None else decision
    streams: list[ScoreStream] = []
    parts: list[list[list[Scores]]] = []  # by channel, piece and detector
    num_samples = 0
    for block in blocks:
        columns = block[:, None] if block.ndim == 1 else block
        if not streams:
            streams = [ScoreStream(detectors, rate_hz, keeps=keeps) for _ in range(columns.shape[1])]
            parts = [[] for _ in streams]
        num_samples += len(block)
        for stream, found, column in zip(streams, parts, columns.T, strict=True):
            found.append(stream.push(column))
    duration_s = num_samples / rate_hz
    analyses = []
    for number, (stream, found) in enumerate(zip(streams, parts, strict=True), 1):
        joined = [join_scores(each) for each in zip(*found, stream.finish(), strict=True)]
        channel = number if channels == EACH else channels if isinstance(channels, int) else None
        events = [
            find_events(each, detector.network, decision, duration_s, channel)
            for each, detector in zip(joined, detectors, strict=True)
        ]
        features = [stream.features(each) for each in detectors] if keeps else []
        analyses.append(Analysis(duration_s, joined, events, features))
    return analyses


def check_channels(channels: int | str) -> None:
    """Raise DataError for what is no choice of channels."""
    if channels not in (MIX, EACH) and (not isinstance(channels, Integral) or channels is True or channels < 1):
        raise DataError(f"channels {channels!r}; expected 'mix', 'each' or a channel's number from 1")


def _pieces(samples: np.ndarray, rate_hz: int, channels: int | str) -> Iterable[np.ndarray]:
    """Samples of the channels that are asked for, a few seconds at a time."""
    check_channels(channels)
    values = check_samples(samples, 2)
    if not values.size:
        raise DataError(f"samples of shape {values.shape}; expected some")
    check_rate(rate_hz)
    if isinstance(channels, Integral):
        if channels > (values.shape[1] if values.ndim == 2 else 1):
            raise DataError(f"samples of shape {values.shape}; expected a channel {channels}")
        values = values[:, channels - 1] if values.ndim == 2 else values
    elif channels == MIX and values.ndim == 2:
        values = values.mean(axis=1)
    step = max(1, round(_PIECE_S * rate_hz))
    return (np.asarray(values[first : first + step], np.float32) for first in range(0, len(values), step))


def _in_order(channels: Iterable[list[Detection]]) -> list[Detection]:
    return sorted((each for events in channels for each in events), key=lambda each: (each.onset_s, each.offset_s))
