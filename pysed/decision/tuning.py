"""T_base, beta, the bridged gap and the hysteresis, chosen on validation scores only (paper 2.4).

The event-based F of sed_eval is computed over a grid. Validation sets are small (30 to 200 clips of few recordings),
and the setting that happens to do best on one is often extreme. So the one-standard-error rule (Breiman et al. 1984)
applies twice: of all settings whose F is within one standard error of the best, those whose error rate is within one of
the least among them, and of these the one nearest to the prior: T_base 0.5, which is where a probability says yes, beta
0, a gap of one second, events extended down to 0.8 times the threshold. F alone would take settings that pay for every
hit with a false alarm, the error rate alone those that stay silent (docs/models.md has the figures).

Of a network that scores onsets (pysed.decision.onsets) one threshold is chosen alone, by the same rule. It is compared
with the probability of a hit: the error rate is least where half of the events at the threshold are hits, and F is
greatest at half its own value (Lipton and others 2014), 0.35 for an F of 70 %. The prior lies between.
"""

from dataclasses import asdict, dataclass

import numpy as np

from pysed.decision.onsets import find_onsets, likeliest
from pysed.decision.postprocess import (
    HOP_S,
    MEDIAN_FRAMES,
    Runs,
    bridge,
    confirmed,
    decisions,
    find_runs,
    frame_time,
    gap_frames,
    longest,
    mean_scores,
)
from pysed.events import COLLAR_S

T_BASES = (
    0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99,
)  # fmt: skip
BETAS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
MAX_GAPS_S = (0.2, 0.5, 1.0, 2.0, None)
LOW_RATIOS = (1.0, 0.8)
PRIOR = (0.5, 0.0, 1.0, 0.8)
ONSET_PRIOR = 0.4
ONSET_GAP_S = 1.0  # pauses that an event may have, where its onset is what it is found by
#: What is tuned: all of it; or T_base and beta alone, as the paper prints it: every gap closed, no hysteresis.
GRIDS: dict[str, dict[str, tuple]] = {"all": {}, "threshold": {"max_gaps_s": (None,), "low_ratios": (1.0,)}}
_ROWS_AT_ONCE = 20000


@dataclass(frozen=True)
class Tuning:
    """The chosen setting and what it reaches on the scores it was chosen on (rates as fractions, None: undefined)."""

    t_base: float
    beta: float
    max_gap_s: float | None
    low_ratio: float
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


