"""Online i-vectors: features → one i-vector every so many frames, adapted along a speaker's utterances.

Source: Kaldi ``src/online2/online-ivector-feature.cc``.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.cmvn import OnlineCmvn, OnlineCmvnOptions, add_stats, check_stats
from pysed.kaldi.estimation import IvectorStats, follow
from pysed.kaldi.extractor import ExtractorModel, read_extractor
from pysed.kaldi.gmm import DiagGmm, prune_posteriors, read_diag_gmm
from pysed.kaldi.options import read_struct
from pysed.kaldi.splice import SpliceOptions, Transform, splice_frames
from pysed.kaldi.tables import read_object
from pysed.native import libraries

_BLOCK_FRAMES = 2048
_BLOCK_BYTES = 1 << 25


@dataclass(frozen=True)
class IvectorOptions:
    """Options of ivector-extract-online2 that concern the extraction; files may be extended names."""

    lda_matrix: str = field(default="", metadata={"doc": "Filename of LDA matrix, e.g. final.mat"})
    global_cmvn_stats: str = field(default="", metadata={"doc": "(Extended) filename for global CMVN stats"})
    cmvn_config: str = field(default="", metadata={"doc": "Configuration file for online CMVN features"})
    online_cmvn_iextractor: bool = field(
        default=False, metadata={"doc": "Give the extractor the features with online CMVN, as the UBM gets them"}
    )
    splice_config: str = field(
        default="", metadata={"doc": "Configuration file for frame splicing (--left-context and --right-context)"}
    )
    diag_ubm: str = field(default="", metadata={"doc": "Filename of diagonal UBM used for posteriors, e.g. final.dubm"})
    ivector_extractor: str = field(default="", metadata={"doc": "Filename of iVector extractor, e.g. final.ie"})
    ivector_period: int = field(default=10, metadata={"doc": "Frequency with which we extract iVectors, in frames"})
    num_gselect: int = field(default=5, metadata={"doc": "Number of Gaussians to select"})
    min_post: float = field(default=0.025, metadata={"doc": "Threshold for posterior pruning"})
    posterior_scale: float = field(default=0.1, metadata={"doc": "Scale for posteriors (inverse of prior scale)"})
    max_count: float = field(
        default=0.0, metadata={"doc": "Count (frames times posterior-scale) above which the prior is scaled up, if > 0"}
    )
    use_most_recent_ivector: bool = field(
        default=True, metadata={"doc": "Ignored here: each frame has its own iVector unless extraction is greedy"}
    )
    greedy_ivector_extractor: bool = field(
        default=False, metadata={"doc": "Read the whole utterance before the first iVector"}
    )
    max_remembered_frames: float = field(
        default=1000.0, metadata={"doc": "Frames of adaptation history carried to a speaker's later utterances"}
    )

    def __post_init__(self):
        for name, good, expected in (
            ("ivector_period", self.ivector_period > 0, "a positive number"),
            ("num_gselect", self.num_gselect > 0, "a positive number"),
            ("min_post", 0 <= self.min_post < 0.5, "at least 0 and below 0.5"),
            ("posterior_scale", 0 < self.posterior_scale <= 1, "above 0 and at most 1"),
            ("max_count", 0 <= self.max_count < math.inf, "0 or more"),
            ("max_remembered_frames", 0 <= self.max_remembered_frames < math.inf, "0 or more"),
        ):
            if not good:
                raise DataError(f"--{name.replace('_', '-')}={getattr(self, name)}: expected {expected}")


class AdaptationState:
    """What a speaker's utterances leave behind for the next one."""

    def __init__(self, stats: IvectorStats):
        self.ivector_stats = stats
        self.cmvn_stats: np.ndarray | None = None

    def limit(self, max_remembered_frames: float, posterior_scale: float) -> None:
        """Forget what is beyond so many frames."""
        if self.cmvn_stats is not None and self.cmvn_stats[0, -1] > max_remembered_frames:
            self.cmvn_stats *= max_remembered_frames / self.cmvn_stats[0, -1]
        self.ivector_stats.limit(max_remembered_frames * posterior_scale)


@dataclass
class Diagnostics:
    """How one utterance went: per frame the UBM's log-likelihood and the gain of its last i-vector over the prior."""

    log_likelihood: float = 0.0
    objective_change: float = 0.0


