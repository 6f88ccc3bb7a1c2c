"""From frame scores to events, by the rule that a detector was tuned with or as its user wishes."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from pysed.decision.onsets import likeliest, onset_runs
from pysed.decision.postprocess import Runs, active_runs, frame_time, gap_frames, longest
from pysed.detect.scoring import Scores
from pysed.detector.checkpoint import TrainedNetwork
from pysed.errors import DataError
from pysed.features.grid import HOP_S

LONG_GAP_S = 1.0  # where the tuning closed every gap of a clip


@dataclass(frozen=True)
class Detection:
    """An event that was found.

    ``onset_s`` and ``offset_s`` are seconds from the recording's start, and ``label`` is the class. ``score`` is the
    highest score of the event's frames; of a network that scores onsets, it is the probability that the event begins
    there. ``channel`` is the channel's number, from 1, unless the mean of all was searched.
    """

    onset_s: float
    offset_s: float
    label: str
    score: float
    channel: int | None = None


@dataclass(frozen=True)
class Decision:
    """What counts as an event. Without arguments it is what was tuned in training.

    - ``threshold``: from 0 to 1, what the scores of an event's frames exceed; of networks that score onsets, what the
      number of onsets expected around its beginning exceeds.
    - ``min_duration_s``: shorter events are dropped.
    - ``max_gap_s``: shorter pauses belong to an event.
    - ``one_event``: the task's rule, the longest event alone, or the one whose onset is likeliest.
    - ``top``: only so many events, those with the highest scores.

    Raises DataError for values out of range.
    """

    threshold: float | None = None
    min_duration_s: float = 0.0
    max_gap_s: float | None = None
    one_event: bool = False
    top: int | None = None

    def __post_init__(self):
        for name, value in vars(self).items():
            if value is not None and not isinstance(value, bool if name == "one_event" else Real):
                raise DataError(f"{name} {value!r}; expected a {'truth value' if name == 'one_event' else 'number'}")
        for name, holds, expected in (
            ("threshold", self.threshold is None or 0 <= self.threshold <= 1, "0 to 1"),
            ("min_duration_s", 0 <= self.min_duration_s < np.inf, "0 seconds or more"),
            ("max_gap_s", self.max_gap_s is None or 0 <= self.max_gap_s < np.inf, "0 seconds or more"),
            ("top", self.top is None or isinstance(self.top, Integral) and self.top >= 1, "a whole number from 1"),
        ):
            if not holds:
                raise DataError(f"{name} {getattr(self, name)}; expected {expected}")


def find_runs(found: Scores, network: TrainedNetwork, decision: Decision) -> tuple[Runs, np.ndarray]:
    """Every run of frames that is an event by the scores alone, and each one's score, (R,): above 1 where more than one
    onset is expected."""
    gap_s = network.max_gap_s if decision.max_gap_s is None else decision.max_gap_s
    if gap_s is None and not decision.one_event:
        gap_s = LONG_GAP_S
    median = network.config.median_frames
    if network.scores_onsets:
        tracks = np.stack((found.scores, found.onsets), axis=-1)[None]
        least = network.t_base if decision.threshold is None else decision.threshold
        return onset_runs(tracks, least, gap_frames(gap_s), median)
    threshold = network.t_base + network.beta * found.means if decision.threshold is None else decision.threshold
    runs = active_runs(found.scores[None], np.asarray(threshold), network.low_ratio, gap_frames(gap_s), median)
    return runs, np.array([found.scores[start:end].max() for _, start, end in zip(*runs, strict=True)])


def find_events(
    found: Scores, network: TrainedNetwork, decision: Decision, duration_s: float, channel: int | None = None
) -> list[Detection]:
    """The events of a recording of that length, in order of time."""
    runs, scores = find_runs(found, network, decision)
    ends_s = np.minimum(frame_time(runs.end), round(duration_s, 6))
    kept = ends_s - frame_time(runs.start) >= decision.min_duration_s - HOP_S * 1e-6
    runs, scores = Runs(*(each[kept] for each in runs)), scores[kept]
    if decision.one_event:
        start, _ = likeliest(runs, scores, 1) if network.scores_onsets else longest(runs, 1)
        kept = runs.start == start[0]
        runs, scores = Runs(*(each[kept] for each in runs)), scores[kept]
    events = [
        Detection(
            float(frame_time(start)),
            min(float(frame_time(end)), round(duration_s, 6)),
            network.event,
            round(min(float(score), 1.0), 4),
            channel,
        )
        for start, end, score in zip(runs.start, runs.end, scores, strict=True)
    ]
    if decision.top is not None:
        best = np.sort(np.argsort(-scores, kind="stable")[: decision.top])
        events = [events[index] for index in best]
    return events
