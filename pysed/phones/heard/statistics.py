"""Estimates from counts and how sure they are: log-odds, entropy, and intervals by resampling whole sources."""

import numpy as np
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95


def resampled_weights(num_sources: int, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """(R, S) how often each of S sources is drawn in each of R samples: S − 1 draws with replacement.

    One draw fewer than there are sources makes the spread over samples unbiased where sources are few; totals are then
    smaller by (S − 1)/S, which shares and rates do not notice. Source: Rao and Wu 1988, J. Am. Stat. Assoc. 83, 231.
    Raises ValueError for fewer than two sources, of which nothing can be said.
    """
    if num_sources < 2:
        raise ValueError(f"{num_sources} sources; expected two or more to resample")
    return rng.multinomial(num_sources - 1, np.full(num_sources, 1 / num_sources), num_samples)


def entropy_bits(counts: np.ndarray) -> np.ndarray:
    """(..., V) counts → (...) entropy in bits, with Miller and Madow's correction (K − 1)/2N; nan where all are 0.

    K phones are seen among N. The plain estimate is too low where samples are small, and classes differ in size.
    Source: Miller 1955, Note on the bias of information estimates.
    """
    counts = np.asarray(counts, float)
    total = counts.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / total[..., None]
        plain = -np.where(counts > 0, shares * np.log(shares), 0.0).sum(-1)
        corrected = plain + ((counts > 0).sum(-1) - 1) / (2 * total)
    return np.where(total > 0, corrected / np.log(2), np.nan)


def prior_counts(pooled: np.ndarray, mass: float) -> np.ndarray:
    """(V,) pseudo-counts of sum ``mass`` in the proportions of ``pooled`` (V,) counts, the informative prior."""
    return mass * np.asarray(pooled, float) / np.sum(pooled)


def log_odds(counts: np.ndarray, background: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds ratio of each phone, event against background, and its variance were phones independent.

    counts, background: (..., V); prior: (V,) pseudo-counts, 0 where a phone never appears: nan there, as where one
    phone is all there is. Both returned as (..., V), natural logarithm: 0.69 is twice the odds.
    Source: Monroe, Colaresi and Quinn 2008, Fightin' Words, equations 16 and 20.
    """
    first, second = counts + prior, background + prior
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.log(first / (first.sum(-1, keepdims=True) - first))
        odds = odds - np.log(second / (second.sum(-1, keepdims=True) - second))
        variance = 1 / first + 1 / second
    good = (prior > 0) & np.isfinite(odds)
    return np.where(good, odds, np.nan), np.where(good, variance, np.nan)


def weighted_medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(E,) values and (R, E) weights ≥ 0 → (R,) medians: the middle value, or the mean of both middle ones."""
    order = np.argsort(values, kind="stable")
    values, weights = np.asarray(values, float)[order], np.asarray(weights)[:, order]
    reached = np.cumsum(weights, axis=1)
    half = reached[:, -1:] / 2
    lower = np.argmax(reached >= half, axis=1)
    upper = np.argmax(reached > half, axis=1)
    medians = (values[lower] + values[upper]) / 2
    return np.where(reached[:, -1] > 0, medians, np.nan)


def t_quantile(num_sources: int) -> float:
    """Half-width of the interval in standard errors: Student's t with one degree of freedom fewer than sources."""
    return float(stdtrit(num_sources - 1, (1 + CONFIDENCE) / 2))


def p_values(estimates: np.ndarray, errors: np.ndarray, num_sources: int) -> np.ndarray:
    """Two-sided p of estimates being 0, by Student's t as in ``t_quantile``; nan where there is no standard error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * stdtr(num_sources - 1, -np.abs(estimates / errors))


def holm(p: np.ndarray) -> np.ndarray:
    """(V,) p-values adjusted for V questions at once (Holm 1979); nan stays nan and is no question."""
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: np.isfinite(p).sum()]
    steps = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(order) else steps
    return adjusted
