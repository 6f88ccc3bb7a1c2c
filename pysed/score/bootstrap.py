"""Intervals and paired tests over recordings and trainings, by the bootstrap, from per-file counts.

The files of a test set are mixtures: few recordings of events and of backgrounds, each in many files. Files that share
a recording err together, so it is recordings that are drawn anew, with replacement, not files. A mixture has two of
them, and both are drawn: in a draw it counts as often as its event's recording times its background's (Owen, The
pigeonhole bootstrap, 2007). That counts the noise of a single mixture more than once. Therefore the draws' deviations
are shrunk to the two-way clustered variance, events' + backgrounds' - files' (Cameron, Gelbach and Miller, Robust
inference with multiway clustering, 2011), each taken from draws of its own. Of n recordings n - 1 are drawn, their
weights scaled by n / (n - 1), which makes the variance unbiased for small n (Rao and Wu, 1988), and deviations are
widened as Student's t is wider than the normal distribution at the level asked for, with Satterthwaite's degrees of
freedom.

Several trainings of a system (seeds) are drawn in the same way, for each system by itself. One draw of recordings
serves all systems of an event class: a hard recording is then hard for all, and differences are judged pair by pair.
"""

import zlib
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from pysed.decision import tuning

NUM_DRAWS = 10000
LEVEL = 0.95
FEWEST_RECORDINGS = 5  # below, a difference between systems gets no p
_CELLS_AT_ONCE = 4_000_000


class Weights(NamedTuple):
    """How much each file counts in each draw, (D, N) float32: of both kinds of recordings, of each kind, of files;
    and how many recordings of events and backgrounds there are."""

    both: np.ndarray
    events: np.ndarray
    backgrounds: np.ndarray
    files: np.ndarray
    num_recordings: tuple[int, int]


class Draws(NamedTuple):
    """A figure and its draws (D,) of each kind; ``trainings`` are deviations, zero where there is one training.

    ``sizes``: how many recordings of events, of backgrounds and trainings are drawn from.
    """

    centre: float
    both: np.ndarray
    events: np.ndarray
    backgrounds: np.ndarray
    files: np.ndarray
    trainings: np.ndarray
    sizes: tuple[int, int, int]

    def __sub__(self, other: "Draws") -> "Draws":
        """The draws of a difference, both made with the same weights."""
        return Draws(
            self.centre - other.centre,
            self.both - other.both,
            self.events - other.events,
            self.backgrounds - other.backgrounds,
            self.files - other.files,
            self.trainings - other.trainings,
            (*self.sizes[:2], min(self.sizes[2], other.sizes[2])),
        )

    def settled(self, level: float) -> np.ndarray:
        """(D,) draws with the spread of recordings, clustered two ways, and of trainings; widened for ``level``."""
        parts = (self.events, self.backgrounds, self.files, self.both, self.trainings)
        events, backgrounds, files, both, trainings = (_variance(part) for part in parts)
        wanted = max(events + backgrounds - files, events, backgrounds)
        shrink = min(1.0, (wanted / both) ** 0.5) if both > 0 else 1.0
        spread = sum(
            variance**2 / (size - 1)
            for variance, size in zip((events, backgrounds, trainings), self.sizes, strict=True)
            if size > 1
        )
        degrees = max(1.0, (events + backgrounds + trainings) ** 2 / spread) if spread > 0 else np.inf
        widen = stdtrit(degrees, (1 + level) / 2) / ndtri((1 + level) / 2)
        return self.centre + widen * (shrink * (self.both - self.centre) + self.trainings)


def mean_draws(parts: list[Draws]) -> Draws:
    """The plain mean of figures of classes that are drawn independently of each other."""
    events, backgrounds, trainings = zip(*(part.sizes for part in parts), strict=True)
    return Draws(
        float(np.mean([part.centre for part in parts])),
        np.mean([part.both for part in parts], axis=0),
        np.mean([part.events for part in parts], axis=0),
        np.mean([part.backgrounds for part in parts], axis=0),
        np.mean([part.files for part in parts], axis=0),
        np.mean([part.trainings for part in parts], axis=0),
        (sum(events), sum(backgrounds), min(trainings)),
    )


def draw_weights(
    events: list[str | None], backgrounds: list[str | None], num_draws: int = NUM_DRAWS, seed: int = 0
) -> Weights:
    """Weights of N files by the recordings of their event and of their background, None where there is none.

    A file of which neither is known is a recording of its own.
    """
    random = np.random.default_rng(seed)
    unknown = [one is None and other is None for one, other in zip(events, backgrounds, strict=True)]
    alone: list[str | None] = [
        f"file {i}" if here else name for i, (here, name) in enumerate(zip(unknown, events, strict=True))
    ]
    of_events, of_backgrounds = (_cluster_weights(names, num_draws, random) for names in (alone, backgrounds))
    in_both = [one is not None and other is not None for one, other in zip(events, backgrounds, strict=True)]
    shared: list[str | None] = [str(i) if here else None for i, here in enumerate(in_both)]
    of_files = _cluster_weights(shared, num_draws, random)
    sizes = len(set(alone) - {None}), len(set(backgrounds) - {None})
    return Weights(of_events * of_backgrounds, of_events, of_backgrounds, of_files, sizes)


