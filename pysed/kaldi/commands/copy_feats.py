"""copy-feats: copy matrices between tables, or files, and change their format."""

from contextlib import ExitStack

from pysed.errors import DataError
from pysed.kaldi.compress import compressed_kind
from pysed.kaldi.messages import log
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import TableWriter, is_table, is_wspecifier, matrices, read_kind, write_kind

_USAGE = """Copy features [and possibly change format]
Usage: copy-feats [options] <feature-rspecifier> <feature-wspecifier>
or:   copy-feats [options] <feats-rxfilename> <feats-wxfilename>
e.g.: copy-feats ark:- ark,scp:foo.ark,foo.scp
 or: copy-feats ark:foo.ark ark,t:txt.ark"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code, 1 where there was nothing to copy."""
    parser = OptionParser("copy-feats", _USAGE)
    parser.register("htk-in", False, "Read input as HTK features (not supported)")
    parser.register("sphinx-in", False, "Read input as Sphinx features (not supported)")
    parser.register("binary", True, "Binary-mode output (not relevant if writing to archive)")
    parser.register("compress", False, "If true, write output in compressed form (tables only)")
    parser.register("compression-method", 1, "The method (1 through 7) to compress the matrix, with --compress=true")
    parser.register("write-num-frames", "", "Wspecifier to write lengths in frames, e.g. 'ark,t:utt2num_frames'")
    values, (source, target) = parser.parse(argv, 2)
    for name in ("htk_in", "sphinx_in"):
        if getattr(values, name):
            raise DataError(f"--{name.replace('_', '-')}=true: not supported; convert the features to Kaldi's format")
    if not is_table(source):
        return _copy_file(source, target, values)
    kind = compressed_kind(values.compression_method) if values.compress else "matrix"
    with ExitStack() as stack:
        table = stack.enter_context(TableWriter(target, kind))
        lengths = None
        if values.write_num_frames:
            lengths = stack.enter_context(TableWriter(values.write_num_frames, "int"))
        for key, matrix in matrices(source):
            table.write(key, matrix)
            if lengths is not None:
                lengths.write(key, len(matrix))
    log(f"Copied {table.count} feature matrices.")
    return 0 if table.count else 1


def _copy_file(source: str, target: str, values) -> int:
    if is_wspecifier(target):
        raise DataError(f"{source} {target}: a file and a table; expected two tables or two files")
    if values.compress or values.write_num_frames:
        option = "compress" if values.compress else "write-num-frames"
        raise DataError(f"--{option}: only for tables; {source} is a file")
    write_kind(target, "matrix", read_kind(source, "matrix"), values.binary)
    log(f"Copied features from {source} to {target}")
    return 0
