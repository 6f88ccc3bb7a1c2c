"""Scores made probabilities: logistic calibration (Platt 1999), and how far scores are from being probabilities."""

import numpy as np

_RIDGE = 0.03  # pull of the slope towards 1 and the offset towards 0, in frames: few scores cannot run away


def logit(scores: np.ndarray) -> np.ndarray:
    """Log odds of scores in [0, 1], kept finite."""
    inside = np.clip(np.asarray(scores, dtype=np.float64), 1e-7, 1 - 1e-7)
    return np.log(inside) - np.log1p(-inside)


def fit_logistic(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(slope, offset) for which sigmoid(slope · logit(score) + offset) has the least cross-entropy with the labels.

    scores in [0, 1] and labels, 0 or 1, of any one shape. (1, 0) where all labels are the same, or
    where higher scores are less likely to be right, which no calibration mends.
    """
    x, y = logit(scores).ravel(), np.asarray(labels, dtype=np.float64).ravel()
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} scores, {len(y)} labels; expected as many")
    if not len(y) or y.min() == y.max():
        return 1.0, 0.0

    from scipy.optimize import minimize  # when it is needed: it takes a fifth of a second

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        z = values[0] * x + values[1]
        error = 1 / (1 + np.exp(-z)) - y
        pull = values - np.array([1.0, 0.0])
        value = (np.logaddexp(0, z) - y * z).sum() + 0.5 * _RIDGE * (pull**2).sum()
        return value / len(y), (np.array([error @ x, error.sum()]) + _RIDGE * pull) / len(y)

    values = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", options={"ftol": 1e-13}).x
    slope, offset = (float(value) for value in values)
    return (slope, offset) if slope > 0 else (1.0, 0.0)


def calibrated(scores: np.ndarray, slope: float | np.ndarray, offset: float | np.ndarray) -> np.ndarray:
    """sigmoid(slope · logit(score) + offset), of the scores' shape; of tracks (..., K) each has its own (K,)."""
    return 1 / (1 + np.exp(-(slope * logit(scores) + offset)))


def reliability(scores: np.ndarray, labels: np.ndarray, num_bins: int = 10) -> tuple[np.ndarray, ...]:
    """Mean score, share of positives and number of scores of each bin of equal width, (num_bins,) each; NaN in an empty
    one. scores in [0, 1], labels 0 or 1, of any one shape."""
    scores, labels = np.asarray(scores, np.float64).ravel(), np.asarray(labels, np.float64).ravel()
    place = np.minimum((scores * num_bins).astype(int), num_bins - 1)
    number = np.bincount(place, minlength=num_bins)
    with np.errstate(invalid="ignore"):
        means = (np.bincount(place, values, minlength=num_bins) / number for values in (scores, labels))
        return (*means, number)


def expected_calibration_error(scores: np.ndarray, labels: np.ndarray, num_bins: int = 10) -> float:
    """The mean distance of a bin's mean score from its share of positives, bins of equal width weighted by their number
    of scores (Naeini, Cooper and Hauskrecht 2015). scores in [0, 1], labels 0 or 1, of any one shape."""
    mean, share, number = reliability(scores, labels, num_bins)
    return float(np.nansum(np.abs(mean - share) * number) / number.sum()) if number.sum() else 0.0
