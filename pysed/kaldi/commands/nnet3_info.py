"""nnet3-info: a network's nodes, components and statistics in text."""

import sys

from pysed.kaldi.nnet3.info import nnet_info
from pysed.kaldi.nnet3.reader import read_nnet
from pysed.kaldi.options import OptionParser
from pysed.kaldi.tables import read_object

USAGE = """Print some text information about 'raw' nnet3 neural network, to
standard output

Usage:  nnet3-info [options] <raw-nnet>
e.g.:
 nnet3-info 0.raw
"""


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    _, (source,) = OptionParser("nnet3-info", USAGE).parse(argv, 1)
    sys.stdout.write(nnet_info(read_nnet(read_object(source))))
    return 0
