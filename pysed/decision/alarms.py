"""A threshold for a wanted rate of false alarms, chosen on recordings without the event, with an upper bound.

Alarms come in clusters: a dog that is taken for the event barks again. Then twenty alarms in a day say less about the
days to come than twenty independent ones would, and Poisson's bound is too low. Therefore time is cut into stretches of
several lengths, and into recordings, and the variance of the alarms among them is compared with Poisson's. Their ratio,
the dispersion, is how many alarms come at once as far as the uncertainty of their rate goes (McCullagh and Nelder,
Generalized linear models, 1989, 6.2). The bound is the one of Fay and Feuer (1997) for sums of weighted Poisson
counts: clusters are what is independent, their sizes are the weights. For alarms that come one by one it is Poisson's
exact bound; for none, and none at any lower threshold, -ln(0.05) alarms in the time that was heard.

Thresholds are tried in one fixed order, the strictest first, up to the first whose bound is beyond the wanted rate. The
true rate rises on the way, so the one that is chosen breaks its promise no more often than a single bound does: trying
many costs nothing (fixed-sequence testing; Angelopoulos et al., Learn then test, 2021).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

LEVEL = 0.95
CELL_S = 60.0  # alarms are counted by the minute
STRETCHES_S = (60.0, 600.0, 3600.0, 6 * 3600.0)
DAY_S = 86400.0
#: In steps of a tenth of the log odds, strictest first.
THRESHOLDS = tuple(float(each) for each in np.round(1 / (1 + np.exp(-np.arange(9.2, -4.05, -0.1))), 5))
_FEWEST_ALARMS = 30  # that show how alarms cluster
_FEWEST_UNITS = 10  # stretches or recordings whose variance is estimated


@dataclass(frozen=True)
class Choice:
    """A threshold, what it gave on the ambience, and the upper bound of its alarms a day.

    ``dispersion``: how many alarms come at once, for the bound.
    """

    threshold: float
    num_alarms: int
    dispersion: float
    bound_per_day: float


class Alarms:
    """Alarms on recordings without the event: how many began in each minute, at each of THRESHOLDS."""

    def __init__(self) -> None:
        self._counts: list[np.ndarray] = []
        self._seconds: list[np.ndarray] = []

    def add(self, counts: np.ndarray, duration_s: float) -> None:
        """A recording, neighbours in time one after the other. counts: (K, M) of the thresholds and its minutes."""
        seconds = np.full(counts.shape[1], CELL_S)
        seconds[-1] = duration_s - CELL_S * (len(seconds) - 1)
        self._counts.append(counts)
        self._seconds.append(seconds)

    @property
    def days(self) -> float:
        """Length of all recordings."""
        return float(sum(seconds.sum() for seconds in self._seconds)) / DAY_S

    def choices(self, level: float = LEVEL) -> list[Choice]:
        """Every threshold with its figures, strictest first. At least one recording has been added."""
        counts, seconds = np.concatenate(self._counts, axis=1), np.concatenate(self._seconds)
        recordings = np.repeat(np.arange(len(self._seconds)), list(map(len, self._seconds)))
        begun_s = np.cumsum(seconds) - seconds
        units = [recordings, *((begun_s / stretch_s).astype(int) for stretch_s in STRETCHES_S)]
        spread = [_dispersion(counts, seconds, unit) for unit in units if len(np.unique(unit)) >= _FEWEST_UNITS]
        dispersion, largest = np.max([np.ones((2, len(counts))), *spread], axis=0)
        totals = counts.sum(axis=1)
        dispersion = dispersion[_where_enough(totals)]
        bounds = upper_bound(totals, dispersion, np.where(totals > 0, largest, 1.0), level) / self.days
        rows = zip(THRESHOLDS, totals, dispersion, bounds, strict=True)
        return [Choice(threshold, int(total), float(ratio), float(bound)) for threshold, total, ratio, bound in rows]

    def choose(self, per_day: float, level: float = LEVEL) -> Choice | None:
        """The lowest threshold down to which every bound is at most ``per_day``; None where the first is not."""
        chosen = None
        for choice in self.choices(level):
            if choice.bound_per_day > per_day:
                break
            chosen = choice
        return chosen


def _dispersion(counts: np.ndarray, seconds: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """(2, K): the variance of the total over units of time, divided by Poisson's, and the largest excess of a unit.

    counts: (K, M), seconds, unit: (M,), the same number for what belongs together.
    """
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    numbers, lengths_s = np.add.reduceat(counts, starts, axis=1), np.add.reduceat(seconds, starts)
    totals = counts.sum(axis=1)
    excess = numbers - totals[:, None] * lengths_s / lengths_s.sum()
    variance = (excess**2).sum(axis=1) * len(starts) / (len(starts) - 1)
    return np.stack((variance / np.maximum(totals, 1), excess.max(axis=1)))


def _where_enough(totals: np.ndarray) -> np.ndarray:
    """For each threshold the place of the next one, itself or lower, with enough alarms to see how they cluster."""
    source = np.arange(len(totals))
    for place in reversed(range(len(totals) - 1)):
        if totals[place] < _FEWEST_ALARMS:
            source[place] = source[place + 1]
    return source


def upper_bound(
    count: np.ndarray | float, dispersion: np.ndarray | float = 1.0, largest: np.ndarray | float = 1.0,
    level: float = LEVEL,
) -> np.ndarray:  # fmt: skip
    """The upper bound of an expected count of which ``count`` were seen.

    ``dispersion``: variance by Poisson's; ``largest``: of the clusters seen, which takes its place where it is more.
    """
    size = np.maximum(dispersion, largest)
    mean, variance = count + size, dispersion * np.asarray(count, float) + size**2
    return variance / mean * gammaincinv(mean**2 / variance, level)


def hours_needed(per_day: float, dispersion: float = 1.0, level: float = LEVEL) -> float:
    """Hours without an alarm that show a rate of at most ``per_day``."""
    return float(upper_bound(0.0, dispersion, level=level)) / per_day * DAY_S / 3600