def _cluster_weights(names: list[str | None], num_draws: int, random: np.random.Generator) -> np.ndarray:
    """(D, N) float32: in each draw the weight of each file's name; 1 for files without one, or where all have one."""
    known = sorted({name for name in names if name is not None})
    if len(known) < 2:
        return np.ones((num_draws, len(names)), dtype=np.float32)
    places = {name: index for index, name in enumerate(known)}
    column = np.array([len(known) if name is None else places[name] for name in names])
    weights = np.empty((num_draws, len(names)), dtype=np.float32)
    at_once = max(1, _CELLS_AT_ONCE // len(known))
    for first in range(0, num_draws, at_once):
        part = weights[first : first + at_once]
        cells = random.integers(len(known), size=(len(part), len(known) - 1))
        cells += len(known) * np.arange(len(part))[:, None]
        drawn = np.bincount(cells.ravel(), minlength=len(part) * len(known)).reshape(len(part), len(known))
        scaled = np.concatenate((drawn * (len(known) / (len(known) - 1)), np.ones((len(part), 1))), axis=1)
        part[:] = scaled[:, column]
    return weights


def draw_rates(counts: np.ndarray, weights: Weights, name: str = "") -> dict[str, Draws]:
    """Draws of every rate, the mean over seeds; NaN where a draw leaves one undefined.

    counts: (S, N, 3) of S seeds, N files: hits, insertions, deletions. ``name`` (the system's) sets its draws of seeds
    apart from other systems'.
    """
    num_seeds, num_files, _ = counts.shape
    flat = counts.transpose(1, 0, 2).reshape(num_files, num_seeds * 3).astype(np.float32)  # (S, N, 3) -> (N, S*3)
    points = rates(counts.sum(axis=1))  # (S,)
    parts: dict[str, dict[str, np.ndarray]] = {}
    for kind in ("both", "events", "backgrounds", "files"):
        part: np.ndarray = getattr(weights, kind)
        totals = (part @ flat).astype(np.float64).reshape(len(part), num_seeds, 3)
        parts[kind] = {rate: value.mean(axis=1) for rate, value in rates(totals).items()}
    random = np.random.default_rng(zlib.crc32(name.encode()))
    seeds = _cluster_weights([str(seed) for seed in range(num_seeds)], len(weights.both), random)
    return {
        rate: Draws(
            centre=float(points[rate].mean()),
            both=parts["both"][rate],
            events=parts["events"][rate],
            backgrounds=parts["backgrounds"][rate],
            files=parts["files"][rate],
            trainings=(seeds @ points[rate] - points[rate].sum()) / num_seeds,
            sizes=(*weights.num_recordings, num_seeds),
        )
        for rate in points
    }


def rates(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The task's rates of (..., 3) hits, insertions, deletions: (...) each, NaN where undefined (F: see tuning)."""
    f_measure, error_rate = tuning.rates(counts)
    hits, insertions, deletions = (counts[..., index] for index in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hits / (hits + insertions), hits / (hits + deletions)
    return {"error_rate": error_rate, "f_measure": f_measure, "precision": precision, "recall": recall}


def interval(draws: Draws, level: float = LEVEL) -> tuple[float, float] | None:
    """Percentile interval of a figure, draws that are NaN left out; None where hardly any is left."""
    return _interval(draws.settled(level), level)


class Difference(NamedTuple):
    """A system's figure minus another's: interval and two-sided p of no difference."""

    interval: tuple[float, float]
    p: float


def compare(draws: Draws, others: Draws, level: float = LEVEL) -> Difference | None:
    """Paired comparison of two systems' draws, made with the same weights.

    p is twice the smaller share of draws in which the difference is at most, or at least, zero (one draw added to
    each, so that p is never 0): below 1 - level just where the interval leaves zero out, but for that draw.
    """
    difference = (draws - others).settled(level)
    bounds = _interval(difference, level)
    if bounds is None:
        return None
    tail = min((difference <= 0).sum(), (difference >= 0).sum())  # NaN compares as False
    return Difference(bounds, min(1.0, 2 * (int(tail) + 1) / (int((~np.isnan(difference)).sum()) + 1)))


def _interval(values: np.ndarray, level: float) -> tuple[float, float] | None:
    known = values[~np.isnan(values)]
    if len(known) < len(values) / 2:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _variance(values: np.ndarray) -> float:
    """Over the draws that are not NaN."""
    known = values[~np.isnan(values)]
    return float(known.var()) if len(known) else 0.0
