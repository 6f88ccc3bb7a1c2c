"""T_base, beta and the bridged gap, chosen on validation scores (paper 2.4: tuned on the validation part only).

The event-based F of sed_eval is maximised over a grid; equal F goes to the lower error rate. Validation sets are small
(30 to 100 clips), so many settings tie: of these the one deepest inside its plateau of thresholds is taken (it may be
off by most on new data without leaving the plateau), then the one whose neighbours do best, then the one nearest to
the prior: a gap of one second, T_base 0.5, beta 0.
"""

from dataclasses import asdict, dataclass

import numpy as np

from pysed.detect.postprocess import (
    HOP_S,
    MEDIAN_FRAMES,
    bridge,
    find_runs,
    frame_time,
    gap_frames,
    longest,
    mean_scores,
    median_filter,
)

T_BASES = (
    0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99,
)  # fmt: skip
BETAS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
MAX_GAPS_S = (0.2, 0.5, 1.0, 2.0, None)
PRIOR = (0.5, 0.0, 1.0)
COLLAR_S = 0.5
_ROWS_AT_ONCE = 20000


@dataclass(frozen=True)
class Tuning:
    """The chosen setting and what it reaches on the scores it was chosen on (rates as fractions, None: undefined)."""

    t_base: float
    beta: float
    max_gap_s: float | None
    f_measure: float | None
    error_rate: float | None
    true_positives: int
    insertions: int
    deletions: int

    def as_dict(self) -> dict:
        """For JSON, YAML, metrics."""
        return asdict(self)


def count_onsets(reference_onset_s: np.ndarray, detected_onset_s: np.ndarray, collar_s: float = COLLAR_S) -> np.ndarray:
    """Hits, insertions, deletions as sed_eval counts them where a file has at most one event of one class.

    reference_onset_s: (N,), detected_onset_s: (..., N), NaN for no event -> (..., 3) integers.
    """
    reference = np.asarray(reference_onset_s, dtype=np.float64)
    detected = np.asarray(detected_onset_s, dtype=np.float64)
    hits = (np.abs(reference - detected) <= collar_s).sum(axis=-1)  # NaN compares as False
    num_detected = (~np.isnan(detected)).sum(axis=-1)
    num_reference = (~np.isnan(reference)).sum()
    return np.stack([hits, num_detected - hits, num_reference - hits], axis=-1)


