"""apply-cmvn: features normalised by statistics, of each utterance, of each speaker or of everything.

Source: Kaldi ``src/featbin/apply-cmvn.cc``.
"""

from contextlib import ExitStack

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.cmvn import CmvnOptions, apply_cmvn
from pysed.kaldi.messages import log, warn
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import RandomAccess, TableWriter, is_table, matrices, read_object

_USAGE = """Apply cepstral mean and (optionally) variance normalization
Per-utterance by default, or per-speaker if utt2spk option provided
Usage: apply-cmvn [options] (<cmvn-stats-rspecifier>|<cmvn-stats-rxfilename>) <feats-rspecifier> <feats-wspecifier>
e.g.: apply-cmvn --utt2spk=ark:data/train/utt2spk scp:data/train/cmvn.scp scp:data/train/feats.scp ark:-"""


def main(argv: list[str]) -> int:
    """Run the command; returns its exit code, 1 where no utterance could be done."""
    parser = OptionParser("apply-cmvn", _USAGE)
    parser.register_struct(CmvnOptions)
    parser.register("utt2spk", "", "Rspecifier for utterance to speaker map")
    parser.register("reverse", False, "If true, from zero mean and unit variance to those of the statistics")
    values, (source, feats, output) = parser.parse(argv, 3)
    options = parser.build(CmvnOptions, values)
    if values.utt2spk and not is_table(source):
        raise DataError(
            f"--utt2spk={values.utt2spk}: not with one file of statistics, {source} (a table is ark:{source})"
        )
    num_errors = 0
    with ExitStack() as stack:
        writer = stack.enter_context(TableWriter(output, "matrix"))
        find = _statistics(stack, source, values.utt2spk) if options.norm_means else lambda _: np.zeros((2, 0))
        for utterance, features in matrices(feats):
            stats = find(utterance)
            if stats is None:
                warn(f"No normalization statistics available for key {utterance}, producing no output for it")
                num_errors += 1
                continue
            try:
                writer.write(utterance, apply_cmvn(features, options, stats, values.reverse))
            except DataError as error:
                raise DataError(f"{utterance}: {error}") from None
        log(f"Applied cepstral mean normalization to {writer.count} utterances, errors on {num_errors}")
    return 0 if writer.count else 1


def _statistics(stack: ExitStack, source: str, utt2spk: str):
    """The function from an utterance to its statistics, None where there are none."""
    if not is_table(source):
        stats = read_object(source).matrix().astype(np.float64)
        return lambda _: stats
    table = stack.enter_context(RandomAccess(source, "double_matrix"))
    speakers = stack.enter_context(RandomAccess(utt2spk, "token")) if utt2spk else None

    def find(utterance: str) -> np.ndarray | None:
        if speakers is not None and utterance not in speakers:
            return None
        key = utterance if speakers is None else speakers[utterance]
        return table[key] if key in table else None  # noqa: SIM401

    return find
