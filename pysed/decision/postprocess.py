"""Frame scores of a clip to at most one event (paper 2.4, equation 8).

The steps: dynamic threshold, median filter, discontinuous pieces made one, the longest run kept. Beyond the paper,
hysteresis (``low_ratio`` below 1): what is above the threshold decides whether there is an event, and it extends as
far as the scores stay above ``low_ratio`` times the threshold. A strict threshold then costs no late onsets.
Runs are handled as lists of (row, start, end), so thousands of settings times clips take no loop over clips.
Where the paper is silent:

- A frame is active when its score is *above* the threshold, as in the challenge's baseline.
- The median filter of 300 ms is 3 frames of 100 ms; frames outside the clip count as inactive (as
  ``scipy.signal.medfilt``), so that a lone active frame is an outlier at the edges too.
- "Make the discontinuous sequence one" and "select the longest" only both mean something if not every gap is
  closed: gaps of at most ``max_gap_s`` are. None closes them all: first active frame to last.
- Of runs of equal length the earliest is kept.
"""

from typing import NamedTuple

import numpy as np

from pysed.features.grid import HOP_S

MEDIAN_FRAMES = 3


class Runs(NamedTuple):
    """Active stretches, ordered by row and then time: frames [start, end) of each; all (R,)."""

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray


def dynamic_threshold(
    scores: np.ndarray, t_base: float, beta: float, num_frames: np.ndarray | None = None
) -> np.ndarray:
    """T_i = T_base + beta * mean of the clip's scores (equation 8).

    scores: (N, T) -> (N,); ``num_frames`` (N,): the clips' own lengths where they are padded to T.
    """
    return t_base + beta * mean_scores(scores, num_frames)


def mean_scores(scores: np.ndarray, num_frames: np.ndarray | None = None) -> np.ndarray:
    """Mean of each clip's scores, in float64. scores: (N, T) -> (N,)."""
    scores = np.asarray(scores, dtype=np.float64)
    if num_frames is None:
        return scores.mean(axis=1) if scores.shape[1] else np.zeros(len(scores))
    inside = np.arange(scores.shape[1]) < np.asarray(num_frames)[:, None]
    return np.where(inside, scores, 0).sum(axis=1) / np.maximum(num_frames, 1)


def median_filter(active: np.ndarray, length: int = MEDIAN_FRAMES) -> np.ndarray:
    """Running median of decisions. active: (N, T) bool -> (N, T) bool; outside the clip counts as inactive.

    Raises ValueError unless ``length`` is odd and positive.
    """
    if length < 1 or length % 2 == 0:
        raise ValueError(f"median filter length {length}; expected an odd number of frames")
    half = length // 2
    padded = np.pad(active, ((0, 0), (half, half)))
    votes = np.zeros(active.shape, dtype=np.int16)
    for shift in range(length):
        votes += padded[:, shift : shift + active.shape[1]]
    return votes > half


