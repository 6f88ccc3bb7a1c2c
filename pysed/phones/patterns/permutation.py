"""Tests of what is noise: shifted tracks, exchanged labels, and the correction for asking many questions at once."""

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """(V,) p-values → (V,) q: the least false discovery rate at which each is found; nan stays nan, no question.

    Source: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289.
    """
    from scipy.stats import false_discovery_control  # takes half a second to import; the report does without

    adjusted = np.array(p, float)
    asked = np.isfinite(adjusted)
    if asked.any():
        adjusted[asked] = false_discovery_control(adjusted[asked])
    return adjusted


def chance_of_at_least(count: int, chances: np.ndarray) -> float:
    """P(at least ``count`` of N independent events happen), each with its own chance; chances: (N,) in [0, 1]."""
    distribution = np.ones(1)
    for chance in chances:
        distribution = np.convolve(distribution, (1 - chance, chance))
    return float(min(distribution[count:].sum(), 1.0))


def exchanged_labels(
    values: np.ndarray, labels: np.ndarray, num_draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Difference of two groups' means and its two-sided p by exchanging labels.

    values: (N, V); labels: (N,) bool, both kinds present. Returns ((V,) mean where True − mean where False, (V,) p); p
    counts the observed labelling among the draws, so it is never 0. A value that all N share has p 1.
    """
    count = int(labels.sum())
    if not 0 < count < len(labels):
        raise ValueError(f"{count} of {len(labels)} labelled; expected some and not all")
    drawn = rng.permuted(np.tile(labels, (num_draws, 1)), axis=1)
    weights = np.vstack((labels, drawn)) / count - ~np.vstack((labels, drawn)) / (len(labels) - count)
    differences = weights @ np.asarray(values, float)  # (1 + R, V)
    reached = np.abs(differences[1:]) >= np.abs(differences[0]) - 1e-12
    return differences[0], (1 + reached.sum(0)) / (1 + num_draws)


def shifted_sums(evidence: np.ndarray, track: np.ndarray) -> np.ndarray:
    """(T, V) sums of evidence on each label, row k with the track moved k frames later, the end wrapping round.

    evidence: (T,); track: (T, V) share of each frame that each label holds.
    """
    spectrum = np.fft.rfft(evidence)[:, None] * np.fft.rfft(track, axis=0).conj()
    return np.fft.irfft(spectrum, n=len(evidence), axis=0)


def shifted_tracks(
    tables: list[np.ndarray], num_draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum of row 0 of all tables, its expectation and two-sided p when each table's row is drawn freely.

    tables: ``shifted_sums`` of each recording, (T, V) each. Returns (V,) observed, expected, p.
    """
    observed = np.sum([table[0] for table in tables], axis=0)
    expected = np.sum([table.mean(0) for table in tables], axis=0)
    drawn = np.zeros((num_draws, len(observed)))
    for table in tables:
        drawn += table[rng.integers(len(table), size=num_draws)]
    reached = np.abs(drawn - expected) >= np.abs(observed - expected) - 1e-9
    return observed, expected, (1 + reached.sum(0)) / (1 + num_draws)


def sign_test(better: int, worse: int) -> float:
    """Two-sided exact p of as many changes one way as the other (McNemar's test); 1 without changes."""
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0
