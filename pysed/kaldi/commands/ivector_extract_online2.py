"""ivector-extract-online2: online i-vectors of every speaker's utterances.

Source: Kaldi ``src/online2bin/ivector-extract-online2.cc``.
"""

import math
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.ivector import Diagnostics, IvectorExtractor, IvectorOptions
from pysed.kaldi.messages import log, verbose_log, warn
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import RandomAccess, TableWriter, tokens

_USAGE = """Extract iVectors for utterances every --ivector-period frames, using a trained iVector extractor.
The input features are the raw, non-cepstral-mean-normalized features, e.g. MFCC. The output is an archive
of matrices by utterance, a row for each iVector, or with --repeat=true a row for each frame.
The adaptation state is carried along a speaker's utterances; for none give each utterance as its own speaker.

Usage:  ivector-extract-online2 [options] <spk2utt-rspecifier> <feature-rspecifier> <ivector-wspecifier>
e.g.:
  ivector-extract-online2 --config=conf/ivector_extractor.conf \\
    ark:data/train/spk2utt scp:data/train/feats.scp ark,t:ivectors.1.ark"""


def main(argv: list[str]) -> int:
    """Run the command; returns its exit code, 1 where no utterance could be done."""
    parser = OptionParser("ivector-extract-online2", _USAGE)
    parser.register_struct(IvectorOptions)
    parser.register("num-threads", 8, "Number of threads in Kaldi's start-up; accepted, makes no difference here")
    parser.register("repeat", False, "If true, output the same number of iVectors as input frames")
    parser.register("frame-weights-rspecifier", "", "Archive of frame weights to scale stats")
    parser.register("length-tolerance", 0, "Tolerance on the difference in number of frames for feats and weights")
    values, (spk2utt, feats, output) = parser.parse(argv, 3)
    options = parser.build(IvectorOptions, values)
    if options.greedy_ivector_extractor:
        warn("--greedy-ivector-extractor=true implies --use-most-recent-ivector=true")
    extractor = IvectorExtractor.load(replace(options, use_most_recent_ivector=options.greedy_ivector_extractor))
    totals = _Totals()
    with ExitStack() as stack:
        features = stack.enter_context(RandomAccess(feats, "matrix"))
        weights = None
        if values.frame_weights_rspecifier:
            weights = stack.enter_context(RandomAccess(values.frame_weights_rspecifier, "vector"))
        writer = stack.enter_context(TableWriter(output, "matrix"))
        for speaker, utterances in tokens(spk2utt):
            state = extractor.new_state()
            for utterance in utterances:
                if utterance not in features:
                    totals.skip(f"Did not find audio for utterance {utterance}")
                    continue
                frames = _usable(features[utterance], extractor.feature_dim, totals)
                if not len(frames):
                    totals.skip(f"{utterance}: no frames")
                    continue
                weight = None
                if weights is not None:
                    if utterance not in weights:
                        totals.skip(f"Did not find weights for utterance {utterance}")
                        continue
                    weight = _fitted(weights[utterance], len(frames), values.length_tolerance)
                    if weight is None:
                        found = len(weights[utterance])
                        totals.skip(f"{utterance}: {found} weights, {len(frames)} frames; see --length-tolerance")
                        continue
                report = Diagnostics()
                try:
                    ivectors = extractor.extract(
                        frames, state, repeat=values.repeat, frame_weights=weight, diagnostics=report
                    )
                except DataError as error:
                    raise DataError(f"{utterance}: {error}") from None
                totals.add(speaker, utterance, len(frames), ivectors, report)
                writer.write(utterance, ivectors)
    return totals.finish(extractor.model.ivector_dim)


def _usable(features: np.ndarray, expected_dim: int, totals: "_Totals") -> np.ndarray:
    """Features without the three of pitch that may follow those expected."""
    if features.shape[1] != expected_dim + 3:
        return features
    if not totals.warned_dim:
        warn("Feature dimension is too large by 3, assuming there are pitch features and removing the last 3 dims.")
        totals.warned_dim = True
    return features[:, :expected_dim]


def _fitted(weights: np.ndarray, num_frames: int, tolerance: int) -> np.ndarray | None:
    """Weights (T,) for T frames, zeros where they end early; None if their number differs by too much."""
    if abs(len(weights) - num_frames) > tolerance:
        return None
    fitted = np.zeros(num_frames, np.float32)
    fitted[: len(weights)] = weights[:num_frames]
    return fitted


class _Totals:
    """What the closing messages tell."""

    def __init__(self) -> None:
        self.warned_dim = False
        self.num_done = self.num_errors = self.frames = 0
        self.improvement = self.length = self.final_length = 0.0

    def skip(self, message: str) -> None:
        warn(message)
        self.num_errors += 1

    def add(self, speaker: str, utterance: str, frames: int, ivectors: np.ndarray, report: Diagnostics) -> None:
        lengths = np.linalg.norm(ivectors, axis=1)
        self.num_done += 1
        self.frames += frames
        self.improvement += frames * report.objective_change
        self.length += frames * float(lengths.mean())
        self.final_length += frames * float(lengths[-1])
        verbose_log(
            2,
            f"For utterance {utterance} of speaker {speaker}, UBM loglike/frame was {report.log_likelihood:g}, "
            f"iVector length (at utterance end) was {lengths[-1]:g}, objf improvement/frame from iVector estimation "
            f"was {report.objective_change:g}",
        )

    def finish(self, ivector_dim: int) -> int:
        frames = self.frames or math.nan
        log(f"Estimated iVectors for {self.num_done} files, {self.num_errors} with errors.")
        log(
            f"Average objective-function improvement was {self.improvement / frames:g} per frame, over "
            f"{self.frames} frames (weighted)."
        )
        log(
            f"Average iVector length was {self.length / frames:g} and at utterance-end was "
            f"{self.final_length / frames:g}, over {self.frames} frames (weighted);  expected length is "
            f"{math.sqrt(ivector_dim):g}"
        )
        return 0 if self.num_done else 1