def sweep(
    scores: np.ndarray,
    reference_onset_s: np.ndarray,
    t_bases: tuple[float, ...] = T_BASES,
    betas: tuple[float, ...] = BETAS,
    max_gaps_s: tuple[float | None, ...] = MAX_GAPS_S,
    low_ratios: tuple[float, ...] = LOW_RATIOS,
    *,
    median_frames: int = MEDIAN_FRAMES,
    hop_s: float = HOP_S,
    num_frames: np.ndarray | None = None,
    collar_s: float = COLLAR_S,
) -> np.ndarray:
    """Counts (hits, insertions, deletions) of every setting: (t_bases, betas, gaps, low ratios, 3).

    scores: (N, T) in [0, 1] as for detect_batch; reference_onset_s: (N,), NaN for clips without an event.
    """
    scores = np.asarray(scores)
    num_clips, num_steps = scores.shape
    mean = mean_scores(scores, num_frames)
    inside = None if num_frames is None else np.arange(num_steps) < np.asarray(num_frames)[:, None]
    pairs = [(t_base, beta) for t_base in t_bases for beta in betas]
    counts = np.empty((len(pairs), len(max_gaps_s), len(low_ratios), 3), dtype=np.int64)
    gaps = [gap_frames(gap, hop_s) for gap in max_gaps_s]
    at_once = max(1, _ROWS_AT_ONCE // max(1, num_clips))
    for begin in range(0, len(pairs), at_once):
        some = pairs[begin : begin + at_once]
        threshold = np.concatenate([t_base + beta * mean for t_base, beta in some])[:, None]  # (settings · N, 1)
        rows = np.tile(np.arange(num_clips), len(some))
        counted = None if inside is None else inside[rows]
        active = decisions(scores[rows], threshold, median_frames, counted)
        strong = np.flatnonzero(active)
        for low, low_ratio in enumerate(low_ratios):
            wide = active if low_ratio == 1 else decisions(scores[rows], low_ratio * threshold, median_frames, counted)
            runs = find_runs(wide)
            for index, gap in enumerate(gaps):
                start, _ = longest(confirmed(bridge(runs, gap), strong, num_steps), len(rows))
                onset = np.where(start >= 0, frame_time(start, hop_s), np.nan).reshape(len(some), num_clips)
                counts[begin : begin + len(some), index, low] = count_onsets(reference_onset_s, onset, collar_s)
    return counts.reshape(len(t_bases), len(betas), len(max_gaps_s), len(low_ratios), 3)


def sweep_onsets(onset_scores: np.ndarray, reference_onset_s: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
    """Counts (hits, insertions, deletions) of every threshold on how often an onset is expected, (thresholds, 3).

    onset_scores: (N, T) in [0, 1]; reference_onset_s: (N,), NaN for clips without an event.
    """
    found = find_onsets(onset_scores)
    start, _ = likeliest(Runs(found.row, found.frame, found.frame), found.expected, len(onset_scores))
    expected = np.zeros(len(onset_scores))
    np.maximum.at(expected, found.row, found.expected)
    onset = np.where(expected > np.asarray(thresholds)[:, None], frame_time(start), np.nan)
    return count_onsets(reference_onset_s, onset)


def distance_to_prior(
    t_bases: tuple[float, ...],
    betas: tuple[float, ...],
    max_gaps_s: tuple[float | None, ...],
    low_ratios: tuple[float, ...],
    prior: float = PRIOR[0],
) -> np.ndarray:
    """How far each setting is from the prior, (t_bases, betas, gaps, low ratios): log odds of T_base, plus beta, plus
    doublings of the gap (None counts as the longest in use, times two) and of the ratio."""
    t = np.asarray(t_bases, dtype=np.float64)
    longest_s = 2 * max([gap for gap in max_gaps_s if gap is not None], default=PRIOR[2])
    gaps = np.array([longest_s if gap is None else max(gap, HOP_S / 2) for gap in max_gaps_s])
    odds = np.log(t / (1 - t)) - np.log(prior / (1 - prior))
    ratios = np.abs(np.log2(np.asarray(low_ratios) / PRIOR[3]))
    parts = np.abs(odds), np.abs(np.asarray(betas) - PRIOR[1]), np.abs(np.log2(gaps / PRIOR[2])), ratios
    odds, beta, gap, ratio = np.ix_(*parts)
    return odds + beta + gap + ratio


def average_f(scores: np.ndarray, reference_onset_s: np.ndarray, **settings) -> float | None:
    """Event-based F, the mean over thresholds from 0.1 to 0.9, without tuning or hysteresis.

    scores: (N, T), or (N, T, 2) with those of onsets; reference_onset_s: (N,), ``settings`` as for sweep().

    Where the best F of a small set jumps from epoch to epoch with the threshold that suits it, this does not.
    None without a reference event.
    """
    if not len(reference_onset_s) or np.isnan(reference_onset_s).all():
        return None
    thresholds = tuple(t for t in T_BASES if 0.1 <= t <= 0.9)
    if scores.ndim == 3:
        counts = sweep_onsets(scores[..., 1], reference_onset_s, thresholds)
    else:
        counts = sweep(scores, reference_onset_s, thresholds, (PRIOR[1],), (PRIOR[2],), (1.0,), **settings)
    f_measure, _ = rates(counts)
    return float(f_measure.mean())


def tune(
    scores: np.ndarray,
    reference_onset_s: np.ndarray,
    t_bases: tuple[float, ...] = T_BASES,
    betas: tuple[float, ...] = BETAS,
    max_gaps_s: tuple[float | None, ...] = MAX_GAPS_S,
    low_ratios: tuple[float, ...] = LOW_RATIOS,
    **settings,
) -> Tuning:
    """The setting for these (validation) scores, as the module says.

    scores: (N, T) in [0, 1], or (N, T, 2) with those of onsets, for which T_base alone is chosen; reference_onset_s:
    (N,), NaN for clips without an event; ``settings`` as for sweep().
    Where no setting has a hit nothing can be tuned: the prior is returned (its rates None without any reference event).
    Deterministic.
    """
    reference_onset_s = np.asarray(reference_onset_s, dtype=np.float64)
    if np.asarray(scores).shape[:1] != reference_onset_s.shape:
        raise ValueError(f"scores of {len(scores)} clips, references of {len(reference_onset_s)}; expected as many")
    prior_t = PRIOR[0]
    if np.ndim(scores) == 3:
        prior_t, betas, max_gaps_s, low_ratios = ONSET_PRIOR, (0.0,), (ONSET_GAP_S,), (1.0,)
    prior = prior_t, PRIOR[1], _among(PRIOR[2], max_gaps_s), _among(PRIOR[3], low_ratios)
    if not len(reference_onset_s) or np.isnan(reference_onset_s).all():
        return Tuning(*prior, None, None, 0, 0, 0)
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN; expected numbers in [0, 1]")

    def counted(t_bases: tuple[float, ...], *others: tuple) -> np.ndarray:
        if np.ndim(scores) == 3:
            return sweep_onsets(scores[..., 1], reference_onset_s, t_bases)[:, None, None, None]
        return sweep(scores, reference_onset_s, t_bases, *others, **settings)

    counts = counted(t_bases, betas, max_gaps_s, low_ratios)
    f_measure, error_rate = rates(counts)
    if not f_measure.max() > 0:
        # Not one hit anywhere says nothing about thresholds: the prior, with what it does.
        counts = counted(*((value,) for value in prior))[0, 0, 0, 0]
        prior_f, prior_error_rate = (float(rate) for rate in rates(counts))
        return Tuning(*prior, prior_f, prior_error_rate, *(int(count) for count in counts))
    best = f_measure.max()
    num_events = (~np.isnan(reference_onset_s)).sum()
    margin = np.sqrt(best * (1 - best) / num_events)  # of a proportion among the events
    near = f_measure >= best - margin - 1e-9
    least = error_rate[near].min()
    near &= error_rate <= least + np.sqrt(max(least, 1 / num_events) / num_events) + 1e-9  # of a count among the events
    order = np.round(np.where(near, distance_to_prior(t_bases, betas, max_gaps_s, low_ratios, prior_t), np.inf), 9)
    order = np.where(order == order.min(), -f_measure, np.inf)  # equally near: the better one
    cell = np.unravel_index(order.argmin(), order.shape)
    hits, insertions, deletions = (int(count) for count in counts[cell])
    return Tuning(
        t_bases[cell[0]], betas[cell[1]], max_gaps_s[cell[2]], low_ratios[cell[3]],
        float(f_measure[cell]), float(error_rate[cell]), hits, insertions, deletions,
    )  # fmt: skip


def _among(value: float, values: tuple) -> float:
    """The value, or the first of those that there are if it is none of them."""
    return value if value in values else values[0]
