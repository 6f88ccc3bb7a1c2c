"""nnet3-latgen-faster: features through a network and a decoding graph to lattices, words and alignments."""

import dataclasses
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.commands.lattice_best_path import spoken_words
from pysed.kaldi.commands.nnet3_compute import IvectorTable as Ivectors
from pysed.kaldi.decode import Decoded, DecoderOptions
from pysed.kaldi.lattice_tables import COMPACT, PLAIN
from pysed.kaldi.messages import log, verbose_log, warn
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.options import OptionParser
from pysed.kaldi.phones import read_symbols
from pysed.kaldi.recogniser import Recogniser
from pysed.kaldi.tables import TableWriter, is_table, matrices

_USAGE = """Generate lattices using nnet3 neural net model; here a lattice is the best path alone.
Usage: nnet3-latgen-faster [options] <nnet-in> <fst-in> <features-rspecifier> <lattice-wspecifier> \
[ <words-wspecifier> [<alignments-wspecifier>] ]
 e.g.: nnet3-latgen-faster --acoustic-scale=1.0 final.mdl HCLG.fst scp:feats.scp ark:lat.ark"""

# Options of Kaldi that shape what is around the best path; taken, and without effect on it.
_NO_EFFECT = "no effect here, where a lattice is the best path"
_LATTICE_OPTIONS: tuple[tuple[str, bool | int | float, str], ...] = (
    ("lattice-beam", 10.0, f"Lattice generation beam ({_NO_EFFECT})"),
    ("prune-interval", 25, f"Interval (in frames) at which to prune tokens ({_NO_EFFECT})"),
    ("delta", 0.000976562, f"Tolerance used in determinization ({_NO_EFFECT})"),
    ("max-mem", 50000000, f"Memory for determinization ({_NO_EFFECT})"),
    ("phone-determinize", True, f"Determinize on phones and words first ({_NO_EFFECT})"),
    ("word-determinize", True, f"Determinize on words ({_NO_EFFECT})"),
    ("minimize", False, f"Push and minimize after determinization ({_NO_EFFECT})"),
)


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code, 1 where no utterance could be decoded."""
    parser = OptionParser("nnet3-latgen-faster", _USAGE)
    parser.register_struct(dataclasses.replace(ChunkOptions(), online_ivector_period=0))
    parser.register_struct(DecoderOptions)
    for name, default, doc in _LATTICE_OPTIONS:
        parser.register(name, default, doc)
    parser.register("acoustic-scale", 0.1, "Scaling factor for acoustic log-likelihoods")
    parser.register("determinize-lattice", True, "If false, write the lattice state by state, not as compact lattice")
    parser.register("allow-partial", False, "If true, produce output even if end state was not reached.")
    parser.register("word-symbol-table", "", "Symbol table for words [for debug output]")
    parser.register("ivectors", "", "Rspecifier for iVectors as vectors, per utterance or, with --utt2spk, per speaker")
    parser.register("utt2spk", "", "Rspecifier for utt2spk option used to get ivectors per speaker")
    parser.register("online-ivectors", "", "Rspecifier for iVectors estimated online, as matrices")
    options, arguments = parser.parse(argv, range(4, 7))
    model_name, graph_name, features, target = arguments[:4]
    if options.online_ivectors and options.ivectors:
        raise DataError("command line: --ivectors and --online-ivectors exclude each other")
    if options.online_ivectors and options.online_ivector_period <= 0:
        raise DataError("command line: --online-ivectors needs --online-ivector-period")
    if is_table(graph_name):
        raise DataError(f"{graph_name}: a table of graphs is not supported; give one graph for all utterances")
    symbols = read_symbols(options.word_symbol_table) if options.word_symbol_table else None
    recogniser = _load(parser, options, model_name, graph_name)

    started, tally = time.monotonic(), _Tally()
    with ExitStack() as stack:
        tables = [stack.enter_context(TableWriter(target, COMPACT if options.determinize_lattice else PLAIN))]
        tables += [stack.enter_context(TableWriter(name, "int_vector")) for name in arguments[4:] if name]
        names = ["lattice", *(n for n, given in zip(("words", "alignment"), arguments[4:], strict=False) if given)]
        for key, feats, ivectors in _inputs(features, options, tally):
            try:
                decoded = recogniser.decode(feats, ivectors)
            except DataError as error:
                raise DataError(f"utterance {key}: {error}") from None
            if decoded is None or not (decoded.final or options.allow_partial):
                reason = "" if decoded is None else " since no final-state reached and --allow-partial=false"
                warn(f"Not producing output for utterance {key}{reason or ': no path of its length is left'}")
                tally.failed += 1
                continue
            if not decoded.final:
                warn(f"Outputting partial output for utterance {key} since no final-state reached")
            if symbols is not None:
                print(key, *spoken_words(decoded.words, symbols), file=sys.stderr)
            for name, table in zip(names, tables, strict=True):
                table.write(key, getattr(decoded, name))
            tally.add(key, decoded)
    tally.report(time.monotonic() - started, options.frame_subsampling_factor)
    return 0 if tally.done else 1


def _load(parser: OptionParser, options: Any, model_name: str, graph_name: str) -> Recogniser:
    settings = parser.build(DecoderOptions, options)
    settings.check()
    chunks = parser.build(ChunkOptions, options)
    if not options.online_ivectors:
        chunks = dataclasses.replace(chunks, online_ivector_period=1)
    return Recogniser(model_name, graph_name, chunks, settings, options.acoustic_scale)


def _inputs(features: str, options: Any, tally: "_Tally") -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """(utterance, features, i-vectors) of all that have both; the others are counted as failed."""
    ivectors = Ivectors(options)
    for key, feats in matrices(features):
        if len(feats) == 0:
            warn(f"Zero-length utterance: {key}")
            tally.failed += 1
            continue
        try:
            ivector = ivectors[key]
        except KeyError:
            warn(f"No {'online ' if options.online_ivectors else ''}iVector available for utterance {key}")
            tally.failed += 1
            continue
        yield key, feats, ivector


@dataclasses.dataclass
class _Tally:
    """What was decoded, for the log."""

    done: int = 0
    failed: int = 0
    frames: int = 0
    likelihood: float = 0.0

    def add(self, key: str, decoded: Decoded) -> None:
        """One utterance more."""
        frames = len(decoded.alignment)
        log(f"Log-like per frame for utterance {key} is {decoded.likelihood / frames:g} over {frames} frames.")
        verbose_log(2, f"Cost for utterance {key} is {-decoded.likelihood:g}")
        self.done += 1
        self.frames += frames
        self.likelihood += decoded.likelihood

    def report(self, elapsed: float, subsampling: int) -> None:
        """The last lines of the log."""
        factor = elapsed * 100 / max(self.frames * subsampling, 1)
        log(f"Time taken {elapsed:.3g}s: real-time factor assuming 100 frames/sec is {factor:.3g}")
        log(f"Done {self.done} utterances, failed for {self.failed}")
        mean = self.likelihood / max(self.frames, 1)
        log(f"Overall log-likelihood per frame is {mean:g} over {self.frames} frames.")
