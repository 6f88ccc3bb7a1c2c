"""feat-to-len: the number of rows of each matrix, or of all together."""

from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import TableWriter, matrices

_USAGE = """Reads an archive of features and writes a corresponding archive
that maps utterance-id to utterance length in frames, or (with
one argument) print to stdout the total number of frames in the input archive.
Usage: feat-to-len [options] <in-rspecifier> [<out-wspecifier>]
e.g.: feat-to-len scp:feats.scp ark,t:feats.lengths
or: feat-to-len scp:feats.scp"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    _, positionals = OptionParser("feat-to-len", _USAGE).parse(argv, range(1, 3))
    if len(positionals) == 1:
        print(sum(len(matrix) for _, matrix in matrices(positionals[0])))
        return 0
    with TableWriter(positionals[1], "int") as table:
        for key, matrix in matrices(positionals[0]):
            table.write(key, len(matrix))
    return 0
