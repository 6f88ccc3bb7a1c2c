"""Frame scores of sound of any length that comes in pieces, each feature computed once.

A network scores windows as long as the clips it was trained on. Each window overlaps the one before it by twice
``CONTEXT_S``, and a frame's score is that of the window in which it has this context on both sides; the first window
counts from its start, the last to its end. Sound that goes on for less than ``CONTEXT_S`` after a window leaves that
window's scores as they are. A window is scored when all its sound is there: memory holds two windows, and the scores.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from pysed.audio import Resampler
from pysed.detector.checkpoint import TrainedNetwork
from pysed.errors import DataError
from pysed.features.frontend import FrontEnd
from pysed.features.grid import HOP_S
from pysed.features.of_samples import RATE_HZ, AsrFeatures, as_int16_values
from pysed.features.pieces import RecogniserFrames, front_end_frames

CONTEXT_S = 1.5
SHORTEST_S = 1.0
_AHEAD_S = 0.1  # of samples, for the last frames of a block


class Model(Protocol):
    """A detector, as far as scores take it."""

    @property
    def network(self) -> TrainedNetwork:
        """What scores."""

    @property
    def frontend(self) -> FrontEnd:
        """What the network sees."""

    @property
    def recogniser(self) -> AsrFeatures | None:
        """What it hears the sound through, if anything."""

    @property
    def window_s(self) -> float:
        """Seconds of a window."""


class Scores(NamedTuple):
    """Scores of consecutive frames, the mean score of the window that each comes from, and the scores of onsets, 0 of a
    network that does not score them; (T100,) each."""

    scores: np.ndarray
    means: np.ndarray
    onsets: np.ndarray


def join_scores(parts: Sequence[Scores]) -> Scores:
    """Those of all parts, one after the other."""
    empty = Scores(np.empty(0, np.float32), np.empty(0), np.empty(0, np.float32))
    return Scores(*(np.concatenate(each) for each in zip(empty, *parts, strict=True)))


class _Rows:
    """Rows of features, so many to a frame of the grid, kept from a frame on."""

    def __init__(self, rows_per_frame: int):
        self.each, self.start, self.rows = rows_per_frame, 0, np.empty((0, 0), np.float32)

    @property
    def end(self) -> int:
        """The frame before which all rows are there."""
        return self.start + len(self.rows) // self.each

    def add(self, rows: np.ndarray) -> None:
        """Append rows."""
        self.rows = np.concatenate((self.rows, rows)) if len(self.rows) else rows

    def part(self, start: int, end: int) -> np.ndarray:
        """The rows of frames, as far as they go."""
        return self.rows[(start - self.start) * self.each : (end - self.start) * self.each]

    def forget(self, frame: int) -> None:
        """Keep what is from a frame on."""
        frame = min(frame, self.end)
        self.rows, self.start = self.rows[(frame - self.start) * self.each :], frame


class _Windows:
    """One detector's windows: frame numbers, and the scores that are settled."""

    def __init__(self, detector: Model, feats: _Rows, grid: _Rows | None, step_s: float | None):
        self.detector, self.feats, self.grid = detector, feats, grid
        self.width = max(1, round(detector.window_s / HOP_S))
        self.context = min(round(CONTEXT_S / HOP_S), (self.width - 1) // 3)
        longest = self.width - 2 * self.context
        self.step = longest if step_s is None else min(longest, max(1, round(step_s / HOP_S)))
        self.end = self.width if step_s is None else self.step + self.context  # of the next window
        self.settled = 0
        self._tail: Scores | None = None  # of the last window, beyond what is settled

    @property
    def start(self) -> int:
        """The first frame that a window may still need: the last one may start anywhere from there."""
        return max(0, self.end - self.step - self.width)

    def advance(self) -> Scores:
        """Scores that are settled by the windows that are complete."""
        found = []
        ready = self.feats.end if self.grid is None else min(self.feats.end, self.grid.end)
        while self.end <= ready:
            start, until = max(0, self.end - self.width), self.end - self.context
            window = self._score(start, self.end)
            found.append(self._settle(window, start, until))
            self._tail = Scores(*(each[until - start :] for each in window))
            self.end += self.step
        return join_scores(found)

    def finish(self, num_frames: int) -> Scores:
        """The scores that are left, up to so many frames."""
        found = []
        if self._tail is not None and num_frames - self.settled <= 2 * self.context:
            found.append(self._settle(self._tail, self.settled, min(num_frames, self.settled + self.context)))
        if num_frames > self.settled:
            start = max(0, num_frames - self.width)
            found.append(self._settle(self._score(start, num_frames), start, num_frames))
        return join_scores(found)

    def _settle(self, window: Scores, start: int, until: int) -> Scores:
        """The part of scores from ``start`` on that is not settled, up to ``until``."""
        found = Scores(*(each[self.settled - start : until - start] for each in window))
        self.settled = until
        return found

    def _score(self, start: int, end: int) -> Scores:
        """Scores of a window; a last frame without features of its own is as the one before it."""
        feats = self.feats.part(start, end)
        count = -(-len(feats) // self.feats.each)
        grid = None if self.grid is None else self.grid.part(start, start + count)
        network = self.detector.network
        if network.scores_onsets:
            scores, onsets = network.tracks_of_clips(feats[None], None if grid is None else grid[None])[0].T
        else:
            scores = network.scores(feats, grid)
            onsets = np.zeros_like(scores)
        mean = scores.mean(dtype=np.float64)
        scores = np.concatenate((scores, np.repeat(scores[-1:], end - start - count)))
        onsets = np.concatenate((onsets, np.zeros(end - start - count, np.float32)))
        return Scores(scores, np.full(len(scores), mean), onsets)


class ScoreStream:
    """Frame scores of sound that comes in pieces, by several detectors, which share the features they have in common.

    ``rate_hz``: of the samples; ``step_s``: how far apart windows are, None for as far as they can be; ``keeps``:
    whether features are kept for ``features()``. The scores are the same however the sound is cut.
    """

    def __init__(self, detectors: Sequence[Model], rate_hz: int, step_s: float | None = None, keeps: bool = False):
        self.rate_hz = rate_hz
        self._resampler = Resampler(rate_hz, RATE_HZ)
        widest_s = max(each.window_s for each in detectors)
        self._block = round((widest_s if step_s is None else step_s) * RATE_HZ)
        self._waiting: list[np.ndarray] = []
        self._missing = self._block + round(_AHEAD_S * RATE_HZ)
        self._num_given = self._num_samples = 0
        self._last = np.zeros(1, np.float32)
        feats = {each.frontend: _Rows(each.frontend.frames_per_label) for each in detectors}
        grids = {(id(each.recogniser), each.window_s): _Rows(1) for each in detectors if each.recogniser}
        self._frames = {frontend: (front_end_frames(frontend), rows) for frontend, rows in feats.items()}
        self._heard = {
            key: (RecogniserFrames(each.recogniser, each.window_s), grids[key])
            for each in detectors
            if each.recogniser and (key := (id(each.recogniser), each.window_s))
        }
        self._kept: dict[FrontEnd, list[np.ndarray]] | None = {each: [] for each in feats} if keeps else None
        for heard, _ in self._heard.values():
            heard.kept = [] if keeps else None
        self._windows = [
            _Windows(each, feats[each.frontend], grids.get((id(each.recogniser), each.window_s)), step_s)
            for each in detectors
        ]

    def push(self, samples: np.ndarray) -> list[Scores]:
        """The scores (T100,) of each detector that are settled with these samples (T,) in [-1, 1].

        Raises DataError for a sample that is not finite.
        """
        found = list(self.steps(samples))
        return [join_scores(parts) for parts in zip(*found, strict=True)] or [join_scores([]) for _ in self._windows]

    def steps(self, samples: np.ndarray) -> Iterator[list[Scores]]:
        """push() block by block, as long as ``step_s`` each, which do not depend on how the sound is cut."""
        if not np.isfinite(samples).all():
            place_s = (self._num_given + int(np.argmin(np.isfinite(samples)))) / self.rate_hz
            raise DataError(f"a sample that is not a finite number at {place_s:.3f} s; expected numbers from -1 to 1")
        if len(samples):
            self._last = samples[-1:]
        self._num_given += len(samples)
        for block in self._blocks(self._resampler.push(samples)):
            self._hear(block, None)
            yield [windows.advance() for windows in self._windows]
            self._forget()

    def finish(self) -> list[Scores]:
        """The scores that are left, at the end of the sound; a frame that is filled in part counts.

        What is shorter than a second is scored as if it went on to and fro.
        """
        num_frames = max(1, int(np.ceil(self._num_given / self.rate_hz / HOP_S - 1e-6)))
        rest = [*self._waiting, self._resampler.push(np.empty(0, np.float32), True)]
        samples = np.concatenate(rest)
        if not self._num_samples + len(samples):
            samples = np.asarray(self._last, np.float32)  # less than one sample at 16 kHz
        missing = round(SHORTEST_S * RATE_HZ) - self._num_samples - len(samples)
        if missing > 0:
            samples = np.pad(samples, (0, missing), mode="symmetric")
        heard = max(num_frames, round(SHORTEST_S / HOP_S)) if missing > 0 else num_frames
        self._hear(as_int16_values(samples), heard)
        found = []
        for windows in self._windows:
            parts = [windows.advance(), windows.finish(heard)]
            found.append(Scores(*(each[: len(each) + num_frames - heard] for each in join_scores(parts))))
        return found

    def features(self, detector: Model) -> tuple[np.ndarray, np.ndarray | None]:
        """All the front end's features so far (T, F), and the MFCC of the recogniser if there is one."""
        assert self._kept is not None
        heard = self._heard.get((id(detector.recogniser), detector.window_s))
        mfcc = None if heard is None else np.concatenate(heard[0].kept or [])
        return np.concatenate(self._kept[detector.frontend]), mfcc

    def _blocks(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Blocks of the same length whatever the pieces, as 16-bit values."""
        self._waiting.append(samples)
        while sum(map(len, self._waiting)) >= self._missing:
            joined = np.concatenate(self._waiting)
            block, self._waiting = joined[: self._missing], [joined[self._missing :]]
            self._num_samples += len(block)
            self._missing = self._block
            yield as_int16_values(block)

    def _hear(self, samples: np.ndarray, num_frames: int | None) -> None:
        for frontend, (frames, rows) in self._frames.items():
            found = frames.push(samples, num_frames is not None)
            rows.add(found)
            if self._kept is not None:
                self._kept[frontend].append(found)
        for heard, rows in self._heard.values():
            rows.add(heard.push(samples, num_frames))

    def _forget(self) -> None:
        """Drop the rows that no window needs any more."""
        for rows in [each for _, each in (*self._frames.values(), *self._heard.values())]:
            rows.forget(min(windows.start for windows in self._windows if rows in (windows.feats, windows.grid)))
