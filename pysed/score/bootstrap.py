"""Intervals and paired tests over recordings and trainings, by the bootstrap, from per-file counts.

The files of a test set are mixtures: few recordings of events and of backgrounds, each in many files. Files that share
a recording err together, so it is recordings that are drawn anew, with replacement, not files. A mixture has two of
them, so the variance of a figure is the two-way clustered one, events' + backgrounds' - files' (Cameron, Gelbach and
Miller, Robust inference with multiway clustering, 2011), each that of draws of its own. Of n recordings n - 1 are
drawn, their weights scaled by n / (n - 1), which makes the variance unbiased for small n (Rao and Wu, 1988). Intervals
and tests are Student's, with Satterthwaite's degrees of freedom. The interval of a rate is made on a scale where its
distribution is nearly symmetric: of the cube root of an error rate (Wilson and Hilferty, 1931), of the logit of a
fraction.

Several trainings of a system (seeds) are drawn in the same way, for each system by itself. One draw of recordings
serves all systems of an event class: a hard recording is then hard for all, and differences are judged pair by pair.
"""

import zlib
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, stdtr, stdtrit

from pysed.decision import tuning

NUM_DRAWS = 10000
LEVEL = 0.95
FEWEST_RECORDINGS = 5  # below, a difference between systems gets no p
_CELLS_AT_ONCE = 4_000_000


class Weights(NamedTuple):
    """How much each file counts in each draw, (D, N) float32: of recordings of events, of backgrounds, of files that
    have both; and how many recordings of events and backgrounds there are."""

    events: np.ndarray
    backgrounds: np.ndarray
    files: np.ndarray
    num_recordings: tuple[int, int]


class Draws(NamedTuple):
    """A figure and its draws (D,) of each kind; ``trainings`` are deviations, zero where there is one training.

    ``sizes``: how many recordings of events, of backgrounds and trainings are drawn from.
    """

    centre: float
    events: np.ndarray
    backgrounds: np.ndarray
    files: np.ndarray
    trainings: np.ndarray
    sizes: tuple[int, int, int]

    def __sub__(self, other: "Draws") -> "Draws":
        """The draws of a difference, both made with the same weights."""
        several = [size for size in (self.sizes[2], other.sizes[2]) if size > 1]
        return Draws(
            self.centre - other.centre,
            self.events - other.events,
            self.backgrounds - other.backgrounds,
            self.files - other.files,
            self.trainings - other.trainings,
            (*self.sizes[:2], min(several, default=1)),
        )

    def error(self) -> tuple[float, float] | None:
        """Standard error over recordings, clustered two ways, and trainings; and its degrees of freedom.

        None where the figure, or most of its draws, are undefined.
        """
        parts = (self.events, self.backgrounds, self.files, self.trainings)
        if np.isnan(self.centre) or any(np.isnan(part).mean() > 0.5 for part in parts):
            return None
        events, backgrounds, files, trainings = (float(np.nanvar(part)) for part in parts)
        variance = max(events + backgrounds - files, events, backgrounds) + trainings
        spread = sum(
            each**2 / (size - 1)
            for each, size in zip((events, backgrounds, trainings), self.sizes, strict=True)
            if size > 1
        )
        degrees = max(1.0, (events + backgrounds + trainings) ** 2 / spread) if spread > 0 else np.inf
        return variance**0.5, degrees


def mean_draws(parts: list[Draws]) -> Draws:
    """The plain mean of figures of classes that are drawn independently of each other."""
    events, backgrounds, trainings = zip(*(part.sizes for part in parts), strict=True)
    return Draws(
        float(np.mean([part.centre for part in parts])),
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
    return Weights(of_events, of_backgrounds, of_files, sizes)


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
    for kind in ("events", "backgrounds", "files"):
        part: np.ndarray = getattr(weights, kind)
        totals = (part @ flat).astype(np.float64).reshape(len(part), num_seeds, 3)
        parts[kind] = {rate: value.mean(axis=1) for rate, value in rates(totals).items()}
    random = np.random.default_rng(zlib.crc32(name.encode()))
    seeds = _cluster_weights([str(seed) for seed in range(num_seeds)], len(weights.files), random)
    return {
        rate: Draws(
            centre=float(points[rate].mean()),
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


def interval(draws: Draws, rate: str = "", level: float = LEVEL) -> tuple[float, float] | None:
    """Student's interval of a figure; None where it is undefined, or where no draw differs from another.

    With its name, a rate's interval holds only what the rate can be. Without errors, or hits, all draws are alike: they
    say nothing of what other recordings would give.
    """
    found = draws.error()
    if found is None or not found[0]:
        return None
    error, degrees = found
    reach = float(stdtrit(degrees, (1 + level) / 2)) * error
    centre = draws.centre
    if rate == "error_rate" and centre > 0:
        root = centre ** (1 / 3)
        reach /= 3 * root**2
        return max(root - reach, 0.0) ** 3, (root + reach) ** 3
    if rate and 0 < centre < 1:
        middle, reach = logit(centre), reach / (centre * (1 - centre))
        return float(expit(middle - reach)), float(expit(middle + reach))
    return centre - reach, centre + reach


class Difference(NamedTuple):
    """A system's figure minus another's: interval and two-sided p of no difference."""

    interval: tuple[float, float]
    p: float


def compare(draws: Draws, others: Draws, level: float = LEVEL) -> Difference | None:
    """Student's paired comparison of two systems' draws, made with the same weights; p is below 1 - level just where
    the interval leaves zero out. None where the difference is undefined."""
    difference = draws - others
    found = difference.error()
    if found is None:
        return None
    error, degrees = found
    reach = float(stdtrit(degrees, (1 + level) / 2)) * error
    p = 2 * float(stdtr(degrees, -abs(difference.centre) / error)) if error else float(difference.centre == 0)
    return Difference((difference.centre - reach, difference.centre + reach), p)
