"""Events by their onsets: where an onset is expected, more likely than not, within the collar of the score.

A network that scores onsets says of every frame how likely an event begins in it. The sum over a window is the number
of onsets to be expected there; where a recording has few events it is the probability of one. An event that is said to
begin in the window's middle is right, by the collar of sed_eval, if an onset is in the window: so the sum is the
probability that the detection counts as a hit, and a half is where a detection lowers the error rate rather than raises
it. An onset that is certain but blurred over a few frames counts in full, where a threshold on the scores of the event
itself would place it early or late.

All is local: whether an event begins in a frame depends on ``AROUND_FRAMES`` frames before and after it alone, so that
sound in pieces has the events of the whole.
"""

import functools
from typing import NamedTuple

import numpy as np

from pysed.decision.postprocess import (
    MEDIAN_FRAMES,
    Runs,
    bridge,
    detect_batch,
    detect_event,
    find_runs,
    frame_time,
    gap_frames,
    median_filter,
)
from pysed.events import COLLAR_S
from pysed.features.grid import HOP_S

COLLAR_FRAMES = round(COLLAR_S / HOP_S)
APART_FRAMES = 2 * COLLAR_FRAMES  # of two windows, at least: none of their frames is counted twice
AROUND_FRAMES = 2 * COLLAR_FRAMES + APART_FRAMES
SHORTEST_FRAMES = 3
ACTIVE = 0.5  # an event goes on while it is more likely than not


class Onsets(NamedTuple):
    """Candidates, ordered by row and then time: the frame, and the number of onsets expected around it; (P,) each."""

    row: np.ndarray
    frame: np.ndarray
    expected: np.ndarray


def expected_onsets(scores: np.ndarray) -> np.ndarray:
    """Onset scores (N, T) in [0, 1], summed over the collar on both sides: (N, T) float64."""
    return functools.reduce(np.add, _shifted(scores, COLLAR_FRAMES))  # in one order everywhere: a cut changes no bit


def find_onsets(scores: np.ndarray) -> Onsets:
    """The windows that hold most within ``APART_FRAMES`` on both sides, the earliest of equals, and the frame in each
    before and after which half of its onsets are expected. scores: (N, T) onset scores in [0, 1]."""
    num_rows, num_frames = scores.shape
    if not num_frames:
        return Onsets(np.empty(0, int), np.empty(0, int), np.empty(0))
    expected = expected_onsets(scores)
    near = _shifted(expected, APART_FRAMES)
    before, after = near[:APART_FRAMES], near[APART_FRAMES + 1 :]
    row, centre = np.nonzero((expected > np.max(before, axis=0)) & (expected >= np.max(after, axis=0)))
    window = np.stack(_shifted(scores, COLLAR_FRAMES), axis=-1)[row, centre]  # (P, 2 · collar + 1)
    grown = np.cumsum(window, axis=-1)
    middle = (grown < grown[:, -1:] / 2).sum(axis=-1)
    frame = np.clip(centre - COLLAR_FRAMES + middle, 0, num_frames - 1)
    return Onsets(row, frame, expected[row, centre])


def onset_runs(
    tracks: np.ndarray, threshold: float, max_gap_frames: int | None, median_frames: int
) -> tuple[Runs, np.ndarray]:
    """The events whose onset is expected more than ``threshold`` times, and how often each is, (R,).

    tracks: (N, T, 2) scores of the event and of its onset. An event ends where the event's own scores, after the median
    filter and with gaps closed, are no longer above a half. Where the next one begins before that, it ends there, or
    with the last of the scores above a half: the pause before the next onset is not its own.
    """
    found = find_onsets(tracks[..., 1])
    kept = np.minimum(found.expected, 1) > threshold
    row, start, expected = (each[kept] for each in found)
    num_rows, num_frames = tracks.shape[:2]
    heard = find_runs(median_filter(tracks[..., 0] > ACTIVE, median_frames))
    active = bridge(heard, max_gap_frames)
    width = num_frames + COLLAR_FRAMES + 1  # of a row on a line of all rows
    place = np.searchsorted(active.row * width + active.end, row * width + start, side="right")
    last = np.append(active.end, 0)[place]
    holds = (np.append(active.row, -1)[place] == row) & (np.append(active.start, 0)[place] <= start + COLLAR_FRAMES)
    end = np.minimum(np.maximum(np.where(holds, last, 0), start + SHORTEST_FRAMES), num_frames)
    follows = np.append(row[1:] == row[:-1], False) if len(row) else np.empty(0, bool)
    cut = np.where(follows, np.minimum(end, np.append(start[1:], 0)), end)
    place = np.searchsorted(heard.row * width + heard.start, row * width + cut) - 1  # the last run that begins before
    last = np.minimum(np.append(heard.end, 0)[place], cut)
    inside = (place >= 0) & (np.append(heard.row, -1)[place] == row) & (last > start)
    last = np.maximum(np.where(inside, last, 0), np.minimum(start + SHORTEST_FRAMES, cut))
    end = np.where(cut < end, last, end)
    return Runs(row, start, end), expected


def likeliest(runs: Runs, expected: np.ndarray, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The run of each row that is expected most, the first of equals: (start, end), (num_rows,) each, -1 for none."""
    start, end = (np.full(num_rows, -1, dtype=np.int64) for _ in range(2))
    order = np.lexsort((runs.start, -expected, runs.row))
    row, first = np.unique(runs.row[order], return_index=True)
    start[row], end[row] = runs.start[order][first], runs.end[order][first]
    return start, end


def detect_by_rule(
    tracks: np.ndarray,
    t_base: float,
    beta: float,
    *,
    max_gap_s: float | None,
    low_ratio: float,
    median_frames: int = MEDIAN_FRAMES,
) -> tuple[np.ndarray, np.ndarray]:
    """One event at most for each clip, by the rule for what the network scores: detect_batch() of (N, T) scores of the
    event; of (N, T, 2), with those of its onset, the likeliest event, its onset expected more than ``t_base`` times.

    Returns onsets and offsets in seconds, (N,) each, NaN where nothing was found.
    """
    if tracks.ndim == 2:
        return detect_batch(tracks, t_base, beta, max_gap_s=max_gap_s, low_ratio=low_ratio, median_frames=median_frames)
    start, end = likeliest(*onset_runs(tracks, t_base, gap_frames(max_gap_s), median_frames), len(tracks))
    return np.where(start >= 0, frame_time(start), np.nan), np.where(start >= 0, frame_time(end), np.nan)


def event_by_rule(tracks: np.ndarray, t_base: float, beta: float, **settings) -> tuple[float, float] | None:
    """detect_by_rule() of one clip, (T,) or (T, 2): onset and offset in seconds, None where nothing was found."""
    if tracks.ndim == 1:
        return detect_event(tracks, t_base, beta, **settings)
    onset_s, offset_s = detect_by_rule(tracks[None], t_base, beta, **settings)
    return None if np.isnan(onset_s[0]) else (float(onset_s[0]), float(offset_s[0]))


def _shifted(values: np.ndarray, most: int) -> list[np.ndarray]:
    """(N, T) values from ``most`` frames before each frame to ``most`` after it, in float64, 0 outside."""
    padded = np.pad(np.asarray(values, np.float64), ((0, 0), (most, most)))
    return [padded[:, shift : shift + values.shape[1]] for shift in range(2 * most + 1)]
