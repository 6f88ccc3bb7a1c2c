"""Cepstral mean and variance normalisation: by given statistics, or online by a sliding window behind each frame.

Source: Kaldi ``OnlineCmvn`` of ``src/feat/online-feature.cc``, ``ApplyCmvn`` of ``src/transform/cmvn.cc``.
Statistics are (2, F + 1) float64: sums and their count, sums of squares and a zero.
"""

from dataclasses import dataclass, field

import numpy as np

from pysed.errors import DataError

_BLOCK_FRAMES = 4096
_FLOOR = 1e-20  # of a variance


@dataclass(frozen=True)
class CmvnOptions:
    """Options of apply-cmvn."""

    norm_vars: bool = field(default=False, metadata={"doc": "If true, normalize variances."})
    norm_means: bool = field(default=True, metadata={"doc": "If false, nothing is normalized"})
    skip_dims: str = field(
        default="", metadata={"doc": "Dimensions to skip normalization of (colon-separated list of integers)"}
    )

    def __post_init__(self):
        if self.norm_vars and not self.norm_means:
            raise DataError("CMVN: --norm-vars=true with --norm-means=false; variance needs the mean")
        if any(not (part.isascii() and part.isdecimal() and len(part) < 10) for part in self.skipped):
            raise DataError(f"CMVN: --skip-dims={self.skip_dims[:60]}; expected dimensions such as 13:14:15")

    @property
    def skipped(self) -> list[str]:
        """The parts of ``skip_dims``."""
        return [part for part in self.skip_dims.split(":") if part]

    def skipped_of(self, dim: int) -> list[int]:
        """Those dimensions, of features of ``dim``; DataError for one that they lack."""
        dims = [int(part) for part in self.skipped]
        if any(skipped >= dim for skipped in dims):
            raise DataError(f"CMVN: --skip-dims={self.skip_dims}; features of {dim} dimensions")
        return dims


@dataclass(frozen=True)
class OnlineCmvnOptions(CmvnOptions):
    """Options of apply-cmvn-online; counts are in frames."""

    cmn_window: int = field(
        default=600, metadata={"doc": "Number of frames of sliding context for cepstral mean normalization."}
    )
    global_frames: int = field(
        default=200,
        metadata={"doc": "Number of frames of global-average stats to use for first utterance of a speaker"},
    )
    speaker_frames: int = field(
        default=600, metadata={"doc": "Number of frames of previous utterance(s) from this speaker to use"}
    )

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.global_frames <= self.speaker_frames <= self.cmn_window or self.cmn_window < 1:
            raise DataError(
                f"online CMVN: --cmn-window={self.cmn_window} --speaker-frames={self.speaker_frames} "
                f"--global-frames={self.global_frames}; expected 0 <= global <= speaker <= window"
            )


class OnlineCmvn:
    """Normalises the frames of one utterance in order.

    ``features``: (T, F) float32; ``global_stats`` and ``speaker_stats`` (None for a new speaker) fill
    up the window while the utterance has not enough frames of its own.
    """

    def __init__(
        self,
        options: OnlineCmvnOptions,
        global_stats: np.ndarray,
        speaker_stats: np.ndarray | None,
        features: np.ndarray,
    ):
        self.options = options
        self.global_stats = global_stats
        self.speaker_stats = speaker_stats
        self.features = features
        self.position = 0
        rows = 2 if options.norm_vars else 1
        self._sums = np.zeros((rows, features.shape[1]))

    def advance(self, end: int) -> np.ndarray:
        """The normalised frames from where the last call stopped to ``end``, (N, F) float32."""
        start, self.position = self.position, end
        frames = self.features[start:end]
        if not self.options.norm_means or not len(frames):
            return frames
        window = self.options.cmn_window
        counts = np.minimum(np.arange(start, end) + 1, window).astype(np.float64)
        arriving = frames.astype(np.float64)
        leaving = self.features[max(0, start - window) : max(0, end - window)].astype(np.float64)
        stats = []
        for row, sums in enumerate(self._sums):
            change = arriving ** (row + 1)
            change[len(change) - len(leaving) :] -= leaving ** (row + 1)
            change[0] += sums
            stats.append(np.cumsum(change, axis=0))
            self._sums[row] = stats[row][-1]
        self._smooth(counts, stats)
        mean = stats[0] / counts[:, None]
        skipped = self.options.skipped_of(frames.shape[1])
        mean[:, skipped] = 0.0
        if not self.options.norm_vars:
            return frames - mean.astype(np.float32)
        variance = stats[1] / counts[:, None] - mean**2
        variance[:, skipped] = 1.0
        scale = 1.0 / np.sqrt(np.maximum(variance, _FLOOR))
        return frames * scale.astype(np.float32) - (mean * scale).astype(np.float32)

    def _smooth(self, counts: np.ndarray, stats: list[np.ndarray]) -> None:
        """Fill up ``counts`` (N,) and ``stats`` (each (N, F)) to the window: from the speaker, then from everyone."""
        options = self.options
        sources = [(self.global_stats, options.global_frames, np.inf)]
        if self.speaker_stats is not None:
            available = self.speaker_stats[0, -1]
            sources.insert(0, (self.speaker_stats, options.speaker_frames, available))
        for source, most, available in sources:
            taken = np.clip(options.cmn_window - counts, 0.0, min(most, available))
            needing = np.flatnonzero(taken > 0)
            if not len(needing):
                continue
            # Counts only grow along an utterance, so the frames in need are the first ones.
            some = slice(0, needing[-1] + 1)
            share = taken[some, None] / source[0, -1]
            for row, values in enumerate(stats):
                values[some] += share * source[row, :-1]
            counts[some] += taken[some]


