"""A speaker's statistics and the i-vectors that follow from them, in float64.

Source: Kaldi ``OnlineIvectorEstimationStats`` of ``src/ivector/ivector-extractor.cc``, ``LinearCgd`` of
``src/matrix/optimization.cc``.
"""

from functools import cache

import numpy as np

from pysed.kaldi.extractor import ExtractorModel
from pysed.native import libraries
from pysed.native.libraries import Library

_CG_ITERATIONS = 15


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

    def matrix(self) -> np.ndarray:
        """The precision as a full matrix, (S, S)."""
        return self.precision[_unpacking(len(self.linear))]

    def estimate(self, guess: np.ndarray) -> np.ndarray:
        """The i-vector (S,), by a few steps from the last one."""
        guess = guess.copy()
        if self.num_frames <= 0:
            guess[:] = 0.0
        if guess[0] == 0.0:
            guess[0] = self.prior_offset
        return guess if self.num_frames <= 0 else _conjugate_gradient(self.matrix(), self.linear, guess)

    def objective_change(self, ivector: np.ndarray) -> float:
        """Gain in the objective per frame of an i-vector (S,) over the prior's mean."""
        if self.num_frames == 0:
            return 0.0
        precision = self.matrix()
        gain = ivector @ self.linear - 0.5 * (ivector @ precision @ ivector)
        default = self.prior_offset * self.linear[0] - 0.5 * precision[0, 0] * self.prior_offset**2
        return float(gain - default) / self.num_frames


def follow(
    stats: IvectorStats,
    model: ExtractorModel,
    occupancy: np.ndarray,
    terms: np.ndarray,
    wanted: np.ndarray,
    ivector: np.ndarray,
) -> np.ndarray:
    """Add one period's statistics after another to ``stats``; the i-vectors (W, S) after those periods ``wanted``.

    ``occupancy``: (P, G), each Gaussian's count; ``terms``: (P, S), what each period adds to the linear term;
    ``wanted``: (P,) bool; ``ivector``: (S,), the last i-vector, brought up to date.
    """
    rows = np.empty((np.count_nonzero(wanted), len(ivector)))
    native = libraries.ivector()
    if native is None:
        periods = zip(occupancy.sum(axis=1), terms, occupancy @ model.precisions, wanted, strict=True)
        targets = iter(rows)
        for count, linear, precision, due in periods:
            stats.add(float(count), linear, precision)
            if due:
                ivector[:] = next(targets)[:] = stats.estimate(ivector)
        return rows
    start = row = 0
    while start < len(wanted):
        done = _follow_compiled(
            native, stats, model, occupancy[start:], terms[start:], wanted[start:], ivector, rows[row:]
        )
        start += abs(done)
        row = int(np.count_nonzero(wanted[:start]))
        if done < 0:
            ivector[:] = rows[row - 1] = _solve(stats.matrix(), stats.linear, ivector)
    return rows


def _follow_compiled(
    native: Library,
    stats: IvectorStats,
    model: ExtractorModel,
    occupancy: np.ndarray,
    terms: np.ndarray,
    wanted: np.ndarray,
    ivector: np.ndarray,
    rows: np.ndarray,
) -> int:
    """As many periods as are done; negative: the last one's i-vector is not."""
    size = len(ivector)
    num_frames = np.array(stats.num_frames)
    done = native.call(
        "follow", occupancy, terms, wanted.view(np.uint8), model.precisions, *occupancy.shape, size, _CG_ITERATIONS,
        float(stats.max_count), float(stats.prior_offset), num_frames, stats.linear, stats.precision, ivector, rows,
        np.empty((4 + size, size)),
    )  # fmt: skip
    stats.num_frames = float(num_frames)
    return done


@cache
def _unpacking(size: int) -> np.ndarray:
    """Indices (S, S) into a packed lower triangle, such that ``packed[_unpacking(S)]`` is the full matrix."""
    rows, columns = np.indices((size, size))
    high, low = np.maximum(rows, columns), np.minimum(rows, columns)
    return high * (high + 1) // 2 + low


def _conjugate_gradient(matrix: np.ndarray, target: np.ndarray, x: np.ndarray) -> np.ndarray:
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
    for _ in range(min(_CG_ITERATIONS, len(x) + 5)):
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
