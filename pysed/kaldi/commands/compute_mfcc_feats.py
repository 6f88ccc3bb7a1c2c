"""compute-mfcc-feats: wave files to MFCC features."""

from pysed.kaldi.feature_command import run
from pysed.kaldi.features import MfccOptions, compute_mfcc


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    return run("compute-mfcc-feats", argv, MfccOptions, compute_mfcc, htk_base=0o6)
