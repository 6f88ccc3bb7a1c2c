"""How fast each system is from a recording to its events, as `pysed detect` would be."""

import time
from collections.abc import Mapping

from pysed.audio import read_audio
from pysed.detect.detector import Detector
from pysed.errors import DataError
from pysed.report.content import Model, Recording
from pysed.score.results import Table

_FILES = 3


def wav_speeds(models: list[Model], recordings: list[Recording]) -> dict[str, float]:
    """System -> seconds of audio per second of work: reading, features, recogniser, network and decision.

    By the first model of each on a few test files, after one that is not counted. A system is left out whose model
    cannot be used here, as where its recogniser is elsewhere.
    """
    speeds: dict[str, float] = {}
    for model in models:
        files = [one for one in recordings if one.models.get(model.system) is model][: _FILES + 1]
        if model.system in speeds or not files:
            continue
        try:
            speeds[model.system] = _speed(Detector.load(model.folder), files)
        except DataError:
            continue
    return speeds


def _speed(detector: Detector, files: list[Recording]) -> float:
    audio_s = seconds = 0.0
    for index, one in enumerate([files[0], *(files[1:] or files)]):
        started = time.perf_counter()
        samples, rate_hz = read_audio(one.wav)
        detector.detect(samples, rate_hz)
        if index:
            audio_s, seconds = audio_s + len(samples) / rate_hz, seconds + time.perf_counter() - started
    return audio_s / seconds


def with_speeds(table: Table, speeds: Mapping[str, float]) -> Table:
    """The table of costs with these speeds for its last column, the network's alone."""
    head, *rows = table
    return [
        [*head[:-1], "wav → events, times real time"],
        *([*row[:-1], f"{speeds[row[0]]:,.0f}" if row[0] in speeds else "-"] for row in rows),
    ]
