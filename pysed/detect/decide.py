"""From frame scores to events, by the rule that a detector was tuned with or as its user wishes."""

from dataclasses import dataclass

import numpy as np

from pysed.decision.postprocess import Runs, active_runs, frame_time, gap_frames, longest
from pysed.detect.scoring import Scores
from pysed.detector.checkpoint import TrainedNetwork
from pysed.errors import DataError
from pysed.features.grid import HOP_S

LONG_GAP_S = 1.0  # where the tuning closed every gap of a clip


@dataclass(frozen=True)
class Detection:
    """One event found: seconds from the recording's start, its class, its highest score, its channel if asked for."""

    onset_s: float
    offset_s: float
    label: str
    score: float
    channel: int | None = None


@dataclass(frozen=True)
class Decision:
    """What counts as an event.

    ``threshold``: of the scores, instead of the tuned one; ``min_duration_s``: shorter events are dropped;
    ``max_gap_s``: shorter pauses belong to an event, instead of the tuned length; ``one_event``: the task's rule, the
    longest one alone, gaps closed as tuned; ``top``: so many of the highest score. Raises DataError for values out of
    range.
    """

    threshold: float | None = None
    min_duration_s: float = 0.0
    max_gap_s: float | None = None
    one_event: bool = False
    top: int | None = None

    def __post_init__(self):
        for name, holds, expected in (
            ("threshold", self.threshold is None or 0 <= self.threshold <= 1, "0 to 1"),
            ("min_duration_s", 0 <= self.min_duration_s < np.inf, "0 seconds or more"),
            ("max_gap_s", self.max_gap_s is None or 0 <= self.max_gap_s < np.inf, "0 seconds or more"),
            ("top", self.top is None or self.top >= 1, "1 or more"),
        ):
            if not holds:
                raise DataError(f"{name} {getattr(self, name)}; expected {expected}")


def find_runs(found: Scores, network: TrainedNetwork, decision: Decision) -> Runs:
    """Every run of frames that is an event by the scores alone."""
    gap_s = network.max_gap_s if decision.max_gap_s is None else decision.max_gap_s
    if gap_s is None and not decision.one_event:
        gap_s = LONG_GAP_S
    threshold = network.t_base + network.beta * found.means if decision.threshold is None else decision.threshold
    return active_runs(
        found.scores[None], np.asarray(threshold), network.low_ratio, gap_frames(gap_s), network.config.median_frames
    )


def find_events(
    found: Scores, network: TrainedNetwork, decision: Decision, duration_s: float, channel: int | None = None
) -> list[Detection]:
    """The events of a recording of that length, in order of time."""
    runs = find_runs(found, network, decision)
    starts, ends = runs.start, runs.end
    if decision.one_event:
        start, end = longest(runs, 1)
        starts, ends = start[start >= 0], end[start >= 0]
    events = [
        Detection(
            float(frame_time(start)),
            min(float(frame_time(end)), round(duration_s, 6)),
            network.event,
            round(float(found.scores[start:end].max()), 4),
            channel,
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    events = [each for each in events if each.offset_s - each.onset_s >= decision.min_duration_s - HOP_S * 1e-6]
    if decision.top is not None:
        best = sorted(events, key=lambda each: -each.score)[: decision.top]
        events = [each for each in events if each in best]
    return events