def find_runs(active: np.ndarray) -> Runs:
    """Stretches of active frames. active: (N, T) bool."""
    edges = np.diff(np.pad(active, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    # Row-major order pairs the k-th rise with the k-th fall of the same row.
    row, start = np.nonzero(edges == 1)
    return Runs(row, start, np.nonzero(edges == -1)[1])


def active_runs(
    scores: np.ndarray,
    threshold: np.ndarray,
    low_ratio: float,
    max_gap_frames: int | None,
    median_frames: int = MEDIAN_FRAMES,
    inside: np.ndarray | None = None,
) -> Runs:
    """Runs of scores above ``low_ratio`` times the threshold, gaps closed, that hold a frame above the threshold; both
    decisions after the median filter.

    scores: (N, T); threshold: broadcast against them; ``inside`` (N, T) bool: the frames that count, None for all.
    """
    runs = bridge(find_runs(decisions(scores, low_ratio * threshold, median_frames, inside)), max_gap_frames)
    strong = np.flatnonzero(decisions(scores, threshold, median_frames, inside))
    return confirmed(runs, strong, scores.shape[1])


def decisions(
    scores: np.ndarray, threshold: np.ndarray, median_frames: int, inside: np.ndarray | None = None
) -> np.ndarray:
    """Frames above the threshold, median-filtered: (N, T) bool; arguments as active_runs()'s."""
    active = scores > threshold
    return median_filter(active if inside is None else active & inside, median_frames)


def confirmed(runs: Runs, strong: np.ndarray, num_steps: int) -> Runs:
    """The runs that hold a strong frame; ``strong``: np.flatnonzero of the (N, num_steps) decisions."""
    first, last = (np.searchsorted(strong, runs.row * num_steps + edge) for edge in (runs.start, runs.end))
    kept = last > first
    return Runs(runs.row[kept], runs.start[kept], runs.end[kept])


def bridge(runs: Runs, max_gap_frames: int | None) -> Runs:
    """Join neighbouring runs of a row whose gap is at most ``max_gap_frames`` (None: any gap)."""
    if not len(runs.row):
        return runs
    joins = runs.row[1:] == runs.row[:-1]
    if max_gap_frames is not None:
        joins &= runs.start[1:] - runs.end[:-1] <= max_gap_frames
    first = np.concatenate(([True], ~joins))
    last = np.concatenate((~joins, [True]))
    return Runs(runs.row[first], runs.start[first], runs.end[last])


def longest(runs: Runs, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The longest run of each row, the earliest of equals: (start, end) frames, (num_rows,) each, -1 where none."""
    start = np.full(num_rows, -1, dtype=np.int64)
    end = np.full(num_rows, -1, dtype=np.int64)
    order = np.lexsort((runs.start, runs.start - runs.end, runs.row))  # within a row: long first, then early
    row, first = np.unique(runs.row[order], return_index=True)
    start[row] = runs.start[order][first]
    end[row] = runs.end[order][first]
    return start, end


def gap_frames(max_gap_s: float | None, hop_s: float = HOP_S) -> int | None:
    """Whole frames that fit a gap of ``max_gap_s`` seconds; None stays None."""
    return None if max_gap_s is None else int(np.floor(max_gap_s / hop_s + 1e-6))


def frame_time(frame: int | np.ndarray, hop_s: float = HOP_S):
    """Start of a frame in seconds, rounded to the microsecond as in event lists (3 -> 0.3, not 0.30000000000000004)."""
    return np.round(np.asarray(frame) * hop_s, 6)


def detect_batch(
    scores: np.ndarray,
    t_base: float = 0.5,
    beta: float = 0.0,
    *,
    max_gap_s: float | None = None,
    low_ratio: float = 1.0,
    median_frames: int = MEDIAN_FRAMES,
    hop_s: float = HOP_S,
    num_frames: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One event at most for each clip.

    scores: (N, T) in [0, 1]; frame t covers [t·hop_s, (t+1)·hop_s) seconds. ``num_frames`` (N,): the clips' own
    lengths where they are padded to T. Returns onsets and offsets in seconds, (N,) each, NaN where nothing was found.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2:
        raise ValueError(f"scores of shape {scores.shape}; expected (clips, frames)")
    threshold = dynamic_threshold(scores, t_base, beta, num_frames)[:, None]
    inside = None if num_frames is None else np.arange(scores.shape[1]) < np.asarray(num_frames)[:, None]
    runs = active_runs(scores, threshold, low_ratio, gap_frames(max_gap_s, hop_s), median_frames, inside)
    start, end = longest(runs, len(scores))
    found = start >= 0
    return np.where(found, frame_time(start, hop_s), np.nan), np.where(found, frame_time(end, hop_s), np.nan)


def detect_event(
    scores: np.ndarray,
    t_base: float = 0.5,
    beta: float = 0.0,
    *,
    max_gap_s: float | None = None,
    low_ratio: float = 1.0,
    median_frames: int = MEDIAN_FRAMES,
    hop_s: float = HOP_S,
) -> tuple[float, float] | None:
    """One clip: scores (T,) or (T, 1) in [0, 1] -> (onset_s, offset_s), or None where nothing was found."""
    row = np.asarray(scores).reshape(1, -1)
    onset, offset = detect_batch(
        row, t_base, beta, max_gap_s=max_gap_s, low_ratio=low_ratio, median_frames=median_frames, hop_s=hop_s
    )
    return None if np.isnan(onset[0]) else (float(onset[0]), float(offset[0]))
