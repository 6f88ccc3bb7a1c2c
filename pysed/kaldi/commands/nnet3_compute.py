"""nnet3-compute: features through a network."""

import dataclasses
import time
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.holders import MatrixBlocks
from pysed.kaldi.messages import log, warn
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.model import Nnet
from pysed.kaldi.nnet3.reader import read_model, read_nnet
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import RandomAccess, TableWriter, matrices, read_object, tokens

USAGE = """Propagate the features through raw neural network model and write the output.
If --apply-exp=true, apply the Exp() function to the output before writing it out.

Usage: nnet3-compute [options] <nnet-in> <features-rspecifier> <matrix-wspecifier>
 e.g.: nnet3-compute final.raw scp:feats.scp ark:nnet_prediction.ark
"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code: 1 where no utterance could be done."""
    parser = _parser()
    options, (model_name, features, target) = parser.parse(argv, 3)
    if options.online_ivectors and options.ivectors:
        raise DataError("command line: --ivectors and --online-ivectors exclude each other")
    if options.online_ivectors and options.online_ivector_period <= 0:
        raise DataError("command line: --online-ivectors needs --online-ivector-period")
    chunks = parser.build(ChunkOptions, options)
    if not options.online_ivectors:
        chunks = dataclasses.replace(chunks, online_ivector_period=1)

    nnet, priors = _network(model_name, options.use_priors)
    from pysed.kaldi.nnet3.evaluate import NnetComputer

    computer = NnetComputer(nnet, "output", chunks)
    if computer.frames_per_chunk != chunks.frames_per_chunk:
        log(f"Increasing --frames-per-chunk from {chunks.frames_per_chunk} to {computer.frames_per_chunk}")

    def finish(block: np.ndarray) -> np.ndarray:
        if priors is not None:
            block = block - priors
        if options.acoustic_scale != 1.0:
            block = block * np.float32(options.acoustic_scale)
        return np.exp(block) if options.apply_exp else block

    ivectors = IvectorTable(options)
    started, frames, done, failed = time.monotonic(), 0, 0, 0
    with TableWriter(target, "matrix") as table:
        for key, feats in matrices(features):
            if len(feats) == 0:
                warn(f"Zero-length utterance: {key}")
                failed += 1
                continue
            try:
                ivector = ivectors[key]
            except KeyError:
                warn(f"No iVector available for utterance {key}")
                failed += 1
                continue
            shape = (computer.num_outputs(len(feats)), computer.output_dim)
            blocks = map(finish, computer.blocks(feats, ivector))
            try:
                table.write(key, MatrixBlocks(shape, blocks))
            except DataError as error:
                raise DataError(f"utterance {key}: {error}") from None
            frames += len(feats)
            done += 1
    elapsed = time.monotonic() - started
    factor = elapsed * 100 / max(frames, 1)
    log(f"Time taken {elapsed:.3g}s: real-time factor assuming 100 frames/sec is {factor:.3g}")
    log(f"Done {done} utterances, failed for {failed}")
    return 0 if done else 1


def _parser() -> OptionParser:
    parser = OptionParser("nnet3-compute", USAGE)
    parser.register_struct(dataclasses.replace(ChunkOptions(), online_ivector_period=0))
    parser.register("acoustic-scale", 1.0, "Scaling factor for the output")
    parser.register("ivectors", "", "Rspecifier for iVectors as vectors, per utterance or, with --utt2spk, per speaker")
    parser.register("utt2spk", "", "Rspecifier for utt2spk option used to get ivectors per speaker")
    parser.register("online-ivectors", "", "Rspecifier for iVectors estimated online, as matrices")
    parser.register("apply-exp", False, "If true, apply exp function to output")
    parser.register("use-gpu", "yes", "yes|no|optional|wait, has no effect here")
    parser.register("use-priors", False, "If true, subtract the logs of the priors stored with the model (a .mdl file)")
    return parser


def _network(name: str, use_priors: bool) -> tuple[Nnet, np.ndarray | None]:
    """The network of a file, and the logs of the priors stored with it where they are wanted."""
    if not use_priors:
        return read_nnet(read_object(name)), None
    model = read_model(read_object(name))
    if not len(model.priors):
        return model.nnet, None
    if len(model.priors) != model.nnet.output_dim():
        raise DataError(f"{name}: {len(model.priors)} priors for an output of width {model.nnet.output_dim()}")
    with np.errstate(divide="ignore", invalid="ignore"):
        return model.nnet, np.log(model.priors.astype(np.float32))


class IvectorTable:
    """The i-vectors of an utterance by its key: (P, I), (I,), or None where no table was given."""

    def __init__(self, options: Any):
        self.table = None
        self.speakers: dict[str, str] | None = None
        if options.online_ivectors:
            self.table = RandomAccess(options.online_ivectors, "matrix")
        elif options.ivectors:
            self.table = RandomAccess(options.ivectors, "vector")
            if options.utt2spk:
                self.speakers = {key: words[0] for key, words in tokens(options.utt2spk) if words}

    def __getitem__(self, key: str) -> np.ndarray | None:
        if self.table is None:
            return None
        name = key if self.speakers is None else self.speakers[key]
        if name not in self.table:
            raise KeyError(name)
        return self.table[name]
