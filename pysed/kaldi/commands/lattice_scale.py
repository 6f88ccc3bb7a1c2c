"""lattice-scale: multiply a lattice's costs."""

from pysed.errors import DataError
from pysed.kaldi.lattice import scale_lattice
from pysed.kaldi.lattice_tables import COMPACT, PLAIN, lattices
from pysed.kaldi.messages import log
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import TableWriter

_USAGE = """Apply scaling to lattice weights
Usage: lattice-scale [options] lattice-rspecifier lattice-wspecifier
 e.g.: lattice-scale --lm-scale=0.0 ark:1.lats ark:scaled.lats"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code, 1 where there was nothing to scale."""
    parser = OptionParser("lattice-scale", _USAGE)
    parser.register("write-compact", True, "If true, write in normal (compact) form.")
    parser.register("acoustic-scale", 1.0, "Scaling factor for acoustic likelihoods")
    parser.register("inv-acoustic-scale", 1.0, "Another way of setting the acoustic scale: its inverse.")
    parser.register("lm-scale", 1.0, "Scaling factor for graph/lm costs")
    parser.register("acoustic2lm-scale", 0.0, "Add this times original acoustic costs to LM costs")
    parser.register("lm2acoustic-scale", 0.0, "Add this times original LM costs to acoustic costs")
    options, (source, target) = parser.parse(argv, 2)
    acoustic = options.acoustic_scale
    if options.inv_acoustic_scale != 1:
        if acoustic != 1:
            raise DataError("command line: --acoustic-scale and --inv-acoustic-scale exclude each other")
        if options.inv_acoustic_scale == 0:
            raise DataError("--inv-acoustic-scale=0: expected another number than 0")
        acoustic = 1 / options.inv_acoustic_scale
    scale = [[options.lm_scale, options.acoustic2lm_scale], [options.lm2acoustic_scale, acoustic]]
    with TableWriter(target, COMPACT if options.write_compact else PLAIN) as table:
        for key, lattice in lattices(source):
            try:
                scaled = scale_lattice(lattice, scale)
            except DataError as error:
                raise DataError(f"{key}: {error}") from None
            table.write(key, scaled)
    log(f"Done {table.count} lattices.")
    return 0 if table.count else 1
