"""compute-cmvn-stats: sums and sums of squares of features, of each utterance, of each speaker or of everything.

Source: Kaldi ``src/featbin/compute-cmvn-stats.cc``.
"""

from contextlib import ExitStack

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.cmvn import add_stats
from pysed.kaldi.messages import log, warn
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import RandomAccess, TableWriter, is_wspecifier, matrices, tokens, write_kind

_USAGE = """Compute cepstral mean and variance normalization statistics
If wspecifier provided: per-utterance by default, or per-speaker if spk2utt option provided; if wxfilename: global
Usage: compute-cmvn-stats [options] <feats-rspecifier> (<stats-wspecifier>|<stats-wxfilename>)
e.g.: compute-cmvn-stats --spk2utt=ark:data/train/spk2utt scp:data/train/feats.scp ark,scp:cmvn.ark,cmvn.scp"""


def main(argv: list[str]) -> int:
    """Run the command; returns its exit code, 1 where no utterance could be counted."""
    parser = OptionParser("compute-cmvn-stats", _USAGE)
    parser.register("spk2utt", "", "Rspecifier for speaker to utterance-list map")
    parser.register("binary", True, "Write in binary mode (applies only to global CMN/CVN)")
    parser.register("weights", "", "Rspecifier for a vector of floats for each utterance, that's a per-frame weight")
    values, (feats, output) = parser.parse(argv, 2)
    to_table = is_wspecifier(output)
    if values.spk2utt and not to_table:
        raise DataError(f"--spk2utt={values.spk2utt}: not with one file, {output} (a table is ark:{output})")
    with ExitStack() as stack:
        sums = _Sums(stack.enter_context(RandomAccess(values.weights, "vector")) if values.weights else None)
        if not to_table:
            stats = None
            for utterance, features in matrices(feats):
                stats = sums.add(stats, utterance, features)
            write_kind(output, "matrix", np.zeros((0, 0)) if stats is None else stats.astype(np.float32), values.binary)
            log(f"Wrote global CMVN stats to {output}")
        else:
            writer = stack.enter_context(TableWriter(output, "double_matrix"))
            if values.spk2utt:
                _by_speaker(stack, feats, values.spk2utt, sums, writer)
            else:
                for utterance, features in matrices(feats):
                    stats = sums.add(None, utterance, features)
                    if stats is not None:
                        writer.write(utterance, stats)
    log(f"Done accumulating CMVN stats for {sums.num_done} utterances; {sums.num_errors} had errors.")
    return 0 if sums.num_done else 1


def _by_speaker(stack: ExitStack, feats: str, spk2utt: str, sums: "_Sums", writer: TableWriter) -> None:
    table = stack.enter_context(RandomAccess(feats, "matrix"))
    for speaker, utterances in tokens(spk2utt):
        stats = None
        for utterance in utterances:
            if utterance not in table:
                warn(f"Did not find features for utterance {utterance}")
                sums.num_errors += 1
                continue
            stats = sums.add(stats, utterance, table[utterance])
        if stats is None:
            warn(f"No stats accumulated for speaker {speaker}")
        else:
            writer.write(speaker, stats)


class _Sums:
    """Adds utterances to statistics, by their weights where there are any, and counts."""

    def __init__(self, weights: RandomAccess | None):
        self._weights = weights
        self.num_done = self.num_errors = 0

    def add(self, stats: np.ndarray | None, utterance: str, features: np.ndarray) -> np.ndarray | None:
        """``stats`` with the utterance's; as they are where its weights do not fit."""
        weights = None
        if self._weights is not None:
            weights = self._weights[utterance] if utterance in self._weights else None  # noqa: SIM401
            if weights is None or len(weights) != len(features):
                found = "no weights" if weights is None else f"{len(weights)} weights"
                warn(f"{utterance}: {found} for {len(features)} frames")
                self.num_errors += 1
                return stats
        if stats is not None and stats.shape[1] != features.shape[1] + 1:
            raise DataError(f"{utterance}: {features.shape[1]} dimensions; those before it have {stats.shape[1] - 1}")
        self.num_done += 1
        return add_stats(stats, features, weights)