class IvectorExtractor:
    """Extracts online i-vectors; make one with `load` or `build`.

    ``extract(features)`` does one utterance; to adapt along a speaker's utterances give each the same
    ``state``, first made by `new_state`.
    """

    def __init__(
        self,
        options: IvectorOptions,
        *,
        transform: np.ndarray,
        global_stats: np.ndarray,
        cmvn: OnlineCmvnOptions,
        splicing: SpliceOptions,
        ubm: DiagGmm,
        model: ExtractorModel,
    ):
        self.options, self.cmvn, self.splicing, self.ubm, self.model = options, cmvn, splicing, ubm, model
        self.global_stats = check_stats(global_stats, options.global_cmvn_stats or "global CMVN stats")
        self.transform = Transform(transform, self.feature_dim * splicing.width, options.lda_matrix or "LDA matrix")
        dims = (len(self.transform.offset), ubm.dim, model.feature_dim)
        if len(set(dims)) > 1:
            raise DataError(f"dimensions of LDA matrix, UBM and extractor: {dims}; expected the same, of one model")
        if ubm.num_gauss > model.num_gauss:
            raise DataError(f"UBM of {ubm.num_gauss} Gaussians, extractor of {model.num_gauss}; expected one model's")

    @classmethod
    def load(cls, source: str | os.PathLike | IvectorOptions) -> "IvectorExtractor":
        """From a configuration file as ``ivector-extract-online2 --config`` reads it, or from options."""
        if not isinstance(source, IvectorOptions):
            source = read_struct(IvectorOptions(), os.fspath(source))
        for item in (
            "lda_matrix",
            "global_cmvn_stats",
            "cmvn_config",
            "splice_config",
            "diag_ubm",
            "ivector_extractor",
        ):
            if not getattr(source, item):
                raise DataError(f"--{item.replace('_', '-')}: must be given (in the file given as --config, perhaps)")
        cmvn = read_struct(OnlineCmvnOptions(), source.cmvn_config)
        return cls.build(source, cmvn, read_struct(SpliceOptions(), source.splice_config))

    @classmethod
    def build(cls, options: IvectorOptions, cmvn: OnlineCmvnOptions, splicing: SpliceOptions) -> "IvectorExtractor":
        """From options, those of the files that they name for CMVN and splicing given as well."""
        return cls(
            options,
            transform=read_object(options.lda_matrix).matrix(),
            global_stats=read_object(options.global_cmvn_stats).matrix(),
            cmvn=cmvn,
            splicing=splicing,
            ubm=read_diag_gmm(read_object(options.diag_ubm)),
            model=read_extractor(read_object(options.ivector_extractor)),
        )

    @property
    def feature_dim(self) -> int:
        """Dimension of the features taken, before splicing."""
        return self.global_stats.shape[1] - 1

    def new_state(self) -> AdaptationState:
        """The state of a speaker of whom nothing is known."""
        return AdaptationState(IvectorStats(self.model, self.options.max_count))

    def extract(
        self,
        features: np.ndarray,
        state: AdaptationState | None = None,
        *,
        repeat: bool = False,
        frame_weights: np.ndarray | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> np.ndarray:
        """The i-vectors of one utterance, (ceil(T / period), S) float32, the prior's mean taken off.

        ``features``: (T, F), not normalised. ``state`` is brought up to date. ``repeat``: a row for
        every frame, (T, S). ``frame_weights``: (T,), how much each frame counts. Raises DataError for
        features of another dimension, none at all, or that are not finite.
        """
        features = np.asarray(features, np.float32)
        if features.ndim != 2 or features.shape[1] != self.feature_dim or not len(features):
            raise DataError(f"features of shape {features.shape}; expected frames of {self.feature_dim} dimensions")
        state = self.new_state() if state is None else state
        total, period, greedy = len(features), self.options.ivector_period, self.options.greedy_ivector_extractor
        num_ivectors = -(-total // period)
        # Without a row for each frame, the frames after the last i-vector's are never asked for.
        end = total if greedy or repeat else (num_ivectors - 1) * period + 1
        rows = np.empty((num_ivectors, self.model.ivector_dim), np.float32)
        ivector = np.zeros(self.model.ivector_dim)
        ivector[0] = self.model.prior_offset
        stats, log_likelihood, row = state.ivector_stats, 0.0, 0
        with np.errstate(over="ignore", invalid="ignore"):
            for wanted, occupancy, linear, gain in self._groups(features, state.cmvn_stats, frame_weights, end):
                found = follow(stats, self.model, occupancy, linear, wanted, ivector)
                rows[row : row + len(found)] = found
                row += len(found)
                log_likelihood += gain
            if greedy:
                ivector = stats.estimate(ivector)
                rows[:] = ivector
        if not np.isfinite(rows).all():
            raise DataError("an i-vector is not a number; expected features of the kind the extractor was trained on")
        rows[:, 0] -= self.model.prior_offset
        if diagnostics is not None:
            seen = stats.num_frames / self.options.posterior_scale
            diagnostics.log_likelihood = log_likelihood / seen if seen else 0.0
            diagnostics.objective_change = stats.objective_change(ivector)
        state.cmvn_stats = add_stats(state.cmvn_stats, features)
        state.limit(self.options.max_remembered_frames, self.options.posterior_scale)
        return rows[np.arange(total) // period] if repeat else rows

    def _groups(
        self, features: np.ndarray, speaker: np.ndarray | None, frame_weights: np.ndarray | None, end: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
        """Block by block, statistics of the P periods (the block's end closes one): whether its last frame has an
        i-vector (P,), occupancy (P, G), linear term (P, S), and the block's summed log-likelihood.
        """
        total, period, greedy = len(features), self.options.ivector_period, self.options.greedy_ivector_extractor
        normaliser = OnlineCmvn(self.cmvn, self.global_stats, speaker, features)
        groups_per_block = max(1, _BLOCK_BYTES // (8 * self.model.precisions.shape[1]))
        block = _BLOCK_FRAMES if greedy else min(_BLOCK_FRAMES, groups_per_block * period)
        window, first = normaliser.advance(0), 0
        for start in range(0, end, block):
            stop = min(start + block, end)
            reach, needed = min(stop + self.splicing.right_context, total), max(0, start - self.splicing.left_context)
            window = np.concatenate([window[needed - first :], normaliser.advance(reach)])
            first = needed
            normalised = self._transformed(window, first, start, stop, total)
            plain = normalised
            if not self.options.online_cmvn_iextractor:
                plain = self._transformed(features[first:reach], first, start, stop, total)
            weights = None if frame_weights is None else frame_weights[start:stop]
            chosen, posteriors, gain = self._posteriors(normalised, weights)
            bounds = np.arange(start + -start % period, stop, period) if not greedy else np.zeros(0, int)
            if not len(bounds) or bounds[-1] != stop - 1:
                bounds = np.append(bounds, stop - 1)
            groups = np.searchsorted(bounds, np.arange(start, stop))
            wanted = bounds % period == 0 if not greedy else np.zeros(1, bool)
            yield wanted, *self._accumulate(plain, chosen, posteriors, groups, len(bounds)), gain

    def _transformed(self, rows: np.ndarray, first: int, start: int, stop: int, total: int) -> np.ndarray:
        return self.transform(splice_frames(rows, first, start, stop, total, self.splicing))

    def _posteriors(self, features: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, float]:
        """Gaussians (N, K) and their scaled and weighted posteriors, and the summed log-likelihood."""
        options = self.options
        min_post: float | np.ndarray = options.min_post
        scale = np.ones((len(features), 1), np.float32)
        if weights is not None:
            # A light frame is not worth small posteriors; from 0.99 on only its best Gaussian is left.
            scale = np.asarray(weights, np.float32)[:, None]
            with np.errstate(divide="ignore", invalid="ignore"):
                min_post = np.minimum(np.nan_to_num(options.min_post / np.abs(scale[:, 0]), nan=0.99), 0.99)
        chosen, posteriors, values = prune_posteriors(self.ubm.log_likelihoods(features), options.num_gselect, min_post)
        posteriors *= np.float32(options.posterior_scale) * scale
        return chosen, posteriors, float(values @ scale[:, 0])

    def _accumulate(
        self, features: np.ndarray, chosen: np.ndarray, posteriors: np.ndarray, groups: np.ndarray, num_groups: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Per group of frames: occupancy (P, G), linear term (P, S)."""
        model = self.model
        occupancy = np.zeros((num_groups, model.num_gauss))
        linear = np.zeros((num_groups, model.ivector_dim))
        native = libraries.ivector()
        if native is not None:
            sizes = *chosen.shape, *occupancy.shape, model.feature_dim, model.ivector_dim
            scratch = np.zeros(occupancy.shape, np.int64), np.empty((chosen.size, model.feature_dim))
            inputs = features, chosen, posteriors, groups, model.projections
            native.call("accumulate", *inputs, *sizes, occupancy, linear, *scratch)
            return occupancy, linear
        frames, ranks = np.nonzero(posteriors)
        keys = chosen[frames, ranks] * num_groups + groups[frames]
        order = np.argsort(keys, kind="stable")
        frames, keys, weights = frames[order], keys[order], posteriors[frames, ranks][order].astype(np.float64)
        if not len(keys):
            return occupancy, linear
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        gauss, group = np.divmod(keys[starts], num_groups)
        sums = np.add.reduceat(weights[:, None] * features[frames], starts, axis=0)
        occupancy[group, gauss] = np.add.reduceat(weights, starts)
        edges = np.flatnonzero(np.diff(gauss, prepend=-1, append=model.num_gauss)).tolist()
        for begin, stop in zip(edges, edges[1:], strict=False):
            # Groups are distinct within one Gaussian, so plain indexing adds them all.
            linear[group[begin:stop]] += sums[begin:stop] @ model.projections[gauss[begin]]
        return occupancy, linear
