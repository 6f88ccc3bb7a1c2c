"""A threshold for a wanted rate of false alarms, chosen on recordings without the event, with an upper bound.

Alarms come in clusters: a dog that is taken for the event barks again. Then twenty alarms in a day say less about the
days to come than twenty independent ones would, and Poisson's bound is too low. Therefore time is cut into stretches of
several lengths, and into recordings, and the variance of the alarms among them is compared with Poisson's. Their ratio,
the dispersion, is how many alarms come at once, as far as the rate's uncertainty goes (McCullagh and Nelder,
Generalized linear models, 1989, 6.2). So many alarms are taken for one happening, and happenings have Poisson's exact
bound (Garwood 1936; for weighted counts see Fay and Feuer 1997). Where there was no alarm and no cluster at any lower
threshold, this is -ln(0.05) alarms in the time that was heard.

Thresholds are tried in one fixed order, the strictest first, up to the first whose bound is beyond the wanted rate. As
the true rate does not fall on the way, the one that is chosen breaks its promise no more often than a single bound
does: trying many costs nothing (fixed-sequence testing; Angelopoulos et al., Learn then test, 2021).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from pysed.decision.postprocess import MEDIAN_FRAMES, active_runs
from pysed.features.grid import HOP_S

LEVEL = 0.95
CELL_S = 60.0  # alarms are counted by the minute
STRETCHES_S = (60.0, 600.0, 3600.0, 6 * 3600.0)
DAY_S = 86400.0
#: In steps of a tenth of the log odds, strictest first.
THRESHOLDS = tuple(float(each) for each in np.round(1 / (1 + np.exp(-np.arange(9.2, -4.05, -0.1))), 5))
_FEWEST_ALARMS = 10  # that show how alarms cluster
_FEWEST_UNITS = 10  # stretches or recordings whose variance is estimated


@dataclass(frozen=True)
class Choice:
    """A threshold, what it gave on the ambience, and the upper bound of its alarms a day."""

    threshold: float
    num_alarms: int
    dispersion: float
    bound_per_day: float


class Alarms:
    """Alarms on recordings without the event: how many began in each minute, at each of THRESHOLDS."""

    def __init__(self) -> None:
        self._counts: list[np.ndarray] = []
        self._seconds: list[np.ndarray] = []
        self._recordings: list[np.ndarray] = []

    def add(self, counts: np.ndarray, duration_s: float) -> None:
        """A recording, neighbours in time one after the other. counts: (K, M) of the thresholds and its minutes."""
        num_cells = counts.shape[1]
        seconds = np.full(num_cells, CELL_S)
        seconds[-1] = duration_s - CELL_S * (num_cells - 1)
        self._recordings.append(np.full(num_cells, len(self._recordings)))
        self._counts.append(counts)
        self._seconds.append(seconds)

    @property
    def days(self) -> float:
        """Length of all recordings."""
        return float(sum(seconds.sum() for seconds in self._seconds)) / DAY_S

    @property
    def totals(self) -> np.ndarray:
        """Alarms at each threshold, (K,)."""
        return sum(counts.sum(axis=1) for counts in self._counts) + np.zeros(len(THRESHOLDS), np.int64)

    def dispersions(self) -> np.ndarray:
        """(K,) at least 1. At a threshold with too few alarms to see how they cluster: that of the next lower one with
        enough of them."""
        counts, seconds = np.concatenate(self._counts, axis=1), np.concatenate(self._seconds)
        recordings = np.concatenate(self._recordings)
        begun_s = np.cumsum(seconds) - seconds
        units = [recordings, *((begun_s / stretch_s).astype(int) for stretch_s in STRETCHES_S)]
        found = np.ones(len(THRESHOLDS))
        for unit in units:
            if unit[-1] + 1 >= _FEWEST_UNITS:
                found = np.maximum(found, _dispersion(counts, seconds, unit))
        few = self.totals < _FEWEST_ALARMS
        source = np.arange(len(THRESHOLDS))
        for place in reversed(range(len(THRESHOLDS) - 1)):
            if few[place]:
                source[place] = source[place + 1]
        return found[source]

    def bounds_per_day(self, level: float = LEVEL) -> np.ndarray:
        """The upper bound of the alarms a day at each threshold, (K,)."""
        return upper_bound(self.totals, self.dispersions(), level) / self.days

    def choices(self, level: float = LEVEL) -> list[Choice]:
        """Every threshold with its figures, strictest first."""
        rows = zip(THRESHOLDS, self.totals, self.dispersions(), self.bounds_per_day(level), strict=True)
        return [Choice(threshold, int(count), float(ratio), float(bound)) for threshold, count, ratio, bound in rows]

    def choose(self, per_day: float, level: float = LEVEL) -> Choice | None:
        """The lowest threshold down to which every bound is at most ``per_day``; None where no bound is."""
        chosen = None
        for choice in self.choices(level):
            if choice.bound_per_day > per_day:
                break
            chosen = choice
        return chosen


def _dispersion(counts: np.ndarray, seconds: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Variance of the total over units of time, by Poisson's: (K,). counts: (K, M), seconds, unit: (M,)."""
    starts = np.flatnonzero(np.diff(unit, prepend=unit[0] - 1))
    numbers, lengths_s = np.add.reduceat(counts, starts, axis=1), np.add.reduceat(seconds, starts)
    totals = counts.sum(axis=1)
    expected = totals[:, None] * lengths_s / lengths_s.sum()
    variance = ((numbers - expected) ** 2).sum(axis=1) * len(starts) / (len(starts) - 1)
    return variance / np.maximum(totals, 1)


def upper_bound(count: np.ndarray, dispersion: np.ndarray | float = 1.0, level: float = LEVEL) -> np.ndarray:
    """The upper bound of an expected count, of which ``count`` were seen and ``dispersion`` come at once."""
    return dispersion * gammaincinv(np.asarray(count) / dispersion + 1, level)


def time_needed_s(per_day: float, dispersion: float = 1.0, level: float = LEVEL) -> float:
    """Seconds without an alarm that show a rate of at most ``per_day``."""
    return float(upper_bound(np.zeros(1), dispersion, level)[0]) / per_day * DAY_S


def count_alarms(
    scores: np.ndarray, low_ratio: float, max_gap_frames: int | None, median_frames: int = MEDIAN_FRAMES,
    min_frames: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Events that begin in each minute at each of THRESHOLDS: (K, M). scores: (T,) of a recording without the event.

    The other settings as active_runs() takes them; events shorter than ``min_frames`` do not count.
    """
    num_cells = max(1, int(np.ceil(len(scores) * HOP_S / CELL_S - 1e-9)))
    counts = np.zeros((len(THRESHOLDS), num_cells), dtype=np.int64)
    for row, threshold in zip(counts, THRESHOLDS, strict=True):
        runs = active_runs(scores[None], np.asarray(threshold), low_ratio, max_gap_frames, median_frames)
        begun = runs.start[runs.end - runs.start >= min_frames - 1e-6]
        row += np.bincount((begun * HOP_S / CELL_S).astype(int), minlength=num_cells)[:num_cells]
    return counts
