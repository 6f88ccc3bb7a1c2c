"""apply-cmvn-online: features normalised by a sliding window behind each frame, as online decoding does it.

Source: Kaldi ``src/online2bin/apply-cmvn-online.cc``.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.cmvn import OnlineCmvnOptions, add_stats, check_stats, online_cmvn
from pysed.kaldi.messages import log, warn
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import RandomAccess, TableWriter, matrices, read_object, tokens

_USAGE = """Apply online cepstral mean (and possibly variance) normalization, as online decoding does it.
If the --spk2utt option is used, prior utterances of the same speaker are backed off to at an utterance's beginning.
Usage: apply-cmvn-online [options] <global-cmvn-stats> <feature-rspecifier> <feature-wspecifier>
e.g.: apply-cmvn-online --spk2utt=ark:data/train/spk2utt global_cmvn.stats scp:data/train/feats.scp ark:-"""


def main(argv: list[str]) -> int:
    """Run the command; returns its exit code, 1 where no utterance could be done."""
    parser = OptionParser("apply-cmvn-online", _USAGE)
    parser.register_struct(OnlineCmvnOptions)
    parser.register("spk2utt", "", "Rspecifier for speaker to utterance-list map")
    values, (source, feats, output) = parser.parse(argv, 3)
    options = parser.build(OnlineCmvnOptions, values)
    global_stats = check_stats(read_object(source).matrix(), source)
    frames = 0
    with ExitStack() as stack:
        writer = stack.enter_context(TableWriter(output, "matrix"))
        for utterance, features, speaker in _utterances(stack, feats, values.spk2utt):
            try:
                writer.write(utterance, online_cmvn(features, options, global_stats, speaker))
            except DataError as error:
                raise DataError(f"{utterance}: {error}") from None
            frames += len(features)
        log(f"Applied online CMVN to {writer.count} files, or {frames} frames.")
    return 0 if writer.count else 1


def _utterances(stack: ExitStack, feats: str, spk2utt: str) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Utterances, features and what the speaker's utterances before it leave behind."""
    if not spk2utt:
        yield from ((utterance, features, None) for utterance, features in matrices(feats))
        return
    table = stack.enter_context(RandomAccess(feats, "matrix"))
    for _, utterances in tokens(spk2utt):
        stats = None
        for utterance in utterances:
            if utterance not in table:
                warn(f"No features for utterance {utterance}")
                continue
            features = table[utterance]
            yield utterance, features, stats
            stats = add_stats(stats, features)
