"""The i-vector extractor's model, the statistics of a speaker, and their solution.

Source: Kaldi ``src/ivector/ivector-extractor.cc`` (``OnlineIvectorEstimationStats``), ``LinearCgd`` of
``src/matrix/optimization.cc``. All in float64, as there.
"""

import copy
from dataclasses import dataclass

import numpy as np

from pysed.kaldi.stream import KaldiReader

CG_ITERATIONS = 15


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


class IvectorStats:
    """Statistics of a speaker, the prior's among them: precision (packed), linear term, count of frames.

    ``max_count`` > 0: the prior weighs more once the count is above it. Counts are of frames times
    the posterior scale.
    """

    def __init__(self, model: ExtractorModel, max_count: float):
        size = model.ivector_dim
        self.prior_offset = model.prior_offset
        self.max_count = max_count
        self.num_frames = 0.0
        self.linear = np.zeros(size)
        self.precision = np.zeros(size * (size + 1) // 2)
        self._diagonal = np.cumsum(np.arange(1, size + 1)) - 1
        self._add_prior(1.0)

    def copy(self) -> "IvectorStats":
        """An independent copy."""
        twin = copy.copy(self)
        twin.linear, twin.precision = self.linear.copy(), self.precision.copy()
        return twin

    def _add_prior(self, weight: float) -> None:
        self.linear[0] += self.prior_offset * weight
        self.precision[self._diagonal] += weight

    def _prior_scale(self, num_frames: float) -> float:
        return max(num_frames, self.max_count) / self.max_count if self.max_count > 0 else 1.0

    def add(self, count: float, linear: np.ndarray, precision: np.ndarray) -> None:
        """Add some frames' statistics."""
        self.linear += linear
        self.precision += precision
        before = self._prior_scale(self.num_frames)
        self.num_frames += count
        change = self._prior_scale(self.num_frames) - before
        if change:
            self._add_prior(change)

    def limit(self, most: float) -> None:
        """Scale the data's share down so that the count is at most ``most``; the prior keeps its weight."""
        if self.num_frames <= most:
            return
        scale = most / self.num_frames
        before = scale * self._prior_scale(self.num_frames)
        self.num_frames *= scale
        self.linear *= scale
        self.precision *= scale
        self._add_prior(self._prior_scale(self.num_frames) - before)

    def objective_change(self, ivector: np.ndarray, unpack: np.ndarray) -> float:
        """Gain in the objective per frame of an i-vector (S,) over the prior's mean."""
        if self.num_frames == 0:
            return 0.0
        precision = self.precision[unpack]
        gain = ivector @ self.linear - 0.5 * (ivector @ precision @ ivector)
        default = self.prior_offset * self.linear[0] - 0.5 * precision[0, 0] * self.prior_offset**2
        return float(gain - default) / self.num_frames


def unpacking(size: int) -> np.ndarray:
    """Indices (S, S) into a packed lower triangle, such that ``packed[unpacking(S)]`` is the full matrix."""
    rows, columns = np.indices((size, size))
    high, low = np.maximum(rows, columns), np.minimum(rows, columns)
    return high * (high + 1) // 2 + low


def conjugate_gradient(matrix: np.ndarray, target: np.ndarray, x: np.ndarray, max_iterations: int) -> np.ndarray:
    """Some steps towards the solution of ``matrix · x = target`` from a first guess ``x``, which is left alone.

    The number of steps is part of the result, and so are the moments at which the residual is computed afresh.
    """
    dot = np.dot
    guess = x
    x = x.copy()
    residual = dot(matrix, x)
    residual -= target
    direction = -residual
    product, step = np.empty_like(x), np.empty_like(x)
    now = first = reference = float(dot(residual, residual))
    for _ in range(min(max_iterations, len(x) + 5)):
        dot(matrix, direction, product)
        curvature = float(dot(direction, product))
        if curvature == 0.0:
            break
        alpha = -float(dot(direction, residual)) / curvature
        np.multiply(direction, alpha, step)
        x += step
        product *= alpha
        residual += product
        following = float(dot(residual, residual))
        if following < 1e-4 * reference or following > 1e4 * reference:
            dot(matrix, x, residual)
            residual -= target
            following = reference = float(dot(residual, residual))
        if following <= 2.2250738585072014e-308:
            break
        direction *= following / now
        direction -= residual
        now = following
    if now > first + 1e-10 * float(dot(target, target)) or not np.isfinite(x).all():
        return _solve(matrix, target, guess)
    return x


def _solve(matrix: np.ndarray, target: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The exact solution, eigenvalues floored to a ten-thousandth of the largest; NaN where the input is not finite."""
    if not (np.isfinite(matrix).all() and np.isfinite(target).all()):
        return np.full_like(x, np.nan)
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, max(values[-1] * 1e-4, 1e-40))
    return x + vectors @ ((vectors.T @ (target - matrix @ x)) / values)
