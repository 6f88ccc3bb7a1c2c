"""Intervals and paired tests over files, by the bootstrap, from per-file counts.

A test set is drawn anew from itself, file by file with replacement, many times; every draw is scored. One draw of
files serves all seeds and all systems of an event class: a hard file is then hard for all of them, so differences
between systems are judged pair by pair, and a system's figure is in each draw the mean over its seeds.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 (percentile interval) and 16 (tests).
"""

from typing import NamedTuple

import numpy as np

from pysed.decision import tuning

NUM_DRAWS = 10000
LEVEL = 0.95
_FILES_AT_ONCE = 4_000_000


def draw_weights(num_files: int, num_draws: int = NUM_DRAWS, seed: int = 0) -> np.ndarray:
    """How often each file is in each draw: (num_draws, num_files) float32, every row summing to num_files."""
    random = np.random.default_rng(seed)
    weights = np.empty((num_draws, num_files), dtype=np.float32)
    at_once = max(1, _FILES_AT_ONCE // num_files)
    for first in range(0, num_draws, at_once):
        part = weights[first : first + at_once]
        cells = random.integers(num_files, size=part.shape) + num_files * np.arange(len(part))[:, None]
        part[:] = np.bincount(cells.ravel(), minlength=part.size).reshape(part.shape)
    return weights


def draw_rates(counts: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Every rate in every draw, the mean over seeds; NaN where a draw leaves one undefined.

    counts: (S, N, 3) of S seeds, N files: hits, insertions, deletions; weights: (D, N) -> rates (D,).
    """
    num_seeds, num_files, _ = counts.shape
    flat = counts.transpose(1, 0, 2).reshape(num_files, num_seeds * 3).astype(np.float32)  # (S, N, 3) -> (N, S*3)
    totals = (weights @ flat).astype(np.float64).reshape(len(weights), num_seeds, 3)
    return {name: rate.mean(axis=1) for name, rate in rates(totals).items()}


def rates(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The task's rates of (..., 3) hits, insertions, deletions: (...) each, NaN where undefined (F: see tuning)."""
    f_measure, error_rate = tuning.rates(counts)
    hits, insertions, deletions = (counts[..., index] for index in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hits / (hits + insertions), hits / (hits + deletions)
    return {"error_rate": error_rate, "f_measure": f_measure, "precision": precision, "recall": recall}


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float] | None:
    """Percentile interval of a figure's draws (D,), those that are NaN left out; None where hardly any is left."""
    known = values[~np.isnan(values)]
    if len(known) < len(values) / 2:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


class Difference(NamedTuple):
    """A system's figure minus another's: interval and two-sided p of no difference."""

    interval: tuple[float, float]
    p: float


def compare(values: np.ndarray, others: np.ndarray, level: float = LEVEL) -> Difference | None:
    """Paired comparison of two systems' draws (D,), made with the same weights.

    p is twice the smaller share of draws in which the difference is at most, or at least, zero (one draw added to
    each, so that p is never 0): below 1 - level just where the interval leaves zero out, but for that draw.
    """
    difference = values - others
    bounds = interval(difference, level)
    if bounds is None:
        return None
    tail = min((difference <= 0).sum(), (difference >= 0).sum())  # NaN compares as False
    return Difference(bounds, min(1.0, 2 * (int(tail) + 1) / (int((~np.isnan(difference)).sum()) + 1)))
