"""The i-vector extractor's model. Source: Kaldi ``src/ivector/ivector-extractor.cc``. All in float64, as there."""

from dataclasses import dataclass

import numpy as np

from pysed.kaldi.stream import KaldiReader


@dataclass(frozen=True)
class ExtractorModel:
    """What the estimate of an i-vector of S dimensions needs of G Gaussians over D-dimensional features.

    ``projections``: (G, D, S), Σ⁻¹M; ``precisions``: (G, S(S+1)/2), MᵀΣ⁻¹M packed as its lower
    triangle; the prior's mean is (``prior_offset``, 0, …), its variance one.
    """

    projections: np.ndarray
    precisions: np.ndarray
    prior_offset: float

    @property
    def num_gauss(self) -> int:
        """G."""
        return self.projections.shape[0]

    @property
    def feature_dim(self) -> int:
        """D."""
        return self.projections.shape[1]

    @property
    def ivector_dim(self) -> int:
        """S."""
        return self.projections.shape[2]


def read_extractor(reader: KaldiReader) -> ExtractorModel:
    """An ``<IvectorExtractor>`` object (final.ie). Raises DataError for anything malformed."""
    reader.expect("<IvectorExtractor>")
    reader.expect("<w>")
    if reader.matrix().size:
        raise reader.fail("weights that depend on the i-vector; online extraction needs an extractor without them")
    reader.expect("<w_vec>")
    reader.vector()
    reader.expect("<M>")
    size = reader.int32()
    if not 0 < size <= 1 << 20:
        raise reader.fail(f"{size} Gaussians; the file is damaged")
    means = [reader.matrix() for _ in range(size)]
    shape = means[0].shape
    if not all(shape) or any(m.shape != shape for m in means):
        raise reader.fail("projections of differing or no size; the file is damaged")
    reader.expect("<SigmaInv>")
    inverses = [reader.symmetric_matrix() for _ in range(size)]
    if any(len(v) != shape[0] for v in inverses):
        raise reader.fail(f"inverse variances that do not fit projections of {shape[0]} x {shape[1]}")
    reader.expect("<IvectorOffset>")
    prior_offset = float(reader.real())
    reader.expect("</IvectorExtractor>")
    return derive(np.stack(means), np.stack(inverses), prior_offset, reader)


def derive(means: np.ndarray, inverses: np.ndarray, prior_offset: float, reader: KaldiReader) -> ExtractorModel:
    """The model from M (G, D, S) and Σ⁻¹ (G, D, D); DataError, by way of ``reader``, where numbers are unusable."""
    means = means.astype(np.float64)
    rows, columns = np.tril_indices(means.shape[2])
    with np.errstate(over="ignore", invalid="ignore"):
        projections = np.matmul(inverses.astype(np.float64), means)
        # One Gaussian's full product at a time: all of them together would be several times the model's size.
        precisions = np.stack([(m.T @ p)[rows, columns] for m, p in zip(means, projections, strict=True)])
        usable = np.isfinite(prior_offset) and np.isfinite(projections).all() and np.isfinite(precisions).all()
    if not usable:
        raise reader.fail("an element is not a number or too large; the file is damaged")
    return ExtractorModel(projections, precisions, prior_offset)
