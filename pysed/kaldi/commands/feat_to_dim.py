"""feat-to-dim: the number of columns of the first matrix, or of each."""

from contextlib import closing

from pysed.errors import DataError
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import TableWriter, is_wspecifier, matrices, write_object

_USAGE = """Reads an archive of features.  If second argument is wxfilename, writes
the feature dimension of the first feature file; if second argument is
wspecifier, writes an archive of the feature dimension, indexed by utterance id.
Usage: feat-to-dim [options] <feat-rspecifier> (<dim-wspecifier>|<dim-wxfilename>)
e.g.: feat-to-dim scp:feats.scp -"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    _, (source, target) = OptionParser("feat-to-dim", _USAGE).parse(argv, 2)
    if is_wspecifier(target):
        with TableWriter(target, "int") as table:
            for key, matrix in matrices(source):
                table.write(key, matrix.shape[1])
        return 0
    with closing(matrices(source)) as pairs:
        first = next(pairs, None)
    if first is None:
        raise DataError(f"{source}: no features in it; expected at least one matrix")
    write_object(target, f"{first[1].shape[1]}\n".encode())
    return 0
