"""compute-fbank-feats: wave files to log-mel filterbank features."""

from pysed.kaldi.feature_command import run
from pysed.kaldi.features import FbankOptions, compute_fbank


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    return run("compute-fbank-feats", argv, FbankOptions, compute_fbank, htk_base=0o7)
