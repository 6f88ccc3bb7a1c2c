"""Diagonal Gaussian mixtures: reading, log-likelihoods, pruned posteriors.

Source: Kaldi ``src/gmm/diag-gmm.cc``, ``VectorToPosteriorEntry`` of ``src/hmm/posterior.cc``.
"""

from dataclasses import dataclass

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.stream import KaldiReader
from pysed.native import libraries

_UNLIKELY = "features: no Gaussian has a finite likelihood; expected numbers of the extractor's training"


@dataclass(frozen=True)
class DiagGmm:
    """``constants`` (G,) and ``weights`` (G, 2D), such that log-likelihoods are constants + [x, x²] · weightsᵀ."""

    constants: np.ndarray
    weights: np.ndarray

    @property
    def num_gauss(self) -> int:
        """G."""
        return len(self.constants)

    @property
    def dim(self) -> int:
        """D."""
        return self.weights.shape[1] // 2

    def log_likelihoods(self, features: np.ndarray) -> np.ndarray:
        """(T, D) float32 → log p(x, Gaussian), (T, G) float32."""
        powers = np.concatenate([features, np.square(features)], axis=1)
        scores = powers @ self.weights.T
        scores += self.constants
        return scores


def read_diag_gmm(reader: KaldiReader) -> DiagGmm:
    """A ``<DiagGMM>`` object. Raises DataError for anything malformed, such as a variance that is not positive."""
    reader.expect("<DiagGMM>", "<DiagGMMBegin>")
    if reader.expect("<GCONSTS>", "<WEIGHTS>") == "<GCONSTS>":
        reader.vector()  # recomputed below, as in Kaldi
        reader.expect("<WEIGHTS>")
    weights = reader.vector().astype(np.float64)
    reader.expect("<MEANS_INVVARS>")
    means_invvars = reader.matrix()
    reader.expect("<INV_VARS>")
    inv_vars = reader.matrix()
    reader.expect("</DiagGMM>", "<DiagGMMEnd>")
    num_gauss, dim = means_invvars.shape
    if not num_gauss or not dim or inv_vars.shape != (num_gauss, dim) or weights.shape != (num_gauss,):
        raise reader.fail(
            f"{len(weights)} weights, {num_gauss} x {dim} means and {inv_vars.shape[0]} x {inv_vars.shape[1]} variances"
        )
    if not (np.all(weights >= 0) and np.all(inv_vars > 0) and np.all(np.isfinite(inv_vars))):
        raise reader.fail("a Gaussian's weight is negative or its inverse variance not a positive number")
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        precisions = inv_vars.astype(np.float64)
        constants = np.log(weights) - 0.5 * dim * np.log(2 * np.pi)
        constants += 0.5 * np.sum(np.log(precisions) - means_invvars.astype(np.float64) ** 2 / precisions, axis=1)
        constants = constants.astype(np.float32)
        factors = np.concatenate([means_invvars, -0.5 * inv_vars], axis=1).astype(np.float32)
    if not np.all(np.isfinite(factors)) or np.any(np.isnan(constants)) or not np.any(np.isfinite(constants)):
        raise reader.fail("a Gaussian's mean or variance is not a number or too large; the file is damaged")
    return DiagGmm(constants, factors)


def prune_posteriors(
    scores: np.ndarray, num_gselect: int, min_post: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best Gaussians of each frame and their posteriors, which sum to one.

    ``scores``: (T, G) log-likelihoods; ``min_post``: one for all frames, or (T,). At most
    ``num_gselect`` Gaussians are kept, and none (but the best) whose share of these is below
    ``min_post``. Returns Gaussian indices (T, K) int, posteriors (T, K) float32, zero where a frame
    has fewer than K, best first, and the log-likelihoods (T,) over what was kept.
    """
    num_frames, num_gauss = scores.shape
    size = min(num_gselect, num_gauss)
    share = np.broadcast_to(np.asarray(min_post, np.float32), (num_frames,))
    native = libraries.ivector()
    if native is not None:
        chosen, posteriors = np.zeros((num_frames, size), np.int64), np.zeros((num_frames, size), np.float32)
        values = np.empty(num_frames, np.float32)
        results = chosen, posteriors, values
        rows, shares = np.ascontiguousarray(scores), np.ascontiguousarray(share)
        if native.call("select_gaussians", rows, shares, num_frames, num_gauss, size, *results) < num_frames:
            raise DataError(_UNLIKELY)
        return results
    best = scores.max(axis=1, keepdims=True)
    if not np.all(np.isfinite(best)):
        raise DataError(_UNLIKELY)
    share = share[:, None]
    if np.all(share > 0):
        # Few pass the cutoff, so comparing all and sorting those beats a partial sort of every row.
        cutoff = best + np.log(share)
        flat = np.flatnonzero(scores > cutoff)
        frames = flat // num_gauss
        if np.count_nonzero(np.diff(frames, prepend=-1)) < num_frames:
            # So unlikely a frame that the cutoff vanishes beside its likelihood in float32.
            flat = np.flatnonzero((scores > cutoff) | (scores == best))
            frames = flat // num_gauss
        values = scores.ravel()[flat]
        order = np.lexsort((-values, frames))
        flat, frames, values = flat[order], frames[order], values[order]
        starts = np.searchsorted(frames, np.arange(num_frames))
        rank = np.arange(len(frames)) - starts[frames]
        kept = rank < size
        flat, frames, values, rank = flat[kept], frames[kept], values[kept], rank[kept]
        size = int(rank.max()) + 1
        chosen = np.zeros((num_frames, size), np.int64)
        posteriors = np.zeros((num_frames, size), np.float32)
        chosen[frames, rank] = flat - frames * num_gauss
        posteriors[frames, rank] = np.exp(values - best[frames, 0])
    else:
        chosen = np.argsort(-scores, axis=1, kind="stable")[:, :size]
        posteriors = np.exp(np.take_along_axis(scores, chosen, 1) - best)
    too_small = posteriors < share * posteriors.sum(axis=1, keepdims=True)
    too_small[:, 0] = False
    posteriors[too_small] = 0
    total = posteriors.sum(axis=1, keepdims=True)
    posteriors /= total
    return chosen, posteriors, (best + np.log(total))[:, 0]