def rates(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F and error rate of (..., 3) counts of hits, insertions, deletions; NaN where there is no reference.

    F is 2·hits / (2·hits + insertions + deletions), 0 without hits where sed_eval has no precision to report.
    """
    hits, insertions, deletions = (counts[..., i].astype(np.float64) for i in range(3))
    undefined = hits + deletions == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        f_measure = 2 * hits / (2 * hits + insertions + deletions)
        error_rate = (insertions + deletions) / (hits + deletions)
    return np.where(undefined, np.nan, f_measure), np.where(undefined, np.nan, error_rate)


def reference_onsets(events_per_clip: list) -> np.ndarray:
    """(N,) onsets in seconds, NaN for clips without an event, from a list of each clip's [(onset, offset), …].

    Raises ValueError for a clip with more than one event: the counter is for one at most.
    """
    onsets = np.full(len(events_per_clip), np.nan)
    for index, events in enumerate(events_per_clip):
        if len(events) > 1:
            raise ValueError(f"clip {index} has {len(events)} events; tuning expects one at most")
        if events:
            onsets[index] = events[0][0]
    return onsets


def sweep(
    scores: np.ndarray,
    reference_onset_s: np.ndarray,
    t_bases: tuple[float, ...] = T_BASES,
    betas: tuple[float, ...] = BETAS,
    max_gaps_s: tuple[float | None, ...] = MAX_GAPS_S,
    *,
    median_frames: int = MEDIAN_FRAMES,
    hop_s: float = HOP_S,
    num_frames: np.ndarray | None = None,
    collar_s: float = COLLAR_S,
) -> np.ndarray:
    """Counts (hits, insertions, deletions) of every setting: (t_bases, betas, gaps, 3).

    scores: (N, T) in [0, 1] as for detect_batch; reference_onset_s: (N,), NaN for clips without an event.
    """
    scores = np.asarray(scores)
    num_clips, num_steps = scores.shape
    mean = mean_scores(scores, num_frames)
    inside = None if num_frames is None else np.arange(num_steps) < np.asarray(num_frames)[:, None]
    pairs = [(t_base, beta) for t_base in t_bases for beta in betas]
    counts = np.empty((len(pairs), len(max_gaps_s), 3), dtype=np.int64)
    at_once = max(1, _ROWS_AT_ONCE // max(1, num_clips))
    for begin in range(0, len(pairs), at_once):
        some = pairs[begin : begin + at_once]
        threshold = np.array([t_base + beta * mean for t_base, beta in some])  # (settings, N)
        active = scores[None] > threshold[:, :, None]
        if inside is not None:
            active &= inside
        runs = find_runs(median_filter(active.reshape(-1, num_steps), median_frames))
        for index, gap in enumerate(max_gaps_s):
            start, _ = longest(bridge(runs, gap_frames(gap, hop_s)), len(some) * num_clips)
            onset = np.where(start >= 0, frame_time(start, hop_s), np.nan).reshape(len(some), num_clips)
            counts[begin : begin + len(some), index] = count_onsets(reference_onset_s, onset, collar_s)
    return counts.reshape(len(t_bases), len(betas), len(max_gaps_s), 3)


def plateau_depth(best: np.ndarray) -> np.ndarray:
    """How many steps of the first axis each True cell is away from the nearest False one or the end; 0 for False."""
    depth = np.zeros(best.shape, dtype=np.int64)
    for direction in (slice(None), slice(None, None, -1)):
        count = np.zeros(best.shape[1:], dtype=np.int64)
        run = np.empty_like(depth)
        for index, row in enumerate(best[direction]):
            count = np.where(row, count + 1, 0)
            run[index] = count
        run = run[direction]
        depth = run if direction == slice(None) else np.minimum(depth, run)
    return depth


def neighbourhood_mean(values: np.ndarray) -> np.ndarray:
    """Mean over each cell and its neighbours one step away along the first two axes (those that exist)."""
    padded = np.pad(values, ((1, 1), (1, 1), *[(0, 0)] * (values.ndim - 2)), constant_values=np.nan)
    shifted = [
        padded[i : i + values.shape[0], j : j + values.shape[1]] for i in range(3) for j in range(3)
    ]  # fmt: skip
    return np.nanmean(np.stack(shifted), axis=0)


def tune(
    scores: np.ndarray,
    reference_onset_s: np.ndarray,
    t_bases: tuple[float, ...] = T_BASES,
    betas: tuple[float, ...] = BETAS,
    max_gaps_s: tuple[float | None, ...] = MAX_GAPS_S,
    **settings,
) -> Tuning:
    """The setting with the best event-based F on these (validation) scores; ties as the module says.

    scores: (N, T) in [0, 1]; reference_onset_s: (N,), NaN for clips without an event; ``settings`` as for sweep().
    Where no setting has a hit nothing can be tuned: the prior is returned (its rates None without any reference event).
    Deterministic.
    """
    reference_onset_s = np.asarray(reference_onset_s, dtype=np.float64)
    if np.asarray(scores).shape[:1] != reference_onset_s.shape:
        raise ValueError(f"scores of {len(scores)} clips, references of {len(reference_onset_s)}; expected as many")
    if not len(reference_onset_s) or np.isnan(reference_onset_s).all():
        return Tuning(*PRIOR, None, None, 0, 0, 0)
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN; expected numbers in [0, 1]")
    counts = sweep(scores, reference_onset_s, t_bases, betas, max_gaps_s, **settings)
    f_measure, error_rate = rates(counts)
    if not f_measure.max() > 0:
        # Not one hit anywhere says nothing about thresholds: the prior, with what it does.
        counts = sweep(scores, reference_onset_s, *((value,) for value in PRIOR), **settings)[0, 0, 0]
        prior_f, prior_error_rate = (float(rate) for rate in rates(counts))
        return Tuning(*PRIOR, prior_f, prior_error_rate, *(int(count) for count in counts))
    best = f_measure == f_measure.max()
    best &= error_rate == error_rate[best].min()
    depth, around = plateau_depth(best), np.round(neighbourhood_mean(f_measure), 9)

    def merit(cell: tuple[int, ...]) -> tuple:
        t_base, beta, gap = t_bases[cell[0]], betas[cell[1]], max_gaps_s[cell[2]]
        gap_distance = np.inf if gap is None else abs(gap - PRIOR[2])
        return (-depth[cell], -around[cell], gap_distance, abs(t_base - PRIOR[0]), abs(beta - PRIOR[1]), cell)

    cell = min((tuple(int(i) for i in cell) for cell in np.argwhere(best)), key=merit)
    hits, insertions, deletions = (int(count) for count in counts[cell])
    return Tuning(
        t_bases[cell[0]], betas[cell[1]], max_gaps_s[cell[2]],
        float(f_measure[cell]), float(error_rate[cell]), hits, insertions, deletions,
    )  # fmt: skip
