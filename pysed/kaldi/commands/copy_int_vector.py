"""copy-int-vector: copy vectors of integers (alignments) between tables, or files."""

from pysed.errors import DataError
from pysed.kaldi.messages import log
from pysed.kaldi.options import OptionParser
from pysed.kaldi.stream import KaldiWriter
from pysed.kaldi.tables import TableWriter, int_vectors, is_table, is_wspecifier, read_object, write_object

_USAGE = """Copy vectors of integers, or archives of vectors of integers (e.g. alignments)

Usage: copy-int-vector [options] (vector-in-rspecifier|vector-in-rxfilename) \
(vector-out-wspecifier|vector-out-wxfilename)
 e.g.: copy-int-vector --binary=false foo -
   copy-int-vector ark:1.ali ark,t:-"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code, 1 where there was nothing to copy."""
    parser = OptionParser("copy-int-vector", _USAGE)
    parser.register("binary", True, "Write in binary mode (only relevant if output is a wxfilename)")
    values, (source, target) = parser.parse(argv, 2)
    if is_table(source) != is_wspecifier(target):
        raise DataError(f"{source} {target}: a table and a file; expected two tables or two files")
    if not is_table(source):
        writer = KaldiWriter(values.binary)
        writer.int_vector(read_object(source).int_vector())
        write_object(target, bytes(writer))
        log(f"Copied vector to {target}")
        return 0
    with TableWriter(target, "int_vector") as table:
        for key, vector in int_vectors(source):
            table.write(key, vector)
    log(f"Copied {table.count} vectors of int32.")
    return 0 if table.count else 1
