"""Events of sound that never ends: known as soon as they are certain, the same however the sound is cut into pieces."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pysed.decision.onsets import ACTIVE, AROUND_FRAMES
from pysed.decision.postprocess import gap_frames
from pysed.detect.decide import LONG_GAP_S, Decision, Detection, find_runs
from pysed.detect.samples import check_rate, check_samples
from pysed.detect.scoring import CONTEXT_S, Model, Scores, ScoreStream, join_scores
from pysed.errors import DataError
from pysed.features.grid import HOP_S

STEP_S = 1.0  # between windows of live sound
_LONGEST_KEPT = 600  # frames of an event that goes on: of more, the middle is forgotten


@dataclass(frozen=True)
class Change:
    """An event begins or ends; one that begins has no offset yet: it is as far as the sound is known."""

    kind: str
    event: Detection


class EventStream:
    """Takes samples in pieces and gives events when they are certain.

    ``step_s``: how far apart windows are; None for as far as in ``Detector.detect``, whose events these are then. A
    small one, such as a second, gives events soon, each window of a network's length for every step.
    """

    def __init__(self, detector: Model, rate_hz: int, decision: Decision | None = None, step_s: float | None = None):
        self.decision = Decision() if decision is None else decision
        if self.decision.one_event or self.decision.top is not None:
            raise DataError("one_event and top need the whole sound; a stream has no end: leave them out")
        check_rate(rate_hz)
        if step_s is not None and not (isinstance(step_s, Real) and HOP_S <= step_s <= detector.window_s):
            raise DataError(f"step_s {step_s}; expected {HOP_S} to {detector.window_s:g} seconds")
        self._detector, self._scores = detector, ScoreStream([detector], rate_hz, step_s)
        self._step_s, self._rate_hz = step_s, rate_hz
        network = detector.network
        gap_s = network.max_gap_s if self.decision.max_gap_s is None else self.decision.max_gap_s
        self._gap = gap_frames(LONG_GAP_S if gap_s is None else gap_s) or 0
        self._median = network.config.median_frames
        #: Frames around one that settle whether an event begins there.
        self._around = AROUND_FRAMES if network.scores_onsets else self._median // 2
        self._decided = 0  # the frame before which all is known of the beginnings of events found by onsets
        self._open: set[int] = set()  # those of them whose end is not
        self._kept = join_scores([])
        self._frames = np.empty(0, np.int64)  # of the sound, of what is kept
        self._num_frames = 0
        self._begun: set[int] = set()  # the first frames of events that have been told of and have not ended
        self._ended = 0  # the frame at which the last event ended
        self._num_samples = 0

    @property
    def look_ahead_s(self) -> float:
        """Seconds of sound at most that are needed after a frame before it is judged."""
        width = self._detector.window_s
        step = width if self._step_s is None else self._step_s
        recogniser, frames = self._detector.recogniser, 0
        if recogniser is not None:
            frames = recogniser.network.frames_per_chunk + recogniser.network.right_context + 10
        utterance = width if self._step_s is None and recogniser is not None else frames / 100
        return CONTEXT_S + 2 * step + utterance + self._around * HOP_S + 0.2

    def push(self, samples: np.ndarray) -> list[Detection]:
        """The events that are known to have ended, with these samples (T,)."""
        return [each.event for each in self.follow(samples) if each.kind == "end"]

    def finish(self) -> list[Detection]:
        """The events that are left at the end of the sound."""
        return [each.event for each in self.follow_to_the_end() if each.kind == "end"]

    def follow(self, samples: np.ndarray) -> list[Change]:
        """What begins and ends, as far as it is certain, in order of time."""
        samples = check_samples(samples, 1)
        self._num_samples += len(samples)
        steps = self._scores.steps(np.asarray(samples, np.float32))
        return [change for (found,) in steps for change in self._changes(found, False)]

    def follow_to_the_end(self) -> list[Change]:
        """The same at the end of the sound."""
        return self._changes(self._scores.finish()[0], True) if self._num_samples else []

    def _changes(self, found: Scores, is_last: bool) -> list[Change]:
        if not len(found.scores) and not is_last:
            return []
        self._kept = join_scores([self._kept, found])
        self._num_frames += len(found.scores)
        new = np.arange(self._num_frames - len(found.scores), self._num_frames)
        self._frames = np.concatenate((self._frames, new))
        total = len(self._frames)
        certain = total if is_last else max(0, total - self._around)
        runs, scores = find_runs(self._kept, self._detector.network, self.decision)
        changes, keep, still_open, going_on = [], certain, set(), (0, 0)
        beginnings = np.append(runs.start, total)[1:].tolist()  # of the next event: it takes no later frame
        events = zip(runs.start.tolist(), runs.end.tolist(), scores.tolist(), beginnings, strict=True)
        for start, end, score, following in events:
            begins = self._place(start)
            if self._place(end) <= self._ended or self._was_none(begins):
                continue
            if is_last or end + self._gap < certain or following < certain:
                self._ended = self._place(end)
                if (event := self._event(start, end, score)) is not None:
                    changes += [Change("begin", event)] * (begins not in self._begun) + [Change("end", event)]
                self._begun.discard(begins)
                continue
            keep = min(keep, start)
            until = min(end, certain)
            if self._is_certain(start, until):
                still_open.add(begins)
                going_on = start, until
                if begins not in self._begun and (event := self._event(start, until, score)) is not None:
                    self._begun.add(begins)
                    changes.append(Change("begin", event))
        self._decided, self._open = self._place(certain), still_open
        across = self._gap + self._median if self._by_onsets else 0  # of a pause between two runs of an event
        keep = max(0, min(keep, self._first_open(certain)) - max(self._margin, across))
        kept = np.arange(total) >= keep
        kept[self._middle(*going_on)] = False
        self._kept, self._frames = Scores(*(each[kept] for each in self._kept)), self._frames[kept]
        return changes

    def _place(self, index: int) -> int:
        """The frame of the sound at a place of what is kept; at its end, the frame that comes next."""
        return int(self._frames[index]) if index < len(self._frames) else self._num_frames

    @property
    def _margin(self) -> int:
        """Frames around one that what is decided of it depends on."""
        return max(self._median, self._around)

    def _middle(self, start: int, end: int) -> slice:
        """What may be forgotten of an event that is certain and goes on: it is as if its ends were one after the other.

        Around both cuts all frames are above the threshold and no event begins, so that nothing is decided otherwise
        there. The highest score that is forgotten is noted in the frame before it.
        """
        if end - start <= _LONGEST_KEPT:
            return slice(0)
        scores, width = self._kept.scores, 2 * self._margin + 1
        solid = sliding_window_view(scores > (ACTIVE if self._by_onsets else self._thresholds), width).all(axis=-1)
        if self._by_onsets:  # the windows of both sides together expect too few for an event
            solid &= sliding_window_view(self._kept.onsets, width).sum(axis=-1, dtype=float) < self._least_onset / 2
        places = np.flatnonzero(solid) + self._margin
        places = places[(places >= start) & (places < end - self._margin)]
        if len(places) < 2 or places[-1] - places[0] < width:
            return slice(0)
        first, last = int(places[0]), int(places[-1])
        scores[first] = scores[first : last + 1].max()
        return slice(first + 1, last + 1)

    @property
    def _thresholds(self) -> np.ndarray:
        """Of every frame that is kept."""
        network = self._detector.network
        if self.decision.threshold is not None:
            return np.full(len(self._frames), self.decision.threshold)
        return network.t_base + network.beta * self._kept.means

    @property
    def _least_onset(self) -> float:
        """How often an onset has to be expected, more than which is an event's."""
        return self._detector.network.t_base if self.decision.threshold is None else self.decision.threshold

    @property
    def _by_onsets(self) -> bool:
        return self._detector.network.scores_onsets

    def _was_none(self, begins: int) -> bool:
        """Whether the frame at which an event seems to begin was decided upon before, otherwise: at the edge of what is
        kept a neighbour that was likelier is gone."""
        return self._by_onsets and begins < self._decided and begins not in self._open

    def _is_certain(self, start: int, until: int) -> bool:
        """Whether a run is an event, whatever comes after ``until``."""
        return start < until if self._by_onsets else len(self._confirmed(start, until)) > 0

    def _confirmed(self, start: int, end: int) -> np.ndarray:
        """The runs that are events by the frames of a part alone."""
        part = Scores(*(each[max(0, start - self._median) : end] for each in self._kept))
        return find_runs(part, self._detector.network, self.decision)[0].start

    def _first_open(self, certain: int) -> int:
        """The first frame that may yet belong to an event: where frames above the low threshold are not far from the
        end of what is certain."""
        if self._by_onsets:
            return certain
        active = np.flatnonzero(self._kept.scores > self._detector.network.low_ratio * self._thresholds)
        breaks = np.flatnonzero(np.diff(active) > self._gap + self._median)
        if not len(active) or active[-1] + self._gap + self._median < certain:
            return certain
        return int(active[breaks[-1] + 1] if len(breaks) else active[0])

    def _event(self, start: int, end: int, score: float) -> Detection | None:
        """The event of a run of what is kept, with its score where onsets are scored; None where it is too short."""
        if not self._by_onsets:
            score = self._kept.scores[start:end].max()
        score = round(min(float(score), 1.0), 4)
        onset_s, offset_s = (round(self._place(frame) * HOP_S, 6) for frame in (start, end))
        offset_s = min(offset_s, round(self._num_samples / self._rate_hz, 6))
        if offset_s - onset_s < self.decision.min_duration_s - HOP_S * 1e-6:
            return None
        return Detection(onset_s, offset_s, self._detector.network.event, score)