def online_cmvn(
    features: np.ndarray, options: OnlineCmvnOptions, global_stats: np.ndarray, speaker_stats: np.ndarray | None = None
) -> np.ndarray:
    """One utterance's features (T, F) normalised online, (T, F) float32. Raises DataError for other dimensions."""
    features = np.asarray(features, np.float32)
    _check_dims(global_stats, features)
    normaliser = OnlineCmvn(options, global_stats, speaker_stats, features)
    normalised = np.empty_like(features)
    for start in range(0, len(features), _BLOCK_FRAMES):
        end = min(start + _BLOCK_FRAMES, len(features))
        normalised[start:end] = normaliser.advance(end)
    return normalised


def apply_cmvn(features: np.ndarray, options: CmvnOptions, stats: np.ndarray, reverse: bool = False) -> np.ndarray:
    """Features (T, F) normalised by statistics such as `add_stats` gives, (T, F) float32.

    ``reverse``: from mean 0 and variance 1 to those of the statistics. Raises DataError for statistics of other
    dimensions or of less than one frame.
    """
    features = np.asarray(features, np.float32)
    if not options.norm_means:
        return features
    _check_dims(stats, features)
    count = stats[0, -1]
    if not count >= 1:
        raise DataError(f"CMVN statistics of {count:g} frames; expected one frame at least")
    skipped = options.skipped_of(features.shape[1])
    mean = stats[0, :-1] / count
    mean[skipped] = 0.0
    scale = np.ones_like(mean)
    if options.norm_vars:
        if len(stats) < 2:
            raise DataError("CMVN statistics without those of the variance; --norm-vars=true needs them")
        variance = np.maximum(stats[1, :-1] / count - mean**2, _FLOOR)
        variance[skipped] = 1.0
        scale = np.sqrt(variance) if reverse else 1.0 / np.sqrt(variance)
    offset = mean if reverse else -mean * scale
    return features * scale.astype(np.float32) + offset.astype(np.float32)


def check_stats(stats: np.ndarray, name: str) -> np.ndarray:
    """Global statistics as float64, (2, F + 1); raises DataError, naming their file, where they are unusable."""
    stats = np.asarray(stats, np.float64)
    if stats.ndim != 2 or stats.shape[0] != 2 or stats.shape[1] < 2:
        shape = " x ".join(map(str, stats.shape))
        raise DataError(f"{name}: {shape}; expected 2 rows, a column a dimension and the count")
    if not np.isfinite(stats).all() or stats[0, -1] <= 0:
        raise DataError(f"{name}: count {stats[0, -1]:g}; expected finite sums of some frames")
    return stats


def _check_dims(stats: np.ndarray, features: np.ndarray) -> None:
    if features.ndim != 2 or stats.shape[1] - 1 != features.shape[1]:
        shape = " x ".join(map(str, features.shape))
        raise DataError(f"CMVN statistics of {stats.shape[1] - 1} dimensions, features of {shape}; expected the same")


def add_stats(stats: np.ndarray | None, features: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Statistics (2, F + 1) float64 with all of an utterance's frames (T, F) added, each by its weight (T,)."""
    total = np.zeros((2, features.shape[1] + 1)) if stats is None else stats.copy()
    for start in range(0, len(features), _BLOCK_FRAMES):
        frames = features[start : start + _BLOCK_FRAMES].astype(np.float64)
        weight = np.ones(len(frames)) if weights is None else weights[start : start + len(frames)].astype(np.float64)
        total[0, :-1] += (weight[:, None] * frames).sum(axis=0)
        total[1, :-1] += (weight[:, None] * np.square(frames)).sum(axis=0)
        total[0, -1] += weight.sum()
    return total
